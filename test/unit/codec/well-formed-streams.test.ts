import { constants, deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { loadCodec } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { inflatePieces } from './compare.ts';
import { Random, randomContent, randomSettings } from './streams.ts';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

test('Node has the WebAssembly codec, and always the same one', () => {
  expect(loadCodec().kind).toBe('wasm');
  expect(loadCodec()).toBe(loadCodec());
});

const text = randomContent(new Random(4), 150_000);
const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FILTERED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED];

for (const codec of [loadCodec(), new JavaScriptCodec()]) {
  test(`${codec.kind}: every level and strategy of zlib decodes to what was encoded`, () => {
    for (let level = 0; level <= 9; level++) {
      for (const strategy of strategies) {
        const stream = deflateRawSync(text, { level, strategy });
        expect(same(codec.inflate(stream, text.length), text), `level ${level}, strategy ${strategy}`).toBe(true);
      }
    }
  });

  test(`${codec.kind}: every window size of zlib decodes to what was encoded`, () => {
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      expect(same(codec.inflate(deflateRawSync(text, { windowBits }), text.length), text), `window ${windowBits}`).toBe(true);
    }
  });

  test(`${codec.kind}: every size from 0 to 600 bytes decodes to what was encoded`, () => {
    const random = new Random(11);
    for (let size = 0; size <= 600; size++) {
      const content = randomContent(random, size);
      const stream = deflateRawSync(content, randomSettings(random));
      expect(same(codec.inflate(stream, size), content), `size ${size}`).toBe(true);
    }
  });

  test(`${codec.kind}: sizes around the spans that the kernel works in decode to what was encoded`, () => {
    const random = new Random(12);
    for (const span of [1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19]) {
      for (const size of [span - 259, span - 1, span, span + 1, span + 259]) {
        const content = randomContent(random, size);
        const stream = deflateRawSync(content, randomSettings(random));
        expect(same(codec.inflate(stream, size), content), `size ${size}`).toBe(true);
      }
    }
  });

  test(`${codec.kind}: matches reach back 32 KiB over the edges of spans`, () => {
    const random = new Random(13);
    const period = random.bytes(32_768 - 300);
    const content = Uint8Array.from({ length: 1_500_000 }, (_, i) => period[i % period.length]!);
    const stream = deflateRawSync(content, { level: 9 });
    expect(stream.length).toBeLessThan(60_000);
    expect(same(codec.inflate(stream, content.length), content)).toBe(true);
    expect(same(inflatePieces(codec, stream, 777).output, content)).toBe(true);
  });

  test(`${codec.kind}: a stream that is followed by others tells how long it is`, () => {
    const random = new Random(14);
    for (let i = 0; i < 200; i++) {
      const content = randomContent(random, random.below(3000));
      const stream = deflateRawSync(content, randomSettings(random));
      const input = Buffer.concat([stream, random.bytes(1 + random.below(40))]);
      const { output, consumed } = codec.inflateStream(input, 10_000, random.below(6000));
      expect(consumed).toBe(stream.length);
      expect(same(output, content)).toBe(true);
    }
  });

  test(`${codec.kind}: what it gives is a copy of its own, and the input stays as it was`, () => {
    const stream = deflateRawSync(Buffer.from('first first first'));
    const before = Buffer.from(stream);
    const first = codec.inflate(stream, 17);
    codec.inflate(deflateRawSync(Buffer.from('second second sec')), 17);
    expect(Buffer.from(first).toString()).toBe('first first first');
    expect(first.buffer.byteLength).toBe(17);
    expect(same(stream, before)).toBe(true);
  });

  test(`${codec.kind}: two inflaters and other calls between them do not disturb each other`, () => {
    const random = new Random(15);
    const contents = [words(random), words(random)];
    const streams = contents.map((content) => deflateRawSync(content));
    const outputs: Buffer[][] = [[], []];
    const inflaters = outputs.map((pieces) => codec.inflater({ limit: 1e6, onOutput: (bytes) => pieces.push(Buffer.from(bytes)) }));
    for (let at = 0; at < Math.max(...streams.map(({ length }) => length)); at += 1000) {
      for (const [i, inflater] of inflaters.entries()) {
        inflater.push(streams[i]!.subarray(at, at + 1000));
        codec.crc32(streams[i]!);
        codec.inflate(streams[1 - i]!, contents[1 - i]!.length);
      }
    }
    for (const [i, inflater] of inflaters.entries()) {
      inflater.end();
      expect(inflater.consumed).toBe(streams[i]!.length);
      expect(same(Buffer.concat(outputs[i]!), contents[i]!)).toBe(true);
    }
  });
}

function words(random: Random): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 200_000 }, (_, i) => 97 + ((i * i) % 7) + random.below(4));
}
