/* Browsers that are killed in the middle of their work. `npm run test:kill` does the same for as long as one likes. */

import { expect, test } from 'vitest';
import { type Mode, Rounds } from '../kill/rounds.ts';
import { type PlantedFault, killedBrowsers, makeLower, startKillSite } from '../kill/scene.ts';

/** Kills until there were so many, or something was found out. `lossAfter`: after so many the databases are taken away once. */
async function kill(mode: Mode, kills: number, planted?: PlantedFault, lossAfter?: number): Promise<Rounds['tally']> {
  const { tree, archive } = makeLower();
  await using site = await startKillSite(archive, planted === undefined ? [] : [planted]);
  await using place = await killedBrowsers();
  const workerUrl = `${site.origin}/${planted ?? 'worker'}.js`;
  await using rounds = new Rounds({ site, place, seed: 4, mode, lower: tree, workerUrl });
  const { tally } = rounds;
  while (tally.ends < kills && tally.violations.length === 0) {
    await rounds.round();
    if (tally.ends === lossAfter && tally.databasesLost === 0) await rounds.lose();
  }
  if (tally.violations.length === 0) await rounds.finish();
  return tally;
}

test.each<[Mode, number]>([
  ['guard', 6],
  ['strict', 2],
  ['relaxed', 2],
])('mode %s: after %i kills everything acknowledged is there, and nothing half', async (mode, kills) => {
  const tally = await kill(mode, kills);
  expect(tally.violations).toEqual([]);
  expect(tally.acknowledged).toBeGreaterThan(kills);
});

test('databases that are gone after a kill: with the guard everything acknowledged is back', async () => {
  const { databasesLost, rebuilt, violations } = await kill('guard', 3, undefined, 2);
  expect({ databasesLost, rebuilt, violations }).toEqual({ databasesLost: 1, rebuilt: 1, violations: [] });
});

test('databases that are gone after a kill: without the guard opening says so', async () => {
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
