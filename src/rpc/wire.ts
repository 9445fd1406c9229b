/*
 * What crosses between client and host: plain data, and nothing else. Both sides import this file; it imports types and errors
 * only. A change that an older peer would misread raises PROTOCOL.
 */

import type { LayerSummary } from '../base/diff.ts';
import type { ErrorRecord } from '../base/errors.ts';
import type { DirentRecord } from '../base/stats.ts';
import type { CopyOptions, FsPromises } from '../fs/api.ts';
import type { Durability } from '../layer/upper.ts';
import type { LowerOptions, OpenOptions, Progress, Workspace } from './api.ts';

/** Version of this file's types. Page and worker come from one build, unless a cache or a bundler mixed two. */
export const PROTOCOL = 4;

/** Methods of `FsPromises` whose arguments and results are plain data, bytes, or what `to-wire.ts` turns into plain data. */
export const FS_METHODS = [
  'access',
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'exists',
  'getxattr',
  'lchown',
  'link',
  'listxattr',
  'lstat',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'mknod',
  'open',
  'opendir',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'removexattr',
  'rename',
  'rm',
  'rmdir',
  'setxattr',
  'stat',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
] as const satisfies readonly Exclude<keyof FsPromises, 'watch'>[];
export type FsMethod = (typeof FS_METHODS)[number];

/** Methods of an open file. `read` takes a length and gives bytes: the caller's buffer stays on its side. */
export const FILE_METHODS = [
  'appendFile',
  'chmod',
  'chown',
  'close',
  'datasync',
  'read',
  'readFile',
  'stat',
  'sync',
  'truncate',
  'utimes',
  'write',
  'writeFile',
] as const;
export type FileMethod = (typeof FILE_METHODS)[number];

/** Methods of the workspace that are on the page what they are at the host: arguments and results are plain data. */
export const PLAIN_METHODS = [
  'branch',
  'check',
  'diff',
  'entries',
  'flush',
  'recordAccess',
  'removeSnapshot',
  'reset',
  'rollback',
  'snapshot',
  'snapshots',
  'usage',
] as const satisfies readonly (keyof Workspace)[];
export type PlainMethod = (typeof PLAIN_METHODS)[number];

/** A batch is a number that `beginBatch` gives; `export` gives one of an open file, of which `read` and `close` are called. */
export const HELD_METHODS = ['abortBatch', 'beginBatch', 'commitBatch', 'export'] as const;

/** Methods of the workspace itself. */
export type WorkspaceMethod = PlainMethod | (typeof HELD_METHODS)[number];

/**
 * What tells something again and again until it ends: a watch, a search, and whatever has progress. Unlike an invocation's, its
 * messages go to a listener.
 */
export type StreamMethod = 'detach' | 'prefetch' | 'search' | 'verify' | 'watch';

/** A URL cannot be cloned. */
export interface WireUrl {
  readonly wireUrl: string;
}

/** `CopyOptions` without the filter, which cannot be cloned: the paths of sources that it turned down. */
export type WireCopyOptions = Omit<CopyOptions, 'filter'> & { readonly except: readonly string[] };

/** A directory with everything in it. */
export interface WireDir {
  readonly path: string;
  readonly entries: readonly DirentRecord[];
}

export type Invocation = (
  | { readonly on: 'fs'; readonly method: FsMethod }
  | { readonly on: 'workspace'; readonly method: WorkspaceMethod }
  | { readonly on: 'file'; readonly fd: number; readonly method: FileMethod }
) & {
  readonly args: readonly unknown[];
  /** The batch that a call of the file system belongs to. */
  readonly batch?: number | undefined;
  /** The snapshot that a call of the file system looks at, instead of the tree as it is. */
  readonly snapshot?: number | undefined;
  /** Under which `cancel` finds it; calls without a signal have none. */
  readonly id?: number | undefined;
};

/** A stream as a client asks for it. */
export interface StreamRequest {
  /** Under which `cancel` finds it. */
  readonly id: number;
  readonly method: StreamMethod;
  /** As in an invocation. */
  readonly args: readonly unknown[];
}

/** Errors cross as records: comlink keeps only their message. */
export type Reply<T> = { readonly value: T } | { readonly error: ErrorRecord };

/** What a client knows of the workspace without asking again. */
export interface Summary {
  readonly name: string | undefined;
  readonly layers: readonly LayerSummary[];
  /** What tells this upper from another of the same name, lost or removed; `undefined` before its first commit and in memory. */
  readonly generation: string | undefined;
  readonly guard: Workspace['guard'];
  readonly restored: Workspace['restored'];
}

export interface Greeting {
  readonly protocol: number;
  /** A Web Lock that the worker holds as long as it lives. */
  readonly life: string | undefined;
  /** The workspace of a port made by `ws.port()`; `undefined` on a new connection to a worker. */
  readonly workspace: Summary | undefined;
}

/** URLs as text. */
type Located<T> = { readonly [K in keyof T]: K extends 'url' | 'directory' | 'oci' | 'registry' ? string : T[K] };

/** A lower as the worker gets it. */
export type WireLower = Located<LowerOptions>;

/** `OpenOptions` without what stays on the page. */
export interface OpenRequest {
  readonly name: string | undefined;
  /** URLs are absolute. */
  readonly lower: readonly WireLower[];
  readonly durability: Durability | undefined;
  readonly user?: OpenOptions['user'] | undefined;
  readonly quota?: number | undefined;
  readonly guard?: boolean | undefined;
  readonly lost?: OpenOptions['lost'] | undefined;
  readonly damaged?: OpenOptions['damaged'] | undefined;
  /** The generation that the page remembers. */
  readonly marker?: string | undefined;
  /** Under which `cancel` finds the opening. */
  readonly id: number;
}

/** What a stream tells its client. A reply is its end. */
export type StreamMessage = { readonly item: unknown } | Reply<unknown>;

/** What the host exposes on each port. */
export interface Remote {
  /** The first call. A host of another protocol still answers it. */
  hello(protocol: number): Promise<Reply<Greeting>>;
  open(request: OpenRequest, onProgress?: (progress: Progress) => void): Promise<Reply<Summary>>;
  invoke(invocation: Invocation): Promise<Reply<unknown>>;
  /** Aborts the opening, invocation or stream of this id, if it is still under way. */
  cancel(id: number): void;
  /** `args` as in an invocation. Tells until it ends, or `cancel(id)`. */
  stream(request: StreamRequest, listener: (message: StreamMessage) => void): void;
  /** Serves the workspace on one more port. */
  share(port: MessagePort): void;
  /** Removes a workspace of this name, which nobody has open. */
  remove(name: string): Promise<Reply<void>>;
  /** Closes the workspace, or on a port made by `share` lets go of it. */
  close(): Promise<Reply<void>>;
}
