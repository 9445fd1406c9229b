/* The checker's rule of snapshots has its own test: a fault is planted in what an upper keeps for them, and the alarm is expected. */

import { describe, expect, test } from 'vitest';
import { Overlay } from '../../src/fs/overlay.ts';
import { FIRST_HISTORY_ID, type HistoryRecord, type LiveRecord, type UpperRecord, isHistory } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { imageOf } from '../support/dump-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file } from '../support/tree.ts';

const layer = () => lower(file('a', 'a'), dir('d'));
const NEW = FIRST_HISTORY_ID + 1000;

/** What the healthy upper has: the current record of `/d/f`, and what two snapshots show of it. */
interface Known {
  readonly f: number;
  readonly current: LiveRecord;
  readonly first: HistoryRecord;
  readonly second: HistoryRecord;
  /** Of the history record of `/d`, the directory. */
  readonly directory: number;
}

interface Fault {
  readonly name: string;
  readonly says: string;
  readonly records: (known: Known) => readonly (readonly [number, UpperRecord | undefined])[];
  /** Repair can mend it, because no snapshot needs it. */
  readonly isMended?: true;
}

const FAULTS: readonly Fault[] = [
  { name: 'a version of no inode number', says: "no record's number", records: ({ first }) => [[NEW, { ...first, was: 500_000 }]] },
  { name: 'a version under an inode number', says: 'under an inode number', records: ({ first, f }) => [[f + 5, first]] },
  {
    name: 'a version that ends after the last snapshot',
    says: 'ends with snapshot 9',
    records: ({ f, second }) => [[NEW, { ...second, was: f + 9, until: 9 }]],
  },
  {
    name: 'a version that ends before it began',
    says: 'ends with snapshot 1',
    records: ({ second, f }) => [[NEW, { ...second, was: f + 9, until: 1 }]],
    isMended: true,
  },
  {
    name: 'a version that no snapshot shows',
    says: 'no snapshot shows it',
    records: ({ second, f }) => [[NEW, { ...second, was: f + 9, until: 2 }]],
    isMended: true,
  },
  { name: 'two versions in one snapshot', says: 'snapshot 3 shows it and', records: ({ second }) => [[NEW, second]] },
  {
    name: 'a version in a snapshot that shows the current one too',
    says: 'snapshot 3 shows it and',
    records: ({ f, current }) => [[f, { ...current, since: 1 }]],
  },
  {
    name: 'a record made after a snapshot that never was',
    says: 'after snapshot 9',
    records: ({ f, current }) => [[f, { ...current, since: 9 }]],
  },
  {
    name: 'a name in a directory that the snapshot does not have',
    says: 'in snapshot 1: stands in directory',
    records: ({ directory }) => [[directory, undefined]],
  },
];

/** An upper with snapshots 1 and 3; 2 was removed. */
async function healthy() {
  const upper = memoryUpper();
  const overlay = await Overlay.mount({ lower: [layer()], upper });
  const { promises: fs } = overlay.fs;
  await fs.writeFile('/d/f', 'one');
  const f = (await fs.stat('/d/f')).ino;
  await overlay.snapshot();
  await fs.writeFile('/d/f', 'two');
  await overlay.snapshot();
  await overlay.snapshot();
  await overlay.removeSnapshot(2);
  await fs.writeFile('/d/f', 'three');
  await fs.rename('/d', '/e');
  await overlay.close();
  const { records, superblock } = await imageOf(upper);
  const kept = [...records].flatMap(([id, record]) => (isHistory(record) ? [{ id, record }] : []));
  const [first, second] = kept.filter(({ record }) => record.was === f).map(({ record }) => record);
  const directory = kept.find(({ record: { record } }) => 'mode' in record && record.names[0]?.[1] === 'd')!.id;
  const current = records.get(f) as LiveRecord;
  return { upper, known: { f, current, first: first!, second: second!, directory }, superblock };
}

describe('checker', () => {
  test('a healthy upper with snapshots has no violation', async () => {
    const { upper } = await healthy();
    await using overlay = await Overlay.mount({ lower: [layer()], upper });
    expect(await overlay.check()).toEqual([]);
    expect(await overlay.verify()).toEqual([]);
  });

  for (const { name, says, records, isMended } of FAULTS) {
    test(`${name} raises the alarm, and is ${isMended === true ? 'mended' : 'left alone'}`, async () => {
      const { upper, known } = await healthy();
      await upper.load();
      await upper.commit({ records: new Map(records(known)), chunks: new Map(), durability: 'strict' });
      await upper.close();
      await using overlay = await Overlay.mount({ lower: [layer()], upper });
      const violations = await overlay.check({ repair: true });
      expect(violations.map(({ message }) => message).join('; ')).toContain(says);
      expect((await overlay.check()).length === 0).toBe(isMended === true);
    });
  }

  test('another list of snapshots in the store raises the alarm', async () => {
    const { upper, superblock } = await healthy();
    await using overlay = await Overlay.mount({ lower: [layer()], upper });
    const snapshots = { list: [], next: 9 };
    await upper.commit({ superblock: { ...superblock!, snapshots }, records: new Map(), chunks: new Map(), durability: 'strict' });
    expect(await overlay.check()).toMatchObject([{ rule: 'I11', message: 'the store has other snapshots' }]);
  });

  test('a chunk that is lost, and that only a snapshot shows, is found by verifying', async () => {
    const { upper, known } = await healthy();
    const [chunk] = (known.first.record as { chunks: readonly number[] }).chunks;
    await upper.load();
    await upper.commit({ records: new Map(), chunks: new Map([[chunk!, undefined]]), durability: 'strict' });
    await using overlay = await Overlay.mount({ lower: [layer()], upper });
    expect(await overlay.verify()).toEqual([
      { layer: 'upper', path: '/e/f (in a snapshot)', message: `the upper has lost chunk ${chunk}` },
    ]);
  });

  test('a count of what snapshots keep that is wrong raises the alarm', async () => {
    const { upper } = await healthy();
    await using overlay = await Overlay.mount({ lower: [layer()], upper });
    overlay.engine.tree.space.kept.clear();
    expect((await overlay.check()).map(({ rule }) => rule)).toContain('I11');
  });
});
