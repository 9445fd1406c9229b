/* Removing names. What a lower would show again gets a whiteout; what the upper alone had leaves nothing behind. */

import { FsError } from '../base/errors.ts';
import { isDirectory, R_OK, W_OK, X_OK } from '../base/mode.ts';
import { isWhiteout } from '../layer/upper.ts';
import { assertAccess, assertMayChangeNames, assertSticky } from './access.ts';
import { type Call, assertWritable, emit } from './call.ts';
import { copyUp, copyUpDirectory, gatherForCopyUp, touchDirectory } from './copy-up.ts';
import { entriesOf, isWithin, lowerEntry } from './lookup.ts';
import type { Directory } from './tree.ts';
import { type Found, type Place, asDirectory, find } from './walk.ts';

/** unlink(2). @throws {FsError} EISDIR for a directory, EACCES, EPERM (sticky), EROFS */
export function unlink(call: Call, path: string): void {
  const place = find(call, path, 'name');
  if (place.dots !== undefined) throw new FsError('EISDIR');
  if (place.slash) throw new FsError(isDirectory(call.tree.mode(place.ino)) ? 'EISDIR' : 'ENOTDIR');
  assertRemovable(call, place);
  if (isDirectory(call.tree.mode(place.ino))) throw new FsError('EISDIR');
  removeFile(call, place);
}

/** rmdir(2). @throws {FsError} ENOTDIR, ENOTEMPTY when the merged view has a name, EINVAL for `.`, EBUSY for the root */
export function rmdir(call: Call, path: string): void {
  const place = find(call, path, 'name');
  if (place.dots === '/') throw new FsError('EBUSY');
  if (place.dots !== undefined) throw new FsError(place.dots === '.' ? 'EINVAL' : 'ENOTEMPTY');
  assertRemovable(call, place);
  const directory = asDirectory(call, place);
  if (directory === undefined) throw new FsError('ENOTDIR');
  if (entriesOf(call.tree, directory).size > 0) throw new FsError('ENOTEMPTY');
  removeDirectory(call, directory);
}

/** rm -r: the name and everything below, in one change. @throws {FsError} EISDIR for a directory when not *recursive* */
export function removeAll(call: Call, path: string, recursive: boolean): void {
  const place = find(call, path, 'nofollow');
  const directory = asDirectory(call, place);
  if (directory !== undefined && !recursive) throw new FsError('EISDIR');
  if (place.dots !== undefined) throw new FsError(place.dots === '/' ? 'EBUSY' : 'EINVAL');
  assertRemovable(call, place);
  if (directory === undefined) return removeFile(call, place);
  if (call.user.uid !== 0) assertTreeRemovable(call, directory);
  gatherTree(call, directory);
  emptyDirectory(call, directory);
  removeDirectory(call, directory);
}

/** @throws {FsError} EACCES, EPERM, EROFS unless the name may be removed */
export function assertRemovable(call: Call, { directory, ino }: Pick<Place, 'directory' | 'ino'>): void {
  assertWritable(call);
  assertMayChangeNames(call, directory.ino);
  if (ino !== undefined) assertSticky(call, directory.ino, ino);
}

/** @throws {FsError} EACCES, EPERM unless everything below may be removed */
export function assertTreeRemovable(call: Call, directory: Directory): void {
  const entries = entriesOf(call.tree, directory);
  assertAccess(call, directory.ino, entries.size > 0 ? R_OK | W_OK | X_OK : R_OK);
  for (const [name, ino] of entries) {
    assertSticky(call, directory.ino, ino);
    const child = asDirectory(call, { directory, name, ino, slash: false, dots: undefined });
    if (child !== undefined) assertTreeRemovable(call, child);
  }
}

/** Hard links of a lower may have names outside the tree whose number of links changes: then every name is looked at. */
const hasLowerLinks = ({ tree }: Call, { stack }: Directory): boolean => stack.some(({ layer }) => tree.layers[layer]!.table.hasHardLinks);

function gatherTree(call: Call, directory: Directory): void {
  if (!hasLowerLinks(call, directory)) return;
  for (const [name, ino] of entriesOf(call.tree, directory)) {
    const child = asDirectory(call, { directory, name, ino, slash: false, dots: undefined });
    if (child !== undefined) gatherTree(call, child);
    else if (call.tree.attr(ino).nlink > 1) gatherForCopyUp(call, ino);
  }
}

/** Removes everything below a directory, without whiteouts: the caller removes the directory itself. */
function emptyDirectory(call: Call, directory: Directory): void {
  const { tree } = call;
  const thorough = hasLowerLinks(call, directory) || call.openFiles.anyWithin((at) => isWithin(at, directory));
  const names = thorough ? [...entriesOf(tree, directory)] : [...(tree.names.get(directory.ino) ?? [])];
  for (const [name, id] of names) {
    const record = tree.records.get(id);
    if (record !== undefined && isWhiteout(record)) {
      tree.remove(id);
      continue;
    }
    const child = asDirectory(call, { directory, name, ino: id, slash: false, dots: undefined });
    if (child === undefined) {
      dropName(call, directory, name, id);
      continue;
    }
    emptyDirectory(call, child);
    dropDirectory(call, child);
  }
  for (const id of tree.names.get(directory.ino)?.values() ?? []) tree.remove(id);
  directory.entries = new Map();
}

/** Removes a file's name from the merged tree. */
export function removeFile(call: Call, { directory, name, ino }: Found): void {
  if (call.tree.attr(ino).nlink > 1) gatherForCopyUp(call, ino);
  copyUpDirectory(call, directory);
  dropName(call, directory, name, ino);
  finishRemoval(call, directory, name);
}

/** Removes a directory whose merged view is empty. */
export function removeDirectory(call: Call, directory: Directory): void {
  const { parent, name } = directory;
  copyUpDirectory(call, parent);
  for (const id of call.tree.names.get(directory.ino)?.values() ?? []) call.tree.remove(id);
  dropDirectory(call, directory);
  finishRemoval(call, parent, name);
}

function finishRemoval(call: Call, directory: Directory, name: string): void {
  entriesOf(call.tree, directory).delete(name);
  whiteOut(call, directory, name);
  touchDirectory(call, directory);
  emit(call, 'rename', directory, name);
}

/** Marks a name as not existing, where a lower would show it. */
export function whiteOut({ tree }: Call, directory: Directory, name: string): void {
  if (lowerEntry(tree, directory.stack, name) === undefined) return;
  tree.put(tree.newId(), { names: [[directory.ino, name]], whiteout: true });
}

function dropDirectory(call: Call, directory: Directory): void {
  const { tree } = call;
  tree.directories.delete(directory.ino);
  if (call.openFiles.isOpen(directory.ino)) {
    const record = tree.inode(directory.ino) ?? copyUp(call, directory.ino, []);
    tree.put(directory.ino, { ...record, names: [], nlink: 0, ctimeMs: call.now });
  } else tree.remove(directory.ino);
}

/** Takes one name from a file. With its last name the file goes, unless it is open: then it stays until it is closed. */
function dropName(call: Call, directory: Directory, name: string, ino: number): void {
  const { tree, now } = call;
  const before = tree.inode(ino);
  const nlink = (before?.nlink ?? tree.attr(ino).nlink) - 1;
  if (nlink === 0 && !call.openFiles.isOpen(ino)) {
    if (before === undefined) return;
    tree.remove(ino);
    return;
  }
  const record = before ?? copyUp(call, ino, []);
  const names = record.names.filter(([at, called]) => at !== directory.ino || called !== name);
  tree.put(ino, { ...record, names, nlink, ctimeMs: now });
}
