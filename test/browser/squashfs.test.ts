/* SquashFS in Chromium: the recorded images of test/unit/archive/squashfs-images.test.ts, from a Blob, unpacked by the kernel and by zstd. */

import { expect, test } from 'vitest';
import { loadCodec } from '../../src/codec/codec.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { gzipImage, listing, manyNames, zstdImage } from '../fixtures/squashfs-1.ts';
import { dumpLayer, textAt } from '../support/dump-layer.ts';

test.each([
  ['gzip', gzipImage],
  ['zstd', zstdImage],
])('%s', async (_, base64) => {
  expect(loadCodec().kind).toBe('wasm');
  const layer = await openLayer(new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))]));
  expect([...(await dumpLayer(layer)).keys()].sort()).toEqual([...listing.map(([path]) => path), ...manyNames].sort());
  expect(await textAt(layer, '/hard')).toBe('alpha');
  const numbers = Array.from({ length: 1500 }, (__, i) => `${i + 1}\n`).join('');
  expect((await textAt(layer, '/dir/numbers')) === numbers).toBe(true);
});
