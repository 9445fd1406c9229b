/*
 * The checker: the union rules I1 … I10 (docs/SEMANTICS.md) over the records and over everything that is derived from them. It
 * is a product feature (`ws.check()`), and tests run it after every operation. It changes nothing.
 */

import type { Violation } from '../base/diff.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import { NAME_MAX, isDirectory, isFile } from '../base/mode.ts';
import { type InodeRecord, type LiveRecord, isWhiteout } from '../layer/upper.ts';
import { chunkSizeOf } from '../layer/chunk-size.ts';
import { FIRST_UPPER_INO, ROOT_INO, originOf } from './ino.ts';
import { directoryAt, entriesOf, lowerEntry, mergeEntries, namePath, pathOf, stackOf } from './lookup.ts';
import type { Directory, Tree } from './tree.ts';

type Report = (rule: Violation['rule'], id: number, message: string) => void;

/** Checks everything; no violation means that all is well. */
export function check(tree: Tree): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (rule, id, message) => void violations.push({ rule, path: label(tree, id), id, message });
  checkLowers(tree, report);
  for (const [id, record] of tree.records) checkRecord(tree, id, record, report);
  checkNames(tree, report);
  checkSharing(tree, report);
  if (violations.length > 0) return violations; // what is derived from broken records says nothing more
  visit(tree, tree.root, new Set(), report);
  for (const directory of tree.directories.values()) checkCached(tree, directory, report);
  return violations;
}

/** I1: lowers never change. Their tables are immutable; what can go wrong is that records point outside them. */
function checkLowers(tree: Tree, report: Report): void {
  for (const [id, record] of tree.records) {
    if (isWhiteout(record)) continue;
    if (id !== ROOT_INO && id < FIRST_UPPER_INO && originOf(tree.layers, id) === undefined)
      report('I1', id, `inode ${id} belongs to no lower`);
    const { origin } = record;
    const table = origin && tree.layers[origin.layer]?.table;
    if (origin !== undefined && (table === undefined || origin.entry >= table.length || !isFile(table.mode(origin.entry)))) {
      report('I1', id, `its origin is no file of a lower: layer ${origin.layer}, entry ${origin.entry}`);
    } else if (origin !== undefined && record.originSize > table!.size(origin.entry)) {
      report('I6', id, `shows ${record.originSize} bytes of an origin of ${table!.size(origin.entry)}`);
    }
  }
}

function checkRecord(tree: Tree, id: number, record: LiveRecord, report: Report): void {
  for (const [directory, name] of record.names) {
    const parent = tree.records.get(directory);
    if (parent === undefined) report('I5', id, `stands in directory ${directory}, which is not on the upper`);
    else if (isWhiteout(parent)) report('I5', id, `stands in ${directory}, which is a whiteout`);
    else if (!isDirectory(parent.mode)) report('I5', id, `stands in ${directory}, which is not a directory`);
    else if (isWhiteout(record) && parent.opaque === true) report('I4', id, 'is a whiteout in an opaque directory');
    if (!isName(name)) report('I10', id, `is not a name: '${name}'`);
  }
  if (isWhiteout(record)) {
    if (record.names.length !== 1) report('I10', id, 'is a whiteout of no name');
    return;
  }
  if (isDirectory(record.mode)) checkDirectoryRecord(tree, id, record, report);
  else checkFileRecord(id, record, report);
}

/** Tells whether a directory can hold something under this name. */
export function isName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return false;
  return encodeUtf8(name).length <= NAME_MAX;
}

function checkDirectoryRecord(tree: Tree, id: number, record: InodeRecord, report: Report): void {
  const names = id === ROOT_INO || record.nlink === 0 ? 0 : 1;
  if (record.names.length !== names) report('I5', id, `is a directory of ${record.names.length} names`);
  if (record.opaque === true && record.redirect !== undefined) report('I8', id, 'is opaque and has a redirect');
  const seen = new Set<number>();
  for (let at = id; at !== ROOT_INO && record.nlink > 0;) {
    if (seen.has(at)) return report('I5', id, 'stands below itself');
    seen.add(at);
    const above = tree.inode(at)?.names[0]?.[0];
    if (above === undefined) return report('I5', id, 'cannot be reached from the root');
    at = above;
  }
}

function checkFileRecord(id: number, record: InodeRecord, report: Report): void {
  const lowerLinks = id < FIRST_UPPER_INO;
  if (lowerLinks ? record.nlink < record.names.length : record.nlink !== record.names.length) {
    report('I9', id, `has ${record.names.length} names and a number of links of ${record.nlink}`);
  }
  if (record.opaque === true || record.redirect !== undefined) report('I8', id, 'is not a directory and has a mark of one');
  if (!isFile(record.mode)) return;
  if (record.chunks.length > Math.ceil(record.size / chunkSizeOf(record))) report('I6', id, 'has chunks beyond its end');
  if (record.originSize > record.size) report('I6', id, 'shows more of its origin than its size');
  if (record.originSize > 0 && record.origin === undefined) report('I6', id, 'shows an origin that it does not have');
}

/** I9: a name means one thing. */
function checkNames(tree: Tree, report: Report): void {
  const claimed = new Map<string, number>();
  for (const [id, record] of tree.records) {
    for (const [directory, name] of record.names) {
      const key = `${directory}/${name}`;
      const other = claimed.get(key);
      if (other !== undefined) report('I9', id, `records ${other} and ${id} have the same name`);
      claimed.set(key, id);
      if (tree.names.get(directory)?.get(name) !== id) report('I9', id, 'is not found under its name');
    }
  }
}

function checkSharing(tree: Tree, report: Report): void {
  const uses = new Map<number, number>();
  for (const record of tree.records.values()) {
    if (isWhiteout(record)) continue;
    for (const chunk of record.chunks) if (chunk !== 0) uses.set(chunk, (uses.get(chunk) ?? 0) + 1);
  }
  for (const [chunk, count] of uses) {
    const known = tree.space.shared.get(chunk) ?? 1;
    if (known !== count) report('I6', ROOT_INO, `chunk ${chunk} is held by ${count} inodes and counted ${known} times`);
  }
}

/** The upper's part of the merged tree: I2, I3, I7, I8. */
function visit(tree: Tree, directory: Directory, redirects: Set<string>, report: Report): void {
  for (const [name, id] of tree.names.get(directory.ino) ?? []) {
    const record = tree.records.get(id)!;
    const hidden = lowerEntry(tree, directory.stack, name);
    if (isWhiteout(record)) {
      if (entriesOf(tree, directory).has(name)) report('I2', id, 'is shown, though there is a whiteout');
      if (hidden === undefined) report('I7', id, 'is a whiteout that hides nothing');
      continue;
    }
    if (!isDirectory(record.mode)) continue;
    const child = directoryAt(tree, directory, name, id);
    if (id >= FIRST_UPPER_INO && record.redirect === undefined && child.stack.length > 0) {
      report('I3', id, 'was made by the upper and is not opaque: the lowers show through');
    }
    const { redirect } = record;
    if (redirect !== undefined && redirects.has(redirect)) report('I8', id, `has the same redirect as another directory: ${redirect}`);
    if (redirect !== undefined && child.stack.length === 0) report('I8', id, `has a redirect to nothing: ${redirect}`);
    if (redirect !== undefined) redirects.add(redirect);
    visit(tree, child, redirects, report);
  }
}

/** I8, I9: what is kept in memory is what the records and the lowers say, as after a remount. */
function checkCached(tree: Tree, directory: Directory, report: Report): void {
  const { parent, name, ino, stack, entries } = directory;
  if (tree.inode(ino)?.nlink === 0) return; // removed while it was open
  if (directory !== tree.root) {
    if (entriesOf(tree, parent).get(name) !== ino) return; // of a tree that was removed as a whole
    const fresh = stackOf(tree, parent, name, ino);
    const same =
      fresh.length === stack.length && fresh.every(({ layer, entry }, i) => stack[i]!.layer === layer && stack[i]!.entry === entry);
    if (!same) report('I8', ino, 'merges other lower directories than its records say');
  }
  if (entries === undefined) return;
  const merged = mergeEntries(tree, directory);
  for (const [child, id] of merged)
    if (entries.get(child) !== id) report('I9', id, `is '${child}' in the records of ${pathOf(directory)} and not in the tree`);
  for (const [child, id] of entries)
    if (!merged.has(child)) report('I9', id, `is '${child}' in the tree below ${pathOf(directory)} and not in the records`);
}

/** A path for a message, as far as the names lead. */
export function label(tree: Tree, id: number): string {
  if (id === ROOT_INO) return '/';
  const name = tree.records.get(id)?.names[0];
  return (name && namePath(tree.records, name)) ?? `#${id}`;
}
