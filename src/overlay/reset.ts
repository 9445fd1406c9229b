/* Reset: drops what the upper has at a path and below, so that the lowers show again. */

import { FsError } from '../base/errors.ts';
import { isDirectory } from '../base/mode.ts';
import { type Name, isWhiteout } from '../layer/upper.ts';
import { type Call, assertWritable, emit } from './call.ts';
import { FIRST_UPPER_INO, ROOT_INO, originOf } from './ino.ts';
import { join, lowerPath, pathOf } from './lookup.ts';
import { assertRemovable, assertTreeRemovable } from './remove.ts';
import type { Directory, Tree } from './tree.ts';
import { type Place, asDirectory, walk } from './walk.ts';

/**
 * @throws {FsError} ENOENT where the upper has nothing at the path, EBUSY where an object that would show again lives on under
 * another name or is open, EACCES and EPERM where the user may not remove what is there, EROFS.
 */
export function reset(call: Call, path: string): void {
  const { tree } = call;
  const place = walk(call, path, 'nofollow');
  const { directory, name, dots, ino } = place;
  assertWritable(call);
  const isRoot = ino === ROOT_INO;
  if (dots !== undefined && !isRoot) throw new FsError('EINVAL');
  if (call.user.uid !== 0) assertMayReset(call, place);
  const id = isRoot ? ROOT_INO : tree.names.get(directory.ino)?.get(name);
  if (id === undefined || (isRoot && !tree.records.has(ROOT_INO))) throw new FsError('ENOENT', { detail: 'there is nothing to reset' });
  const doomed = isRoot ? new Set(tree.records.keys()) : collect(tree, id, new Set<number>());
  const goes = ([at, called]: Name): boolean => doomed.has(at) || (at === directory.ino && called === name);
  assertNotElsewhere(call, doomed, goes, isRoot ? '' : `${lowerPath(tree, directory)}/${name}`);
  for (const each of doomed) drop(call, each, goes);
  forget(tree, isRoot ? tree.root : directory, isRoot ? '/' : join(directory, name));
  emit(call, 'rename', directory, name);
}

/** What shows in the upper goes, as when it is removed. */
function assertMayReset(call: Call, place: Place): void {
  const { ino } = place;
  if (ino !== ROOT_INO) assertRemovable(call, place);
  const directory = ino === undefined ? undefined : asDirectory(call, { ...place, ino });
  if (directory !== undefined) assertTreeRemovable(call, directory);
}

/** The records at and below one. */
function collect(tree: Tree, id: number, into: Set<number>): Set<number> {
  into.add(id);
  const record = tree.inode(id);
  if (record === undefined || !isDirectory(record.mode)) return into;
  for (const child of tree.names.get(id)?.values() ?? []) collect(tree, child, into);
  return into;
}

/**
 * What shows again must not be in use under another name: an inode number would mean two things, and a change of one name would
 * show in the other.
 */
function assertNotElsewhere({ tree, openFiles }: Call, doomed: ReadonlySet<number>, goes: (name: Name) => boolean, below: string): void {
  const isBelow = (path: string): boolean => path === below || path.startsWith(`${below}/`);
  for (const [id, record] of tree.records) {
    if (isWhiteout(record) || id === ROOT_INO) continue;
    if (doomed.has(id)) {
      const elsewhere = record.names.find((name) => !goes(name));
      if (id < FIRST_UPPER_INO && elsewhere !== undefined) throw new FsError('EBUSY', { detail: `it has another name: '${elsewhere[1]}'` });
      if (id < FIRST_UPPER_INO && openFiles.isOpen(id)) throw new FsError('EBUSY', { detail: 'it is open' });
      continue;
    }
    const origin = originOf(tree.layers, id);
    const from = record.redirect ?? (origin && tree.layers[origin.layer]!.table.path(origin.entry));
    if (from === undefined || !isBelow(from)) continue;
    const now = record.names[0]?.[1] ?? 'an open file';
    throw new FsError('EBUSY', { detail: `'${from}' of the lowers is in use as '${now}': reset that first` });
  }
}

/** Removes one record; a file that keeps a name outside, or is open, loses only the names that go. */
function drop(call: Call, id: number, goes: (name: Name) => boolean): void {
  const { tree } = call;
  const record = tree.inode(id);
  if (record === undefined || isDirectory(record.mode)) return tree.remove(id);
  const names = record.names.filter((name) => !goes(name));
  if (names.length > 0 || call.openFiles.isOpen(id)) {
    tree.put(id, { ...record, names, nlink: names.length, ctimeMs: call.now });
    return;
  }
  tree.remove(id);
}

/** Lets the directories at and below a path be merged anew. Others stay what they are: who walked to them goes on with them. */
function forget(tree: Tree, directory: Directory, path: string): void {
  tree.paths.forget();
  tree.forgetEntries(directory);
  for (const [ino, each] of tree.directories) {
    const at = pathOf(each);
    if (each !== tree.root && (path === '/' || at === path || at.startsWith(`${path}/`))) tree.directories.delete(ino);
  }
}
