/* The objects of the model, and the walk along paths. */

import { type Result, told } from './action.ts';

export interface ModelDirectory {
  readonly kind: 'directory';
  mode: number;
  readonly entries: Map<string, ModelNode>;
  /** The root is its own parent. A removed directory keeps the last. */
  parent: ModelDirectory;
}
export interface ModelFile {
  readonly kind: 'file';
  mode: number;
  /** A character a byte. */
  text: string;
  links: number;
}
export interface ModelSymlink {
  readonly kind: 'symlink';
  readonly target: string;
  links: number;
}
export type ModelNode = ModelDirectory | ModelFile | ModelSymlink;

/** Where a path ends. */
export interface Spot {
  readonly directory: ModelDirectory;
  readonly name: string;
  readonly node: ModelNode | undefined;
}

export class ModelError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export const fail = (code: string): never => {
  throw new ModelError(code);
};

const SYMLINK_MAX = 40;

export function newDirectory(mode: number, parent?: ModelDirectory): ModelDirectory {
  const directory: ModelDirectory = { kind: 'directory', mode, entries: new Map(), parent: parent as ModelDirectory };
  if (parent === undefined) directory.parent = directory;
  return directory;
}

export function describe(node: ModelNode): Result {
  switch (node.kind) {
    case 'directory':
      return told.directory(node.mode);
    case 'file':
      return told.file(node.mode, node.links, node.text.length);
    case 'symlink':
      return told.link(node.links);
    default:
      return node satisfies never;
  }
}

/** Walks to the end of an absolute path without `.` and `..`; targets of symbolic links may have them. */
export function resolve(root: ModelDirectory, path: string, end: 'follow' | 'nofollow'): Spot {
  let parts = path.split('/').filter((part) => part !== '');
  let directory = root;
  let links = 0;
  for (;;) {
    const name = parts.shift();
    if (name === undefined || name === '.' || name === '..') {
      if (name === '..') directory = directory.parent;
      if (parts.length === 0) return { directory: directory.parent, name: nameOf(directory), node: directory };
      continue;
    }
    const node = directory.entries.get(name);
    const last = parts.length === 0;
    if (node?.kind === 'symlink' && (!last || end === 'follow')) {
      if (++links > SYMLINK_MAX) fail('ELOOP');
      parts = [...node.target.split('/').filter((part) => part !== ''), ...parts];
      if (node.target.startsWith('/')) directory = root;
      continue;
    }
    if (last) return { directory, name, node };
    if (node === undefined) return fail('ENOENT');
    if (node.kind !== 'directory') return fail('ENOTDIR');
    directory = node;
  }
}

export function nameOf(directory: ModelDirectory): string {
  for (const [name, node] of directory.parent.entries) if (node === directory) return name;
  return '';
}

export function existing(root: ModelDirectory, path: string, end: 'follow' | 'nofollow'): Spot & { readonly node: ModelNode } {
  const spot = resolve(root, path, end);
  if (spot.node === undefined) return fail('ENOENT');
  return { ...spot, node: spot.node };
}

export function isWithin(directory: ModelDirectory, ancestor: ModelNode): boolean {
  for (let at = directory; ; at = at.parent) {
    if (at === ancestor) return true;
    if (at.parent === at) return false;
  }
}

export function pathOf(spot: Spot): string {
  let path = spot.name;
  for (let at = spot.directory; at.parent !== at; at = at.parent) path = `${nameOf(at)}/${path}`;
  return `/${path}`;
}
