/* What is no archive at all. */

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';

test.each<[string, Uint8Array, RegExp]>([
  ['nothing', new Uint8Array(), /^x: not a zip, tar, tar\.gz, tar\.zst or SquashFS archive: is empty$/],
  ['a page', encodeUtf8('<!doctype html><title>404</title>'), /starts with '<!doctype html><', like an HTML page$/],
  ['xz', Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 3, 4, 5, 6), /starts with the bytes fd377a585a000304…, like xz$/],
  ['a few bytes', Uint8Array.of(1, 2), /starts with the bytes 0102$/],
  ['text', encodeUtf8('hello '.repeat(1000)), /starts with 'hello hello hell'$/],
  ['zeros, fewer than a block', new Uint8Array(100), /not a zip/],
  [
    'a gzip of something else',
    new Uint8Array(gzipSync('hello')),
    /^x, inflated: not a zip, tar, tar\.gz, tar\.zst or SquashFS archive: starts with 'hello'$/,
  ],
])('%s is refused, and the error says what it starts with', async (_, bytes, detail) => {
  await expect(openLayer(bytes, { name: 'x' })).rejects.toMatchObject({ code: 'EINVAL', detail: expect.stringMatching(detail) as string });
});
