/* `Overlay`: a mounted union with its surface. What `stratafs/engine` exports. */

import type { Change, Damage, Entry, LayerSummary, Violation } from '../base/diff.ts';
import type { ExportOptions } from '../base/export.ts';
import type { WorkOptions } from '../base/progress.ts';
import type { SearchOptions, SearchedFile } from '../base/search.ts';
import type { Usage } from '../base/usage.ts';
import type { Durability, Snapshot } from '../layer/upper.ts';
import { type Call, type Credentials, ROOT } from '../overlay/call.ts';
import { type BranchOrigin, forgetBranch, rememberBranch } from '../overlay/branch.ts';
import { diffSince } from '../overlay/changed-since.ts';
import { diff } from '../overlay/diff.ts';
import { Engine, type MountOptions } from '../overlay/engine.ts';
import { entries } from '../overlay/readdir.ts';
import { repair } from '../overlay/repair.ts';
import { reset } from '../overlay/reset.ts';
import { rollback } from '../overlay/rollback.ts';
import { removeSnapshot, takeSnapshot } from '../overlay/snapshots.ts';
import type { BatchFs, Fs, PathLike } from './api.ts';
import { type Batch, beginBatch } from './batch.ts';
import { detach } from './detach.ts';
import { loadWriters } from './load-writers.ts';
import { perform } from './perform.ts';
import { prefetch } from './prefetch.ts';
import { search } from './search.ts';
import { createFs } from './surface.ts';
import { verify } from './verify.ts';

export type { Batch } from './batch.ts';

export interface OverlayOptions extends MountOptions {
  /** Owner of what is made through `fs`. Default: 0, who may do everything. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly umask?: number | undefined;
}

/**
 * A mounted union: an upper over any number of lowers.
 *
 * @example
 * const overlay = await Overlay.mount({ lower: [await openLayer(zipBytes)], upper: memoryUpper() });
 * await overlay.fs.promises.writeFile('/hello.txt', 'hello');
 * overlay.fs.readFileSync('/hello.txt', 'utf8'); // 'hello'
 */
export class Overlay implements AsyncDisposable {
  /** The surface of `node:fs`: `promises`, `*Sync`, `watch`, `constants`. */
  readonly fs: Fs;

  private constructor(
    /** What the surface stands on, for other faces of the same union. */
    readonly engine: Engine,
    /** Who acts through `fs`. */
    readonly owner: Credentials,
  ) {
    this.fs = this.as(owner);
  }

  /**
   * Mounts. The upper is closed by `close()`; the lowers stay the caller's.
   * @throws {FsError} ESTALE when the upper was made over other lowers, ENOTSUP when a newer version wrote it, EIO when it cannot be read.
   */
  static async mount({ uid = 0, gid = 0, umask, ...options }: OverlayOptions = {}): Promise<Overlay> {
    return new Overlay(await Engine.mount(options), { uid, gid, umask });
  }

  /** The same tree for another user: permission checks, owner of new files, umask. */
  as(credentials: Credentials): Fs {
    return createFs({ engine: this.engine, user: credentials });
  }

  /**
   * Runs `work` as a batch: everything that it does through its `fs` becomes one commit, all of it or none. Nobody else sees its
   * middle, and it holds nobody up. Where `work` throws, nothing of it happened. A batch inside a batch is one of its own.
   *
   * @throws {FsError} EAGAIN when others changed meanwhile what it had seen (run it again), ENOMEM when it writes more than 256 MiB,
   * EDQUOT, ENOSPC and EIO as any call; then nothing of it happened.
   * @example
   * await overlay.batch(async (fs) => {
   *   await fs.rm('/dist', { recursive: true });
   *   await fs.rename('/dist.new', '/dist');
   * });
   */
  async batch<T>(work: (fs: BatchFs) => T | Promise<T>): Promise<T> {
    const batch = this.beginBatch();
    try {
      const result = await work(batch.fs);
      await batch.commit();
      return result;
    } catch (e) {
      batch.abort();
      throw e;
    }
  }

  /** Begins a batch whose end the caller decides. `user` acts in it; default: the owner of `fs`. */
  beginBatch(user: Credentials = this.owner): Batch {
    return beginBatch(this.engine, user);
  }

  /** What the upper takes, and what it may take. */
  usage(): Usage {
    return { used: this.engine.tree.space.used, quota: this.engine.quota };
  }

  /** The lowers, topmost first. */
  get layers(): readonly LayerSummary[] {
    return this.engine.tree.layers.map(({ layer, table }) => ({
      name: layer.name,
      digest: layer.digest,
      entries: table.length,
      at: layer.at,
      warnings: layer.warnings,
    }));
  }

  /**
   * The names of a directory with where each comes from, deleted ones included. `user` looks; default: the owner of `fs`.
   * @throws {FsError} ENOENT, ENOTDIR, EACCES
   */
  entries(path: string, user: Credentials = this.owner): Promise<Entry[]> {
    return perform({ engine: this.engine, user }, { syscall: 'scandir', paths: 1, run: entries, reads: true }, [path]);
  }

  /**
   * Every change of the upper against the lowers, or since a snapshot, sorted by path. What is below a directory that was renamed is not
   * told; of what was deleted with its directory, since a snapshot, only what the upper had.
   * @throws {FsError} ENOENT where there is no such snapshot
   */
  async diff({ since }: { readonly since?: number | undefined } = {}): Promise<Change[]> {
    return since === undefined ? diff(this.engine.tree) : diffSince(this.engine.tree, since);
  }

  /**
   * Drops what the upper has at `path` and below, so that the lowers show again. `'/'` drops everything. `user` must be allowed to
   * remove it; default: the owner of `fs`.
   * @throws {FsError} ENOENT where there is nothing to reset, EBUSY where what would show again lives on under another name or is open,
   * EACCES, EPERM.
   */
  reset(path: string, user: Credentials = this.owner): Promise<void> {
    return perform({ engine: this.engine, user }, { syscall: 'reset', paths: 1, run: reset }, [path]);
  }

  /**
   * Takes a snapshot: a state of the whole tree that can be looked at and come back to. It costs one small commit, whatever the size of
   * the workspace; only what changes afterwards is kept as it was. Resolves when it is committed. `label`: up to 1,024 characters.
   * @throws {FsError} EROFS without an upper, EINVAL for a label that is none, ENOSPC and EIO when the commit failed.
   * @example
   * const { id } = await overlay.snapshot('before the upgrade');
   * await overlay.fs.promises.rm('/src', { recursive: true });
   * await overlay.rollback(id); // /src is back
   */
  snapshot(label?: string): Promise<Snapshot> {
    return this.#change('snapshot', takeSnapshot, label);
  }

  /** The snapshots that there are, oldest first. */
  snapshots(): readonly Snapshot[] {
    return this.engine.tree.history.snapshots.list.filter(({ temporary }) => temporary !== true);
  }

  /**
   * Removes a snapshot, and what it alone has kept.
   * @throws {FsError} ENOENT where there is no such snapshot, EBUSY while `openSnapshot` has it open, or where it remembers a branch, EROFS, ENOSPC and EIO as any call.
   */
  removeSnapshot(id: number): Promise<void> {
    return this.#change(
      'removeSnapshot',
      (call, snapshot: number) => {
        this.engine.assertNoView(snapshot);
        removeSnapshot(call, snapshot);
      },
      id,
    );
  }

  /**
   * Makes the tree what it was when a snapshot was taken, in one commit. What was done since is lost, unless a later snapshot has it:
   * snapshots stay, also later ones. Open files go on with what the snapshot has of them; those that it does not have are like unlinked ones.
   * @throws {FsError} ENOENT where there is no such snapshot, EROFS, EDQUOT, ENOSPC and EIO as any call: then nothing of it happened.
   */
  rollback(id: number): Promise<void> {
    return this.#change('rollback', rollback, id);
  }

  /**
   * The tree as it was when a snapshot was taken, read-only (EROFS), with everything that looks: `fs`, `diff()`, `search()`. It costs the
   * upper's records and no content. It has to be closed; when this workspace is closed it is EIO.
   * @throws {FsError} ENOENT where there is no such snapshot, EIO when the workspace is closed.
   * @example
   * await using before = await overlay.openSnapshot(id);
   * await before.fs.promises.readFile('/src/main.ts', 'utf8');
   */
  async openSnapshot(id: number): Promise<Overlay> {
    return new Overlay(await this.engine.openSnapshot(id), this.owner);
  }

  /**
   * Lets a snapshot, or one that is taken for it, remember a workspace that is about to be made as its branch: the snapshot cannot be
   * removed then. Gives what the branch begins with.
   * @throws {FsError} ENOENT where there is no such snapshot, EROFS, ENOSPC and EIO as any call.
   */
  rememberBranch(branch: string, snapshot?: number): Promise<BranchOrigin> {
    return this.#change('branch', rememberBranch, branch, snapshot);
  }

  /** Lets a snapshot forget a branch that is not there. @throws {FsError} as `rememberBranch` */
  forgetBranch(branch: string, snapshot: number): Promise<void> {
    return this.#change('branch', forgetBranch, branch, snapshot);
  }

  /**
   * Makes a branch a workspace of its own: copies what it still has of its parent, and leaves it, so that the parent can be removed. It
   * shows what it showed; others are served meanwhile. Where it is cut short it is a branch still, and goes on with what is left when it is
   * called again. Does nothing to what is no branch.
   * @throws {FsError} EBUSY where it has snapshots or is being exported, EROFS, ENOSPC and EIO as any call. An `AbortError` when the
   * signal fires.
   */
  detach(options: WorkOptions = {}): Promise<void> {
    return detach(this.engine, options);
  }

  /** A change of the workspace as a whole. */
  #change<A extends unknown[], R>(syscall: string, run: (call: Call, ...args: A) => R, ...args: A): Promise<R> {
    return perform({ engine: this.engine, user: ROOT }, { syscall, paths: 0, run }, args);
  }

  /**
   * Checks the union rules over the tree and the committed records. No violation: all is well. With `repair`, mends what can be
   * mended without losing anything, and says of each violation what was done; inodes that no name leads to get one in /lost+found.
   * @throws {FsError} EIO when the upper cannot be read.
   */
  async check({ repair: mend = false }: { readonly repair?: boolean } = {}): Promise<Violation[]> {
    const violations = await this.engine.check();
    if (!mend || violations.length === 0) return violations;
    const done = await this.engine.run(ROOT, repair);
    return violations.map((violation) => {
      const repaired = done.get(violation.id);
      return repaired === undefined ? violation : { ...violation, repair: repaired };
    });
  }

  /** Resolves when everything done so far is committed; tells the failure of a commit of synchronous calls. */
  flush({ durability }: { readonly durability?: Durability } = {}): Promise<void> {
    return this.engine.flush(durability);
  }

  /**
   * Fetches what files at and below some paths of the merged tree need of the lowers, so that it is at hand, or kept where there is a
   * cache; with *all*, everything that the lowers have, whether it shows or not. What cannot be fetched does not keep the rest from it.
   * `user` must be allowed to list the paths; default: the owner of `fs`.
   * @throws {FsError} ENOENT and others for a path, EIO where something could not be fetched, ESTALE where an archive has changed.
   * @example
   * await overlay.prefetch(['/node_modules/typescript'], { onProgress: ({ loaded, total }) => show(loaded / total) });
   */
  prefetch(paths: readonly PathLike[] | 'all', options: WorkOptions = {}, user: Credentials = this.owner): Promise<void> {
    return prefetch({ engine: this.engine, user }, paths, options);
  }

  /**
   * Of each lower, topmost first, the files whose content was read since the mount: what its `prefetch` may be the next time. Searches
   * do not count.
   */
  recordAccess(): string[][] {
    return this.engine.tree.layers.map(({ table, accessed }) => Array.from(accessed, (entry) => table.path(entry)));
  }

  /**
   * Reads everything again, the lowers' content and the upper's, and verifies it. Gives what is damaged; empty: all is well. What was
   * not fetched yet is fetched for it. Others are served meanwhile.
   * @throws {FsError} EIO when the workspace is closed meanwhile.
   */
  verify(options: WorkOptions = {}): Promise<Damage[]> {
    return verify(this.engine, options);
  }

  /**
   * Looks for a text in the files of the merged tree: tells of each in which it stands, as they are found, and of what cannot be read.
   * Files are searched as bytes, in the order of the archives; binary ones are passed over, symbolic links not followed. `user` must be
   * allowed to read what is searched; default: the owner of `fs`. Leaving the loop ends it.
   * @throws {FsError} EINVAL for no text or one of more than 1 KiB, EIO when the workspace is closed meanwhile. An `AbortError` when
   * the signal fires.
   * @example
   * for await (const { path, matches } of overlay.search('TODO', { exclude: ['node_modules'] }))
   *   for (const { line, text } of matches) console.log(`${path}:${line}: ${text}`);
   */
  search(text: string, options: SearchOptions = {}, user: Credentials = this.owner): AsyncGenerator<SearchedFile, void, void> {
    return search({ engine: this.engine, user }, text, options);
  }

  /**
   * Makes an archive, piece by piece: of everything that is shown, or, as an OCI layer, of what the upper changes. It is of the moment
   * in which its first piece is made, whatever is changed later. Whoever does not want the rest leaves the loop. Times are whole seconds;
   * everything is read, whomever it belongs to.
   * @throws {FsError} ENOENT where there is no such snapshot, EINVAL for a name that an OCI layer cannot have (`.wh.`), EFBIG for a zip of
   * 4 GiB, EIO where content cannot be fetched or the writer of archives cannot be loaded. An `AbortError` when the signal fires.
   * @example
   * await pipeline(overlay.export({ format: 'zip' }), createWriteStream('workspace.zip'));
   */
  async *export(options: ExportOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    const { exportArchive } = await loadWriters();
    yield* exportArchive(this.engine, options);
  }

  /** Brings the upper's content into memory, up to 32 MiB, so that synchronous calls can read what an earlier session wrote. */
  preload(): Promise<void> {
    return this.engine.commits.preload();
  }

  /** Commits and closes the upper. Later calls are EIO. */
  close(): Promise<void> {
    return this.engine.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
