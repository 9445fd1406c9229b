/* What the upper changes against the lowers. Only the upper is walked, so that the cost is that of the changes. */

import type { Change } from '../base/diff.ts';
import { PERMISSIONS, isDirectory } from '../base/mode.ts';
import { type InodeRecord, isWhiteout } from '../layer/upper.ts';
import { originOf } from './ino.ts';
import { childStack, directoryAt, entriesOf, inoAt, join, lowerEntry, lowerLinkPaths, lowerPath, namePath } from './lookup.ts';
import { typeOf } from './readdir.ts';
import type { Directory, LowerDirectory, Tree } from './tree.ts';

/** Every change, sorted by path. */
export function diff(tree: Tree): Change[] {
  const changes: Change[] = [];
  diffDirectory(tree, { directory: tree.root, below: tree.root.stack }, changes);
  for (const [id, record] of tree.records) if (!isWhiteout(record)) diffAliases(tree, id, record, changes);
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** A directory of the upper, and what the lowers alone merge at its path. */
interface Compared {
  readonly directory: Directory;
  readonly below: readonly LowerDirectory[];
}

function diffDirectory(tree: Tree, { directory, below }: Compared, changes: Change[]): void {
  for (const [name, id] of tree.names.get(directory.ino) ?? []) {
    const record = tree.records.get(id)!;
    const path = join(directory, name);
    const twin = lowerEntry(tree, below, name);
    if (isWhiteout(record)) {
      if (twin !== undefined) changes.push({ path, change: 'deleted', type: lowerType(tree, twin) });
      else changes.push(deletedInRenamed(tree, directory, name, path));
    } else if (isDirectory(record.mode)) {
      const compared = { directory: directoryAt(tree, directory, name, id), below: childStack(tree, below, name) };
      diffUpperDirectory(tree, compared, record, { path, change: twin === undefined ? 'added' : 'modified', type: 'directory' }, changes);
      diffDirectory(tree, compared, changes);
    } else {
      const change = fileChange(tree, id, record, twin);
      if (change === undefined) continue;
      const from = change === 'added' ? movedFrom(tree, id) : undefined;
      changes.push({ path, change, type: typeOf(record.mode), size: record.size, ...(from !== undefined && { from }) });
    }
  }
}

/** A lower file that changed has changed under all its names, also under those that the upper does not have. */
function diffAliases(tree: Tree, id: number, record: InodeRecord, changes: Change[]): void {
  const paths = lowerLinkPaths(tree.layers, tree.records, id);
  const change = paths.length === 0 ? undefined : fileChange(tree, id, record, originOf(tree.layers, id));
  if (change === undefined) return;
  const told = new Set(record.names.map((name) => namePath(tree.records, name)));
  for (const path of paths) {
    if (!told.has(path) && inoAt(tree, path) === id) changes.push({ path, change, type: typeOf(record.mode), size: record.size });
  }
}

const lowerType = (tree: Tree, { layer, entry }: LowerDirectory) => typeOf(tree.layers[layer]!.table.mode(entry));

/** A whiteout inside a renamed directory: the lowers have the name where the directory came from. */
function deletedInRenamed(tree: Tree, directory: Directory, name: string, path: string): Change {
  const hidden = lowerEntry(tree, directory.stack, name);
  return { path, change: 'deleted', type: hidden ? lowerType(tree, hidden) : 'file', from: `${lowerPath(tree, directory)}/${name}` };
}

/** `made`: the change to tell when the directory is not a merge with what the lowers have at its path. */
function diffUpperDirectory(tree: Tree, { directory, below }: Compared, record: InodeRecord, made: Change, changes: Change[]): void {
  if (record.opaque !== true && record.redirect === undefined && below.length > 0) {
    const described = below.find(({ layer, entry }) => !tree.layers[layer]!.table.isImplied(entry));
    if (attributesDiffer(tree, record, described)) changes.push({ ...made, change: 'meta' });
    return;
  }
  changes.push(record.redirect === undefined ? made : { ...made, from: record.redirect });
  for (const [name, hidden] of lowerNames(tree, below)) {
    if (entriesOf(tree, directory).has(name)) continue;
    changes.push({ path: `${made.path}/${name}`, change: 'deleted', type: lowerType(tree, hidden) });
  }
}

/** The names that a stack of lower directories shows. */
function lowerNames(tree: Tree, stack: readonly LowerDirectory[]): Map<string, LowerDirectory> {
  const names = new Map<string, LowerDirectory>();
  for (const { layer, entry } of stack.toReversed()) {
    const { table } = tree.layers[layer]!;
    const [first, end] = table.children(entry);
    for (let child = first; child < end; child++) {
      if (table.isWhiteout(child)) names.delete(table.name(child));
      else names.set(table.name(child), { layer, entry: child });
    }
  }
  return names;
}

function fileChange(tree: Tree, id: number, record: InodeRecord, twin: LowerDirectory | undefined): Change['change'] | undefined {
  if (twin === undefined) return 'added';
  const { table } = tree.layers[twin.layer]!;
  const origin = originOf(tree.layers, id);
  const isTwin = origin !== undefined && origin.layer === twin.layer && origin.entry === table.canonical(twin.entry);
  const isUntouched = record.chunks.every((chunk) => chunk === 0) && record.size === table.size(twin.entry);
  const showsTwin =
    record.origin === undefined || (record.origin.layer === twin.layer && record.origin.entry === table.canonical(twin.entry));
  if (!isTwin || !isUntouched || !showsTwin || (record.origin !== undefined && record.originSize !== record.size)) return 'modified';
  if (attributesDiffer(tree, record, twin) || record.mtimeMs !== table.mtime(twin.entry)) return 'meta';
  return undefined;
}

function attributesDiffer(tree: Tree, { mode, uid, gid, xattrs }: InodeRecord, twin: LowerDirectory | undefined): boolean {
  if (twin === undefined) return false;
  const { table } = tree.layers[twin.layer]!;
  const { entry } = twin;
  if ((mode & PERMISSIONS) !== (table.mode(entry) & PERMISSIONS) || uid !== table.uid(entry) || gid !== table.gid(entry)) return true;
  const before = table.xattrs(entry);
  if ((xattrs?.size ?? 0) !== (before?.size ?? 0)) return true;
  for (const [name, value] of xattrs ?? []) {
    const old = before?.get(name);
    if (old === undefined || old.length !== value.length || old.some((byte, i) => byte !== value[i])) return true;
  }
  return false;
}

/** Where a lower file that now has another name stands in its layer. */
function movedFrom(tree: Tree, id: number): string | undefined {
  const origin = originOf(tree.layers, id);
  return origin && tree.layers[origin.layer]!.table.path(origin.entry);
}
