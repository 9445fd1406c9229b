/*
 * Lookup and merge (overlayfs.rst, "Upper and Lower" and "whiteouts and opaque directories"). A merge goes down the stack from
 * the first directory that has the name, until a whiteout, a non-directory or an opaque directory (which still counts) ends it.
 */

import { encodeUtf8 } from '../base/bytes.ts';
import { isDirectory } from '../base/mode.ts';
import { type LiveRecord, type Name, isWhiteout } from '../layer/upper.ts';
import { type MountedLayer, ROOT_INO, inoOf, originOf } from './ino.ts';
import type { Directory, LowerDirectory, Tree } from './tree.ts';

/** Looks a name up in a merged directory: its inode number, or `undefined`. */
export function lookup(tree: Tree, directory: Directory, name: string): number | undefined {
  return entriesOf(tree, directory).get(name);
}

/** The merged names of a directory. The caller must not change the map, except to follow a change of the records. */
export function entriesOf(tree: Tree, directory: Directory): Map<string, number> {
  return (directory.entries ??= mergeEntries(tree, directory));
}

/** Lowest layer first, so that names keep their places when something is added above. */
export function mergeEntries(tree: Tree, directory: Directory): Map<string, number> {
  const entries = new Map<string, number>();
  const implied = new Map<string, number>();
  for (const { layer, entry } of directory.stack.toReversed()) {
    const { table } = tree.layers[layer]!;
    const [first, end] = table.children(entry);
    for (let child = first; child < end; child++) {
      const name = table.name(child);
      if (table.isWhiteout(child)) {
        entries.delete(name);
        continue;
      }
      const ino = inoOf(tree.layers, layer, child);
      entries.set(name, ino);
      if (table.isImplied(child)) implied.set(name, ino);
    }
  }
  for (const [name, id] of tree.names.get(directory.ino) ?? []) {
    if (isWhiteout(tree.records.get(id)!)) entries.delete(name);
    else entries.set(name, id);
  }
  // Attributes of an implied directory come from the layers below, which `Tree.attr` finds through its `Directory`.
  if (directory.stack.length > 1) {
    for (const [name, ino] of implied) if (entries.get(name) === ino) directoryAt(tree, directory, name, ino);
  }
  return entries;
}

/**
 * The merged directory that `name` is in `parent`.
 * Preconditions: `ino` is what lookup gives for the name, and it is a directory.
 */
export function directoryAt(tree: Tree, parent: Directory, name: string, ino: number): Directory {
  const known = tree.directories.get(ino);
  if (known !== undefined) return known;
  const directory: Directory = { ino, parent, name, stack: stackOf(tree, parent, name, ino), entries: undefined, listing: undefined };
  tree.directories.set(ino, directory);
  return directory;
}

/** The lower directories that merge at a name, by its record and its parent. */
export function stackOf(tree: Tree, parent: Directory, name: string, ino: number): readonly LowerDirectory[] {
  const record = tree.inode(ino);
  if (record?.opaque === true) return [];
  if (record?.redirect !== undefined) return stackAt(tree, record.redirect);
  return childStack(tree, parent.stack, name);
}

/** The lower directories that merge under a name, given those that merge in its parent. */
export function childStack(tree: Tree, stack: readonly LowerDirectory[], name: string): LowerDirectory[] {
  const bytes = encodeUtf8(name);
  const merged: LowerDirectory[] = [];
  for (const { layer, entry } of stack) {
    const { table } = tree.layers[layer]!;
    const child = table.lookupBytes(entry, bytes);
    if (child < 0) continue;
    if (!table.isDirectory(child)) break;
    merged.push({ layer, entry: child });
    if (table.isOpaque(child)) break;
    const redirect = table.redirect(child);
    if (redirect !== undefined) {
      merged.push(...stackAt(tree, redirect, layer + 1));
      break;
    }
  }
  return merged;
}

/** The lower directories at a path of the lowers' own merged tree, from layer `top` downwards. */
function stackAt(tree: Tree, path: string, top = 0): readonly LowerDirectory[] {
  let stack: readonly LowerDirectory[] = top === 0 ? tree.root.stack : rootStack(tree.layers, top);
  for (const part of path.split('/')) if (part !== '') stack = childStack(tree, stack, part);
  return stack;
}

/** The roots of the lowers from layer `top` down to the first that is opaque. */
export function rootStack(layers: readonly MountedLayer[], top = 0): LowerDirectory[] {
  const stack: LowerDirectory[] = [];
  for (let layer = top; layer < layers.length; layer++) {
    stack.push({ layer, entry: 0 });
    if (layers[layer]!.table.isOpaque(0)) break;
  }
  return stack;
}

/** The topmost lower entry that a name shows in a stack, or `undefined`: nothing, or a whiteout. */
export function lowerEntry(tree: Tree, stack: readonly LowerDirectory[], name: string): LowerDirectory | undefined {
  const bytes = encodeUtf8(name);
  for (const { layer, entry } of stack) {
    const { table } = tree.layers[layer]!;
    const child = table.lookupBytes(entry, bytes);
    if (child >= 0) return table.isWhiteout(child) ? undefined : { layer, entry: child };
  }
  return undefined;
}

/** Where the lowers have what `directory` merges: a path of their own merged tree. */
export function lowerPath(tree: Tree, directory: Directory): string {
  if (directory === tree.root) return '';
  return tree.inode(directory.ino)?.redirect ?? `${lowerPath(tree, directory.parent)}/${directory.name}`;
}

/** The path of a directory in the merged tree. */
export function pathOf(directory: Directory): string {
  let path = '';
  for (let at = directory; at.parent !== at; at = at.parent) path = `/${at.name}${path}`;
  return path || '/';
}

/** The path of a name in a directory. */
export function join(directory: Directory, name: string): string {
  return directory.parent === directory ? `/${name}` : `${pathOf(directory)}/${name}`;
}

/** Tells whether `directory` is `ancestor` or below it. */
export function isWithin(directory: Directory, ancestor: Directory): boolean {
  for (let at = directory; ; at = at.parent) {
    if (at === ancestor || at.ino === ancestor.ino) return true;
    if (at.parent === at) return false;
  }
}

/** The directory below `top` that a path's components lead to, without following symbolic links; `undefined` where they lead to none. */
function descend(tree: Tree, top: Directory, parts: readonly string[]): Directory | undefined {
  let at = top;
  for (const part of parts) {
    const ino = lookup(tree, at, part);
    if (ino === undefined || !isDirectoryIno(tree, ino)) return undefined;
    at = directoryAt(tree, at, part, ino);
  }
  return at;
}

/** The directory and the name of an absolute path; `undefined` where its directory is none. */
export function nameAt(tree: Tree, path: string): { readonly directory: Directory; readonly name: string } | undefined {
  const parts = path.slice(1).split('/');
  const name = parts.pop()!;
  const directory = descend(tree, tree.root, parts);
  return directory && { directory, name };
}

/** What stands at an absolute path; symbolic links are not followed. */
export function inoAt(tree: Tree, path: string): number | undefined {
  const place = nameAt(tree, path);
  return place && lookup(tree, place.directory, place.name);
}

/** The merged directory of a record. Precondition: it and those above it are on the upper, and have names. */
export function directoryOf(tree: Tree, id: number): Directory {
  if (id === ROOT_INO) return tree.root;
  const [parent, name] = tree.inode(id)!.names[0]!;
  return directoryAt(tree, directoryOf(tree, parent), name, id);
}

/** The path of a name that a record has, by the records alone; `undefined` where it does not lead to the root. */
export function namePath(records: ReadonlyMap<number, LiveRecord>, [directory, name]: Name): string | undefined {
  const parts = [name];
  const seen = new Set<number>();
  for (let at = directory; at !== ROOT_INO && !seen.has(at);) {
    seen.add(at);
    const above = records.get(at)?.names[0];
    if (above === undefined) return undefined;
    parts.unshift(above[1]);
    at = above[0];
  }
  return `/${parts.join('/')}`;
}

/**
 * The paths at which a tree may show a hard link of a lower under the names that it has there: where they stand in the lowers, and where
 * renamed directories have brought them. What else may stand there is not looked at.
 */
export function lowerLinkPaths(layers: readonly MountedLayer[], records: ReadonlyMap<number, LiveRecord>, ino: number): string[] {
  const origin = originOf(layers, ino);
  const table = origin && layers[origin.layer]!.table;
  if (origin === undefined || table!.nlink(origin.entry) === 1) return [];
  const paths = table!.aliases(origin.entry).map((entry) => table!.path(entry));
  const moved: string[] = [];
  for (const record of records.values()) {
    if (isWhiteout(record) || record.redirect === undefined || record.names.length === 0) continue;
    const below = `${record.redirect}/`;
    const now = namePath(records, record.names[0]!);
    if (now !== undefined) for (const path of paths) if (path.startsWith(below)) moved.push(`${now}/${path.slice(below.length)}`);
  }
  return [...paths, ...moved];
}

/** Tells whether a merged name is a directory. */
export const isDirectoryIno = (tree: Tree, ino: number): boolean => isDirectory(tree.mode(ino));
