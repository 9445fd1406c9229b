/*
 * What an archive of a tree has, in the order of the archive: directories in front of what is in them. Either everything, or what the
 * upper changes against the lowers, with the marks of an OCI layer (image-spec, layer.md, "Whiteouts").
 */

import type { Change } from '../base/diff.ts';
import { isDirectory } from '../base/mode.ts';
import { diff } from './diff.ts';
import { ROOT_INO } from './ino.ts';
import { directoryAt, entriesOf, inoAt, lowerLinkPaths, nameAt, namePath } from './lookup.ts';
import type { Directory, Tree } from './tree.ts';

/** An object, or a mark: *whiteout* indicates that the name is deleted, *opaque* that the directory hides what is below it. */
export type Exported =
  | { readonly path: string; readonly ino: number; readonly mark?: undefined }
  | { readonly path: string; readonly mark: 'whiteout' | 'opaque' };

type Entries = Generator<Exported, void, undefined>;

/** Everything that the tree shows. */
export function* exportedTree(tree: Tree): Entries {
  yield { path: '/', ino: ROOT_INO };
  yield* below(tree, tree.root, '');
}

function* below(tree: Tree, directory: Directory, at: string): Entries {
  const names = [...entriesOf(tree, directory)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, ino] of names) {
    const path = `${at}/${name}`;
    yield { path, ino };
    if (isDirectory(tree.mode(ino))) yield* below(tree, directoryAt(tree, directory, name, ino), path);
  }
}

/** What the upper changes. Whiteouts come first, as the specification recommends. */
export function* exportedChanges(tree: Tree): Entries {
  const changes = diff(tree);
  const whole = new Set(changes.filter(isWhole).map(({ path }) => path));
  const told = new Set<string>(['/']);
  const hasWhole = withinAny(whole);
  if (tree.inode(ROOT_INO) !== undefined) yield { path: '/', ino: ROOT_INO };
  for (const { path, change, type } of changes) {
    // No layer has sockets: what one stands in the place of must not show for it.
    const isGone = change === 'deleted' || (change === 'modified' && type === 'socket');
    if (!isGone || hasWhole(path)) continue;
    yield* parents(tree, path, told);
    yield { path, mark: 'whiteout' };
  }
  const linked = new Set<number>();
  for (const { path, change } of changes) {
    if (change === 'deleted' || hasWhole(path) || told.has(path)) continue;
    yield* parents(tree, path, told);
    for (const entry of whole.has(path) ? replaced(tree, path, change) : only(tree, path)) {
      told.add(entry.path);
      yield entry;
      if (entry.mark === undefined && isLinked(tree, entry.ino)) linked.add(entry.ino);
    }
  }
  // A file keeps all its names: what is unpacked later would otherwise have two files where there is one.
  for (const ino of linked) {
    for (const path of namesOf(tree, ino)) {
      if (told.has(path)) continue;
      yield* parents(tree, path, told);
      yield { path, ino };
    }
  }
}

/** A directory that was renamed, or stands in the place of another: a layer has all of it, because nothing of the lowers shows through. */
const isWhole = ({ type, change, from }: Change): boolean =>
  type === 'directory' && (change === 'modified' || (change === 'added' && from !== undefined));

function* only(tree: Tree, path: string): Entries {
  yield { path, ino: inoAt(tree, path)! };
}

function* replaced(tree: Tree, path: string, change: Change['change']): Entries {
  const { directory, name } = nameAt(tree, path)!;
  const ino = inoAt(tree, path)!;
  yield { path, ino };
  if (change === 'modified') yield { path, mark: 'opaque' };
  yield* below(tree, directoryAt(tree, directory, name, ino), path);
}

/** The directories above a path that were not told yet: where one was, those above it were. */
function* parents(tree: Tree, path: string, told: Set<string>): Entries {
  const untold: string[] = [];
  for (let parent = parentOf(path); parent !== '' && !told.has(parent); parent = parentOf(parent)) untold.push(parent);
  for (const parent of untold.toReversed()) {
    told.add(parent);
    yield { path: parent, ino: inoAt(tree, parent)! };
  }
}

/** Tells of paths whether a directory above them is one of some. It looks once at each directory, however deep they are. */
function withinAny(directories: ReadonlySet<string>): (path: string) => boolean {
  const known = new Map([['', false]]);
  const isWithin = (directory: string): boolean => {
    const found = known.get(directory) ?? (directories.has(directory) || isWithin(parentOf(directory)));
    known.set(directory, found);
    return found;
  };
  return (path) => isWithin(parentOf(path));
}

/** The directory that a path is in; '' for the root. */
const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

function isLinked(tree: Tree, ino: number): boolean {
  const { mode, nlink } = tree.attr(ino);
  return !isDirectory(mode) && nlink > 1;
}

/** All paths at which the tree shows a file. */
function namesOf(tree: Tree, ino: number): string[] {
  const named = (tree.inode(ino)?.names ?? []).flatMap((name) => namePath(tree.records, name) ?? []);
  const paths = new Set([...named, ...lowerLinkPaths(tree.layers, tree.records, ino)]);
  return [...paths].filter((path) => inoAt(tree, path) === ino);
}
