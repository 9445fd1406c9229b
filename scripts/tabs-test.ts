/* `npm run test:tabs -- [--seconds 60] [--seed N]`: random work in three tabs of Chromium while their owners go in every way. */

import { parseArgs } from 'node:util';
import { runRandomTabs } from '../test/e2e/tabs-random.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: String(Date.now() % 1e6) } },
});
const report = await runRandomTabs({ seconds: Number(values.seconds), seed: Number(values.seed) });
console.log(JSON.stringify(report, undefined, 2));
process.exitCode = report.violations.length === 0 ? 0 : 1;
