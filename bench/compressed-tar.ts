/*
 * What a large tar costs as a lower: time to open, memory that stays, and time of a read at random, for each way to pack it.
 * Ratios between rows of one run count, not milliseconds.
 *
 *   node --expose-gc --import tsx bench/compressed-tar.ts [FOLDER]      the system's tar, gzip and zstd; default: node_modules
 */

import { execFileSync } from 'node:child_process';
import { isFile } from '../src/base/mode.ts';
import type { Layer } from '../src/layer/layer.ts';
import { openLayer } from '../src/lower/open-layer.ts';

const READS = 600;
const MIB = 2 ** 20;
const folder = process.argv[2] ?? 'node_modules';
const run = (command: string): Uint8Array => new Uint8Array(execFileSync('sh', ['-c', command], { maxBuffer: 2 ** 30 }));

const packings: readonly (readonly [name: string, command: string])[] = [
  ['tar', `tar -c ${folder}`],
  ['tar.gz', `tar -c ${folder} | gzip -6`],
  ['tar.zst, one frame', `tar -c ${folder} | zstd -q -c -3`],
  ['tar.zst, frames of 4 MiB', `tar -c ${folder} | split -b 4M --filter='zstd -q -c -3'`],
];

/** Bytes in use. Buffers are let go of in the background, hence the waiting. */
async function used(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const at = (sorted: readonly number[], part: number): string => sorted[Math.floor(sorted.length * part)]!.toFixed(2);

/** Times of reads of whole files of up to 20 KiB, in no order, ascending. */
function readAtRandom(layer: Layer): number[] {
  const { table } = layer;
  const files = Array.from({ length: table.length }, (_, entry) => entry).filter(
    (entry) => isFile(table.mode(entry)) && table.size(entry) < 20 << 10,
  );
  const times: number[] = [];
  for (let i = 0; i < READS; i++) {
    const entry = files[Math.floor(Math.random() * files.length)]!;
    const start = performance.now();
    layer.peek(entry, 0, table.size(entry));
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

async function measure(name: string, command: string): Promise<string> {
  const before = await used();
  let bytes: Uint8Array | undefined = run(command);
  const packed = bytes.length;
  const start = performance.now();
  const layer = await openLayer(bytes, { name });
  const opened = performance.now() - start;
  bytes = undefined;
  const times = readAtRandom(layer);
  const memory = ((await used()) - before) / MIB;
  return (
    `${name}: ${(packed / MIB).toFixed(1)} MiB, ${layer.table.length} entries; opened in ${opened.toFixed(0)} ms, takes ${memory.toFixed(1)} MiB; ` +
    `reads p50 ${at(times, 0.5)} ms, p90 ${at(times, 0.9)} ms, worst ${at(times, 0.999)} ms`
  );
}

for (const [name, command] of packings) console.log(await measure(name, command));
