/* The engine's side of the comparison. Its words are those of `oracle.py`. */

import { createHash } from 'node:crypto';

import { decodeText, encodeText } from '../../src/base/encoding.ts';
import { FsError, isFsError } from '../../src/base/errors.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../../src/base/mode.ts';
import type { Stats } from '../../src/base/stats.ts';
import type { Fs } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { type MemoryLayer, treeLayer } from '../support/memory-layer.ts';
import { type TreeAttributes, type TreeNode, dir, file, hardLink, opaque, socket, symlink, tree, whiteout } from '../support/tree.ts';
import { type LayerNode, NOW_MS, type Outcome, SHORT_TEXT, type Scenario, type Step } from './scenario.ts';

/** Mounts the layers of a scenario. Tests of the comparison itself mount something broken. */
export type Mount = (lower: readonly Layer[], upper: UpperStore | undefined) => Promise<Overlay>;

export interface EngineOptions {
  readonly mount?: Mount;
  /** Runs the checker after every step, not only at the end. */
  readonly checkEveryStep?: boolean;
}

/** Runs a scenario on the engine. Violations of the union rules and changed inode numbers are failures. */
export async function runOnEngine(
  scenario: Scenario,
  { mount = mountEngine, checkEveryStep = false }: EngineOptions = {},
): Promise<Outcome> {
  let machine: EngineMachine | undefined;
  try {
    machine = new EngineMachine(scenario.layers.map(layerOf), scenario.readOnly === true ? undefined : memoryUpper(), mount);
    await machine.mount();
    const results: string[] = [];
    for (const step of scenario.steps) {
      results.push(await machine.step(step));
      if (checkEveryStep) await machine.assertSound(step.op);
    }
    const before = machine.tree();
    const inos = machine.inodeNumbers();
    await machine.assertSound('the last step');
    await machine.remount();
    await machine.assertSound('the remount');
    const moved = machine.inodeNumbers().filter((line) => !inos.includes(line));
    if (moved.length > 0) throw new Error(`inode numbers changed by the remount: ${moved.join(', ')}`);
    return { results, before, after: machine.tree() };
  } catch (e) {
    return { results: [], before: [], after: [], failure: e instanceof Error ? (e.stack ?? e.message) : String(e) };
  } finally {
    await machine?.close();
  }
}

/** The real time, a millisecond later at every call, so that every change is told apart. */
function tickingClock(): () => number {
  let calls = 0;
  return () => Date.now() + calls++;
}

const mountEngine: Mount = (lower, upper) => Overlay.mount({ lower, upper, umask: 0o022, clock: tickingClock() });

/** A layer of a scenario as one that the engine mounts. */
export function layerOf(nodes: readonly LayerNode[]): MemoryLayer {
  const [root] = nodes;
  return treeLayer(tree(attributesOf(root!), ...childrenOf(nodes, '')));
}

function childrenOf(nodes: readonly LayerNode[], parent: string): TreeNode[] {
  const prefix = parent === '' ? '' : `${parent}/`;
  const isChild = ({ path }: LayerNode): boolean => path !== '' && path.startsWith(prefix) && !path.slice(prefix.length).includes('/');
  return nodes.filter(isChild).map((node) => nodeOf(node, nodes));
}

function nodeOf(node: LayerNode, nodes: readonly LayerNode[]): TreeNode {
  const name = node.path.slice(node.path.lastIndexOf('/') + 1);
  const attributes = attributesOf(node);
  switch (node.kind) {
    case 'directory':
      return (node.opaque === true ? opaque : dir)(name, attributes, ...childrenOf(nodes, node.path));
    case 'file':
      return file(name, contentOf(node), attributes);
    case 'symlink':
      return symlink(name, node.to!, { ...attributes, mode: 0o777 });
    case 'link':
      return hardLink(name, node.to!);
    case 'whiteout':
      return whiteout(name);
    case 'socket':
      return socket(name, attributes);
    default:
      return node.kind satisfies never;
  }
}

function attributesOf({ mode, mtime, uid = 0, gid = 0, xattrs, redirect }: LayerNode): TreeAttributes {
  return {
    mode,
    mtime,
    uid,
    gid,
    ...(xattrs !== undefined && { xattrs: new Map(Object.entries(xattrs)) }),
    ...(redirect !== undefined && { redirect }),
  };
}

function contentOf({ text = '', repeat = 1 }: Pick<Step, 'text' | 'repeat'>): Uint8Array {
  return encodeText(text.repeat(repeat), 'latin1');
}

function shown(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_TEXT) return decodeText(bytes, 'latin1');
  return `#${bytes.length}:${createHash('md5').update(bytes).digest('hex').slice(0, 12)}`;
}

const TYPES = new Map([
  [S_IFREG, 'f'],
  [S_IFDIR, 'd'],
  [S_IFLNK, 'l'],
  [S_IFIFO, 'p'],
  [S_IFSOCK, 's'],
  [S_IFCHR, 'c'],
  [S_IFBLK, 'b'],
]);

const timeOf = (ms: number): string => (ms < NOW_MS ? String(ms) : 'now');

function describe(stats: Stats): string {
  const kind = TYPES.get(stats.mode & S_IFMT)!;
  const isDir = kind === 'd';
  const time = timeOf(stats.mtimeMs);
  const device = kind === 'c' || kind === 'b' ? `:${stats.rdev}` : '';
  const { nlink, uid, gid, size } = stats;
  return `${kind}${device} ${(stats.mode & 0o7777).toString(8)} n${isDir ? '-' : nlink} ${uid}:${gid} ${isDir ? '-' : size} ${time}`;
}

/** Byte order of names, as the kernel's side sorts them. */
const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

class EngineMachine {
  readonly #handles = new Map<number, number>();
  readonly #seen = new Map<string, Pick<Stats, 'mtimeMs' | 'ctimeMs'>>();
  readonly #fingerprints: readonly string[];
  #overlay: Overlay | undefined;

  constructor(
    private readonly lower: readonly MemoryLayer[],
    private readonly upper: UpperStore | undefined,
    private readonly mountWith: Mount,
  ) {
    this.#fingerprints = lower.map((layer) => layer.fingerprint());
  }

  get #fs(): Fs {
    return this.#overlay!.fs;
  }

  async mount(): Promise<void> {
    this.#overlay = await this.mountWith(this.lower, this.upper);
  }

  async remount(): Promise<void> {
    for (const fd of this.#handles.values()) this.#fs.closeSync(fd);
    this.#handles.clear();
    await this.close();
    await this.mount();
  }

  async close(): Promise<void> {
    await this.#overlay?.close();
    this.#overlay = undefined;
  }

  /** @throws when a union rule does not hold. */
  async assertSound(when: string): Promise<void> {
    const violations = await this.#overlay!.check();
    const found = violations.map(({ rule, path, message }) => `${rule} ${path} ${message}`);
    for (const [i, layer] of this.lower.entries()) if (layer.fingerprint() !== this.#fingerprints[i]) found.push(`I1 layer ${i} changed`);
    if (found.length > 0) throw new Error(`after ${when}: ${found.join('; ')}`);
  }

  async step(step: Step): Promise<string> {
    if (step.op === 'remount') {
      await this.remount();
      return 'ok';
    }
    try {
      const fs = step.user === undefined ? this.#fs : this.#overlay!.as({ ...step.user, umask: 0o022 });
      return this.#perform(fs, step) ?? 'ok';
    } catch (e) {
      if (!isFsError(e)) throw e;
      return e.code;
    }
  }

  #fd(slot: number): number {
    const fd = this.#handles.get(slot);
    if (fd === undefined) throw new FsError('EBADF');
    return fd;
  }

  #perform(fs: Fs, { op, ...step }: Step): string | void {
    const path = step.path!;
    switch (op) {
      case 'readFile':
        return `read ${shown(fs.readFileSync(path))}`;
      case 'writeFile':
        return fs.writeFileSync(path, contentOf(step), { flag: step.flags, mode: step.mode });
      case 'truncate':
        return fs.truncateSync(path, step.size);
      case 'mkdir':
        return void fs.mkdirSync(path, { mode: step.mode });
      case 'rmdir':
        return fs.rmdirSync(path);
      case 'unlink':
        return fs.unlinkSync(path);
      case 'removeAll':
        return fs.rmSync(path, { recursive: true });
      case 'rename':
        return fs.renameSync(path, step.to!, step.flags);
      case 'link':
        return fs.linkSync(path, step.to!);
      case 'symlink':
        return fs.symlinkSync(step.to!, path);
      case 'mknod':
        return fs.mknodSync(path, (step.type ?? S_IFSOCK) | step.mode!, step.rdev);
      case 'readlink':
        return `target ${fs.readlinkSync(path)}`;
      case 'realpath':
        return fs.statSync(path).isDirectory() ? `path ${fs.realpathSync(path)}` : 'no directory';
      case 'stat':
        return describe(fs.statSync(path));
      case 'lstat':
        return describe(fs.lstatSync(path));
      case 'readdir':
        return `names ${this.#names(fs, path).join(' ')}`;
      case 'access':
        return fs.accessSync(path, step.mode);
      default:
        return this.#performOnAttributes(fs, { op, ...step });
    }
  }

  #performOnAttributes(fs: Fs, { op, ...step }: Step): string | void {
    const path = step.path!;
    switch (op) {
      case 'chmod':
        return fs.chmodSync(path, step.mode!);
      case 'chown':
        return fs.chownSync(path, step.uid!, step.gid!);
      case 'lchown':
        return fs.lchownSync(path, step.uid!, step.gid!);
      case 'utimes':
        return fs.utimesSync(path, step.time!, step.time!);
      case 'lutimes':
        return fs.lutimesSync(path, step.time!, step.time!);
      case 'utimens':
        return fs.utimesSync(path, step.atime!, step.mtime!);
      case 'times': {
        const { atimeMs, mtimeMs } = fs.lstatSync(path);
        return `atime ${timeOf(atimeMs)} mtime ${timeOf(mtimeMs)}`;
      }
      case 'changedTimes':
        return this.#changedTimes(fs, path);
      case 'setxattr':
        return fs.setxattrSync(path, step.name!, step.text!, step.flags);
      case 'getxattr':
        return `value ${decodeText(fs.getxattrSync(path, step.name!), 'utf8')}`;
      case 'listxattr':
        return `names ${fs.listxattrSync(path).sort(byCodePoint).join()}`;
      case 'removexattr':
        return fs.removexattrSync(path, step.name!);
      default:
        return this.#performOnHandle(fs, { op, ...step });
    }
  }

  #performOnHandle(fs: Fs, { op, ...step }: Step): string | void {
    const slot = step.slot!;
    switch (op) {
      case 'open':
        return this.#open(fs, slot, step);
      case 'close':
        fs.closeSync(this.#fd(slot));
        return void this.#handles.delete(slot);
      case 'read':
      case 'pread': {
        const bytes = new Uint8Array(step.size!);
        const count = fs.readSync(this.#fd(slot), bytes, 0, step.size, step.at ?? null);
        return `read ${shown(bytes.subarray(0, count))}`;
      }
      case 'write':
      case 'pwrite':
        return void fs.writeSync(this.#fd(slot), contentOf(step), 0, null, step.at ?? null);
      case 'ftruncate':
        return fs.ftruncateSync(this.#fd(slot), step.size);
      case 'fstat':
        return describe(fs.fstatSync(this.#fd(slot)));
      case 'fchmod':
        return fs.fchmodSync(this.#fd(slot), step.mode!);
      case 'fchown':
        return fs.fchownSync(this.#fd(slot), step.uid!, step.gid!);
      case 'futimes':
        return fs.futimesSync(this.#fd(slot), step.time!, step.time!);
      default:
        throw new TypeError(`no such step: ${op}`);
    }
  }

  #open(fs: Fs, slot: number, { path, flags, mode }: Omit<Step, 'op'>): void {
    const open = this.#handles.get(slot);
    this.#handles.delete(slot);
    if (open !== undefined) fs.closeSync(open);
    this.#handles.set(slot, fs.openSync(path!, flags, mode));
  }

  /** Which times of a path are others than when this was asked last. */
  #changedTimes(fs: Fs, path: string): string {
    const { mtimeMs, ctimeMs } = fs.lstatSync(path);
    const before = this.#seen.get(path);
    this.#seen.set(path, { mtimeMs, ctimeMs });
    if (before === undefined) return 'first seen';
    const changed = [before.mtimeMs !== mtimeMs && 'mtime', before.ctimeMs !== ctimeMs && 'ctime'];
    return `changed ${changed.filter((name) => name !== false).join()}`;
  }

  #names(fs: Fs, path: string): string[] {
    const entries = fs.readdirSync(path, { withFileTypes: true }).sort((a, b) => byCodePoint(a.name, b.name));
    return entries.map((entry) => TYPES.get(entry.mode & S_IFMT)! + entry.name);
  }

  /** The merged tree, one line an entry. */
  tree(): string[] {
    const lines: string[] = [];
    this.#visit('/', lines, new Map<number, string>());
    return lines;
  }

  #visit(path: string, lines: string[], seen: Map<number, string>): void {
    const fs = this.#fs;
    const stats = fs.lstatSync(path);
    let line = `${path} ${describe(stats)}`;
    if (stats.isSymbolicLink()) line += ` -> ${fs.readlinkSync(path)}`;
    if (stats.isFile()) line += ` =${shown(fs.readFileSync(path))}`;
    if (!stats.isDirectory()) {
      const twin = seen.get(stats.ino);
      if (twin === undefined) seen.set(stats.ino, path);
      else line += ` same as ${twin}`;
    }
    if (!stats.isSymbolicLink()) {
      for (const name of fs.listxattrSync(path).sort(byCodePoint)) line += ` ${name}=${decodeText(fs.getxattrSync(path, name), 'utf8')}`;
    }
    lines.push(line);
    if (!stats.isDirectory()) return;
    const names = fs.readdirSync(path).sort(byCodePoint);
    for (const name of names) this.#visit(`${path === '/' ? '' : path}/${name}`, lines, seen);
  }

  /** Path and inode number of everything; `readdir` and `lstat` have to agree on it. */
  inodeNumbers(): string[] {
    const fs = this.#fs;
    const lines: string[] = [];
    for (const entry of fs.readdirSync('/', { withFileTypes: true, recursive: true })) {
      const path = `${entry.parentPath === '/' ? '' : entry.parentPath}/${entry.name}`;
      const { ino } = fs.lstatSync(path);
      if (ino !== entry.ino) throw new Error(`${path}: readdir says inode ${entry.ino}, lstat ${ino}`);
      lines.push(`${path} ${ino}`);
    }
    return lines;
  }
}
