/*
 * What a commit costs beside a bare IndexedDB transaction that puts the same record: `npx tsx bench/commit-cost.ts`. Chromium, a profile
 * on the disk. Writes bench/results/commit-cost.json; docs/decisions/0008 quotes it.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { build } from 'rolldown';
import { root } from '../scripts/entries.ts';
import { makeProfile } from '../test/support/chromium.ts';

const ROUNDS = 40;
const COMMITS = 25;
const REFERENCE = 'bare, one store';
/** What a commit of three records is measured by. */
const FILE_REFERENCE = 'bare, a new file';

type Times = Record<string, number[]>;

const quantile = (values: readonly number[], q: number): number => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)]!;
const rounded = (value: number): number => Number(value.toFixed(3));

/** Median and quartiles in milliseconds, and the ratio to the bare transaction: the median of the rounds' ratios. */
function summarise(times: Times): Record<string, { ms: number; quartiles: [number, number]; ratio: number }> {
  const rows = Object.entries(times).map(([task, values]) => {
    const reference = times[task.endsWith('a new file') ? FILE_REFERENCE : REFERENCE]!;
    const ratios = values.map((value, round) => value / reference[round]!);
    const quartiles: [number, number] = [rounded(quantile(values, 0.25)), rounded(quantile(values, 0.75))];
    return [task, { ms: rounded(quantile(values, 0.5)), quartiles, ratio: rounded(quantile(ratios, 0.5)) }] as const;
  });
  return Object.fromEntries(rows);
}

/** Runs in the page. */
function runInWorker(order: readonly [durability: string, rounds: number, commits: number]): Promise<Times> {
  const worker = new Worker('/worker.js');
  worker.postMessage(order);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Times>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}

const { output } = await build({
  cwd: root,
  input: 'bench/commit-cost-worker.ts',
  platform: 'browser',
  write: false,
  output: { format: 'iife' },
});
const code = output[0].code;
const server = createServer(({ url }, response) => {
  const isWorker = url === '/worker.js';
  response
    .setHeader('content-type', isWorker ? 'text/javascript' : 'text/html')
    .end(isWorker ? code : '<!doctype html><title>bench</title>');
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const profile = await makeProfile();
try {
  const browser = await profile.launch();
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const results: Record<string, ReturnType<typeof summarise>> = {};
  for (const durability of ['relaxed', 'strict']) {
    const times = await tab.evaluate(runInWorker, [durability, ROUNDS, COMMITS] as const);
    results[durability] = summarise(times);
    process.stdout.write(`${durability}\n${JSON.stringify(results[durability], undefined, 1)}\n`);
  }
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, system: `${process.platform} ${release()}` };
  const versions = { chromium: browser.browser()?.version() ?? (await tab.evaluate(() => navigator.userAgent)), node: process.version };
  const target = { task: "the store's commit", ratio: 1.15 };
  await mkdir(join(root, 'bench/results'), { recursive: true });
  const report = { machine, versions, reference: REFERENCE, rounds: ROUNDS, commits: COMMITS, target, results };
  await writeFile(join(root, 'bench/results/commit-cost.json'), `${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await profile.remove();
  server.close();
}
