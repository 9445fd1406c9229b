import { constants, deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Codec, RestartPoint } from '../../../src/codec/codec.ts';
import { loadCodec, STREAM_START } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { inflatePieces } from './compare.ts';
import { Random, randomContent } from './streams.ts';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Content of all kinds, in a stream of many blocks of all types. */
const random = new Random(77);
const content = Buffer.concat(Array.from({ length: 60 }, () => randomContent(random, 20_000)));
const streams = new Map([
  ['dynamic and stored blocks', deflateRawSync(content, { memLevel: 3 })],
  ['fixed blocks', deflateRawSync(content, { strategy: constants.Z_FIXED, memLevel: 2 })],
  ['stored blocks', deflateRawSync(content, { level: 0 })],
]);

function from(stream: Uint8Array, point: RestartPoint): Uint8Array {
  return stream.subarray(Math.floor(point.bit / 8));
}

function points(codec: Codec, stream: Uint8Array, every: number): RestartPoint[] {
  const decoded = inflatePieces(codec, stream, 5000, every);
  expect(same(decoded.output, content)).toBe(true);
  return decoded.points;
}

for (const codec of [loadCodec(), new JavaScriptCodec()]) {
  for (const [title, stream] of streams) {
    test(`${codec.kind}, ${title}: decoding from every restart point gives the bytes behind it`, () => {
      const found = points(codec, stream, 50_000);
      expect(found.length).toBeGreaterThan(8);
      for (const point of found) {
        const end = Math.min(content.length, point.offset + 100_000);
        const decoded = codec.inflateRange(from(stream, point), point, point.offset, end);
        expect(same(decoded, content.subarray(point.offset, end)), `from byte ${point.offset}`).toBe(true);
      }
      const last = found[found.length - 1]!;
      expect(same(codec.inflateRange(from(stream, last), last, last.offset + 5, content.length), content.subarray(last.offset + 5))).toBe(
        true,
      );
    });

    test(`${codec.kind}, ${title}: restart points are as far apart as asked, and hold the output before them`, () => {
      const found = points(codec, stream, 50_000);
      let before = 0;
      for (const { offset, history } of found) {
        expect(offset - before).toBeGreaterThanOrEqual(50_000);
        expect(history.buffer.byteLength).toBe(32_768);
        expect(same(history, content.subarray(offset - 32_768, offset))).toBe(true);
        before = offset;
      }
    });
  }

  test(`${codec.kind}: a range needs no more input than up to its end`, () => {
    const stream = streams.get('dynamic and stored blocks')!;
    const [first, second, third] = points(codec, stream, 50_000);
    const input = stream.subarray(Math.floor(first!.bit / 8), Math.ceil(third!.bit / 8));
    expect(
      same(codec.inflateRange(input, first!, second!.offset - 7, third!.offset), content.subarray(second!.offset - 7, third!.offset)),
    ).toBe(true);
    expect(() => codec.inflateRange(input, first!, first!.offset, third!.offset + 30_000)).toThrow('EIO');
  });

  test(`${codec.kind}: a range that ends behind the stream is EIO, one that starts before the point a mistake`, () => {
    const stream = streams.get('fixed blocks')!;
    expect(() => codec.inflateRange(stream, STREAM_START, 0, content.length + 1)).toThrow('EIO');
    const [point] = points(codec, stream, 50_000);
    expect(() => codec.inflateRange(from(stream, point!), point!, 0, 10)).toThrow(TypeError);
  });

  test(`${codec.kind}: a history that is missing is noticed`, () => {
    const repeated = Buffer.alloc(400_000, content.subarray(0, 5000));
    const stream = deflateRawSync(repeated, { memLevel: 1 });
    const [point] = inflatePieces(codec, stream, 5000, 1000).points;
    const without = { ...point!, history: new Uint8Array() };
    expect(() => codec.inflateRange(from(stream, point!), without, point!.offset, point!.offset + 20_000)).toThrow('before the start');
  });
}

test('both codecs find the same restart points', () => {
  const places = (found: readonly RestartPoint[]): number[][] => found.map(({ bit, offset }) => [bit, offset]);
  for (const stream of streams.values()) {
    expect(places(points(new JavaScriptCodec(), stream, 30_000))).toEqual(places(points(loadCodec(), stream, 30_000)));
  }
});

test('a block far longer than the distance of restart points is followed by one', () => {
  const runs = Buffer.concat([
    Buffer.alloc(3_000_000),
    content.subarray(0, 400_000),
    Buffer.alloc(3_000_000, 1),
    content.subarray(0, 400_000),
  ]);
  const stream = deflateRawSync(runs);
  const offsets = [loadCodec(), new JavaScriptCodec()].map((codec) =>
    inflatePieces(codec, stream, 5000, 50_000).points.map(({ offset }) => offset),
  );
  expect(offsets[0]).toEqual(offsets[1]);
  expect(offsets[0]!.filter((offset) => offset > 6_400_000).length).toBeGreaterThan(3);
});
