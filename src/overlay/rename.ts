/*
 * rename(2) and renameat2(2). A directory of a lower moves in O(1), whatever is below it: the upper gets a record of it with a
 * *redirect*, the path where the lowers have its content, and a whiteout stays at the old name.
 */

import { FsError } from '../base/errors.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE, W_OK, isDirectory } from '../base/mode.ts';
import type { InodeRecord } from '../layer/upper.ts';
import { assertAccess, assertMayChangeNames, assertSticky } from './access.ts';
import { type Call, assertWritable, emit } from './call.ts';
import { copyUpAt, copyUpDirectory, gatherForCopyUp, touchDirectory } from './copy-up.ts';
import { dropWhiteout } from './create.ts';
import { childStack, directoryAt, entriesOf, isWithin, lowerPath } from './lookup.ts';
import { removeDirectory, removeFile, whiteOut } from './remove.ts';
import type { Directory } from './tree.ts';
import { type Found, type Place, asDirectory, walk } from './walk.ts';

/**
 * @throws {FsError} EINVAL for a directory into itself or for unknown flags, ENOTEMPTY, ENOTDIR, EISDIR, EBUSY for the root,
 * EEXIST with RENAME_NOREPLACE, EACCES, EPERM (sticky), EROFS.
 */
export function rename(call: Call, from: string, to: string, flags: number): void {
  const { tree } = call;
  if (flags !== 0 && flags !== RENAME_NOREPLACE && flags !== RENAME_EXCHANGE) throw new FsError('EINVAL');
  // Both parents are looked up before either name.
  const { ino, ...left } = walk(call, from, 'nofollow');
  const target = walk(call, to, 'nofollow');
  if (ino === undefined) throw new FsError('ENOENT');
  const source: Found = { ...left, ino };
  if (source.dots !== undefined || target.dots !== undefined) throw new FsError('EBUSY');
  if (flags === RENAME_NOREPLACE && target.ino !== undefined) throw new FsError('EEXIST');
  assertWritable(call);
  const moved = asDirectory(call, source);
  if (target.slash && moved === undefined) throw new FsError('ENOTDIR');
  if (moved !== undefined && isWithin(target.directory, moved) && target.ino !== source.ino) throw new FsError('EINVAL');
  if (flags === RENAME_EXCHANGE) return exchange(call, source, target);
  if (source.ino === target.ino) return;
  assertMovable(call, source, target.directory);
  const replaced = assertReplaceable(call, source, target);
  gatherForCopyUp(call, source.ino);
  if (replaced !== undefined && tree.attr(replaced.ino).nlink > 1) gatherForCopyUp(call, replaced.ino);
  if (replaced !== undefined) remove(call, replaced);
  leave(call, source);
  arrive(call, source, target);
  whiteOut(call, source.directory, source.name);
  emit(call, 'rename', source.directory, source.name);
  emit(call, 'rename', target.directory, target.name);
}

function exchange(call: Call, source: Found, target: Place): void {
  if (target.ino === undefined) throw new FsError('ENOENT');
  const other: Found = { ...target, ino: target.ino };
  const into = asDirectory(call, other);
  if (into !== undefined && isWithin(source.directory, into) && into.ino !== source.ino) throw new FsError('EINVAL');
  if (source.ino === other.ino) return;
  assertMovable(call, source, target.directory);
  assertMovable(call, other, source.directory);
  gatherForCopyUp(call, source.ino);
  gatherForCopyUp(call, other.ino);
  const records = [leave(call, source), leave(call, other)];
  arrive(call, source, other, records[0]);
  arrive(call, other, source, records[1]);
  emit(call, 'rename', source.directory, source.name);
  emit(call, 'rename', target.directory, target.name);
}

function assertMovable(call: Call, { directory, ino }: Found, into: Directory): void {
  assertMayChangeNames(call, directory.ino);
  assertMayChangeNames(call, into.ino);
  assertSticky(call, directory.ino, ino);
  // Its `..` changes, which is a write to it.
  if (directory !== into && isDirectory(call.tree.mode(ino))) assertAccess(call, ino, W_OK);
}

/** What stands at the target and will be replaced. */
function assertReplaceable(call: Call, source: Found, target: Place): Found | undefined {
  if (target.ino === undefined) return undefined;
  const replaced: Found = { ...target, ino: target.ino };
  const isMovedDirectory = isDirectory(call.tree.mode(source.ino));
  const directory = asDirectory(call, replaced);
  if (isMovedDirectory && directory === undefined) throw new FsError('ENOTDIR');
  if (directory !== undefined) {
    if (!isMovedDirectory) throw new FsError(isWithin(source.directory, directory) ? 'ENOTEMPTY' : 'EISDIR');
    if (entriesOf(call.tree, directory).size > 0) throw new FsError('ENOTEMPTY');
  }
  assertSticky(call, target.directory.ino, target.ino);
  return replaced;
}

function remove(call: Call, replaced: Found): void {
  const directory = asDirectory(call, replaced);
  if (directory === undefined) removeFile(call, replaced);
  else removeDirectory(call, directory);
}

/** Takes the name from what stands at `source`, which is brought to the upper if it was not there. */
function leave(call: Call, { directory, name, ino }: Found): InodeRecord {
  const { tree } = call;
  const isDir = isDirectory(tree.mode(ino));
  const redirect = isDir ? redirectOf(call, directoryAt(tree, directory, name, ino)) : undefined;
  const record = copyUpAt(call, directory, name, ino);
  const names = record.names.filter(([at, called]) => at !== directory.ino || called !== name);
  const left = { ...record, names, ...(redirect !== undefined && { redirect }) };
  copyUpDirectory(call, directory);
  tree.put(ino, left);
  entriesOf(tree, directory).delete(name);
  touchDirectory(call, directory);
  return left;
}

/** Where the lowers have a directory's content; `undefined` when it has none there. */
const redirectOf = ({ tree }: Call, directory: Directory): string | undefined =>
  directory.stack.length > 0 ? lowerPath(tree, directory) : undefined;

/** Gives a name to what has just left another. */
function arrive(call: Call, { ino, directory: from, name: before }: Found, { directory, name }: Place, left = call.tree.inode(ino)!): void {
  const { tree, now } = call;
  copyUpDirectory(call, directory);
  dropWhiteout(call, directory, name);
  let record: InodeRecord = { ...left, names: [...left.names, [directory.ino, name]], ctimeMs: now };
  if (isDirectory(record.mode)) {
    const moved = directoryAt(tree, from, before, ino);
    tree.move(moved, directory, name);
    record = { ...record, ...marks(call, moved, directory, name) };
  }
  tree.put(ino, record);
  entriesOf(tree, directory).set(name, ino);
  touchDirectory(call, directory);
}

/** The marks of a directory at its new place: they make a lookup there find what it merges now, and nothing else. */
function marks({ tree }: Call, moved: Directory, parent: Directory, name: string): Pick<InodeRecord, 'opaque' | 'redirect'> {
  if (moved.stack.length === 0) return { opaque: parent.stack.length > 0 ? true : tree.inode(moved.ino)?.opaque, redirect: undefined };
  const found = childStack(tree, parent.stack, name);
  const isBack =
    found.length === moved.stack.length &&
    found.every(({ layer, entry }, i) => moved.stack[i]!.layer === layer && moved.stack[i]!.entry === entry);
  return { opaque: undefined, redirect: isBack ? undefined : tree.inode(moved.ino)!.redirect };
}
