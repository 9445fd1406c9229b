import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { FsError } from '../../../src/base/errors.ts';
import { loadCodec } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { findDifference } from './compare.ts';
import { Random, randomStream, referenceInflate } from './streams.ts';

/** Bits, first one first, as a stream. */
function bits(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replaceAll(' ', '');
  const bytes = new Uint8Array(Math.ceil(digits.length / 8));
  for (let i = 0; i < digits.length; i++) bytes[i >> 3]! |= Number(digits[i]) << (i & 7);
  return bytes;
}

/** A block with the fixed codes holds `a`, a length of 3, and then a distance. */
const fixedMatch = (distance: string): Uint8Array<ArrayBuffer> => bits(`1 10 10010001 0000001 ${distance} 0000000`);

function errorOf(decode: () => unknown): FsError {
  try {
    decode();
  } catch (e) {
    if (e instanceof FsError) return e;
    throw e;
  }
  throw new Error('nothing was wrong');
}

for (const codec of [loadCodec(), new JavaScriptCodec()]) {
  // `tsx scripts/fuzz-codec.ts` compares as many as one likes.
  test(`${codec.kind}: 1,500 streams, most of them damaged, are accepted, rejected and decoded as by zlib`, () => {
    const seed = 20_261_120;
    const random = new Random(seed);
    let rejected = 0;
    for (let i = 0; i < 1500; i++) {
      const stream = randomStream(random);
      const difference = findDifference(codec, stream, random);
      if (difference !== undefined) expect.fail(`seed ${seed}, stream ${i}: ${difference}\n${Buffer.from(stream).toString('base64')}`);
      if (referenceInflate(stream) === undefined) rejected++;
    }
    expect(rejected).toBeGreaterThan(750);
    expect(rejected).toBeLessThan(1300);
  });

  test(`${codec.kind}: a stream cut short anywhere is EIO`, () => {
    const stream = deflateRawSync(Buffer.from('a stream that is cut short, and short, and short again '.repeat(20)));
    for (let length = 0; length < stream.length; length++) {
      expect(errorOf(() => codec.inflate(stream.subarray(0, length), 1100)).code, `${length} bytes`).toBe('EIO');
      expect(errorOf(() => codec.inflateStream(stream.subarray(0, length), 2000)).code, `${length} bytes`).toBe('EIO');
    }
  });

  test(`${codec.kind}: distance codes 30 and 31 are rejected`, () => {
    expect(Buffer.from(codec.inflate(fixedMatch('00000'), 4)).toString()).toBe('aaaa');
    // With 13 extra bits, as they would have if there were any.
    for (const code of ['11110', '11111']) expect(errorOf(() => codec.inflate(fixedMatch(`${code} 0000000000000`), 4)).code).toBe('EIO');
  });

  test(`${codec.kind}: a distance to before the start is rejected`, () => {
    expect(errorOf(() => codec.inflate(fixedMatch('00001'), 4)).detail).toContain('distance');
  });

  test(`${codec.kind}: the length codes 286 and 287 are rejected`, () => {
    for (const code of ['11000110', '11000111']) {
      expect(errorOf(() => codec.inflateStream(bits(`1 10 10010001 ${code} 00000 0000000 00000000`), 1000)).code).toBe('EIO');
    }
  });

  test(`${codec.kind}: another size than expected is EIO`, () => {
    const stream = deflateRawSync(Buffer.from('0123456789'));
    expect(errorOf(() => codec.inflate(stream, 9)).code).toBe('EIO');
    expect(errorOf(() => codec.inflate(stream, 11))).toMatchObject({ code: 'EIO', detail: '10 bytes of output, should be 11' });
  });

  test(`${codec.kind}: bytes behind the end are EIO where the stream should be all`, () => {
    const stream = Buffer.concat([deflateRawSync(Buffer.from('0123456789')), Buffer.from([0])]);
    expect(errorOf(() => codec.inflate(stream, 10))).toMatchObject({
      code: 'EIO',
      detail: '1 bytes behind the end of the compressed data',
    });
  });

  test(`${codec.kind}: a size that no stream of that length can have takes no memory`, () => {
    expect(errorOf(() => codec.inflate(new Uint8Array(100), 2 ** 40)).code).toBe('EIO');
  });

  test(`${codec.kind}: output beyond the limit is EFBIG, up to it is not`, () => {
    const stream = deflateRawSync(Buffer.alloc(1_000_000));
    expect(errorOf(() => codec.inflateStream(stream, 999_999)).code).toBe('EFBIG');
    expect(codec.inflateStream(stream, 1_000_000).output.length).toBe(1_000_000);
    expect(codec.inflateStream(stream, 1_000_000, 5_000_000).output.length).toBe(1_000_000);
    const inflater = codec.inflater({ limit: 10, onOutput: () => undefined });
    const pushAll = (): void => {
      inflater.push(stream);
      inflater.end();
    };
    expect(errorOf(pushAll).code).toBe('EFBIG');
  });

  test(`${codec.kind}: a damaged stream does not spoil the next one`, () => {
    const good = deflateRawSync(Buffer.from('good good good'));
    const random = new Random(5);
    for (let i = 0; i < 200; i++) {
      const bad = randomStream(random);
      if (referenceInflate(bad) !== undefined) continue;
      expect(errorOf(() => codec.inflateStream(bad, 1e7)).code).toBe('EIO');
      expect(Buffer.from(codec.inflate(good, 14)).toString()).toBe('good good good');
    }
  });
}
