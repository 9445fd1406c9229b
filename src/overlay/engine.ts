/*
 * The engine: one mounted union.
 *
 *          merged tree (memory)                       walk, lookup, readdir, create, remove, rename, attr, data, handle
 *        ┌──────────┴──────────┐
 *     upper records         lower tables              tree, copy-up, ino
 *        │                     │
 *     UpperStore            Layer content             commit, gather
 *
 * An operation runs synchronously against the tree: it *gathers* (may throw NotResident, and is run again when the bytes are there),
 * then *applies*. The *commit* follows: one transaction of the store holds one or more whole operations. An asynchronous call
 * resolves when its commit is complete.
 */

import { FsError, assertNotAborted, isFsError } from '../base/errors.ts';
import { NO_SNAPSHOTS, isOrphan, recordsAt } from '../layer/snapshots.ts';
import { type Durability, type Superblock, type UpperImage, type UpperRecord, type UpperStore } from '../layer/upper.ts';
import type { Violation } from '../base/diff.ts';
import type { Layer } from '../layer/layer.ts';
import { type Call, type Credentials, ROOT } from './call.ts';
import { checkCommitted } from './check-committed.ts';
import { CommitQueue } from './commit.ts';
import { Gathered, NotResident } from './gather.ts';
import { OpenFiles } from './handle.ts';
import { mountLayers, pinLayers } from './ino.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { dropTemporary, getSnapshot } from './snapshots.ts';
import { Tree } from './tree.ts';
import { Watchers } from './watch.ts';

/** Version of the upper's records that this engine knows. docs/FORMAT.md has the history. */
const FORMAT = 3;
/** The version that an upper has which no snapshot was taken of: others may open it. */
const FORMAT_WITHOUT_SNAPSHOTS = 2;

export interface MountOptions {
  /** Topmost first: layers, or what opens them: the upper is read meanwhile. They stay the caller's, also where the mount fails. */
  readonly lower?: readonly (Layer | Promise<Layer>)[] | undefined;
  /** Without an upper the union is read-only: every change is EROFS. */
  readonly upper?: UpperStore | undefined;
  /** Default: strict. */
  readonly durability?: Durability | undefined;
  /** Bytes that the upper may take, as `Tree.used` counts them: what would make it larger is EDQUOT. Default: no limit of ours. */
  readonly quota?: number | undefined;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly clock?: (() => number) | undefined;
}

export interface RunOptions {
  /** The operation only looks: it waits for a commit only when it has changed something all the same. */
  readonly reads?: boolean | undefined;
  /** What it reads does not count as accessed: it is not what a program needs. */
  readonly isUnrecorded?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An operation: gathers, then applies, without waiting. */
export type Operation<T> = (call: Call) => T;

/** Uppers in use: each has one owner at a time. */
const mounted = new WeakSet<UpperStore>();

export class Engine {
  readonly openFiles = new OpenFiles();
  readonly watchers = new Watchers();
  readonly commits: CommitQueue;
  readonly quota: number | undefined;
  readonly #store: UpperStore | undefined;
  /** Of a view of a snapshot: the workspace. */
  readonly #parent: Engine | undefined;
  /** Snapshots that views are open of, with how many. */
  readonly #views = new Map<number, number>();
  readonly #clock: () => number;
  /** The call of whoever looked last. */
  #looking: Call | undefined;
  #closed = false;

  private constructor(
    readonly tree: Tree,
    { upper, durability = 'strict', clock = Date.now, quota }: Omit<MountOptions, 'lower'>,
    parent?: Engine,
  ) {
    this.commits = new CommitQueue(tree, upper, this.watchers, () => superblockOf(tree), durability);
    this.quota = quota;
    this.#store = upper;
    this.#parent = parent;
    this.#clock = clock;
  }

  /**
   * Mounts an upper over lowers. An upper is read as soon as it is there, for that is only looking: whoever has it goes on, and until this
   * engine commits, he has lost nothing by a mount that fails.
   * @throws {FsError} EBUSY when the upper is mounted already, ESTALE when it was made over other lowers, ENOTSUP when a newer version
   * wrote it, EIO when it cannot be read; what the opening of a lower throws.
   */
  static async mount(options: MountOptions): Promise<Engine> {
    const { upper, lower = [] } = options;
    const opening = Promise.all(lower.map((layer) => Promise.resolve(layer)));
    opening.catch(() => undefined); // whatever fails first is told
    if (upper === undefined) return Engine.#mountImage(options, await opening, undefined);
    if (mounted.has(upper)) throw new FsError('EBUSY', { path: upper.name, detail: 'the upper is mounted already' });
    mounted.add(upper);
    try {
      const [image, layers] = await Engine.#load(upper, opening);
      return await Engine.#mountImage(options, layers, image);
    } catch (e) {
      mounted.delete(upper);
      await upper.close();
      throw e;
    }
  }

  static async #load(upper: UpperStore, opening: Promise<Layer[]>): Promise<[UpperImage, Layer[]]> {
    const loading = upper.load();
    try {
      return await Promise.all([loading, opening]);
    } catch (e) {
      // It is about to be closed, and must not be while it is read.
      await loading.catch(() => undefined);
      throw e;
    }
  }

  static async #mountImage(options: MountOptions, lower: readonly Layer[], image: UpperImage | undefined): Promise<Engine> {
    const { upper, clock = Date.now } = options;
    const pinned = image?.superblock;
    if (pinned !== undefined && pinned.format > FORMAT) {
      const detail = `it was written in format ${pinned.format}, this version knows ${FORMAT}: use a newer version of stratafs`;
      throw new FsError('ENOTSUP', { path: upper!.name, detail });
    }
    const layers = mountLayers(lower, pinned?.lowers);
    const records = image?.records ?? new Map<number, UpperRecord>();
    const state = { records, snapshots: pinned?.snapshots, firstChunk: image?.firstChunk };
    const tree = new Tree(layers, upper === undefined, state, clock());
    const engine = new Engine(tree, options);
    // Before a record of the new format stands in it, the superblock says so.
    if (upper !== undefined && (pinned?.format ?? 0) < superblockOf(tree).format) engine.commits.writeSuperblock();
    await engine.commits.flush();
    await engine.#dropOrphans();
    return engine;
  }

  /** An engine over the tree as it is now, whose changes nobody else sees; `upper` keeps what they need. */
  fork(upper: UpperStore): Engine {
    const { layers, readOnly, state, mountTimeMs } = this.tree;
    return new Engine(new Tree(layers, readOnly, state, mountTimeMs), { upper, clock: this.#clock, quota: this.quota });
  }

  /**
   * An engine over what a snapshot shows, read-only. It costs the upper's records and no content.
   * @throws {FsError} ENOENT where there is no such snapshot, EIO after `close()`
   */
  async openSnapshot(id: number): Promise<Engine> {
    // A failed commit has been taken back, and whoever made it hears of it: what counts here is that none is under way.
    await this.commits.settled().catch(() => undefined);
    this.assertOpen();
    const { layers, mountTimeMs } = this.tree;
    getSnapshot(this.tree, id);
    const views = (difference: number): void => void this.#views.set(id, (this.#views.get(id) ?? 0) + difference);
    const upper = new SnapshotStore(id, this.#store!, this.commits, () => views(-1));
    const tree = new Tree(layers, true, { records: recordsAt(this.tree.stored(), id) }, mountTimeMs);
    views(1);
    return new Engine(tree, { upper, clock: this.#clock }, this);
  }

  /** @throws {FsError} EBUSY while a view of the snapshot is open */
  assertNoView(id: number): void {
    if ((this.#views.get(id) ?? 0) > 0) throw new FsError('EBUSY', { detail: `snapshot ${id} is open` });
  }

  /**
   * Removes what was under way when the workspace was last left: files that were unlinked and still open, and temporary snapshots. On a
   * full disk they wait for the next mount: whoever cannot open the workspace cannot make room in it.
   */
  async #dropOrphans(): Promise<void> {
    this.tree.records.forEach((record, id) => {
      if (isOrphan(record)) this.tree.remove(id);
    });
    if (!this.tree.readOnly) dropTemporary(this.#call(ROOT));
    this.commits.schedule();
    try {
      await this.commits.flush();
    } catch (e) {
      if (!isFsError(e, 'ENOSPC')) throw e;
    }
  }

  #call(user: Credentials, isUnrecorded = false): Call {
    const { tree, commits, openFiles, watchers } = this;
    return { tree, commits, openFiles, watchers, user, now: this.#clock(), gathered: new Gathered(tree.layers, commits, !isUnrecorded) };
  }

  /** A call that is to change nothing needs no time, and can be used again: a look costs little more than making one. */
  #look(user: Credentials): Call {
    if (this.#looking?.user === user) return this.#looking;
    const clock = this.#clock;
    const { tree, commits, openFiles, watchers } = this;
    const gathered = new Gathered(tree.layers, commits);
    this.#looking = {
      tree,
      commits,
      openFiles,
      watchers,
      user,
      gathered,
      get now() {
        return clock();
      },
    };
    return this.#looking;
  }

  /**
   * Runs an operation, waiting for what it needs. Resolves when what it changed, and what it was built upon, is committed.
   * @throws {FsError} what the operation throws; ENOSPC or EIO when the commit failed, and then nothing of it happened.
   */
  async run<T>(user: Credentials, operation: Operation<T>, { reads = false, isUnrecorded, signal }: RunOptions = {}): Promise<T> {
    let call = this.#call(user, isUnrecorded);
    for (;;) {
      assertNotAborted(signal);
      const version = this.tree.version;
      try {
        const result = this.#apply(operation, call, reads);
        if (!reads || this.tree.version !== version) await this.commits.settled();
        return result;
      } catch (e) {
        if (!(e instanceof NotResident)) throw e;
      }
      await call.gathered.load(signal);
      call = { ...call, now: this.#clock() };
    }
  }

  /**
   * Runs an operation now. Its commit follows; `flush()` tells how it went.
   * @throws {FsError} EAGAIN when bytes have to be fetched first, and cannot be without returning to the event loop
   */
  runSync<T>(user: Credentials, operation: Operation<T>, { reads = false }: Pick<RunOptions, 'reads'> = {}): T {
    let call = reads ? this.#look(user) : this.#call(user);
    const { version } = this.tree;
    for (;;) {
      try {
        const result = this.#apply(operation, call, reads);
        if (this.tree.version !== version) this.tree.changes.isUntold = true;
        return result;
      } catch (e) {
        this.#looking = undefined; // it may have noted what it lacks
        if (!(e instanceof NotResident)) throw e;
      }
      if (!call.gathered.loadSync()) {
        throw new FsError('EAGAIN', { detail: 'its content is not loaded yet: prefetch() it, or read it asynchronously once' });
      }
      call = { ...call, now: this.#clock() };
    }
  }

  /** @throws {FsError} EIO after `close()` */
  assertOpen(): void {
    this.#parent?.assertOpen();
    if (this.#closed) throw new FsError('EIO', { detail: 'the workspace is closed' });
  }

  #apply<T>(operation: Operation<T>, call: Call, reads: boolean): T {
    this.assertOpen();
    const { tree } = this;
    const { version } = tree;
    try {
      return reads ? operation(call) : tree.atomically(() => operation(call), this.quota);
    } finally {
      if (tree.version !== version) this.commits.schedule();
    }
  }

  /** Checks the union rules over the tree and the committed records. @throws {FsError} EIO when the store cannot be read */
  check(): Promise<Violation[]> {
    return checkCommitted(this.tree, this.#store, this.commits);
  }

  /** Resolves when everything changed so far is committed. */
  flush(durability?: Durability): Promise<void> {
    return this.commits.flush(durability);
  }

  /** Commits, and closes the upper. Later calls are EIO. The lowers are the caller's: other unions may be using them. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.commits.flush();
    } finally {
      if (this.#store !== undefined) mounted.delete(this.#store);
      await this.#store?.close();
    }
  }
}

function superblockOf({ layers, history: { snapshots } }: Tree): Superblock {
  const lowers = pinLayers(layers);
  return snapshots === NO_SNAPSHOTS ? { format: FORMAT_WITHOUT_SNAPSHOTS, lowers } : { format: FORMAT, lowers, snapshots };
}
