/*
 * `npm run bench`: runs the suites of bench/tasks, contestants interleaved, and writes bench/results/<suite>.json.
 *
 *   --only <name>   suites whose name begins so (repeatable). Default: all.
 *   --runs <n>      measured runs. Default: 7. One more comes before them and is thrown away. Fewer than 3 are a trial: nothing is written.
 */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/entries.ts';
import { openInBrowser } from './harness/browser.ts';
import type { BrowserBench } from './harness/browser.ts';
import { resultsOf, tableOf, writeResults } from './harness/report.ts';
import type { TaskResult } from './harness/report.ts';
import { callContestant, outlineOf } from './harness/suite.ts';
import type { Measured, Suite } from './harness/suite.ts';
import type { Bench } from './harness/worker.ts';

/** Runs every scenario: in each run every contestant once, begun by another one each time. */
async function measure(bench: Bench, runs: number): Promise<TaskResult[]> {
  const results: TaskResult[] = [];
  for (const [index, scenario] of (await bench.outline()).entries()) {
    process.stdout.write(`\n${scenario.name}\n`);
    const samples = new Map<string, Measured[]>(scenario.contestants.map((name) => [name, []]));
    for (let run = 0; run <= runs; run++) {
      for (let turn = 0; turn < scenario.contestants.length; turn++) {
        const name = scenario.contestants[(run + turn) % scenario.contestants.length]!;
        const measured = await bench.call(index, name);
        if (run > 0) samples.get(name)!.push(measured);
      }
    }
    const ofScenario = resultsOf(scenario, samples);
    process.stdout.write(`${tableOf(ofScenario)}\n`);
    results.push(...ofScenario);
  }
  return results;
}

/** Fewer are a trial, and no result. */
const LEAST_RUNS = 3;

async function openBench(name: string, suite: Suite): Promise<Bench & Partial<Pick<BrowserBench, 'browserVersion' | 'close'>>> {
  if (suite.name !== name) throw new Error(`bench/tasks/${name}.ts holds a suite that calls itself ${suite.name}`);
  if (suite.where !== 'node') return openInBrowser(suite);
  return {
    outline: () => Promise.resolve(outlineOf(suite)),
    call: (scenario, contestant) => callContestant(suite, scenario, contestant),
  };
}

async function runSuite(name: string, runs: number): Promise<void> {
  const { suite } = (await import(`./tasks/${name}.ts`)) as { suite: Suite };
  process.stdout.write(`\n== ${name} (${suite.where}, ${runs} runs)\n`);
  const bench = await openBench(name, suite);
  try {
    const results = await measure(bench, runs);
    const facts = await suite.facts?.();
    if (facts !== undefined) process.stdout.write(`\n${JSON.stringify(facts, null, 2)}\n`);
    if (runs < LEAST_RUNS) return;
    process.stdout.write(`\n${await writeResults(name, { runs, browser: bench.browserVersion, facts }, results)}\n`);
  } finally {
    await bench.close?.();
  }
}

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, runs: { type: 'string', default: '7' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a whole number above 0');
await mkdir(join(root, 'bench/results'), { recursive: true });
const all = (await readdir(join(root, 'bench/tasks'))).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
const chosen = all.filter((name) => values.only === undefined || values.only.some((start) => name.startsWith(start)));
if (chosen.length === 0) throw new Error(`no suite of that name; there are ${all.join(', ')}`);
for (const name of chosen.toSorted()) await runSuite(name, runs);
