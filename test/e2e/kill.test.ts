/* Browsers that are killed in the middle of their work. `npm run test:kill` does the same for as long as one likes. */

import { expect, test as anywhere } from 'vitest';
import { type Mode, Rounds } from '../kill/rounds.ts';
import { type PlantedFault, killedBrowsers, makeLower, startKillSite } from '../kill/scene.ts';

/** Whole groups of processes are killed, and /proc tells when they are gone. */
const test = anywhere.runIf(process.platform === 'linux');

/** Kills until there were so many, or something was found out. `damageAfter`: after so many the databases are damaged once, so that the browser deletes them. */
async function kill(mode: Mode, kills: number, planted?: PlantedFault, damageAfter?: number): Promise<Rounds['tally']> {
  const { tree, archive } = makeLower();
  await using site = await startKillSite(archive, planted === undefined ? [] : [planted]);
  await using place = await killedBrowsers();
  const workerUrl = `${site.origin}/${planted ?? 'worker'}.js`;
  await using rounds = new Rounds({ site, place, seed: 4, mode, lower: tree, workerUrl });
  const { tally } = rounds;
  // On a machine that is busy a browser may be killed before it has done anything: then another one is.
  while ((tally.ends < kills || tally.acknowledged <= kills) && tally.violations.length === 0) {
    await rounds.round();
    if (tally.ends === damageAfter && tally.databasesLost === 0) await rounds.damage();
  }
  if (tally.violations.length === 0) await rounds.finish();
  return tally;
}

test.each<[Mode, number]>([
  ['guard', 4],
  ['strict', 2],
  ['relaxed', 2],
])('mode %s: after %i kills everything acknowledged is there, and nothing half', async (mode, kills) => {
  const tally = await kill(mode, kills);
  expect(tally.violations).toEqual([]);
  expect(tally.acknowledged).toBeGreaterThan(kills);
});

test('databases that the browser deletes after a kill: with the guard everything acknowledged is back', async () => {
  const { databasesLost, rebuilt, violations } = await kill('guard', 3, undefined, 2);
  expect({ databasesLost, rebuilt, violations }).toEqual({ databasesLost: 1, rebuilt: 1, violations: [] });
});

test('databases that the browser deletes after a kill: without the guard opening says so', async () => {
  const { databasesLost, reported, violations } = await kill('strict', 3, undefined, 2);
  expect({ databasesLost, reported, violations }).toEqual({ databasesLost: 1, reported: 1, violations: [] });
});

test.each<[PlantedFault, string]>([
  ['early', 'that acknowledges before the commit'],
  ['split', 'that commits in two halves'],
])('%s: a worker %s is found out', async (fault) => {
  const { violations } = await kill('strict', 12, fault);
  expect(violations).not.toEqual([]);
});

test('silent: a worker whose opening never ends is found out, and what the page knows is told', async () => {
  const { tree, archive } = makeLower();
  await using site = await startKillSite(archive, ['silent']);
  await using place = await killedBrowsers();
  const workerUrl = `${site.origin}/silent.js`;
  await using rounds = new Rounds({ site, place, seed: 4, mode: 'guard', lower: tree, workerUrl, patience: 6_000 });
  await rounds.finish();
  expect(rounds.tally.violations).toEqual([
    expect.stringMatching(/neither opens nor fails within 6000 ms: 'open' for \d+ ms; databases: \[\]; files: /),
  ]);
});
