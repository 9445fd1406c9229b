/* Listing directories: the merged names, and for tools the names with where each comes from, deleted ones included. */

import type { Entry, EntryType } from '../base/diff.ts';
import { R_OK, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../base/mode.ts';
import type { DirentRecord, Provenance } from '../base/stats.ts';
import { isWhiteout } from '../layer/upper.ts';
import { assertAccess } from './access.ts';
import type { Call } from './call.ts';
import { directoryAt, entriesOf, isDirectoryIno, join, lowerEntry } from './lookup.ts';
import type { Directory, Tree } from './tree.ts';
import { findDirectory } from './walk.ts';

/** readdir(3), without `.` and `..`. @throws {FsError} ENOTDIR, EACCES, ENOENT */
export function readdir(call: Call, path: string): string[] {
  const directory = findDirectory(call, path);
  assertAccess(call, directory.ino, R_OK);
  directory.listing ??= [...entriesOf(call.tree, directory).keys()];
  return directory.listing.slice();
}

/** The same with types; with *recursive*, everything below too, each directory before its content. */
export function readdirTypes(call: Call, path: string, recursive: boolean): DirentRecord[] {
  const found: DirentRecord[] = [];
  const visit = (directory: Directory, parentPath: string): void => {
    assertAccess(call, directory.ino, R_OK);
    for (const [name, ino] of entriesOf(call.tree, directory)) {
      found.push({ name, ino, mode: call.tree.mode(ino), parentPath });
      if (!recursive || !isDirectoryIno(call.tree, ino)) continue;
      visit(directoryAt(call.tree, directory, name, ino), parentPath.endsWith('/') ? parentPath + name : `${parentPath}/${name}`);
    }
  };
  visit(findDirectory(call, path), path);
  return found;
}

const TYPES = new Map<number, EntryType>([
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
  [S_IFBLK, 'block'],
  [S_IFCHR, 'character'],
]);

export const typeOf = (mode: number): EntryType => TYPES.get(mode & S_IFMT) ?? 'file';

/** The names of a directory with their provenance, deleted ones included; in the order of `readdir`, deleted ones last. */
export function entries(call: Call, path: string): Entry[] {
  const { tree } = call;
  const directory = findDirectory(call, path);
  assertAccess(call, directory.ino, R_OK);
  const merged = entriesOf(tree, directory);
  const found: Entry[] = [];
  for (const [name, ino] of merged) {
    const { mode, size, mtimeMs } = tree.attr(ino);
    const layer = lowerEntry(tree, directory.stack, name)?.layer;
    found.push({ name, path: join(directory, name), type: typeOf(mode), mode, size, mtimeMs, from: provenance(tree, ino, layer), layer });
  }
  for (const [name, id] of tree.names.get(directory.ino) ?? []) {
    if (!isWhiteout(tree.records.get(id)!)) continue;
    const hidden = lowerEntry(tree, directory.stack, name);
    if (hidden === undefined) continue;
    const { table } = tree.layers[hidden.layer]!;
    const mode = table.mode(hidden.entry);
    const size = table.size(hidden.entry);
    const shown = { name, path: join(directory, name), type: typeOf(mode), mode, size, mtimeMs: table.mtime(hidden.entry) };
    found.push({ ...shown, from: 'deleted', layer: hidden.layer });
  }
  return found;
}

function provenance(tree: Tree, ino: number, layer: number | undefined): Provenance {
  if (tree.inode(ino) === undefined) return 'lower';
  return layer === undefined ? 'upper' : 'copied-up';
}
