/*
 * Rollback: the tree becomes what a snapshot shows, in one change. Only records that were made since are touched. Open files stay with
 * their inodes: one that the snapshot has shows what it was, one that it does not have is like a file that was unlinked.
 */

import { type LiveRecord, isWhiteout } from '../layer/upper.ts';
import { type Call, assertWritable } from './call.ts';
import { changedPaths, changedSince } from './changed-since.ts';
import { copyUp } from './copy-up.ts';
import type { OpenFile } from './handle.ts';
import { FIRST_UPPER_INO, ROOT_INO } from './ino.ts';
import { directoryAt, directoryOf, entriesOf, inoAt, isDirectoryIno, join, nameAt } from './lookup.ts';
import type { Directory, Tree } from './tree.ts';

/** A name in a directory. */
interface Place {
  readonly directory: Directory;
  readonly name: string;
}

/** @throws {FsError} EROFS, ENOENT where there is no such snapshot */
export function rollback(call: Call, snapshot: number): void {
  const { tree } = call;
  assertWritable(call);
  const changed = changedSince(tree, snapshot);
  const open = Array.from(call.openFiles.all(), (file): [OpenFile, string] => [file, join(file.directory, file.name)]);
  const seen = call.watchers.isEmpty ? new Map<string, number | undefined>() : changedPaths(tree, changed);

  for (const id of changed.ids) {
    const then = changed.before.get(id);
    if (then === undefined) remove(call, id, tree.records.get(id)!);
    else tree.put(id, then);
  }
  tree.startAnew();
  for (const [file, path] of open) if (file.ino !== ROOT_INO) settle(call, file, path);

  for (const [path, before] of seen) {
    const after = inoAt(tree, path);
    if (before !== after) tree.changes.events.push({ eventType: 'rename', path });
    else if (after !== undefined && changed.ids.has(after)) tree.changes.events.push({ eventType: 'change', path });
  }
}

/** Removes what the snapshot does not have; what is open stays, without a name. */
function remove(call: Call, id: number, record: LiveRecord): void {
  const { tree, now } = call;
  if (isWhiteout(record) || !call.openFiles.isOpen(id)) return tree.remove(id);
  tree.put(id, { ...record, names: [], nlink: 0, ctimeMs: now });
}

/** Tells an open file where it stands in the tree as it is now. One that stands nowhere keeps its content until it is closed. */
function settle(call: Call, file: OpenFile, path: string): void {
  const { tree } = call;
  const { ino } = file;
  const record = tree.inode(ino);
  if (record === undefined && ino >= FIRST_UPPER_INO) return; // it is stale: the commit that made it failed
  const place = placeNow(tree, ino, path);
  if (place !== undefined) {
    if (record?.nlink === 0) tree.remove(ino); // what a lower has is there again
    tree.changes.move(file, place);
    return;
  }
  if (record?.nlink !== 0) tree.put(ino, { ...(record ?? copyUp(call, ino, [])), nlink: 0 });
  tree.changes.move(file, nowhere(tree));
}

/** A place that nothing ever has. */
const nowhere = ({ root }: Tree): Place => ({ directory: root, name: '' });

function placeNow(tree: Tree, ino: number, path: string): Place | undefined {
  const name = tree.inode(ino)?.names[0];
  if (name !== undefined) return { directory: directoryOf(tree, name[0]), name: name[1] };
  if (ino >= FIRST_UPPER_INO) return undefined;
  // Fast path: where it was.
  const place = nameAt(tree, path);
  return place !== undefined && entriesOf(tree, place.directory).get(place.name) === ino ? place : placeIn(tree, tree.root, ino);
}

/** Looks everywhere: an object of a lower may be shown at any place, and its own path in the lower does not tell. */
function placeIn(tree: Tree, directory: Directory, ino: number): Place | undefined {
  for (const [name, child] of entriesOf(tree, directory)) {
    if (child === ino) return { directory, name };
    const found = isDirectoryIno(tree, child) ? placeIn(tree, directoryAt(tree, directory, name, child), ino) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
