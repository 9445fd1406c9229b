/* The model is of use only if it finds something: engines that are broken on purpose must be caught. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { brokenEngines, withCalls, withCommits } from '../kernel/planted-engine.ts';
import type { Mount } from '../kernel/engine-machine.ts';
import { anyAction, anyCall, wholeTree } from './arbitraries.ts';
import { Machine } from './machine.ts';

/** Whether random sequences find anything wrong with what is mounted. */
async function isCaught(mount: Mount): Promise<boolean> {
  const actions = fc.array(anyAction, { minLength: 1, maxLength: 40, size: 'max' });
  const property = fc.asyncProperty(wholeTree, fc.constantFrom(1, 2, 5), actions, async (tree, layers, all) => {
    const machine = await Machine.start({ tree, layers, face: 'sync', mount });
    try {
      for (const action of all) await machine.step(action);
      await machine.assertSame('the last action');
      await machine.remount();
    } finally {
      await machine.close();
    }
  });
  return (await fc.check(property, { numRuns: 200, endOnFailure: true })).failed;
}

describe('the model finds', () => {
  test.each(brokenEngines)('%s', { timeout: 60_000 }, async (_what, mount) => {
    expect(await isCaught(mount)).toBe(true);
  });

  test('nothing in an engine that is wrapped in the same way and left as it is', { timeout: 60_000 }, async () => {
    expect(await isCaught(withCalls(() => ({})))).toBe(false);
    expect(await isCaught(withCommits((commit) => commit))).toBe(false);
  });

  test('acknowledgements without a commit', { timeout: 60_000 }, async () => {
    const calls = fc.array(anyCall, { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(wholeTree, calls, async (tree, actions) => {
      const machine = await Machine.start({
        tree,
        layers: 2,
        face: 'promises',
        mount: withCommits((commit) => ({ ...commit, records: new Map() })),
      });
      try {
        await machine.batch(actions);
        await machine.remount();
      } finally {
        await machine.close();
      }
    });
    expect((await fc.check(property, { numRuns: 100, endOnFailure: true })).failed).toBe(true);
  });
});
