/*
 * Compares the engine with the kernel's overlayfs over random scenarios: `npx tsx scripts/kernel-compare.ts --seed 1 --count 20000`.
 * Linux and root only. Prints the seed of every difference, shrinks it, and exits with 1 when there was one. A seed alone
 * repeats: `--seed N --count 1`.
 */

import { parseArgs } from 'node:util';

import { compareScenarios, scenariosFrom, shrink } from '../test/kernel/compare.ts';
import { KernelMachine } from '../test/kernel/kernel-machine.ts';
import { describeScenario } from '../test/kernel/scenario.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '40' },
    /** Differences after which to stop. */
    limit: { type: 'string', default: '5' },
    /** Runs the checker after every step: slow, and exact. */
    check: { type: 'boolean', default: false },
  },
});
const [seed, count, steps, limit] = [values.seed, values.count, values.steps, values.limit].map(Number) as [number, number, number, number];
const BATCH = 50;

const kernel = await KernelMachine.start();
if (typeof kernel === 'string') {
  console.error(`Cannot compare with the kernel: ${kernel}`);
  process.exit(2);
}
const started = performance.now();
let found = 0;
let done = 0;
while (done < count && found < limit) {
  const scenarios = scenariosFrom(seed + done, Math.min(BATCH, count - done), steps);
  for (const finding of await compareScenarios(kernel, scenarios, { checkEveryStep: values.check })) {
    if (found >= limit) break;
    found++;
    console.log(`\n=== seed ${finding.scenario.seed}: ${finding.difference}`);
    const { scenario, difference } = await shrink(kernel, finding, { checkEveryStep: values.check });
    console.log(`--- shrunk: ${difference}\n${describeScenario(scenario)}`);
  }
  done += scenarios.length;
  if (done % 1000 === 0) console.log(`${done} scenarios, ${found} differences, ${Math.round((performance.now() - started) / 1000)} s`);
}
await kernel.close();
console.log(`${done} scenarios of ${steps} steps from seed ${seed}: ${found} differences`);
process.exitCode = found === 0 ? 0 : 1;
