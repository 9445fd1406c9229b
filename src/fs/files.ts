/* Whole files: read, write, append, copy. Each is one operation of the engine, so that nobody sees half of it. */

import { FsError } from '../base/errors.ts';
import {
  COPYFILE_EXCL,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  PERMISSIONS,
  R_OK,
  S_IFREG,
  W_OK,
  isDirectory,
  isFile,
} from '../base/mode.ts';
import { assertAccess } from '../overlay/access.ts';
import { type Call, assertWritable, emit } from '../overlay/call.ts';
import { copyUpFile } from '../overlay/copy-up.ts';
import { assertCreatable, createFile, createInode, masked } from '../overlay/create.ts';
import { newContent, readContent, replaceContent, sharedContent, unprivileged, writeContent } from '../overlay/data.ts';
import { assertOpenable } from '../overlay/handle.ts';
import { type Found, find, walk, walkToOpen } from '../overlay/walk.ts';

const isExclusive = (flags: number): boolean => (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);

/** Reads a whole file. The bytes are the caller's own. @throws {FsError} ENOENT, EISDIR, EACCES, EIO */
export function readFile(call: Call, path: string, flags: number): Uint8Array<ArrayBuffer> {
  const place = walkToOpen(call, path, flags);
  if (place.ino !== undefined && isExclusive(flags)) throw new FsError('EEXIST');
  if (place.ino === undefined && (flags & O_CREAT) !== 0) {
    createFile(call, place, 0o666);
    return new Uint8Array(0);
  }
  if (place.ino === undefined) throw new FsError('ENOENT');
  assertOpenable(call, { ...place, ino: place.ino }, flags);
  if (isDirectory(call.tree.mode(place.ino))) throw new FsError('EISDIR', { syscall: 'read' });
  const { size } = call.tree.attr(place.ino);
  const bytes = readContent(call, place.ino, 0, size);
  if ((flags & O_ACCMODE) !== O_RDONLY) copyUpFile(call, place.directory, place.name, place.ino);
  return bytes;
}

/** Writes a whole file, or appends to it, by the flags. Copies the bytes. */
export function writeFile(call: Call, path: string, bytes: Uint8Array, flags: number, mode: number): void {
  const exclusive = isExclusive(flags);
  const place = walkToOpen(call, path, flags);
  if (place.ino === undefined) {
    if ((flags & O_CREAT) === 0) throw new FsError('ENOENT');
    assertCreatable(call, place);
    const ino = createInode(call, place, { mode: S_IFREG | masked(call, mode), ...newContent(call, bytes) });
    const made = call.tree.inode(ino)!;
    if (bytes.length > 0) call.tree.put(ino, { ...made, mode: unprivileged(call, made) });
  } else {
    if (exclusive) throw new FsError('EEXIST');
    const found: Found = { ...place, ino: place.ino };
    assertOpenable(call, found, flags);
    if ((flags & O_ACCMODE) === O_RDONLY) throw new FsError('EBADF', { syscall: 'write' });
    assertWritable(call);
    if ((flags & O_TRUNC) !== 0) replaceContent(call, found, bytes);
    else writeContent(call, found, (flags & O_APPEND) !== 0 ? call.tree.attr(found.ino).size : 0, bytes);
  }
  emit(call, 'change', place.directory, place.name);
}

/** Copies a file without copying a byte: both share their content until one is written. @throws {FsError} EEXIST (COPYFILE_EXCL), EISDIR */
export function copyFile(call: Call, from: string, to: string, flags: number): void {
  const source = find(call, from, 'follow');
  const { mode } = call.tree.attr(source.ino);
  if (isDirectory(mode)) throw new FsError('EISDIR');
  if (!isFile(mode)) throw new FsError('EINVAL');
  assertAccess(call, source.ino, R_OK);
  const target = walk(call, to, 'follow');
  if (target.ino === undefined) {
    assertCreatable(call, target);
    const content = sharedContent(call, source.ino);
    createInode(call, target, { mode: copiedMode(call, { mode, size: content.size, gid: call.user.gid }), ...content });
    emit(call, 'change', target.directory, target.name);
    return;
  }
  if ((flags & COPYFILE_EXCL) !== 0) throw new FsError('EEXIST');
  if (isDirectory(call.tree.mode(target.ino))) throw new FsError('EISDIR');
  assertWritable(call);
  assertAccess(call, target.ino, W_OK);
  if (target.ino === source.ino) return;
  const content = sharedContent(call, source.ino);
  const record = copyUpFile(call, target.directory, target.name, target.ino);
  const isOwner = call.user.uid === 0 || call.user.uid === record.uid;
  const changed = isOwner ? copiedMode(call, { mode, size: content.size, gid: record.gid }) : unprivileged(call, record);
  call.tree.put(target.ino, { ...record, ...content, mode: changed, mtimeMs: call.now, ctimeMs: call.now });
  emit(call, 'change', target.directory, target.name);
}

/** As in Node, the mode goes over too, where the caller may change it: all of it, and then the content is written. */
function copiedMode(call: Call, { mode, size, gid }: { readonly mode: number; readonly size: number; readonly gid: number }): number {
  const copied = S_IFREG | (mode & PERMISSIONS);
  return size === 0 ? copied : unprivileged(call, { mode: copied, gid });
}
