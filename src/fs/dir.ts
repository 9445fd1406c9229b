/* Node's `Dir`: a listing taken when it was opened. */

import { FsError } from '../base/errors.ts';
import type { Dirent } from '../base/stats.ts';
import type { Dir, DirSync } from './api.ts';

/** An open directory over a listing; serves both forms. */
export class DirListing implements Dir, DirSync {
  #next = 0;
  #closed = false;
  readonly #dirents: readonly Dirent[];

  constructor(
    readonly path: string,
    dirents: readonly Dirent[],
  ) {
    this.#dirents = dirents;
  }

  /** @throws {FsError} EBADF after it was closed */
  readSync(): Dirent | null {
    this.#assertOpen();
    return this.#dirents[this.#next++] ?? null;
  }
  async read(): Promise<Dirent | null> {
    return this.readSync();
  }
  /** @throws {FsError} EBADF when it is closed already */
  closeSync(): void {
    this.#assertOpen();
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new FsError('EBADF', { syscall: 'closedir', path: this.path });
  }
  async close(): Promise<void> {
    this.closeSync();
  }
  *[Symbol.iterator](): Iterator<Dirent> {
    try {
      for (let dirent = this.readSync(); dirent !== null; dirent = this.readSync()) yield dirent;
    } finally {
      this.#closed = true;
    }
  }
  async *[Symbol.asyncIterator](): AsyncIterator<Dirent> {
    yield* this[Symbol.iterator]() as Iterable<Dirent> & Iterator<Dirent>;
  }
  [Symbol.dispose](): void {
    this.#closed = true;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }
}
