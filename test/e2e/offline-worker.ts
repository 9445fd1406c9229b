/* The worker of offline.test.ts: opens layers through the block cache and reads them, asynchronously and not. */

import { toHex } from '../../src/base/bytes.ts';
import { isFsError } from '../../src/base/errors.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { openBlockCache } from '../../src/lower/block-cache.ts';
import { type OpenLayerOptions, openLayer } from '../../src/lower/open-layer.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';

let layer: Layer | undefined;
let overlay: Overlay | undefined;
let limit: number | undefined;

const opened = (): Layer => {
  if (layer === undefined) throw new Error('nothing is open');
  return layer;
};

const hash = async (bytes: Uint8Array): Promise<string> =>
  toHex(new Uint8Array(await crypto.subtle.digest('SHA-1', bytes as Uint8Array<ArrayBuffer>)));

const functions = {
  limit: (bytes: number) => void (limit = bytes),
  open: async (url: string, options: Omit<OpenLayerOptions, 'cache'> = {}) => {
    const start = performance.now();
    layer = await openLayer(url, { cache: openBlockCache({ limit }), retry: { tries: 2, delay: 20 }, ...options });
    overlay = await Overlay.mount({ lower: [layer], upper: memoryUpper() });
    return { milliseconds: performance.now() - start, digest: layer.digest, entries: layer.table.length };
  },
  read: async (path: string) => hash(new Uint8Array(await overlay!.fs.promises.readFile(path))),
  readSync: (path: string) => hash(new Uint8Array(overlay!.fs.readFileSync(path))),
  prefetch: async (paths: readonly string[] | 'all') => opened().prefetch!(paths),
  rename: (from: string, to: string) => overlay!.fs.promises.rename(from, to),
  prefetchMerged: async (paths: readonly string[] | 'all') => overlay!.prefetch(paths),
  verify: async () => (await overlay!.verify()).map(({ path }) => path),
  prefetchWithoutWaiting: (paths: readonly string[] | 'all') => void opened().prefetch!(paths),
  stats: () => opened().stats,
  usage: () => openBlockCache()!.usage(),
  close: async () => {
    await overlay?.close();
    await layer?.close();
  },
};

globalThis.onmessage = async ({ data }: MessageEvent<{ id: number; name: keyof typeof functions; args: never[] }>) => {
  const { id, name, args } = data;
  try {
    globalThis.postMessage({ id, value: await (functions[name] as (...args: never[]) => unknown)(...args) });
  } catch (e) {
    globalThis.postMessage({ id, error: isFsError(e) ? e.message : String(e) });
  }
};
