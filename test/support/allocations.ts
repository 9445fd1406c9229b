/*
 * Run by test/unit/allocations.test.ts in a process of its own: prints what calls allocate, as JSON: `{ call: { heap, buffers } }`, bytes a call.
 * Nothing is collected and nothing compiled while it counts (flags of the process), so that a call counts the same on every machine.
 */

import { Overlay, memoryUpper, openLayer } from '../../src/engine.ts';
import { zipArchive } from './archives.ts';
import { noise } from './noise.ts';

/** What is allocated so far: objects, and the bytes of array buffers, which lie elsewhere. */
function allocated(): readonly [heap: number, buffers: number] {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return [heapUsed, arrayBuffers];
}

const KIB = 1 << 10;
const archive = zipArchive([
  { name: 'a/b/small', content: noise(4 * KIB, 1) },
  { name: 'a/b/large', content: noise(1024 * KIB, 2) },
  ...Array.from({ length: 98 }, (_, i) => ({ name: `a/b/f${i}`, content: noise(1, i) })),
]);
await using overlay = await Overlay.mount({ lower: [await openLayer(archive)], upper: memoryUpper() });
const { fs } = overlay;
for (const name of ['small', 'large']) await fs.promises.readFile(`/a/b/${name}`);
const { promises } = fs;
const handle = fs.openSync('/a/b/small', 'r');
const piece = new Uint8Array(KIB);
const content = new Uint8Array(KIB);
const large = new Uint8Array(1024 * KIB);

/** Calls, and how many of them are made: as many as allocate far more than counting does, and far less than is collected. */
const calls: Record<string, readonly [count: number, call: (i: number) => unknown]> = {
  'nothing at all': [5000, () => undefined],
  'a copy of 4 KiB': [1000, () => large.slice(0, 4 * KIB)],
  'existsSync, hit': [5000, () => fs.existsSync('/a/b/f7')],
  'existsSync, miss': [5000, () => fs.existsSync('/a/b/none')],
  'statSync, hit': [5000, () => fs.statSync('/a/b/f7')],
  'statSync, miss': [5000, () => fs.statSync('/a/b/none', { throwIfNoEntry: false })],
  'readdirSync of 100 names': [5000, () => fs.readdirSync('/a/b')],
  'readSync of 1 KiB': [5000, () => fs.readSync(handle, piece, 0, KIB, 0)],
  'readFileSync of 4 KiB': [1000, () => fs.readFileSync('/a/b/small')],
  'readFileSync of 1 MiB': [4, () => fs.readFileSync('/a/b/large')],
  'promises.stat': [5000, () => promises.stat('/a/b/f7')],
  'promises.readFile of 4 KiB': [1000, () => promises.readFile('/a/b/small')],
  'promises.readFile of 1 MiB': [4, () => promises.readFile('/a/b/large')],
  'promises.writeFile of 1 KiB': [1000, (i) => promises.writeFile(`/n${i}`, content)],
  'promises.writeFile of 1 MiB': [4, () => promises.writeFile('/large', large)],
  'promises.copyFile of 1 MiB': [4, (i) => promises.copyFile('/a/b/large', `/copy${i}`)],
};

/**
 * Of some rounds, the least of the heap, since other threads allocate now and then, and since the first calls leave something behind for the others; and
 * the most of the buffers, since those of earlier rounds are given back at some later time.
 */
async function measure(count: number, call: (i: number) => unknown): Promise<{ heap: number; buffers: number }> {
  let [heapOfCall, buffersOfCall] = [Infinity, 0];
  for (let round = 0; round < 5; round++) {
    gc!();
    const [heap, buffers] = allocated();
    for (let i = 0; i < count; i++) {
      const result = call(round * count + i);
      if (result instanceof Promise) await result;
    }
    const [heapAfter, buffersAfter] = allocated();
    heapOfCall = Math.min(heapOfCall, (heapAfter - heap) / count);
    buffersOfCall = Math.max(buffersOfCall, (buffersAfter - buffers) / count);
  }
  return { heap: heapOfCall, buffers: buffersOfCall };
}

const results: Record<string, { heap: number; buffers: number }> = {};
for (const [name, [count, call]] of Object.entries(calls)) results[name] = await measure(count, call);
process.stdout.write(JSON.stringify(results));
