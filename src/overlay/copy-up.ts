/*
 * Copy-up: before an object of a lower changes, the upper gets a record of it, and of its parents. Only attributes are copied:
 * content stays in the lower until a chunk of it is written (see data.ts). Inode number, mode, owner, times and xattrs stay
 * as they were, and the parents' times are left alone.
 */

import { isDirectory, isFile, isSymlink } from '../base/mode.ts';
import type { InodeRecord, Name } from '../layer/upper.ts';
import { type Call, assertWritable } from './call.ts';
import { originOf } from './ino.ts';
import { lookup } from './lookup.ts';
import type { Directory } from './tree.ts';
import { readTarget } from './walk.ts';

/** Brings a directory and its parents to the upper; their content stays where it is. */
export function copyUpDirectory(call: Call, directory: Directory): InodeRecord {
  const record = call.tree.inode(directory.ino);
  if (record !== undefined) return record;
  assertWritable(call);
  const isRoot = directory.parent === directory;
  if (!isRoot) copyUpDirectory(call, directory.parent);
  return copyUp(call, directory.ino, isRoot ? [] : [[directory.parent.ino, directory.name]]);
}

/**
 * Brings what stands at a name to the upper.
 * Preconditions: `ino` is what lookup gives for the name.
 */
export function copyUpAt(call: Call, directory: Directory, name: string, ino: number): InodeRecord {
  const { tree } = call;
  const record = tree.inode(ino);
  if (record !== undefined) return record;
  assertWritable(call);
  gatherForCopyUp(call, ino);
  copyUpDirectory(call, directory);
  return copyUp(call, ino, [[directory.ino, name]]);
}

/**
 * The record of a file that is open or whose content changes: brought to the upper if it was not there. An open file that its
 * name does not lead to any more gets a record without a name.
 */
export function copyUpFile(call: Call, directory: Directory, name: string, ino: number): InodeRecord {
  const record = call.tree.inode(ino);
  if (record !== undefined) return record;
  return lookup(call.tree, directory, name) === ino ? copyUpAt(call, directory, name, ino) : copyUp(call, ino, []);
}

/** Fetches what copy-up needs beside attributes: a symbolic link's target. Called before an operation changes anything. */
export function gatherForCopyUp(call: Call, ino: number): void {
  if (isSymlink(call.tree.mode(ino)) && call.tree.inode(ino) === undefined) readTarget(call, ino);
}

/** Makes the record of a lower's object under the given names. The parents are there already. */
export function copyUp(call: Call, ino: number, names: readonly Name[]): InodeRecord {
  const { tree } = call;
  const { mode, uid, gid, rdev, nlink, size, atimeMs, mtimeMs, ctimeMs, birthtimeMs } = tree.attr(ino);
  const origin = originOf(tree.layers, ino);
  const lower = tree.lowerOf(ino);
  const content = isFile(mode) ? size : 0;
  const record: InodeRecord = {
    names,
    mode,
    uid,
    gid,
    rdev,
    nlink: isDirectory(mode) ? 1 : nlink,
    atimeMs,
    mtimeMs,
    ctimeMs,
    birthtimeMs,
    xattrs: lower && tree.layers[lower.layer]!.table.xattrs(lower.entry),
    size: isDirectory(mode) ? 0 : size,
    originSize: content,
    chunks: [],
    ...(isFile(mode) && { origin }),
    ...(isSymlink(mode) && { target: readTarget(call, ino) }),
  };
  tree.put(ino, record);
  return record;
}

/** Stamps a directory whose names have changed. Brings it to the upper. */
export function touchDirectory(call: Call, directory: Directory): void {
  const record = copyUpDirectory(call, directory);
  call.tree.put(directory.ino, { ...record, mtimeMs: call.now, ctimeMs: call.now });
}
