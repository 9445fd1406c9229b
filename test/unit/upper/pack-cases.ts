/* Packs of records and runs of chunks: what stands where, what overrules what, and what becomes of damage. Runs over the global `indexedDB`. */

import { afterEach, expect, test, vi } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import type { UpperRecord, UpperStore } from '../../../src/layer/upper.ts';
import { type IdbUpperOptions, idbUpper } from '../../../src/upper/idb-store.ts';
import { LAYOUT } from '../../../src/upper/layout.ts';
import { decodePack, encodePack } from '../../../src/upper/record-pack.ts';
import type { VersionedStore } from '../../../src/upper/versioned-store.ts';
import { type Recording, dumpDatabase } from '../../fixtures/schema/recording.ts';
import { abortCommits, putRaw, uniqueName } from './idb-cases.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

const FIRST = 2 ** 31;

const record = (id: number, size = id % 1000): UpperRecord => inode({ size, names: [[1, `f${id}`]] });

/** Records of `count` files, of this size where one is given. */
const files = (count: number, size?: number): [number, UpperRecord][] =>
  Array.from({ length: count }, (_, i) => [FIRST + i, record(FIRST + i, size)]);
/** A record of a file with many chunks. */
const large = (size: number): UpperRecord => inode({ size, chunks: Array.from({ length: 600 }, (_, i) => i + 1) });

const ROOT: [number, UpperRecord] = [1, record(1)];

const gone = (count: number): [number, undefined][] => Array.from({ length: count }, (_, i) => [FIRST + i, undefined]);
const contents = (count: number, length = 10, first = 1): [number, Uint8Array<ArrayBuffer>][] =>
  Array.from({ length: count }, (_, i) => [first + i, new Uint8Array(length).fill(first + i)]);

async function loaded(name = uniqueName(), options: IdbUpperOptions = {}): Promise<VersionedStore> {
  const store = await idbUpper(name, options);
  await store.load();
  return store;
}

/** What stands in rows of turns, as entries. */
const packsOfTurns = (stores: Recording['stores']) =>
  (stores['turns'] as [number, { records?: Uint8Array }][]).flatMap(([, { records }]) =>
    records === undefined ? [] : [decodePack(records)!],
  );

/** How many rows stand in each store; of turns, those with records. */
async function rowsOf({ name }: UpperStore): Promise<Record<string, number>> {
  const { stores } = await dumpDatabase(name);
  const rows = ['records', 'packs', 'chunks', 'runs'].map((store) => [store, stores[store]!.length]);
  return Object.fromEntries([...rows, ['turns', packsOfTurns(stores).length]]) as Record<string, number>;
}

async function reopened(store: UpperStore, options: IdbUpperOptions = {}): Promise<ReadonlyMap<number, UpperRecord>> {
  const again = await idbUpper(store.name, options);
  const { records } = await again.load();
  await again.close();
  return records;
}

const isDamage = (what: string) => (e: unknown) => isFsError(e, 'EIO') && e.message.includes(what);

export function packCases(): void {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each([
    ['one file', 1, { records: 0, packs: 1, chunks: 1, runs: 0, turns: 1 }],
    ['63 files', 63, { records: 0, packs: 1, chunks: 1, runs: 1, turns: 1 }],
    ['64 files', 64, { records: 0, packs: 2, chunks: 1, runs: 1, turns: 0 }],
    ['1,000 files', 1000, { records: 0, packs: 3, chunks: 4, runs: 4, turns: 0 }],
  ])('a commit of many records and small chunks is a few rows: %s', async (_what, count, rows) => {
    const store = await loaded();
    await store.commit(commitOf({ records: [ROOT] }));
    await store.commit(commitOf({ records: files(count), chunks: contents(count) }));
    expect(await rowsOf(store)).toEqual(rows);
    expect([...(await reopened(store))]).toEqual([ROOT, ...files(count)]);
  });

  test('few chunks, large ones and those whose ids do not follow each other are rows of their own; a run ends before 64 KiB', async () => {
    const store = await loaded();
    await store.commit(commitOf({ chunks: contents(15) }));
    await store.commit(commitOf({ chunks: contents(20).map(([id, value]) => [100 + 2 * id, value]) }));
    await store.commit(commitOf({ chunks: contents(20, (16 << 10) + 1, 200) }));
    expect(await rowsOf(store)).toMatchObject({ chunks: 55, runs: 0 });
    await store.commit(commitOf({ chunks: contents(20, 16 << 10, 300) }));
    expect(await rowsOf(store)).toMatchObject({ chunks: 55 + 7, runs: 7 });
    expect(await store.readChunks([300, 319, 200, 15])).toEqual(
      [300, 319, 200, 15].map((id) => new Uint8Array(id === 15 ? 10 : id === 200 ? (16 << 10) + 1 : 16 << 10).fill(id)),
    );
    await store.close();
  });

  test('small packs overrule large ones, a later one an earlier one, and a record that is gone stays gone', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(100, 1) }));
    await store.commit(
      commitOf({
        records: [
          [FIRST, undefined],
          [FIRST + 1, record(FIRST + 1, 2)],
          [FIRST + 2, undefined],
        ],
      }),
    );
    await store.commit(commitOf({ records: [[FIRST + 2, record(FIRST + 2, 3)]] }));
    await store.commit(commitOf({ records: [[FIRST + 1, undefined]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 1, turns: 3 });
    const expected = new Map(files(100, 1)).set(FIRST + 2, record(FIRST + 2, 3));
    expected.delete(FIRST);
    expected.delete(FIRST + 1);
    expect(new Map(await reopened(store))).toEqual(expected);
    await store.close();
  });

  test('removing what was never stored writes no pack', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: gone(3) }));
    await store.commit(commitOf({ records: gone(3) }));
    await store.commit(commitOf({ records: [...gone(2), [FIRST + 9, record(1)]] }));
    expect(await rowsOf(store)).toMatchObject({ packs: 0, turns: 1 });
    expect(packsOfTurns((await dumpDatabase(store.name)).stores)).toEqual([[[FIRST + 9, expect.anything()]]]);
    await store.close();
  });

  test('a large record stands in a row, and is written in its place however often it changes; a small one takes the row away', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(3, 1) }));
    for (let round = 1; round <= 9; round++) await store.commit(commitOf({ records: [[FIRST, large(round)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 1, packs: 1 });
    await store.commit(commitOf({ records: [...files(100, 2).slice(1), [FIRST + 200, large(5)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 2, packs: 1 });
    await store.close();
    const next = await loaded(store.name);
    expect((await next.load()).records.get(FIRST)).toEqual(large(9));
    await next.commit(commitOf({ records: [[FIRST, record(FIRST, 7)]] }));
    await next.commit(commitOf({ records: [[FIRST + 200, undefined]] }));
    expect(await rowsOf(next)).toMatchObject({ records: 0, packs: 2 });
    expect([...(await reopened(next))]).toEqual([[FIRST, record(FIRST, 7)], ...files(100, 2).slice(1)]);
    await next.close();
  });

  test.each([
    ['a small pack', 3],
    ['a large pack', 100],
  ])('a large record that is removed does not give way to what %s said of it before', async (_what, count) => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(count, 1) }));
    await store.commit(commitOf({ records: [[FIRST, large(1)]] }));
    await store.commit(commitOf({ records: [[FIRST, undefined]] }));
    expect([...(await reopened(store))]).toEqual(files(count, 1).slice(1));
    await store.close();
  });

  test.each([
    ['many names', { names: Array.from({ length: 200 }, (_, i): [number, string] => [1, `n${i}`]) }],
    ['a long target', { mode: 0o120777, target: 'x'.repeat(5000) }],
    ['large xattrs', { xattrs: new Map([['user.x', new Uint8Array(5000)]]) }],
  ])('a record is large by %s too', async (_what, more) => {
    const store = await loaded();
    await store.commit(commitOf({ records: [[FIRST, inode(more)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 1, packs: 0 });
    expect((await reopened(store)).get(FIRST)).toEqual(inode(more));
    await store.close();
  });

  test('records come with rising ids, wherever they stand', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(100) }));
    await store.commit(commitOf({ records: [[FIRST + 5, record(1)]] }));
    await store.commit(commitOf({ records: [[5, record(1)]] }));
    expect([...(await reopened(store)).keys()]).toEqual([5, ...files(100).map(([id]) => id)]);
    await store.close();
  });

  test('small packs that have gathered are folded into large ones with the next commit', async () => {
    const store = await loaded();
    await store.commit(commitOf({}));
    for (let at = 0; at < 500; at += 50) await store.commit(commitOf({ records: files(500).slice(at, at + 50) }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 0, turns: 10 });
    await store.commit(commitOf({ records: files(520, 7).slice(500) }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 2, turns: 0 });
    await store.commit(commitOf({ records: [[FIRST, record(FIRST, 9)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 2, turns: 1 });
    expect([...(await reopened(store)).values()].map((one) => 'size' in one && one.size)).toEqual([
      9,
      ...files(500)
        .slice(1)
        .map(([id]) => id % 1000),
      ...Array.from({ length: 20 }, () => 7),
    ]);
    await store.close();
  });

  test('small packs are folded too when the one file that is saved again and again is the same', async () => {
    const store = await loaded();
    for (let round = 1; round <= 100; round++) await store.commit(commitOf({ records: [[FIRST, record(FIRST, round)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 1, turns: 99 });
    await store.commit(commitOf({ records: [[FIRST, record(FIRST, 101)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 1, turns: 0 });
    expect((await dumpDatabase(store.name)).stores['turns']!.map(([turn]) => turn)).toEqual([1, 101]);
    expect([...(await reopened(store))]).toEqual([[FIRST, record(FIRST, 101)]]);
    await store.close();
  });

  test('what a new owner finds in small packs is folded as if it were its own', async () => {
    const layout = { ...LAYOUT, gathered: 10 };
    const store = await loaded(undefined, { layout });
    await store.commit(commitOf({ records: files(100, 1) }));
    await store.commit(commitOf({ records: [...gone(2), ...files(5, 2).slice(2)] }));
    await store.close();
    const next = await loaded(store.name, { layout });
    await next.commit(commitOf({ records: files(10, 3).slice(4) }));
    const { stores } = await dumpDatabase(store.name);
    expect(stores['packs']!.map(([, value]) => decodePack(value)!.length)).toEqual([100, 10]);
    expect([...(await reopened(next))]).toEqual([...files(4, 2).slice(2), ...files(10, 3).slice(4), ...files(100, 1).slice(10)]);
    await next.close();
  });

  test('rows that an older version has left are read, overruled, and folded, several times where they are many', async () => {
    const { name } = await loaded();
    for (const [id, one] of files(100)) await putRaw(name, 'records', id, one);
    const next = await loaded(name, { layout: { ...LAYOUT, gathered: 100, atOnce: 60 } });
    await next.commit(commitOf({ records: [[FIRST + 99, record(1, 5)]] }));
    expect(await rowsOf(next)).toMatchObject({ records: 39, packs: 1 });
    await next.commit(commitOf({ records: [[FIRST + 70, undefined]] }));
    expect(await rowsOf(next)).toMatchObject({ records: 38, packs: 1 });
    await next.close();
    const last = await loaded(name, { layout: { ...LAYOUT, gathered: 10, packFrom: 10 } });
    await last.commit(commitOf({ records: [[FIRST + 98, undefined]] }));
    expect(await rowsOf(last)).toMatchObject({ records: 0, packs: 2 });
    const expected = new Map(files(100)).set(FIRST + 99, record(1, 5));
    expected.delete(FIRST + 70);
    expected.delete(FIRST + 98);
    expect(new Map(await reopened(last))).toEqual(expected);
    await last.close();
  });

  test('when everything is removed at once, nothing is left of it', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(2000), chunks: contents(2000) }));
    await store.commit(commitOf({ records: gone(2000), chunks: contents(2000).map(([id]) => [id, undefined]) }));
    expect(await rowsOf(store)).toEqual({ records: 0, packs: 0, chunks: 0, runs: 0, turns: 0 });
    expect((await reopened(store)).size).toBe(0);
    await store.close();
  });

  test('what was overruled is never more than what counts and some hundred, however often everything changes', async () => {
    const store = await loaded(undefined, { layout: { ...LAYOUT, slack: 100 } });
    for (let round = 1; round <= 9; round++) await store.commit(commitOf({ records: files(300, round) }));
    await store.commit(commitOf({ records: gone(150) }));
    expect((await rowsOf(store))['packs']).toBeLessThanOrEqual(3);
    expect([...(await reopened(store))]).toEqual(files(300, 9).slice(150));
    await store.close();
  });

  test('bytes of a run go when half of them count no more, and the row with the last of them', async () => {
    const store = await loaded();
    await store.commit(commitOf({ chunks: contents(20, 100) }));
    const size = async (): Promise<unknown> =>
      (await dumpDatabase(store.name)).stores['chunks']!.map(([, value]) => (value as Uint8Array).length);
    await store.commit(commitOf({ chunks: contents(10).map(([id]) => [id, undefined]) }));
    expect(await size()).toEqual([2000]);
    await store.commit(commitOf({ chunks: [[12, undefined]] }));
    expect(await size()).toEqual([900]);
    const left = [11, 13, 20].map((id) => new Uint8Array(100).fill(id));
    expect(await store.readChunks([1, 11, 12, 13, 20])).toEqual([undefined, left[0], undefined, left[1], left[2]]);
    await store.close();
    const again = await loaded(store.name);
    expect(await again.readChunks([1, 11, 12, 13, 20])).toEqual([undefined, left[0], undefined, left[1], left[2]]);
    await again.commit(commitOf({ chunks: contents(20).map(([id]) => [id, undefined]) }));
    expect(await rowsOf(again)).toMatchObject({ chunks: 0, runs: 0 });
    await again.close();
  });

  test('a chunk can be read while its run is written anew, and what is read of a run once need not be asked for again', async () => {
    const store = await loaded();
    await store.commit(commitOf({ chunks: contents(20, 100) }));
    const committing = store.commit(commitOf({ chunks: contents(15).map(([id]) => [id, undefined]) }));
    const read = await Promise.all([store.readChunks([18, 19]), Promise.resolve().then(() => store.readChunks([17]))]);
    await committing;
    expect(read.flat()).toEqual([18, 19, 17].map((id) => new Uint8Array(100).fill(id)));
    await store.readChunks([16]);
    const started = vi.spyOn(IDBDatabase.prototype, 'transaction');
    const [first] = await store.readChunks([20]);
    expect(started).not.toHaveBeenCalled();
    first?.fill(0);
    expect(await store.readChunks([20])).toEqual([new Uint8Array(100).fill(20)]);
    await store.close();
  });

  test('chunk ids that nobody knew of any more are taken again', async () => {
    const store = await loaded();
    await store.commit(commitOf({ chunks: contents(30, 4) }));
    await putRaw(store.name, 'chunks', 31, bytes(9));
    await store.commit(commitOf({ chunks: contents(20).map(([id]) => [id + 10, undefined]) }));
    await store.commit(commitOf({ chunks: contents(25, 6, 11) }));
    await store.commit(commitOf({ chunks: [[31, undefined]] }));
    expect(await store.readChunks([10, 11, 30, 31, 35])).toEqual([
      new Uint8Array(4).fill(10),
      new Uint8Array(6).fill(11),
      new Uint8Array(6).fill(30),
      undefined,
      new Uint8Array(6).fill(35),
    ]);
    await store.close();
  });

  test.each([
    ['a flipped bit', (value: Uint8Array) => value.map((byte, i) => (i === 99 ? byte ^ 1 : byte))],
    ['cut off', (value: Uint8Array) => value.slice(0, 300)],
    ['nothing', () => new Uint8Array()],
    ['not bytes', () => 'ruin'],
    ['no entries', () => encodePack(['7'])],
  ])('a damaged pack is EIO and named; set aside, the rest can be used: %s', async (_what, damage) => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(600), superblock: { format: 2, lowers: [] } }));
    const [[key, value]] = (await dumpDatabase(store.name)).stores['packs'] as [[number, Uint8Array]];
    await store.close();
    const ruin = damage(value);
    await putRaw(store.name, 'packs', key, ruin);
    await expect(loaded(store.name)).rejects.toSatisfy(isDamage(`pack ${key} is damaged`));
    const again = await idbUpper(store.name, { damaged: 'set-aside' });
    const image = await again.load();
    expect(image.damaged).toEqual([{ id: 0, message: `pack ${key} is damaged and was set aside` }]);
    expect([...image.records]).toEqual(files(600).slice(LAYOUT.packSize));
    await again.commit(commitOf({ records: files(70, 3) }));
    await again.close();
    expect((await reopened(store)).size).toBe(70 + 600 - LAYOUT.packSize);
    const aside = (await dumpDatabase(store.name)).stores['superblock']!.filter(([at]) => at !== 0);
    expect(aside).toEqual([[`damaged pack ${key}, set aside by commit 2`, ruin]]);
  });

  test('a damaged small pack is EIO and named; set aside, what was said of its records before counts again', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(3, 1), superblock: { format: 2, lowers: [] } }));
    await store.commit(commitOf({ records: [...gone(1), ...files(2, 2).slice(1)] }));
    await store.commit(commitOf({ records: files(3, 3).slice(2) }));
    await store.close();
    const ruin = bytes(1, 2, 3, 4, 5);
    await putRaw(store.name, 'turns', 2, { ...((await dumpDatabase(store.name)).stores['turns']![1]![1] as object), records: ruin });
    await expect(loaded(store.name)).rejects.toSatisfy(isDamage('turn 2 is damaged'));
    const again = await loaded(store.name, { damaged: 'set-aside' });
    const expected = [...files(2, 1), ...files(3, 3).slice(2)];
    expect([...(await again.load()).records]).toEqual(expected);
    await again.commit(commitOf({ records: files(70, 4).slice(3) }));
    await again.close();
    expect([...(await reopened(store))]).toEqual([...expected, ...files(70, 4).slice(3)]);
    const aside = (await dumpDatabase(store.name)).stores['superblock']!.filter(([at]) => at !== 0);
    expect(aside).toEqual([['damaged turn 2, set aside by commit 4', ruin]]);
  });

  test('what is damaged and was not set aside is not folded away: nothing can be committed', async () => {
    const store = await loaded();
    for (let size = 1; size <= 3; size++) await store.commit(commitOf({ records: files(size, size).slice(size - 1) }));
    await store.close();
    const [, [, second]] = (await dumpDatabase(store.name)).stores['turns'] as [unknown, [number, object]];
    await putRaw(store.name, 'turns', 2, { ...second, records: 'ruin' });
    const before = await dumpDatabase(store.name);
    const next = await idbUpper(store.name);
    await expect(next.commit(commitOf({ records: files(1, 7) }))).rejects.toSatisfy(isDamage('turn 2 is damaged'));
    await next.close();
    await expect(next.load()).rejects.toSatisfy(isDamage('turn 2 is damaged'));
    await expect(next.commit(commitOf({ records: files(1, 7) }))).rejects.toSatisfy(isDamage('turn 2 is damaged'));
    expect(await dumpDatabase(store.name)).toEqual(before);
    await next.restore({ generation: 'rebuilt', sequence: 9 }, [commitOf({ records: files(1, 8) })]);
    expect([...(await reopened(store))]).toEqual(files(1, 8));
    await next.close();
  });

  test('a row of a turn whose fields are damaged still has its records', async () => {
    const store = await loaded();
    for (let size = 1; size <= 3; size++) await store.commit(commitOf({ records: files(size, size).slice(size - 1) }));
    await store.close();
    const [, [, second]] = (await dumpDatabase(store.name)).stores['turns'] as [unknown, [number, object]];
    await putRaw(store.name, 'turns', 2, { ...second, owner: 7, sequence: 'x' });
    expect([...(await reopened(store)).values()].map((one) => 'size' in one && one.size)).toEqual([1, 2, 3]);
  });

  test('the first commit of an owner folds what the one before has left in rows of turns, and leaves two of them, without records', async () => {
    const store = await loaded();
    for (let size = 1; size <= 9; size++) await store.commit(commitOf({ records: files(size, size).slice(size - 1) }));
    expect(await rowsOf(store)).toMatchObject({ packs: 1, turns: 8 });
    await store.close();
    const next = await loaded(store.name);
    expect(await rowsOf(next)).toMatchObject({ packs: 1, turns: 8 }); // looking changes nothing
    await next.commit(commitOf({}));
    const { stores } = await dumpDatabase(store.name);
    expect(stores['turns']!.map(([turn]) => turn)).toEqual([1, 9, 10]);
    expect(await rowsOf(next)).toMatchObject({ packs: 1, turns: 0 });
    const records = files(9).map(([id], i) => [id, record(id, i + 1)]);
    expect([...(await reopened(next))]).toEqual(records);
    await next.close();
  });

  test('an owner that was overtaken writes nothing, though what it had written was folded', async () => {
    const first = await loaded();
    await first.commit(commitOf({ records: files(1, 1) }));
    await first.commit(commitOf({ records: files(1, 2) }));
    const next = await loaded(first.name);
    await next.commit(commitOf({ records: files(1, 3) }));
    await expect(first.commit(commitOf({ records: files(1, 4) }))).rejects.toSatisfy((e) => isFsError(e, 'ESTALE'));
    expect([...(await reopened(next))]).toEqual(files(1, 3));
    await Promise.all([first.close(), next.close()]);
  });

  test('where there is no room for the first commit of an owner it is ENOSPC, and nothing of what was there is lost', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(1, 1) }));
    await store.commit(commitOf({ records: files(2, 2) }));
    await store.close();
    const next = await loaded(store.name);
    abortCommits('QuotaExceededError', 2);
    await expect(next.commit(commitOf({ records: files(3, 3).slice(2) }))).rejects.toSatisfy((e) => isFsError(e, 'ENOSPC'));
    vi.restoreAllMocks();
    expect([...(await reopened(store))]).toEqual(files(2, 2));
    await next.close();
  });

  test.each([
    ['the same owner', false],
    ['another owner', true],
  ])('a restoring leaves nothing of what stood in rows of turns: by %s', async (_what, isOther) => {
    const store = await loaded();
    for (let size = 1; size <= 3; size++) await store.commit(commitOf({ records: files(size, size) }));
    const restoring = isOther ? await loaded(store.name) : store;
    const parts = [3, 4].map((size) => commitOf({ records: [[7, record(7, size)]], superblock: { format: 2, lowers: [] } }));
    await restoring.restore({ generation: 'rebuilt', sequence: 9 }, parts);
    expect([...(await restoring.load()).records]).toEqual([[7, record(7, 4)]]);
    expect([...(await reopened(store))]).toEqual([[7, record(7, 4)]]);
    await Promise.all([store.close(), restoring.close()]);
  });

  test('one damaged record in a pack is EIO and named; set aside, all others are there', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(100), superblock: { format: 2, lowers: [] } }));
    await store.close();
    await putRaw(store.name, 'packs', 2, encodePack([`[${FIRST + 7},{"names":7}]`, `[${FIRST + 8},null]`]));
    await expect(loaded(store.name)).rejects.toSatisfy(isDamage(`record ${FIRST + 7} is damaged`));
    const again = await idbUpper(store.name, { damaged: 'set-aside' });
    const image = await again.load();
    expect(image.damaged).toEqual([{ id: FIRST + 7, message: `record ${FIRST + 7} is damaged and was set aside` }]);
    expect([...image.records]).toEqual(files(100).filter(([id]) => id !== FIRST + 7 && id !== FIRST + 8));
    await again.close();
    expect((await reopened(store)).size).toBe(98);
  });

  test('a damaged record and a damaged pack, the last one, are set aside together', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(3), superblock: { format: 2, lowers: [] } }));
    await store.close();
    await putRaw(store.name, 'packs', 2, encodePack([`[${FIRST + 1},{"names":7}]`]));
    await putRaw(store.name, 'packs', 3, 'ruin');
    const again = await loaded(store.name, { damaged: 'set-aside' });
    await again.close();
    expect([...(await reopened(store))]).toEqual(files(3).filter(([id]) => id !== FIRST + 1));
  });

  test('a damaged record that was overruled is no damage', async () => {
    const store = await loaded();
    await putRaw(store.name, 'packs', 1, encodePack([`[${FIRST},{"names":7}]`]));
    await putRaw(store.name, 'records', FIRST, inode());
    await store.close();
    const again = await idbUpper(store.name);
    expect((await again.load()).records).toEqual(new Map([[FIRST, inode()]]));
    await again.close();
  });

  test.each([
    ['its bytes', 'chunks', -1],
    ['its lengths', 'runs', 1],
  ])('a run is damaged in %s: its chunks are EIO, and nothing else', async (_what, where, key) => {
    const store = await loaded();
    await store.commit(commitOf({ chunks: [...contents(20), [50, bytes(1)]] }));
    await putRaw(store.name, where, key, new Uint8Array(3));
    await expect(store.readChunks([3])).rejects.toSatisfy(isDamage('chunk 3 is damaged'));
    expect(await store.readChunks([50])).toEqual([bytes(1)]);
    await store.commit(commitOf({ chunks: contents(18).map(([id]) => [id, undefined]) }));
    await store.commit(commitOf({ chunks: contents(20).map(([id]) => [id, undefined]) }));
    expect(await store.readChunks([3, 20])).toEqual([undefined, undefined]);
    await store.close();
  });

  test('where there is no room to fold, the commit alone is made; where there is none for that either, it is ENOSPC', async () => {
    const layout = { ...LAYOUT, gathered: 10 };
    const store = await loaded(undefined, { layout });
    await store.commit(commitOf({}));
    await store.commit(commitOf({ records: files(10) }));
    abortCommits('QuotaExceededError', 1);
    await store.commit(commitOf({ records: [[FIRST + 20, record(1)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 0, turns: 2 });
    abortCommits('QuotaExceededError', 2);
    await expect(store.commit(commitOf({ records: [[FIRST + 21, record(1)]] }))).rejects.toSatisfy((e) => isFsError(e, 'ENOSPC'));
    vi.restoreAllMocks();
    await store.commit(commitOf({ records: [[FIRST + 22, record(1)]] }));
    expect(await rowsOf(store)).toMatchObject({ records: 0, packs: 1 });
    expect((await reopened(store)).size).toBe(12);
    await store.close();
  });

  test('a restoring writes packs and runs too, and nothing of what was there before comes back', async () => {
    const store = await loaded();
    await store.commit(commitOf({ records: files(200, 1), chunks: contents(200) }));
    await store.commit(commitOf({ records: [[FIRST, undefined]], chunks: [[3, undefined]] }));
    const parts = [
      commitOf({ records: files(150, 2), superblock: { format: 2, lowers: [] } }),
      commitOf({ chunks: contents(40, 7, 100) }),
      commitOf({ records: [[FIRST + 1, undefined]], chunks: [[101, undefined]] }),
    ];
    await store.restore({ generation: 'rebuilt', sequence: 9 }, parts);
    const expected = files(150, 2).filter(([id]) => id !== FIRST + 1);
    expect([...(await store.load()).records]).toEqual(expected);
    expect(await store.readChunks([3, 100, 101])).toEqual([undefined, new Uint8Array(7).fill(100), undefined]);
    await store.commit(commitOf({ records: gone(150), chunks: contents(40, 7, 100).map(([id]) => [id, undefined]) }));
    expect(await rowsOf(store)).toEqual({ records: 0, packs: 0, chunks: 0, runs: 0, turns: 0 });
    await store.close();
  });

  test('who takes an upper over finds what stands in packs and runs, and the one before writes nothing any more', async () => {
    const first = await loaded();
    await first.commit(commitOf({ records: files(100, 1), chunks: contents(20) }));
    const second = await loaded(first.name);
    await second.commit(commitOf({ records: gone(70), chunks: contents(15).map(([id]) => [id, undefined]) }));
    await expect(first.commit(commitOf({ records: files(100, 2) }))).rejects.toSatisfy((e) => isFsError(e, 'ESTALE'));
    await expect(first.readChunks([1])).rejects.toSatisfy((e) => isFsError(e, 'ESTALE'));
    expect([...(await reopened(second))]).toEqual(files(100, 1).slice(70));
    await Promise.all([first.close(), second.close()]);
  });

  test('an old pack that is damaged while the tree is in use does not refuse commits', async () => {
    const store = await loaded(undefined, { layout: { ...LAYOUT, slack: 0 } });
    await store.commit(commitOf({ records: files(600) }));
    await putRaw(store.name, 'packs', 1, 'ruin');
    for (let round = 1; round <= 5; round++) await store.commit(commitOf({ records: files(200, round) }));
    await store.close();
    await expect(loaded(store.name)).rejects.toSatisfy(isDamage('pack 1 is damaged'));
  });
}
