/* Node's `Dir`: a listing taken when it was opened. */

import type { Dirent } from '../base/stats.ts';
import type { Dir, DirSync } from './api.ts';

/** An open directory over a listing; serves both forms. */
export class DirListing implements Dir, DirSync {
  #next = 0;
  readonly #dirents: readonly Dirent[];

  constructor(
    readonly path: string,
    dirents: readonly Dirent[],
  ) {
    this.#dirents = dirents;
  }

  readSync(): Dirent | null {
    return this.#dirents[this.#next++] ?? null;
  }
  async read(): Promise<Dirent | null> {
    return this.readSync();
  }
  closeSync(): void {
    this.#next = this.#dirents.length;
  }
  async close(): Promise<void> {
    this.closeSync();
  }
  *[Symbol.iterator](): Iterator<Dirent> {
    for (let dirent = this.readSync(); dirent !== null; dirent = this.readSync()) yield dirent;
  }
  async *[Symbol.asyncIterator](): AsyncIterator<Dirent> {
    yield* this[Symbol.iterator]() as Iterable<Dirent> & Iterator<Dirent>;
  }
  [Symbol.dispose](): void {
    this.closeSync();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.closeSync();
  }
}
