/*
 * 64 MiB through the upper: written in one call and in calls of 1 MiB, and read back cold. Against bare IndexedDB with larger chunks, and
 * against other file systems.
 */

import { openSyncFile } from '../../src/storage/opfs.ts';
import { emptyArchive } from '../contestants/archive.ts';
import { lightningFs } from '../contestants/lightning-fs.ts';
import { opfsWorker } from '../contestants/opfs-worker.ts';
import { AS_OPENED, stratafs } from '../contestants/stratafs.ts';
import type { StratafsOptions } from '../contestants/stratafs.ts';
import { timed } from '../contestants/subject.ts';
import type { Mount } from '../contestants/subject.ts';
import { zenfs } from '../contestants/zenfs.ts';
import { randomBytes } from '../harness/content.ts';
import { commit, readAll, timeEach, withDatabase } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Scenario, Suite, Target } from '../harness/suite.ts';

const MIB = 1 << 20;
const LENGTH = 64 * MIB;
const content = randomBytes(LENGTH);

interface Tasks {
  readonly whole: string;
  readonly pieces: string;
  readonly read: string;
}

const tasksOf = (how: string): Tasks => ({
  whole: `write 64 MiB in one call, ${how}`,
  pieces: `write 64 MiB in awaited calls of 1 MiB, ${how}`,
  read: `read 64 MiB in one call, cold, ${how}`,
});

const ofFileSystem =
  ({ whole, pieces, read }: Tasks, mount: Mount): Contestant =>
  async () => {
    let subject = await mount(emptyArchive());
    try {
      const { appendTo } = subject;
      const ofWhole = await timed(subject, () => subject.calls.writeFile('/whole.bin', content));
      const ofPieces =
        appendTo &&
        (await timed(subject, async () => {
          const file = await appendTo('/pieces.bin');
          for (let i = 0; i < LENGTH / MIB; i++) await file.append(content.subarray(i * MIB, (i + 1) * MIB));
          await file.close();
        }));
      subject = (await subject.remount?.()) ?? subject;
      const ofRead = await time(async () => {
        const { length } = await subject.calls.readFile('/whole.bin');
        if (length !== LENGTH) throw new Error(`${length} bytes came back`);
      });
      return { [whole]: ofWhole, ...(ofPieces !== undefined && { [pieces]: ofPieces }), [read]: ofRead };
    } finally {
      await subject.remove();
    }
  };

/** As the bare platform would be used: each value its own copy, the chunks of a read joined. */
const bare =
  ({ whole, pieces, read }: Tasks, durability: IDBTransactionDurability, size: number): Contestant =>
  () =>
    withDatabase(['chunks'], async (database) => {
      const put = (transaction: IDBTransaction, from: number, to: number, firstKey: number): void => {
        for (let at = from; at < to; at += size)
          transaction.objectStore('chunks').put(content.slice(at, Math.min(to, at + size)), firstKey + at);
      };
      const write = (from: number, to: number, firstKey: number): Promise<void> =>
        commit(database, 'chunks', (transaction) => put(transaction, from, to, firstKey), durability);
      const ofWhole = await time(() => write(0, LENGTH, 0));
      const step = Math.max(size, MIB);
      const ofPieces = await timeEach(LENGTH / step, (i) => write(i * step, (i + 1) * step, LENGTH));
      const keys = Array.from({ length: LENGTH / size }, (_, i) => i * size);
      const ofRead = await time(async () => {
        const joined = new Uint8Array(LENGTH);
        for (const [i, chunk] of (await readAll(database, 'chunks', keys)).entries()) joined.set(chunk, i * size);
      });
      return { [whole]: ofWhole, [pieces]: ofPieces, [read]: ofRead };
    });

/** Not a file system: one file of the browser's own, flushed where ours acknowledges. */
const syncFile =
  ({ whole, pieces, read }: Tasks): Contestant =>
  async () => {
    const file = (await openSyncFile(['bulk.bin']))!;
    const write = (from: number, to: number): void => {
      file.write(content.subarray(from, to), from);
      file.flush();
    };
    const ofWhole = await time(() => write(0, LENGTH));
    file.truncate(0);
    const ofPieces = await timeEach(LENGTH / MIB, async (i) => write(i * MIB, (i + 1) * MIB));
    const ofRead = await time(() => void file.read(new Uint8Array(LENGTH), 0));
    file.truncate(0);
    file.close();
    return { [whole]: ofWhole, [pieces]: ofPieces, [read]: ofRead };
  };

function scenario(how: string, options: StratafsOptions, alternatives: Record<string, Mount> = {}): Scenario {
  const tasks = tasksOf(how);
  const { durability } = options;
  const best = `bare IndexedDB, 4 MiB, ${durability}`;
  /** In pieces: the same number of transactions. */
  const same = `bare IndexedDB, 1 MiB, ${durability}`;
  const target = (against: string): Target => ({ against, atMost: 1 / 0.7 });
  return {
    name: `64 MiB of random bytes, ${how}`,
    contestants: {
      stratafs: ofFileSystem(tasks, stratafs(options)),
      ...Object.fromEntries(Object.entries(alternatives).map(([name, mount]) => [name, ofFileSystem(tasks, mount)])),
      ...(durability === 'strict' && { 'OPFS, one file': syncFile(tasks) }),
      [same]: bare(tasks, durability, MIB),
      [best]: bare(tasks, durability, 4 * MIB),
    },
    ours: 'stratafs',
    limit: best,
    targets: { [tasks.whole]: [target(best), target(same)], [tasks.pieces]: target(same), [tasks.read]: [target(best), target(same)] },
  };
}

export const suite: Suite = {
  name: 'bulk',
  where: 'worker',
  scenarios: [
    scenario('strict, with the guard', AS_OPENED),
    scenario('strict, without the guard', { ...AS_OPENED, guard: false }),
    scenario('relaxed', { durability: 'relaxed', guard: false }, { ZenFS: zenfs, LightningFS: lightningFs, 'opfs-worker': opfsWorker }),
  ],
};
