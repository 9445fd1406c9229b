/* A branch reads its parent's packs and runs, while the parent's owner moves what stands in them. Over an IndexedDB in memory. */

import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import type { Parent, Superblock, UpperRecord } from '../../../src/layer/upper.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { makeBranch } from '../../../src/upper/lineage.ts';
import { databaseUpper } from '../../../src/upper/open-upper.ts';
import { uniqueName } from './idb-cases.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

/** As many files as make packs and runs. The first chunk of each is its number. */
const COUNT = 200;
const superblock: Superblock = { format: 3, lowers: [], snapshots: { list: [{ id: 1, timeMs: 5 }], next: 2 } };
const numbers = Array.from({ length: COUNT }, (_, i) => i + 1);
const records = numbers.map((i): [number, UpperRecord] => [1000 + i, inode({ names: [[1, `f${i}`]], size: 1, chunks: [i] })]);
const root: [number, UpperRecord] = [1, inode({ names: [], mode: 0o40755 })];
const chunks = numbers.map((i) => [i, bytes(i)] as const);

/** The snapshot shows every tenth file; the others were removed, and their chunks with them, by `thin`. */
const shown = numbers.filter((i) => i % 10 === 0);
const others = numbers.filter((i) => i % 10 !== 0);

async function makeFamily() {
  const parent = await idbUpper(uniqueName());
  await parent.load();
  await parent.commit(commitOf({ superblock, records: [root, ...records], chunks }));
  const stands: Parent = { name: parent.name, generation: parent.version!.generation, snapshot: 1, firstChunk: 1000 };
  const name = uniqueName();
  await makeBranch(name, { format: 3, lowers: [], parent: stands });
  const branch = await databaseUpper(name);
  return { parent, branch };
}

const read = async (store: { readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> }): Promise<unknown[]> =>
  (await store.readChunks(shown)).map((chunk) => chunk?.[0]);

test('records and chunks of packs and runs are inherited', async () => {
  const { parent, branch } = await makeFamily();
  expect((await branch.load()).records.size).toBe(COUNT + 1);
  expect(await read(branch)).toEqual(shown.map((i) => i % 256));
  await branch.close();
  await parent.close();
});

test('what stands in small packs is inherited, before the parent folds them and after', async () => {
  const { parent, branch } = await makeFamily();
  const renamed = (i: number): [number, UpperRecord] => [1000 + i, inode({ names: [[1, `g${i}`]], size: 1, chunks: [i] })];
  for (const i of shown) await parent.commit(commitOf({ records: [renamed(i)] }));
  const before = (await branch.load()).records;
  expect(before.get(1010)?.names).toEqual([[1, 'g10']]);
  await parent.commit(commitOf({ records: records.slice(100) })); // folds
  await parent.commit(commitOf({ records: shown.slice(10).map(renamed) }));
  expect((await branch.load()).records).toEqual(before);
  await branch.close();
  await parent.close();
});

test('what a run still holds is read when the parent has written the run anew', async () => {
  const { parent, branch } = await makeFamily();
  await branch.load();
  await read(branch); // knows the run as it was
  await parent.commit(commitOf({ chunks: others.map((i) => [i, undefined] as const) }));
  expect(await read(branch)).toEqual(shown.map((i) => i % 256));
  await branch.close();
  await parent.close();
});

test('a parent that was rebuilt, and has its chunks elsewhere, is read as it is then', async () => {
  const { parent, branch } = await makeFamily();
  await branch.load();
  const parts = chunks.map(([id, content]) => commitOf({ superblock, records: [root, records[id - 1]!], chunks: [[id, content]] }));
  await parent.restore(parent.version!, parts);
  expect(await read(branch)).toEqual(shown.map((i) => i % 256));
  await branch.close();
  await parent.close();
});
