/*
 * The language in which tests say what a tree looks like. A `Tree` is plain data: `lower(...)` makes a layer of it,
 * `writeTree` makes it through a file system's own calls, `spread` cuts it into several layers that merge to it again.
 *
 *   tree(dir('a', file('x', 'hi'), symlink('l', 'x')), whiteout('gone'))
 */

import { encodeUtf8 } from '../../src/base/bytes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../src/base/mode.ts';

/** The time of everything that a test does not date itself: milliseconds since the epoch. */
export const SEED_TIME = 1_000_000_000_000;

export interface TreeAttributes {
  /** Permission bits. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Milliseconds since the epoch. */
  readonly mtime?: number;
  readonly xattrs?: ReadonlyMap<string, string>;
  /** Directories: where the layers below have the rest, as an absolute path. */
  readonly redirect?: string;
}

export interface TreeFile {
  readonly kind: 'file';
  readonly name: string;
  /** A number is that many zeros. */
  readonly content: Uint8Array | number;
  readonly attributes: TreeAttributes;
}
export interface TreeDirectory {
  readonly kind: 'directory';
  readonly name: string;
  readonly opaque: boolean;
  readonly children: readonly TreeNode[];
  readonly attributes: TreeAttributes;
}
export interface TreeSymlink {
  readonly kind: 'symlink';
  readonly name: string;
  readonly target: string;
  readonly attributes: TreeAttributes;
}
export interface TreeHardLink {
  readonly kind: 'link';
  readonly name: string;
  /** Path of the file from the root of the tree. */
  readonly to: string;
}
export interface TreeWhiteout {
  readonly kind: 'whiteout';
  readonly name: string;
}
export interface TreeSpecial {
  readonly kind: 'special';
  readonly name: string;
  /** Type bits. */
  readonly type: number;
  readonly rdev: number;
  readonly attributes: TreeAttributes;
}
export type TreeNode = TreeFile | TreeDirectory | TreeSymlink | TreeHardLink | TreeWhiteout | TreeSpecial;

/** A whole tree: its root directory, whose name is empty. */
export type Tree = TreeDirectory;

export type TreeItem = TreeNode | TreeAttributes;

const isNode = (item: TreeItem): item is TreeNode => 'kind' in item;

function directory(name: string, items: readonly TreeItem[], opaque: boolean): TreeDirectory {
  let attributes: TreeAttributes = {};
  const children: TreeNode[] = [];
  for (const item of items) {
    if (isNode(item)) children.push(item);
    else attributes = { ...attributes, ...item };
  }
  return { kind: 'directory', name, opaque, children, attributes };
}

/** The root directory with what is in it; attributes may stand among the children. */
export const tree = (...items: readonly TreeItem[]): Tree => directory('', items, false);

export const dir = (name: string, ...items: readonly TreeItem[]): TreeDirectory => directory(name, items, false);

/** A directory that hides what the layers below have under its name. */
export const opaque = (name: string, ...items: readonly TreeItem[]): TreeDirectory => directory(name, items, true);

export const file = (name: string, content: string | Uint8Array = '', attributes: TreeAttributes = {}): TreeFile => ({
  kind: 'file',
  name,
  content: typeof content === 'string' ? encodeUtf8(content) : content,
  attributes,
});

/** A file of `size` zeros that takes no memory. */
export const sparse = (name: string, size: number, attributes: TreeAttributes = {}): TreeFile => ({
  kind: 'file',
  name,
  content: size,
  attributes,
});

export const symlink = (name: string, target: string, attributes: TreeAttributes = {}): TreeSymlink => ({
  kind: 'symlink',
  name,
  target,
  attributes,
});

/** A further name of the file at `to`, a path from the root of the tree. */
export const hardLink = (name: string, to: string): TreeHardLink => ({ kind: 'link', name, to });

export const whiteout = (name: string): TreeWhiteout => ({ kind: 'whiteout', name });

const special = (name: string, type: number, rdev: number, attributes: TreeAttributes): TreeSpecial => ({
  kind: 'special',
  name,
  type,
  rdev,
  attributes,
});

export const fifo = (name: string, attributes: TreeAttributes = {}): TreeSpecial => special(name, S_IFIFO, 0, attributes);
export const socket = (name: string, attributes: TreeAttributes = {}): TreeSpecial => special(name, S_IFSOCK, 0, attributes);
export const blockDevice = (name: string, rdev: number, attributes: TreeAttributes = {}): TreeSpecial =>
  special(name, S_IFBLK, rdev, attributes);
export const characterDevice = (name: string, rdev: number, attributes: TreeAttributes = {}): TreeSpecial =>
  special(name, S_IFCHR, rdev, attributes);

/** Type and permission bits of a node; names that need none have those of a file. */
export function modeOf(node: TreeNode): number {
  switch (node.kind) {
    case 'file':
      return S_IFREG | (node.attributes.mode ?? 0o644);
    case 'directory':
      return S_IFDIR | (node.attributes.mode ?? 0o755);
    case 'symlink':
      return S_IFLNK | (node.attributes.mode ?? 0o777);
    case 'special':
      return node.type | (node.attributes.mode ?? 0o644);
    case 'link':
    case 'whiteout':
      return S_IFREG | 0o644;
    default:
      return node satisfies never;
  }
}

/** Puts a whole tree below a directory: `below('/a/b', tree(file('x')))` holds `/a/b/x`. */
export function below(path: string, { children, attributes }: Tree): Tree {
  const parts = path.split('/').filter((part) => part !== '');
  const prefix = parts.map((part) => `${part}/`).join('');
  if (parts.length === 0) return directory('', [attributes, ...children], false);
  const moved = children.map((child) => prefixLinks(child, prefix));
  let node: TreeNode = directory(parts[parts.length - 1] ?? '', [attributes, ...moved], false);
  for (const part of parts.slice(0, -1).reverse()) node = directory(part, [node], false);
  return directory('', [node], false);
}

function prefixLinks(node: TreeNode, prefix: string): TreeNode {
  if (node.kind === 'link') return { ...node, to: prefix + node.to };
  if (node.kind !== 'directory') return node;
  return { ...node, children: node.children.map((child) => prefixLinks(child, prefix)) };
}

/** Visits every node below the root, parents first. */
export function* walkTree(root: TreeDirectory, path = ''): Generator<{ readonly path: string; readonly node: TreeNode }> {
  for (const node of root.children) {
    const here = path === '' ? node.name : `${path}/${node.name}`;
    yield { path: here, node };
    if (node.kind === 'directory') yield* walkTree(node, here);
  }
}
