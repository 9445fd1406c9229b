import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { loadCodec } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { toHex } from '../../../src/base/bytes.ts';
import { Random } from './streams.ts';

const expected = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

for (const codec of [loadCodec(), new JavaScriptCodec()]) {
  test(`${codec.kind}: SHA-256 gives the standard's example`, () => {
    expect(toHex(codec.sha256(new TextEncoder().encode('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test(`${codec.kind}: SHA-256 is right for every length around the edges of its blocks`, () => {
    const bytes = new Random(5).bytes(300);
    for (let length = 0; length <= 260; length++)
      expect(toHex(codec.sha256(bytes.subarray(3, 3 + length)))).toBe(expected(bytes.subarray(3, 3 + length)));
  });

  test(`${codec.kind}: SHA-256 is right for inputs longer than the kernel's memory`, () => {
    const bytes = new Random(6).bytes(400_001);
    for (const length of [131_071, 131_072, 131_073, 262_144, 400_001])
      expect(toHex(codec.sha256(bytes.subarray(0, length)))).toBe(expected(bytes.subarray(0, length)));
  });
}
