/* How the cost of opening grows with an archive: zips of 1,000, 10,000 and 100,000 entries, the first time and again. */

import { callFresh, freshScripts } from '../harness/fresh.ts';
import type { Contestant, Measure, Suite } from '../harness/suite.ts';
import { LOOPBACK, dataUrl, forgetArchives, measureOf, overLink } from '../network/link.ts';
import type { Opened } from '../network/stratafs.ts';

const SIZES = [1000, 10_000, 100_000];
const shown = (size: number): string => size.toLocaleString('en');
const first = (size: number): string => `first open, ${shown(size)} entries`;
const again = (size: number): string => `open again, ${shown(size)} entries`;
const argsOf = (size: number): object => ({ url: dataUrl(`entries-${size}.zip`), paths: ['/file1.ts'] });

const stratafs: Contestant = async () => {
  const measured: Record<string, Measure> = {};
  const open = async (size: number): Promise<Measure> =>
    measureOf(await overLink(LOOPBACK, async () => (await callFresh<Opened>('stratafs.js', 'openAndRead', argsOf(size))).ms));
  for (const size of SIZES) {
    await forgetArchives();
    measured[first(size)] = await open(size);
    measured[again(size)] = await open(size);
  }
  return measured;
};

const zenfs: Contestant = async () => {
  const measured: Record<string, number> = {};
  for (const size of SIZES) measured[first(size)] = measured[again(size)] = await callFresh('zenfs.js', 'openAndRead', argsOf(size));
  return measured;
};

export const suite: Suite = {
  name: 'network-growth',
  where: 'worker',
  data: SIZES.map((size) => `entries-${size}.zip`),
  scripts: freshScripts('stratafs', 'zenfs'),
  scenarios: [
    {
      name: 'growth',
      contestants: { stratafs, 'ZenFS Zip': zenfs },
      ours: 'stratafs',
      targets: Object.fromEntries(SIZES.slice(1).map((size) => [again(size), { task: again(SIZES[0]!), atMost: 1.5 }])),
      note: 'opened, listed, and one file read; a server on the same machine; ZenFS keeps nothing and does the same again',
    },
  ],
};
