/* The table of POSIX facts on the engine, and on the kernel where it can mount: the table is right where the kernel agrees. */

import { afterAll, describe, expect, test } from 'vitest';

import { runOnEngine } from '../engine-machine.ts';
import { KernelMachine } from '../kernel-machine.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { ATTRIBUTE_FACTS } from './attribute-facts.ts';
import { FACT_LAYER, type Fact } from './fact.ts';
import { NAME_FACTS, STICKY_FACTS } from './name-facts.ts';
import { OPEN_FACTS } from './open-facts.ts';
import { PATH_FACTS } from './path-facts.ts';
import { RENAME_FACTS } from './rename-facts.ts';

const FACTS: readonly (readonly [about: string, readonly Fact[]])[] = [
  ['paths', PATH_FACTS],
  ['open', OPEN_FACTS],
  ['names', NAME_FACTS],
  ['sticky directories', STICKY_FACTS],
  ['rename', RENAME_FACTS],
  ['attributes', ATTRIBUTE_FACTS],
];

const started = await KernelMachine.start();
const kernel = typeof started === 'string' ? undefined : started;
afterAll(() => kernel?.close());

const scenarioOf = ({ steps }: Fact, layers: Scenario['layers'] = [FACT_LAYER]): Scenario => ({
  seed: 0,
  metacopy: false,
  layers,
  steps: steps.map(([step]) => step),
});

/** Each step with its result, so that a wrong one is seen beside its call. */
function toldBy({ steps }: Fact, { results, failure }: Outcome): string[] {
  if (failure !== undefined) return [failure];
  return steps.map(([step], i) => `${JSON.stringify(step)} ${results[i]!}`);
}

const expected = ({ steps }: Fact): string[] => steps.map(([step, result]) => `${JSON.stringify(step)} ${result}`);

/** Everything made by the upper, nothing by a lower: the same facts without copy-up. */
const EMPTY: Scenario['layers'][number] = FACT_LAYER.slice(0, 1);

describe.each(FACTS)('%s', (_about, facts) => {
  describe('the engine', () => {
    test.each(facts.map((fact) => [fact.name, fact] as const))('%s', async (_name, fact) => {
      expect(toldBy(fact, await runOnEngine(scenarioOf(fact), { checkEveryStep: true }))).toEqual(expected(fact));
      expect(toldBy(fact, await runOnEngine(scenarioOf(fact, [EMPTY, FACT_LAYER, EMPTY])))).toEqual(expected(fact));
    });
  });

  describe.skipIf(kernel === undefined)(`the kernel${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, () => {
    test('says the same', async () => {
      const outcomes = await kernel!.run(facts.map((fact) => scenarioOf(fact)));
      for (const [i, fact] of facts.entries()) expect(toldBy(fact, outcomes[i]!), fact.name).toEqual(expected(fact));
    });
  });
});
