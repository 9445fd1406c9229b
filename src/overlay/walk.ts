/* The path walk: from a path to the name it ends in, through symbolic links, by path_resolution(7). */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { NAME_MAX, O_CREAT, O_EXCL, O_NOFOLLOW, PATH_MAX, SYMLINK_MAX, X_OK, isDirectory, isSymlink } from '../base/mode.ts';
import { assertAccess } from './access.ts';
import type { Call } from './call.ts';
import { originOf } from './ino.ts';
import { directoryAt, lookup } from './lookup.ts';
import type { Directory } from './tree.ts';

/** Where a path ends. */
export interface Place {
  /** The directory that holds the name. */
  readonly directory: Directory;
  readonly name: string;
  /** What is there; `undefined` when nothing is. */
  readonly ino: number | undefined;
  /** The path ended in '/': it means a directory. */
  readonly slash: boolean;
  /** The path ended in `.` or `..`, or was nothing but slashes: `name` is what the walk came to, and cannot be made, removed or renamed. */
  readonly dots: '.' | '..' | '/' | undefined;
}

/** A place where something is. */
export type Found = Place & { readonly ino: number };

/** What a walk does with the last name of a path. */
export type WalkEnd =
  /** *follow* indicates that what the name leads to is meant. Therefore a symbolic link there is followed. */
  | 'follow'
  /** *nofollow* indicates that what stands at the name is meant. Therefore a symbolic link is followed only when a slash follows it. */
  | 'nofollow'
  /** *name* indicates that the name itself is made, removed or changed. Therefore nothing is followed, and the caller judges a slash. */
  | 'name'
  /** *create* indicates open(2) with O_CREAT. Therefore it is *follow*, but a slash after the name is EISDIR, whatever is there. */
  | 'create';

/**
 * Walks to the end of a path.
 * @throws {FsError} ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EACCES, EISDIR (*create*), EINVAL (NUL)
 */
export function walk(call: Call, path: string, end: WalkEnd): Place {
  const place = tryWalk(call, path, end);
  if (place === undefined) throw new FsError('ENOENT');
  return place;
}

/**
 * The same, but `undefined` where something on the way is missing: programs ask much for what is not there, and an error costs as much
 * as thirty walks.
 * @throws {FsError} what `walk` throws, but for ENOENT
 */
export function tryWalk(call: Call, path: string, end: WalkEnd): Place | undefined {
  // What others may pass depends on modes, which change without names: only root's walks are remembered.
  if (call.user.uid !== 0) return walkAnew(call, path, end);
  if (end === 'name' || end === 'create') return walkOn(call, path, end);
  const { paths } = call.tree;
  const known = paths.place(path, end);
  if (known !== undefined) return known ?? undefined;
  const place = walkOn(call, path, end);
  paths.setPlace(path, end, place ?? null);
  return place;
}

/** Walks from the directory before the last name, where it is known. */
function walkOn(call: Call, path: string, end: WalkEnd): Place | undefined {
  const slash = path.lastIndexOf('/');
  const directory = slash > 0 ? call.tree.paths.directory(path.slice(0, slash)) : call.tree.root;
  return (directory && placeIn(call, directory, path.slice(slash + 1), end)) ?? walkAnew(call, path, end);
}

/** Fast path: a name in a directory. `undefined` where there is more to it than a lookup. */
function placeIn({ tree }: Call, directory: Directory, name: string, end: WalkEnd): Place | undefined {
  const ino = lookup(tree, directory, name);
  // What is special, wrong or too long is in no directory.
  if (ino === undefined && !isPlain(name)) return undefined;
  const follows = end === 'follow' || end === 'create';
  if (ino !== undefined && follows && isSymlink(tree.mode(ino))) return undefined;
  return { directory, name, ino, slash: false, dots: undefined };
}

const isPlain = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && name.length * 3 <= NAME_MAX && !name.includes('\0');

function walkAnew(call: Call, path: string, end: WalkEnd): Place | undefined {
  if (path === '') return undefined;
  assertPath(path);
  const { tree } = call;
  let directory = tree.root;
  let rest = path;
  let at = 0;
  let links = 0;
  // Whether the last name of `rest` is that of `path`.
  let isOwnEnd = true;
  for (;;) {
    const start = skipSlashes(rest, at);
    if (start === rest.length) return itself(directory, true, '/');
    const stop = endOfName(rest, start);
    const next = skipSlashes(rest, stop);
    const last = next === rest.length;
    const slash = last && next > stop;
    const name = rest.slice(start, stop);
    if (call.user.uid !== 0) assertAccess(call, directory.ino, X_OK);
    at = next;
    if (name === '.' || name === '..') {
      if (name === '..') directory = directory.parent;
      if (last) return itself(directory, slash, name);
      continue;
    }
    if (slash && end === 'create') throw new FsError('EISDIR');
    assertName(name);
    const ino = lookup(tree, directory, name);
    if (last && !slash && isOwnEnd) remember(call, path, directory);
    if (ino === undefined) return last ? { directory, name, ino, slash, dots: undefined } : undefined;
    const mode = tree.mode(ino);
    if (last && end === 'name') return { directory, name, ino, slash, dots: undefined };
    if (isSymlink(mode) && (!last || slash || end !== 'nofollow')) {
      if (++links > SYMLINK_MAX) throw new FsError('ELOOP');
      const target = readTarget(call, ino);
      if (target === '') return undefined;
      if (last) isOwnEnd = false;
      rest = last ? `${target}${slash ? '/' : ''}` : `${target}/${rest.slice(next)}`;
      at = 0;
      if (target.startsWith('/')) directory = tree.root;
      continue;
    }
    if (last) {
      if (slash && !isDirectory(mode)) throw new FsError('ENOTDIR');
      return { directory, name, ino, slash, dots: undefined };
    }
    if (!isDirectory(mode)) throw new FsError('ENOTDIR');
    directory = directoryAt(tree, directory, name, ino);
  }
}

/** Notes where the path before the last name leads. */
function remember({ tree, user }: Call, path: string, directory: Directory): void {
  const slash = path.lastIndexOf('/');
  // Whatever name comes after it, the whole must be within PATH_MAX.
  const isShort = slash * 3 + NAME_MAX + 1 < PATH_MAX;
  if (user.uid === 0 && slash > 0 && isShort) tree.paths.setDirectory(path.slice(0, slash), directory);
}

/** `find` without ENOENT: `undefined` where nothing is. */
export function tryFind(call: Call, path: string, end: WalkEnd): Found | undefined {
  const place = tryWalk(call, path, end);
  return place?.ino === undefined ? undefined : (place as Found);
}

/** Walks to something that must be there. @throws {FsError} ENOENT and whatever `walk` throws. */
export function find(call: Call, path: string, end: WalkEnd): Found {
  const place = tryFind(call, path, end);
  if (place === undefined) throw new FsError('ENOENT');
  return place;
}

/** Walks to what open(2) means with these flags. @throws {FsError} EISDIR for a slash after a name that may be made, and whatever `walk` throws. */
export function walkToOpen(call: Call, path: string, flags: number): Place {
  const isName = (flags & O_NOFOLLOW) !== 0 || (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
  if ((flags & O_CREAT) === 0) return walk(call, path, isName ? 'nofollow' : 'follow');
  const place = walk(call, path, isName ? 'name' : 'create');
  if (isName && place.slash && place.dots === undefined) throw new FsError('EISDIR');
  return place;
}

/** Walks to a directory. @throws {FsError} ENOTDIR and whatever `find` throws. */
export function findDirectory(call: Call, path: string): Directory {
  const place = find(call, path, 'follow');
  const directory = asDirectory(call, place);
  if (directory === undefined) throw new FsError('ENOTDIR');
  return directory;
}

/** The directory at a place, or `undefined` when something else is there. */
export function asDirectory({ tree }: Call, { directory, name, ino, dots }: Found): Directory | undefined {
  const known = tree.directories.get(ino);
  if (known !== undefined) return known;
  return dots === undefined && isDirectory(tree.mode(ino)) ? directoryAt(tree, directory, name, ino) : undefined;
}

const itself = (directory: Directory, slash: boolean, dots: '.' | '..' | '/'): Found => ({
  directory: directory.parent,
  name: directory.name,
  ino: directory.ino,
  slash,
  dots,
});

function skipSlashes(path: string, from: number): number {
  let at = from;
  while (at < path.length && path.charCodeAt(at) === 0x2f) at++;
  return at;
}

function endOfName(path: string, from: number): number {
  const end = path.indexOf('/', from);
  return end < 0 ? path.length : end;
}

function assertPath(path: string): void {
  if (path.includes('\0')) throw new FsError('EINVAL', { detail: 'NUL in path' });
  if (path.length * 3 >= PATH_MAX && encodeUtf8(path).length >= PATH_MAX) throw new FsError('ENAMETOOLONG');
}

function assertName(name: string): void {
  if (name.length * 3 > NAME_MAX && encodeUtf8(name).length > NAME_MAX) throw new FsError('ENAMETOOLONG');
}

/** The target of a symbolic link. Zip keeps it as content, which may have to be gathered. */
export function readTarget({ tree, gathered }: Call, ino: number): string {
  const target = tree.inode(ino)?.target;
  if (target !== undefined) return target;
  const { layer, entry } = originOf(tree.layers, ino)!;
  const { table } = tree.layers[layer]!;
  const known = table.target(entry);
  if (known !== undefined) return known;
  const bytes = gathered.lower(layer, entry, 0, table.size(entry));
  gathered.assertResident();
  return decodeUtf8(bytes!);
}
