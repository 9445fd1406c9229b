/* The node:fs-shaped surface as types. `promises.ts` and `sync.ts` make both forms from the same operations. */

import type { Dirent, Stats } from '../base/stats.ts';

export type PathLike = string | URL | Uint8Array;
export type Encoding = 'utf8' | 'utf-8' | 'ascii' | 'latin1' | 'binary' | 'base64' | 'base64url' | 'hex' | 'utf16le' | 'ucs2';
export type Data = string | ArrayBufferView | ArrayBuffer;
export type TimeLike = number | string | Date;
export type OpenMode = string | number;

export interface ReadFileOptions {
  readonly encoding?: Encoding | null | undefined;
  readonly flag?: OpenMode | undefined;
  readonly signal?: AbortSignal | undefined;
}
export interface WriteFileOptions extends ReadFileOptions {
  readonly mode?: number | string | undefined;
  readonly flush?: boolean | undefined;
}
export interface StatOptions {
  /** `false`: give `undefined` for what does not exist, at a tenth of what an error costs. Default: throw ENOENT. */
  readonly throwIfNoEntry?: boolean | undefined;
}
export interface MkdirOptions {
  readonly recursive?: boolean | undefined;
  readonly mode?: number | string | undefined;
}
export interface RmOptions {
  readonly recursive?: boolean | undefined;
  readonly force?: boolean | undefined;
}
export interface ReaddirOptions {
  readonly withFileTypes?: boolean | undefined;
  readonly recursive?: boolean | undefined;
  readonly encoding?: Encoding | null | undefined;
}
export interface CopyOptions {
  readonly recursive?: boolean | undefined;
  /** Overwrite what exists. Default: true. */
  readonly force?: boolean | undefined;
  readonly errorOnExist?: boolean | undefined;
  readonly preserveTimestamps?: boolean | undefined;
  /** Follow symbolic links. Default: false. */
  readonly dereference?: boolean | undefined;
  readonly filter?: ((source: string, destination: string) => boolean) | undefined;
}
export interface WatchOptions {
  readonly recursive?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly encoding?: Encoding | undefined;
}
/** Node's event: *rename* when a name came or went, *change* when content or attributes did. */
export interface WatchEvent {
  readonly eventType: 'rename' | 'change';
  /** Relative to what is watched. */
  readonly filename: string;
}
export interface ReadResult<T extends ArrayBufferView> {
  readonly bytesRead: number;
  readonly buffer: T;
}
export interface WriteResult<T> {
  readonly bytesWritten: number;
  readonly buffer: T;
}

/** An open file. Close it, or hold it with `await using`. */
export interface FileHandle extends AsyncDisposable {
  readonly fd: number;
  read<T extends ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<ReadResult<T>>;
  read<T extends ArrayBufferView>(
    buffer: T,
    options: { offset?: number; length?: number; position?: number | null },
  ): Promise<ReadResult<T>>;
  write<T extends ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<WriteResult<T>>;
  write(text: string, position?: number | null, encoding?: Encoding): Promise<WriteResult<string>>;
  readFile(options: { readonly encoding: Encoding } | Encoding): Promise<string>;
  readFile(options?: { readonly encoding?: null } | null): Promise<Uint8Array>;
  writeFile(data: Data, options?: WriteFileOptions | Encoding): Promise<void>;
  appendFile(data: Data, options?: WriteFileOptions | Encoding): Promise<void>;
  stat(): Promise<Stats>;
  truncate(length?: number): Promise<void>;
  chmod(mode: number | string): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  utimes(atime: TimeLike, mtime: TimeLike): Promise<void>;
  /** Resolves when everything written so far is on the disk (strict). */
  sync(): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** An open directory: a snapshot of its names. */
export interface Dir extends AsyncIterable<Dirent>, AsyncDisposable {
  readonly path: string;
  read(): Promise<Dirent | null>;
  close(): Promise<void>;
}

/** `node:fs/promises`, and what POSIX has beyond it. */
export interface FsPromises {
  access(path: PathLike, mode?: number): Promise<void>;
  appendFile(path: PathLike, data: Data, options?: WriteFileOptions | Encoding): Promise<void>;
  chmod(path: PathLike, mode: number | string): Promise<void>;
  chown(path: PathLike, uid: number, gid: number): Promise<void>;
  copyFile(source: PathLike, destination: PathLike, mode?: number): Promise<void>;
  cp(source: PathLike, destination: PathLike, options?: CopyOptions): Promise<void>;
  /** Resolves to whether the path can be reached. Not in Node, where only `existsSync` is. */
  exists(path: PathLike): Promise<boolean>;
  lchown(path: PathLike, uid: number, gid: number): Promise<void>;
  link(existing: PathLike, path: PathLike): Promise<void>;
  lstat(path: PathLike): Promise<Stats>;
  lutimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void>;
  /** With `recursive`: resolves to the first directory made, `undefined` when none was. */
  mkdir(path: PathLike, options?: MkdirOptions | number | string): Promise<string | undefined>;
  mkdtemp(prefix: string): Promise<string>;
  open(path: PathLike, flags?: OpenMode, mode?: number | string): Promise<FileHandle>;
  opendir(path: PathLike, options?: { readonly recursive?: boolean }): Promise<Dir>;
  readdir(path: PathLike, options: ReaddirOptions & { readonly withFileTypes: true }): Promise<Dirent[]>;
  readdir(path: PathLike, options?: (ReaddirOptions & { readonly withFileTypes?: false }) | Encoding | null): Promise<string[]>;
  readFile(path: PathLike, options: (ReadFileOptions & { readonly encoding: Encoding }) | Encoding): Promise<string>;
  readFile(path: PathLike, options?: (ReadFileOptions & { readonly encoding?: null }) | null): Promise<Uint8Array>;
  readlink(path: PathLike): Promise<string>;
  realpath(path: PathLike): Promise<string>;
  /** `flags`: RENAME_NOREPLACE or RENAME_EXCHANGE of renameat2(2). */
  rename(from: PathLike, to: PathLike, flags?: number): Promise<void>;
  rm(path: PathLike, options?: RmOptions): Promise<void>;
  rmdir(path: PathLike): Promise<void>;
  stat(path: PathLike): Promise<Stats>;
  symlink(target: PathLike, path: PathLike, type?: string | null): Promise<void>;
  truncate(path: PathLike, length?: number): Promise<void>;
  unlink(path: PathLike): Promise<void>;
  utimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void>;
  watch(path: PathLike, options?: WatchOptions): AsyncIterableIterator<WatchEvent>;
  writeFile(path: PathLike, data: Data, options?: WriteFileOptions | Encoding): Promise<void>;

  /** mknod(2): `mode` with type bits; regular files, fifos, sockets and devices (`rdev`). */
  mknod(path: PathLike, mode: number, rdev?: number): Promise<void>;
  getxattr(path: PathLike, name: string): Promise<Uint8Array>;
  setxattr(path: PathLike, name: string, value: Data, flags?: number): Promise<void>;
  listxattr(path: PathLike): Promise<string[]>;
  removexattr(path: PathLike, name: string): Promise<void>;
}

/** What can be called in a batch: everything that a path is enough for. */
export type BatchFs = Omit<FsPromises, 'open' | 'opendir' | 'watch' | 'mkdtemp'>;

/** What can be called on a snapshot: everything that only looks, and a path is enough for. */
export type SnapshotFs = Pick<
  FsPromises,
  'access' | 'exists' | 'getxattr' | 'listxattr' | 'lstat' | 'opendir' | 'readFile' | 'readdir' | 'readlink' | 'realpath' | 'stat'
>;

/** The `*Sync` form of each operation; what has to be fetched first throws EAGAIN. */
export type FsSync = {
  [K in Exclude<keyof FsPromises, 'open' | 'opendir' | 'watch' | 'readdir' | 'readFile' | 'stat' | 'lstat'> as `${K}Sync`]: (
    ...args: Parameters<FsPromises[K]>
  ) => Awaited<ReturnType<FsPromises[K]>>;
} & {
  statSync(path: PathLike, options: StatOptions & { readonly throwIfNoEntry: false }): Stats | undefined;
  statSync(path: PathLike, options?: StatOptions): Stats;
  lstatSync(path: PathLike, options: StatOptions & { readonly throwIfNoEntry: false }): Stats | undefined;
  lstatSync(path: PathLike, options?: StatOptions): Stats;
  readdirSync(path: PathLike, options: ReaddirOptions & { readonly withFileTypes: true }): Dirent[];
  readdirSync(path: PathLike, options?: (ReaddirOptions & { readonly withFileTypes?: false }) | Encoding | null): string[];
  readFileSync(path: PathLike | number, options: (ReadFileOptions & { readonly encoding: Encoding }) | Encoding): string;
  readFileSync(path: PathLike | number, options?: (ReadFileOptions & { readonly encoding?: null }) | null): Uint8Array;
  opendirSync(path: PathLike): DirSync;
  openSync(path: PathLike, flags?: OpenMode, mode?: number | string): number;
  closeSync(fd: number): void;
  readSync(fd: number, buffer: ArrayBufferView, offset?: number | null, length?: number | null, position?: number | null): number;
  writeSync(
    fd: number,
    data: ArrayBufferView | string,
    offset?: number | null,
    length?: number | null | Encoding,
    position?: number | null,
  ): number;
  fstatSync(fd: number): Stats;
  ftruncateSync(fd: number, length?: number): void;
  fchmodSync(fd: number, mode: number | string): void;
  fchownSync(fd: number, uid: number, gid: number): void;
  futimesSync(fd: number, atime: TimeLike, mtime: TimeLike): void;
  /** Commits what is pending in the background; a synchronous call cannot wait for the disk. */
  fsyncSync(fd: number): void;
};

export interface DirSync extends Iterable<Dirent>, Disposable {
  readonly path: string;
  readSync(): Dirent | null;
  closeSync(): void;
}

/** Reports changes until it is closed, as Node's `fs.FSWatcher`. */
export interface Watcher {
  close(): void;
}

/** What `watchFile` calls: the attributes now and before; all zero for what does not exist. */
export type StatListener = (current: Stats, previous: Stats) => void;

/** `node:fs`: synchronous calls, `promises`, `watch`, `watchFile`, `constants`. */
export interface Fs extends FsSync {
  readonly promises: FsPromises;
  readonly constants: Readonly<Record<string, number>>;
  watch(path: PathLike, options: WatchOptions, listener: (eventType: WatchEvent['eventType'], filename: string) => void): Watcher;
  watch(path: PathLike, listener: (eventType: WatchEvent['eventType'], filename: string) => void): Watcher;
  /** Calls the listener when the attributes of a path change; it need not exist yet. Nothing is polled: `interval` is not needed. */
  watchFile(path: PathLike, options: { readonly interval?: number; readonly persistent?: boolean }, listener: StatListener): Watcher;
  watchFile(path: PathLike, listener: StatListener): Watcher;
  /** Ends what `watchFile` began: of one listener, or of all. */
  unwatchFile(path: PathLike, listener?: StatListener): void;
}
