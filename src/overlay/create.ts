/* Making new names: files, directories, symbolic links, special files, hard links. A new name replaces a whiteout. */

import { FsError } from '../base/errors.ts';
import { PATH_MAX, PERMISSIONS, S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, isDirectory } from '../base/mode.ts';
import type { InodeRecord } from '../layer/upper.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import { assertMayChangeNames, isInGroup } from './access.ts';
import { type Call, type Credentials, assertWritable, emit } from './call.ts';
import { copyUpAt, copyUpDirectory, touchDirectory } from './copy-up.ts';
import { directoryAt, entriesOf } from './lookup.ts';
import type { Directory } from './tree.ts';
import { type Place, find, tryWalk, walk } from './walk.ts';

const DEFAULT_UMASK = 0o022;
const S_IXGRP = 0o010;

/** What a new inode is, beside its names, owner and times. */
type Fresh = Pick<InodeRecord, 'mode'> &
  Partial<Pick<InodeRecord, 'rdev' | 'target' | 'size' | 'chunks' | 'chunkSize' | 'opaque' | 'originSize' | 'origin' | 'xattrs'>>;

/** @throws {FsError} EEXIST where something is already, ENOENT for a slash, EROFS, EACCES where the directory cannot be written. */
export function assertCreatable(call: Call, place: Place, slash?: 'allowed'): void {
  if (place.ino !== undefined) throw new FsError('EEXIST');
  if (place.slash && slash === undefined) throw new FsError('ENOENT'); // it means a directory, which only mkdir makes
  assertWritable(call);
  assertMayChangeNames(call, place.directory.ino);
}

/**
 * Makes an inode at a place. Gives its number.
 * Preconditions: `assertCreatable` holds.
 */
export function createInode(call: Call, { directory, name }: Place, fresh: Fresh): number {
  const { tree, user, now } = call;
  const parent = copyUpDirectory(call, directory);
  const inherits = (parent.mode & S_ISGID) !== 0;
  const ino = tree.newId();
  const inode: InodeRecord = {
    names: [[directory.ino, name]],
    uid: user.uid,
    gid: inherits ? parent.gid : user.gid,
    rdev: 0,
    nlink: 1,
    atimeMs: now,
    mtimeMs: now,
    ctimeMs: now,
    birthtimeMs: now,
    size: 0,
    originSize: 0,
    chunks: [],
    ...fresh,
    mode: inherits ? modeInGroupDirectory(user, parent, fresh.mode) : fresh.mode,
  };
  dropWhiteout(call, directory, name);
  tree.put(ino, inode);
  entriesOf(tree, directory).set(name, ino);
  touchDirectory(call, directory);
  emit(call, 'rename', directory, name);
  return ino;
}

/** In a set-group-ID directory, directories inherit the bit, and only members of its group make set-group-ID programs for it. */
function modeInGroupDirectory(user: Credentials, { gid }: InodeRecord, mode: number): number {
  if (isDirectory(mode)) return mode | S_ISGID;
  const isProgram = (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  return isProgram && user.uid !== 0 && !isInGroup(user, gid) ? mode & ~S_ISGID : mode;
}

/** Removes the whiteout of a name that is about to exist again. */
export function dropWhiteout({ tree }: Call, directory: Directory, name: string): void {
  const id = tree.names.get(directory.ino)?.get(name);
  if (id !== undefined) tree.remove(id);
}

/** Permission bits of a new file: what was asked for, less the umask. */
export const masked = ({ user }: Call, mode: number): number => mode & PERMISSIONS & ~(user.umask ?? DEFAULT_UMASK);

/** Makes an empty regular file. */
export const createFile = (call: Call, place: Place, mode: number): number => {
  assertCreatable(call, place);
  return createInode(call, place, { mode: S_IFREG | masked(call, mode) });
};

/** mkdir(2). A directory in a merge is opaque from the start: nothing below can ever show in it. */
export function mkdir(call: Call, path: string, mode: number): void {
  const place = walk(call, path, 'name');
  assertCreatable(call, place, 'allowed');
  makeDirectory(call, place, mode);
}

export function makeDirectory(call: Call, place: Place, mode: number): Directory {
  const opaque = place.directory.stack.length > 0 ? ({ opaque: true } as const) : {};
  // mkdir(2) takes the permission and sticky bits only.
  const ino = createInode(call, place, { mode: S_IFDIR | masked(call, mode & 0o1777), ...opaque });
  return directoryAt(call.tree, place.directory, place.name, ino);
}

/** mkdir -p: makes what is missing; gives the first directory made, as Node does. @throws {FsError} ENOTDIR, EEXIST */
export function mkdirAll(call: Call, path: string, mode: number): string | undefined {
  const missing: string[] = [];
  let existing = path.replace(/\/+$/, '') || '/';
  let place = tryWalk(call, existing, 'follow');
  while (place === undefined) {
    const slash = existing.lastIndexOf('/');
    missing.push(existing.slice(slash + 1));
    existing = existing.slice(0, Math.max(slash, 0)).replace(/\/+$/, '') || '/';
    place = tryWalk(call, existing, 'follow');
  }
  if (place.ino !== undefined) {
    if (!isDirectory(call.tree.mode(place.ino))) throw new FsError(missing.length > 0 ? 'ENOTDIR' : 'EEXIST');
    if (missing.every((part) => part === '' || part === '.')) return undefined;
  }
  let first: string | undefined;
  let at = existing;
  const parts = missing.reverse();
  if (place.ino === undefined) first = makeMissing(call, at, mode, first);
  for (const part of parts) {
    at = at === '/' ? `/${part}` : `${at}/${part}`;
    first = makeMissing(call, at, mode, first);
  }
  return first;
}

function makeMissing(call: Call, path: string, mode: number, first: string | undefined): string | undefined {
  const place = walk(call, path, 'follow');
  if (place.ino !== undefined) return first;
  // A symbolic link to nowhere: mkdir(2) does not make what it leads to.
  if (walk(call, path, 'name').ino !== undefined) throw new FsError('ENOENT');
  assertCreatable(call, place, 'allowed');
  makeDirectory(call, place, mode);
  return first ?? (path.startsWith('/') ? path : `/${path}`);
}

/** symlink(2). @throws {FsError} ENOENT for an empty target, ENAMETOOLONG */
export function symlink(call: Call, target: string, path: string): void {
  const size = encodeUtf8(target).length;
  if (size === 0) throw new FsError('ENOENT');
  if (size >= PATH_MAX) throw new FsError('ENAMETOOLONG');
  const place = walk(call, path, 'name');
  assertCreatable(call, place);
  createInode(call, place, { mode: S_IFLNK | 0o777, target, size });
}

/** mknod(2): regular files, fifos, sockets, devices. @throws {FsError} EPERM for a directory or a whiteout, EINVAL for another type. */
export function mknod(call: Call, path: string, mode: number, rdev: number): void {
  const type = mode & S_IFMT || S_IFREG;
  if (type === S_IFDIR) throw new FsError('EPERM');
  if (type === S_IFLNK) throw new FsError('EINVAL');
  const place = walk(call, path, 'name');
  assertCreatable(call, place);
  const device = type === S_IFCHR || type === S_IFBLK;
  if (device && call.user.uid !== 0) throw new FsError('EPERM');
  // Character device 0/0 is the kernel's whiteout; overlayfs refuses it as well.
  if (type === S_IFCHR && rdev === 0) throw new FsError('EPERM');
  createInode(call, place, { mode: type | masked(call, mode), rdev: device ? rdev : 0 });
}

/** link(2): the link itself is linked, not what a symbolic link points to. @throws {FsError} EPERM for directories */
export function link(call: Call, existing: string, path: string): void {
  const { tree, now } = call;
  const source = find(call, existing, 'nofollow');
  const place = walk(call, path, 'name');
  assertCreatable(call, place);
  if (isDirectory(tree.mode(source.ino))) throw new FsError('EPERM');
  const record = copyUpAt(call, source.directory, source.name, source.ino);
  copyUpDirectory(call, place.directory);
  dropWhiteout(call, place.directory, place.name);
  tree.put(source.ino, { ...record, names: [...record.names, [place.directory.ino, place.name]], nlink: record.nlink + 1, ctimeMs: now });
  entriesOf(tree, place.directory).set(place.name, source.ino);
  touchDirectory(call, place.directory);
  emit(call, 'rename', place.directory, place.name);
}
