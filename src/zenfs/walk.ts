/* Everything that a file system of ZenFS has, in one walk. It may be somebody's own, over anything: what it says is judged. */

import type { FileSystem, InodeLike } from '@zenfs/core';
import { decodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { PATH_MAX, isDirectory, isFile, isSymlink } from '../base/mode.ts';
import { damaged } from '../archive/damage.ts';

/** Objects to ask for at a time: enough to hide the way to one that is elsewhere. */
const AT_ONCE = 32;

/** What a file system says of an object. */
type WalkedInode = Pick<InodeLike, 'mode' | 'uid' | 'gid' | 'size' | 'mtimeMs' | 'rdev' | 'ino' | 'nlink'>;

export interface WalkedEntry {
  /** Absolute. */
  readonly path: string;
  readonly inode: WalkedInode;
  /** Of a symbolic link. */
  readonly target: string | undefined;
  /** The path of the same file that came earlier. */
  readonly link: string | undefined;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
}

export interface WalkOptions {
  /** For messages. */
  readonly name: string;
  /** Objects that there may be. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
  /** Leading components that will be dropped: what has no more of them is nothing to link to. */
  readonly strip: number;
  /** Hears of what is left out. */
  readonly warn: (path: string, why: string) => void;
}

/**
 * Tells of each object, directories in front of what is in them, names in order.
 *
 * @throws {FsError} EIO with the cause when something cannot be listed, EFBIG beyond the limit
 */
export async function* walkFileSystem(fs: FileSystem, options: WalkOptions): AsyncGenerator<WalkedEntry> {
  const { name, limit, signal } = options;
  /** Number of a file that has several names -> the first of them. */
  const known = new Map<number, WalkedEntry>();
  const queue: string[] = ['/'];
  let count = 0;
  yield describe(fs, '/', name);
  for (let directory = queue.shift(); directory !== undefined; directory = queue.shift()) {
    const paths = await list(fs, directory, options);
    // Also the end of a directory that holds itself.
    count += paths.length;
    if (count > limit) throw new FsError('EFBIG', { detail: `${name}: more than the ${limit} entries that are allowed` });
    for (let at = 0; at < paths.length; at += AT_ONCE) {
      signal?.throwIfAborted();
      for (const entry of await Promise.all(paths.slice(at, at + AT_ONCE).map((path) => describe(fs, path, name)))) {
        if (isDirectory(entry.inode.mode)) queue.push(entry.path);
        yield entry.path.split('/').length - 1 > options.strip ? withLink(entry, known) : entry;
      }
    }
  }
}

/** The paths of what is in a directory. */
async function list(fs: FileSystem, directory: string, { name, warn }: WalkOptions): Promise<string[]> {
  const names = await asked(() => fs.readdir(directory), directory, name);
  const paths: string[] = [];
  for (const own of [...new Set(names)].sort()) {
    const path = directory === '/' ? `/${own}` : `${directory}/${own}`;
    if (own === '' || own === '.' || own === '..' || own.includes('/')) warn(path, 'skipped: no name of one component');
    else if (path.length >= PATH_MAX) warn(path.slice(0, 100), `skipped: a path of ${path.length} characters`);
    else paths.push(path);
  }
  return paths;
}

async function describe(fs: FileSystem, path: string, name: string): Promise<WalkedEntry> {
  const inode = await asked(() => fs.stat(path), path, name);
  const { mode, uid, gid, size, mtimeMs, ino, nlink } = inode;
  // Backends that know no devices leave it out.
  const rdev = Number.isSafeInteger(inode.rdev) ? inode.rdev : 0;
  for (const [field, value] of Object.entries({ mode, uid, gid, size }))
    if (!Number.isSafeInteger(value) || value < 0) throw damaged({ archive: name, entry: path }, `its ${field} is ${String(value)}`);
  if (!Number.isFinite(mtimeMs)) throw damaged({ archive: name, entry: path }, `its mtimeMs is ${String(mtimeMs)}`);
  let target: string | undefined;
  if (isSymlink(mode)) {
    const bytes = new Uint8Array(Math.min(size, PATH_MAX));
    await asked(() => fs.read(path, bytes, 0, bytes.length), path, name);
    target = decodeUtf8(bytes);
  }
  return { path, inode: { mode, uid, gid, size, mtimeMs, rdev, ino, nlink }, target, link: undefined, xattrs: xattrsOf(inode) };
}

/** File systems that number nothing say the same number of everything, and one link. */
function withLink(entry: WalkedEntry, known: Map<number, WalkedEntry>): WalkedEntry {
  const { mode, ino, nlink, size } = entry.inode;
  if (!isFile(mode) || !(nlink > 1)) return entry;
  const first = known.get(ino);
  if (first === undefined) known.set(ino, entry);
  return first?.inode.size === size ? { ...entry, link: first.path } : entry;
}

function xattrsOf({ attributes }: InodeLike): ReadonlyMap<string, Uint8Array> | undefined {
  if (attributes === undefined) return undefined;
  const xattrs = new Map<string, Uint8Array>();
  for (const key of attributes.keys()) {
    const value = attributes.get(key);
    if (value !== undefined) xattrs.set(key, value.slice());
  }
  return xattrs.size > 0 ? xattrs : undefined;
}

/** Whatever a backend throws is a failed walk. */
async function asked<T>(question: () => Promise<T>, path: string, name: string): Promise<T> {
  try {
    return await question();
  } catch (cause) {
    throw damaged({ archive: name, entry: path, cause }, `cannot be listed: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
