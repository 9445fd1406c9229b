/* Everything a layer can be opened from, and what it does with content. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { bytesSource } from '../../../src/lower/source.ts';
import { tarArchive, zipArchive } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';

const zip = zipArchive([{ name: 'a', content: 'alpha', deflate: true }]);
const tgz = new Uint8Array(gzipSync(tarArchive([{ name: 'a', content: 'alpha' }])));

describe.each([
  ['a zip', zip],
  ['a tar.gz', tgz],
])('%s', (_, bytes) => {
  test.each([
    ['bytes', bytes],
    ['a view in the middle of a buffer', Buffer.concat([Buffer.alloc(13), bytes, Buffer.alloc(7)]).subarray(13, 13 + bytes.length)],
    ['an ArrayBuffer', bytes.slice().buffer],
    ['a Blob', new Blob([bytes])],
    ['a File', new File([bytes], 'picked.zip')],
    ['a source', bytesSource(bytes, 'mine')],
    ['a data: URL', `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`],
  ])('is opened from %s', async (__, from) => {
    expect(await textAt(await openLayer(from), '/a')).toBe('alpha');
  });
});

test('a layer is named after its URL, its file, or as it is told', async () => {
  expect((await openLayer(new File([zip], 'picked.zip'))).name).toBe('picked.zip');
  expect((await openLayer(zip, { name: 'mine' })).name).toBe('mine');
  expect((await openLayer('http://x.test/a.zip', { fetch: async () => new Response(zip) })).name).toBe('http://x.test/a.zip');
});

test('a Blob larger than a request is read lazily, and content is verified', async () => {
  const content = Buffer.alloc(2 << 20, 'not compressed, and long enough. ');
  const bytes = zipArchive([
    { name: 'big', content },
    { name: 'bad', content, lie: { crc: 1 } },
  ]);
  const layer = await openLayer(new Blob([bytes]));
  const entry = entryAt(layer, '/big');
  expect(layer.peek(entry, 0, 10)).toBeUndefined();
  expect(Buffer.from(await layer.read(entry, 1 << 20, (1 << 20) + 10)).equals(content.subarray(1 << 20, (1 << 20) + 10))).toBe(true);
  await expect(textAt(layer, '/bad')).rejects.toMatchObject({ code: 'EIO' });
});

test('a file over the budget for decoded content is decoded once for all its chunks', async () => {
  const content = new Uint8Array(33 << 20).fill(65);
  const layer = await openLayer(zipArchive([{ name: 'huge', content, deflate: true }]));
  const entry = entryAt(layer, '/huge');
  const first = layer.peek(entry, 0, 10)!;
  // Compared here, because a failing `toBe` would print both.
  expect(layer.peek(entry, 20 << 20, (20 << 20) + 10)!.buffer === first.buffer).toBe(true);
});

test('a digest tells layers apart by content and by the way they are mounted', async () => {
  const digests = await Promise.all([
    openLayer(zip),
    openLayer(tgz),
    openLayer(zip, { at: '/x' }),
    openLayer(zip, { at: '/x;strip=1' }),
    openLayer(zip, { at: '/x', strip: 1 }),
    openLayer(zip, { whiteouts: 'oci' }),
  ]);
  expect(new Set(digests.map(({ digest }) => digest)).size).toBe(digests.length);
  expect((await openLayer(zip, { at: 'x/./' })).digest).toBe(digests[2].digest);
});

test('a URL that is none is a mistake of the caller', async () => {
  await expect(openLayer('http://')).rejects.toThrow(TypeError);
});
