/* A directory that a host serves file by file: what is fetched, what is kept, what is verified, and indexes that lie. */

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import type { Layer } from '../../../src/layer/layer.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type DirectoryOptions, openDirectory } from '../../../src/lower/directory-layer.ts';
import { indexDirectory } from '../../../src/pack.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { type RangeServer, startRangeServer } from '../../support/range-server.ts';
import { differences, listFolder, listLayer, makeTree, noise } from '../pack/source-tree.ts';

const INDEX = 'index.stratafs.json';
const LARGE = noise(2_500_000, 3);
let folder: string;
let index: Awaited<ReturnType<typeof indexDirectory>>;
let server: RangeServer;
let files: Map<string, Uint8Array>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'directory-'));
  makeTree(folder);
  writeFileSync(join(folder, 'larger.bin'), LARGE);
  index = await indexDirectory(folder);
  writeFileSync(join(folder, INDEX), index.bytes);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => server.close());

const serve = async (options: Partial<Parameters<typeof startRangeServer>[0]> = {}): Promise<void> => {
  server = await startRangeServer({ files: folder, ...options });
};
const open = (options: DirectoryOptions = {}): Promise<Layer> => openDirectory(server.url, { retry: { tries: 1 }, ...options });
const paths = (): string[] => server.requests.map(({ path }) => path);
const sha = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

describe('a folder of one of everything', () => {
  beforeEach(() => serve());

  test('is what it is on the disk', async () => {
    const layer = await open();
    const expected = listFolder(folder);
    expected.delete(`/${INDEX}`);
    expect(layer.warnings).toEqual([]);
    expect(differences(await listLayer(layer), expected)).toEqual([]);
    expect(layer.table.nlink(entryAt(layer, '/tool'))).toBe(2);
    // Each file once, whatever links there are to it; of a large one each chunk.
    const small = paths().filter((path) => path !== 'larger.bin' && path !== 'repeated.txt');
    expect(new Set(small).size).toBe(small.length);
    expect(paths().filter((path) => path === 'larger.bin')).toHaveLength(3);
    expect(layer.stats).toMatchObject({ requests: server.requests.length, bytes: server.bytes });
  });

  test('opening fetches the index alone, and reading a file that file', async () => {
    const layer = await open();
    expect(paths()).toEqual([INDEX]);
    expect(await textAt(layer, '/src/späť 日本.ts')).toBe('name');
    expect(paths()).toEqual([INDEX, 'src/späť 日本.ts']);
    expect(layer.peek(entryAt(layer, '/src/späť 日本.ts'), 0, 4)).toEqual(encodeUtf8('name'));
    expect(layer.peek(entryAt(layer, '/a.txt'), 0, 4)).toBeUndefined();
  });

  test('of a large file the chunk is fetched that is read', async () => {
    const layer = await open();
    server.reset();
    expect(
      Buffer.compare(await layer.read(entryAt(layer, '/larger.bin'), 1_100_000, 1_100_010), LARGE.subarray(1_100_000, 1_100_010)),
    ).toBe(0);
    expect(server.requests).toMatchObject([{ range: 'bytes=1048576-2097151', bytes: 1 << 20 }]);
  });

  test('readers of one file share its request, and at most six are under way', async () => {
    const layer = await open();
    server.latency = 60;
    const all = [...listFolder(folder).keys()].filter((path) => !path.includes(INDEX)).map((path) => entryAt(layer, path));
    await Promise.all(
      [...all, ...all].map(async (entry) => layer.table.isDirectory(entry) || layer.read(entry, 0, layer.table.size(entry))),
    );
    expect(server.concurrency).toBeGreaterThan(2);
    expect(server.concurrency).toBeLessThanOrEqual(6);
    expect(paths().filter((path) => path === 'a.txt')).toHaveLength(1);
  });

  test('a reader that leaves waits no longer, and the next one asks again', async () => {
    const layer = await open();
    const entry = entryAt(layer, '/a.txt');
    server.mode = 'silent';
    const stop = new AbortController();
    const reading = layer.read(entry, 0, 5, stop.signal);
    stop.abort(new Error('left'));
    await expect(reading).rejects.toThrow('left');
    server.mode = 'ranges';
    expect(Buffer.from(await layer.read(entry, 0, 5)).toString()).toBe('first');
  });

  test('at, strip, include and exclude count for what the index names', async () => {
    const layer = await open({ at: '/x', strip: 1, include: ['*.ts'], exclude: ['späť*'] });
    expect([...(await listLayer(layer)).keys()]).toEqual(['/x', '/x/main.ts']);
    expect(await textAt(layer, '/x/main.ts')).toContain('export {}');
    await layer.prefetch!('all');
    expect(paths()).toEqual([INDEX, 'src/main.ts']);
    expect(layer.digest).toMatch(/^sha256-[0-9a-f]{64};at=\/x;strip=1;include=\*\.ts;exclude=/);
  });

  test('headers go with every request, and progress is of all of them', async () => {
    const seen: (string | null)[] = [];
    let loaded = 0;
    const layer = await open({
      headers: { 'x-key': 'k' },
      fetch: (url, init) => {
        seen.push(new Headers(init.headers).get('x-key'));
        return fetch(url, init);
      },
      onProgress: (progress) => (loaded = progress.loaded),
    });
    await textAt(layer, '/a.txt');
    await layer.read(entryAt(layer, '/larger.bin'), 0, 10);
    expect(seen).toEqual(['k', 'k', 'k']);
    expect(loaded).toBe(server.bytes);
  });

  test('integrity is that of the index', async () => {
    expect(await textAt(await open({ integrity: index.integrity }), '/src/späť 日本.ts')).toBe('name');
    await expect(open({ integrity: `sha256-${'A'.repeat(43)}=` })).rejects.toMatchObject({ code: 'EIO' });
  });
});

test.each([{ mode: 'no-ranges' }, { mode: 'gzip-whole' }, { mode: 'no-suffix' }, { marks: 'none' }, { marks: 'weak-etag' }] as const)(
  'whatever the host is like: %o',
  async (options) => {
    await serve(options);
    const layer = await open();
    expect(await textAt(layer, '/a.txt')).toBe('first '.repeat(50));
    expect(
      Buffer.compare(await layer.read(entryAt(layer, '/larger.bin'), 1_048_570, 1_048_580), LARGE.subarray(1_048_570, 1_048_580)),
    ).toBe(0);
  },
);

test('a synchronous read is a synchronous request, compared like any other', async () => {
  const content = 'x'.repeat(10);
  const digests = { digest: sha(content), chunkDigest: sha('xxxxxx') };
  const large = [
    { name: 'large', type: 'reg', size: 10, chunkSize: 6, ...digests },
    { name: 'large', type: 'chunk', chunkOffset: 6, chunkSize: 4, chunkDigest: sha('xxxx') },
  ];
  const small = { name: 'small', type: 'reg', size: 5, digest: sha('small') };
  const served = new Map([
    ['large', 'xxxxxxxxxx'],
    ['small', 'smaLl'],
  ]);
  await serve({ files: new Map([[INDEX, encodeUtf8(JSON.stringify({ version: 1, entries: [...large, small] }))]]) });
  const asked: string[] = [];
  class Request {
    #path = '';
    #range = '';
    status = 206;
    statusText = '';
    response: ArrayBuffer | undefined;
    open(_: string, url: string): void {
      this.#path = new URL(url).pathname.slice(1);
    }
    setRequestHeader(name: string, value: string): void {
      if (name === 'range') this.#range = value;
    }
    send(): void {
      asked.push(`${this.#path} ${this.#range}`);
      const [from = 0, to = 0] = this.#range.slice(6).split('-').map(Number);
      this.response = encodeUtf8(served.get(this.#path)!.slice(from, to + 1)).buffer;
    }
    getAllResponseHeaders = (): string => '';
  }
  vi.stubGlobal('location', new URL(server.url));
  vi.stubGlobal('XMLHttpRequest', Request);
  try {
    const layer = await open();
    const entry = entryAt(layer, '/large');
    expect(Buffer.from(layer.readSync!(entry, 5, 8)!).toString()).toBe('xxx');
    expect(Buffer.from(layer.readSync!(entry, 0, 10)!).toString()).toBe(content);
    expect(() => layer.readSync!(entryAt(layer, '/small'), 0, 5)).toThrow(/'small': the SHA-256 of its bytes from 0 on/);
    served.set('small', 'small');
    expect(Buffer.from(layer.readSync!(entryAt(layer, '/small'), 1, 5)!).toString()).toBe('mall');
    expect(asked).toEqual(['large bytes=0-5', 'large bytes=6-9', 'small bytes=0-4', 'small bytes=0-4']);
    expect(layer.stats?.syncRequests).toBe(4);
  } finally {
    vi.unstubAllGlobals();
  }
});

describe('kept in a cache', () => {
  let shelves: MemoryShelves;
  beforeEach(async () => {
    shelves = new MemoryShelves();
    await serve();
  });
  const session = async <T>(work: (layer: Layer) => Promise<T>, options: DirectoryOptions = {}): Promise<T> => {
    const layer = await open({ cache: openBlockCache({ shelves })!, ...options });
    try {
      return await work(layer);
    } finally {
      await layer.prefetch!([]);
      await layer.close();
    }
  };

  test('a second opening asks only whether the index is the same, and needs no network for what was read', async () => {
    const digest = await session(async (layer) => (await textAt(layer, '/a.txt'), layer.digest));
    server.reset();
    await session(async (layer) => {
      expect(layer.digest).toBe(digest);
      expect(await textAt(layer, '/a.txt')).toBe('first '.repeat(50));
      expect(server.requests).toMatchObject([{ path: INDEX, range: 'bytes=0-1' }]);
    });
    server.mode = 'failing';
    await session(async (layer) => {
      expect(await textAt(layer, '/a.txt')).toBe('first '.repeat(50));
      await expect(textAt(layer, '/src/main.ts')).rejects.toMatchObject({
        code: 'EIO',
        detail: expect.stringContaining("'src/main.ts'") as string,
      });
    });
  });

  test('prefetch makes all of it so, with progress, and verify reads it again', async () => {
    await session(async (layer) => {
      const told: { loaded: number; total: number }[] = [];
      await layer.prefetch!('all', { onProgress: (progress) => told.push(progress) });
      expect(told.at(-1)?.loaded).toBe(told[0]!.total);
      expect(told.at(-1)?.loaded).toBeGreaterThan(LARGE.length);
    });
    server.mode = 'failing';
    await session(async (layer) => {
      const expected = listFolder(folder);
      expected.delete(`/${INDEX}`);
      expect(differences(await listLayer(layer), expected)).toEqual([]);
      for await (const { error } of layer.verify!()) expect(error).toBeUndefined();
    });
  });

  test('what is kept and damaged is fetched again', async () => {
    await session((layer) => layer.prefetch!('all'));
    expect(await shelves.damage('segment-', (bytes) => bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte)))).toBeGreaterThan(5);
    await session(async (layer) => expect(await textAt(layer, '/a.txt')).toBe('first '.repeat(50)));
  });
});

describe('an index that is not true, or not true any more', () => {
  const text = (name: string, content: string, more: object = {}): object => ({
    name,
    type: 'reg',
    mode: 0o644,
    size: content.length,
    digest: sha(content),
    ...more,
  });
  const indexOf = (entries: readonly object[]): Uint8Array => encodeUtf8(JSON.stringify({ version: 1, entries }));
  beforeEach(async () => {
    files = new Map([
      ['a', encodeUtf8('alpha')],
      ['b', encodeUtf8('beta')],
      [INDEX, indexOf([text('a', 'alpha'), text('b', 'beta')])],
    ]);
    await serve({ files });
  });

  test('a file that is another is EIO, is not kept, and others are served', async () => {
    files.set('a', encodeUtf8('ALPHA'));
    const shelves = new MemoryShelves();
    const cache = openBlockCache({ shelves })!;
    const layer = await open({ cache });
    await expect(textAt(layer, '/a')).rejects.toMatchObject({
      code: 'EIO',
      detail: `${server.url}/${INDEX}: 'a': its digest is ${sha('ALPHA')}, should be ${sha('alpha')}`,
    });
    expect(await textAt(layer, '/b')).toBe('beta');
    files.set('a', encodeUtf8('alpha'));
    expect(await textAt(layer, '/a')).toBe('alpha');
    const damaged: string[] = [];
    files.set('b', encodeUtf8('betb'));
    const fresh = await open();
    for await (const { entry, error } of fresh.verify!()) if (error !== undefined) damaged.push(fresh.table.path(entry));
    expect(damaged).toEqual(['/b']);
  });

  test.each([
    ['shorter', 'alph'],
    ['longer', 'alphabet'],
    ['not there', undefined],
  ])('a file that is %s is EIO', async (_, content) => {
    if (content === undefined) files.delete('a');
    else files.set('a', encodeUtf8(content));
    await expect(textAt(await open(), '/a')).rejects.toMatchObject({ code: 'EIO', detail: expect.stringContaining("'a'") as string });
  });

  test('a chunk of a large file that is another, and a large file of another size', async () => {
    const content = 'x'.repeat(10);
    const chunks = [
      text('c', content, { chunkSize: 6, chunkDigest: sha('xxxxxx') }),
      { name: 'c', type: 'chunk', chunkOffset: 6, chunkSize: 4, chunkDigest: sha('xxxx') },
    ];
    files.set(INDEX, indexOf(chunks));
    files.set('c', encodeUtf8('xxxxxxxxxy'));
    const layer = await open();
    expect(Buffer.from(await layer.read(entryAt(layer, '/c'), 0, 6)).toString()).toBe('xxxxxx');
    await expect(textAt(layer, '/c')).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringMatching(/'c': the SHA-256 of its bytes from 6/) as string,
    });
    files.set('c', encodeUtf8('xxxxxxxxxxx'));
    await expect(textAt(await open(), '/c')).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringMatching(/'c': is not what the index says/) as string,
    });
  });

  test('a file of the next version is ESTALE once the index is, and the next opening has all of that', async () => {
    const shelves = new MemoryShelves();
    const openKept = () => open({ cache: openBlockCache({ shelves })! });
    const layer = await openKept();
    expect(await textAt(layer, '/b')).toBe('beta');
    files.set('a', encodeUtf8('alpha, the second'));
    files.set(INDEX, indexOf([text('a', 'alpha, the second'), text('b', 'beta')]));
    await expect(textAt(layer, '/a')).rejects.toMatchObject({ code: 'ESTALE' });
    expect(await textAt(layer, '/b')).toBe('beta');
    await layer.close();
    const next = await openKept();
    expect(next.digest).not.toBe(layer.digest);
    expect(await textAt(next, '/a')).toBe('alpha, the second');
  });

  test.each([
    ['HTML', encodeUtf8('<!doctype html>'), 'EIO', /not JSON/],
    ['other JSON', encodeUtf8('{"name":"x"}'), 'EIO', /of version undefined, should be 1/],
    ['an entry of no kind', indexOf([{ name: 'a', type: 'door' }]), 'EIO', /says that it is "door"/],
    ['a size that is none', indexOf([text('a', 'alpha', { size: -1 })]), 'EIO', /has size: -1/],
    ['a file without a digest', indexOf([text('a', 'alpha', { digest: '' })]), 'EIO', /'a': its content from 0 on has no digest/],
    ['petabytes', indexOf([text('a', 'alpha', { size: 2 ** 50 })]), 'EFBIG', /claim 1125899906842624 bytes/],
    [
      'more than can be counted',
      indexOf(['a', 'b'].map((name) => text(name, '', { size: 2 ** 53 - 1 }))),
      'EFBIG',
      /more bytes than can be counted/,
    ],
    [
      'hard links in a circle',
      indexOf([
        { name: 'a', type: 'hardlink', linkName: 'b' },
        { name: 'b', type: 'hardlink', linkName: 'a' },
      ]),
      'EIO',
      /leads back to itself/,
    ],
    [
      'more entries than are allowed',
      indexOf(Array.from({ length: 30 }, (_, i) => text(`f${i}`, ''))),
      'EFBIG',
      /more than the 20 entries/,
    ],
    ['nothing at all', new Uint8Array(), 'EIO', /not JSON/],
  ])('%s is refused', async (_, bytes, code, detail) => {
    files.set(INDEX, bytes);
    await expect(open({ limits: { entries: 20 } })).rejects.toMatchObject({ code, detail: expect.stringMatching(detail) as string });
  });

  test('names that lead out of it are left out, and never asked for', async () => {
    const hostile = ['../a', 'x/../../a', '/../a', '..', 'a\0b'].map((name) => text(name, 'alpha'));
    const odd = ['%2e%2e/a', '?a', '#a', 'http://other/a', String.raw`..\a`, '\ud800'].map((name) => text(name, 'alpha'));
    files.set(INDEX, indexOf([...hostile, ...odd]));
    const layer = await open();
    expect(layer.warnings).toHaveLength(hostile.length);
    server.reset();
    await layer.prefetch!('all').catch(() => undefined);
    for (let entry = 0; entry < layer.table.length; entry++)
      if (!layer.table.isDirectory(entry)) await expect(layer.read(entry, 0, 5)).rejects.toMatchObject({ code: 'EIO' });
    expect(new Set(paths().filter((path) => path !== INDEX))).toEqual(
      new Set(['%2e%2e/a', '?a', '#a', 'http:/other/a', String.raw`..\a`, '\ufffd']),
    );
  });

  test('of two files of one name the later counts', async () => {
    files.set(INDEX, indexOf([text('b', 'wrong'), text('a', 'alpha'), text('b', 'beta')]));
    const layer = await open();
    expect(layer.warnings).toMatchObject([{ entry: 'b' }]);
    expect(await textAt(layer, '/b')).toBe('beta');
  });

  test('no index is EIO, which names it', async () => {
    files.delete(INDEX);
    await expect(open()).rejects.toMatchObject({ code: 'EIO', detail: `${server.url}/${INDEX}: HTTP 404 Not Found` });
  });
});
