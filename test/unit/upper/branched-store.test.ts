/* The upper of a branch: its own store over a snapshot of its parent's. Over an IndexedDB in memory and files in memory. */

import 'fake-indexeddb/auto';
import { expect, test, vi } from 'vitest';
import type {
  HistoryRecord,
  InodeRecord,
  LiveRecord,
  Parent,
  Snapshot,
  Superblock,
  UpperRecord,
  UpperStore,
} from '../../../src/layer/upper.ts';
import { FIRST_HISTORY_ID, isHistory } from '../../../src/layer/upper.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { makeBranch, rememberedBranches, revive, standsOn } from '../../../src/upper/lineage.ts';
import { type OpenUpperOptions, type OpenedUpper, databaseUpper, openUpper, removeWorkspace } from '../../../src/upper/open-upper.ts';
import { decodeRecord, decodeSuperblock } from '../../../src/upper/stored-record.ts';
import { World } from './guard-world.ts';
import { databaseNames, uniqueName } from './idb-cases.ts';
import { type CommitParts, bytes, commitOf, inode, whiteout } from './store-cases.ts';

/** The first chunk of every branch here. */
const FIRST = 100;

const superblockWith = (...list: Snapshot[]): Superblock => ({ format: 3, lowers: [], snapshots: { list, next: 9 } });
const snapshot = (id: number, ...branches: string[]): Snapshot => ({ id, timeMs: 5, ...(branches.length > 0 && { branches }) });

const file = (name: string, chunk: number, since?: number): LiveRecord =>
  inode({ names: [[1, name]], size: 1, chunks: [chunk], ...(since !== undefined && { since }) });
const root = inode({ names: [], mode: 0o40755 });

/** A parent with the files 10, 11 and 12 when snapshot 1 was taken; closed. Gives its name and generation. */
async function makeParent(options: OpenUpperOptions = {}, name = uniqueName()): Promise<Omit<Parent, 'snapshot' | 'firstChunk'>> {
  const store = await openUpper(name, options);
  await store.load();
  const records: [number, UpperRecord][] = [
    [1, root],
    [10, file('a', 10)],
    [11, file('b', 11)],
    [12, file('c', 12)],
  ];
  const chunks = [10, 11, 12].map((id) => [id, bytes(id)] as const);
  await store.commit(commitOf({ superblock: superblockWith(snapshot(1)), records, chunks }));
  await store.close();
  return { name, generation: store.version!.generation };
}

interface Family {
  readonly parent: Parent;
  readonly branch: string;
}

async function makeFamily(): Promise<Family> {
  const parent = { ...(await makeParent()), snapshot: 1, firstChunk: FIRST };
  const branch = uniqueName();
  await makeBranch(branch, { format: 3, lowers: [], parent });
  return { parent, branch };
}

/** Does something to a workspace that is closed otherwise. */
async function within<T>(name: string, work: (store: OpenedUpper) => Promise<T>, options: OpenUpperOptions = {}): Promise<T> {
  const store = await openUpper(name, options);
  try {
    await store.load();
    return await work(store);
  } finally {
    await store.close();
  }
}

const commitTo = (name: string, parts: CommitParts): Promise<void> => within(name, (store) => store.commit(commitOf(parts)));

/** Names of the files with the bytes of their first chunk. */
async function filesOf(store: UpperStore): Promise<Record<string, number | undefined>> {
  const { records } = await store.load();
  expect([...records.values()].filter((record) => record.names.length === 0 && !isHistory(record))).toEqual([root]);
  const files = [...records.values()].filter((record) => 'chunks' in record && record.chunks.length > 0) as InodeRecord[];
  const chunks = await store.readChunks(files.map((each) => each.chunks[0]!));
  return Object.fromEntries(files.map((each, i) => [each.names[0]![1], chunks[i]?.[0]]));
}

const ALL = { a: 10, b: 11, c: 12 };

test('a branch shows what its parent had at the snapshot, and stores nothing of it', async () => {
  const { branch } = await makeFamily();
  expect(await within(branch, filesOf)).toEqual(ALL);
  const withoutGuard = await databaseUpper(branch);
  expect(await filesOf(withoutGuard)).toEqual(ALL);
  await withoutGuard.close();
  const own = await idbUpper(branch);
  const image = await own.load();
  expect([image.records.size, own.version?.sequence]).toEqual([0, 1]);
  await own.close();
});

test('the engine sees no parent, and where new chunks begin', async () => {
  const { branch } = await makeFamily();
  const image = await within(branch, (store) => store.load());
  expect(image.superblock).toEqual({ format: 3, lowers: [] });
  expect(image.firstChunk).toBe(FIRST);
});

test('what a branch changes, adds and removes stays after it was closed, and its parent keeps what it had', async () => {
  const { parent, branch } = await makeFamily();
  await commitTo(branch, {
    superblock: superblockWith(),
    records: [
      [10, file('a', FIRST)],
      [11, undefined],
      [20, file('new', FIRST + 1)],
    ],
    chunks: [
      [10, undefined],
      [11, undefined],
      [FIRST, bytes(1)],
      [FIRST + 1, bytes(2)],
    ],
  });
  expect(await within(branch, filesOf)).toEqual({ a: 1, new: 2, c: 12 });
  expect(await within(parent.name, filesOf)).toEqual(ALL);
  // It is a branch still, and no older version opens it: the superblock that the engine writes says neither.
  await commitTo(branch, { superblock: { format: 2, lowers: [] } });
  expect(await standsOn(branch, parent)).toBe(true);
  expect((await within(branch, (store) => store.load())).superblock?.format).toBe(3);
});

test('what a branch removed can be made again under the same id, and removed again', async () => {
  const { branch } = await makeFamily();
  await commitTo(branch, { records: [[11, undefined]] });
  await commitTo(branch, { records: [[11, file('again', FIRST)]], chunks: [[FIRST, bytes(7)]] });
  expect(await within(branch, filesOf)).toEqual({ a: 10, again: 7, c: 12 });
  await commitTo(branch, { records: [[11, undefined]], chunks: [[FIRST, undefined]] });
  expect(await within(branch, filesOf)).toEqual({ a: 10, c: 12 });
});

test('the removal of what the parent never had leaves no mark', async () => {
  const { branch } = await makeFamily();
  await commitTo(branch, { records: [[20, file('new', 11)]] });
  await commitTo(branch, { records: [[20, undefined]] });
  const own = await idbUpper(branch);
  expect((await own.load()).records.size).toBe(0);
  await own.close();
});

test('a branch does not see what its parent changes later, and neither holds the other up', async () => {
  const { parent, branch } = await makeFamily();
  const owner = await openUpper(parent.name);
  await owner.load();
  const reader = await openUpper(branch);
  expect(await filesOf(reader)).toEqual(ALL);
  const old: HistoryRecord = { names: [], was: 10, until: 1, record: file('a', 10) };
  await owner.commit(
    commitOf({
      records: [
        [10, file('renamed', 13, 1)],
        [FIRST_HISTORY_ID, old],
        [14, file('later', 13, 1)],
      ],
      chunks: [[13, bytes(13)]],
    }),
  );
  expect(await filesOf(reader)).toEqual(ALL);
  await reader.commit(commitOf({ records: [[12, undefined]] }));
  await owner.commit(commitOf({ records: [[14, undefined]] }));
  expect(await filesOf(owner)).toMatchObject({ renamed: 13, b: 11, c: 12 });
  expect(await filesOf(reader)).toEqual({ a: 10, b: 11 });
  await Promise.all([owner.close(), reader.close()]);
});

test('chunks of both come in the order in which they were asked for', async () => {
  const { branch } = await makeFamily();
  await commitTo(branch, {
    chunks: [
      [FIRST, bytes(1)],
      [FIRST + 1, bytes(2)],
    ],
  });
  const found = await within(branch, (store) => store.readChunks([FIRST + 1, 12, 99, FIRST, 10, FIRST + 9]));
  expect(found.map((chunk) => chunk?.[0])).toEqual([2, 12, undefined, 1, 10, undefined]);
});

test('a branch of a branch reads through both', async () => {
  const { branch } = await makeFamily();
  await commitTo(branch, {
    superblock: superblockWith(snapshot(1)),
    records: [
      [10, undefined],
      [11, file('b', FIRST)],
    ],
    chunks: [[FIRST, bytes(1)]],
  });
  const { generation } = await within(branch, async (store) => store.version!);
  const second = uniqueName();
  await makeBranch(second, { format: 3, lowers: [], parent: { name: branch, generation, snapshot: 1, firstChunk: 200 } });
  await commitTo(second, {
    records: [
      [12, undefined],
      [20, file('new', 200)],
    ],
    chunks: [[200, bytes(2)]],
  });
  expect(await within(second, filesOf)).toEqual({ b: 1, new: 2 });
  expect(await within(branch, filesOf)).toEqual({ b: 1, c: 12 });
});

test('a branch whose parent lost the snapshot, is another, or is gone is refused with the parent’s name, and keeps what it has', async () => {
  const { parent, branch } = await makeFamily();
  await commitTo(branch, { records: [[20, file('new', FIRST)]], chunks: [[FIRST, bytes(1)]] });
  const refused = async (why: RegExp): Promise<void> => {
    const error = await within(branch, filesOf).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'EIO', message: expect.stringContaining(`'${parent.name}'`) as string });
    expect((error as Error).message).toMatch(why);
  };
  await commitTo(parent.name, { superblock: superblockWith() });
  await refused(/snapshot, 1, is gone/);
  await removeWorkspace(parent.name);
  await refused(/does not exist/);
  expect(await databaseNames()).not.toContain(`stratafs:${parent.name}`);
  await makeParent({}, parent.name);
  await refused(/another workspace/);
  const own = await idbUpper(branch);
  expect((await own.load()).records.size).toBe(1);
  await own.close();
});

test.each(['is gone', 'is another one'])('reading fails when the parent %s while the branch is open', async (what) => {
  const { parent, branch } = await makeFamily();
  const store = await openUpper(branch);
  await store.load();
  await removeWorkspace(parent.name);
  if (what !== 'is gone') await makeParent({}, parent.name);
  await expect(store.readChunks([10])).rejects.toMatchObject({
    code: 'EIO',
    message: expect.stringContaining(`'${parent.name}'`) as string,
  });
  await store.close();
});

test('a branch that the browser has lost comes back from its guard, with its marks and its parent', async () => {
  const { parent, branch } = await makeFamily();
  const world = new World();
  const settings = { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 20, frames: 1000 };
  const options = (): OpenUpperOptions => ({ folder: world.folder(), settings, patience: 0 });
  const change = commitOf({
    records: [
      [11, undefined],
      [10, file('a', FIRST)],
    ],
    chunks: [[FIRST, bytes(1)]],
  });
  await within(
    branch,
    async (store) => {
      await expect.poll(() => store.guard).toBe('on');
      await store.commit(change);
    },
    options(),
  );
  await new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${branch}`).onsuccess = resolve));
  // It may come back: what it stands on stays.
  expect(await standsOn(branch, parent, { folder: world.folder() })).toBe(true);
  const found = await within(branch, async (store) => [await filesOf(store), store.restored?.what], options());
  expect(found).toEqual([{ a: 1, c: 12 }, 'everything']);
});

test('a branch is opened after the browser has lost its parent too: that is rebuilt first', async () => {
  const world = new World();
  const settings = { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 20, frames: 1000 };
  const options = (): OpenUpperOptions => ({ folder: world.folder(), settings, patience: 0 });
  const { name, generation } = await makeParent(options());
  const branch = uniqueName();
  await makeBranch(branch, { format: 3, lowers: [], parent: { name, generation, snapshot: 1, firstChunk: FIRST } }, { folder: null });
  await new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${name}`).onsuccess = resolve));
  await expect(within(branch, filesOf, { folder: null })).rejects.toMatchObject({ code: 'EIO' });
  const rebuilding = vi.fn((parent: string) => revive(parent, options()));
  expect(await within(branch, filesOf, { folder: null, revive: rebuilding })).toEqual(ALL);
  expect(await within(branch, filesOf, { folder: null, revive: rebuilding })).toEqual(ALL);
  expect(rebuilding.mock.calls).toEqual([[name]]);
});

test('a parent whose last commits are in its guard alone gets them before a branch is opened, and before it is asked for its branches', async () => {
  const world = new World();
  const settings = { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 20, frames: 1000 };
  const options = (): OpenUpperOptions => ({ folder: world.folder(), settings, patience: 0 });
  const name = uniqueName();
  const { generation } = await within(
    name,
    async (store) => {
      await store.commit(commitOf({ superblock: { format: 2, lowers: [] }, records: [[1, root]] }));
      await expect.poll(() => store.guard).toBe('on');
      const records: [number, UpperRecord][] = [[10, file('a', 10)]];
      await store.commit(commitOf({ superblock: superblockWith(snapshot(1, 'x')), records, chunks: [[10, bytes(10)]] }));
      return store.version!;
    },
    options(),
  );
  const branch = uniqueName();
  await makeBranch(branch, { format: 3, lowers: [], parent: { name, generation, snapshot: 1, firstChunk: FIRST } }, { folder: null });
  /** The machine has lost its power before the database's second commit was on the disk. */
  const loseTail = async (): Promise<void> => {
    const database = await idbUpper(name);
    const parts = [commitOf({ superblock: { format: 2, lowers: [] }, records: [[1, root]] })];
    await database.restore({ generation, sequence: 1 }, parts);
    await database.close();
  };
  await loseTail();
  await expect(within(branch, filesOf, { folder: null })).rejects.toMatchObject({ code: 'EIO' });
  const revives = { folder: null, revive: (parent: string) => revive(parent, options()) };
  expect(await within(branch, filesOf, revives)).toEqual({ a: 10 });
  await loseTail();
  expect(await rememberedBranches(name, options())).toEqual([{ branch: 'x', origin: { name, generation, snapshot: 1 } }]);
});

test('branches are remembered by their snapshots, also where the parent has to be rebuilt from its guard first', async () => {
  const world = new World();
  const settings = { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 20, frames: 1000 };
  const options = (): OpenUpperOptions => ({ folder: world.folder(), settings, patience: 0 });
  const { name, generation } = await makeParent(options());
  await within(
    name,
    (store) => store.commit(commitOf({ superblock: superblockWith(snapshot(1, 'x', 'y'), snapshot(4), snapshot(6, 'z')) })),
    options(),
  );
  const remembered = ['x', 'y', 'z'].map((branch) => ({ branch, origin: { name, generation, snapshot: branch === 'z' ? 6 : 1 } }));
  expect(await rememberedBranches(name, options())).toEqual(remembered);
  await new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${name}`).onsuccess = resolve));
  expect(await rememberedBranches(name, options())).toEqual(remembered);
  expect(await rememberedBranches(uniqueName(), { folder: null })).toEqual([]);
});

test('a workspace stands on the snapshot that it was made of, and on no other', async () => {
  const { parent, branch } = await makeFamily();
  expect(await standsOn(branch, parent)).toBe(true);
  expect(await standsOn(branch, { ...parent, snapshot: 2 })).toBe(false);
  expect(await standsOn(branch, { ...parent, generation: 'another' })).toBe(false);
  expect(await standsOn(parent.name, parent)).toBe(false);
  await removeWorkspace(branch);
  expect(await standsOn(branch, parent)).toBe(false);
  expect(await databaseNames()).not.toContain(`stratafs:${branch}`);
});

test('a branch is not made over a workspace that is there', async () => {
  const { parent, branch } = await makeFamily();
  await expect(makeBranch(branch, { format: 3, lowers: [], parent })).rejects.toMatchObject({ code: 'EEXIST' });
});

test('what a branch adds to the format is checked when it is read', () => {
  const parent: Parent = { name: 'p', generation: 'g', snapshot: 1, firstChunk: 2 };
  expect(decodeSuperblock({ ...superblockWith(snapshot(1, 'x')), parent })).toEqual({ ...superblockWith(snapshot(1, 'x')), parent });
  for (const damage of [{ name: 1 }, { generation: undefined }, { snapshot: -1 }, { firstChunk: 'x' }])
    expect(decodeSuperblock({ ...superblockWith(), parent: { ...parent, ...damage } })).toBeUndefined();
  expect(decodeSuperblock(superblockWith({ ...snapshot(1), branches: [1] as never }))).toBeUndefined();
  expect(decodeRecord({ names: [], whiteout: 'inherited' })).toEqual({ names: [], whiteout: 'inherited' });
  expect(decodeRecord({ names: [[1, 'a']], whiteout: 'inherited' })).toBeUndefined();
  expect(decodeRecord({ names: [], whiteout: true })).toBeUndefined();
  expect(
    decodeRecord({
      names: [
        [1, 'a'],
        [1, 'b'],
      ],
      whiteout: true,
    }),
  ).toBeUndefined();
  expect(decodeRecord({ ...whiteout(1, 'a') })).toEqual(whiteout(1, 'a'));
});
