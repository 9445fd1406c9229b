/* Workers that are terminated and tabs that are closed in the middle of their work: as test/e2e/kill.test.ts, in a browser that lives on. */

import type { BrowserContext } from 'playwright-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Place, Rounds } from '../kill/rounds.ts';
import { makeLower, startKillSite } from '../kill/scene.ts';
import { type Profile, makeProfile } from '../support/chromium.ts';

const ENDS = 6;

let profile: Profile;
let browser: BrowserContext;

beforeEach(async () => {
  profile = await makeProfile();
  browser = await profile.launch();
});
afterEach(() => profile.remove());

const tabs: Place = {
  async visit(url) {
    const page = await browser.newPage();
    await page.goto(url);
    return { end: () => page.close() };
  },
  renew: () => Promise.reject(new Error('the browser is to keep what it has')),
};

test.each<[string, 'end' | 'terminate']>([
  ['closing the tab', 'end'],
  ['worker.terminate()', 'terminate'],
])('%s in mid-stream loses nothing acknowledged and leaves nothing half', async (_name, by) => {
  const { tree, archive } = makeLower();
  await using site = await startKillSite(archive);
  await using rounds = new Rounds({ site, place: tabs, seed: 5, mode: 'guard', lower: tree, by });
  while (rounds.tally.ends < ENDS && rounds.tally.violations.length === 0) await rounds.round();
  expect(rounds.tally.violations).toEqual([]);
  await rounds.finish();
  expect(rounds.tally.violations).toEqual([]);
  expect(rounds.tally.acknowledged).toBeGreaterThan(ENDS);
});
