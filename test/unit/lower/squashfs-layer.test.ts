/* SquashFS behind a server: how many requests, for which bytes, and what is kept for the next time. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Layer } from '../../../src/layer/layer.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { type Source, bytesSource } from '../../../src/lower/source.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, startRangeServer } from '../../support/range-server.ts';
import { squashfsImage } from '../../support/squashfs.ts';

const sourceFile = (i: number): string => `// file ${i}\n`.padEnd(900, `${i} `);
const imageOf = (seed: number, compressor: 'gzip' | 'zstd' = 'gzip'): Uint8Array =>
  squashfsImage(
    [
      { name: 'large', content: noise(3 << 20, seed) },
      { name: 'src', children: Array.from({ length: 300 }, (_, i) => ({ name: `${i}`, content: sourceFile(i) })) },
      { name: 'zlast', content: noise((1 << 20) + 5, seed + 1) },
    ],
    { blockSize: 1 << 17, fragments: true, compressor },
  );
const image = imageOf(1);

let server: RangeServer;
let files: Map<string, Uint8Array>;
let shelves: MemoryShelves;
let time = 1000;
beforeEach(async () => {
  files = new Map([
    ['a.sqfs', image],
    ['z.sqfs', imageOf(1, 'zstd')],
    ['b.sqfs', imageOf(7)],
  ]);
  server = await startRangeServer({ files });
  shelves = new MemoryShelves();
});
afterEach(() => server.close());

const open = (file: string, options: OpenLayerOptions = {}): Promise<Layer> =>
  openLayer(`${server.url}/${file}`, { retry: { tries: 1 }, ...options });
const newCache = () => openBlockCache({ shelves, clock: () => time++ })!;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const isNoise = (bytes: Uint8Array, seed: number, length = bytes.length): boolean => Buffer.from(bytes).equals(noise(length, seed));

describe('what is fetched', () => {
  test.each(['a.sqfs', 'z.sqfs'])('%s: opening fetches both ends, a file its blocks or its fragment', async (file) => {
    const layer = await open(file);
    expect(server.bytes).toBeLessThan(100_000);
    expect(server.requests.length).toBeLessThanOrEqual(3);
    server.reset();
    expect(layer.peek(entryAt(layer, '/src/7'), 0, 10)).toBeUndefined();
    expect(await textAt(layer, '/src/7')).toBe(sourceFile(7));
    expect(server.requests).toHaveLength(1);
    // Its neighbours came with it, in the same fragment.
    expect(Buffer.from(layer.peek(entryAt(layer, '/src/8'), 0, 900)!).toString()).toBe(sourceFile(8));
    expect(server.requests).toHaveLength(1);
    const part = await layer.read(entryAt(layer, '/large'), 1 << 20, (1 << 20) + 10);
    expect(Buffer.from(part).equals(noise(3 << 20, 1).subarray(1 << 20, (1 << 20) + 10))).toBe(true);
    expect(server.bytes).toBeLessThan(600_000);
    expect(layer.stats!.bytes).toBeGreaterThan(100_000);
  });

  test('a large file is fetched in few requests, and readers of the same block share them', async () => {
    const layer = await open('a.sqfs');
    server.reset();
    const entry = entryAt(layer, '/large');
    const [all, again] = await Promise.all([layer.read(entry, 0, 3 << 20), layer.read(entry, 5, 3 << 20)]);
    expect(isNoise(all, 1)).toBe(true);
    expect(Buffer.from(again).equals(Buffer.from(all).subarray(5))).toBe(true);
    expect(server.requests.length).toBeLessThanOrEqual(2);
    expect(server.bytes).toBeLessThan((3 << 20) + 200_000);
  });

  test('prefetch of one file, of a folder and of all', async () => {
    const layer = await open('a.sqfs');
    await layer.prefetch!(['/src', '/zlast', '/nothing']);
    expect(Buffer.from(layer.peek(entryAt(layer, '/src/299'), 0, 900)!).toString()).toBe(sourceFile(299));
    expect(isNoise(layer.peek(entryAt(layer, '/zlast'), 0, (1 << 20) + 5)!, 2)).toBe(true);
    expect(layer.peek(entryAt(layer, '/large'), 0, 10)).toBeUndefined();
    const told: { readonly loaded: number; readonly total: number }[] = [];
    await layer.prefetch!('all', { onProgress: (progress) => told.push(progress) });
    const last = told.at(-1);
    expect(last?.loaded).toBe(last?.total);
    expect(last?.total).toBeGreaterThan(0);
    server.reset();
    expect(isNoise(await layer.read(entryAt(layer, '/large'), 0, 3 << 20), 1)).toBe(true);
    expect(server.requests).toEqual([]);
  });

  test('a signal ends a read', async () => {
    const layer = await open('a.sqfs');
    server.mode = 'silent';
    const abort = new AbortController();
    const read = layer.read(entryAt(layer, '/large'), 0, 10, abort.signal);
    abort.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    await layer.close();
  });
});

describe('the second opening', () => {
  test.each(['a.sqfs', 'z.sqfs'])('%s: reads no table, and nothing that was read before', async (file) => {
    const first = await open(file, { cache: newCache() });
    expect(await textAt(first, '/src/7')).toBe(sourceFile(7));
    await first.prefetch!([]);
    await first.close();
    await settle();
    server.reset();
    const second = await open(file, { cache: newCache() });
    expect(second.digest).toBe(first.digest);
    expect(await textAt(second, '/src/7')).toBe(sourceFile(7));
    expect(server.bytes).toBe(2);
    expect(isNoise(await second.read(entryAt(second, '/large'), 0, 3 << 20), 1)).toBe(true);
    await second.close();
  });

  test('an image with the same tables at another URL has its own content', async () => {
    const first = await open('a.sqfs', { cache: newCache() });
    await first.prefetch!('all');
    await first.close();
    await settle();
    const other = await open('b.sqfs', { cache: newCache() });
    expect(other.digest).toBe(first.digest);
    expect(isNoise(await other.read(entryAt(other, '/large'), 0, 3 << 20), 7)).toBe(true);
    await other.close();
  });
});

/** A source as one over a network is: nothing is at hand. */
const remoteSource = (bytes: Uint8Array, more: Partial<Source> = {}): Source => ({
  ...bytesSource(bytes, 'remote'),
  peek: () => undefined,
  ...more,
});

test('a synchronous read gets what it needs synchronously, or says that it cannot', async () => {
  const layer = await openLayer(remoteSource(image, { readSync: (start, end) => image.subarray(start, end) }));
  expect(Buffer.from(layer.readSync!(entryAt(layer, '/src/10'), 0, 900)!).toString()).toBe(sourceFile(10));
  const part = layer.readSync!(entryAt(layer, '/large'), 1_000_000, 1_500_000)!;
  expect(Buffer.from(part).equals(noise(3 << 20, 1).subarray(1_000_000, 1_500_000))).toBe(true);
  const cannot = await openLayer(remoteSource(image));
  expect(cannot.readSync!(entryAt(cannot, '/large'), 0, 1)).toBeUndefined();
});

describe('verify', () => {
  test('reads every byte of content once, and tells of every file', async () => {
    let read = 0;
    const source = remoteSource(image, {
      read: async (start, end) => {
        read += end - start;
        return image.slice(start, end);
      },
    });
    const layer = await openLayer(source);
    read = 0;
    const paths: string[] = [];
    for await (const { entry, error } of layer.verify!()) {
      expect(error).toBeUndefined();
      paths.push(layer.table.path(entry));
    }
    expect(new Set(paths).size).toBe(302);
    expect(paths).toHaveLength(302);
    expect(read).toBeLessThan(image.length);
    expect(read).toBeGreaterThan(4 << 20);
  });

  test('a damaged fragment is told of every file that ends in it', async () => {
    const layer = await openLayer(image);
    const { offset } = layer.table.extent(entryAt(layer, '/zlast'));
    // The fragments of the small files stand in front of the last file's blocks.
    const changed = image.slice();
    changed.fill(0, offset - 200, offset - 100);
    const damaged: string[] = [];
    const bad = await openLayer(changed, { name: 'bad.sqfs' });
    for await (const { entry, error } of bad.verify!()) {
      if (error === undefined) continue;
      expect(error).toMatchObject({
        code: 'EIO',
        message: expect.stringContaining(`bad.sqfs: '${bad.table.path(entry)}': cannot be inflated`) as string,
      });
      damaged.push(bad.table.path(entry));
    }
    expect(damaged.length).toBeGreaterThan(100);
    expect(damaged.length).toBeLessThan(300);
    expect(damaged).not.toContain('/large');
    for (const path of damaged.slice(0, 5)) await expect(textAt(bad, path)).rejects.toMatchObject({ code: 'EIO' });
  });

  test('a signal ends it', async () => {
    const abort = new AbortController();
    const layer = await openLayer(image);
    const verified = layer.verify!(abort.signal)[Symbol.asyncIterator]();
    await verified.next();
    abort.abort(new Error('enough'));
    await expect(verified.next()).rejects.toThrow('enough');
  });
});
