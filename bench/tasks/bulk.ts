/* 64 MiB through the upper: written in one call and in calls of 1 MiB, and read back cold. Against bare IndexedDB with larger chunks. */

import { Overlay, idbUpper } from '../../src/engine.ts';
import { randomBytes } from '../harness/content.ts';
import { commit, readAll, settled, timeEach, withDatabase } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Suite } from '../harness/suite.ts';

const MIB = 1 << 20;
const LENGTH = 64 * MIB;
const tasks = {
  whole: 'write 64 MiB in one call',
  pieces: 'write 64 MiB in awaited calls of 1 MiB',
  read: 'read 64 MiB in one call, cold',
};
const content = randomBytes(LENGTH);

let number = 0;

const ours: Contestant = async () => {
  const name = `bulk-${performance.timeOrigin}-${number++}`;
  let overlay = await Overlay.mount({ upper: await idbUpper(name) });
  const { promises } = overlay.fs;
  const whole = await time(() => promises.writeFile('/whole.bin', content));
  const file = await promises.open('/pieces.bin', 'w');
  const pieces = await timeEach(LENGTH / MIB, (i) => file.write(content, i * MIB, MIB));
  await file.close();
  await overlay.close();
  overlay = await Overlay.mount({ upper: await idbUpper(name) });
  const read = await time(() => overlay.fs.promises.readFile('/whole.bin'));
  await overlay.close();
  await settled(indexedDB.deleteDatabase(`stratafs:${name}`));
  return { [tasks.whole]: whole, [tasks.pieces]: pieces, [tasks.read]: read };
};

/** As the bare platform would be used: each value its own copy, the chunks of a read joined. */
const bare =
  (size: number): Contestant =>
  () =>
    withDatabase(['chunks'], async (database) => {
      const put = (transaction: IDBTransaction, from: number, to: number, firstKey: number): void => {
        for (let at = from; at < to; at += size)
          transaction.objectStore('chunks').put(content.slice(at, Math.min(to, at + size)), firstKey + at);
      };
      const whole = await time(() => commit(database, 'chunks', (transaction) => put(transaction, 0, LENGTH, 0)));
      const step = Math.max(size, MIB);
      const pieces = await timeEach(LENGTH / step, (i) =>
        commit(database, 'chunks', (transaction) => put(transaction, i * step, (i + 1) * step, LENGTH)),
      );
      const keys = Array.from({ length: LENGTH / size }, (_, i) => i * size);
      const read = await time(async () => {
        const joined = new Uint8Array(LENGTH);
        for (const [i, chunk] of (await readAll(database, 'chunks', keys)).entries()) joined.set(chunk, i * size);
      });
      return { [tasks.whole]: whole, [tasks.pieces]: pieces, [tasks.read]: read };
    });

const bestBare = 'bare IndexedDB, 4 MiB';
/** In pieces: the same number of transactions. */
const sameBare = 'bare IndexedDB, 1 MiB';
const atMost = 1 / 0.7;

export const suite: Suite = {
  name: 'bulk',
  where: 'worker',
  scenarios: [
    {
      name: '64 MiB of random bytes',
      contestants: { stratafs: ours, 'bare IndexedDB, 256 KiB': bare(MIB / 4), [sameBare]: bare(MIB), [bestBare]: bare(4 * MIB) },
      ours: 'stratafs',
      limit: bestBare,
      targets: {
        [tasks.whole]: { against: bestBare, atMost },
        [tasks.pieces]: { against: sameBare, atMost },
        [tasks.read]: { against: bestBare, atMost },
      },
    },
  ],
};
