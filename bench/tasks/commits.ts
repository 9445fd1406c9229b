/*
 * Acknowledged small writes through the engine: against the same records in bare IndexedDB at the same durability, and relaxed ones
 * against other file systems, which offer nothing stricter.
 */

import { openSyncFile } from '../../src/storage/opfs.ts';
import { emptyArchive } from '../contestants/archive.ts';
import { lightningFs } from '../contestants/lightning-fs.ts';
import { opfsWorker } from '../contestants/opfs-worker.ts';
import { AS_OPENED, stratafs } from '../contestants/stratafs.ts';
import type { StratafsOptions } from '../contestants/stratafs.ts';
import { assertNames, contestant, timed } from '../contestants/subject.ts';
import type { Mount } from '../contestants/subject.ts';
import { zenfs } from '../contestants/zenfs.ts';
import { randomBytes } from '../harness/content.ts';
import { commit, timeEach, withDatabase } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Scenario, Suite, Target } from '../harness/suite.ts';

const TOGETHER = 1000;
const EACH = 200;
const content = randomBytes(1024);

interface Tasks {
  readonly together: string;
  readonly each: string;
}

const tasksOf = (how: string): Tasks => ({
  together: `1,000 × writeFile of 1 KiB under Promise.all, ${how}`,
  each: `200 × writeFile of 1 KiB, awaited each, ${how}`,
});

const ofFileSystem = ({ together, each }: Tasks, mount: Mount): Contestant =>
  contestant(mount, emptyArchive, async (subject) => {
    const { calls, flush } = subject;
    await calls.mkdir('/together');
    await calls.mkdir('/each');
    await flush();
    const write = (path: string): Promise<unknown> => calls.writeFile(path, content);
    const all = await timed(subject, () => Promise.all(Array.from({ length: TOGETHER }, (_, i) => write(`/together/file${i}.txt`))));
    const one = await timed(subject, async () => {
      for (let i = 0; i < EACH; i++) {
        await write(`/each/file${i}.txt`);
        await flush();
      }
    });
    await assertNames(calls, '/together', TOGETHER);
    await assertNames(calls, '/each', EACH);
    return { [together]: all, [each]: one };
  });

/** What a file system has to store: of each file its attributes and its content, and in each transaction the times of the directory. */
const recordOf = (i: number): object => ({
  names: [[1, `file${i}.txt`]],
  mode: 0o100644,
  uid: 0,
  gid: 0,
  nlink: 1,
  atimeMs: Date.now(),
  mtimeMs: Date.now(),
  ctimeMs: Date.now(),
  birthtimeMs: Date.now(),
  size: content.length,
  chunks: [i],
});

const STORES = ['records', 'chunks'];

const bare =
  ({ together, each }: Tasks, durability: IDBTransactionDurability): Contestant =>
  () =>
    withDatabase(STORES, async (database) => {
      const put = (transaction: IDBTransaction, i: number): void => {
        transaction.objectStore('records').put(recordOf(i), i);
        transaction.objectStore('chunks').put(content.slice(), i);
      };
      const putFiles = (first: number, count: number): Promise<void> =>
        commit(
          database,
          STORES,
          (transaction) => {
            for (let i = first; i < first + count; i++) put(transaction, i);
            transaction.objectStore('records').put(recordOf(0), 0);
          },
          durability,
        );
      const all = await time(() => putFiles(1, TOGETHER));
      const one = await timeEach(EACH, (i) => putFiles(1 + TOGETHER + i, 1));
      return { [together]: all, [each]: one };
    });

/** What another layout could give: everything of a transaction in two values. Nothing of it could be changed or removed by itself. */
const packed =
  ({ together }: Tasks, durability: IDBTransactionDurability): Contestant =>
  () =>
    withDatabase(STORES, async (database) => {
      const all = await time(() =>
        commit(
          database,
          STORES,
          (transaction) => {
            transaction.objectStore('records').put(
              Array.from({ length: TOGETHER }, (_, i) => recordOf(i)),
              0,
            );
            const bytes = new Uint8Array(TOGETHER * content.length);
            for (let i = 0; i < TOGETHER; i++) bytes.set(content, i * content.length);
            transaction.objectStore('chunks').put(bytes, 0);
          },
          durability,
        ),
      );
      return { [together]: all };
    });

/** Not a file system: one file that is appended to, and flushed for each record. */
const appended =
  ({ together, each }: Tasks): Contestant =>
  async () => {
    const path = [`appended-${performance.timeOrigin}`] as const;
    const file = (await openSyncFile(path))!;
    const append = (): void => file.write(content, file.size());
    const all = await time(() => {
      for (let i = 0; i < TOGETHER; i++) append();
      file.flush();
    });
    const one = await timeEach(EACH, async () => {
      append();
      file.flush();
    });
    file.truncate(0);
    file.close();
    return { [together]: all, [each]: one };
  };

function scenario(how: string, options: StratafsOptions, alternatives: Record<string, Mount> = {}, note?: string): Scenario {
  const tasks = tasksOf(how);
  const { durability } = options;
  const limit = `bare IndexedDB, ${durability}`;
  const others = Object.fromEntries(Object.entries(alternatives).map(([name, mount]) => [name, ofFileSystem(tasks, mount)]));
  const tenTimes = ['ZenFS', 'LightningFS'].filter((name) => name in alternatives).map((against): Target => ({ against, atMost: 0.1 }));
  return {
    name: `small acknowledged writes, ${how}`,
    contestants: {
      stratafs: ofFileSystem(tasks, stratafs(options)),
      ...others,
      ...(durability === 'strict' && { 'OPFS, appended and flushed': appended(tasks) }),
      'bare IndexedDB, two values': packed(tasks, durability),
      [limit]: bare(tasks, durability),
    },
    ours: 'stratafs',
    limit,
    targets: { [tasks.together]: [{ against: limit, atMost: 1.5 }, ...tenTimes], [tasks.each]: { against: limit, atMost: 1.3 } },
    ...(note !== undefined && { note }),
  };
}

export const suite: Suite = {
  name: 'commits',
  where: 'worker',
  scenarios: [
    scenario(
      'strict, with the guard',
      AS_OPENED,
      {},
      '*Strict, with the guard* is what `open()` gives: on the disk, twice, when it is acknowledged.',
    ),
    scenario('strict, without the guard', { ...AS_OPENED, guard: false }, {}),
    scenario(
      'relaxed',
      { durability: 'relaxed', guard: false },
      {
        'stratafs with the guard': stratafs({ durability: 'relaxed', guard: true }),
        ZenFS: zenfs,
        LightningFS: lightningFs,
        'opfs-worker': opfsWorker,
      },
      '*Relaxed* is what the others give: ZenFS (`CopyOnWrite` over `Zip` and `IndexedDB`) and LightningFS leave durability to the browser, ' +
        'opfs-worker closes each file without flushing it. LightningFS acknowledges before its table of files is saved: its `flush()` is called where ' +
        'ours acknowledges, once after all calls or after each.',
    ),
  ],
};
