/*
 * The upper of a workspace that may be a branch: a store that has its own differences, over a snapshot of its parent that has the
 * rest. The engine sees one upper and knows nothing of it; whoever keeps a copy of the store below (the guard) has the branch's own
 * part. What the branch removes of its parent's records becomes a whiteout of an *inherited* record; of the parent's chunks it removes nothing.
 */

import type { Commit, UpperImage, UpperRecord, UpperVersion, WhiteoutRecord } from '../layer/upper.ts';
import type { OpenedUpper } from './open-upper.ts';
import { ReadThrough, type Relatives } from './read-through.ts';
import type { VersionedStore } from './versioned-store.ts';

/** What stands in a branch's store for a record that the parent has and the branch has not. */
const GONE: WhiteoutRecord = { names: [], whiteout: 'inherited' };

/** The version of the records' format that has branches: an older reader would take the branch's own part for the whole. */
const FORMAT = 3;

export class BranchedStore implements OpenedUpper {
  readonly #through: ReadThrough;

  constructor(
    private readonly own: VersionedStore & Partial<OpenedUpper>,
    relatives: Relatives,
  ) {
    this.#through = new ReadThrough(own, relatives);
  }

  get name(): string {
    return this.own.name;
  }
  get version(): UpperVersion | undefined {
    return this.own.version;
  }
  get guard(): OpenedUpper['guard'] {
    return this.own.guard ?? 'off';
  }
  get restored(): OpenedUpper['restored'] {
    return this.own.restored;
  }
  get depth(): number {
    return this.#through.depth;
  }

  /** @throws {FsError} EIO, naming the parent, when that is gone or cannot be read; what the store throws */
  load(): Promise<UpperImage> {
    return this.#through.load();
  }

  async commit(commit: Commit): Promise<void> {
    const { parent } = this.#through;
    if (parent === undefined) return this.own.commit(commit);
    const chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
    for (const [id, bytes] of commit.chunks) if (id >= parent.firstChunk) chunks.set(id, bytes);
    if (commit.detaches === true) return this.#detach({ ...commit, chunks });
    const superblock = commit.superblock && { ...commit.superblock, format: Math.max(commit.superblock.format, FORMAT), parent };
    const records = new Map<number, UpperRecord | undefined>();
    for (const [id, record] of commit.records) records.set(id, record ?? (this.#through.inherits(id) ? GONE : undefined));
    return this.own.commit({ ...commit, superblock, records, chunks });
  }

  /** Makes the commit that has every record: of what the parent has and the branch has not, the mark goes. */
  async #detach(commit: Commit): Promise<void> {
    const records = new Map(commit.records);
    for (const id of this.#through.inherited) if (!records.has(id)) records.set(id, undefined);
    // Commit point: from here on the superblock names no parent.
    await this.own.commit({ ...commit, records });
    this.#through.leave();
  }

  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#through.readChunks(ids);
  }

  /** Replaces the branch's own part. @throws {FsError} what the store throws */
  restore(version: UpperVersion, parts: Iterable<Commit> | AsyncIterable<Commit>): Promise<void> {
    return this.own.restore(version, parts);
  }

  close(): Promise<void> {
    return this.#through.close();
  }
}
