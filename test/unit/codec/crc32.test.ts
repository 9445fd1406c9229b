import { expect, test } from 'vitest';
import { loadCodec } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { Random } from './streams.ts';

/** CRC-32 bit by bit, as RFC 1952 section 8 defines it. */
function definition(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
  }
  return ~crc >>> 0;
}

for (const codec of [loadCodec(), new JavaScriptCodec()]) {
  test(`${codec.kind}: the check value of the polynomial is found`, () => {
    expect(codec.crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(codec.crc32(new Uint8Array())).toBe(0);
  });

  test(`${codec.kind}: every length and alignment agrees with the definition`, () => {
    const bytes = new Random(3).bytes(400);
    for (let length = 0; length <= 64; length++) {
      for (let start = 0; start < 9; start++) {
        const part = bytes.subarray(start, start + length);
        expect(codec.crc32(part)).toBe(definition(part));
      }
    }
  });

  test(`${codec.kind}: lengths around those of the lanes agree with the definition`, () => {
    const bytes = new Random(5).bytes(4 * 3072);
    for (const lanes of [1024, 3072, 2 * 3072, 3 * 3072]) {
      for (let length = lanes - 9; length <= lanes + 9; length++) {
        const part = bytes.subarray(length % 8, (length % 8) + length);
        expect(codec.crc32(part, length)).toBe(definition(part, length));
      }
    }
  });

  test(`${codec.kind}: large inputs agree with the definition, and a seed goes on where it stopped`, () => {
    const bytes = new Random(4).bytes(300_001);
    const expected = definition(bytes);
    expect(codec.crc32(bytes)).toBe(expected);
    for (const at of [0, 1, 131_072, 131_073, 300_001]) {
      expect(codec.crc32(bytes.subarray(at), codec.crc32(bytes.subarray(0, at)))).toBe(expected);
    }
  });
}
