/* `integrity`: an archive is what was pinned, or nothing of it is served. */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parseIntegrity } from '../../../src/lower/integrity.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { tarArchive, zipArchive } from '../../support/archives.ts';
import { textAt } from '../../support/dump-layer.ts';

const hash = (algorithm: string, bytes: Uint8Array): string => `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
const wrong = (algorithm: string): string => hash(algorithm, Uint8Array.of(1));
const zip = zipArchive([
  { name: 'a', content: 'alpha' },
  { name: 'large', content: Buffer.alloc(2 << 20, 'not compressed ') },
]);
const tgz = new Uint8Array(gzipSync(tarArchive([{ name: 'a', content: 'alpha' }])));

describe.each([
  ['a zip', zip],
  ['a tar.gz', tgz],
])('%s', (_, bytes) => {
  test.each([['sha256'], ['sha384'], ['sha512']])('that is what %s says is opened', async (algorithm) => {
    expect(await textAt(await openLayer(bytes, { integrity: hash(algorithm, bytes) }), '/a')).toBe('alpha');
    expect(await textAt(await openLayer(new Blob([bytes]), { integrity: hash(algorithm, bytes) }), '/a')).toBe('alpha');
  });

  test('the digest of the layer stays what it is without', async () => {
    expect((await openLayer(bytes, { integrity: hash('sha512', bytes) })).digest).toBe((await openLayer(bytes)).digest);
  });

  test('that is something else is an error naming the archive, what was expected and what was found', async () => {
    const changed = bytes.slice();
    changed[changed.length - 1]! ^= 1;
    await expect(openLayer(changed, { name: 'pinned', integrity: hash('sha384', bytes) })).rejects.toMatchObject({
      code: 'EIO',
      detail: `pinned: its integrity is ${hash('sha384', changed)}, should be ${hash('sha384', bytes)}`,
    });
  });

  test('of several hashes the strongest counts, and of its kind any', async () => {
    const open = async (...hashes: readonly string[]): Promise<string> =>
      textAt(await openLayer(bytes, { integrity: ` ${hashes.join(' \n')} ` }), '/a');
    expect(await open(wrong('sha256'), hash('sha512', bytes))).toBe('alpha');
    expect(await open(wrong('sha512'), hash('sha512', bytes), wrong('sha384'))).toBe('alpha');
    expect(await open('md5-abc', 'sha999-x', `${hash('sha256', bytes)}?option`)).toBe('alpha');
    await expect(open(hash('sha256', bytes), wrong('sha512'))).rejects.toMatchObject({ code: 'EIO' });
    await expect(open(wrong('sha256'), hash('sha256', tgz).replace(/.$/, ''), wrong('sha384'))).rejects.toMatchObject({ code: 'EIO' });
  });
});

test('over HTTP the archive is fetched once, whole, and no byte of a wrong one is read', async () => {
  const requests: string[] = [];
  const fetch = async (_: string, init: RequestInit): Promise<Response> => {
    const range = new Headers(init.headers).get('range');
    requests.push(range ?? 'whole');
    if (range === null) return new Response(zip);
    const [, start, end] = /bytes=(\d*)-(\d*)/.exec(range)!;
    const from = start === '' ? zip.length - Number(end) : Number(start);
    const to = start === '' || end === '' ? zip.length : Math.min(zip.length, Number(end) + 1);
    return new Response(zip.slice(from, to), { status: 206, headers: { 'content-range': `bytes ${from}-${to - 1}/${zip.length}` } });
  };
  const layer = await openLayer('http://x.test/a.zip', { fetch, integrity: hash('sha256', zip) });
  const before = requests.length;
  expect(before).toBe(2);
  expect(await textAt(layer, '/a')).toBe('alpha');
  expect(requests).toHaveLength(before);
  await expect(openLayer('http://x.test/a.zip', { fetch, integrity: wrong('sha256') })).rejects.toMatchObject({ code: 'EIO' });
});

test('an archive too large to be held whole cannot be pinned', async () => {
  await expect(openLayer(zip, { integrity: hash('sha256', zip), maxBytes: 1 << 20 })).rejects.toMatchObject({ code: 'EFBIG' });
});

test.each([
  ['', 'no sha256'],
  ['md5-abc', 'no sha256'],
  ['sha256-', 'malformed'],
  ['sha256-abc', 'wrong length'],
  ['sha256-a*b', 'malformed'],
  ['SHA256-abc', 'no sha256'],
])("the integrity '%s' is a mistake of the caller", async (integrity, message) => {
  await expect(openLayer(zip, { integrity })).rejects.toThrow(message);
  await expect(openLayer(zip, { integrity })).rejects.toThrow(TypeError);
});

test('hashes in the alphabet for URLs, and without padding, are hashes', () => {
  const sum = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i));
  const text = sum.toString('base64url');
  expect(text).toMatch(/[-_]/);
  expect(parseIntegrity(`sha256-${text}`).digests).toEqual([sum.toString('base64')]);
});
