/* The page's API as types: what `open` takes and gives. */

import type { Change, Entry, LayerSummary, Violation } from '../base/diff.ts';
import type { FsPromises } from '../fs/api.ts';
import type { Durability } from '../layer/upper.ts';

/** One lower: an archive (.zip, .tar, .tar.gz, .tgz), recognised by its content. */
export interface LowerOptions {
  /** Where to fetch it; relative to the page. */
  readonly url: string | URL;
  /** Mounts it at this directory. Default: the root. */
  readonly at?: string;
  /** Leading components of every name to drop (npm tarballs: 1). */
  readonly strip?: number;
  /** *oci* indicates that `.wh.` names are whiteouts of an OCI layer. Without it they are ordinary names. */
  readonly whiteouts?: 'oci';
}

/** Bytes of lowers fetched so far. */
export interface Progress {
  readonly loaded: number;
  /** `undefined` while a size is not known. */
  readonly total?: number | undefined;
  /** The lower that is being fetched. */
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
  /** The application's own worker, which calls `serve()` of `stratafs/worker`. Default: the packaged one. */
  readonly worker?: Worker;
  /** Script of the packaged worker, where a bundler cannot find it by itself. */
  readonly workerUrl?: string | URL;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** A mounted workspace, as the page sees it. */
export interface Workspace extends AsyncDisposable {
  readonly name: string | undefined;
  /** `node:fs/promises` over the merged tree. A change resolves when it is committed. */
  readonly fs: FsPromises;
  /** The lowers, topmost first. */
  readonly layers: readonly LayerSummary[];
  /** The names of a directory with where each comes from, deleted ones included. One round trip. */
  entries(path: string): Promise<Entry[]>;
  /** Every change of the upper against the lowers, sorted by path. */
  diff(): Promise<Change[]>;
  /**
   * Drops what the upper has at `path` and below, so that the lowers show again.
   * @throws {FsError} ENOENT where nothing is to be reset, EBUSY where what the lowers have here lives on under another name.
   */
  reset(path: string): Promise<void>;
  /**
   * Checks the union rules over the workspace and its committed records. Empty: all is well. With `repair`, mends what can be mended
   * without losing anything and says what was done; files that no name leads to get one in /lost+found.
   */
  check(options?: { readonly repair?: boolean }): Promise<Violation[]>;
  /** Resolves when everything done so far is committed. Reports a failed commit of synchronous calls. */
  flush(options?: { readonly durability?: Durability }): Promise<void>;
  /** A transferable port to the same workspace, for `attach(port)` in another worker or frame. */
  port(): MessagePort;
  /** Commits and lets go of the worker. Later calls reject. */
  close(): Promise<void>;
}
