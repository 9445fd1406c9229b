/* What an export gives: its bytes, and the tree that they are where they are mounted. */

import { expect } from 'vitest';
import { type ExportOptions, type Layer, Overlay, openLayer } from '../../src/engine.ts';
import { concatBytes } from '../../src/base/bytes.ts';
import { snapshotTree } from './snapshot-tree.ts';

/** All pieces of an archive. */
export async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return concatBytes(all);
}

/** The tree of an archive over lowers, as lines. Lists with attributes and content. */
export async function treeOf(archive: Uint8Array, lowers: readonly Layer[] = [], whiteouts?: 'oci'): Promise<string[]> {
  const layer = await openLayer(archive, { whiteouts });
  expect(layer.warnings).toEqual([]);
  const overlay = await Overlay.mount({ lower: [layer, ...lowers] });
  try {
    return await snapshotTree(overlay.fs.promises);
  } finally {
    await overlay.close();
    await layer.close();
  }
}

/** A lower counts all names that its files have, also those that a layer above it deletes, as the kernel does. */
const withoutLinks = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ nlink=\d+/, ''));

/** The layer of what an upper changes must show over its lowers what the upper shows, and the tar of everything must show it alone. */
export async function expectExports(overlay: Overlay, lowers: readonly Layer[], options: ExportOptions = {}): Promise<void> {
  // Sockets cannot be in an archive.
  const shown = (await snapshotTree(overlay.fs.promises)).filter((line) => line.split(' ')[1] !== 'socket');
  const layer = await bytesOf(overlay.export({ ...options, format: 'oci-layer' }));
  expect(withoutLinks(await treeOf(layer, lowers, 'oci')), 'the layer over the lowers').toEqual(withoutLinks(shown));
  expect(await treeOf(await bytesOf(overlay.export({ ...options, format: 'tar' }))), 'the tar').toEqual(shown);
  expect(overlay.snapshots(), 'nothing is left').toEqual([]);
}
