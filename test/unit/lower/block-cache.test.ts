/* What is kept of archives between two openings, what the second one asks for, and that it never serves anything else. */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BlockCache, openBlockCache } from '../../../src/lower/block-cache.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import type { Layer } from '../../../src/layer/layer.ts';
import { tarArchive, zipArchive } from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';
import { estargzArchive } from '../../support/estargz.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, startRangeServer } from '../../support/range-server.ts';

const zipOf = (seed: number): Uint8Array =>
  zipArchive([
    ...Array.from({ length: 200 }, (_, i) => ({
      name: `src/file-${i}.js`,
      content: `// ${i} of ${seed}\n`.padEnd(700, 'x'),
      deflate: true,
    })),
    { name: 'large.bin', content: noise(2 << 20, seed) },
    { name: 'other.bin', content: noise(1 << 20, seed + 100) },
    { name: 'last.txt', content: 'the end' },
  ]);
const first = zipOf(1);
const second = zipOf(2);
const tgz = new Uint8Array(gzipSync(tarArchive([{ name: 'a', content: 'alpha' }])));
const RETRY = { tries: 2, delay: 1, stall: 500 };

let files: Map<string, Uint8Array>;
let server: RangeServer;
let shelves: MemoryShelves;
let time = 1000;

beforeEach(async () => {
  files = new Map([
    ['a.zip', first],
    ['b.zip', second],
    ['a.tgz', tgz],
  ]);
  server = await startRangeServer({ files });
  shelves = new MemoryShelves();
});
afterEach(() => server.close());

/** A cache as another session has it: nothing in memory. */
const newCache = (limit?: number): BlockCache => openBlockCache({ shelves, limit, clock: () => time++ })!;

/** Opens an archive, does something with it, and waits until what is to be kept is kept. */
async function session<T>(
  work: (layer: Layer) => T | Promise<T>,
  options: OpenLayerOptions & { file?: string; url?: string } = {},
): Promise<T> {
  const { file = 'a.zip', url = server.url, ...rest } = options;
  const layer = await openLayer(`${url}/${file}`, { cache: newCache(), retry: RETRY, ...rest });
  try {
    return await work(layer);
  } finally {
    await layer.prefetch?.([]);
    await layer.close();
    await settle();
  }
}

/** Lets what a closed layer still writes be written. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

const readLarge = async (layer: Layer): Promise<Uint8Array> => layer.read(entryAt(layer, 'large.bin'), 0, 2 << 20);
const isNoise = (bytes: Uint8Array, seed: number): boolean => Buffer.compare(bytes, noise(2 << 20, seed)) === 0;

test('what an opening fetches is written when the archive is open, not meanwhile', async () => {
  const segments: number[] = [];
  const note = (): void => {
    const keys = [...shelves.shelves.values()].flatMap((blobs) => [...blobs.keys()]);
    segments.push(keys.filter((key) => key.startsWith('segment-')).length);
  };
  const fetchNoted = async (url: string, init: RequestInit): Promise<Response> => {
    // As long as a storage may take for what it was asked before.
    await settle();
    note();
    return fetch(url, init);
  };
  // More than the end of the archive that is read first.
  const entries = Array.from({ length: 2000 }, (_, i) => ({ name: `a-directory/file-${i}`, content: noise(600, i) }));
  files.set('many.zip', zipArchive(entries));
  await session(
    async () => {
      expect(segments).toEqual([0, 0]);
      await settle();
      note();
      expect(segments.at(-1)).toBe(2);
    },
    { file: 'many.zip', fetch: fetchNoted },
  );
});

describe('the shelf of an archive that nobody has opened before', () => {
  /** Lets what would open shelves of archives do something else first. */
  const beforeShelves = (wait: () => Promise<void>, isMeant = (name: string): boolean => name !== 'catalog'): void => {
    const open = shelves.open.bind(shelves);
    shelves.open = async (name) => {
      if (isMeant(name)) await wait();
      return open(name);
    };
  };

  test('is not waited for, and has all that was read once it is open', async () => {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    beforeShelves(() => released);
    await session(async (layer) => {
      expect(isNoise(await readLarge(layer), 1)).toBe(true);
      expect(shelves.archives).toEqual([]);
      release();
    });
    server.reset();
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=0-1']);
  });

  test('is not waited for by a tar, nor is the catalog that is told of its content', async () => {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    beforeShelves(
      () => released,
      () => true,
    );
    await session(
      async (layer) => {
        expect(await textAt(layer, 'a')).toBe('alpha');
        release();
      },
      { file: 'a.tgz' },
    );
    server.reset();
    expect(await session((layer) => textAt(layer, 'a'), { file: 'a.tgz' })).toBe('alpha');
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=0-1']);
  });

  test('is done without where it cannot be opened', async () => {
    beforeShelves(() => Promise.reject(new DOMException('planted', 'UnknownError')));
    for (const _ of [1, 2]) expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(shelves.archives).toEqual([]);
  });

  test('gets what the opening has fetched, though the layer was left before it was open', async () => {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    beforeShelves(() => released);
    const layer = await openLayer(`${server.url}/a.zip`, { cache: newCache(), retry: RETRY });
    const closing = layer.close();
    release();
    await closing;
    await settle();
    server.reset();
    expect(await session((again) => textAt(again, 'last.txt'))).toBe('the end');
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=0-1']);
  });
});

test('a listing that took long because everything was opened at once does not keep what another tab has fetched from being found', async () => {
  const open = shelves.open.bind(shelves);
  let isFirst = true;
  shelves.open = async (name) => {
    const shelf = await open(name);
    const keys = async (): Promise<string[]> => {
      const wasFirst = isFirst;
      isFirst = false;
      const found = await shelf.keys();
      if (wasFirst) await new Promise((resolve) => setTimeout(resolve, 100));
      return found;
    };
    return name === 'catalog' ? shelf : { ...shelf, keys };
  };
  await session(async (layer) => {
    await settle();
    await session((other) => other.prefetch!('all'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    server.reset();
    expect(isNoise(await readLarge(layer), 1)).toBe(true);
    expect(server.requests).toHaveLength(0);
  });
});

test('an archive that was changed and changed back is where it was', async () => {
  await session(readLarge);
  files.set('a.zip', second);
  await session(readLarge);
  files.set('a.zip', first);
  server.reset();
  expect(isNoise(await session(readLarge), 1)).toBe(true);
  // What tells its version; the rest is on the shelf that it had.
  expect(server.requests).toHaveLength(2);
});

describe('the second opening', () => {
  test('asks one byte, and reads what was read before without another request', async () => {
    const before = await session(async (layer) => ({
      digest: layer.digest,
      text: await textAt(layer, 'src/file-7.js'),
      large: await readLarge(layer),
    }));
    server.reset();
    const after = await session(async (layer) => ({
      digest: layer.digest,
      text: await textAt(layer, 'src/file-7.js'),
      large: await readLarge(layer),
    }));
    expect(after.digest).toBe(before.digest);
    expect(after.text).toBe(before.text);
    expect(isNoise(after.large, 1)).toBe(true);
    expect(server.requests).toMatchObject([{ range: 'bytes=0-1' }]);
  });

  test('opens what is kept while the server is asked', async () => {
    await session(readLarge);
    const steps: string[] = [];
    let opened!: () => void;
    const opening = new Promise<void>((resolve) => (opened = resolve));
    const open = shelves.open.bind(shelves);
    shelves.open = (name) => {
      if (name !== 'catalog') opened();
      return open(name);
    };
    const fetchLate = async (url: string, init: RequestInit): Promise<Response> => {
      init.signal?.addEventListener('abort', () => steps.push('given up'));
      steps.push('asked');
      await opening;
      return fetch(url, init);
    };
    await session(() => expect(steps).toEqual(['asked']), { fetch: fetchLate });
  });

  test('asks nothing where nothing is to be asked', async () => {
    await session(readLarge, { revalidate: 'never' });
    server.reset();
    expect(isNoise(await session(readLarge, { revalidate: 'never' }), 1)).toBe(true);
    expect(server.requests).toEqual([]);
  });

  test('needs no server for what was read before, and says EIO for the rest', async () => {
    await session(readLarge);
    await server.close();
    await session(async (layer) => {
      expect(isNoise(await readLarge(layer), 1)).toBe(true);
      await expect(layer.read(entryAt(layer, 'other.bin'), 0, 10)).rejects.toMatchObject({ code: 'EIO' });
    });
  });

  test('has what came of a request before it broke off, which somebody may have read', async () => {
    await session(
      async (layer) => {
        server.next.push('dying');
        const entry = entryAt(layer, 'large.bin');
        await expect(readLarge(layer)).rejects.toMatchObject({ code: 'EIO' });
        expect(layer.table.size(entry)).toBe(2 << 20);
      },
      { retry: { ...RETRY, tries: 1 } },
    );
    server.reset();
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    // Half of it had come; what is asked again is whether the archive is the same.
    expect(server.bytes).toBeGreaterThan(900_000);
    expect(server.bytes).toBeLessThan(1_300_000);
  });

  test('does without an answer when the server is overloaded or silent, but not when it refuses', async () => {
    await session(readLarge);
    for (const mode of ['failing', 'busy'] as const) {
      server.next.push(mode);
      expect(isNoise(await session(readLarge), 1)).toBe(true);
    }
    server.mode = 'not-found';
    await expect(session(readLarge)).rejects.toMatchObject({ code: 'EIO' });
  });

  test('has the same tree, warnings and stats', async () => {
    const sum = (content: Uint8Array | undefined) => content && createHash('sha1').update(content).digest('hex');
    const dump = async (layer: Layer) => ({
      tree: [...(await dumpLayer(layer))].map(([path, { content, ...rest }]) => [path, rest, sum(content)]),
      warnings: layer.warnings,
      entries: layer.table.length,
    });
    const before = await session(dump);
    server.reset();
    const after = await session(async (layer) => {
      const dumped = await dump(layer);
      expect(layer.stats).toMatchObject({ requests: 1, bytes: 0 });
      expect(layer.stats!.cached).toBeGreaterThan(3 << 20);
      return dumped;
    });
    expect(after).toEqual(before);
  });

  test('of a tarball fetches nothing either', async () => {
    await session((layer) => textAt(layer, 'a'), { file: 'a.tgz' });
    await settle();
    server.reset();
    expect(await session((layer) => textAt(layer, 'a'), { file: 'a.tgz' })).toBe('alpha');
    expect(server.requests).toMatchObject([{ range: 'bytes=0-1' }]);
  });

  test('mounted in another way has an index of its own, and shares the content', async () => {
    await session(readLarge);
    const under = await session((layer) => layer.read(entryAt(layer, '/x/large.bin'), 0, 2 << 20), { at: '/x' });
    expect(isNoise(under, 1)).toBe(true);
    server.reset();
    await session((layer) => expect(layer.digest).toContain(';at=/x'), { at: '/x' });
    expect(server.bytes).toBe(2);
  });

  test('reads the index while the server is asked whether the archive is still the same', async () => {
    await session(readLarge);
    const asked = shelves.asked('index-').then(() => true);
    let wasFirst = false;
    // The server answers when the index has been asked for, or late.
    const answerLate = async (url: string, init: RequestInit): Promise<Response> => {
      wasFirst ||= await Promise.race([asked, new Promise<false>((resolve) => setTimeout(resolve, 2000, false))]);
      return fetch(url, init);
    };
    expect(isNoise(await session(readLarge, { fetch: answerLate }), 1)).toBe(true);
    expect(wasFirst).toBe(true);
  });

  test('of which the shelf is evicted while the server is asked is as the first one', async () => {
    await session(readLarge);
    server.reset();
    const evict = async (url: string, init: RequestInit): Promise<Response> => {
      if (server.requests.length === 0) shelves.shelves.delete(shelves.archives[0]!);
      return fetch(url, init);
    };
    expect(isNoise(await session(readLarge, { fetch: evict }), 1)).toBe(true);
    server.reset();
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(server.bytes).toBe(2);
  });

  test('of an archive that has changed has nothing of the index that was read meanwhile', async () => {
    await session(readLarge);
    files.set('a.zip', zipArchive([{ name: 'large.bin', content: noise(2 << 20, 3) }]));
    await session(async (layer) => {
      expect(layer.table.length).toBe(2);
      expect(isNoise(await readLarge(layer), 3)).toBe(true);
    });
  });

  test('parses nothing: an index of 20,000 entries opens as soon as one of 20', async () => {
    const zip = (n: number): Uint8Array =>
      zipArchive(Array.from({ length: n }, (_, i) => ({ name: `d${i % 100}/file-${i}`, content: '' })));
    files.set('few.zip', zip(20)).set('many.zip', zip(20_000));
    const time = async (file: string): Promise<number> => {
      const start = performance.now();
      const layer = await openLayer(`${server.url}/${file}`, { cache: newCache() });
      const took = performance.now() - start;
      await layer.prefetch!([]);
      await layer.close();
      return took;
    };
    const firstTime = await time('many.zip');
    await time('few.zip');
    const best = async (file: string): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 3; i++) times.push(await time(file));
      return Math.min(...times);
    };
    const [few, many] = [await best('few.zip'), await best('many.zip')];
    // Bytes are read, of course: a megabyte, a few milliseconds.
    expect(many).toBeLessThan(few + 30);
    expect(many).toBeLessThan(firstTime);
  });
});

describe('what is kept', () => {
  test('is of the URL with its version: another archive is another shelf', async () => {
    await session(readLarge);
    await session(readLarge, { file: 'b.zip' });
    expect(shelves.archives).toHaveLength(2);
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(isNoise(await session(readLarge, { file: 'b.zip' }), 2)).toBe(true);
  });

  test('is shared by the same eStargz at another URL, and after a deployment that changed nothing', async () => {
    const { bytes } = estargzArchive([
      { name: 'large.bin', content: noise(2 << 20, 1) },
      { name: 'other', content: 'x' },
    ]);
    files.set('a.esgz', bytes);
    const file = 'a.esgz';
    await using modified = await startRangeServer({ files, marks: 'last-modified' });
    await session(readLarge, { url: modified.url, file });
    modified.modified = new Date('2026-02-02T00:00:00Z');
    modified.reset();
    expect(isNoise(await session(readLarge, { url: modified.url, file }), 1)).toBe(true);
    // The question, and the table of contents that tells that it is the same.
    expect(modified.bytes).toBeLessThan(200_000);
    expect(shelves.archives).toHaveLength(1);
    expect(isNoise(await session(readLarge, { file }), 1)).toBe(true);
    expect(server.bytes).toBeLessThan(200_000);
    expect(shelves.archives).toHaveLength(1);
  });

  test('is not shared where an eStargz has no digests', async () => {
    files.set('a.esgz', estargzArchive([{ name: 'large.bin', content: noise(2 << 20, 1) }], { noDigests: true }).bytes);
    files.set('b.esgz', files.get('a.esgz')!);
    await session(readLarge, { file: 'a.esgz' });
    await session(readLarge, { file: 'b.esgz' });
    expect(shelves.archives).toHaveLength(2);
  });

  test('is not that of a forged archive elsewhere whose names, sizes and CRC-32s are the same', async () => {
    const forged = Uint8Array.from(first);
    // A multiple of CRC-32's polynomial changes no CRC-32 (https://en.wikipedia.org/wiki/Mathematics_of_cyclic_redundancy_checks).
    const polynomial = [0x41, 0x06, 0x71, 0xdb, 0x01];
    const at = forged.length >> 1;
    for (const [i, byte] of polynomial.entries()) forged[at + i]! ^= byte;
    files.set('forged.zip', forged);
    await session(async (layer) => expect(isNoise(await readLarge(layer), 1)).toBe(false), { file: 'forged.zip' });
    await session(async (layer) => expect(isNoise(await readLarge(layer), 1)).toBe(true));
  });

  test('is nothing where nothing marks the version', async () => {
    await using plain = await startRangeServer({ files, marks: 'none' });
    await session(readLarge, { url: plain.url });
    await using weak = await startRangeServer({ files, marks: 'weak-etag' });
    await session(readLarge, { url: weak.url });
    expect(shelves.archives).toEqual([]);
  });

  test('is what a server without ranges sent', async () => {
    server.mode = 'no-ranges';
    await session(readLarge);
    server.reset();
    expect(isNoise(await session(readLarge, { revalidate: 'never' }), 1)).toBe(true);
    expect(server.requests).toEqual([]);
  });
});

describe('an archive that changes', () => {
  test('between two sessions is the new one, all of it', async () => {
    await session(readLarge);
    files.set('a.zip', second);
    expect(first.length).toBe(second.length);
    expect(isNoise(await session(readLarge), 2)).toBe(true);
    expect(isNoise(await session(readLarge), 2)).toBe(true);
  });

  test('during a session is ESTALE for what was not kept, and a new opening is the way out', async () => {
    await session(readLarge, { revalidate: 'never' });
    await session(
      async (layer) => {
        files.set('a.zip', second);
        expect(isNoise(await readLarge(layer), 1)).toBe(true);
        await expect(layer.read(entryAt(layer, 'other.bin'), 0, 1 << 20)).rejects.toMatchObject({ code: 'ESTALE' });
      },
      { revalidate: 'never' },
    );
    expect(isNoise(await session(readLarge, { revalidate: 'never' }), 2)).toBe(true);
  });
});

describe('what storage does wrong', () => {
  const cases: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['torn', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', () => new Uint8Array()],
    ['a flipped bit in the middle', (bytes) => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte))],
    ['zeros', (bytes) => new Uint8Array(bytes.length)],
    ['longer', (bytes) => Buffer.concat([bytes, Buffer.from('more')])],
    ['shorter by what its name does not tell', (bytes) => bytes.subarray(8)],
    ...[0, 1, 0xffffffff].map((length): [string, (bytes: Uint8Array) => Uint8Array] => [
      `said to have ${length} bytes`,
      (bytes) => {
        const changed = bytes.slice();
        if (changed.length >= 8) new DataView(changed.buffer).setUint32(changed.length - 8, length, true);
        return changed;
      },
    ]),
  ];

  /** The only index, by its key. */
  const keptIndex = async (): Promise<[string, Uint8Array][]> => {
    const blobs = [...shelves.shelves.values()].flatMap((shelf) => [...shelf]).filter(([key]) => key.startsWith('index-'));
    return Promise.all(blobs.map(async ([key, blob]) => [key, new Uint8Array(await blob.arrayBuffer())] as [string, Uint8Array]));
  };

  test.each(cases)('a segment that is %s is fetched again, and kept whole', async (_, change) => {
    await session(readLarge);
    expect(await shelves.damage('segment-', change)).toBeGreaterThan(0);
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    server.reset();
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(server.bytes).toBe(2);
  });

  test.each(cases)('an index that is %s is made again', async (_, change) => {
    await session(readLarge);
    const before = await keptIndex();
    expect(await shelves.damage('index-', change)).toBe(1);
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(await keptIndex()).toEqual(before);
  });

  test.each(cases)('a record that is %s is as none', async (_, change) => {
    await session(readLarge);
    expect(await shelves.damage('asked-', change)).toBe(1);
    expect(isNoise(await session(readLarge), 1)).toBe(true);
  });

  test('a quota stops keeping and never reading; what others keep goes first', async () => {
    await session(readLarge, { file: 'b.zip' });
    shelves.quota = 3_000_000;
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    expect(shelves.archives).toHaveLength(1);
    expect(isNoise(await session(readLarge), 1)).toBe(true);
    shelves.quota = 0;
    expect(isNoise(await session(readLarge, { file: 'b.zip' }), 2)).toBe(true);
  });

  test('storage that fails altogether is as none', async () => {
    shelves.open = () => Promise.reject(new DOMException('broken', 'UnknownError'));
    expect(isNoise(await session(readLarge), 1)).toBe(true);
  });
});

describe('the limit', () => {
  test('is kept to by removing what was opened longest ago', async () => {
    for (let i = 0; i < 6; i++) files.set(`${i}.zip`, zipOf(10 + i));
    const limit = 8 << 20;
    for (let i = 0; i < 6; i++) {
      if (i > 1) await session(() => undefined, { file: '0.zip', cache: newCache(limit) });
      await session(readLarge, { file: `${i}.zip`, cache: newCache(limit) });
      expect(shelves.bytes).toBeLessThan(limit * 1.2);
    }
    server.reset();
    for (const i of [0, 5]) expect(isNoise(await session(readLarge, { file: `${i}.zip`, cache: newCache(limit) }), 10 + i)).toBe(true);
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=0-1', 'bytes=0-1']);
    expect(isNoise(await session(readLarge, { file: '1.zip', cache: newCache(limit) }), 11)).toBe(true);
    expect(server.bytes).toBeGreaterThan(2 << 20);
  });

  test('smaller than an archive that is open takes from it what came first, and reading goes on', async () => {
    const cache = newCache(1_500_000);
    const layer = await openLayer(`${server.url}/a.zip`, { cache });
    for (let i = 0; i < 3; i++) {
      await layer.prefetch!('all');
      expect(isNoise(await readLarge(layer), 1)).toBe(true);
    }
    expect(await cache.usage()).toBeLessThan(first.length * 1.2);
    await layer.close();
  });

  test('counts indexes too, whatever their names say', async () => {
    await session(() => undefined);
    await shelves.damage('index-', () => new Uint8Array(12_345));
    const segments = [...shelves.shelves.get(shelves.archives[0]!)!.keys()].flatMap((key) => /^segment-\d+-(\d+)$/.exec(key)?.[1] ?? []);
    expect(await newCache().usage()).toBe(segments.reduce((sum, length) => sum + Number(length), 12_345));
  });

  test('clear() leaves nothing but what is open', async () => {
    await session(readLarge);
    const cache = newCache();
    const layer = await openLayer(`${server.url}/b.zip`, { cache });
    await readLarge(layer);
    await layer.prefetch!([]);
    await cache.clear();
    expect(shelves.archives).toHaveLength(1);
    await layer.close();
    await settle();
    await cache.clear();
    expect(shelves.archives).toEqual([]);
    expect(await cache.usage()).toBe(0);
  });
});

describe('prefetch', () => {
  test('of everything lets everything be read without a server', async () => {
    const seen: { loaded: number; total: number }[] = [];
    await session((layer) => layer.prefetch!('all', { onProgress: (progress) => seen.push(progress) }));
    expect(seen.at(-1).loaded).toBe(seen.at(-1).total);
    expect(seen.at(-1).total).toBeGreaterThan(3_000_000);
    expect(server.bytes).toBeLessThan(first.length + 1024);
    await server.close();
    const dumped = await session((layer) => dumpLayer(layer));
    expect(dumped.size).toBeGreaterThan(200);
  });

  test('of a list of files is one request, and then nothing waits', async () => {
    const list = [3, 50, 120, 199].map((i) => `/src/file-${i}.js`);
    await session(async (layer) => {
      for (const path of list) await textAt(layer, path.slice(1));
    });
    shelves.shelves.clear();
    server.reset();
    const layer = await openLayer(`${server.url}/a.zip`, { cache: newCache(), prefetch: list });
    await Promise.all([3, 50, 120, 199].map((i) => textAt(layer, `src/file-${i}.js`)));
    // The end of the archive, where its table of contents is, and one for all four.
    expect(server.requests).toHaveLength(2);
    await layer.close();
  });

  test('of a directory fetches what is below it, and names that do not exist are passed over', async () => {
    await session(async (layer) => {
      await layer.prefetch!(['/src', '/never']);
      server.reset();
      for (let i = 0; i < 200; i++) await textAt(layer, `src/file-${i}.js`);
      expect(server.requests).toEqual([]);
      expect(layer.peek(entryAt(layer, 'large.bin'), 1_000_000, 1_000_010)).toBeUndefined();
    });
  });

  test('can be given up, and leaves no trouble behind', async () => {
    server.latency = 30;
    await session(async (layer) => {
      const abort = new AbortController();
      const filling = layer.prefetch!('all', { signal: abort.signal });
      setTimeout(() => abort.abort(), 15);
      await expect(filling).rejects.toMatchObject({ name: 'AbortError' });
      expect(isNoise(await readLarge(layer), 1)).toBe(true);
    });
  });

  test('without a cache keeps in memory what fits', async () => {
    const layer = await openLayer(`${server.url}/a.zip`);
    await layer.prefetch!('all');
    server.reset();
    expect(isNoise(await readLarge(layer), 1)).toBe(true);
    await layer.prefetch!('all');
    expect(server.requests).toEqual([]);
  });

  test('in the background fetches everything, and ends with the layer', async () => {
    const layer = await openLayer(`${server.url}/a.zip`, { cache: newCache(), background: true });
    await expect.poll(() => server.bytes, { timeout: 5000 }).toBeGreaterThan(3 << 20);
    await layer.close();
    server.latency = 50;
    const other = await openLayer(`${server.url}/b.zip`, { cache: newCache(), background: true });
    await other.close();
    server.reset();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(server.requests.filter(({ path }) => path === 'b.zip').length).toBeLessThanOrEqual(1);
  });

  test('in the background is left out where data is to be saved', async () => {
    Object.defineProperty(globalThis, 'navigator', { value: { connection: { saveData: true } }, configurable: true });
    try {
      const layer = await openLayer(`${server.url}/a.zip`, { background: true });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(server.bytes).toBeLessThan(200_000);
      await layer.close();
    } finally {
      Reflect.deleteProperty(globalThis, 'navigator');
    }
  });
});

describe('two at the same time', () => {
  test('fetch what both read once, when one of them was a moment earlier', async () => {
    const [a, b] = [newCache(), newCache()];
    const one = await openLayer(`${server.url}/a.zip`, { cache: a });
    const two = await openLayer(`${server.url}/a.zip`, { cache: b });
    await readLarge(one);
    await one.prefetch!([]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    server.reset();
    expect(isNoise(await readLarge(two), 1)).toBe(true);
    expect(server.requests).toEqual([]);
    await Promise.all([one.close(), two.close()]);
  });

  test('that fetch the same bytes harm nobody', async () => {
    const layers = await Promise.all([newCache(), newCache(), newCache()].map((cache) => openLayer(`${server.url}/a.zip`, { cache })));
    await Promise.all(layers.map(async (layer) => expect(isNoise(await readLarge(layer), 1)).toBe(true)));
    await Promise.all(layers.map((layer) => layer.prefetch!('all')));
    await Promise.all(layers.map((layer) => layer.close()));
    expect(shelves.archives).toHaveLength(1);
    await server.close();
    expect(isNoise(await session(readLarge), 1)).toBe(true);
  });
});

describe('a small archive', () => {
  const small = zipArchive([{ name: 'a', content: 'alpha' }]);

  test('is one request, kept when prefetch says so, and let go of when the layer is closed', async () => {
    files.set('small.zip', small);
    const cache = newCache();
    const layer = await openLayer(`${server.url}/small.zip`, { cache });
    await layer.prefetch!('all');
    expect(server.requests).toHaveLength(1);
    await layer.close();
    await settle();
    server.mode = 'failing';
    await session(async (again) => expect(await textAt(again, 'a')).toBe('alpha'), { file: 'small.zip' });
    await cache.clear();
    expect(shelves.archives).toEqual([]);
  });
});

test('storage that fails in the middle is as none', async () => {
  await session(readLarge);
  const open = shelves.open.bind(shelves);
  for (const broken of ['keys', 'get', 'put', 'remove'] as const) {
    shelves.open = async (name) => ({ ...(await open(name)), [broken]: () => Promise.reject(new DOMException('broken', 'UnknownError')) });
    expect(isNoise(await session(readLarge), 1)).toBe(true);
  }
});

describe('an archive with an integrity string', () => {
  const sri = (bytes: Uint8Array): string => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;

  test('is known by it: nothing is asked the second time, whatever the URL, and all of it is verified', async () => {
    const integrity = sri(first);
    await session(readLarge, { integrity });
    files.set('elsewhere.zip', first);
    server.reset();
    expect(isNoise(await session(readLarge, { integrity, file: 'elsewhere.zip' }), 1)).toBe(true);
    expect(server.requests).toEqual([]);
  });

  test('is kept where nothing else marks its version', async () => {
    await using plain = await startRangeServer({ files, marks: 'none' });
    await session(readLarge, { url: plain.url, integrity: sri(first) });
    plain.reset();
    expect(isNoise(await session(readLarge, { url: plain.url, integrity: sri(first) }), 1)).toBe(true);
    expect(plain.requests).toEqual([]);
  });

  test('that the server does not keep to is refused, and is there once the server has it', async () => {
    for (let i = 0; i < 2; i++) await expect(session(readLarge, { integrity: sri(second) })).rejects.toMatchObject({ code: 'EIO' });
    files.set('a.zip', second);
    expect(isNoise(await session(readLarge, { integrity: sri(second) }), 2)).toBe(true);
  });

  test('is refused when what is kept was changed behind the back of the checksums', async () => {
    await session(readLarge, { integrity: sri(first) });
    // Another archive's segments in its place: they are whole, and not these.
    await session(readLarge, { integrity: sri(second), file: 'b.zip' });
    const [one, two] = shelves.archives;
    shelves.shelves.set(one!, shelves.shelves.get(two!)!);
    await expect(session(readLarge, { integrity: sri(first) })).rejects.toMatchObject({ code: 'EIO' });
    expect(isNoise(await session(readLarge, { integrity: sri(first) }), 1)).toBe(true);
  });
});

test('an opening that fails for want of a network costs nothing of what is kept', async () => {
  await session(readLarge);
  expect(await shelves.damage('index-', () => new Uint8Array())).toBe(1);
  await shelves.damage('segment-', (bytes) => (bytes.length < 200_000 ? new Uint8Array() : bytes));
  server.mode = 'failing';
  await expect(session(readLarge)).rejects.toMatchObject({ code: 'EIO' });
  server.mode = 'ranges';
  server.reset();
  expect(isNoise(await session(readLarge), 1)).toBe(true);
  expect(server.bytes).toBeLessThan(200_000);
});

test('a login page in the place of an archive is not kept', async () => {
  files.set('a.zip', new TextEncoder().encode('<!doctype html><title>Please log in</title>'));
  await expect(session(readLarge, { revalidate: 'never' })).rejects.toMatchObject({ code: 'EINVAL' });
  files.set('a.zip', first);
  expect(isNoise(await session(readLarge, { revalidate: 'never' }), 1)).toBe(true);
});

test('a limit of entries counts for kept archives too', async () => {
  await session(readLarge);
  await expect(session(() => undefined, { limits: { entries: 100 } })).rejects.toMatchObject({ code: 'EFBIG' });
  expect(isNoise(await session(readLarge), 1)).toBe(true);
});

describe('a storage that never answers', () => {
  const impatient = (): BlockCache => openBlockCache({ shelves, clock: () => time++, answerTimeout: 50 })!;

  test('holds up an opening once, and then nothing any more', async () => {
    await session((layer) => textAt(layer, 'last.txt'));
    shelves.isSilent = true;
    const layer = await openLayer(`${server.url}/a.zip`, { cache: impatient(), retry: RETRY });
    expect(await textAt(layer, 'last.txt')).toBe('the end');
    await layer.close();
    expect(shelves.unanswered).toBe(1);
  });

  test('from some time on: what was opened goes on being read', async () => {
    await session((layer) => textAt(layer, 'last.txt'));
    const layer = await openLayer(`${server.url}/a.zip`, { cache: impatient(), retry: RETRY });
    shelves.isSilent = true;
    expect(await textAt(layer, 'last.txt')).toBe('the end');
    expect(isNoise(await readLarge(layer), 1)).toBe(true);
    await layer.close();
    // What was read has been given before it is kept.
    await vi.waitFor(() => expect(shelves.unanswered).toBeGreaterThan(0));
  });
});
