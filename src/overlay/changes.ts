/* What an operation, or all of them since the last commit was taken, have changed: enough to write it, and enough to take it back. */

import type { WatchEvent } from './watch.ts';
import type { LiveRecord } from '../layer/upper.ts';
import type { Directory } from './tree.ts';

export class Changes {
  constructor(
    /** What these changes are built upon and will join: those of the operations before, which no commit has taken yet. */
    private readonly earlier?: Changes,
  ) {}

  /** Changed records with what they were before the first change; `undefined`: they did not exist. */
  readonly before = new Map<number, LiveRecord | undefined>();
  /** New chunks, and `undefined` for chunks that go. */
  readonly chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  /** Directories that moved, with where they were, oldest first. */
  readonly moves: { readonly directory: Directory; readonly parent: Directory; readonly name: string }[] = [];
  /** Open files that wrote, with where they stood before. */
  readonly positions = new Map<{ position: number }, number>();
  /** Synchronous calls are among them. Therefore somebody has to be told by `flush()` where they cannot be committed. */
  isUntold = false;
  /** What watchers hear when this is committed. */
  readonly events: WatchEvent[] = [];

  note(id: number, before: LiveRecord | undefined): void {
    if (!this.before.has(id)) this.before.set(id, before);
  }

  /** Moves an open file on, in a way that can be taken back. */
  moveOn(file: { position: number }, position: number): void {
    if (!this.positions.has(file)) this.positions.set(file, file.position);
    file.position = position;
  }

  /** A chunk that waits for its commit. */
  newChunk(id: number): Uint8Array<ArrayBuffer> | undefined {
    return this.chunks.get(id) ?? this.earlier?.newChunk(id);
  }

  /** Takes over what was changed after these. */
  join(later: Changes): void {
    for (const [id, record] of later.before) this.note(id, record);
    for (const [id, bytes] of later.chunks) {
      // Never committed and never will be: the store need not hear of it.
      if (bytes === undefined && this.chunks.get(id) !== undefined) this.chunks.delete(id);
      else this.chunks.set(id, bytes);
    }
    // Not spread: a call takes some 100,000 arguments, and a large batch has more.
    for (const move of later.moves) this.moves.push(move);
    for (const [file, position] of later.positions) if (!this.positions.has(file)) this.positions.set(file, position);
    for (const event of later.events) this.events.push(event);
  }

  get isEmpty(): boolean {
    return this.before.size === 0 && this.chunks.size === 0;
  }
}
