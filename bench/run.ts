/*
 * `npm run bench`: runs the suites of bench/tasks, contestants interleaved, writes bench/results/<suite>.json, and at the end the
 * summary of all results that are there, on the terminal and in docs/PERFORMANCE.md.
 *
 *   --only <name>   suites whose name begins so (repeatable). Default: all.
 *   --runs <n>      measured runs. Default: 7. One more comes before them and is thrown away. Fewer than 3 are a trial: nothing is written.
 *   --scenario <s>  scenarios whose name has this in it; a trial.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { root } from '../scripts/entries.ts';
import { openInBrowser } from './harness/browser.ts';
import type { BrowserBench } from './harness/browser.ts';
import { suiteNames, writeReport } from './harness/report.ts';
import { resultsOf } from './harness/results.ts';
import type { TaskResult } from './harness/results.ts';
import { runScenario } from './harness/rounds.ts';
import type { Driver } from './harness/rounds.ts';
import { callContestant, outlineOf } from './harness/suite.ts';
import type { Suite } from './harness/suite.ts';
import { tableOf } from './harness/table.ts';
import { renderDocument, summary } from './render.ts';

interface Plan {
  readonly runs: number;
  /** What the names of the scenarios have in them. */
  readonly part: string;
}

/** Fewer runs, or not all scenarios, are a trial and no result. */
const LEAST_RUNS = 3;
const isTrial = ({ runs, part }: Plan): boolean => runs < LEAST_RUNS || part !== '';

async function measure(bench: Driver, { runs, part }: Plan): Promise<TaskResult[]> {
  const results: TaskResult[] = [];
  for (const [index, scenario] of (await bench.outline()).entries()) {
    if (!scenario.name.includes(part)) continue;
    process.stdout.write(`\n${scenario.name}\n`);
    const ofScenario = resultsOf(scenario, await runScenario(bench, index, scenario, runs));
    process.stdout.write(`${tableOf(ofScenario)}\n`);
    results.push(...ofScenario);
  }
  return results;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function openBench(name: string, suite: Suite): Promise<Driver & Partial<Pick<BrowserBench, 'browserVersion' | 'close'>>> {
  if (suite.name !== name) throw new Error(`bench/tasks/${name}.ts holds a suite that calls itself ${suite.name}`);
  if (suite.where !== 'node') return openInBrowser(suite);
  return {
    outline: () => Promise.resolve(outlineOf(suite)),
    call: (scenario, contestant) => {
      // What others have left is not to be cleaned up in this one's time.
      collectGarbage();
      return callContestant(suite, scenario, contestant);
    },
  };
}

async function runSuite(name: string, plan: Plan): Promise<void> {
  const { suite } = (await import(`./tasks/${name}.ts`)) as { suite: Suite };
  process.stdout.write(`\n== ${name} (${suite.where}, ${plan.runs} runs)\n`);
  const bench = await openBench(name, suite);
  try {
    const results = await measure(bench, plan);
    const facts = await suite.facts?.();
    if (facts !== undefined) process.stdout.write(`\n${JSON.stringify(facts, null, 2)}\n`);
    if (isTrial(plan)) return;
    process.stdout.write(`\n${await writeReport(name, { runs: plan.runs, browser: bench.browserVersion, facts }, results)}\n`);
  } finally {
    await bench.close?.();
  }
}

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, runs: { type: 'string', default: '7' }, scenario: { type: 'string', default: '' } },
});
const plan: Plan = { runs: Number(values.runs), part: values.scenario };
if (!Number.isInteger(plan.runs) || plan.runs < 1) throw new Error('--runs takes a whole number above 0');
await mkdir(join(root, 'bench/results'), { recursive: true });
const all = await suiteNames();
const chosen = all.filter((name) => values.only === undefined || values.only.some((start) => name.startsWith(start)));
if (chosen.length === 0) throw new Error(`no suite of that name; there are ${all.join(', ')}`);
for (const name of chosen) await runSuite(name, plan);
if (!isTrial(plan)) {
  await renderDocument();
  process.stdout.write(`\n${await summary()}\n`);
}
