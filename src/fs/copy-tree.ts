/* cp -r: a whole tree in one operation, sharing content. */

import { FsError } from '../base/errors.ts';
import { PERMISSIONS, isDirectory, isFile, isSymlink } from '../base/mode.ts';
import * as attr from '../overlay/attr.ts';
import type { Call } from '../overlay/call.ts';
import { assertCreatable, makeDirectory, mkdirAll, mknod, symlink } from '../overlay/create.ts';
import { entriesOf, isWithin } from '../overlay/lookup.ts';
import { unlink } from '../overlay/remove.ts';
import { type Found, asDirectory, find, readTarget, tryWalk, walk } from '../overlay/walk.ts';
import type { CopyOptions } from './api.ts';
import { copyFile } from './files.ts';

/**
 * Copies a file, a symbolic link or, with `recursive`, a directory with everything in it.
 * @throws {FsError} EISDIR for a directory without `recursive`, EINVAL into itself, EEXIST with `errorOnExist`, ENOTDIR, EISDIR
 */
export function copyTree(call: Call, from: string, to: string, options: CopyOptions): void {
  const source = find(call, from, options.dereference === true ? 'follow' : 'nofollow');
  const directory = asDirectory(call, source);
  if (directory !== undefined && options.recursive !== true) throw new FsError('EISDIR');
  gatherTargets(call, source);
  const target = tryWalk(call, to, 'nofollow');
  if (target !== undefined && target.ino === source.ino) throw new FsError('EINVAL', { detail: 'source and destination are the same' });
  if (directory !== undefined && target !== undefined && isWithin(target.directory, directory)) {
    throw new FsError('EINVAL', { detail: 'a directory cannot be copied into itself' });
  }
  const parent = to.replace(/\/+$/, '').replace(/[^/]*$/, '');
  if (parent !== '' && parent !== '/') mkdirAll(call, parent, 0o777);
  copy(call, from, to, options);
}

/** Reads the targets of all symbolic links first: the operation must not gather once it has begun to change. */
function gatherTargets(call: Call, place: Found): void {
  const directory = asDirectory(call, place);
  if (isSymlink(call.tree.mode(place.ino))) readTarget(call, place.ino);
  if (directory === undefined) return;
  for (const [name, ino] of entriesOf(call.tree, directory)) gatherTargets(call, { directory, name, ino, slash: false, dots: undefined });
}

function copy(call: Call, from: string, to: string, options: CopyOptions): void {
  if (options.filter !== undefined && !options.filter(from, to)) return;
  const source = find(call, from, options.dereference === true ? 'follow' : 'nofollow');
  const { mode, rdev } = call.tree.attr(source.ino);
  const existing = walk(call, to, 'nofollow');
  if (isDirectory(mode)) {
    copyDirectory(call, source, from, to, options);
  } else if (existing.ino !== undefined && !mayReplace(call, existing.ino, options)) {
    return;
  } else if (isSymlink(mode)) {
    if (existing.ino !== undefined) unlink(call, to);
    symlink(call, readTarget(call, source.ino), to);
  } else if (isFile(mode)) {
    copyFile(call, from, to, 0);
    const made = find(call, to, 'follow');
    if (call.tree.mode(made.ino) !== mode) attr.chmod(call, made, mode & PERMISSIONS);
  } else {
    if (existing.ino !== undefined) unlink(call, to);
    mknod(call, to, mode, rdev);
  }
  if (options.preserveTimestamps === true) preserveTimes(call, source, to);
}

function copyDirectory(call: Call, source: Found, from: string, to: string, options: CopyOptions): void {
  const place = walk(call, to, 'follow');
  if (place.ino === undefined) {
    assertCreatable(call, place);
    makeDirectory(call, place, 0o777);
    const made = find(call, to, 'follow');
    attr.chmod(call, made, call.tree.mode(source.ino) & PERMISSIONS);
  } else if (!isDirectory(call.tree.mode(place.ino))) {
    throw new FsError('ENOTDIR');
  }
  const directory = asDirectory(call, source)!;
  for (const name of Array.from(entriesOf(call.tree, directory).keys())) copy(call, join(from, name), join(to, name), options);
}

function mayReplace(call: Call, ino: number, { force, errorOnExist }: CopyOptions): boolean {
  if (isDirectory(call.tree.mode(ino))) throw new FsError('EISDIR');
  if (force !== false) return true;
  if (errorOnExist === true) throw new FsError('EEXIST');
  return false;
}

function preserveTimes(call: Call, source: Found, to: string): void {
  const { atimeMs, mtimeMs } = call.tree.attr(source.ino);
  attr.utimes(call, find(call, to, 'nofollow'), atimeMs, mtimeMs);
}

const join = (directory: string, name: string): string => (directory.endsWith('/') ? directory + name : `${directory}/${name}`);
