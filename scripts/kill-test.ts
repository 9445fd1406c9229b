/*
 * `npm run test:kill`: kills browsers in the middle of their work, and judges what they find again.
 *
 *   npm run test:kill -- --kills 300 --mode guard|strict|relaxed --seed 1 [--out bench/results/kill-guard.json] [--planted early|split]
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killedBrowsers, makeLower, startKillSite, type PlantedFault } from '../test/kill/scene.ts';
import { type Mode, Rounds } from '../test/kill/rounds.ts';
import { chromiumPath } from '../test/support/chromium.ts';
import { root } from './entries.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '300' },
    mode: { type: 'string', default: 'guard' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    out: { type: 'string' },
    planted: { type: 'string' },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const mode = values.mode as Mode;
if (!['guard', 'strict', 'relaxed'].includes(mode)) throw new Error(`there is no mode '${mode}'`);
const planted = values.planted as PlantedFault | undefined;

// An interrupted run leaves no browser behind.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(130));

const { tree, archive } = makeLower();
await using site = await startKillSite(archive, planted === undefined ? [] : [planted]);
await using place = await killedBrowsers();
await using rounds = new Rounds({
  site,
  place,
  seed,
  mode,
  lower: tree,
  ...(planted === undefined ? {} : { workerUrl: `${site.origin}/${planted}.js` }),
});
const { tally } = rounds;
const start = performance.now();
console.log(`${kills} kills, mode ${mode}, seed ${seed}`);
for (let shown = 0; tally.ends < kills;) {
  await rounds.round();
  for (; shown < tally.violations.length; shown++) console.error(`VIOLATION ${tally.violations[shown]}`);
  if (tally.ends % 25 === 0) console.log(`${tally.ends} kills, ${tally.acknowledged} operations acknowledged, ${tally.databasesLost} lost`);
}
await rounds.finish();
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const report = {
  mode,
  seed,
  versions: {
    stratafs: version,
    chromium: execFileSync(chromiumPath(), ['--version'], { encoding: 'utf8' }).trim(),
    node: process.version,
  },
  seconds: Math.round((performance.now() - start) / 1000),
  ...tally,
};
console.log(JSON.stringify(report, null, 2));
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = tally.violations.length > 0 ? 1 : 0;
