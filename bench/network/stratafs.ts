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
  const store = upper === undefined ? memoryUpper() : await idbUpper(upper);
  const layer = await opening;
  const overlay = await Overlay.mount({ lower: [layer], upper: store });
  overlay.fs.readdirSync('/');
  const mounted = performance.now() - start;
  for (const path of paths) await overlay.fs.promises.readFile(path);
  const ms = performance.now() - start;
  await settle(overlay, layer);
  return { ms, mounted };
}

async function settle(overlay: Overlay, layer: Layer): Promise<void> {
  await overlay.close();
  await layer.close();
}

/** Opens an archive, and waits until all of it is kept. */
async function fill({ url }: OpenArgs): Promise<void> {
  const layer = await openLayer(url, { cache: openBlockCache() });
  await layer.prefetch?.('all');
  await layer.close();
}

/** What of an archive the index is, and a file in it. */
async function measureParts({ url, paths = [] }: OpenArgs): Promise<{ files: number; accessed: string[] }> {
  const layer = await openLayer(url);
  const overlay = await Overlay.mount({ lower: [layer], upper: memoryUpper() });
  for (const path of paths) await overlay.fs.promises.readFile(path);
  const result = { files: layer.table.length, accessed: layer.accessed?.() ?? [] };
  await settle(overlay, layer);
  return result;
}

/** Changes so many files of an archive, and makes none: modes, as a build or a checkout leaves them. */
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

export const calls: FreshCalls = { openAndRead, fill, measureParts, change };
