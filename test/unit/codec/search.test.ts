import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { type Codec, loadCodec, makeNeedle } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { Random } from './streams.ts';

const codecs: readonly Codec[] = [loadCodec(), new JavaScriptCodec()];

/** What both must give: Node's own search, match after match. */
function expectedPlaces(bytes: Uint8Array, literal: Uint8Array, from = 0, limit = Infinity): number[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (let at = from; found.length < limit;) {
    const place = haystack.indexOf(literal, at);
    if (place < 0 || place + literal.length > bytes.length) break;
    found.push(place);
    at = place + literal.length;
  }
  return found;
}

/** ASCII letters in lower case, byte by byte. */
const folded = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

test('the tested kernel is the one of WebAssembly', () => {
  expect(codecs.map(({ kind }) => kind)).toEqual(['wasm', 'javascript']);
});

for (const codec of codecs) {
  test(`${codec.kind}: search finds what Buffer.indexOf finds, in few letters so that much almost fits`, () => {
    // 0x00, 0xff and letters of both cases; '@' and '`' differ in the case bit alone and are no letters.
    const letter = fc.constantFrom(0x61, 0x41, 0x62, 0x40, 0x60, 0x00, 0xff, 0xc3, 0xa9);
    const bytesOf = (maxLength: number, minLength = 0) =>
      fc.array(letter, { minLength, maxLength, size: 'max' }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(bytesOf(150), bytesOf(40, 1), fc.nat(30), fc.constantFrom(1, 2, Infinity), (bytes, literal, from, limit) => {
        expect(codec.search(bytes, makeNeedle(literal, false), from, limit)).toEqual(expectedPlaces(bytes, literal, from, limit));
        const ignoring = expectedPlaces(folded(bytes), folded(literal), from, limit);
        expect(codec.search(bytes, makeNeedle(literal, true), from, limit)).toEqual(ignoring);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  test(`${codec.kind}: search finds needles of every length at every place around the edges of the kernel's memory`, () => {
    const edge = 256 * 1024;
    const bytes = new Uint8Array(2 * edge + 2000).fill(0x2e);
    for (const length of [1, 2, 15, 16, 17, 31, 33, 500, 1024]) {
      const literal = new Random(length).bytes(length).map((byte) => byte | 0x80);
      const needle = makeNeedle(literal, false);
      for (const start of [0, edge - length - 1, edge - length, edge - length + 1, edge - 1, edge, 2 * edge - 1, bytes.length - length]) {
        bytes.set(literal, start);
        expect(codec.search(bytes, needle)).toEqual([start]);
        bytes.fill(0x2e, start, start + length);
      }
    }
  });

  test(`${codec.kind}: matches do not overlap, not even across the edge of the kernel's memory`, () => {
    const bytes = new Uint8Array(600_001).fill(0x61);
    for (const length of [1, 2, 3, 7, 1000]) {
      const literal = new Uint8Array(length).fill(0x61);
      const found = codec.search(bytes, makeNeedle(literal, false));
      // Not by toEqual: the difference of two such lists takes minutes to tell.
      expect(found).toHaveLength(Math.floor(bytes.length / length));
      expect(found.findIndex((place, i) => place !== i * length)).toBe(-1);
    }
  });

  test(`${codec.kind}: what an earlier and longer search left behind is not found, and views of a buffer end where they end`, () => {
    const bytes = encodeUtf8('needle needle needle');
    expect(codec.search(bytes, makeNeedle(encodeUtf8('needle'), false))).toEqual([0, 7, 14]);
    expect(codec.search(bytes.subarray(0, 18), makeNeedle(encodeUtf8('needle'), false))).toEqual([0, 7]);
    expect(codec.search(bytes.subarray(0, 3), makeNeedle(encodeUtf8('needle'), false))).toEqual([]);
    expect(codec.search(new Uint8Array(), makeNeedle(encodeUtf8('n'), false))).toEqual([]);
  });
}

test('there must be something to search for, and not more than 1 KiB', () => {
  expect(() => makeNeedle(new Uint8Array(), false)).toThrow('EINVAL');
  expect(() => makeNeedle(new Uint8Array(1025), false)).toThrow('EINVAL');
  expect(makeNeedle(new Uint8Array(1024), false).length).toBe(1024);
});
