/* What an operation, or all of them since the last commit was taken, have changed: enough to write it, and enough to take it back. */

import type { WatchEvent } from './watch.ts';
import type { Snapshots, UpperRecord } from '../layer/upper.ts';
import type { Directory } from './tree.ts';

/** Where an open file stands. */
export interface OpenPlace {
  /** Where it was opened, or is now, when the tree was exchanged since. The name may mean something else by now. */
  directory: Directory;
  name: string;
  /** Bytes; where the next read or write without a position starts. */
  position: number;
}

export class Changes {
  constructor(
    /** What these changes are built upon and will join: those of the operations before, which no commit has taken yet. */
    private readonly earlier?: Changes,
  ) {}

  /** Changed records with what they were before the first change; `undefined`: they did not exist. */
  readonly before = new Map<number, UpperRecord | undefined>();
  /** New chunks, and `undefined` for chunks that go. */
  readonly chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  /** The snapshots before these changes took or removed one. */
  snapshots: Snapshots | undefined;
  /** Directories that moved, with where they were, oldest first. */
  readonly moves: { readonly directory: Directory; readonly parent: Directory; readonly name: string }[] = [];
  /** The directories before these changes began anew with them. */
  directories: Map<number, Directory> | undefined;
  /** Open files that moved on or whose name moved, with where they stood before. */
  readonly places = new Map<OpenPlace, OpenPlace>();
  /** A branch leaves its parent with them. */
  isDetaching = false;
  /** Synchronous calls are among them. Therefore somebody has to be told by `flush()` where they cannot be committed. */
  isUntold = false;
  /** What watchers hear when this is committed. */
  readonly events: WatchEvent[] = [];

  note(id: number, before: UpperRecord | undefined): void {
    if (!this.before.has(id)) this.before.set(id, before);
  }

  /** Moves an open file, in a way that can be taken back. */
  move(file: OpenPlace, to: Partial<OpenPlace>): void {
    const { directory, name, position } = file;
    if (!this.places.has(file)) this.places.set(file, { directory, name, position });
    Object.assign(file, to);
  }

  /** A chunk that waits for its commit. */
  newChunk(id: number): Uint8Array<ArrayBuffer> | undefined {
    return this.chunks.get(id) ?? this.earlier?.newChunk(id);
  }

  /** A chunk that nobody holds any more. */
  dropChunk(id: number): void {
    // Never committed and never will be: the store need not hear of it.
    if (this.chunks.get(id) !== undefined) this.chunks.delete(id);
    else this.chunks.set(id, undefined);
  }

  /** Takes over what was changed after these. */
  join(later: Changes): void {
    for (const [id, record] of later.before) this.note(id, record);
    for (const [id, bytes] of later.chunks) {
      if (bytes === undefined) this.dropChunk(id);
      else this.chunks.set(id, bytes);
    }
    this.snapshots ??= later.snapshots;
    this.directories ??= later.directories;
    this.isDetaching ||= later.isDetaching;
    // Not spread: a call takes some 100,000 arguments, and a large batch has more.
    for (const move of later.moves) this.moves.push(move);
    for (const [file, place] of later.places) if (!this.places.has(file)) this.places.set(file, place);
    for (const event of later.events) this.events.push(event);
  }

  get isEmpty(): boolean {
    return this.before.size === 0 && this.chunks.size === 0 && this.snapshots === undefined && !this.isDetaching;
  }
}
