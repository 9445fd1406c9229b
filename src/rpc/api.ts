/* The page's API as types: what `open` takes and gives. */

import type { ArchiveLimits } from '../archive/limits.ts';
import type { Change, Damage, Entry, LayerSummary, Violation } from '../base/diff.ts';
import type { ExportOptions } from '../base/export.ts';
import type { WorkOptions } from '../base/progress.ts';
import type { SearchOptions, SearchedFile } from '../base/search.ts';
import type { Usage } from '../base/usage.ts';
import type { BatchFs, FsPromises, SnapshotFs } from '../fs/api.ts';
import type { Durability, Snapshot } from '../layer/upper.ts';
import type { RegistrySecret } from '../lower/registry-auth.ts';
import type { StorageEstimate } from '../storage/estimate.ts';
import type { Restored } from '../upper/open-upper.ts';

/** One lower: an archive, a directory of files, or an image, which gives as many layers as it has. */
export type LowerOptions = ArchiveLower | DirectoryLower | ImageLower;

/** An archive (.zip, .tar, .tar.gz, .tgz, .tar.zst, eStargz, zstd:chunked), recognised by its content. */
export interface ArchiveLower {
  /** Where to fetch it; relative to the page. */
  readonly url: string | URL;
  /** Mounts it at this directory. Default: the root. */
  readonly at?: string;
  /** Leading components of every name to drop (npm tarballs: 1). */
  readonly strip?: number;
  /** *oci* indicates that `.wh.` names are whiteouts of an OCI layer. Without it they are ordinary names. */
  readonly whiteouts?: 'oci';
  /** Hashes as in HTML's `integrity`: the archive is fetched whole and compared before a byte of it is used. */
  readonly integrity?: string;
  /**
   * Digest of an eStargz's table of contents, as `stratafs pack` prints it, or of a zstd:chunked's manifest (`sha256:HEX`): covers all
   * that is ever read of it.
   */
  readonly tocDigest?: string;
  /** Only names that one of these globs matches (`*`, `?`, `**`), as they are in the archive after `strip`, and what is below them. */
  readonly include?: readonly string[];
  /** No name that one of these globs matches, nor anything below it. */
  readonly exclude?: readonly string[];
  /** What an archive may ask for before it is refused (EFBIG). */
  readonly limits?: ArchiveLimits;
  /** Whether cookies go with requests to other origins. Default: `same-origin`. */
  readonly credentials?: RequestCredentials;
  /** Go with every request. Across origins they need the server's consent to a preflight. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether what is kept of it is compared with the server's at each opening. *never*: its URL always means the same bytes. Default: open. */
  readonly revalidate?: 'open' | 'never';
  /**
   * Files to fetch at once when it is opened: what `ws.recordAccess()` gave for it the last time. Nobody waits for them. Default: what an
   * eStargz names itself.
   */
  readonly prefetch?: readonly string[];
  /** Fetches everything else too, a request at a time, unless the browser is told to save data. Default: false. */
  readonly background?: boolean;
  /** Lets synchronous calls in the worker fetch what they need by synchronous requests. Default: true; otherwise they are EAGAIN. */
  readonly syncFetch?: boolean;
}

/** A directory of plain files on any static host, with an index that `stratafs index` writes. */
export type DirectoryLower = {
  /**
   * Where it is, relative to the page: the directory, which has its index by the name `index.stratafs.json`, or the index, where the URL
   * ends in `.json`. `integrity` is that of the index, which has the digest of every file.
   */
  readonly directory: string | URL;
} & Omit<ArchiveLower, 'url' | 'tocDigest'>;

/** An image: in a layout on any static host, or in a registry. */
export type ImageLower = (
  | {
      /** Where the layout is (the folder of `index.json`); relative to the page. */
      readonly oci: string | URL;
      /** A name that its `index.json` has (often a tag), or a digest. Default: the only one there is. */
      readonly ref?: string;
    }
  | {
      /** Its name: `registry.example/team/tool:tag`, `…@sha256:…`. */
      readonly image: string;
      /** Where to ask instead of the host in the name, such as a proxy with CORS headers. */
      readonly registry?: string | URL;
      /** Sent to the registry when it asks, over https:, and to what `realms` names (origins, of its token server for one). */
      readonly login?: RegistrySecret & { readonly realms?: readonly string[] };
    }
) & {
  /** `os/architecture` or `os/architecture/variant`. Default: linux/amd64. */
  readonly platform?: string;
} & Pick<ArchiveLower, 'at' | 'include' | 'exclude' | 'limits' | 'revalidate' | 'background' | 'syncFetch'>;

/** Bytes of lowers fetched so far. */
export interface Progress {
  readonly loaded: number;
  /** `undefined` while a size is not known. */
  readonly total?: number | undefined;
  /** Entries that were found so far, where the lower is read while it arrives (tar). */
  readonly entries?: number | undefined;
  /** The lower that is being fetched: its URL, or an image's name. */
  readonly url: string;
}

export interface OpenOptions {
  /** Names the workspace: its upper is kept in IndexedDB under this name. Without a name the upper lives in memory. */
  readonly name?: string;
  /** Topmost first, as in the kernel's `lowerdir=`. */
  readonly lower: readonly LowerOptions[];
  /** Durability of commits. Default: strict. */
  readonly durability?: Durability;
  /** On whose behalf `ws.fs` acts. Default: root, who passes every permission check, as an editor expects. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly umask?: number };
  /** Bytes that the upper may take: what would make it larger is EDQUOT. Default: no limit of ours. */
  readonly quota?: number;
  /** Keeps a second copy of what is committed, from which a database that the browser lost is rebuilt. Default: true. */
  readonly guard?: boolean;
  /** What to do where the browser has lost the workspace for good. *error* (the default): EIO. *anew*: start with an empty one. */
  readonly lost?: 'error' | 'anew';
  /**
   * What to do about records that are damaged. *refuse* (the default): EIO, naming them. *set-aside*: keep them apart, open without them,
   * and let `check()` name them.
   */
  readonly damaged?: 'refuse' | 'set-aside';
  /** The application's own worker, which calls `serve()` of `stratafs/worker`. Default: the packaged one. */
  readonly worker?: Worker;
  /** Script of the packaged worker, where a bundler cannot find it by itself. */
  readonly workerUrl?: string | URL;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** What a workspace takes of the disk, and what the browser says of all of the origin's storage. */
export interface WorkspaceUsage extends Usage, StorageEstimate {}

/** A mounted workspace, as the page sees it. Of one name there is one, in however many tabs and workers it is open. */
export interface Workspace extends AsyncDisposable {
  readonly name: string | undefined;
  /** `node:fs/promises` over the merged tree. A change resolves when it is committed. */
  readonly fs: FsPromises;
  /** The lowers, topmost first. */
  readonly layers: readonly LayerSummary[];
  /** Whether the second copy is kept: *behind* indicates that it is being built. Therefore a loss now would be a loss. As it was at the opening. */
  readonly guard: 'on' | 'off' | 'behind';
  /** What the opening has rebuilt from the second copy, because the browser had lost it. */
  readonly restored: Restored | undefined;
  /**
   * Runs `work` as a batch: all that it does through its `fs` becomes one commit, all of it or none of it. Nobody else sees its
   * middle. Where `work` throws, nothing of it happened. Its `fs` opens no files and has no `mkdtemp`.
   * @throws {FsError} EAGAIN when others changed meanwhile what it had seen, or its owner went away: run it again
   * @example
   * await ws.batch(async (fs) => { await fs.rm('/a'); await fs.rename('/b', '/a'); });
   */
  batch<T>(work: (fs: BatchFs) => T | Promise<T>): Promise<T>;
  /** The names of a directory with where each comes from, deleted ones included. One round trip. */
  entries(path: string): Promise<Entry[]>;
  /**
   * Every change of the upper against the lowers, or since a snapshot, sorted by path.
   * @throws {FsError} ENOENT where there is no such snapshot
   */
  diff(options?: { readonly since?: number }): Promise<Change[]>;
  /**
   * Drops what the upper has at `path` and below, so that the lowers show again.
   * @throws {FsError} ENOENT where nothing is to be reset, EBUSY where what the lowers have here lives on under another name.
   */
  reset(path: string): Promise<void>;
  /**
   * Takes a snapshot: what the workspace is now can be looked at, and come back to. It takes one commit and no space, whatever is in
   * it; what is changed afterwards keeps what it was before.
   * @throws {FsError} EROFS, ENOSPC and EIO as any change
   * @example
   * const before = await ws.snapshot('before the refactoring');
   * await refactor(ws.fs);
   * if (!(await works(ws.fs))) await ws.rollback(before.id);
   */
  snapshot(label?: string): Promise<Snapshot>;
  /** The snapshots, oldest first. */
  snapshots(): Promise<Snapshot[]>;
  /**
   * The tree as a snapshot shows it, to look at. Nothing has to be closed.
   * Its calls throw ENOENT where there is no such snapshot.
   * @example
   * const old = await ws.openSnapshot(before.id).readFile('/src/main.ts', 'utf8');
   */
  openSnapshot(id: number): SnapshotFs;
  /**
   * Lets the workspace be what a snapshot shows: one commit. What was done since is gone, unless a later snapshot shows it; snapshots stay.
   * @throws {FsError} ENOENT where there is no such snapshot, EPERM for others than root
   */
  rollback(id: number): Promise<void>;
  /**
   * Removes a snapshot, with what nothing else shows.
   * @throws {FsError} ENOENT where there is none, EBUSY where a branch stands on it or somebody is looking at it, EPERM for others than root
   */
  removeSnapshot(id: number): Promise<void>;
  /**
   * Makes another workspace that begins as a snapshot of this one: as it is now, where none is given. It takes one commit and no space,
   * whatever is in it: what the branch does not change it reads from here. Neither sees the other's changes. As long as the branch is
   * there, the snapshot and this workspace cannot be removed. Open it with the same `lower` as this one.
   * @returns the snapshot that it stands on
   * @throws {FsError} EEXIST where there is a workspace of that name, EBUSY where somebody has it open, ENOENT where there is no such
   * snapshot, EINVAL for no name, ENOTSUP where this workspace is in memory, ELOOP for a branch of forty branches.
   * @example
   * await ws.branch('experiment');
   * const experiment = await open({ name: 'experiment', lower });
   */
  branch(name: string, options?: { readonly snapshot?: number }): Promise<Snapshot>;
  /**
   * Makes a branch a workspace of its own: copies what it still has of its parent, which can be removed then. It shows what it showed, and
   * other calls are served meanwhile. Cut short, it is a branch still, and goes on with what is left when it is called again. Does
   * nothing to a workspace that is no branch.
   * @throws {FsError} EBUSY where it has snapshots of its own or is being exported, ENOSPC and EIO as any change. An `AbortError` when the
   * signal fires.
   * @example
   * await experiment.detach({ onProgress: ({ loaded, total }) => bar.update(loaded, total) });
   * await removeWorkspace('project-42');
   */
  detach(options?: WorkOptions): Promise<void>;
  /**
   * Checks the union rules over the workspace and its committed records. Empty: all is well. With `repair`, mends what can be mended
   * without losing anything and says what was done; files that no name leads to get one in /lost+found.
   */
  check(options?: { readonly repair?: boolean }): Promise<Violation[]>;
  /**
   * Makes an archive of the workspace: of everything that it shows (*tar*, *zip*), or of what it changes, as a layer for an OCI image with the
   * lowers below it (*oci-layer*). It is of the moment in which its first piece is made, whatever is changed later, and made while it is
   * read: cancelling the stream ends it. Times are whole seconds.
   * The stream fails with ENOENT where there is no such snapshot, EPERM for others than root, EINVAL for a name that an OCI layer cannot have
   * (`.wh.`), EFBIG for a zip of 4 GiB, EIO where content cannot be fetched, ESTALE when the tab that made it is gone. An `AbortError`
   * when the signal fires.
   * @example
   * const blob = await new Response(ws.export({ format: 'zip' })).blob();
   * @example
   * await ws.export({ format: 'oci-layer' }).pipeThrough(new CompressionStream('gzip')).pipeTo(await handle.createWritable());
   */
  export(options?: ExportOptions): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Resolves when everything done so far is committed. Reports a failed commit of synchronous calls. */
  flush(options?: { readonly durability?: Durability }): Promise<void>;
  /** What it takes of the disk, and may take. */
  usage(): Promise<WorkspaceUsage>;
  /** Asks the browser not to evict the origin's storage when the disk gets full; tells whether it has agreed. */
  persist(): Promise<boolean>;
  /**
   * Fetches what files at and below some paths need of the lowers, so that they can be read without a network; with *all*, everything
   * that the lowers have, whether it shows or not. Progress is of what was missing, in bytes of archives. What cannot be fetched does
   * not keep the rest from it.
   * @throws {FsError} ENOENT and others for a path, EIO where something could not be fetched, ESTALE where an archive has changed. An
   * `AbortError` when the signal fires: what has come by then is kept.
   * @example
   * await ws.prefetch('all', { onProgress: ({ loaded, total }) => bar.update(loaded, total) });
   */
  prefetch(paths: readonly string[] | 'all', options?: WorkOptions): Promise<void>;
  /**
   * Of each lower, in the order of `lower`, the files whose content was read since the opening: what its option `prefetch` may be the
   * next time.
   * @example
   * const [startup] = await ws.recordAccess();
   * await open({ name, lower: [{ url, prefetch: startup }] });
   */
  recordAccess(): Promise<string[][]>;
  /**
   * Reads everything again, the lowers' content and the upper's, and verifies it. Gives what is damaged; empty: all is well. What was
   * not fetched yet is fetched for it; progress is in bytes of content. Other calls are served meanwhile.
   * @throws {FsError} EIO when the workspace is closed meanwhile. An `AbortError` when the signal fires.
   * @example
   * for (const { path, message } of await ws.verify()) report(path, message);
   */
  verify(options?: WorkOptions): Promise<Damage[]>;
  /**
   * Looks for a text in the files of the merged tree: tells of each in which it stands, as they are found, and of what cannot be read
   * (with `error`: the search goes on). Files are searched as bytes, in the order of the archives; what was not fetched yet is fetched for
   * it. Binary files are passed over, symbolic links not followed. Leaving the loop ends it. When its owner goes meanwhile, the next
   * one goes on with what was not told yet.
   * @throws {FsError} EINVAL for no text or one of more than 1 KiB, EIO when the workspace is closed meanwhile. An `AbortError` when
   * the signal fires.
   * @example
   * for await (const { path, matches } of ws.search('TODO', { include: ['src'], signal }))
   *   for (const { line, column, text } of matches) show(path, line, column, text);
   */
  search(text: string, options?: SearchOptions): AsyncIterableIterator<SearchedFile>;
  /** A transferable port to the same workspace, for `attach(port)` in another worker or frame. */
  port(): MessagePort;
  /** Commits and lets go of the worker. Later calls reject. */
  close(): Promise<void>;
}
