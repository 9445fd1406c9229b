/* Files that are written in large pieces have larger chunks than others: nobody can tell by their content. */

import { expect, test } from 'vitest';
import { contentOf } from '../../src/layer/upper.ts';
import { BULK_CHUNK_SIZE, CHUNK_SIZE } from '../../src/layer/chunk-size.ts';
import { Bench } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { file } from '../support/tree.ts';

const bytes = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed + (i >> 8)) & 255);

/** The number of chunks of a file and what its record says of their size. */
async function chunksOf(bench: Bench, name: string): Promise<readonly [number, number | undefined]> {
  for (const record of (await bench.image()).records.values()) {
    const inode = contentOf(record);
    if (inode?.names.some(([, own]) => own === name) === true) return [inode.chunks.length, inode.chunkSize];
  }
  throw new Error(`no record has the name ${name}`);
}

test('a file that is written whole has large chunks from 1 MiB on', async () => {
  const bench = await Bench.mount([]);
  await bench.fs.writeFile('/small', bytes(BULK_CHUNK_SIZE - 1, 1));
  await bench.fs.writeFile('/large', bytes(2 * BULK_CHUNK_SIZE + 1, 2));
  expect(await chunksOf(bench, 'small')).toEqual([4, undefined]);
  expect(await chunksOf(bench, 'large')).toEqual([3, BULK_CHUNK_SIZE]);
});

test('the first write through a handle decides, and a file that was emptied decides again', async () => {
  const bench = await Bench.mount([]);
  await bench.fs.appendFile('/log', 'a line\n');
  await bench.fs.appendFile('/log', bytes(BULK_CHUNK_SIZE, 1));
  expect(await chunksOf(bench, 'log')).toEqual([5, undefined]);
  await bench.fs.truncate('/log', 0);
  await bench.fs.appendFile('/log', bytes(BULK_CHUNK_SIZE, 1));
  expect(await chunksOf(bench, 'log')).toEqual([1, BULK_CHUNK_SIZE]);
  await bench.fs.writeFile('/log', 'short');
  expect(await chunksOf(bench, 'log')).toEqual([1, undefined]);
});

test('a lower file that is changed in bulk keeps small chunks: the rest of it shows through', async () => {
  const bench = await Bench.mount([lower(file('big', 'x'.repeat(3 * CHUNK_SIZE)))]);
  const handle = await bench.fs.open('/big', 'r+');
  await handle.write(bytes(BULK_CHUNK_SIZE, 1), 0, BULK_CHUNK_SIZE, CHUNK_SIZE);
  await handle.close();
  expect(await chunksOf(bench, 'big')).toEqual([5, undefined]);
  const content = await bench.fs.readFile('/big');
  expect(content.subarray(0, CHUNK_SIZE).every((byte) => byte === 0x78)).toBe(true);
  expect(Buffer.compare(content.subarray(CHUNK_SIZE), bytes(BULK_CHUNK_SIZE, 1))).toBe(0);
});

test('writes, truncations and copies at every kind of edge agree with a plain array, also after a remount', async () => {
  const bench = await Bench.mount([]);
  let model = bytes(3 * BULK_CHUNK_SIZE + 5, 1);
  await bench.fs.writeFile('/file', model);
  const edges = [0, CHUNK_SIZE, BULK_CHUNK_SIZE - 1, BULK_CHUNK_SIZE, BULK_CHUNK_SIZE + CHUNK_SIZE, 2 * BULK_CHUNK_SIZE + 1];
  for (const [round, at] of edges.entries()) {
    await bench.remount();
    const patch = bytes([1, CHUNK_SIZE, BULK_CHUNK_SIZE + 2][round % 3]!, round + 7);
    const handle = await bench.fs.open('/file', 'r+');
    await handle.write(patch, 0, patch.length, at);
    await handle.close();
    const grown = new Uint8Array(Math.max(model.length, at + patch.length));
    grown.set(model);
    grown.set(patch, at);
    model = grown;
    expect(Buffer.compare(await bench.fs.readFile('/file'), model)).toBe(0);
  }
  await bench.fs.copyFile('/file', '/copy');
  const copied = model;
  for (const size of [2 * BULK_CHUNK_SIZE + CHUNK_SIZE + 3, BULK_CHUNK_SIZE, BULK_CHUNK_SIZE + 9, CHUNK_SIZE + 1]) {
    await bench.remount();
    await bench.fs.truncate('/file', size);
    const cut = new Uint8Array(size);
    cut.set(model.subarray(0, size));
    expect(Buffer.compare(await bench.fs.readFile('/file'), cut)).toBe(0);
    expect(Buffer.compare(await bench.fs.readFile('/copy'), copied)).toBe(0);
    model = cut;
  }
});
