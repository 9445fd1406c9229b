/*
 * Open files. A handle refers to an inode, not to a name: it sees what anybody writes to the file, also when it was opened before
 * the copy-up, and a file that was unlinked or replaced stays readable and writable through it until it is closed.
 */

import { FsError } from '../base/errors.ts';
import {
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  isDirectory,
  isFile,
  isSymlink,
} from '../base/mode.ts';
import { assertAccess, wanted } from './access.ts';
import { type Call, assertWritable, emit } from './call.ts';
import type { OpenPlace } from './changes.ts';
import { copyUpFile } from './copy-up.ts';
import { createFile } from './create.ts';
import { readContent, replaceContent, truncateContent, writeContent } from './data.ts';
import { FIRST_UPPER_INO } from './ino.ts';
import { lookup } from './lookup.ts';
import type { Directory } from './tree.ts';
import { type Found, walkToOpen } from './walk.ts';

/** An open file description. */
export interface OpenFile extends OpenPlace {
  readonly fd: number;
  readonly ino: number;
  readonly flags: number;
}

/** Descriptors start after the three that every Unix program has. */
const FIRST_FD = 3;
/** Open files of one workspace (RLIMIT_NOFILE as servers set it). */
const MAX_OPEN = 65536;

export class OpenFiles {
  readonly #files = new Map<number, OpenFile>();
  readonly #uses = new Map<number, number>();
  #nextFd = FIRST_FD;

  /** @throws {FsError} EMFILE when nothing more can be opened. Called before anything is made. */
  assertRoom(): void {
    if (this.#files.size >= MAX_OPEN) throw new FsError('EMFILE');
  }

  add(file: Omit<OpenFile, 'fd'>): OpenFile {
    const opened = { ...file, fd: this.#nextFd++ };
    this.#files.set(opened.fd, opened);
    this.#uses.set(file.ino, (this.#uses.get(file.ino) ?? 0) + 1);
    return opened;
  }

  /** @throws {FsError} EBADF when nothing is open under this number. */
  get(fd: number): OpenFile {
    const file = this.#files.get(fd);
    if (file === undefined) throw new FsError('EBADF');
    return file;
  }

  /** Gives whether this was the inode's last open file. */
  remove({ fd, ino }: OpenFile): boolean {
    this.#files.delete(fd);
    const uses = this.#uses.get(ino)! - 1;
    if (uses > 0) this.#uses.set(ino, uses);
    else this.#uses.delete(ino);
    return uses === 0;
  }

  all(): Iterable<OpenFile> {
    return this.#files.values();
  }

  isOpen(ino: number): boolean {
    return this.#uses.has(ino);
  }

  anyWithin(isWithin: (directory: Directory) => boolean): boolean {
    for (const { directory } of this.#files.values()) if (isWithin(directory)) return true;
    return false;
  }
}

const mayRead = (flags: number): boolean => (flags & O_ACCMODE) !== O_WRONLY;
const mayWrite = (flags: number): boolean => (flags & O_ACCMODE) !== O_RDONLY;

/**
 * open(2). Opening for writing copies up attributes; content stays in the lower until it is written.
 * @throws {FsError} ENOENT, EEXIST (O_EXCL), EISDIR, ENOTDIR (O_DIRECTORY), ELOOP (O_NOFOLLOW), ENXIO (not a file), EACCES, EROFS
 */
export function open(call: Call, path: string, flags: number, mode: number): OpenFile {
  call.openFiles.assertRoom();
  const exclusive = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
  const place = walkToOpen(call, path, flags);
  if (place.ino === undefined) {
    if ((flags & O_CREAT) === 0) throw new FsError('ENOENT');
    const ino = createFile(call, place, mode);
    return call.openFiles.add({ ino, flags, directory: place.directory, name: place.name, position: 0 });
  }
  if (exclusive) throw new FsError('EEXIST');
  const found: Found = { ...place, ino: place.ino };
  assertOpenable(call, found, flags);
  if (mayWrite(flags) || (flags & O_TRUNC) !== 0) {
    assertWritable(call);
    if ((flags & O_TRUNC) !== 0) {
      replaceContent(call, found, new Uint8Array(0));
      emit(call, 'change', found.directory, found.name);
    } else copyUpFile(call, found.directory, found.name, found.ino);
  }
  return call.openFiles.add({ ino: found.ino, flags, directory: found.directory, name: found.name, position: 0 });
}

/** @throws {FsError} ELOOP, EISDIR, ENOTDIR, ENXIO, EACCES */
export function assertOpenable(call: Call, { ino }: Found, flags: number): void {
  const mode = call.tree.mode(ino);
  if (isSymlink(mode)) throw new FsError((flags & O_DIRECTORY) === 0 ? 'ELOOP' : 'ENOTDIR');
  const write = mayWrite(flags) || (flags & O_TRUNC) !== 0;
  if (isDirectory(mode)) {
    if (write || (flags & O_CREAT) !== 0) throw new FsError('EISDIR');
  } else if ((flags & O_DIRECTORY) !== 0) throw new FsError('ENOTDIR');
  assertAccess(call, ino, wanted(mayRead(flags), write));
  if (!isFile(mode) && !isDirectory(mode)) throw new FsError('ENXIO');
}

/**
 * What is open under a descriptor.
 * @throws {FsError} EBADF; ESTALE when the open file was made by a synchronous call whose commit failed, so that there never was one
 */
export function openFile({ tree, openFiles }: Call, fd: number): OpenFile {
  const file = openFiles.get(fd);
  if (file.ino < FIRST_UPPER_INO || tree.inode(file.ino) !== undefined) return file;
  throw new FsError('ESTALE', { detail: 'the commit that made the file failed' });
}

/** close(2): with the last handle of an unlinked file the file goes. */
export function close(call: Call, fd: number): void {
  const file = call.openFiles.get(fd);
  const record = call.tree.inode(file.ino);
  if (!call.openFiles.remove(file) || record === undefined || record.nlink > 0) return;
  call.tree.remove(file.ino);
}

/** Reads from an open file; without a position, where it stands, and moves it on. The bytes are the caller's own. */
export function read(call: Call, fd: number, length: number, position: number | undefined): Uint8Array<ArrayBuffer> {
  const file = openFile(call, fd);
  if (!mayRead(file.flags)) throw new FsError('EBADF');
  if (isDirectory(call.tree.mode(file.ino))) throw new FsError('EISDIR');
  const start = position ?? file.position;
  const bytes = readContent(call, file.ino, start, start + length);
  if (position === undefined) file.position = start + bytes.length;
  return bytes;
}

/** Writes to an open file; with O_APPEND always at its end. Copies the bytes. Gives how many were written: all. */
export function write(call: Call, fd: number, bytes: Uint8Array, position: number | undefined): number {
  const file = openFile(call, fd);
  if (!mayWrite(file.flags)) throw new FsError('EBADF');
  if (bytes.length === 0) return 0;
  const start = (file.flags & O_APPEND) !== 0 ? call.tree.attr(file.ino).size : (position ?? file.position);
  writeContent(call, file, start, bytes);
  if (position === undefined) call.tree.changes.move(file, { position: start + bytes.length });
  emitFor(call, file);
  return bytes.length;
}

/** ftruncate(2). @throws {FsError} EINVAL when the file is not open for writing */
export function truncate(call: Call, fd: number, size: number): void {
  const file = openFile(call, fd);
  if (!mayWrite(file.flags)) throw new FsError('EINVAL');
  truncateContent(call, file, size);
  emitFor(call, file);
}

/** The place of an open file, for what works on places: attributes. Copy-up through it reaches the inode, whatever its names are. */
export function placeOf(call: Call, fd: number): Found {
  const file = openFile(call, fd);
  return { directory: file.directory, name: file.name, ino: file.ino, slash: false, dots: undefined };
}

function emitFor(call: Call, { directory, name, ino }: OpenFile): void {
  if (!call.watchers.isEmpty && lookup(call.tree, directory, name) === ino) emit(call, 'change', directory, name);
}
