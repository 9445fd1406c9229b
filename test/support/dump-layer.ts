/* Reads everything that a layer has, for comparing whole trees. */

import { decodeUtf8 } from '../../src/base/bytes.ts';
import { isFile, isSymlink } from '../../src/base/mode.ts';
import type { Layer } from '../../src/layer/layer.ts';

export interface DumpedEntry {
  readonly entry: number;
  readonly mode: number;
  readonly mtime: number;
  readonly owner: string;
  /** Files. */
  readonly content: Uint8Array | undefined;
  /** Symbolic links. */
  readonly target: string | undefined;
}

/** Path -> entry, the root left out. Whiteouts are left out too. */
export async function dumpLayer(layer: Layer): Promise<Map<string, DumpedEntry>> {
  const { table } = layer;
  const dump = new Map<string, DumpedEntry>();
  for (let entry = 1; entry < table.length; entry++) {
    if (table.isWhiteout(entry)) continue;
    const mode = table.mode(entry);
    const content = isFile(mode) || isSymlink(mode) ? await contentOf(layer, entry) : undefined;
    dump.set(table.path(entry), {
      entry,
      mode,
      mtime: table.mtime(entry),
      owner: `${table.uid(entry)}:${table.gid(entry)}`,
      content: isFile(mode) ? content : undefined,
      target: isSymlink(mode) ? decodeUtf8(content!) : undefined,
    });
  }
  return dump;
}

async function contentOf(layer: Layer, entry: number): Promise<Uint8Array> {
  const target = layer.table.target(entry);
  return target === undefined ? layer.read(entry, 0, layer.table.size(entry)) : new TextEncoder().encode(target);
}

/** The entry at a path. */
export function entryAt({ table }: Layer, path: string): number {
  let entry = 0;
  for (const part of path.split('/').filter((name) => name !== '')) {
    entry = table.lookup(entry, part);
    if (entry < 0) throw new Error(`The layer has no '${path}'`);
  }
  return entry;
}

/** The content of the file at a path, as text. */
export async function textAt(layer: Layer, path: string): Promise<string> {
  const entry = entryAt(layer, path);
  return decodeUtf8(await layer.read(entry, 0, layer.table.size(entry)));
}
