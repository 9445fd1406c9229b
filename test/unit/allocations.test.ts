/*
 * What calls allocate: objects, in bytes of the heap, and bytes of buffers, which are the copies that are made of content. It is counted in
 * a process of its own whose code is interpreted, so that no machine changes the counts; compiled code allocates less, never more.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const KIB = 1 << 10;
const MIB = 1 << 20;

/** Interpreted, with all that the interpreter notes made beforehand; and room for a whole round, so that nothing is collected in it. */
const FLAGS =
  '--expose-gc --single-threaded-gc --no-opt --no-maglev --no-sparkplug --no-lazy-feedback-allocation --min-semi-space-size=64 --max-semi-space-size=64';

/** Bytes a call: of the heap at most, with a fifth to spare for versions of Node, where enough calls are made to count it; of buffers exactly. */
const rows: readonly (readonly [call: string, heap: number, buffers: number])[] = [
  ['nothing at all', 8, 0],
  ['a copy of 4 KiB', 400, 4 * KIB], // counting sees copies
  ['existsSync, hit', 510, 0],
  ['existsSync, miss', 510, 0],
  ['statSync, hit', 1300, 0],
  ['statSync, miss', 780, 0],
  ['readdirSync of 100 names', 1850, 0], // 816 of them are the array of names
  ['readSync of 1 KiB', 2300, KIB],
  ['readFileSync of 4 KiB', 2750, 4 * KIB],
  ['readFileSync of 1 MiB', Infinity, MIB],
  ['promises.stat', 2600, 0],
  ['promises.readFile of 4 KiB', 4000, 4 * KIB],
  ['promises.readFile of 1 MiB', Infinity, MIB],
  ['promises.writeFile of 1 KiB', 19_000, 2 * KIB], // the engine's own copy, and the one of the upper in memory
  ['promises.writeFile of 1 MiB', Infinity, 2 * MIB],
  ['promises.copyFile of 1 MiB', Infinity, 0],
];

test('calls allocate no more than they need', async () => {
  const script = fileURLToPath(new URL('../support/allocations.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS.split(' '), '--import', 'tsx', script], {
    env: { PATH: process.env['PATH'] },
  });
  const counted = JSON.parse(stdout) as Record<string, { readonly heap: number; readonly buffers: number }>;
  expect(Object.keys(counted)).toEqual(rows.map(([call]) => call));
  const over = rows
    .filter(([call, heap]) => counted[call]!.heap > heap)
    .map(([call, heap]) => `${call}: ${counted[call]!.heap} (of ${heap})`);
  expect(over).toEqual([]);
  expect(rows.map(([call]) => [call, counted[call]!.buffers])).toEqual(rows.map(([call, , buffers]) => [call, buffers]));
});
