/* Acknowledged small writes through the engine: against the same records in bare IndexedDB at the same durability (strict). */

import { Overlay, idbUpper } from '../../src/engine.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { randomBytes } from '../harness/content.ts';
import { commit, settled, timeEach, withDatabase } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Measured, Suite } from '../harness/suite.ts';

const TOGETHER = 1000;
const EACH = 200;
const content = randomBytes(1024);
const tasks = { together: `${TOGETHER} × writeFile of 1 KiB under Promise.all`, each: `${EACH} × writeFile of 1 KiB, awaited each` };

let number = 0;

async function withWorkspace(work: (fs: FsPromises) => Promise<Measured>): Promise<Measured> {
  const name = `commits-${performance.timeOrigin}-${number++}`;
  const overlay = await Overlay.mount({ upper: await idbUpper(name) });
  try {
    return await work(overlay.fs.promises);
  } finally {
    await overlay.close();
    await settled(indexedDB.deleteDatabase(`stratafs:${name}`));
  }
}

const ours: Contestant = () =>
  withWorkspace(async (fs) => {
    const write = (i: number): Promise<void> => fs.writeFile(`/file${i}.txt`, content);
    const together = await time(() => Promise.all(Array.from({ length: TOGETHER }, (_, i) => write(i))));
    const each = await timeEach(EACH, (i) => write(TOGETHER + i));
    return { [tasks.together]: together, [tasks.each]: each };
  });

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

const bare: Contestant = () =>
  withDatabase(['records', 'chunks'], async (database) => {
    const put = (transaction: IDBTransaction, i: number): void => {
      transaction.objectStore('records').put(recordOf(i), i);
      transaction.objectStore('chunks').put(content.slice(), i);
    };
    const putAll = (transaction: IDBTransaction): void => {
      for (let i = 0; i < TOGETHER; i++) put(transaction, i);
    };
    const together = await time(() => commit(database, ['records', 'chunks'], putAll));
    const each = await timeEach(EACH, (i) => commit(database, ['records', 'chunks'], (transaction) => put(transaction, TOGETHER + i)));
    return { [tasks.together]: together, [tasks.each]: each };
  });

export const suite: Suite = {
  name: 'commits',
  where: 'worker',
  scenarios: [
    {
      name: 'small acknowledged writes',
      contestants: { stratafs: ours, 'bare IndexedDB': bare },
      ours: 'stratafs',
      limit: 'bare IndexedDB',
      targets: {
        [tasks.together]: { against: 'bare IndexedDB', atMost: 1.5 },
        [tasks.each]: { against: 'bare IndexedDB', atMost: 1.3 },
      },
    },
  ],
};
