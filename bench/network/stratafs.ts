/* Our side of the benchmarks over the network: a worker of its own for each call. Times in milliseconds. */

import { Overlay, idbUpper, memoryUpper, openLayer } from '../../src/engine.ts';
import type { Layer } from '../../src/engine.ts';
import { openBlockCache } from '../../src/lower/block-cache.ts';
import type { OpenLayerOptions } from '../../src/lower/open-layer.ts';
import type { FreshCalls } from '../harness/fresh.ts';

export interface OpenArgs {
  readonly url: string;
  /** Files to read, one after the other. */
  readonly paths?: readonly string[];
  /** Workspace. Without it, the upper is in memory. */
  readonly upper?: string;
  readonly options?: OpenLayerOptions;
  /** Whether the origin's cache keeps what is fetched. Default: true, as in a page. */
  readonly isCached?: boolean;
}

export interface Opened {
  readonly ms: number;
  /** Of these, until the tree could be listed. */
  readonly mounted: number;
}

/** Opens an archive, mounts it, and reads files. */
async function openAndRead({ url, paths = [], upper, options, isCached = true }: OpenArgs): Promise<Opened> {
  const cache = isCached ? openBlockCache() : undefined;
  const start = performance.now();
  const opening = openLayer(url, { ...options, cache });
  // The database is opened and read meanwhile, as a page's worker does it.
  const store = upper === undefined ? memoryUpper() : await idbUpper(upper);
  const overlay = await Overlay.mount({ lower: [opening], upper: store });
  overlay.fs.readdirSync('/');
  const mounted = performance.now() - start;
  for (const path of paths) await overlay.fs.promises.readFile(path);
  const ms = performance.now() - start;
  await settle(overlay, await opening);
  return { ms, mounted };
}

/** Waits until what was read is kept: the worker is gone a moment later. */
async function settle(overlay: Overlay, layer: Layer): Promise<void> {
  await layer.prefetch?.([]);
  await overlay.close();
  await layer.close();
}

/** Opens an archive, and waits until all of it is kept. */
async function fill({ url }: OpenArgs): Promise<void> {
  const layer = await openLayer(url, { cache: openBlockCache() });
  await layer.prefetch?.('all');
  await layer.close();
}

/** Where in a zip the files stand: a range each. */
async function placesOf({ url, paths = [] }: OpenArgs): Promise<(readonly [start: number, end: number])[]> {
  const layer = await openLayer(url);
  const places = paths.map((path) => {
    let entry = 0;
    for (const name of path.slice(1).split('/')) entry = layer.table.lookup(entry, name);
    const { offset, stored } = layer.table.extent(entry);
    return [offset, offset + LOCAL_HEADER + stored] as const;
  });
  await layer.close();
  return places;
}

/** Bytes in front of a content: our packer writes 30, a name and 28 more. */
const LOCAL_HEADER = 128;

/** Fetches all of an archive in one request, and reads files of it then. */
async function fetchFirst({ url, paths = [] }: OpenArgs): Promise<number> {
  const start = performance.now();
  const layer = await openLayer(await (await fetch(url, { cache: 'no-store' })).arrayBuffer());
  const overlay = await Overlay.mount({ lower: [layer], upper: memoryUpper() });
  for (const path of paths) await overlay.fs.promises.readFile(path);
  const ms = performance.now() - start;
  await settle(overlay, layer);
  return ms;
}

/** Writes so many small files into a workspace over an archive. */
async function change({ url, upper, count }: OpenArgs & { readonly count: number }): Promise<void> {
  const layer = await openLayer(url, { cache: openBlockCache() });
  const overlay = await Overlay.mount({ lower: [layer], upper: await idbUpper(upper!) });
  const { promises } = overlay.fs;
  await promises.mkdir('/changed');
  for (let i = 0; i < count; i += 100) await promises.mkdir(`/changed/directory${i / 100}`);
  const write = (i: number): Promise<void> =>
    promises.writeFile(`/changed/directory${Math.floor(i / 100)}/file${i}.ts`, `export const n = ${i};\n`);
  await Promise.all(Array.from({ length: count }, (_, i) => write(i)));
  await settle(overlay, layer);
}

export const calls: FreshCalls = { openAndRead, fill, placesOf, fetchFirst, change };
