/* What opening costs over HTTP, in requests and bytes: numbers that are the same on every machine. */

import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { TableBuilder } from '../../../src/layer/build-table.ts';
import { pack } from '../../../src/pack.ts';
import { zipArchive } from '../../support/archives.ts';
import { entryAt } from '../../support/dump-layer.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, startRangeServer } from '../../support/range-server.ts';

const COUNT = 6000;
const nameOf = (i: number): string => `packages/package-${Math.floor(i / 40)}/dist/module-${i}.js`;
/** As a program reads: from everywhere. */
const trace = Array.from({ length: 60 }, (_, i) => `/${nameOf((i * 997) % COUNT)}`);
const KiB = 1 << 10;

let files: Map<string, Uint8Array>;
let server: RangeServer;

beforeAll(async () => {
  const contents = Array.from({ length: COUNT }, (_, i) => ({ name: nameOf(i), content: noise(400 + (i % 50) * 16, i) }));
  const zip = zipArchive(contents);
  files = new Map([
    ['a.zip', zip],
    ['traced.zip', (await pack(zip, { format: 'zip', level: 0, trace })).bytes],
    ['traced.esgz', (await pack(zip, { level: 0, trace })).bytes],
  ]);
});
beforeEach(async () => {
  server = await startRangeServer({ files });
});
afterEach(() => server.close());

async function readAll(url: string, paths: readonly string[], options: OpenLayerOptions): Promise<void> {
  const layer = await openLayer(`${server.url}/${url}`, options);
  for (const path of paths) {
    const entry = entryAt(layer, path);
    await layer.read(entry, 0, layer.table.size(entry));
  }
  await layer.close();
}

/** Where the central directory of an archive without a comment starts. */
const directoryStart = (zip: Uint8Array): number => new DataView(zip.buffer, zip.byteOffset).getUint32(zip.length - 6, true);

describe.each([
  ['without a cache', () => ({})],
  ['through the block cache', () => ({ cache: openBlockCache({ shelves: new MemoryShelves() }) })],
])('%s', (_, options) => {
  test('opening a zip of 6,000 files and reading one is three requests, and at most 64 KiB beside index and file', async () => {
    await readAll('a.zip', [`/${nameOf(3210)}`], options());
    const zip = files.get('a.zip')!;
    const needed = zip.length - directoryStart(zip) + 400 + (3210 % 50) * 16;
    expect(server.requests).toHaveLength(3);
    expect(server.bytes - needed).toBeLessThanOrEqual(64 * KiB);
  });

  test('a recorded startup set is one request beside the two of the index, whoever reads meanwhile', async () => {
    await readAll('traced.esgz', trace, options());
    expect(server.requests.map(({ range }) => range)).toHaveLength(3);
    expect(server.requests[2]!.range).toMatch(/^bytes=0-/);
  });

  test('it is asked for before the index is read, also when that came slowly', async () => {
    const add = vi.spyOn(TableBuilder.prototype, 'add');
    const steps: [range: string, entries: number][] = [];
    const slowly: OpenLayerOptions['fetch'] = async (url, init) => {
      const { range } = init.headers as Record<string, string>;
      steps.push([range!.startsWith('bytes=0-') ? 'startup' : 'index', add.mock.calls.length]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return fetch(url, init);
    };
    try {
      await (await openLayer(`${server.url}/traced.esgz`, { ...options(), fetch: slowly })).close();
    } finally {
      add.mockRestore();
    }
    expect(steps).toEqual([
      ['index', 0],
      ['index', 0],
      ['startup', 0],
    ]);
  });

  test('so is a list of paths that stand together', async () => {
    await readAll('traced.zip', trace, { ...options(), prefetch: trace });
    expect(server.requests.map(({ range }) => range)).toHaveLength(3);
  });
});

test('the kernel that reads a directory is compiled when the directory is asked for, and not before', async () => {
  // It is compiled once a process.
  vi.resetModules();
  const { loadCodec } = await import('../../../src/codec/codec.ts');
  const lower = await import('../../../src/lower/open-layer.ts');
  const caches = await import('../../../src/lower/block-cache.ts');
  const codec = loadCodec();
  const steps: string[] = [];
  const inflate = codec.inflateStream.bind(codec);
  codec.inflateStream = (...args) => {
    steps.push('kernel');
    return inflate(...args);
  };
  const noted: OpenLayerOptions['fetch'] = (url, init) => {
    steps.push((init.headers as Record<string, string>).range!);
    return fetch(url, init);
  };
  const cache = caches.openBlockCache({ shelves: new MemoryShelves() });
  await (await lower.openLayer(`${server.url}/a.zip`, { cache, fetch: noted })).close();
  vi.resetModules();
  expect(steps).toEqual([expect.stringMatching(/^bytes=/), expect.stringMatching(/^bytes=/), 'kernel']);
});
