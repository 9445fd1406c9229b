/*
 * What the guard costs: commits of four sizes to IndexedDB alone, to the log alone, and to both in several orders, in Chromium on a
 * persistent profile. `npx tsx bench/guard-cost.ts` writes bench/results/guard-cost.json. Times are medians of the rounds' medians.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root } from '../scripts/entries.ts';
import { callWorker, serveWorker } from '../test/e2e/worker-page.ts';
import { makeProfile } from '../test/support/chromium.ts';

const WAYS = [
  'idb-relaxed',
  'idb-strict',
  'log-only',
  'log-and-idb-strict',
  'log-and-idb-relaxed',
  'unflushed-log-and-idb-strict',
] as const;
const SIZES = { small: 100, 'records-100': 20, 'chunk-256K': 25, 'chunks-1M': 12 } as const;
const ROUNDS = 5;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const microseconds = (milliseconds: number): number => Math.round(milliseconds * 1000);

const profile = await makeProfile();
const served = await serveWorker('bench/guard-cost-worker.ts');
try {
  const browser = await profile.launch();
  const page = await browser.newPage();
  await page.goto(served.url);
  const sizes: Record<string, Record<string, { us: number; p95: number; min: number; max: number; ratio: number }>> = {};
  for (const [size, count] of Object.entries(SIZES)) {
    const rounds: Record<string, number[]>[] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push(await callWorker<Record<string, number[]>>(page, 'measure', WAYS, size, count));
    const medians = (way: string): number[] => rounds.map((times) => median(times[way] ?? []));
    const reference = median(medians('idb-strict'));
    sizes[size] = Object.fromEntries(
      WAYS.map((way) => {
        const all = medians(way);
        const times = rounds.flatMap((each) => each[way] ?? []).toSorted((a, b) => a - b);
        const p95 = microseconds(times[Math.floor(times.length * 0.95)] ?? NaN);
        const spread = { min: microseconds(Math.min(...all)), max: microseconds(Math.max(...all)) };
        return [way, { us: microseconds(median(all)), p95, ...spread, ratio: Number((median(all) / reference).toFixed(2)) }];
      }),
    );
    process.stdout.write(`${size}\n${WAYS.map((way) => `  ${way.padEnd(30)} ${JSON.stringify(sizes[size]?.[way])}\n`).join('')}`);
  }
  const lives: Record<string, Record<string, number>> = {};
  for (const [title, files, size] of [
    ['10,000 files of 200 bytes', 10_000, 200],
    ['256 files of 256 KiB', 256, 1 << 18],
  ] as const) {
    const times = await callWorker<Record<string, number>>(page, 'lives', files, size);
    lives[title] = Object.fromEntries(Object.entries(times).map(([what, ms]) => [what, Math.round(ms)]));
    process.stdout.write(`${title} ${JSON.stringify(lives[title])}\n`);
  }
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    browser: browser.browser()?.version() ?? (await page.evaluate(() => navigator.userAgent)),
  };
  const result = {
    command: 'npx tsx bench/guard-cost.ts',
    machine,
    rounds: ROUNDS,
    unit: 'microseconds; ratio to idb-strict',
    sizes,
    livesInMilliseconds: lives,
  };
  await mkdir(join(root, 'bench/results'), { recursive: true });
  await writeFile(join(root, 'bench/results/guard-cost.json'), `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await profile.remove();
  await served.close();
}
