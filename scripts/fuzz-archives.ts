/*
 * Opens archives that were changed at random, and stops at the first that gives anything but right bytes or a POSIX error.
 *
 *   npx tsx scripts/fuzz-archives.ts [count] [seed] [kind]
 */

import { judgeChangedIndex } from '../test/support/mutate-directory.ts';
import { judge, mutate, randomNumbers, sampleArchives } from '../test/support/mutate-archives.ts';
import { judgeChangedBytes, judgeChangedToc } from '../test/support/mutate-estargz.ts';
import { compareZipReaders, randomZip } from '../test/support/zip-readers.ts';
import { judgeChangedFrames, judgeChangedManifest } from '../test/support/mutate-zstd-chunked.ts';

/** More of the processor's time than any archive of this size may take. Other programs' time does not count. */
const SLOW_MS = 2000;

const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Date.now() % 1e9);
const only = process.argv[4];
const samples = sampleArchives().filter(({ kind }) => only === undefined || kind === only);
const random = randomNumbers(seed);
const outcomes = new Map<string, number>();
let slowest = 0;

console.log(`${count} archives, seed ${seed}`);
for (let i = 0; i < count; i++) {
  const sample = samples[i % samples.length]!;
  const bytes = mutate(sample.bytes, random);
  const start = process.cpuUsage();
  try {
    const outcome = `${sample.kind} ${await judge({ ...sample, bytes }, random() < 0.5 ? undefined : 1 + Math.floor(random() * 700))}`;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  } catch (e) {
    console.error(`number ${i} (${sample.kind}): ${Buffer.from(bytes).toString('base64')}`);
    throw e;
  }
  const { user, system } = process.cpuUsage(start);
  slowest = Math.max(slowest, (user + system) / 1000);
  if (slowest > SLOW_MS)
    throw new Error(`number ${i} (${sample.kind}) took ${slowest.toFixed(0)} ms: ${Buffer.from(bytes).toString('base64')}`);
}
// Directories whose entries are mostly plain: the kernel and JavaScript must agree about them.
for (let i = 0; (only === undefined || only === 'zip') && i < count / samples.length; i++) {
  const original = randomZip(random);
  const bytes = random() < 0.5 ? original : mutate(original, random);
  try {
    const outcome = `zip directory ${compareZipReaders(bytes, random() < 0.5 ? {} : { at: 'a/b', strip: 1 }) ? 'plain' : 'not plain'}`;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  } catch (e) {
    console.error(`directory ${i}: ${Buffer.from(bytes).toString('base64')}`);
    throw e;
  }
}
// Of these as many as of each of the others.
const judges = [
  ['estargz', judgeChangedBytes],
  ['estargz toc', judgeChangedToc],
  ['zstd:chunked', judgeChangedFrames],
  ['zstd:chunked manifest', judgeChangedManifest],
  ['directory index', judgeChangedIndex],
] as const;
for (let i = 0; only === undefined && i < (judges.length * count) / samples.length; i++) {
  const [kind, judgeNext] = judges[i % judges.length]!;
  const outcome = `${kind} ${await judgeNext(random)}`;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
for (const [outcome, times] of [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`${outcome}: ${times}`);
console.log(`slowest: ${slowest.toFixed(1)} ms, memory: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
