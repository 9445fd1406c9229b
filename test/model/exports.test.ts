/* Random calls, and what they leave as archives: mounted again, these must show the same. */

import * as fc from 'fast-check';
import { test } from 'vitest';
import { expectExports } from '../support/exported.ts';
import { anyAction, wholeTree } from './arbitraries.ts';
import { Machine } from './machine.ts';

test('the layer of any changes, and the tar of any tree, show what the workspace shows', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      wholeTree,
      fc.integer({ min: 1, max: 3 }),
      fc.array(anyAction, { maxLength: 25, size: 'max' }),
      async (tree, layers, actions) => {
        const machine = await Machine.start({ tree, layers, face: 'promises' });
        try {
          for (const action of actions) await machine.step(action);
          await expectExports(machine.overlay, machine.lowers);
        } finally {
          await machine.close();
        }
      },
    ),
    { numRuns: Number(process.env['MODEL_RUNS'] ?? 150) },
  );
});
