/* docs/PERFORMANCE.md says what the committed results say, and what makes results of measurements can tell a miss. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { resultsOf } from '../../bench/harness/results.ts';
import type { Samples } from '../../bench/harness/rounds.ts';
import { runScenario } from '../../bench/harness/rounds.ts';
import type { Measured, Outline } from '../../bench/harness/suite.ts';
import { DOCUMENT, section, withSection } from '../../bench/render.ts';

test('the document has the committed results', async () => {
  const text = readFileSync(DOCUMENT, 'utf8');
  expect(text, 'npx tsx bench/render.ts writes it').toBe(withSection(text, await section()));
});

const outline = (rest: Partial<Outline> = {}): Outline => ({
  name: 'scenario',
  contestants: ['ours', 'other', 'bare'],
  ours: 'ours',
  limit: 'bare',
  ...rest,
});
const ran = (...runs: Measured[]): Samples => ({ runs, failure: undefined });

test('a ratio is of the same run, and a target is met or missed by its median', () => {
  const samples = new Map([
    ['ours', ran({ task: 10 }, { task: 40 }, { task: 9 })],
    ['other', ran({ task: 100 }, { task: 100 }, { task: 100 })],
    ['bare', ran({ task: 5 }, { task: 20 }, { task: 3 })],
  ]);
  const targets = {
    task: [
      { against: 'bare', atMost: 2 },
      { against: 'other', atMost: 0.05 },
    ],
  };
  const [result] = resultsOf(outline({ targets }), samples);
  expect(result).toMatchObject({
    ratio: { to: 'bare', median: 2 },
    met: true,
    more: [{ ratio: { to: 'other', median: 0.1 }, met: false }],
  });
});

test('growth and counts are judged too', () => {
  const samples = new Map([
    ['ours', ran({ small: 10, large: { ms: 30, counts: { commits: 1 } } }, { small: 10, large: { ms: 30, counts: { commits: 2 } } })],
  ]);
  const targets = {
    large: [
      { task: 'small', atMost: 2 },
      { count: 'commits', atMost: 1 },
    ],
  };
  const [, large] = resultsOf({ name: 'scenario', contestants: ['ours'], ours: 'ours', targets }, samples);
  expect(large).toMatchObject({
    ratio: { median: 3 },
    met: false,
    ours: { counts: { commits: 2 } },
    more: [{ ratio: { median: 2 }, met: false }],
  });
});

test('an alternative that was stopped is beaten by what it would have had to take at least, one that failed by nothing', () => {
  const ours = ran({ task: 10 });
  const targets = { task: { against: 'other', atMost: 0.1 } };
  const judge = (failure: Samples['failure'], atMost = 0.1) =>
    resultsOf(
      outline({ targets: { task: { ...targets.task, atMost } }, contestants: ['ours', 'other'] }),
      new Map([
        ['ours', ours],
        ['other', { runs: [], failure }],
      ]),
    )[0];
  expect(judge({ failed: 'no answer', afterMs: 200 })).toMatchObject({ met: true, alternatives: { other: { failed: 'no answer' } } });
  expect(judge({ failed: 'no answer', afterMs: 50 })).not.toHaveProperty('met');
  expect(judge({ failed: 'ENOTSUP' })).not.toHaveProperty('met');
});

test('an alternative that throws or never answers does not end the run, ours does', async () => {
  const contestants = ['ours', 'throws', 'hangs'];
  let restarts = 0;
  const bench = (failing: string) => ({
    outline: () => Promise.resolve([]),
    call: (_: number, name: string): Promise<Measured> => {
      if (name === failing) return Promise.reject(new Error('page.evaluate: Error: ENOTSUP: no\n  at x'));
      return name === 'hangs' ? new Promise(() => undefined) : Promise.resolve({ task: 1 });
    },
    restart: () => Promise.resolve(void restarts++),
  });
  const scenario: Outline = { name: 'scenario', contestants, ours: 'ours', timeout: 0.001 };
  const samples = await runScenario(bench('throws'), 0, scenario, 2);
  expect(samples.get('ours')?.runs).toEqual([{ task: 1 }, { task: 1 }]);
  expect(samples.get('throws')?.failure).toEqual({ failed: 'ENOTSUP: no' });
  expect(samples.get('hangs')?.failure).toEqual({ failed: 'no answer within 0.001 s', afterMs: 1 });
  expect(restarts).toBe(2);
  await expect(runScenario(bench('ours'), 0, scenario, 2)).rejects.toThrow('ENOTSUP');
});
