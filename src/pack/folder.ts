/* A folder of the disk as a tree to pack. Extended attributes are left out: Node cannot read them. */

import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { PackEntry, PackTree, PackWarning } from './entry.ts';

/**
 * Lists a folder. Files with several names in it are hard links of the first by the bytes of the names; content is read later.
 *
 * @throws {Error} of Node's file system, when something cannot be read
 */
export function readFolder(root: string): PackTree {
  const entries: PackEntry[] = [];
  const warnings: PackWarning[] = [];
  /** Device and number of files that have several names -> the first of them. */
  const known = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const name of readdirSync(join(root, folder)).sort(compareNames)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const stats = lstatSync(join(root, path));
      const entry = entryOf(join(root, path), path, stats, known);
      if (entry === undefined) warnings.push({ path, message: 'left out: a socket' });
      else entries.push(entry);
      if (stats.isDirectory()) visit(path);
    }
  };
  visit('');
  return { entries, warnings };
}

const compareNames = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function entryOf(file: string, path: string, stats: Stats, known: Map<string, string>): PackEntry | undefined {
  const common = { path, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid, mtime: stats.mtimeMs / 1000 };
  if (stats.isDirectory()) return { ...common, type: 'directory' };
  if (stats.isSymbolicLink()) return { ...common, type: 'symlink', mode: 0o777, target: readlinkSync(file) };
  if (stats.isFIFO()) return { ...common, type: 'fifo' };
  if (stats.isCharacterDevice()) return { ...common, type: 'character', device: deviceOf(stats.rdev) };
  if (stats.isBlockDevice()) return { ...common, type: 'block', device: deviceOf(stats.rdev) };
  if (!stats.isFile()) return undefined;
  if (stats.nlink > 1) {
    const key = `${stats.dev}:${stats.ino}`;
    const first = known.get(key);
    if (first !== undefined) return { ...common, type: 'link', target: first };
    known.set(key, path);
  }
  return { ...common, type: 'file', read: () => readFileSync(file) };
}

/** As `major` and `minor` of glibc, for numbers of 32 bits. */
export const deviceOf = (rdev: number): { major: number; minor: number } => ({
  major: (rdev >>> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
});
