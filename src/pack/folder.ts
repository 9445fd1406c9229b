/* A folder of the disk as a tree to pack. Extended attributes are left out: Node cannot read them. */

import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { decodeUtf8, decodeUtf8Strict } from '../base/bytes.ts';
import { deviceOf } from '../base/mode.ts';
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
    for (const bytes of readdirSync(join(root, folder), 'buffer').sort((a, b) => Buffer.compare(a, b))) {
      const name = decodeUtf8Strict(bytes);
      const path = `${folder === '' ? '' : `${folder}/`}${name ?? decodeUtf8(bytes)}`;
      if (name === undefined) {
        warnings.push({ path, message: 'left out: its name is not UTF-8' });
        continue;
      }
      const stats = lstatSync(join(root, path));
      const entry = entryOf(join(root, path), path, stats, known);
      if (typeof entry === 'string') warnings.push({ path, message: `left out: ${entry}` });
      else entries.push(entry);
      if (stats.isDirectory()) visit(path);
    }
  };
  visit('');
  return { entries, warnings };
}

/** Gives the entry, or says why there is none. */
function entryOf(file: string, path: string, stats: Stats, known: Map<string, string>): PackEntry | string {
  const common = { path, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid, mtime: stats.mtimeMs / 1000 };
  if (stats.isDirectory()) return { ...common, type: 'directory' };
  if (stats.isSymbolicLink()) {
    const target = decodeUtf8Strict(readlinkSync(file, 'buffer'));
    return target === undefined ? 'its target is not UTF-8' : { ...common, type: 'symlink', mode: 0o777, target };
  }
  if (stats.isFIFO()) return { ...common, type: 'fifo' };
  if (stats.isCharacterDevice()) return { ...common, type: 'character', device: deviceOf(stats.rdev) };
  if (stats.isBlockDevice()) return { ...common, type: 'block', device: deviceOf(stats.rdev) };
  if (!stats.isFile()) return 'a socket';
  if (stats.nlink > 1) {
    const key = `${stats.dev}:${stats.ino}`;
    const first = known.get(key);
    if (first !== undefined) return { ...common, type: 'link', target: first };
    known.set(key, path);
  }
  return { ...common, type: 'file', read: () => readFileSync(file) };
}
