/* What each call does to the model. */

import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../src/base/mode.ts';
import { type Call, type Result, told } from './action.ts';
import {
  type ModelDirectory,
  type ModelFile,
  type ModelNode,
  type Spot,
  describe,
  existing,
  fail,
  isWithin,
  newDirectory,
  pathOf,
  resolve,
} from './model-nodes.ts';

export function performCall(root: ModelDirectory, action: Call): Result | void {
  switch (action.op) {
    case 'writeFile':
      fileToWrite(root, action.path).text = action.text;
      return;
    case 'appendFile':
      fileToWrite(root, action.path).text += action.text;
      return;
    case 'truncate':
      return resize(fileAt(root, action.path), action.size);
    case 'chmod':
      return chmod(existing(root, action.path, 'follow').node, action.mode);
    case 'symlink':
      return make(root, action.path, { kind: 'symlink', target: action.to, links: 1 });
    case 'link':
      return link(root, action.path, action.to);
    case 'copyFile':
      return copyFile(root, action.path, action.to);
    case 'rename':
      return rename(root, action.path, action.to, action.flags);
    default:
      return performOnPath(root, action);
  }
}

function performOnPath(root: ModelDirectory, { op, path }: Call): Result | void {
  switch (op) {
    case 'mkdir': {
      const spot = resolve(root, path, 'nofollow');
      return make(root, path, newDirectory(0o755, spot.directory));
    }
    case 'mkdirAll':
      return told.made(mkdirAll(root, path));
    case 'rmdir':
      return rmdir(existing(root, path, 'nofollow'));
    case 'unlink': {
      const spot = existing(root, path, 'nofollow');
      return spot.node.kind === 'directory' ? fail('EISDIR') : drop(spot);
    }
    case 'rm':
      return dropTree(existing(root, path, 'nofollow'));
    case 'readFile':
      return told.read(fileAt(root, path).text);
    case 'readdir': {
      const { node } = existing(root, path, 'follow');
      return node.kind === 'directory' ? told.names([...node.entries.keys()]) : fail('ENOTDIR');
    }
    case 'readlink': {
      const { node } = existing(root, path, 'nofollow');
      return node.kind === 'symlink' ? told.read(node.target) : fail('EINVAL');
    }
    case 'lstat':
      return describe(existing(root, path, 'nofollow').node);
    case 'realpath':
      return told.read(pathOf(existing(root, path, 'follow')));
    default:
      throw new TypeError(`no such call: ${op}`);
  }
}

export function fileAt(root: ModelDirectory, path: string): ModelFile {
  const { node } = existing(root, path, 'follow');
  return node.kind === 'file' ? node : fail('EISDIR');
}

export function fileToWrite(root: ModelDirectory, path: string): ModelFile {
  const { directory, name, node } = resolve(root, path, 'follow');
  if (node?.kind === 'file') return node;
  if (node !== undefined) return fail('EISDIR');
  const made: ModelFile = { kind: 'file', mode: 0o644, text: '', links: 1 };
  directory.entries.set(name, made);
  return made;
}

function chmod(node: ModelNode, mode: number): void {
  if (node.kind === 'symlink') throw new TypeError('a symbolic link was not followed');
  node.mode = mode;
}

export const resize = (file: ModelFile, size: number): void => {
  file.text = file.text.slice(0, size).padEnd(size, '\0');
};

function make(root: ModelDirectory, path: string, node: ModelNode): void {
  const spot = resolve(root, path, 'nofollow');
  if (spot.node !== undefined) fail('EEXIST');
  spot.directory.entries.set(spot.name, node);
}

function mkdirAll(root: ModelDirectory, path: string): string | undefined {
  const names = path.split('/').filter((name) => name !== '');
  let first: string | undefined;
  let at = '';
  for (const [i, name] of names.entries()) {
    at += `/${name}`;
    const { node } = resolve(root, at, 'follow');
    if (node?.kind === 'directory') continue;
    if (node !== undefined) fail(i < names.length - 1 ? 'ENOTDIR' : 'EEXIST');
    const spot = resolve(root, at, 'nofollow');
    if (spot.node !== undefined) fail('ENOENT'); // a symbolic link to nowhere
    spot.directory.entries.set(spot.name, newDirectory(0o755, spot.directory));
    first ??= at;
  }
  return first;
}

function rmdir(spot: Spot): void {
  const { node } = spot;
  if (node?.kind !== 'directory') return fail('ENOTDIR');
  if (node.parent === node) fail('EBUSY');
  if (node.entries.size > 0) fail('ENOTEMPTY');
  spot.directory.entries.delete(spot.name);
}

function drop({ directory, name, node }: Spot): void {
  directory.entries.delete(name);
  if (node !== undefined && node.kind !== 'directory') node.links--;
}

function dropTree(spot: Spot): void {
  const { node } = spot;
  if (node?.kind === 'directory') for (const [name, child] of node.entries) dropTree({ directory: node, name, node: child });
  drop(spot);
}

function link(root: ModelDirectory, from: string, to: string): void {
  const { node } = existing(root, from, 'nofollow');
  const spot = resolve(root, to, 'nofollow');
  if (spot.node !== undefined) fail('EEXIST');
  if (node.kind === 'directory') return fail('EPERM');
  spot.directory.entries.set(spot.name, node);
  node.links++;
}

function copyFile(root: ModelDirectory, from: string, to: string): void {
  const source = fileAt(root, from);
  const spot = resolve(root, to, 'follow');
  if (spot.node !== undefined && spot.node.kind !== 'file') fail('EISDIR');
  if (spot.node === source) return;
  const file = fileToWrite(root, to);
  file.text = source.text;
  file.mode = source.mode;
}

function rename(root: ModelDirectory, from: string, to: string, flags: number): void {
  const source = resolve(root, from, 'nofollow');
  const target = resolve(root, to, 'nofollow');
  const moved = source.node ?? fail('ENOENT');
  const replaced = target.node;
  if (flags === RENAME_NOREPLACE && replaced !== undefined) fail('EEXIST');
  if (flags === RENAME_EXCHANGE && replaced === undefined) fail('ENOENT');
  if (isWithin(target.directory, moved)) fail('EINVAL');
  if (replaced !== undefined && isWithin(source.directory, replaced)) fail(flags === RENAME_EXCHANGE ? 'EINVAL' : 'ENOTEMPTY');
  if (moved === replaced) return;
  if (flags === RENAME_EXCHANGE) {
    put(source, replaced!);
    put(target, moved);
    return;
  }
  if (replaced !== undefined && (replaced.kind === 'directory') !== (moved.kind === 'directory')) {
    fail(replaced.kind === 'directory' ? 'EISDIR' : 'ENOTDIR');
  }
  if (replaced?.kind === 'directory' && replaced.entries.size > 0) fail('ENOTEMPTY');
  if (replaced !== undefined) drop(target);
  source.directory.entries.delete(source.name);
  put(target, moved);
}

function put({ directory, name }: Spot, node: ModelNode): void {
  directory.entries.set(name, node);
  if (node.kind === 'directory') node.parent = directory;
}
