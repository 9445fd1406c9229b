/*
 * The kernel as oracle: random scenarios on a real overlay mount and on the engine. Where nothing can be mounted, it is skipped with the
 * reason. `scripts/kernel-compare.ts` runs as many as one likes, and shrinks what it finds.
 */

import { afterAll, describe, expect, test } from 'vitest';

import { compareScenarios, scenariosFrom, shrink } from './compare.ts';
import { KernelMachine } from './kernel-machine.ts';
import { brokenEngines, withCalls } from './planted-engine.ts';
import { describeScenario } from './scenario.ts';

const COUNT = Number(process.env['KERNEL_SCENARIOS'] ?? 100);
const SEED = Number(process.env['KERNEL_SEED'] ?? 1);
const BATCH = 50;

const started = await KernelMachine.start();
const kernel = typeof started === 'string' ? undefined : started;
const title = typeof started === 'string' ? ` (skipped: ${started})` : '';
if (typeof started === 'string') process.stderr.write(`The comparison with the kernel's overlayfs is skipped: ${started}\n`);
afterAll(() => kernel?.close());

describe.skipIf(kernel === undefined)(`the engine does what the kernel's overlayfs does${title}`, () => {
  test(`in ${COUNT} random scenarios from seed ${SEED}`, { timeout: 600_000 }, async () => {
    for (let done = 0; done < COUNT; done += BATCH) {
      const scenarios = scenariosFrom(SEED + done, Math.min(BATCH, COUNT - done), 40);
      const [finding] = await compareScenarios(kernel!, scenarios);
      if (finding === undefined) continue;
      const { scenario, difference } = await shrink(kernel!, finding);
      throw new Error(`seed ${finding.scenario.seed}: ${finding.difference}\nshrunk: ${difference}\n${describeScenario(scenario)}`);
    }
  });

  test('with the union rules checked after every step', { timeout: 120_000 }, async () => {
    expect(await compareScenarios(kernel!, scenariosFrom(SEED + COUNT, 30, 40), { checkEveryStep: true })).toEqual([]);
  });

  test.each(brokenEngines)('the comparison finds %s', { timeout: 120_000 }, async (_what, mount) => {
    const findings = await compareScenarios(kernel!, scenariosFrom(1, 30, 40), { mount });
    expect(findings.length).toBeGreaterThan(0);
  });

  test('the comparison finds nothing in an engine that is wrapped and left as it is', { timeout: 120_000 }, async () => {
    expect(await compareScenarios(kernel!, scenariosFrom(1, 20, 40), { mount: withCalls(() => ({})) })).toEqual([]);
  });

  test('a difference is shrunk to what matters', { timeout: 120_000 }, async () => {
    const mount = withCalls((fs) => ({ unlinkSync: (path) => void fs.lstatSync(path) }));
    const [finding] = await compareScenarios(kernel!, scenariosFrom(1, 20, 40), { mount });
    const { scenario } = await shrink(kernel!, finding!, { mount });
    expect(scenario.steps.map(({ op }) => op)).toContain('unlink');
    expect(scenario.steps.length).toBeLessThan(4);
    expect(scenario.layers.flat().length).toBeLessThan(10);
  });
});
