/*
 * A plain tree in memory with POSIX rules and one user, root: no layers, no marks, no copy-up. What the engine shows must be what
 * this shows, whatever its layers are. The state is plain data, so that it can be cloned.
 */

import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../src/base/mode.ts';
import type { Tree, TreeDirectory } from '../support/tree.ts';
import { type Action, type Call, type HandleCall, type Result, told } from './action.ts';

interface ModelDirectory {
  readonly kind: 'directory';
  mode: number;
  readonly entries: Map<string, ModelNode>;
  /** The root is its own parent. A removed directory keeps the last. */
  parent: ModelDirectory;
}
interface ModelFile {
  readonly kind: 'file';
  mode: number;
  /** A character a byte. */
  text: string;
  links: number;
}
interface ModelSymlink {
  readonly kind: 'symlink';
  readonly target: string;
  links: number;
}
type ModelNode = ModelDirectory | ModelFile | ModelSymlink;

interface ModelHandle {
  readonly file: ModelFile | ModelDirectory;
  readonly flag: string;
  position: number;
}

interface State {
  readonly root: ModelDirectory;
  readonly handles: Map<number, ModelHandle>;
}

/** Where a path ends. */
interface Spot {
  readonly directory: ModelDirectory;
  readonly name: string;
  readonly node: ModelNode | undefined;
}

class ModelError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

const fail = (code: string): never => {
  throw new ModelError(code);
};

const SYMLINK_MAX = 40;

export class ModelTree {
  private constructor(private state: State) {}

  /** The model of a tree that a layer shows. */
  static of(tree: Tree): ModelTree {
    const root = newDirectory(tree.attributes.mode ?? 0o755);
    const files = new Map<string, ModelFile>();
    fill(root, tree, '', files);
    return new ModelTree({ root, handles: new Map<number, ModelHandle>() });
  }

  clone(): ModelTree {
    return new ModelTree(structuredClone(this.state));
  }

  /** Forgets open files, as a remount does. */
  closeAll(): void {
    this.state.handles.clear();
  }

  perform(action: Action): Result {
    try {
      return ('slot' in action ? performOnHandle(this.state, action) : performCall(this.state.root, action)) ?? 'ok';
    } catch (e) {
      if (!(e instanceof ModelError)) throw e;
      return e.code;
    }
  }

  /** One line an entry. */
  lines(): string[] {
    const lines: string[] = [];
    listLines(this.state.root, '', lines);
    return lines.sort();
  }
}

function newDirectory(mode: number, parent?: ModelDirectory): ModelDirectory {
  const directory: ModelDirectory = { kind: 'directory', mode, entries: new Map(), parent: parent as ModelDirectory };
  if (parent === undefined) directory.parent = directory;
  return directory;
}

function fill(into: ModelDirectory, { children }: TreeDirectory, path: string, files: Map<string, ModelFile>): void {
  for (const node of children) {
    const here = path === '' ? node.name : `${path}/${node.name}`;
    if (node.kind === 'directory') {
      const made = newDirectory(node.attributes.mode ?? 0o755, into);
      into.entries.set(node.name, made);
      fill(made, node, here, files);
    } else if (node.kind === 'file') {
      const text = typeof node.content === 'number' ? '\0'.repeat(node.content) : Array.from(node.content, (b) => String.fromCharCode(b)).join('');
      const made: ModelFile = { kind: 'file', mode: node.attributes.mode ?? 0o644, text, links: 1 };
      files.set(here, made);
      into.entries.set(node.name, made);
    } else if (node.kind === 'symlink') into.entries.set(node.name, { kind: 'symlink', target: node.target, links: 1 });
    else if (node.kind === 'link') {
      const file = files.get(node.to)!;
      file.links++;
      into.entries.set(node.name, file);
    } else throw new TypeError(`The model has no ${node.kind}`);
  }
}

function listLines(directory: ModelDirectory, path: string, lines: string[]): void {
  for (const [name, node] of directory.entries) {
    const here = `${path}/${name}`;
    lines.push(`${here} ${describe(node)}${contentOf(node)}`);
    if (node.kind === 'directory') listLines(node, here, lines);
  }
}

function contentOf(node: ModelNode): string {
  if (node.kind === 'directory') return '';
  return node.kind === 'file' ? ` ${told.read(node.text)}` : ` ${told.read(node.target)}`;
}

function describe(node: ModelNode): Result {
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

// Paths

/** Walks to the end of an absolute path without `.` and `..`; targets of symbolic links may have them. */
function resolve(root: ModelDirectory, path: string, end: 'follow' | 'nofollow'): Spot {
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

function nameOf(directory: ModelDirectory): string {
  for (const [name, node] of directory.parent.entries) if (node === directory) return name;
  return '';
}

function existing(root: ModelDirectory, path: string, end: 'follow' | 'nofollow'): Spot & { readonly node: ModelNode } {
  const spot = resolve(root, path, end);
  if (spot.node === undefined) return fail('ENOENT');
  return { ...spot, node: spot.node };
}

function isWithin(directory: ModelDirectory, ancestor: ModelNode): boolean {
  for (let at = directory; ; at = at.parent) {
    if (at === ancestor) return true;
    if (at.parent === at) return false;
  }
}

function pathOf(spot: Spot): string {
  let path = spot.name;
  for (let at = spot.directory; at.parent !== at; at = at.parent) path = `${nameOf(at)}/${path}`;
  return `/${path}`;
}

// Calls

function performCall(root: ModelDirectory, action: Call): Result | void {
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

function fileAt(root: ModelDirectory, path: string): ModelFile {
  const { node } = existing(root, path, 'follow');
  return node.kind === 'file' ? node : fail('EISDIR');
}

function fileToWrite(root: ModelDirectory, path: string): ModelFile {
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

const resize = (file: ModelFile, size: number): void => {
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
  file.mode = source.mode & 0o777;
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

// Open files

function performOnHandle({ root, handles }: State, action: HandleCall): Result | void {
  if (action.op === 'open') return openHandle(root, handles, action);
  const handle = handles.get(action.slot);
  if (handle === undefined) return 'not open';
  const { file, flag } = handle;
  const mayWrite = flag !== 'r';
  if (file.kind === 'directory') return performOnDirectory(handles, file, action);
  switch (action.op) {
    case 'read': {
      if (!(flag === 'r' || flag.endsWith('+'))) return fail('EBADF');
      const text = file.text.slice(handle.position, handle.position + action.size);
      handle.position += text.length;
      return told.read(text);
    }
    case 'write': {
      if (!mayWrite) return fail('EBADF');
      if (action.text === '') return;
      const at = flag.startsWith('a') ? file.text.length : (action.at ?? handle.position);
      file.text = file.text.slice(0, at).padEnd(at, '\0') + action.text + file.text.slice(at + action.text.length);
      if (action.at === null) handle.position = at + action.text.length;
      return;
    }
    case 'ftruncate':
      return mayWrite ? resize(file, action.size) : fail('EINVAL');
    case 'fstat':
      return describe(file);
    case 'close':
      return void handles.delete(action.slot);
    default:
      return action satisfies never;
  }
}

/** An open directory, which is open for reading. */
function performOnDirectory(handles: Map<number, ModelHandle>, directory: ModelDirectory, { op, slot }: HandleCall): Result | void {
  switch (op) {
    case 'read':
      return fail('EISDIR');
    case 'write':
      return fail('EBADF');
    case 'ftruncate':
      return fail('EINVAL');
    case 'fstat':
      return describe(directory);
    default:
      handles.delete(slot);
  }
}

function openHandle(root: ModelDirectory, handles: Map<number, ModelHandle>, { slot, path, flag }: HandleCall & { op: 'open' }): void {
  handles.delete(slot);
  const creates = flag.startsWith('w') || flag.startsWith('a');
  const spot = resolve(root, path, flag.includes('x') ? 'nofollow' : 'follow');
  if (spot.node !== undefined && flag.includes('x')) fail('EEXIST');
  if (spot.node?.kind === 'directory' && flag === 'r') return void handles.set(slot, { file: spot.node, flag, position: 0 });
  const file = creates ? fileToWrite(root, path) : fileAt(root, path);
  if (flag.startsWith('w')) file.text = '';
  handles.set(slot, { file, flag, position: 0 });
}
