/* Every request and every transaction of a session fails once, in every way; see fault-session.ts for what must hold then. */

import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { type Rig, playWithFault } from './fault-session.ts';
import type { FaultKind } from './faults.ts';

const REQUEST_FAULTS: readonly FaultKind[] = ['request throws', 'request fails'];
const TRANSACTION_FAULTS: readonly FaultKind[] = [
  'QuotaExceededError',
  'AbortError',
  'UnknownError',
  'silent, kept',
  'silent, lost',
  'closed',
];

/** Plays the session once for each place where the fault can strike, until it strikes nowhere. Gives in how many places it did. */
async function everywhere(kind: FaultKind, times: number, rig: Rig = {}): Promise<number> {
  for (let at = 0; ; at++) {
    const { fired } = await playWithFault({ kind, at, times }, rig).catch((e: unknown) => {
      throw new Error(`${kind}, ${times} times from ${at} on: ${(e as Error).message}`, { cause: e });
    });
    if (fired === 0) return at;
  }
}

describe('a session whose database fails', () => {
  test('goes through where nothing fails', async () => {
    const { fired } = await playWithFault(undefined);
    expect(fired).toBe(0);
  });

  for (const kind of REQUEST_FAULTS) {
    test(`at every request: ${kind}`, { timeout: 120_000 }, async () => {
      expect(await everywhere(kind, 1)).toBeGreaterThan(40);
    });
  }

  for (const kind of TRANSACTION_FAULTS) {
    test(`at every transaction: ${kind}`, { timeout: 120_000 }, async () => {
      expect(await everywhere(kind, 1)).toBeGreaterThan(25);
    });
  }

  for (const kind of ['request fails', 'QuotaExceededError'] as const) {
    test(`at every place where packs are folded all the time: ${kind}`, { timeout: 120_000 }, async () => {
      const layout = { packFrom: 4, packSize: 3, turns: 3, gathered: 4, large: 40, atOnce: 8, slack: 2, runFrom: 2 };
      expect(await everywhere(kind, 2, { layout })).toBeGreaterThan(25);
    });
  }

  // Made twice, a commit whose end nobody hears of may stand there although it was told as failed: silence-cases.ts has that.
  for (const kind of TRANSACTION_FAULTS.filter((fault) => fault !== 'silent, kept')) {
    test(`at every transaction and the one after it: ${kind}`, { timeout: 120_000 }, async () => {
      expect(await everywhere(kind, 2)).toBeGreaterThan(25);
    });
  }
});
