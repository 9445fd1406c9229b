/* eStargz in Chromium: the same archive as in test/unit/pack/fixture.test.ts, from a Blob, with chunks verified by the kernel. */

import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { loadCodec } from '../../src/codec/codec.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { estargz, estargzTocDigest } from '../fixtures/packed-1.ts';
import { textAt } from '../support/dump-layer.ts';
import { largeContent, mainSource } from '../unit/pack/fixture-tree.ts';

const bytes = Uint8Array.from(atob(estargz), (character) => character.charCodeAt(0));

test('a pinned archive is read, and a changed one is not', async () => {
  expect(loadCodec().kind).toBe('wasm');
  const layer = await openLayer(new Blob([bytes]), { tocDigest: estargzTocDigest });
  expect(await textAt(layer, '/src/main.ts')).toBe(mainSource);
  expect((await textAt(layer, '/large')) === largeContent).toBe(true);
  const changed = bytes.slice();
  changed.fill(0, 1000, 1200);
  await expect(
    openLayer(new Blob([changed]), { tocDigest: estargzTocDigest }).then((damaged) => textAt(damaged, '/large')),
  ).rejects.toMatchObject({ code: 'EIO' });
});

test("the kernel's SHA-256 is the platform's", async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 131_072, 131_100]) {
    const part = crypto.getRandomValues(new Uint8Array(65_536)).slice(0, Math.min(length, 65_536));
    const input = length > part.length ? new Uint8Array(length).fill(part[0]!) : part;
    expect(toHex(loadCodec().sha256(input))).toBe(toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', input))));
  }
});
