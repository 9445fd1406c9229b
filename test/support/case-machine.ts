/* Runs the operations of a semantic case on an overlay and gives each result in the notation of the cases. */

import type { Stats } from '../../src/base/stats.ts';
import { O_WRONLY, S_IFCHR, S_IFIFO } from '../../src/base/mode.ts';
import type { FileHandle, FsPromises } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { UpperImage, UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { type CheckedOverlay, checked } from './checked.ts';
import { imageOf } from './dump-upper.ts';
import { freezeUpper } from './freeze-upper.ts';
import { type MemoryLayer, treeLayer } from './memory-layer.ts';
import { type SemanticCase, caseTree, nodeOf } from './semantic-cases.ts';
import { SEED_TIME } from './tree.ts';

type Args = readonly (string | number)[];
type Op = (machine: CaseMachine, fs: FsPromises, ...args: never[]) => Promise<string | number | void>;

/** A mounted case. */
export class CaseMachine {
  readonly files = new Map<string, FileHandle>();
  readonly directories = new Map<string, string>();
  readonly inodes = new Map<string, number>();

  private constructor(
    public lower: readonly MemoryLayer[],
    public upper: UpperStore | undefined,
    public overlay: CheckedOverlay,
    readonly fingerprints: readonly string[],
  ) {}

  /** Mounts the layers of a case, and brings its initial upper about by ordinary operations. */
  static async mount({ lowers, upper: initial, fs }: SemanticCase): Promise<CaseMachine> {
    const lower = lowers.map((layer) => treeLayer(caseTree(layer)));
    const upper = fs === 'noupper' ? undefined : memoryUpper();
    const overlay = checked(await Overlay.mount({ lower, ...(upper && { upper }) }));
    for (const [path, form] of Object.entries(initial)) await seedUpper(overlay.fs.promises, `/${path}`, form);
    return new CaseMachine(
      lower,
      upper,
      overlay,
      lower.map((layer) => layer.fingerprint()),
    );
  }

  get fs(): FsPromises {
    return this.overlay.fs.promises;
  }

  /** Runs one operation: its result, `ok`, or the code of its error. */
  async run([name, ...args]: Args, fs = this.fs): Promise<string> {
    if (name === 'as') {
      const [uid, ...rest] = args;
      return this.run(rest, this.overlay.as({ uid: Number(uid), gid: Number(uid) }).promises);
    }
    const op = OPS.get(String(name));
    if (op === undefined) throw new TypeError(`no such operation: ${name}`);
    try {
      return String((await op(this, fs, ...(args as never[]))) ?? 'ok');
    } catch (e) {
      const { code } = e as { code?: unknown };
      if (typeof code === 'string') return code;
      throw e;
    }
  }

  async remount(lower = this.lower, upper = this.upper): Promise<void> {
    this.files.clear();
    await this.overlay.close();
    this.lower = lower;
    this.upper = upper;
    this.overlay = checked(await Overlay.mount({ lower, ...(upper && { upper }) }));
  }

  /** Remounts; gives what the upper held in between. */
  async image(): Promise<UpperImage> {
    await this.overlay.close();
    const image = await imageOf(this.upper!);
    await this.remount();
    return image;
  }

  /** Freezes the upper as the topmost lower and starts an empty one. */
  async rotate(): Promise<void> {
    const frozen = await freezeUpper(await this.image(), this.fs);
    await this.remount([frozen, ...this.lower], memoryUpper());
  }

  handle(name: string): FileHandle {
    const handle = this.files.get(name);
    if (handle === undefined) throw new TypeError(`no open file ${name}`);
    return handle;
  }
}

async function seedUpper(fs: FsPromises, path: string, form: string): Promise<void> {
  const node = nodeOf(path.slice(path.lastIndexOf('/') + 1), form, []);
  const before = await fs.lstat(path).catch(() => undefined);
  switch (node.kind) {
    case 'whiteout':
      return fs.rm(path, { recursive: true });
    case 'file':
      if (before !== undefined) await fs.rm(path, { recursive: true });
      return fs.writeFile(path, node.content as Uint8Array);
    case 'directory':
      if (before?.isDirectory() === true && !node.opaque) return fs.utimes(path, SEED_TIME / 1000, SEED_TIME / 1000);
      if (before !== undefined) await fs.rm(path, { recursive: true });
      await fs.mkdir(path);
      return;
    default:
      throw new TypeError(`cannot be seeded by operations: ${form}`);
  }
}

const at = (path: string): string => `/${path}`;
const TYPES: readonly (readonly [keyof Stats, string])[] = [
  ['isFile', 'f'],
  ['isDirectory', 'd'],
  ['isSymbolicLink', 'l'],
  ['isFIFO', 'p'],
  ['isCharacterDevice', 'c'],
];
const typeOf = (attr: Stats): string => TYPES.find(([method]) => (attr[method] as () => boolean).call(attr))?.[1] ?? '?';
const attrOp =
  (give: (attr: Stats) => string | number): Op =>
  async (_machine, fs, path: string) =>
    give(await fs.lstat(at(path)));

async function withHandle(
  fs: FsPromises,
  path: string,
  flags: string | number,
  body: (handle: FileHandle) => Promise<unknown>,
): Promise<void> {
  const handle = await fs.open(at(path), flags);
  try {
    await body(handle);
  } finally {
    await handle.close();
  }
}

async function readRest(handle: FileHandle, position: number | null): Promise<string> {
  const buffer = new Uint8Array(1 << 16);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
  return new TextDecoder().decode(buffer.subarray(0, bytesRead));
}

/** Describes a large file: all zeros but for what stands at its end. */
function describeZeros(content: Uint8Array): string {
  const end = content.findLastIndex((byte) => byte === 0) + 1;
  const rest = new TextDecoder().decode(content.subarray(end));
  return content.subarray(0, end).every((byte) => byte === 0) ? `zeros+${rest}` : 'not zeros';
}

const OPS = new Map<string, Op>([
  ['cat', (_m, fs, path: string) => fs.readFile(at(path), 'utf8')],
  ['ls', async (_m, fs, path: string) => (await fs.readdir(at(path))).sort().join(',')],
  ['lsset', async (_m, fs, path: string) => (await fs.readdir(at(path))).join(',')],
  ['type', attrOp(typeOf)],
  ['mode', attrOp(({ mode }) => (mode & 0o7777).toString(8))],
  ['owner', attrOp(({ uid, gid }) => `${uid}:${gid}`)],
  ['size', attrOp(({ size }) => size)],
  ['nlink', attrOp(({ nlink }) => nlink)],
  ['mtime', attrOp(({ mtimeMs }) => mtimeMs / 1000)],
  ['atime', attrOp(({ atimeMs }) => atimeMs / 1000)],
  ['mtimenew', attrOp(({ mtimeMs }) => (mtimeMs > SEED_TIME ? 'new' : 'old'))],
  ['readlink', (_m, fs, path: string) => fs.readlink(at(path))],
  ['sumz', async (_m, fs, path: string) => describeZeros(await fs.readFile(at(path)))],
  ['write', (_m, fs, path: string, data: string) => fs.writeFile(at(path), data)],
  ['append', (_m, fs, path: string, data: string) => fs.appendFile(at(path), data)],
  ['pwrite', (_m, fs, path: string, offset: number, data: string) => withHandle(fs, path, 'r+', (handle) => handle.write(data, offset))],
  ['openx', (_m, fs, path: string) => withHandle(fs, path, 'wx', async () => undefined)],
  ['open', (_m, fs, path: string, flags: string) => withHandle(fs, path, flags === 'w-' ? O_WRONLY : flags, async () => undefined)],
  ['truncate', (_m, fs, path: string, size: number) => fs.truncate(at(path), size)],
  ['mkdir', async (_m, fs, path: string) => void (await fs.mkdir(at(path)))],
  ['rmdir', (_m, fs, path: string) => fs.rmdir(at(path))],
  ['unlink', (_m, fs, path: string) => fs.unlink(at(path))],
  ['rmtree', (_m, fs, path: string) => fs.rm(at(path), { recursive: true })],
  ['rename', (_m, fs, from: string, to: string) => fs.rename(at(from), at(to))],
  ['rename2', (_m, fs, from: string, to: string, flags: number) => fs.rename(at(from), at(to), flags)],
  ['link', (_m, fs, existing: string, path: string) => fs.link(at(existing), at(path))],
  ['symlink', (_m, fs, target: string, path: string) => fs.symlink(target, at(path))],
  ['mkfifo', (_m, fs, path: string) => fs.mknod(at(path), S_IFIFO | 0o644)],
  ['mknodc', (_m, fs, path: string, major: number, minor: number) => fs.mknod(at(path), S_IFCHR | 0o644, (major << 8) | minor)],
  ['chmod', (_m, fs, path: string, mode: number) => fs.chmod(at(path), mode)],
  ['chown', (_m, fs, path: string, uid: number, gid: number) => fs.chown(at(path), uid, gid)],
  ['lchown', (_m, fs, path: string, uid: number, gid: number) => fs.lchown(at(path), uid, gid)],
  ['utimes', (_m, fs, path: string, time: number) => fs.utimes(at(path), time, time)],
  ['setx', (_m, fs, path: string, name: string, value: string) => fs.setxattr(at(path), name, value)],
  ['getx', async (_m, fs, path: string, name: string) => new TextDecoder().decode(await fs.getxattr(at(path), name))],
  ['rmx', (_m, fs, path: string, name: string) => fs.removexattr(at(path), name)],
  ['listx', async (_m, fs, path: string) => (await fs.listxattr(at(path))).sort().join(',')],
  ['inosave', async (machine, fs, key: string, path: string) => void machine.inodes.set(key, (await fs.lstat(at(path))).ino)],
  ['inosame', async (machine, fs, key: string, path: string) => same(machine.inodes.get(key), (await fs.lstat(at(path))).ino)],
  ['devsame', async (_m, fs, path: string, other: string) => same((await fs.lstat(at(path))).dev, (await fs.lstat(at(other))).dev)],
  [
    'dino',
    async (_m, fs, directory: string, name: string) => {
      const entry = (await fs.readdir(at(directory), { withFileTypes: true })).find((dirent) => dirent.name === name);
      return same(entry?.ino, (await fs.lstat(at(`${directory}/${name}`))).ino);
    },
  ],
  ['fd', async (machine, fs, key: string, path: string, flags: string) => void machine.files.set(key, await fs.open(at(path), flags))],
  ['fdc', async (machine, fs, key: string, path: string) => void machine.files.set(key, await fs.open(at(path), 'w+'))],
  ['fread', (machine, _fs, key: string) => readRest(machine.handle(key), null)],
  ['fpread', (machine, _fs, key: string, offset: number) => readRest(machine.handle(key), offset)],
  ['fwrite', async (machine, _fs, key: string, data: string) => void (await machine.handle(key).write(data))],
  ['fsize', async (machine, _fs, key: string) => (await machine.handle(key).stat()).size],
  ['fnlink', async (machine, _fs, key: string) => (await machine.handle(key).stat()).nlink],
  ['fsync', (machine, _fs, key: string) => machine.handle(key).sync()],
  ['dfd', async (machine, fs, key: string, path: string) => void machine.directories.set(key, (await fs.opendir(at(path))).path)],
  ['dls', async (machine, fs, key: string) => (await fs.readdir(machine.directories.get(key)!)).sort().join(',')],
  ['remount', (machine) => machine.remount()],
  ['rotate', (machine) => machine.rotate()],
  [
    'lowerintact',
    async (machine) => (machine.lower.every((layer, i) => layer.fingerprint() === machine.fingerprints[i]) ? 'ok' : 'changed'),
  ],
  [
    'othermount_cat',
    async (machine, _fs, path: string) => {
      await using other = await Overlay.mount({ lower: machine.lower, upper: memoryUpper() });
      return other.fs.promises.readFile(at(path), 'utf8');
    },
  ],
  [
    'secondmount',
    async (machine) => {
      const second = await Overlay.mount({ lower: machine.lower, upper: machine.upper });
      await second.close();
    },
  ],
]);

const same = (a: number | undefined, b: number): string => (a === b ? 'same' : 'diff');
