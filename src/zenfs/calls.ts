/* The calls of a ZenFS backend as operations of the engine, by path. */

import type { CreationOptions, InodeLike } from '@zenfs/core';
import { encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { PERMISSIONS, S_IFREG, isDirectory, isFile, isSymlink } from '../base/mode.ts';
import * as attr from '../overlay/attr.ts';
import type { Call } from '../overlay/call.ts';
import * as create from '../overlay/create.ts';
import { readContent } from '../overlay/data.ts';
import { entriesOf } from '../overlay/lookup.ts';
import * as remove from '../overlay/remove.ts';
import { rename } from '../overlay/rename.ts';
import { type Found, asDirectory, readTarget } from '../overlay/walk.ts';
import type { Patch } from './buffer.ts';
import { type Flush, applyFlush } from './flush.ts';
import { OverlayInode, type Xattrs, changesOf } from './inode.ts';
import { assertEnds, locate, locateExisting } from './locate.ts';

/** Makes an empty file. ZenFS has applied its own rules to mode and owner. @throws {FsError} EEXIST, ENOENT, ENOTDIR, EROFS, ENAMETOOLONG */
export function createAt(call: Call, path: string, { mode, ...owner }: CreationOptions): Found {
  const place = locate(call, path);
  create.assertCreatable(call, place);
  const ino = create.createInode(call, place, { mode: S_IFREG | (mode & PERMISSIONS) });
  give(call, ino, owner);
  return { ...place, ino };
}

/** Makes a directory. @throws {FsError} as `createAt` */
export function mkdirAt(call: Call, path: string, { mode, ...owner }: CreationOptions): Found {
  const place = locate(call, path);
  create.assertCreatable(call, place);
  const { ino } = create.makeDirectory(call, place, mode);
  give(call, ino, owner);
  return { ...place, ino };
}

function give({ tree }: Call, ino: number, { uid, gid }: Pick<CreationOptions, 'uid' | 'gid'>): void {
  const record = tree.inode(ino)!;
  if (record.uid !== uid || record.gid !== gid) tree.put(ino, { ...record, uid, gid });
}

/** @throws {FsError} ENOENT, EISDIR, EROFS */
export function unlinkAt(call: Call, path: string): void {
  locateExisting(call, path);
  remove.unlink(call, path);
}

/** @throws {FsError} ENOENT, ENOTDIR, ENOTEMPTY, EBUSY, EROFS */
export function rmdirAt(call: Call, path: string): void {
  locateExisting(call, path);
  remove.rmdir(call, path);
}

/** @throws {FsError} ENOENT, ENOTEMPTY, EISDIR, ENOTDIR, EINVAL, EBUSY, EROFS */
export function renameAt(call: Call, from: string, to: string): void {
  locateExisting(call, from);
  locate(call, to);
  rename(call, from, to, 0);
}

/** @throws {FsError} ENOENT, EEXIST, EPERM for a directory, EROFS */
export function linkAt(call: Call, existing: string, path: string): void {
  locateExisting(call, existing);
  locate(call, path);
  create.link(call, existing, path);
}

/** @throws {FsError} ENOENT, ENOTDIR */
export function namesAt(call: Call, path: string): string[] {
  const directory = asDirectory(call, locateExisting(call, path));
  if (directory === undefined) throw new FsError('ENOTDIR');
  return [...entriesOf(call.tree, directory).keys()];
}

/**
 * What a file holds, or a symbolic link: its target.
 * @throws {FsError} ENOENT, EISDIR, ENXIO; ELOOP for a link that leads nowhere but in circles
 */
export function contentAt(call: Call, path: string, [start, end]: readonly [start: number, end: number], mountPoint: string): Uint8Array {
  const { ino } = locateExisting(call, path);
  const mode = call.tree.mode(ino);
  if (isSymlink(mode)) {
    assertEnds(call, path, mountPoint);
    return encodeUtf8(readTarget(call, ino)).subarray(start, end);
  }
  assertContent(mode);
  return readContent(call, ino, start, end);
}

/** @throws {FsError} ENOENT, EISDIR, ENXIO, EFBIG, EROFS */
export function writeAt(call: Call, path: string, patch: Patch): void {
  const place = locateExisting(call, path);
  assertContent(call.tree.mode(place.ino));
  applyFlush(call, place, { ...UNCHANGED, patches: [patch] });
}

const UNCHANGED: Flush = { truncateTo: undefined, size: undefined, patches: [], attributes: {}, unlessMtimeIsNot: undefined };

/** @throws {FsError} EISDIR, or ENXIO for what has no content of its own */
export function assertContent(mode: number): void {
  if (!isFile(mode)) throw new FsError(isDirectory(mode) ? 'EISDIR' : 'ENXIO');
}

/**
 * Changes attributes and size: of an inode that was handed out, what has changed in it; of any other, what it says. Inode number,
 * number of links and the rest are the engine's.
 * @throws {FsError} ENOENT, EFBIG, EROFS, EPERM or ENOTSUP for extended attributes that cannot be
 */
export function touchAt(call: Call, path: string, metadata: Partial<InodeLike>): void {
  const place = locateExisting(call, path);
  const current = call.tree.attr(place.ino);
  const own = metadata instanceof OverlayInode ? metadata : undefined;
  for (const [name, value] of own?.xattrChanges() ?? []) {
    if (value === undefined) attr.removexattr(call, place, name);
    else attr.setxattr(call, place, name, value, 0);
  }
  const size = own !== undefined && own.size === own.givenSize ? undefined : metadata.size;
  const resized = size !== undefined && isFile(current.mode) && size !== current.size;
  const sizes = resized ? { truncateTo: size, size } : {};
  applyFlush(call, place, { ...UNCHANGED, ...sizes, attributes: own?.changes() ?? changesOf(metadata) });
}

/** The extended attributes that ZenFS lets its users see. */
export function xattrsOf(call: Call, place: Found): Xattrs {
  const names = attr.listxattr(call, place).filter((name) => name.startsWith('user.'));
  return new Map(names.map((name) => [name, attr.getxattr(call, place, name)]));
}
