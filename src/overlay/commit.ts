/*
 * Commits: one transaction of the upper's store each. A commit starts as soon as none is running and takes everything that has
 * changed by then; what changes while it runs waits for the next (group commit). So no commit holds a later operation
 * without the earlier ones. When one fails, it and everything after it is taken back: the tree is as last committed, and
 * every operation that waited rejects.
 *
 * Who waits for whom: an operation waits for the commit that holds it; commits wait for each other; nothing else waits.
 */

import { FsError, isFsError } from '../base/errors.ts';
import { Lru } from '../base/lru.ts';
import { type Durability, type Superblock, type UpperRecord, type UpperStore, isWhiteout } from '../layer/upper.ts';
import { Changes } from './changes.ts';
import { bytesAt } from '../layer/chunk-size.ts';
import type { Tree } from './tree.ts';
import type { Watchers } from './watch.ts';

/** Bytes of committed chunks that stay in memory: enough for the files of a busy editor, little beside the page. */
const CHUNK_CACHE = 32 << 20;

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(reason: unknown): void;
}

function deferred(): Deferred {
  let resolve!: () => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined); // whoever waits hears of it; a synchronous call's failure is told by flush()
  return { promise, resolve, reject };
}

export class CommitQueue {
  readonly #cache = new Lru<number, Uint8Array>(CHUNK_CACHE, (bytes) => bytes.length);
  #next = deferred();
  #running: Changes | undefined;
  #runningDone: Promise<void> = Promise.resolve();
  #scheduled = false;
  /** The failure of changes that synchronous calls have made: `flush()` has yet to tell it. */
  #unreported: unknown;
  #superblockDue = false;
  #strictDue = false;
  /** How many transactions were made. */
  commits = 0;

  constructor(
    private readonly tree: Tree,
    private readonly store: UpperStore | undefined,
    private readonly watchers: Watchers,
    /** The superblock as it is now. */
    private readonly superblock: () => Superblock,
    private readonly durability: Durability,
  ) {}

  /** Lets the next commit write the superblock: of a new upper, or to have something to write. */
  writeSuperblock(): void {
    this.#superblockDue = true;
    this.schedule();
  }

  get #isIdle(): boolean {
    return this.tree.changes.isEmpty && !this.#superblockDue;
  }

  /** Sees to it that what has changed is committed soon. Called after every change. */
  schedule(): void {
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#running === undefined) void this.#run();
    });
  }

  /** Resolves when everything changed so far is committed, rejects when it was taken back. */
  settled(): Promise<void> {
    return this.#isIdle ? this.#runningDone : this.#next.promise;
  }

  /** The same for synchronous calls too: their failure is thrown here, once. */
  async flush(durability: Durability = this.durability): Promise<void> {
    if (durability === 'strict' && this.durability === 'relaxed' && this.store !== undefined) {
      // A strict commit, even of nothing new: the earlier relaxed ones reach the disk with it.
      this.#strictDue = true;
      this.writeSuperblock();
    }
    const reason = await this.settled().then(
      () => undefined,
      (e: unknown) => e,
    );
    const unreported = this.#unreported;
    this.#unreported = undefined;
    if (unreported !== undefined || reason !== undefined) throw unreported ?? reason;
  }

  async #run(): Promise<void> {
    while (!this.#isIdle) {
      const changes = this.tree.changes;
      const waiting = this.#next;
      this.#running = changes;
      this.#runningDone = waiting.promise;
      this.tree.changes = new Changes();
      this.#next = deferred();
      try {
        await this.#write(changes);
      } catch (e) {
        this.#fail(changes, waiting, e);
        continue;
      }
      this.#running = undefined;
      for (const [id, bytes] of changes.chunks) {
        if (bytes === undefined) this.#cache.delete(id);
        else this.#cache.set(id, bytes);
      }
      waiting.resolve();
      this.watchers.deliver(changes.events);
    }
  }

  async #write(changes: Changes): Promise<void> {
    const records = new Map<number, UpperRecord | undefined>();
    for (const id of changes.before.keys()) records.set(id, this.tree.storedAs(id));
    const { chunks, snapshots, isDetaching } = changes;
    const superblock = this.#superblockDue || snapshots !== undefined || isDetaching ? this.superblock() : undefined;
    // What a branch has left may be removed as soon as that is known.
    const durability = this.#strictDue || isDetaching ? 'strict' : this.durability;
    this.#superblockDue = false;
    this.#strictDue = false;
    this.commits++;
    // Commit point: the store's transaction completes.
    await this.store?.commit({ superblock, records, chunks, durability, ...(isDetaching && { detaches: true }) });
  }

  /** Takes back the failed commit and what was built upon it, and tells everybody who waits. */
  #fail(failed: Changes, waiting: Deferred, reason: unknown): void {
    const later = this.tree.changes;
    const laterWaiting = this.#next;
    this.tree.changes = new Changes();
    this.#next = deferred();
    this.#running = undefined;
    this.tree.undo(later);
    this.tree.undo(failed);
    const error = new FsError(isFsError(reason) ? reason.code : 'EIO', { cause: reason, detail: 'the commit failed' });
    if (failed.isUntold || later.isUntold) this.#unreported = error;
    this.#runningDone = Promise.resolve(); // the failure is told to those who wait now, and to nobody later
    waiting.reject(error);
    laterWaiting.reject(error);
  }

  /** A chunk's bytes when they are in memory. */
  peekChunk(id: number): Uint8Array | undefined {
    return this.tree.changes.newChunk(id) ?? this.#running?.chunks.get(id) ?? this.#cache.get(id) ?? this.store?.peekChunk?.(id);
  }

  /**
   * Brings the upper's content into memory, as far as the cache reaches, so that synchronous calls can read it.
   * @throws {FsError} EIO
   */
  async preload(): Promise<void> {
    let room = CHUNK_CACHE - this.#cache.bytes;
    const ids: number[] = [];
    for (const record of this.tree.records.values()) {
      if (isWhiteout(record)) continue;
      for (const [i, id] of record.chunks.entries()) {
        if (id === 0 || this.peekChunk(id) !== undefined) continue;
        room -= bytesAt(record, i);
        if (room < 0) break;
        ids.push(id);
      }
    }
    if (ids.length > 0) await this.readChunks(ids);
  }

  /** Reads chunks that are not in memory; `undefined` for those that the store does not have. */
  async readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const found = this.store === undefined ? ids.map(() => undefined) : await this.store.readChunks(ids);
    for (const [i, bytes] of found.entries()) if (bytes !== undefined) this.#cache.set(ids[i]!, bytes);
    return found;
  }

  /** Reads chunks as the store has them, past what memory keeps of them, and keeps nothing. */
  async readStored(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.store === undefined ? ids.map(() => undefined) : this.store.readChunks(ids);
  }

  /** Tells whether a chunk waits for its commit, so that the store need not have it yet. */
  isPending(id: number): boolean {
    return this.tree.changes.newChunk(id) !== undefined || this.#running?.chunks.get(id) !== undefined;
  }

  /** Keeps a new chunk until it is committed, for a record that is made in the same operation. Takes over the bytes. */
  putChunk(bytes: Uint8Array<ArrayBuffer>): number {
    const id = this.tree.space.newChunk();
    this.tree.changes.chunks.set(id, bytes);
    return id;
  }
}
