/* Attributes: mode, owner, times, extended attributes. Each change copies up attributes alone. */

import { FsError } from '../base/errors.ts';
import {
  PERMISSIONS,
  R_OK,
  S_IFMT,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  W_OK,
  XATTR_CREATE,
  XATTR_REPLACE,
  isDirectory,
  isFile,
  isSymlink,
} from '../base/mode.ts';
import type { Attr } from '../base/stats.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import type { InodeRecord } from '../layer/upper.ts';
import { assertAccess, assertOwner, isInGroup, mayAccess } from './access.ts';
import { type Call, assertWritable, emit } from './call.ts';
import { copyUpAt, copyUpDirectory } from './copy-up.ts';
import type { Tree } from './tree.ts';
import { type Found, asDirectory } from './walk.ts';

/** XATTR_SIZE_MAX and XATTR_NAME_MAX of <linux/limits.h>. */
const XATTR_SIZE_MAX = 65536;
const XATTR_NAME_MAX = 255;

/** The attributes of what stands at a place. */
export function stat(call: Call, place: Found): Attr {
  const attr = call.tree.attr(place.ino);
  if (!isDirectory(attr.mode) || attr.nlink === 0) return attr;
  const directory = asDirectory(call, place);
  return directory === undefined ? attr : { ...attr, nlink: call.tree.links(directory) };
}

/** Changes the record of what stands at a place, after bringing it to the upper. */
function change(call: Call, place: Found, changes: Partial<InodeRecord>): void {
  assertWritable(call);
  const directory = asDirectory(call, place);
  const record = directory === undefined ? copyUpAt(call, place.directory, place.name, place.ino) : copyUpDirectory(call, directory);
  call.tree.put(place.ino, { ...record, ctimeMs: call.now, ...changes });
  emit(call, 'change', place.directory, place.name);
}

/** @throws {FsError} EPERM unless the user owns it, EROFS */
export function chmod(call: Call, place: Found, mode: number): void {
  assertWritable(call);
  const attr = call.tree.attr(place.ino);
  assertOwner(call, attr);
  if (isSymlink(attr.mode)) throw new FsError('ENOTSUP');
  let bits = mode & PERMISSIONS;
  if (call.user.uid !== 0 && !isInGroup(call.user, attr.gid)) bits &= ~S_ISGID;
  change(call, place, { mode: (attr.mode & S_IFMT) | bits });
}

/** An id of -1 (or 2^32 - 1) leaves what is. @throws {FsError} EPERM unless root, or the owner who gives it to a group of hers */
export function chown(call: Call, place: Found, uid: number, gid: number): void {
  assertWritable(call);
  const attr = call.tree.attr(place.ino);
  const owner = isUnchanged(uid) ? attr.uid : uid;
  const group = isUnchanged(gid) ? attr.gid : gid;
  const { user } = call;
  let { mode } = attr;
  // chown(2): what is no directory loses its set-ID bits; of a file that its group may not execute, set-group-ID means locking.
  if (!isDirectory(mode)) {
    const keepsGroup = (mode & 0o010) === 0 && (user.uid === 0 || isInGroup(user, attr.gid));
    mode &= keepsGroup ? ~S_ISUID : ~(S_ISUID | S_ISGID);
  }
  if (user.uid !== 0) {
    const allowed = owner === attr.uid && user.uid === attr.uid && (group === attr.gid || isInGroup(user, group));
    const asksNothing = isUnchanged(uid) && isUnchanged(gid) && mode === attr.mode;
    if (!allowed && !asksNothing) throw new FsError('EPERM');
  }
  change(call, place, { uid: owner, gid: group, mode });
}

const isUnchanged = (id: number): boolean => id === -1 || id === 0xffffffff;

/** Times in milliseconds; `undefined` leaves one, `'now'` is the time of the call (UTIME_NOW). @throws {FsError} EPERM, EACCES */
export function utimes(call: Call, place: Found, atime: number | 'now' | undefined, mtime: number | 'now' | undefined): void {
  if (atime === undefined && mtime === undefined) return;
  assertWritable(call);
  const attr = call.tree.attr(place.ino);
  if (call.user.uid !== 0 && call.user.uid !== attr.uid) {
    if (atime !== 'now' || mtime !== 'now') throw new FsError('EPERM');
    if (!mayAccess(call.user, attr, W_OK)) throw new FsError('EACCES');
  }
  const atimeMs = atime === 'now' ? call.now : (atime ?? attr.atimeMs);
  const mtimeMs = mtime === 'now' ? call.now : (mtime ?? attr.mtimeMs);
  change(call, place, { atimeMs, mtimeMs });
}

export function xattrsOf(tree: Tree, ino: number): ReadonlyMap<string, Uint8Array> | undefined {
  const record = tree.inode(ino);
  if (record !== undefined) return record.xattrs;
  const lower = tree.lowerOf(ino);
  return lower && tree.layers[lower.layer]!.table.xattrs(lower.entry);
}

/** Names that users cannot see or set: `trusted.overlay.*` are the kernel's marks, ours are out of band. */
export const isMark = (name: string): boolean => name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.');

/** Trusted attributes are root's. */
const isHidden = ({ user }: Call, name: string): boolean => isMark(name) || (name.startsWith('trusted.') && user.uid !== 0);

/** xattr(7): user attributes are of regular files and directories alone. */
const holdsUserAttributes = (mode: number): boolean => isFile(mode) || isDirectory(mode);

/** getxattr(2). The bytes are the caller's own. @throws {FsError} ENODATA */
export function getxattr(call: Call, place: Found, name: string): Uint8Array {
  if (isHidden(call, name)) throw new FsError('ENODATA');
  if (name.startsWith('user.') && !holdsUserAttributes(call.tree.mode(place.ino))) throw new FsError('ENODATA');
  assertAccess(call, place.ino, R_OK);
  const value = xattrsOf(call.tree, place.ino)?.get(name);
  if (value === undefined) throw new FsError('ENODATA');
  return value.slice();
}

/** listxattr(2), sorted. */
export const listxattr = (call: Call, place: Found): string[] =>
  [...(xattrsOf(call.tree, place.ino)?.keys() ?? [])].filter((name) => !isHidden(call, name)).sort();

/** setxattr(2). Copies the bytes. @throws {FsError} EEXIST, ENODATA (by flags), ERANGE (name), ENOSPC (value), ENOTSUP, EPERM */
export function setxattr(call: Call, place: Found, name: string, value: Uint8Array, flags: number): void {
  assertXattrWritable(call, place, name);
  if (value.length > XATTR_SIZE_MAX) throw new FsError('ENOSPC');
  const xattrs = new Map(xattrsOf(call.tree, place.ino));
  if (flags === XATTR_CREATE && xattrs.has(name)) throw new FsError('EEXIST');
  if (flags === XATTR_REPLACE && !xattrs.has(name)) throw new FsError('ENODATA');
  xattrs.set(name, value.slice());
  change(call, place, { xattrs });
}

/** removexattr(2). @throws {FsError} ENODATA */
export function removexattr(call: Call, place: Found, name: string): void {
  assertXattrWritable(call, place, name);
  const xattrs = new Map(xattrsOf(call.tree, place.ino));
  if (!xattrs.delete(name)) throw new FsError('ENODATA');
  change(call, place, { xattrs });
}

/** xattr(7), and its last paragraph on sticky directories. */
function assertXattrWritable(call: Call, place: Found, name: string): void {
  assertWritable(call);
  const [space, rest] = [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)];
  if (!['user', 'trusted', 'security', 'system'].includes(space) || rest === '') throw new FsError('ENOTSUP');
  if (isMark(name)) throw new FsError('EPERM');
  if (encodeUtf8(name).length > XATTR_NAME_MAX) throw new FsError('ERANGE');
  const { mode } = call.tree.attr(place.ino);
  if (space === 'user' && !holdsUserAttributes(mode)) throw new FsError('EPERM');
  if (space === 'trusted' && call.user.uid !== 0) throw new FsError('EPERM');
  if (space === 'user' && isDirectory(mode) && (mode & S_ISVTX) !== 0) assertOwner(call, call.tree.attr(place.ino));
  assertAccess(call, place.ino, W_OK);
}
