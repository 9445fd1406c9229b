/*
 * Every call of the surface, once: a synchronous operation of the engine with Node's arguments. The promise form and the `*Sync`
 * form are made from this table, and so are the errors: `syscall` is Node's name, `paths` says how many arguments are paths.
 */

import { decodeText } from '../base/encoding.ts';
import { FsError } from '../base/errors.ts';
import { F_OK, W_OK, isDirectory, isFile, isSymlink } from '../base/mode.ts';
import { Dirent, Stats } from '../base/stats.ts';
import { mayAccess } from '../overlay/access.ts';
import * as attr from '../overlay/attr.ts';
import { type Call, assertWritable, emit } from '../overlay/call.ts';
import * as create from '../overlay/create.ts';
import { truncateContent } from '../overlay/data.ts';
import { assertOpenable } from '../overlay/handle.ts';
import { join, pathOf } from '../overlay/lookup.ts';
import { readdir, readdirTypes } from '../overlay/readdir.ts';
import * as remove from '../overlay/remove.ts';
import { rename } from '../overlay/rename.ts';
import { type Found, asDirectory, find, readTarget, tryFind } from '../overlay/walk.ts';
import type {
  CopyOptions,
  Data,
  Encoding,
  MkdirOptions,
  PathLike,
  ReadFileOptions,
  ReaddirOptions,
  RmOptions,
  StatOptions,
  TimeLike,
  WriteFileOptions,
} from './api.ts';
import { toBytes, toFlags, toId, toLength, toMode, toOptions, toPath, toTime } from './arguments.ts';
import { copyTree } from './copy-tree.ts';
import { copyFile, readFile, writeFile } from './files.ts';

/** One call: its operation, and how its errors are worded. */
export interface Definition<A extends unknown[], R> {
  readonly syscall: string;
  /** How many leading arguments are paths. */
  readonly paths: 0 | 1 | 2;
  readonly run: (call: Call, ...args: A) => R;
  /**
   * It only looks, and need not wait for a commit. A call that means to change something waits for what is under way even when it
   * finds nothing to do: what it found may not be committed yet.
   */
  readonly reads?: boolean;
  /** What it reads does not count as accessed. */
  readonly isUnrecorded?: boolean;
}

const define = <A extends unknown[], R>(syscall: string, paths: 0 | 1 | 2, run: (call: Call, ...args: A) => R): Definition<A, R> => ({
  syscall,
  paths,
  run,
});

/** A call that changes nothing. */
const look = <A extends unknown[], R>(syscall: string, paths: 0 | 1 | 2, run: (call: Call, ...args: A) => R): Definition<A, R> => ({
  ...define(syscall, paths, run),
  reads: true,
});

const follow = (call: Call, path: PathLike) => find(call, toPath(path), 'follow');
const nofollow = (call: Call, path: PathLike) => find(call, toPath(path), 'nofollow');

function stat(call: Call, place: Found | undefined, { throwIfNoEntry }: StatOptions = {}): Stats | undefined {
  if (place !== undefined) return new Stats(attr.stat(call, place));
  if (throwIfNoEntry === false) return undefined;
  throw new FsError('ENOENT');
}

export const operations = {
  access: look('access', 1, (call, path: PathLike, mode: number = F_OK) => {
    const place = follow(call, path);
    // access(2): what is written to a device does not reach the file system.
    if ((mode & W_OK) !== 0 && (isFile(call.tree.mode(place.ino)) || isDirectory(call.tree.mode(place.ino)))) assertWritable(call);
    if (mode !== F_OK && !mayAccess(call.user, call.tree.attr(place.ino), mode)) throw new FsError('EACCES');
  }),
  appendFile: define('open', 1, (call, path: PathLike, data: Data, options?: WriteFileOptions | Encoding) => {
    const { encoding, flag, mode } = toOptions(options);
    writeFile(call, toPath(path), toBytes(data, encoding ?? 'utf8'), toFlags(flag, 'a'), toMode(mode, 0o666));
  }),
  chmod: define('chmod', 1, (call, path: PathLike, mode: number | string) => attr.chmod(call, follow(call, path), toMode(mode, 0))),
  chown: define('chown', 1, (call, path: PathLike, uid: number, gid: number) => attr.chown(call, follow(call, path), toId(uid), toId(gid))),
  copyFile: define('copyfile', 2, (call, source: PathLike, destination: PathLike, mode: number = 0) =>
    copyFile(call, toPath(source), toPath(destination), mode),
  ),
  cp: define('cp', 2, (call, source: PathLike, destination: PathLike, options: CopyOptions = {}) =>
    copyTree(call, toPath(source), toPath(destination), options),
  ),
  exists: look('access', 0, (call, path: PathLike): boolean => {
    try {
      return tryFind(call, toPath(path), 'follow') !== undefined;
    } catch (e) {
      if (e instanceof FsError || e instanceof TypeError) return false;
      throw e;
    }
  }),
  lchown: define('lchown', 1, (call, path: PathLike, uid: number, gid: number) =>
    attr.chown(call, nofollow(call, path), toId(uid), toId(gid)),
  ),
  link: define('link', 2, (call, existing: PathLike, path: PathLike) => create.link(call, toPath(existing), toPath(path))),
  lstat: look('lstat', 1, (call, path: PathLike, options?: StatOptions) => stat(call, tryFind(call, toPath(path), 'nofollow'), options)),
  lutimes: define('lutime', 1, (call, path: PathLike, atime: TimeLike, mtime: TimeLike) =>
    attr.utimes(call, nofollow(call, path), toTime(atime), toTime(mtime)),
  ),
  mkdir: define('mkdir', 1, (call, path: PathLike, options?: MkdirOptions | number | string): string | undefined => {
    const { recursive, mode } = typeof options === 'object' ? options : { recursive: false, mode: options };
    if (recursive === true) return create.mkdirAll(call, toPath(path), toMode(mode, 0o777));
    create.mkdir(call, toPath(path), toMode(mode, 0o777));
    return undefined;
  }),
  mkdtemp: define('mkdtemp', 0, (call, prefix: string): string => {
    const path = prefix + randomName();
    try {
      create.mkdir(call, path, 0o700);
    } catch (e) {
      throw e instanceof FsError ? new FsError(e.code, { syscall: 'mkdtemp', path: `${prefix}XXXXXX`, detail: e.detail }) : e;
    }
    return path;
  }),
  mknod: define('mknod', 1, (call, path: PathLike, mode: number, rdev: number = 0) => create.mknod(call, toPath(path), mode, rdev)),
  readdir: look('scandir', 1, (call, path: PathLike, options?: ReaddirOptions | Encoding | null): string[] | Dirent[] => {
    const { withFileTypes = false, recursive = false } = toOptions<ReaddirOptions>(options);
    const at = toPath(path);
    if (!withFileTypes && !recursive) return readdir(call, at);
    const records = readdirTypes(call, at, recursive);
    if (withFileTypes) return records.map((record) => new Dirent(record));
    return records.map(({ parentPath, name }) => `${parentPath}/${name}`.slice(at.length).replace(/^\/+/, ''));
  }),
  readFile: look('open', 1, (call, path: PathLike, options?: ReadFileOptions | Encoding | null): string | Uint8Array => {
    const { encoding, flag } = toOptions<ReadFileOptions>(options);
    const bytes = readFile(call, toPath(path), toFlags(flag, 'r'));
    return encoding ? decodeText(bytes, encoding) : bytes;
  }),
  readlink: look('readlink', 1, (call, path: PathLike): string => {
    const { ino } = nofollow(call, path);
    if (!isSymlink(call.tree.mode(ino))) throw new FsError('EINVAL');
    return readTarget(call, ino);
  }),
  realpath: look('realpath', 1, (call, path: PathLike): string => {
    const place = follow(call, path);
    const directory = asDirectory(call, place);
    return directory === undefined ? join(place.directory, place.name) : pathOf(directory);
  }),
  rename: define('rename', 2, (call, from: PathLike, to: PathLike, flags: number = 0) => rename(call, toPath(from), toPath(to), flags)),
  rm: define('rm', 1, (call, path: PathLike, { recursive = false, force = false }: RmOptions = {}) => {
    try {
      remove.removeAll(call, toPath(path), recursive);
    } catch (e) {
      if (!(e instanceof FsError) || e.code !== 'ENOENT') throw e;
      if (!force) throw new FsError('ENOENT', { syscall: 'lstat', path: toPath(path) });
    }
  }),
  rmdir: define('rmdir', 1, (call, path: PathLike) => remove.rmdir(call, toPath(path))),
  stat: look('stat', 1, (call, path: PathLike, options?: StatOptions) => stat(call, tryFind(call, toPath(path), 'follow'), options)),
  symlink: define('symlink', 2, (call, target: PathLike, path: PathLike, _type?: string | null) =>
    create.symlink(call, toPath(target), toPath(path)),
  ),
  truncate: define('open', 1, (call, path: PathLike, length?: number) => {
    const place = follow(call, path);
    assertOpenable(call, place, 1);
    assertWritable(call);
    truncateContent(call, place, toLength(length));
    emit(call, 'change', place.directory, place.name);
  }),
  unlink: define('unlink', 1, (call, path: PathLike) => remove.unlink(call, toPath(path))),
  utimes: define('utime', 1, (call, path: PathLike, atime: TimeLike, mtime: TimeLike) =>
    attr.utimes(call, follow(call, path), toTime(atime), toTime(mtime)),
  ),
  writeFile: define('open', 1, (call, path: PathLike, data: Data, options?: WriteFileOptions | Encoding) => {
    const { encoding, flag, mode } = toOptions<WriteFileOptions>(options);
    writeFile(call, toPath(path), toBytes(data, encoding ?? 'utf8'), toFlags(flag, 'w'), toMode(mode, 0o666));
  }),
  getxattr: look('getxattr', 1, (call, path: PathLike, name: string) => attr.getxattr(call, follow(call, path), name)),
  setxattr: define('setxattr', 1, (call, path: PathLike, name: string, value: Data, flags: number = 0) =>
    attr.setxattr(call, follow(call, path), name, toBytes(value), flags),
  ),
  listxattr: look('listxattr', 1, (call, path: PathLike) => attr.listxattr(call, follow(call, path))),
  removexattr: define('removexattr', 1, (call, path: PathLike, name: string) => attr.removexattr(call, follow(call, path), name)),
} as const;

export type OperationName = keyof typeof operations;

const NAME_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function randomName(): string {
  let name = '';
  for (let i = 0; i < 6; i++) name += NAME_LETTERS[Math.floor(Math.random() * NAME_LETTERS.length)]!;
  return name;
}
