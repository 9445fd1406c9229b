/*
 * Dumps a whole merged tree as lines of text, and judges on the way whether the calls that show it agree: `readdir`,
 * `readdir` with types, `lstat`, `stat`, `readlink` and `readFile` (rule I9).
 */

import type { Stats } from '../../src/base/stats.ts';
import type { FsPromises } from '../../src/fs/api.ts';

export interface SnapshotOptions {
  /** Leaves inode numbers, times and the like out; what is asked for is added to each line. */
  readonly with?: readonly ('ino' | 'mtime')[];
  /** Leaves out the names that this tells. */
  readonly skip?: (path: string) => boolean;
}

/** One line an entry, sorted by path: type, mode, owner, links, size and content or target. */
export async function snapshotTree(fs: FsPromises, root = '/', options: SnapshotOptions = {}): Promise<string[]> {
  const lines: string[] = [];
  await dump(fs, root === '/' ? '' : root, '', options, lines);
  return lines.sort();
}

async function dump(fs: FsPromises, root: string, path: string, options: SnapshotOptions, lines: string[]): Promise<void> {
  const here = root + path || '/';
  const names = await fs.readdir(here);
  const entries = await fs.readdir(here, { withFileTypes: true });
  if (new Set(names).size !== names.length) throw new Error(`I9: ${here}: readdir gives a name twice: ${names.join(', ')}`);
  const typed = entries.map(({ name }) => name);
  if ([...names].sort().join('/') !== typed.sort().join('/')) {
    throw new Error(`I9: ${here}: readdir gives ${names.join(', ')}, with types ${typed.join(', ')}`);
  }
  for (const entry of entries) {
    const child = `${path}/${entry.name}`;
    if (options.skip?.(child) === true) continue;
    const attr = await fs.lstat(root + child);
    if (typeOf(entry) !== typeOf(attr)) throw new Error(`I9: ${child}: readdir says ${typeOf(entry)}, lstat ${typeOf(attr)}`);
    if (typeof entry.ino === 'number' && entry.ino !== attr.ino) {
      throw new Error(`I9: ${child}: readdir says inode ${entry.ino}, lstat ${attr.ino}`);
    }
    lines.push(await lineOf(fs, root, child, attr, options));
    if (attr.isDirectory()) await dump(fs, root, child, options, lines);
  }
}

async function lineOf(fs: FsPromises, root: string, path: string, attr: Stats, options: SnapshotOptions): Promise<string> {
  const type = typeOf(attr);
  const parts = [path, type, (attr.mode & 0o7777).toString(8), `${attr.uid}:${attr.gid}`];
  if (type !== 'symlink') await assertSameStat(fs, root + path, attr);
  if (type === 'file') parts.push(`nlink=${attr.nlink}`, await contentOf(fs, root + path, attr));
  if (type === 'symlink') parts.push(`-> ${await fs.readlink(root + path)}`);
  if (type === 'block' || type === 'character') parts.push(`rdev=${attr.rdev}`);
  if (options.with?.includes('ino')) parts.push(`ino=${attr.ino}`);
  if (options.with?.includes('mtime')) parts.push(`mtime=${attr.mtimeMs}`);
  return parts.join(' ');
}

async function assertSameStat(fs: FsPromises, path: string, attr: Stats): Promise<void> {
  const other = await fs.stat(path);
  for (const key of ['ino', 'mode', 'nlink', 'uid', 'gid', 'size', 'mtimeMs'] as const) {
    if (attr[key] !== other[key]) throw new Error(`I9: ${path}: lstat says ${key} ${attr[key]}, stat ${other[key]}`);
  }
}

async function contentOf(fs: FsPromises, path: string, attr: Stats): Promise<string> {
  const bytes = await fs.readFile(path);
  if (bytes.length !== attr.size) throw new Error(`I9: ${path}: stat says ${attr.size} bytes, readFile gives ${bytes.length}`);
  return `${bytes.length}:${summaryOf(bytes)}`;
}

/** Short content as it is, longer as a number that changes with it. */
export function summaryOf(bytes: Uint8Array): string {
  if (bytes.length <= 64) return JSON.stringify(new TextDecoder().decode(bytes));
  let hash = 0x811c9dc5;
  // Kept a signed number of 32 bits: the trees of the tests have megabytes of it.
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return `#${(hash >>> 0).toString(16)}`;
}

/** The tests that `Stats` and `Dirent` share. */
interface Typed {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

/** Names the type, and insists that exactly one of the tests says yes. */
export function typeOf(typed: Typed): string {
  const types = [
    typed.isFile() && 'file',
    typed.isDirectory() && 'directory',
    typed.isSymbolicLink() && 'symlink',
    typed.isFIFO() && 'fifo',
    typed.isSocket() && 'socket',
    typed.isBlockDevice() && 'block',
    typed.isCharacterDevice() && 'character',
  ].filter((type) => type !== false);
  if (types.length !== 1) throw new Error(`not exactly one type: ${types.join(', ')}`);
  return types[0]!;
}
