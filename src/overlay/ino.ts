/*
 * Inode numbers. They are unique in a workspace, fit in 32 bits, and never change: not by copy-up, rename or remount.
 *
 *   1                the root
 *   2 … 2^31 - 1     objects of lowers: the layer's `inoBase` + the position in its table
 *   2^31 … 2^32 - 1  objects that the upper made (whiteouts take record ids from here too)
 */

import { FsError } from '../base/errors.ts';
import type { Layer } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import type { Origin, PinnedLower } from '../layer/upper.ts';

export const ROOT_INO = 1;
const FIRST_LOWER_INO = 2;
export const FIRST_UPPER_INO = 2 ** 31;
export const LAST_INO = 2 ** 32 - 1;

/** A lower with the range of inode numbers that is its own. */
export interface MountedLayer {
  readonly layer: Layer;
  readonly table: LayerTable;
  readonly inoBase: number;
  /** Files whose content was read since the mount, in that order. */
  readonly accessed: Set<number>;
}

/**
 * Gives each layer its range: the one that the upper remembers, or the next free one.
 * @throws {FsError} ESTALE when the upper was made over other lowers.
 */
export function mountLayers(layers: readonly Layer[], pinned: readonly PinnedLower[] | undefined): MountedLayer[] {
  if (pinned === undefined) {
    let next = FIRST_LOWER_INO;
    return layers.map((layer) => {
      const inoBase = next;
      next += layer.table.length;
      if (next > FIRST_UPPER_INO) throw new FsError('EFBIG', { path: layer.name, detail: 'the lowers have too many entries' });
      return { layer, table: layer.table, inoBase, accessed: new Set<number>() };
    });
  }
  if (pinned.length !== layers.length) {
    throw new FsError('ESTALE', { detail: `the upper was made over ${pinned.length} lowers, not ${layers.length}` });
  }
  return layers.map((layer, i) => {
    const { digest, inoBase, entries } = pinned[i]!;
    if (digest !== layer.digest || entries !== layer.table.length) {
      throw new FsError('ESTALE', {
        path: layer.name,
        detail: `the upper was made over another lower: ${digest}, this one is ${layer.digest}`,
      });
    }
    return { layer, table: layer.table, inoBase, accessed: new Set<number>() };
  });
}

/** What the superblock remembers of the lowers. */
export const pinLayers = (layers: readonly MountedLayer[]): PinnedLower[] =>
  layers.map(({ layer, table, inoBase }) => ({ digest: layer.digest, inoBase, entries: table.length }));

/** The inode number of a lower's entry; all names of a hard-linked file have one. */
export function inoOf(layers: readonly MountedLayer[], layer: number, entry: number): number {
  const { inoBase, table } = layers[layer]!;
  return inoBase + table.canonical(entry);
}

/** The lower object that a number belongs to, or `undefined` for the root and what the upper made. */
export function originOf(layers: readonly MountedLayer[], ino: number): Origin | undefined {
  if (ino < FIRST_LOWER_INO || ino >= FIRST_UPPER_INO) return undefined;
  let low = 0;
  let high = layers.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (layers[middle]!.inoBase <= ino) low = middle;
    else high = middle - 1;
  }
  const found = layers[low];
  if (found === undefined || ino < found.inoBase || ino >= found.inoBase + found.table.length) return undefined;
  return { layer: low, entry: ino - found.inoBase };
}
