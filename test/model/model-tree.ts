/*
 * A plain tree in memory with POSIX rules and one user, root: no layers, no marks, no copy-up. What the engine shows must be what
 * this shows, whatever its layers are. The state is plain data, so that it can be cloned.
 */

import type { Tree, TreeDirectory } from '../support/tree.ts';
import { type Action, type HandleCall, type Result, told } from './action.ts';
import { fileAt, fileToWrite, performCall, resize } from './model-calls.ts';
import { type ModelDirectory, ModelError, type ModelFile, type ModelNode, describe, fail, newDirectory, resolve } from './model-nodes.ts';

interface ModelHandle {
  readonly file: ModelFile | ModelDirectory;
  readonly flag: string;
  position: number;
}

interface State {
  readonly root: ModelDirectory;
  readonly handles: Map<number, ModelHandle>;
}

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

function fill(into: ModelDirectory, { children }: TreeDirectory, path: string, files: Map<string, ModelFile>): void {
  for (const node of children) {
    const here = path === '' ? node.name : `${path}/${node.name}`;
    if (node.kind === 'directory') {
      const made = newDirectory(node.attributes.mode ?? 0o755, into);
      into.entries.set(node.name, made);
      fill(made, node, here, files);
    } else if (node.kind === 'file') {
      const text =
        typeof node.content === 'number' ? '\0'.repeat(node.content) : Array.from(node.content, (b) => String.fromCharCode(b)).join('');
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
