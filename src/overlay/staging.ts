/*
 * Where a batch keeps the content that it has written, until it is committed or given up: an upper in memory that reads through to
 * the chunks of the workspace. Metadata needs no keeping, because the batch's own tree has it.
 */

import { FsError } from '../base/errors.ts';
import type { Commit, UpperImage, UpperStore } from '../layer/upper.ts';
import type { CommitQueue } from './commit.ts';

export class StagingStore implements UpperStore {
  readonly name = 'batch';
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();
  #bytes = 0;

  constructor(
    /** The workspace's own. */
    private readonly committed: CommitQueue,
    /** How many bytes of content may wait here. */
    private readonly limit: number,
  ) {}

  load(): Promise<UpperImage> {
    throw new TypeError('a batch is not mounted');
  }

  /** @throws {FsError} ENOMEM */
  commit({ chunks }: Commit): Promise<void> {
    for (const [id, bytes] of chunks) {
      this.#bytes += (bytes?.length ?? 0) - (this.#chunks.get(id)?.length ?? 0);
      if (bytes === undefined) this.#chunks.delete(id);
      else this.#chunks.set(id, bytes);
    }
    if (this.#bytes <= this.limit) return Promise.resolve();
    return Promise.reject(new FsError('ENOMEM', { detail: `a batch may hold ${this.limit} bytes of content` }));
  }

  peekChunk(id: number): Uint8Array | undefined {
    return this.#chunks.get(id) ?? this.committed.peekChunk(id);
  }

  async readChunks(ids: readonly number[]): Promise<Uint8Array[]> {
    const found = await this.committed.readChunks(ids);
    return found.map((bytes) => {
      // Somebody else replaced or removed the file while the batch was under way.
      if (bytes === undefined) throw overtaken();
      return bytes;
    });
  }

  close(): Promise<void> {
    this.#chunks.clear();
    return Promise.resolve();
  }
}

/** Why a batch cannot be committed. */
export const overtaken = (): FsError =>
  new FsError('EAGAIN', { detail: 'others changed meanwhile what the batch had seen: nothing of it was done, run it again' });
