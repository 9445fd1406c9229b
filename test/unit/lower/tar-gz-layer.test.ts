/* A tar.gz stays compressed in memory, and any part of it can be had at once. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { GzipReader } from '../../../src/archive/gzip.ts';
import { SpanContent } from '../../../src/archive/spans.ts';
import { runNow } from '../../../src/base/asking.ts';
import { concatBytes, encodeUtf8 } from '../../../src/base/bytes.ts';
import { loadCodec } from '../../../src/codec/codec.ts';
import { JavaScriptCodec } from '../../../src/codec/javascript-codec.ts';
import { compileKernel } from '../../../src/codec/kernel.ts';
import { WasmCodec } from '../../../src/codec/wasm-codec.ts';
import type { Layer } from '../../../src/layer/layer.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { type Source, bytesSource } from '../../../src/lower/source.ts';
import { tarArchive, type TarFile } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { randomNumbers } from '../../support/mutate-archives.ts';

/** Text that compresses as source code does, about five to one. */
function prose(size: number, random: () => number): Uint8Array {
  const words = Array.from({ length: 400 }, () => Math.floor(random() * 36 ** 8).toString(36));
  let text = '';
  while (text.length < size) text += `${words[Math.floor(random() ** 3 * words.length)]} `;
  return encodeUtf8(text.slice(0, size));
}

/** What a reader's spans give, taken out of the bytes that it read. */
function contentOf(reader: GzipReader, bytes: Uint8Array): (start: number, end: number) => Uint8Array {
  const content = new SpanContent(reader.finish());
  return (start, end) => runNow(content.read(start, end), (from, to) => bytes.subarray(from, to))!;
}

const random = randomNumbers(5);
const files = Array.from({ length: 30 }, (_, i): TarFile & { content: Uint8Array } => ({
  name: `f${i}`,
  content: prose(Math.floor(random() * 600_000), random),
}));
const tar = tarArchive(files);
const inMembers = (size: number): Uint8Array => {
  const members: Uint8Array[] = [];
  for (let at = 0; at < tar.length; at += size) members.push(gzipSync(tar.subarray(at, at + size), { level: 1 }));
  return concatBytes(members);
};

function expectRandomReads(layer: Layer): void {
  for (let i = 0; i < 300; i++) {
    const { name, content } = files[Math.floor(random() * files.length)]!;
    const start = Math.floor(random() * content.length);
    const end = Math.min(content.length, start + Math.floor(random() * 20_000));
    const bytes = layer.peek(entryAt(layer, name as string), start, end)!;
    expect(Buffer.from(bytes).equals(content.subarray(start, end))).toBe(true);
  }
}

describe.each([
  ['one member', gzipSync(tar, { level: 6 })],
  ['stored blocks', gzipSync(tar, { level: 0 })],
  ['members of 65,280 bytes, as bgzip writes', inMembers(65_280)],
  ['members of 3 MB', inMembers(3_000_001)],
])('of %s', (_, bytes) => {
  test('every file is whole, and so is any part of one', async () => {
    const layer = await openLayer(new Uint8Array(bytes));
    for (const { name, content } of files) {
      const whole = await layer.read(entryAt(layer, name as string), 0, content.length);
      expect(Buffer.from(whole).equals(content)).toBe(true);
    }
    expectRandomReads(layer);
  });

  test('the JavaScript codec gives the same', () => {
    const parts: Uint8Array[] = [];
    const options = {
      place: { archive: 'x' },
      limit: tar.length,
      warn: (message: string) => expect.unreachable(message),
      onOutput: (output: Uint8Array) => parts.push(output.slice()),
    };
    const reader = new GzipReader(new Uint8Array(bytes), { ...options, codec: new JavaScriptCodec() });
    reader.advance(bytes.length >> 1);
    reader.advance(bytes.length);
    expect(Buffer.concat(parts).equals(tar)).toBe(true);
    const read = contentOf(reader, bytes);
    for (const at of [0, 1_000_000, 2_999_000, tar.length - 20_000])
      expect(Buffer.from(read(at, at + 20_000)).equals(tar.subarray(at, at + 20_000))).toBe(true);
  });
});

describe('while it arrives', () => {
  const small = gzipSync(
    tarArchive([
      { name: 'a', content: 'alpha' },
      { name: 'b', content: 'x'.repeat(5000) },
    ]),
  );
  const twice = concatBytes([gzipSync(tar.subarray(0, 700)), new Uint8Array(gzipSync(tar.subarray(700, 90_000)))]);

  test.each([1, 7, 1000])('pieces of %i bytes are read as the whole is', (step) => {
    for (const bytes of [new Uint8Array(small), twice]) {
      let size = 0;
      const reader = new GzipReader(bytes, {
        place: { archive: 'x' },
        codec: loadCodec(),
        limit: 1e9,
        warn: () => expect.unreachable('nothing is to be left out'),
        onOutput: (output) => (size += output.length),
      });
      for (let available = 0; available < bytes.length;) reader.advance((available = Math.min(bytes.length, available + step)));
      expect(contentOf(reader, bytes)(0, size)).toHaveLength(size);
    }
  });

  const streaming = (pieces: readonly Uint8Array[], size: number): Source => ({
    ...bytesSource(new Uint8Array(), 'streamed'),
    size: async () => size,
    peek: () => undefined,
    read: async (start, end) => new Uint8Array(gz).subarray(start, end),
    async *stream() {
      yield* pieces;
    },
  });
  const gz = gzipSync(tar, { level: 1 });
  const cut = (bytes: Uint8Array): Uint8Array[] =>
    Array.from({ length: Math.ceil(bytes.length / 100_000) }, (_, i) => bytes.slice(i * 100_000, (i + 1) * 100_000));

  test('a source that streams is read once', async () => {
    const layer = await openLayer(streaming(cut(gz), gz.length));
    expectRandomReads(layer);
  });

  test('a stream that is longer or shorter than was said is an error naming the archive', async () => {
    const pieces = cut(gz);
    await expect(openLayer(streaming(pieces.slice(1), gz.length))).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringMatching(/^streamed: /) as string,
    });
    await expect(openLayer(streaming(pieces.slice(0, -1), gz.length))).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringMatching(/^streamed: \d+ bytes instead of/) as string,
    });
    await expect(openLayer(streaming([...pieces, Uint8Array.of(1)], gz.length))).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringMatching(/^streamed: more than the/) as string,
    });
  });

  test('a signal is heard in the middle', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 20);
    const large = gzipSync(new Uint8Array(600 << 20), { level: 1 });
    await expect(openLayer(large, { signal: abort.signal, limits: { ratio: 2000 } })).rejects.toThrow('enough');
  });
});

test('ten thousand members take one kernel', () => {
  let kernels = 0;
  const makeKernel = compileKernel()!;
  const codec = new WasmCodec(() => {
    kernels++;
    return makeKernel();
  });
  const bytes = concatBytes(Array.from({ length: 10_000 }, () => new Uint8Array(gzipSync('x', { level: 1 }))));
  const reader = new GzipReader(bytes, { place: { archive: 'x' }, codec, limit: 1e9, warn: () => undefined, onOutput: () => undefined });
  reader.advance(bytes.length);
  expect(contentOf(reader, bytes)(0, 10_000)).toHaveLength(10_000);
  expect(kernels).toBe(2);
});

test('a tree of 100 MB takes less than 40 MB of memory, the archive included', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // Buffers are let go of in the background: what is used is the least of what is seen.
  const used = async (): Promise<number> => {
    let least = Infinity;
    for (let i = 0; i < 10; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      least = Math.min(least, heapUsed + arrayBuffers);
    }
    return least;
  };
  const chunk = prose(2 << 20, random);
  const pack = (): Uint8Array => {
    const tree = Array.from({ length: 7000 }, (_, i): TarFile => {
      const at = Math.floor(random() * (chunk.length - 30_000));
      return { name: `d${i % 100}/f${i}`, content: chunk.subarray(at, at + 15_000) };
    });
    return new Uint8Array(gzipSync(tarArchive(tree), { level: 1 }));
  };
  const before = await used();
  let archive: Uint8Array | undefined = pack();
  const packed = archive.length / 2 ** 20;
  const layer = await openLayer(archive);
  archive = undefined;
  for (let entry = 1; entry < layer.table.length; entry += 7)
    if (layer.table.size(entry) > 0) layer.peek(entry, 0, layer.table.size(entry));
  const taken = ((await used()) - before) / 2 ** 20;
  process.stdout.write(`      a tar.gz of 100 MB of content takes ${taken.toFixed(1)} MiB, ${packed.toFixed(1)} of them the archive\n`);
  expect(layer.table.length).toBe(7101);
  expect(packed).toBeGreaterThan(15);
  expect(taken).toBeLessThan(40);
  expect(taken - packed).toBeLessThan(14);
  expect(await textAt(layer, '/d0/f0')).toHaveLength(15_000);
});
