/* A tree of 100,000 files, five deep, as an archive and as its paths; and the layers that are set above it. */

import type { Layer } from '../../src/engine.ts';
import { treeLayer } from '../../test/support/memory-layer.ts';
import { dir, file, tree, whiteout } from '../../test/support/tree.ts';
import { archiveOf, once } from '../contestants/archive.ts';
import { randomBytes } from '../harness/content.ts';

const WIDTH = 10;
const DEPTH = 5;
const MERGED = 100;

function pathsOf(depth: number): string[] {
  const numbers = Array.from({ length: WIDTH }, (_, i) => i);
  if (depth === 1) return numbers.map((i) => `/file${i}.ts`);
  const below = pathsOf(depth - 1);
  return numbers.flatMap((i) => below.map((path) => `/directory${i}${path}`));
}

/** The paths of all files. */
export const paths = once(() => pathsOf(DEPTH));

export const FILE_SIZE = 4096;
export const content = randomBytes(FILE_SIZE);
/** A file of `FILE_SIZE` bytes; the others have one byte. */
export const RESIDENT = '/resident.bin';

/** A directory of 100 names: half of them in each of the layers above, all of them at the bottom. */
export const MERGED_DIRECTORY = '/merged';
export const mergedNames: readonly string[] = Array.from({ length: MERGED }, (_, i) => `name${i}.ts`);

const byte = new Uint8Array([120]);

/** The bottom layer. */
export const archive = once(() =>
  archiveOf([
    ...paths().map((path) => [path.slice(1), byte] as const),
    ...mergedNames.map((name) => [`${MERGED_DIRECTORY.slice(1)}/${name}`, byte] as const),
    [RESIDENT.slice(1), content],
  ]),
);

const half = (from: number) =>
  dir(MERGED_DIRECTORY.slice(1), ...Array.from({ length: MERGED / 2 }, (_, i) => file(mergedNames[(i + from) % MERGED]!, 'y')));

/** Two layers above it, with a thousand whiteouts at the root, in a directory on the way, and in the merged one. */
export function layersAbove(): readonly [top: Layer, middle: Layer] {
  const whiteouts = Array.from({ length: 1000 }, (_, i) => whiteout(`gone${i}`));
  const marked = [
    dir('directory0', ...whiteouts),
    dir(MERGED_DIRECTORY.slice(1), ...half(MERGED / 4).children, ...whiteouts),
    ...whiteouts,
  ];
  return [treeLayer(tree(...marked), { name: 'top' }), treeLayer(tree(half(MERGED / 2)), { name: 'middle' })];
}
