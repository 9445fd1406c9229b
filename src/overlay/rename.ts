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
  if (flags !== 0 && flags !== RENAME_NOREPLACE && flags !== RENAME_EXCHANGE) throw new FsError('EINVAL');
  const { source, target, replaced } = lookupBoth(call, from, to, flags);
  assertNotNested(call, source, target, flags);
  if (source.ino === replaced?.ino) return;
  assertPermitted(call, source, target, flags);
  gatherForCopyUp(call, source.ino);
  if (flags === RENAME_EXCHANGE) exchange(call, source, replaced!);
  else replace(call, source, target, replaced);
  emit(call, 'rename', source.directory, source.name);
  emit(call, 'rename', target.directory, target.name);
}

/** Both parents are looked up before either name. */
function lookupBoth(call: Call, from: string, to: string, flags: number): { source: Found; target: Place; replaced: Found | undefined } {
  const { ino, ...left } = walk(call, from, 'name');
  const target = walk(call, to, 'name');
  if (left.dots !== undefined) throw new FsError('EBUSY');
  if (target.dots !== undefined) throw new FsError(flags === RENAME_NOREPLACE ? 'EEXIST' : 'EBUSY');
  assertWritable(call);
  if (ino === undefined) throw new FsError('ENOENT');
  if (flags === RENAME_NOREPLACE && target.ino !== undefined) throw new FsError('EEXIST');
  if (flags === RENAME_EXCHANGE && target.ino === undefined) throw new FsError('ENOENT');
  const replaced = target.ino === undefined ? undefined : { ...target, ino: target.ino };
  return { source: { ...left, ino }, target, replaced };
}

/** A directory cannot come to stand below itself, nor replace one that it stands in. */
function assertNotNested(call: Call, source: Found, target: Place, flags: number): void {
  const moved = asDirectory(call, source);
  const into = target.ino === undefined ? undefined : asDirectory(call, { ...target, ino: target.ino });
  const slash = source.slash || (target.slash && flags !== RENAME_EXCHANGE);
  if (moved === undefined && slash) throw new FsError('ENOTDIR');
  if (into === undefined && flags === RENAME_EXCHANGE && target.slash) throw new FsError('ENOTDIR');
  if (moved !== undefined && isWithin(target.directory, moved)) throw new FsError('EINVAL');
  if (into !== undefined && isWithin(source.directory, into)) throw new FsError(flags === RENAME_EXCHANGE ? 'EINVAL' : 'ENOTEMPTY');
}

/** In the kernel's order (vfs_rename): both names, then what stands there, then the directories whose `..` changes. */
function assertPermitted(call: Call, source: Found, target: Place, flags: number): void {
  const isDir = (ino: number): boolean => isDirectory(call.tree.mode(ino));
  assertMayChangeNames(call, source.directory.ino);
  assertSticky(call, source.directory.ino, source.ino);
  assertMayChangeNames(call, target.directory.ino);
  const { ino } = target;
  if (ino !== undefined) {
    assertSticky(call, target.directory.ino, ino);
    if (flags !== RENAME_EXCHANGE && isDir(source.ino) !== isDir(ino)) throw new FsError(isDir(ino) ? 'EISDIR' : 'ENOTDIR');
  }
  if (source.directory !== target.directory) {
    if (isDir(source.ino)) assertAccess(call, source.ino, W_OK);
    if (flags === RENAME_EXCHANGE && isDir(ino!)) assertAccess(call, ino!, W_OK);
  }
  const emptied = flags !== RENAME_EXCHANGE && ino !== undefined ? asDirectory(call, { ...target, ino }) : undefined;
  if (emptied !== undefined && entriesOf(call.tree, emptied).size > 0) throw new FsError('ENOTEMPTY');
}

function replace(call: Call, source: Found, target: Place, replaced: Found | undefined): void {
  if (replaced !== undefined && call.tree.attr(replaced.ino).nlink > 1) gatherForCopyUp(call, replaced.ino);
  if (replaced !== undefined) remove(call, replaced);
  leave(call, source);
  arrive(call, source, target);
  whiteOut(call, source.directory, source.name);
}

function exchange(call: Call, source: Found, other: Found): void {
  gatherForCopyUp(call, other.ino);
  const records = [leave(call, source), leave(call, other)];
  arrive(call, source, other, records[0]);
  arrive(call, other, source, records[1]);
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
