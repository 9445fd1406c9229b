/* A layer, of whatever archive, as a tree to pack. */

import { decodeUtf8 } from '../base/bytes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, deviceOf } from '../base/mode.ts';
import type { Layer } from '../layer/layer.ts';
import type { PackEntry, PackTree, PackWarning } from './entry.ts';

const TYPES: ReadonlyMap<number, PackEntry['type']> = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'character'],
  [S_IFBLK, 'block'],
  [S_IFIFO, 'fifo'],
] as const);

/** Lists a layer. Directories that only names imply are left out, so that they are implied again. */
export async function readLayerTree(layer: Layer): Promise<PackTree> {
  const { table } = layer;
  const entries: PackEntry[] = [];
  const warnings: PackWarning[] = layer.warnings.map(({ entry, message }) => ({ path: entry, message }));
  for (let entry = 1; entry < table.length; entry++) {
    if (table.isImplied(entry)) continue;
    const path = table.path(entry).slice(1);
    const mode = table.mode(entry);
    const type = TYPES.get(mode & S_IFMT);
    if (type === undefined) {
      warnings.push({ path, message: 'left out: a socket' });
      continue;
    }
    const common = {
      path,
      mode: mode & 0o7777,
      uid: table.uid(entry),
      gid: table.gid(entry),
      mtime: table.mtime(entry) / 1000,
      xattrs: table.xattrs(entry),
    };
    const first = table.canonical(entry);
    const content = (): Promise<Uint8Array> => layer.read(entry, 0, table.size(entry));
    if (first !== entry) entries.push({ ...common, type: 'link', target: table.path(first).slice(1) });
    else if (type === 'file') entries.push({ ...common, type, read: content });
    else if (type === 'symlink') entries.push({ ...common, type, target: table.target(entry) ?? decodeUtf8(await content()) });
    else if (type === 'character' || type === 'block') entries.push({ ...common, type, device: deviceOf(table.rdev(entry)) });
    else entries.push({ ...common, type });
  }
  return { entries, warnings };
}
