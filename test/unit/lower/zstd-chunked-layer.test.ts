/* zstd:chunked behind a server, alone and in an image: how much is fetched, and what is kept for the next time. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { openImage } from '../../../src/lower/oci-image.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { ImageFolder, OCI } from '../../support/images.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { type RangeServer, startRangeServer } from '../../support/range-server.ts';
import { zstdChunkedArchive } from '../../support/zstd-chunked.ts';

const SIZE = 3 << 20;
const tree = [
  { name: 'small', content: 'a small file' },
  { name: 'large', content: noise(SIZE, 1) },
  { name: 'other', content: noise(SIZE, 2) },
];
const written = zstdChunkedArchive(tree, { chunkSize: 256 << 10 });
const { 'manifest-checksum': tocDigest } = written.annotations;

let files: Map<string, Uint8Array>;
let server: RangeServer;
beforeEach(async () => {
  files = new Map([['a.tar.zst', written.bytes]]);
  server = await startRangeServer({ files });
});
afterEach(() => server.close());

const url = (): string => `${server.url}/a.tar.zst`;

test('opening fetches the end, and a read the chunks that it is about', async () => {
  const layer = await openLayer(url(), { tocDigest });
  expect(server.bytes).toBeLessThan(80_000);
  const entry = entryAt(layer, '/large');
  expect(await layer.read(entry, 1_000_000, 1_000_010)).toEqual(noise(SIZE, 1).subarray(1_000_000, 1_000_010));
  expect(server.bytes).toBeLessThan(700_000);
  expect(layer.peek(entryAt(layer, '/other'), 0, 1)).toBeUndefined();
  await layer.prefetch!(['/other']);
  server.reset();
  expect(Buffer.compare(layer.peek(entryAt(layer, '/other'), 0, SIZE)!, noise(SIZE, 2))).toBe(0);
  expect(server.requests).toEqual([]);
});

test('a second opening reads no manifest, works without a network, and keeps to the pin', async () => {
  const shelves = new MemoryShelves();
  const open = (pin?: string) =>
    openLayer(url(), { tocDigest: pin, cache: openBlockCache({ shelves })!, revalidate: 'never', retry: { tries: 1 } });
  const first = await open(tocDigest);
  await first.prefetch!(['/small']);
  const { digest } = first;
  await first.close();
  server.reset();
  server.mode = 'failing';
  const second = await open(tocDigest);
  expect(second.digest).toBe(digest);
  expect(await textAt(second, '/small')).toBe('a small file');
  await expect(second.read(entryAt(second, '/other'), SIZE - 1, SIZE)).rejects.toMatchObject({ code: 'EIO' });
  await second.close();
  expect(server.requests.every(({ range }) => range !== undefined)).toBe(true);
  await expect(open(`sha256:${'ab'.repeat(32)}`)).rejects.toMatchObject({ code: 'EIO' });
});

test.each(['io.github.containers.zstd-chunked', 'io.containers.zstd-chunked'])('an image pins it by %s', async (prefix) => {
  const images = new ImageFolder();
  const annotations = Object.fromEntries(Object.entries(written.annotations).map(([name, value]) => [`${prefix}.${name}`, value]));
  const layers = [{ ...images.blob(written.bytes, OCI.zstd), annotations }];
  await using host = await startRangeServer({ files: images.layout([images.image({ layers })]).files });
  const image = await openImage({ oci: host.url }, { maxBytes: 1 << 20 });
  expect(await textAt(image.layers[0]!, '/small')).toBe('a small file');
  expect(image.layers[0]!.digest).toBe(`${tocDigest.replace(':', '-')};whiteouts=oci`);
  expect(host.bytes).toBeLessThan(600_000);
  await image.close();
});

test('a manifest that is not the one that the image pins is refused, and one of an unknown type is not used', async () => {
  const images = new ImageFolder();
  const other = zstdChunkedArchive([{ name: 'forged', content: 'x' }]);
  const blob = images.blob(written.bytes, OCI.zstd);
  const image = (annotations: Record<string, string>) => images.layout([images.image({ layers: [{ ...blob, annotations }] })]).files;
  const prefix = 'io.github.containers.zstd-chunked';
  const forged = { [`${prefix}.manifest-checksum`]: other.annotations['manifest-checksum'] };
  const position = written.annotations['manifest-position'];
  await using host = await startRangeServer({ files: image({ ...forged, [`${prefix}.manifest-position`]: position }) });
  const refused = await openImage({ oci: host.url }).catch((e: unknown) => e);
  expect(isFsError(refused, 'EIO') && refused.message).toMatch(/the digest of its manifest is/);
  // Then all of it is fetched, and its own digest covers it.
  host.reset();
  image({ ...forged, [`${prefix}.manifest-position`]: position.replace(/1$/, '2') });
  const whole = await openImage({ oci: host.url });
  expect(await textAt(whole.layers[0]!, '/small')).toBe('a small file');
  expect(host.bytes).toBeGreaterThan(written.bytes.length);
  await whole.close();
});
