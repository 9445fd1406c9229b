/*
 * An upper in memory, for tests, tools and throw-away workspaces. It keeps copies, as a database does: nobody who holds what was
 * committed or read can change what is stored. It outlives `overlay.close()`, so that a test can mount it again.
 */

import { FsError } from '../base/errors.ts';
import type { Commit, Superblock, UpperImage, UpperRecord, UpperStore } from '../layer/upper.ts';
import { withOwnXattrs } from './stored-record.ts';

class MemoryStore implements UpperStore {
  readonly #records = new Map<number, UpperRecord>();
  readonly #chunks = new Map<number, Uint8Array>();
  #superblock: Superblock | undefined;
  #closed = false;

  constructor(readonly name: string) {}

  load(): Promise<UpperImage> {
    this.#closed = false;
    return Promise.resolve({ superblock: structuredClone(this.#superblock), records: structuredClone(this.#records) });
  }

  commit({ superblock, records, chunks }: Commit): Promise<void> {
    return this.#whileOpen(() => {
      // Gather: everything that can fail is a copy.
      const newSuperblock = structuredClone(superblock);
      const newRecords = Array.from(records, ([id, record]) => [id, record && structuredClone(withOwnXattrs(record))] as const);
      const newChunks = Array.from(chunks, ([id, bytes]) => [id, bytes?.slice()] as const);
      // Commit point: nothing below can throw.
      if (newSuperblock !== undefined) this.#superblock = newSuperblock;
      for (const [id, record] of newRecords) putOrDelete(this.#records, id, record);
      for (const [id, bytes] of newChunks) putOrDelete(this.#chunks, id, bytes);
    });
  }

  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#whileOpen(() => ids.map((id) => this.#chunks.get(id)?.slice()));
  }

  peekChunk(id: number): Uint8Array | undefined {
    return this.#chunks.get(id)?.slice();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #whileOpen<T>(work: () => T): Promise<T> {
    if (this.#closed) throw new FsError('EIO', { detail: `the upper of workspace '${this.name}' is closed` });
    return work();
  }
}

function putOrDelete<T>(map: Map<number, T>, key: number, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/**
 * Makes an empty upper in memory. It can be mounted again after `overlay.close()`, and then holds what was committed.
 *
 * @example
 * const upper = memoryUpper();
 * const overlay = await Overlay.mount({ lower: [layer], upper });
 */
export function memoryUpper(name = 'memory'): UpperStore {
  return new MemoryStore(name);
}
