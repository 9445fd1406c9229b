/*
 * What a start of the TypeScript compiler costs over archives of 7,500 files, in requests and bytes: test/fixtures/compiler-start.json
 * has where in them the 325 files stand that it reads, in that order (bench/data/trace.ts recorded them).
 */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Blocks } from '../../../src/lower/blocks.ts';
import type { Source } from '../../../src/lower/source.ts';

interface Start {
  readonly size: number;
  readonly contentEnd: number;
  readonly files: readonly (readonly [start: number, end: number])[];
}

const starts = JSON.parse(readFileSync(new URL('../../fixtures/compiler-start.json', import.meta.url), 'utf8')) as {
  readonly zip: Start;
  readonly estargz: Start;
};

/** A source that counts. */
function counting(size: number): { source: Source; ranges: (readonly [number, number])[] } {
  const ranges: (readonly [number, number])[] = [];
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    ranges.push([start, end]);
    return new Uint8Array(end - start);
  };
  const source: Source = {
    name: 'counting',
    stats: { requests: 0, bytes: 0 },
    size: async () => size,
    read,
    peek: () => undefined,
    close: () => undefined,
  };
  return { source, ranges };
}

async function run({ size, contentEnd, files }: Start, isRecorded: boolean): Promise<{ requests: number; bytes: number }> {
  const { source, ranges } = counting(size);
  const blocks = new Blocks(source, { end: contentEnd });
  if (isRecorded) void blocks.prefetch(files);
  for (const [start, end] of files) await blocks.read(start, Math.min(end, contentEnd));
  const sorted = ranges.toSorted(([a], [b]) => a - b);
  for (const [i, [start]] of sorted.entries()) if (i > 0) expect(start, 'a byte is fetched once').toBeGreaterThanOrEqual(sorted[i - 1]![1]);
  return { requests: ranges.length, bytes: ranges.reduce((sum, [start, end]) => sum + end - start, 0) };
}

/** Requests and millions of bytes, the index not among them. Whoever makes them fewer writes the new numbers here. */
const COSTS = [
  ['zip', 'without a record', 15, 4.37],
  ['zip', 'with a list of its files', 9, 2.99],
  ['estargz', 'without a record', 12, 3.58],
  ['estargz', 'with a list of its files', 8, 2.37],
] as const;

test.each(COSTS)('over a %s, %s, it costs %i requests and %f MB', async (format, how, requests, megabytes) => {
  const cost = await run(starts[format], how !== 'without a record');
  expect(cost.requests).toBeLessThanOrEqual(requests);
  expect(cost.bytes / 1e6).toBeLessThanOrEqual(megabytes);
});
