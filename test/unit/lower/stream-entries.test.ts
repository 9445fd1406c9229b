/* Entries of a tar as they arrive: usable before the rest is there, and nothing that a layer would not have. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../../src/base/bytes.ts';
import { isDirectory, isFile } from '../../../src/base/mode.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import type { LoadProgress } from '../../../src/lower/http-request.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { type StreamEntriesOptions, type StreamedEntry, streamEntries } from '../../../src/lower/stream-entries.ts';
import { paxHeader, tarArchive, zipArchive, zstdFrame } from '../../support/archives.ts';
import { textAt } from '../../support/dump-layer.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { startRangeServer } from '../../support/range-server.ts';

const tar = tarArchive([
  { name: 'package/', type: '5' },
  { name: 'package/first.txt', content: 'the first' },
  { name: 'package/../../escapes', content: 'no' },
  { name: 'package/hard', type: '1', link: 'package/first.txt' },
  { name: 'package/soft', type: '2', link: 'first.txt' },
  paxHeader({ 'GNU.sparse.size': '30', 'GNU.sparse.map': '5,10,20,3', 'GNU.sparse.name': 'package/sparse' }),
  { name: 'GNUSparseFile.0/sparse', content: 'abcdefghijxyz' },
  { name: 'volume', type: 'V', content: 'of a vendor' },
  { name: 'package/large.bin', content: noise(2 << 20) },
  { name: 'package/empty', content: '' },
  { name: 'package/last.txt', content: 'the end' },
]);
const gz = new Uint8Array(gzipSync(tar));

async function all(from: Parameters<typeof streamEntries>[0], options?: StreamEntriesOptions): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for await (const entry of streamEntries(from, options)) found.set(entry.path, await entry.bytes());
  return found;
}

/** A server whose body ends where the test says, and goes on when it says. */
function slowly(bytes: Uint8Array, upTo: number): { fetch: StreamEntriesOptions['fetch']; rest: () => void; cancelled: () => boolean } {
  let release = (): void => undefined;
  let cancelled = false;
  const released = new Promise<void>((resolve) => (release = resolve));
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes.slice(0, upTo)),
    async pull(controller) {
      await released;
      if (cancelled) return;
      controller.enqueue(bytes.slice(upTo));
      controller.close();
    },
    cancel: () => void (cancelled = true),
  });
  const headers = { etag: '"1"', 'content-length': String(bytes.length) };
  return { fetch: async () => new Response(body, { headers }), rest: release, cancelled: () => cancelled };
}

describe.each([
  ['tar', tar],
  ['tar.gz', gz],
  ['tar.gz in members', concatBytes([new Uint8Array(gzipSync(tar.subarray(0, 700))), new Uint8Array(gzipSync(tar.subarray(700)))])],
  ['tar.zst', zstdFrame(tar)],
])('of a %s', (_, bytes) => {
  test('come all, in order, with what a layer has', async () => {
    const found = await all(bytes, { at: '/x', strip: 1 });
    expect([...found.keys()]).toEqual(
      ['first.txt', 'hard', 'soft', 'sparse', 'large.bin', 'empty', 'last.txt'].map((name) => `/x/${name}`),
    );
    expect(decodeUtf8(found.get('/x/first.txt')!)).toBe('the first');
    expect(Buffer.from(found.get('/x/sparse')!).toString('latin1')).toBe('\0\0\0\0\0abcdefghij\0\0\0\0\0xyz\0\0\0\0\0\0\0');
    expect(Buffer.compare(found.get('/x/large.bin')!, noise(2 << 20))).toBe(0);
    expect(found.get('/x/hard')).toHaveLength(0);
  });

  test('have attributes, targets and links', async () => {
    const entries: StreamedEntry[] = [];
    for await (const entry of streamEntries(bytes, { include: ['package/*r*', 'package/soft'] })) entries.push(entry);
    expect(entries.map(({ path }) => path)).toEqual([
      '/package/first.txt',
      '/package/hard',
      '/package/soft',
      '/package/sparse',
      '/package/large.bin',
    ]);
    expect(entries[0]).toMatchObject({ size: 9, uid: 0, link: undefined, target: undefined });
    expect(entries[1]!.link).toBe('/package/first.txt');
    expect(entries[2]!.target).toBe('first.txt');
    expect(isFile(entries[3]!.mode)).toBe(true);
    expect(entries[3]!.size).toBe(30);
    await expect(entries[0]!.bytes()).rejects.toMatchObject({ code: 'EBADF' });
  });

  test('that is cut short: what came is given, then the error', async () => {
    const seen: string[] = [];
    const cut = async (): Promise<void> => {
      for await (const { path } of streamEntries(bytes.slice(0, bytes.length >> 1), { name: 'cut' })) seen.push(path);
    };
    await expect(cut()).rejects.toMatchObject({ code: 'EIO', detail: expect.stringMatching(/^cut: /) as string });
    expect(seen).toContain('/package/sparse');
  });
});

test('are usable while the rest is on its way, and what was not asked for is passed over', async () => {
  const { fetch, rest } = slowly(gz, 200_000);
  const seen: LoadProgress[] = [];
  const entries = streamEntries('http://x.test/a.tar.gz', { fetch, onProgress: (progress) => seen.push(progress) });
  const { value: directory } = await entries.next();
  expect(isDirectory((directory as StreamedEntry).mode)).toBe(true);
  const { value: first } = await entries.next();
  expect(decodeUtf8(await (first as StreamedEntry).bytes())).toBe('the first');
  expect(seen.at(-1)).toEqual({ loaded: 200_000, total: gz.length });
  const names: string[] = [];
  for (let i = 0; i < 3; i++) names.push(((await entries.next()).value as StreamedEntry).path);
  const large = (await entries.next()).value as StreamedEntry;
  const reading = large.bytes();
  rest();
  expect(await reading).toHaveLength(2 << 20);
  for await (const { path } of entries) names.push(path);
  expect(names).toEqual(['/package/hard', '/package/soft', '/package/sparse', '/package/empty', '/package/last.txt']);
});

test('let go of the connection when nobody wants more of them', async () => {
  const { fetch, cancelled } = slowly(gz, 200_000);
  for await (const { path } of streamEntries('http://x.test/a.tar.gz', { fetch })) if (path === '/package/first.txt') break;
  await expect.poll(cancelled).toBe(true);
});

test('end with the signal', async () => {
  const { fetch } = slowly(gz, 200_000);
  const abort = new AbortController();
  const entries = streamEntries('http://x.test/a.tar.gz', { fetch, signal: abort.signal });
  for (let i = 0; i < 5; i++) await entries.next();
  const large = (await entries.next()).value as StreamedEntry;
  const reading = large.bytes();
  abort.abort(new Error('enough'));
  await expect(reading).rejects.toThrow('enough');
  await expect(entries.next()).rejects.toThrow('enough');
});

test('keep to limits', async () => {
  await expect(all(gz, { limits: { entries: 3 } })).rejects.toMatchObject({ code: 'EFBIG' });
  await expect(all(gz, { limits: { size: 1e6 } })).rejects.toMatchObject({ code: 'EFBIG' });
  await expect(all(gz, { limits: { entrySize: 1e6 } })).rejects.toMatchObject({ code: 'EFBIG' });
  await expect(all(gz, { maxBytes: 1e6 })).rejects.toMatchObject({ code: 'EFBIG' });
});

test('are those of a tar and of nothing else', async () => {
  await expect(all(zipArchive([{ name: 'a', content: 'b' }]))).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(all(encodeUtf8('<!doctype html>'))).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(all(new Uint8Array(gzipSync('no tar'.repeat(200))))).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(all(new Uint8Array())).rejects.toMatchObject({ code: 'EINVAL' });
});

test('leave the archive in the cache, and the layer is opened from there', async () => {
  const shelves = new MemoryShelves();
  await using server = await startRangeServer({ files: new Map([['a.tgz', gz]]) });
  await all(`${server.url}/a.tgz`, { cache: openBlockCache({ shelves }) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const layer = await openLayer(`${server.url}/a.tgz`, { cache: openBlockCache({ shelves }), strip: 1 });
  expect(await textAt(layer, '/last.txt')).toBe('the end');
  expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=0-1']);
  await layer.close();
});

test('an opening tells how many entries it has found while it goes on', async () => {
  const many = new Uint8Array(gzipSync(tarArchive(Array.from({ length: 3000 }, (_, i) => ({ name: `f${i}`, content: noise(700, i) })))));
  const { fetch, rest } = slowly(many, many.length - 100_000);
  const seen: LoadProgress[] = [];
  const opening = openLayer('http://x.test/a.tar.gz', { fetch, onProgress: (progress) => seen.push(progress) });
  await expect.poll(() => seen.length).toBe(1);
  rest();
  const layer = await opening;
  const counts = seen.map(({ entries }) => entries ?? 0);
  expect(counts[1]).toBeGreaterThan(2000);
  expect(counts.at(-1)).toBe(layer.table.length - 1);
  expect(seen.at(-1)).toEqual({ loaded: many.length, total: many.length, entries: 3000 });
});
