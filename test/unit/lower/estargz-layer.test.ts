/* eStargz behind a server: how many requests, for which bytes, and what is kept for the next time. */

import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadCodec } from '../../../src/codec/codec.ts';
import type { Layer } from '../../../src/layer/layer.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { type Source, bytesSource } from '../../../src/lower/source.ts';
import { pack } from '../../../src/pack.ts';
import type { Packed } from '../../../src/pack.ts';
import { tarArchive } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, startRangeServer } from '../../support/range-server.ts';

const sourceFile = (i: number): string => `// file ${i}\n`.padEnd(900, `${i} `);
const tree = tarArchive([
  ...Array.from({ length: 300 }, (_, i) => ({ name: `src/file-${String(i).padStart(3, '0')}.js`, content: sourceFile(i) })),
  { name: 'vendor/large.bin', content: noise(3 << 20, 1) },
  { name: 'vendor/other.bin', content: noise(1 << 20, 2) },
]);
/** Files here and there, as a program opens them. */
const trace = ['/src/file-200.js', '/src/file-003.js', '/src/file-150.js', '/src/file-299.js'];

let traced: Packed;
let plain: Packed;
let files: Map<string, Uint8Array>;
let server: RangeServer;
let shelves: MemoryShelves;
let time = 1000;

beforeAll(async () => {
  [traced, plain] = await Promise.all([pack(tree, { trace }), pack(tree)]);
});
beforeEach(async () => {
  files = new Map([
    ['traced.esgz', traced.bytes],
    ['plain.esgz', plain.bytes],
  ]);
  server = await startRangeServer({ files });
  shelves = new MemoryShelves();
});
afterEach(() => server.close());

const open = (file: string, options: OpenLayerOptions = {}): Promise<Layer> =>
  openLayer(`${server.url}/${file}`, { retry: { tries: 1 }, ...options });
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
const bytesServed = (): number => server.requests.reduce((sum, { bytes }) => sum + bytes, 0);

describe('what is fetched', () => {
  test('opening fetches the end of the archive, one file a part of the rest', async () => {
    const layer = await open('plain.esgz', { tocDigest: plain.tocDigest });
    expect(bytesServed()).toBeLessThan(80_000);
    const requests = server.requests.length;
    expect(await textAt(layer, '/src/file-077.js')).toBe(sourceFile(77));
    expect(server.requests).toHaveLength(requests + 1);
    expect(bytesServed()).toBeLessThan(200_000);
    // Its neighbours came with it, in the same gzip member.
    expect(layer.peek(entryAt(layer, '/src/file-078.js'), 0, 5)).toBeDefined();
    expect(layer.stats!.requests).toBe(server.requests.length);
  });

  test('a read in the middle of a large file fetches its chunk and not the file', async () => {
    const layer = await open('plain.esgz');
    const entry = entryAt(layer, '/vendor/large.bin');
    expect(Buffer.compare(await layer.read(entry, 1_500_000, 1_500_100), noise(3 << 20, 1).subarray(1_500_000, 1_500_100))).toBe(0);
    expect(bytesServed()).toBeLessThan(1_400_000);
    expect(Buffer.compare(await layer.read(entry, 0, 3 << 20), noise(3 << 20, 1))).toBe(0);
  });

  test('readers of one chunk at the same time decode it once, and hear alike that it is damaged', async () => {
    const content = noise(3 << 20, 1);
    const starts = [0, 9, 999];
    const readers = (layer: Layer): Promise<Uint8Array>[] =>
      starts.map((start) => layer.read(entryAt(layer, '/vendor/large.bin'), start, start + 1000));
    const inflate = vi.spyOn(loadCodec(), 'inflateRange');
    try {
      const read = await Promise.all(readers(await open('plain.esgz')));
      expect(read.map((bytes, i) => Buffer.compare(bytes, content.subarray(starts[i], starts[i]! + 1000)))).toEqual([0, 0, 0]);
      expect(inflate).toHaveBeenCalledTimes(1);
      // What inflates without an error, and is not what was packed.
      inflate.mockImplementation(() => noise(1 << 20, 3).slice());
      const damaged = await open('plain.esgz');
      const wrong = {
        code: 'EIO',
        detail: expect.stringMatching(/'\/vendor\/large\.bin': the SHA-256 of its bytes from 0 on is/) as string,
      };
      const rejected = { status: 'rejected', reason: expect.objectContaining(wrong) as unknown };
      expect(await Promise.allSettled(readers(damaged))).toEqual([rejected, rejected, rejected]);
      expect(await Promise.allSettled(readers(damaged)), 'and again').toEqual([rejected, rejected, rejected]);
    } finally {
      inflate.mockRestore();
    }
  });

  test('what the trace names is there after one request that nobody asked for', async () => {
    const layer = await open('traced.esgz');
    await expect.poll(() => layer.peek(entryAt(layer, trace.at(-1)), 0, 900), { timeout: 10_000 }).toBeDefined();
    const requests = server.requests.length;
    for (const path of trace)
      expect(Buffer.from(layer.peek(entryAt(layer, path), 0, 900)!).toString()).toBe(sourceFile(Number(path.slice(10, 13))));
    expect(server.requests).toHaveLength(requests);
    expect(layer.peek(entryAt(layer, '/vendor/large.bin'), 0, 1)).toBeUndefined();
    server.reset();
    const without = await open('traced.esgz', { prefetch: [] });
    await settle();
    expect(server.requests).toHaveLength(requests - 1);
    expect(without.peek(entryAt(without, trace[0]!), 0, 1)).toBeUndefined();
  });

  test('prefetch brings the files at and below paths, or all', async () => {
    const layer = await open('plain.esgz');
    await layer.prefetch!(['/src', '/no/such']);
    const requests = server.requests.length;
    for (let i = 0; i < 300; i += 17)
      expect(layer.peek(entryAt(layer, `/src/file-${String(i).padStart(3, '0')}.js`), 0, 900)).toBeDefined();
    expect(layer.peek(entryAt(layer, '/vendor/other.bin'), 0, 9)).toBeUndefined();
    expect(server.requests).toHaveLength(requests);
    await layer.prefetch!('all');
    expect(layer.peek(entryAt(layer, '/vendor/large.bin'), 0, 3 << 20)).toHaveLength(3 << 20);
  });
});

describe('kept in a cache', () => {
  const session = async <T>(work: (layer: Layer) => Promise<T>, options: OpenLayerOptions = {}): Promise<T> => {
    const layer = await open('traced.esgz', { cache: openBlockCache({ shelves, clock: () => time++ })!, ...options });
    try {
      return await work(layer);
    } finally {
      await settle();
      await layer.prefetch!([]);
      await layer.close();
      await settle();
    }
  };
  const readAll = async (layer: Layer): Promise<unknown> => [
    layer.digest,
    layer.table.length,
    layer.startup,
    await textAt(layer, '/src/file-100.js'),
    (await layer.read(entryAt(layer, '/vendor/large.bin'), 5, 2_500_000)).length,
  ];

  test('the second opening reads no table of contents, and serves the same', async () => {
    const before = await session(readAll);
    server.reset();
    expect(await session(readAll)).toEqual(before);
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=0-1']);
  });

  test('a pin counts for what is kept, too', async () => {
    await session(readAll);
    expect(await session(readAll, { tocDigest: traced.tocDigest })).toBeDefined();
    await expect(session(readAll, { tocDigest: plain.tocDigest })).rejects.toMatchObject({
      code: 'EIO',
      detail: /digest of its table of contents/,
    });
  });
});

test('a synchronous read decodes and verifies what a source gives at once', async () => {
  const inner = bytesSource(plain.bytes, 'sync.esgz');
  let given = 0;
  const source: Source = {
    ...inner,
    peek: () => undefined,
    readSync: (start, end) => {
      given++;
      return plain.bytes.slice(start, end);
    },
  };
  const layer = await openLayer(source);
  expect(Buffer.from(layer.readSync!(entryAt(layer, '/src/file-010.js'), 0, 900)!).toString()).toBe(sourceFile(10));
  expect(
    Buffer.compare(
      layer.readSync!(entryAt(layer, '/vendor/large.bin'), 1_000_000, 1_100_000)!,
      noise(3 << 20, 1).subarray(1_000_000, 1_100_000),
    ),
  ).toBe(0);
  expect(given).toBeGreaterThan(1);
  const cannot = await openLayer({ ...source, readSync: () => undefined });
  expect(cannot.readSync!(entryAt(cannot, '/vendor/large.bin'), 0, 1)).toBeUndefined();
});

test('a changed byte on the server is EIO, not content', async () => {
  const bytes = plain.bytes.slice();
  bytes.fill(0x55, 300, 400);
  files.set('plain.esgz', bytes);
  const layer = await open('plain.esgz', { tocDigest: plain.tocDigest });
  await expect(textAt(layer, '/src/file-000.js')).rejects.toMatchObject({ code: 'EIO' });
});
