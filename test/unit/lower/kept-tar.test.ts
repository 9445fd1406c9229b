/* Tar archives through the block cache: streamed once, kept on the way, and opened again without being read. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { loadCodec } from '../../../src/codec/codec.ts';
import type { Layer } from '../../../src/layer/layer.ts';
import { type BlockCache, openBlockCache } from '../../../src/lower/block-cache.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { sealSegment } from '../../../src/lower/segment.ts';
import { paxHeader, skippableFrame, tarArchive, zstdFrame } from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';
import { estargzArchive } from '../../support/estargz.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { mutate, randomNumbers } from '../../support/mutate-archives.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, type ServerMode, startRangeServer } from '../../support/range-server.ts';
import { hasTool } from '../../support/tools.ts';

const tarOf = (seed: number): Uint8Array =>
  tarArchive([
    { name: 'first.txt', content: `the first of ${seed}` },
    { name: 'large.bin', content: noise(3 << 20, seed) },
    ...Array.from({ length: 300 }, (_, i) => ({ name: `src/file-${i}.js`, content: `// ${i} of ${seed}\n`.padEnd(5000, 'x') })),
    paxHeader({ 'GNU.sparse.size': '100000', 'GNU.sparse.map': '5,10,80000,10', 'GNU.sparse.name': 'sparse' }),
    { name: 'GNUSparseFile.0/sparse', content: 'a'.repeat(20) },
    { name: 'hard', type: '1', link: 'first.txt' },
    { name: '../escapes', content: 'no' },
    { name: 'other.bin', content: noise(3 << 20, seed + 100) },
    { name: 'last.txt', content: 'the end' },
  ]);
const frames = (tar: Uint8Array): Uint8Array => {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < tar.length; at += 1 << 20) pieces.push(zstdFrame(tar.subarray(at, at + (1 << 20))));
  return concatBytes([pieces[0]!, skippableFrame(new Uint8Array(100)), ...pieces.slice(1)]);
};
const pack: Record<string, (tar: Uint8Array) => Uint8Array> = {
  'a.tar': (tar) => tar,
  'a.tar.gz': (tar) => new Uint8Array(gzipSync(tar, { level: 1 })),
  'a.tar.zst': frames,
  /** Of a name that says nothing, so that its end is asked for first. In two members, the second one stored. */
  nameless: (tar) =>
    concatBytes([new Uint8Array(gzipSync(tar.subarray(0, 5 << 20))), new Uint8Array(gzipSync(tar.subarray(5 << 20), { level: 0 }))]),
};
const names = Object.keys(pack);
const [one, two] = [1, 2].map((seed) => new Map(names.map((name) => [name, pack[name]!(tarOf(seed))])));
const RETRY = { tries: 3, delay: 1, stall: 400 };

let files: Map<string, Uint8Array>;
let server: RangeServer;
let shelves: MemoryShelves;

beforeEach(async () => {
  files = new Map(one);
  server = await startRangeServer({ files });
  shelves = new MemoryShelves();
});
afterEach(() => server.close());

const newCache = (): BlockCache => openBlockCache({ shelves })!;
/** Lets what a closed layer still writes be written. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

async function session<T>(name: string, work: (layer: Layer) => T | Promise<T>, options: OpenLayerOptions = {}): Promise<T> {
  const layer = await openLayer(`${server.url}/${name}`, { cache: newCache(), retry: RETRY, ...options });
  try {
    return await work(layer);
  } finally {
    await layer.prefetch?.([]);
    await layer.close();
    await settle();
  }
}

/** Removes what is kept of an archive from about this byte on, as eviction does. */
function evict(from: number): number {
  let evicted = 0;
  for (const blobs of shelves.shelves.values()) {
    for (const key of Array.from(blobs.keys())) {
      const start = /^segment-(\d+)-/.exec(key)?.[1];
      if (start !== undefined && Number(start) >= from && blobs.delete(key)) evicted++;
    }
  }
  return evicted;
}

const sum = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

/** All that a layer has, as something to compare. */
async function dump(layer: Layer): Promise<unknown> {
  const tree = [...(await dumpLayer(layer))].map(([path, { content, ...rest }]) => [path, rest, content && sum(content)]);
  return { tree, warnings: layer.warnings, digest: layer.digest };
}
const expected = await dump(await openLayer(one!.get('a.tar')!));
const contentOfOne = (expected as { tree: unknown[] }).tree;
const readAll = async (layer: Layer): Promise<unknown> => ((await dump(layer)) as { tree: unknown[] }).tree;
const readLarge = async (layer: Layer): Promise<string> => sum(await layer.read(entryAt(layer, 'large.bin'), 0, 3 << 20));
const readOther = async (layer: Layer): Promise<string> => sum(await layer.read(entryAt(layer, 'other.bin'), 0, 3 << 20));
const largeOf = (seed: number): string => sum(noise(3 << 20, seed));

describe.each(names)('%s', (name) => {
  test('is fetched once, and kept on the way', async () => {
    expect(await session(name, readAll)).toEqual(contentOfOne);
    const size = files.get(name)!.length;
    // What tells its size and its format may be asked for apart.
    expect(server.requests.length).toBeLessThanOrEqual(name.endsWith('.tar') || name.endsWith('gz') ? 1 : 3);
    expect(server.bytes).toBeLessThanOrEqual(size + 1024);
  });

  test('is opened again without reading anything of it, and read without a server', async () => {
    const before = await session(name, dump);
    server.reset();
    const after = await session(name, async (layer) => {
      expect(layer.stats).toMatchObject({ requests: 1, bytes: 0, cached: 0 });
      await server.close();
      return dump(layer);
    });
    expect(after).toEqual(before);
    expect(await session(name, dump, { revalidate: 'never' })).toEqual(before);
  });

  test('that is cut short or damaged is refused at its end, and nothing of it is kept', async () => {
    const good = files.get(name)!;
    const flipped = good.slice();
    flipped[good.length - 5]! ^= 1;
    // Of gzip the length of the last member; a tar has no checksum of content, nor need a zstd frame have one.
    const isGzip = name.endsWith('.gz') || name === 'nameless';
    for (const bad of [good.slice(0, good.length - 600_000), ...(isGzip ? [flipped] : [])]) {
      files.set(name, bad);
      await expect(session(name, () => undefined)).rejects.toMatchObject({
        code: 'EIO',
        detail: expect.stringContaining(`/${name}: `) as string,
      });
      await settle();
      expect(shelves.archives).toEqual([]);
    }
    files.set(name, good);
    expect(await session(name, readAll)).toEqual(contentOfOne);
  });

  test('has other limits at the next opening', async () => {
    await session(name, () => undefined);
    await expect(session(name, () => undefined, { limits: { entries: 100 } })).rejects.toMatchObject({ code: 'EFBIG' });
    if (name !== 'a.tar') await expect(session(name, () => undefined, { limits: { size: 1e6 } })).rejects.toMatchObject({ code: 'EFBIG' });
    expect(await session(name, readAll)).toEqual(contentOfOne);
  });

  test('of which one small file is read, reads a small part of what is kept', async () => {
    await session(name, () => undefined);
    await session(name, async (layer) => {
      expect(await textAt(layer, 'last.txt')).toBe('the end');
      // A span of gzip or a frame of zstd at most, and the pages around it.
      expect(layer.stats!.cached).toBeLessThan(1.2 * 2 ** 20 + 64 * 1024);
    });
  });

  test('lets go of the bytes in memory when all of them are kept', async () => {
    await session(name, async (layer) => {
      await layer.prefetch!([]);
      expect(layer.peek(entryAt(layer, 'other.bin'), 1 << 20, (1 << 20) + 9)).toBeUndefined();
      server.reset();
      expect(await readAll(layer)).toEqual(contentOfOne);
      expect(server.requests).toEqual([]);
    });
  });

  test('keeps them where there is no room to keep them elsewhere', async () => {
    shelves.quota = 3_000_000;
    await session(name, async (layer) => {
      await layer.prefetch!('all');
      server.reset();
      expect(layer.peek(entryAt(layer, 'last.txt'), 0, 7)).toBeDefined();
      expect(await readAll(layer)).toEqual(contentOfOne);
      expect(server.requests).toEqual([]);
    });
  });

  test('of which blocks were evicted fetches those alone', async () => {
    await session(name, () => undefined);
    expect(evict(4 << 20)).toBeGreaterThan(0);
    server.reset();
    const ranges = await session(name, async (layer) => {
      expect(await textAt(layer, 'first.txt')).toBe('the first of 1');
      expect(server.requests).toHaveLength(1);
      expect(await readOther(layer)).toBe(largeOf(101));
      await layer.prefetch!('all');
      return server.requests.slice(1).map(({ range }) => Number(/^bytes=(\d+)-/.exec(range!)![1]));
    });
    expect(ranges.length).toBeGreaterThan(0);
    expect(Math.min(...ranges)).toBeGreaterThanOrEqual(4 << 20);
    expect(server.bytes).toBeLessThan(files.get(name)!.length - (4 << 20) + 10);
    server.reset();
    expect(await session(name, readAll)).toEqual(contentOfOne);
    expect(server.bytes).toBe(2);
  });
});

// What is about sources and not about formats: one whose name says that it comes whole, and one that is looked at first.
describe.each(['a.tar.gz', 'nameless'])('%s', (name) => {
  test('that changed meanwhile is ESTALE for what was evicted, and the new one after another opening', async () => {
    await session(name, () => undefined);
    evict(4 << 20);
    files.set(name, two!.get(name)!);
    await session(
      name,
      async (layer) => {
        await expect(layer.read(entryAt(layer, 'other.bin'), 0, 3 << 20)).rejects.toMatchObject({ code: 'ESTALE' });
      },
      { revalidate: 'never' },
    );
    expect(await session(name, readLarge, { revalidate: 'never' })).toBe(largeOf(2));
  });

  test('is fetched ahead by files: what they need and no more', async () => {
    await session(name, () => undefined);
    evict(0);
    await session(
      name,
      async (layer) => {
        server.reset();
        await layer.prefetch!(['/last.txt', '/never']);
        expect(server.bytes).toBeGreaterThan(0);
        expect(server.bytes).toBeLessThan(2.5 * 2 ** 20);
        server.reset();
        expect(await textAt(layer, 'last.txt')).toBe('the end');
        expect(server.requests).toEqual([]);
        await layer.prefetch!('all');
      },
      { revalidate: 'never' },
    );
    server.reset();
    expect(await session(name, readAll, { revalidate: 'never' })).toEqual(contentOfOne);
    expect(server.requests).toEqual([]);
  });

  test('is verified from what is kept, and what is missing and cannot be fetched is told', async () => {
    await session(name, () => undefined);
    await session(name, async (layer) => {
      let files = 0;
      for await (const { error } of layer.verify!()) {
        expect(error).toBeUndefined();
        files++;
      }
      expect(files).toBe(305);
    });
    evict(4 << 20);
    await session(name, async (layer) => {
      server.mode = 'not-found';
      const failed: string[] = [];
      for await (const { entry, error } of layer.verify!()) if (error !== undefined) failed.push(layer.table.path(entry));
      expect(failed).toContain('/other.bin');
      expect(failed).not.toContain('/first.txt');
    });
  });

  test('that breaks off while it arrives goes on where it ended', async () => {
    // The last request of an opening is for the content.
    if (name.endsWith('.zst') || name === 'nameless') server.next.push('ranges', 'ranges');
    server.next.push('dying', 'stalling');
    expect(await session(name, readAll)).toEqual(contentOfOne);
    expect(server.requests.at(-1)!.range).toMatch(/^bytes=[1-9]\d+-\d+$/);
    server.reset();
    expect(await session(name, readAll)).toEqual(contentOfOne);
    expect(server.bytes).toBe(2);
  });

  test.each<ServerMode>(['no-ranges', 'dying'])('from a server without ranges arrives whole, and is kept: %s', async (mode) => {
    server.mode = 'no-ranges';
    const size = files.get(name)!.length;
    if (mode === 'dying') server.next.push('no-ranges-dying');
    expect(await session(name, readAll)).toEqual(contentOfOne);
    expect(server.requests).toHaveLength(mode === 'dying' ? 2 : 1);
    expect(server.bytes).toBe(mode === 'dying' ? 2 * size : size);
    server.reset();
    expect(await session(name, readAll, { revalidate: 'never' })).toEqual(contentOfOne);
    expect(server.requests).toEqual([]);
  });

  test('that is given up in the middle leaves what came, and the next opening fetches the rest', async () => {
    const size = files.get(name)!.length;
    const abort = new AbortController();
    server.mode = 'stalling';
    if (name.endsWith('.zst') || name === 'nameless') server.next.push('ranges', 'ranges');
    const opening = openLayer(`${server.url}/${name}`, {
      cache: newCache(),
      signal: abort.signal,
      onProgress: ({ loaded }) => loaded > 2_500_000 && abort.abort(new Error('enough')),
    });
    await expect(opening).rejects.toThrow('enough');
    await settle();
    server.mode = 'ranges';
    server.reset();
    expect(await session(name, readAll)).toEqual(contentOfOne);
    expect(server.bytes).toBeLessThan(size - 1_500_000);
    server.reset();
    expect(await session(name, readAll)).toEqual(contentOfOne);
    expect(server.bytes).toBe(2);
  });

  test('is shared by the same content at another URL', async () => {
    await session(name, () => undefined);
    files.set(`b-${name}`, files.get(name)!);
    expect(await session(`b-${name}`, readAll)).toEqual(contentOfOne);
    expect(shelves.archives).toHaveLength(1);
  });
});

describe('an index', () => {
  const cases: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['torn', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', () => new Uint8Array()],
    ['a flipped bit in the middle', (bytes) => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte))],
  ];
  test.each(cases)('that is %s is made anew from what is kept', async (_, change) => {
    await session('a.tar.gz', () => undefined);
    for (let i = 0; i < 2; i++) {
      expect(await shelves.damage('index-', change)).toBe(1);
      server.reset();
      expect(await session('a.tar.gz', readAll)).toEqual(contentOfOne);
      expect(server.bytes).toBe(2);
    }
    await session('a.tar.gz', (layer) => expect(layer.stats!.cached).toBe(0));
  });

  test('changed at random is the same layer or one that was made anew', async () => {
    const random = randomNumbers(17);
    files.set('small.tgz', new Uint8Array(gzipSync(tarArchive([{ name: 'a', content: 'alpha' }]))));
    const digest = await session('small.tgz', (layer) => layer.digest);
    for (let i = 0; i < 60; i++) {
      await shelves.damage('index-', (bytes) => mutate(bytes, random));
      const layer = await openLayer(`${server.url}/small.tgz`, { cache: newCache(), revalidate: 'never' });
      expect(layer.digest).toBe(digest);
      expect(await textAt(layer, 'a')).toBe('alpha');
      await layer.prefetch!([]);
      await layer.close();
    }
  });

  test('of a version that writes something else counts as none', async () => {
    await session('a.tar.gz', () => undefined);
    for (const text of ['', '{"format":"tar"', '\u0004\0\0\0null', '\u0002\0\0\0[]', '\u0010\0\0\0{"format":"rar"}']) {
      const other = new Uint8Array(Buffer.from(text.padEnd(8)));
      for (const blobs of shelves.shelves.values()) {
        const key = [...blobs.keys()].find((candidate) => candidate.startsWith('index-'));
        if (key === undefined) continue;
        blobs.set(key, sealSegment(other, loadCodec()));
      }
      expect(await session('a.tar.gz', readAll)).toEqual(contentOfOne);
    }
  });
});

test('bytes that are whole and not those of the archive are found out by the checksum of their span', async () => {
  await session('a.tar.gz', () => undefined);
  // As a server that sends something else under the same ETag would have it.
  const codec = loadCodec();
  await shelves.damage('segment-4194304-', (bytes) => {
    const content = one!.get('a.tar.gz')!.slice(4 << 20);
    content[1 << 20]! ^= 1;
    expect(bytes.length).toBeGreaterThan(content.length);
    return content;
  });
  for (const blobs of shelves.shelves.values())
    for (const [key, blob] of blobs)
      if (key.startsWith('segment-4194304-')) blobs.set(key, sealSegment(new Uint8Array(await blob.arrayBuffer()), codec));
  await session('a.tar.gz', async (layer) => {
    await expect(layer.read(entryAt(layer, 'other.bin'), 0, 3 << 20)).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringContaining('a.tar.gz: ') as string,
    });
  });
});

test('an eStargz whose name says tar.gz is one, also where its end comes last', async () => {
  const { bytes: archive } = estargzArchive([
    { name: 'large.bin', content: noise(2 << 20, 5) },
    { name: 'a', content: 'alpha' },
  ]);
  files.set('e.tgz', archive);
  const plain = await openLayer(archive);
  for (let i = 0; i < 2; i++) {
    await session('e.tgz', async (layer) => {
      expect(layer.digest).toBe(plain.digest);
      expect(await dump(layer)).toEqual(await dump(plain));
    });
  }
  expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=0-1']);
});

describe('what the tools of the system make', () => {
  const content = [noise(3 << 20, 1), noise(7 << 20, 2), Buffer.from('x'.repeat(9 << 20))];
  const commands: Record<string, string> = {
    'tar.gz': 'tar -c . | gzip -6',
    'tar.gz in two members': '(tar -c . | head -c 5000000 | gzip -1; tar -c . | tail -c +5000001 | gzip -9)',
    'tar.zst in one frame': 'tar -c . | zstd -q -c',
    'tar.zst in frames of 4 MiB': "tar -c . | split -b 4M --filter='zstd -q -c'",
  };
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stratafs-kept-'));
    for (const [i, bytes] of content.entries()) writeFileSync(join(folder, `${i}`), bytes);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const tools = ['tar', 'gzip', 'zstd', 'split'].every(hasTool);
  test.runIf(tools).each(Object.keys(commands))('%s: streamed, and opened again from the cache', async (name) => {
    files.set(name, new Uint8Array(execFileSync('sh', ['-c', commands[name]!], { cwd: folder, maxBuffer: 1 << 28 })));
    for (let i = 0; i < 2; i++) {
      server.reset();
      await session(encodeURIComponent(name), async (layer) => {
        for (const [number, bytes] of content.entries())
          expect(sum(await layer.read(entryAt(layer, `${number}`), 0, bytes.length))).toBe(sum(bytes));
        // From the middle of a frame that cannot be entered there, too.
        const part = await layer.read(entryAt(layer, '1'), 5_000_000, 5_000_100);
        expect(Buffer.compare(part, content[1]!.subarray(5_000_000, 5_000_100))).toBe(0);
        for await (const { error } of layer.verify!()) expect(error).toBeUndefined();
      });
      if (i === 1) expect(server.bytes).toBe(2);
    }
  });

  test.runIf(tools)('a frame that is larger than memory may be is refused where it is read', async () => {
    files.set('a.zst', new Uint8Array(execFileSync('sh', ['-c', 'tar -c . | zstd -q -c'], { cwd: folder, maxBuffer: 1 << 28 })));
    await session('a.zst', () => undefined);
    await session(
      'a.zst',
      async (layer) => {
        const reading = layer.read(entryAt(layer, '0'), 0, 10);
        await expect(reading).rejects.toMatchObject({ code: 'EFBIG', detail: expect.stringContaining('a.zst: ') as string });
      },
      { maxBytes: 15 << 20 },
    );
  });
});
