/* What has changed since the last commit was taken: enough to write it, and enough to take it back. */

import type { WatchEvent } from './watch.ts';
import type { UpperRecord } from '../layer/upper.ts';
import type { Directory } from './tree.ts';

export class Changes {
  /** Changed records with what they were before the first change; `undefined`: they did not exist. */
  readonly before = new Map<number, UpperRecord | undefined>();
  /** New chunks, and `undefined` for chunks that go. */
  readonly chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  /** Directories that moved, with where they were, oldest first. */
  readonly moves: { readonly directory: Directory; readonly parent: Directory; readonly name: string }[] = [];
  /** Open files that wrote, with where they stood before. */
  readonly positions = new Map<{ position: number }, number>();
  /** What watchers hear when this is committed. */
  readonly events: WatchEvent[] = [];

  note(id: number, before: UpperRecord | undefined): void {
    if (!this.before.has(id)) this.before.set(id, before);
  }

  /** Moves an open file on, in a way that can be taken back. */
  moveOn(file: { position: number }, position: number): void {
    if (!this.positions.has(file)) this.positions.set(file, file.position);
    file.position = position;
  }

  get isEmpty(): boolean {
    return this.before.size === 0 && this.chunks.size === 0;
  }
}
