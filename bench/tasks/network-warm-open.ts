/*
 * A reload: an archive that was opened before, and a workspace over it with 10,000 changed files. Against reading as many records with
 * one `getAll`, and nothing else; and over archives of very different sizes.
 */

import { callFresh, freshScripts } from '../harness/fresh.ts';
import type { Measured, Suite } from '../harness/suite.ts';
import { LOOPBACK, dataUrl, once, setLink } from '../network/link.ts';
import type { OpenArgs, Opened } from '../network/stratafs.ts';

const CHANGED = 10_000;
const SMALL = 'entries-1000.zip';
const LARGE = 'entries-100000.zip';
const REAL = 'real.zip';
const ARCHIVES = [SMALL, LARGE, REAL];
const RECORDS = 'bare-records';

const taskOf = (archive: string): string => `reopen ${archive}, 10,000 changed files`;
const argsOf = (archive: string): OpenArgs => ({ url: dataUrl(archive), upper: `warm-${archive}` });

const prepared = once(async () => {
  await setLink(LOOPBACK);
  for (const archive of ARCHIVES) await callFresh('stratafs.js', 'change', { ...argsOf(archive), count: CHANGED });
  await callFresh('bare.js', 'makeRecords', { database: RECORDS, count: CHANGED });
});

/** Runs something once an archive. */
async function forEach(work: (archive: string) => Promise<number>): Promise<Measured> {
  await prepared();
  const measured: Record<string, number> = {};
  for (const archive of ARCHIVES) measured[taskOf(archive)] = await work(archive);
  return measured;
}

export const suite: Suite = {
  name: 'network-warm-open',
  where: 'worker',
  data: ARCHIVES,
  scripts: freshScripts('stratafs', 'bare'),
  scenarios: [
    {
      name: 'warm open',
      contestants: {
        stratafs: () => forEach(async (archive) => (await callFresh<Opened>('stratafs.js', 'openAndRead', argsOf(archive))).ms),
        'one getAll of 10,000 records': () => forEach(() => callFresh('bare.js', 'getAll', { database: RECORDS })),
      },
      ours: 'stratafs',
      limit: 'one getAll of 10,000 records',
      targets: {
        [taskOf(REAL)]: { against: 'one getAll of 10,000 records', atMost: 1.5 },
        [taskOf(LARGE)]: [
          { against: 'one getAll of 10,000 records', atMost: 1.5 },
          { task: taskOf(SMALL), atMost: 1.25 },
        ],
      },
      note: 'the archive as the cache kept it, the server asked once whether it is still the same; a new worker each time; opening the database is part of both',
    },
  ],
};
