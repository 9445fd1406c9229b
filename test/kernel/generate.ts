/*
 * Random scenarios. Names come from a small alphabet, and most paths from what the layers and earlier steps named, so that steps
 * meet each other: over whiteouts, below redirects, through symbolic links, on files that are open.
 */

import {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  XATTR_CREATE,
  XATTR_REPLACE,
} from '../../src/base/mode.ts';
import { CHUNK_SIZE } from '../../src/layer/chunk-size.ts';
import { Random } from './random.ts';
import type { LayerNode, Scenario, Step, StepName, User } from './scenario.ts';

const NAMES = ['a', 'b', 'c', 'd'] as const;
const OTHER_NAMES = ['e', '__proto__', '.wh.a', 'é', 'x'.repeat(255), 'x'.repeat(256)] as const;
const SLOTS = 4;
const MODES = [0o644, 0o600, 0o666, 0o444, 0o755, 0o777, 0o640, 0o000, 0o4755, 0o2755, 0o2644, 0o6777, 0o4644, 0o2640] as const;
const DIRECTORY_MODES = [0o755, 0o755, 0o755, 0o777, 0o700, 0o1777, 0o2775, 0o555, 0o711] as const;
const TARGETS = ['a', 'b', 'c', '../a', '../b', '/a', '/b/c', '/a/b', 'a/b', '.', '..', '/', 'd/../a', './c', 'gone', '../../c'] as const;
const ATTRIBUTES = ['user.one', 'user.two'] as const;

export interface GenerateOptions {
  /** Steps of a scenario. Default: 40. */
  readonly steps?: number;
}

export function generate(seed: number, { steps = 40 }: GenerateOptions = {}): Scenario {
  return new Generator(seed).scenario(steps);
}

class Generator {
  readonly #random: Random;
  readonly #known = new Set<string>();
  /** Fewer names meet more often. */
  readonly #names: readonly string[];
  /** Steps are weighted anew in each scenario: some move directories most of the time, some write to open files. */
  readonly #weights: readonly (readonly [number, StepName])[];
  /** Whether steps of ordinary users are mixed in. */
  readonly #users: boolean;
  /** Whether positions reach beyond one chunk. */
  readonly #large: boolean;

  constructor(private readonly seed: number) {
    this.#random = new Random(seed);
    this.#names = NAMES.slice(0, this.#random.pick([2, 3, 4, 4]));
    this.#weights = WEIGHTS.map(([weight, op]) => [weight * this.#random.pick([0.3, 1, 1, 1, 3]), op] as const);
    this.#users = this.#random.chance(0.35);
    this.#large = this.#random.chance(0.15);
  }

  scenario(count: number): Scenario {
    const depth = this.#random.weighted([
      [30, 1],
      [25, 2],
      [20, 3],
      [10, 4],
      [10, 5],
      [5, 6],
    ]);
    const layers = Array.from({ length: depth }, () => this.#layer());
    const steps = Array.from({ length: count }, () => this.#step());
    return { seed: this.seed, metacopy: this.#random.chance(0.5), readOnly: this.#random.chance(0.03), layers, steps };
  }

  // Layers

  #layer(): LayerNode[] {
    const { xattrs } = this.#attributes('directory');
    const root = { mode: this.#users ? 0o777 : 0o755, mtime: this.#time(), ...(xattrs !== undefined && { xattrs }) };
    const nodes: LayerNode[] = [{ kind: 'directory', path: '', ...root }];
    this.#children(nodes, '', 1);
    return this.#random.chance(0.15) ? this.#redirected(nodes) : nodes;
  }

  /** The layer as it is when a directory of the layers below was renamed in it: a whiteout at the old place, a redirect at the new. */
  #redirected(nodes: readonly LayerNode[]): LayerNode[] {
    const isPlain = ({ kind, path }: LayerNode): boolean => {
      const above = nodes.filter((node) => path.startsWith(`${node.path}/`));
      return (kind === 'directory' || kind === 'whiteout') && path !== '' && above.every(({ opaque }) => opaque !== true);
    };
    const left = this.#random.pick([undefined, ...nodes.filter((node) => node.kind === 'whiteout' && isPlain(node))]);
    const moved = this.#random.pick([
      undefined,
      ...nodes.filter((node) => node.kind === 'directory' && node.opaque !== true && isPlain(node)),
    ]);
    if (left === undefined || moved === undefined) return [...nodes];
    return nodes.map((node) => (node === moved ? { ...node, redirect: `/${left.path}` } : node));
  }

  #children(nodes: LayerNode[], parent: string, depth: number): void {
    const random = this.#random;
    for (const name of this.#names) {
      if (random.chance(0.35)) continue;
      const path = parent === '' ? name : `${parent}/${name}`;
      this.#known.add(`/${path}`);
      const files = nodes.filter(({ kind }) => kind === 'file');
      const kind = random.weighted<LayerNode['kind']>([
        [depth < 4 ? 38 : 0, 'directory'],
        [30, 'file'],
        [9, 'symlink'],
        [14, 'whiteout'],
        [files.length > 0 ? 7 : 0, 'link'],
        [1, 'socket'],
      ]);
      nodes.push({ kind, path, ...this.#attributes(kind), ...this.#content(kind, files) });
      if (kind === 'directory') this.#children(nodes, path, depth + 1);
    }
  }

  #attributes(kind: LayerNode['kind']): Pick<LayerNode, 'mode' | 'mtime' | 'uid' | 'gid' | 'xattrs' | 'opaque'> {
    const random = this.#random;
    const mode = kind === 'directory' ? random.pick(DIRECTORY_MODES) : random.pick(MODES);
    const [uid, gid] = random.chance(this.#users ? 0.5 : 0.1) ? [random.pick([0, 1000, 1001]), random.pick([0, 1000, 50])] : [0, 0];
    const hasXattrs = (kind === 'directory' || kind === 'file') && random.chance(0.08);
    const isOpaque = kind === 'directory' && random.chance(0.12);
    return {
      mode,
      mtime: this.#time(),
      ...(uid + gid > 0 && { uid, gid }),
      ...(hasXattrs && { xattrs: { [random.pick(ATTRIBUTES)]: 'lower' } }),
      ...(isOpaque && { opaque: true }),
    };
  }

  #content(kind: LayerNode['kind'], files: readonly LayerNode[]): Pick<LayerNode, 'text' | 'repeat' | 'to'> {
    const random = this.#random;
    if (kind === 'file') {
      if (this.#large && random.chance(0.3)) return { text: 'lower-content ', repeat: 1 + random.below(40_000) };
      return { text: random.chance(0.15) ? '' : `lower${random.below(1000)}` };
    }
    if (kind === 'symlink') return { to: random.pick(TARGETS) };
    return kind === 'link' ? { to: random.pick(files).path } : {};
  }

  /** Milliseconds, long ago, whole seconds. */
  #time(): number {
    return (1_000_000_000 + this.#random.below(1_000_000)) * 1000;
  }

  // Paths

  #name(): string {
    return this.#random.chance(0.04) ? this.#random.pick(OTHER_NAMES) : this.#random.pick(this.#names);
  }

  #path(): string {
    const random = this.#random;
    const known = [...this.#known];
    let path = '';
    if (known.length > 0 && random.chance(0.8)) path = random.pick(known);
    const more =
      path === ''
        ? 1 + random.below(4)
        : random.weighted([
            [70, 0],
            [26, 1],
            [4, 2],
          ]);
    for (let i = 0; i < more; i++) path += `/${this.#name()}`;
    if (random.chance(0.02)) path += random.pick(['/', '/.', '/..', '//a', '/../a', '/./a']);
    return path;
  }

  /** A path that a step is about to make. */
  #newPath(): string {
    const path = this.#path();
    if (!path.endsWith('.') && this.#known.size < 60) this.#known.add(path.replace(/\/+$/, '') || '/a');
    return path;
  }

  // Steps

  #step(): Step {
    const op = this.#random.weighted(this.#weights);
    const step = { op, ...this.#arguments(op) };
    return this.#users && !ROOT_ONLY.has(op) && this.#random.chance(0.4) ? { ...step, user: this.#user() } : step;
  }

  #user(): User {
    const random = this.#random;
    return { uid: random.pick([1000, 1000, 1001]), gid: random.pick([1000, 1001]), groups: random.chance(0.3) ? [50] : [] };
  }

  #text(): Pick<Step, 'text' | 'repeat'> {
    if (this.#large && this.#random.chance(0.3)) return { text: 'written ', repeat: 1 + this.#random.below(80_000) };
    return { text: 'w'.repeat(this.#random.below(3)) + String(this.#random.below(10_000)) };
  }

  #position(): number {
    if (!this.#large) return this.#random.below(12);
    return this.#random.pick([0, 5, CHUNK_SIZE - 2, CHUNK_SIZE, CHUNK_SIZE + 3, 2 * CHUNK_SIZE, 2 * CHUNK_SIZE - 1, 300_001]);
  }

  #flags(): number {
    const random = this.#random;
    let flags = random.pick([O_RDONLY, O_WRONLY, O_RDWR, O_RDWR]);
    if (random.chance(0.5)) flags |= O_CREAT;
    if (random.chance(0.15)) flags |= O_EXCL;
    if (random.chance(0.15)) flags |= O_TRUNC;
    if (random.chance(0.25)) flags |= O_APPEND;
    if (random.chance(0.05)) flags |= O_NOFOLLOW;
    // Together with O_CREAT kernels of different age disagree.
    if (random.chance(0.04) && (flags & O_CREAT) === 0) flags |= O_DIRECTORY;
    // Without O_CREAT the effect of O_EXCL is undefined; O_RDONLY with O_TRUNC is unspecified.
    if ((flags & O_CREAT) === 0) flags &= ~O_EXCL;
    if ((flags & 3) === O_RDONLY) flags &= ~O_TRUNC;
    return flags;
  }

  #arguments(op: StepName): Omit<Step, 'op'> {
    const random = this.#random;
    const slot = random.below(SLOTS);
    switch (op) {
      case 'open':
        return { slot, path: this.#newPath(), flags: this.#flags(), mode: random.pick(MODES) };
      case 'close':
      case 'fstat':
        return { slot };
      case 'read':
        return { slot, size: random.pick([3, 7, 100]) };
      case 'pread':
        return { slot, size: random.pick([3, 7, 100]), at: this.#position() };
      case 'write':
        return { slot, ...this.#text() };
      case 'pwrite':
        return { slot, at: this.#position(), ...this.#text() };
      case 'ftruncate':
        return { slot, size: this.#position() };
      case 'fchmod':
        return { slot, mode: random.pick(MODES) };
      case 'fchown':
        return { slot, ...this.#owner() };
      case 'futimes':
        return { slot, time: this.#time() / 1000 };
      case 'writeFile':
        return { path: this.#newPath(), flags: this.#writeFlags(), mode: random.pick(MODES), ...this.#text() };
      case 'truncate':
        return { path: this.#path(), size: this.#position() };
      case 'mkdir':
        return { path: this.#newPath(), mode: random.pick(DIRECTORY_MODES) };
      case 'rename':
        return {
          path: this.#path(),
          to: this.#newPath(),
          flags: random.weighted([
            [70, 0],
            [12, RENAME_NOREPLACE],
            [18, RENAME_EXCHANGE],
          ]),
        };
      case 'link':
        return { path: this.#path(), to: this.#newPath() };
      case 'symlink':
        return { path: this.#newPath(), to: random.chance(0.8) ? random.pick(TARGETS) : this.#path() };
      case 'mknod':
        return { path: this.#newPath(), mode: random.pick(MODES) };
      case 'chmod':
        return { path: this.#path(), mode: random.pick([...MODES, ...DIRECTORY_MODES]) };
      case 'chown':
      case 'lchown':
        return { path: this.#path(), ...this.#owner() };
      case 'utimes':
      case 'lutimes':
        return { path: this.#path(), time: this.#time() / 1000 };
      case 'setxattr':
        return {
          path: this.#path(),
          name: random.pick(ATTRIBUTES),
          text: `v${random.below(100)}`,
          flags: random.pick([0, 0, XATTR_CREATE, XATTR_REPLACE]),
        };
      case 'getxattr':
      case 'removexattr':
        return { path: this.#path(), name: random.pick(ATTRIBUTES) };
      case 'access':
        return { path: this.#path(), mode: random.below(8) };
      case 'removeAll':
      case 'realpath': // of the C library and of tools, not calls of the kernel: plain paths only
        return { path: this.#path().replace(/\/+(\.{0,2}$|\.{1,2}(?=\/))/g, '') || '/a' };
      case 'remount':
        return {};
      default:
        return { path: this.#path() };
    }
  }

  #writeFlags(): number {
    return this.#random.weighted([
      [60, O_WRONLY | O_CREAT | O_TRUNC],
      [25, O_WRONLY | O_CREAT | O_APPEND],
      [10, O_WRONLY | O_CREAT | O_TRUNC | O_EXCL],
      [5, O_WRONLY],
    ]);
  }

  #owner(): Pick<Step, 'uid' | 'gid'> {
    return { uid: this.#random.pick([0, 1000, 1001, -1]), gid: this.#random.pick([0, 1000, 50, -1]) };
  }
}

const WEIGHTS: readonly (readonly [number, StepName])[] = [
  [10, 'open'],
  [3, 'close'],
  [3, 'read'],
  [2, 'pread'],
  [5, 'write'],
  [3, 'pwrite'],
  [2, 'ftruncate'],
  [2, 'fstat'],
  [1, 'fchmod'],
  [1, 'fchown'],
  [1, 'futimes'],
  [3, 'readFile'],
  [8, 'writeFile'],
  [2, 'truncate'],
  [8, 'mkdir'],
  [4, 'rmdir'],
  [7, 'unlink'],
  [4, 'removeAll'],
  [18, 'rename'],
  [5, 'link'],
  [4, 'symlink'],
  [1, 'mknod'],
  [3, 'chmod'],
  [2, 'chown'],
  [1, 'lchown'],
  [2, 'utimes'],
  [1, 'lutimes'],
  [2, 'setxattr'],
  [1, 'getxattr'],
  [1, 'listxattr'],
  [2, 'removexattr'],
  [2, 'readlink'],
  [2, 'realpath'],
  [4, 'stat'],
  [3, 'lstat'],
  [4, 'readdir'],
  [2, 'access'],
  [1.5, 'remount'],
];

/**
 * Steps that only root takes: `rm -r` stops half way on the kernel and is all or nothing here (docs/SEMANTICS.md, 7 I); whether a
 * user may link another's file is a setting of the machine (protected_hardlinks).
 */
const ROOT_ONLY: ReadonlySet<StepName> = new Set(['removeAll', 'link', 'remount', 'realpath']);
