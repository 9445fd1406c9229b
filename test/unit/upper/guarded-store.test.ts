/* The order of log and database: what one of them does while the other has the commit alone. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Commit } from '../../../src/layer/upper.ts';
import type { GuardedStore } from '../../../src/upper/guarded-store.ts';
import { GuardLog } from '../../../src/upper/guard-log.ts';
import { hurryTurns } from '../../support/timers.ts';
import { EAGER, FIRST, openWorld } from './guard-session.ts';
import { World } from './guard-world.ts';
import { inode } from './store-cases.ts';

beforeEach(hurryTurns);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const file = (id: number): Commit => ({
  superblock: undefined,
  records: new Map([[id, inode({ names: [[1, `file-${id}`]] })]]),
  chunks: new Map(),
  durability: 'strict',
});

/** The files that are found after a power cut that takes from the database everything that no flush has brought to the disk. */
async function filesAfterPowerCut(world: World): Promise<number[]> {
  world.random = () => 0;
  world.restart('power');
  return filesOf(await openWorld(world));
}

/** Makes a commit that ends the machine while it is appended: the database has it, and the log has not. */
async function killedWhileAppending(world: World, store: GuardedStore, commit: Commit): Promise<void> {
  world.commits = 1; // the database is the quicker one
  world.fault = () => 'kill';
  store.commit(commit).catch(() => undefined);
  await world.death;
  world.restart('kill');
}

const filesOf = async (store: GuardedStore): Promise<number[]> => [...(await store.load()).records.keys()].filter((id) => id > 1);

test('memory that runs out while a commit is appended: the database decides, and the commits after it are not lost', async () => {
  const world = new World();
  const store = await openWorld(world, { ...EAGER, frames: 1000, slack: 1e6, retryAfter: 1e6 });
  await store.commit(FIRST);
  vi.spyOn(GuardLog.prototype, 'append').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed');
  });
  const outcome = await store.commit(file(2)).then(
    () => 'made',
    () => 'refused',
  );
  await store.commit(file(3));
  await store.commit(file(4));
  expect(await filesAfterPowerCut(world)).toEqual(outcome === 'made' ? [2, 3, 4] : [3, 4]);
});

test('a guard that is whole again vouches for what was owed: nothing is committed past its log', async () => {
  const world = new World();
  const store = await openWorld(world, { ...EAGER, frames: 1000, slack: 1e6 });
  await store.commit(FIRST);
  // The log fails, and the database refuses the commit and those that were to make up for it.
  vi.spyOn(GuardLog.prototype, 'append').mockImplementationOnce(() => {
    throw new DOMException('planted', 'QuotaExceededError');
  });
  world.refuse = 'EIO';
  await expect(store.commit(file(2))).rejects.toMatchObject({ code: 'EIO' });
  world.refuse = undefined;
  await vi.waitFor(() => expect(store.guard).toBe('on'));
  for (const id of [3, 4, 5]) await store.commit(file(id));
  expect(store.guard).toBe('on');
  expect(await filesAfterPowerCut(world)).toEqual([3, 4, 5]);
});

test('a disk that is full for both: the space of the log is given, and the commit made', async () => {
  const world = new World();
  const store = await openWorld(world, { ...EAGER, frames: 1000, slack: 1e6, retryAfter: 1e6 });
  await store.commit(FIRST);
  world.fault = () => (world.files.size > 1 ? 'fail' : undefined);
  const discarding = vi.spyOn(GuardLog.prototype, 'empty').mockImplementation(() => (world.refuse = undefined));
  world.refuse = 'ENOSPC';
  await store.commit(file(2));
  expect(discarding).toHaveBeenCalled();
  expect(await filesAfterPowerCut(world)).toEqual([2]);
});

test('what the database alone has is there after a kill, and the log before it counts until the next one is whole', async () => {
  const world = new World();
  const store = await openWorld(world, { ...EAGER, frames: 1000, slack: 1e6 });
  await store.commit(FIRST);
  await store.commit(file(2));
  await killedWhileAppending(world, store, file(3));
  expect(world.states.map(({ version }) => version?.sequence)).toEqual([1, 2, 3]);
  // The next log is begun, and its image is never written.
  vi.spyOn(GuardLog.prototype, 'appendImage').mockImplementation(() => {
    throw new DOMException('planted', 'QuotaExceededError');
  });
  const second = await openWorld(world);
  expect([await filesOf(second), second.guard]).toEqual([[2, 3], 'behind']);
  vi.restoreAllMocks();
  expect(await filesAfterPowerCut(world)).toEqual([2]);
});

test('after a tail from a log that an unfinished one outdates: commits do not go on in that log', async () => {
  const world = new World();
  const store = await openWorld(world, { ...EAGER, frames: 1000, slack: 1e6 });
  await store.commit(FIRST);
  await store.commit(file(2));
  await killedWhileAppending(world, store, file(3));
  await openWorld(world); // begins the next log
  world.random = () => 0;
  world.restart('power');
  const third = await openWorld(world);
  expect(third.restored).toEqual({ what: 'tail', sequence: 2, whole: true });
  for (const id of [4, 5, 6]) await third.commit(file(id));
  expect(await filesAfterPowerCut(world)).toEqual([2, 4, 5, 6]);
});

test('a torn tail that cannot be cut off: what stands before it is made again, and commits go on in another log', async () => {
  const world = new World();
  const store = await openWorld(world, { ...EAGER, frames: 1000, slack: 1e6 });
  await store.commit(FIRST);
  await store.commit(file(2));
  world.fault = () => 'kill-torn';
  store.commit(file(3)).catch(() => undefined);
  await world.death;
  world.random = () => 0;
  world.restart('power');
  let failures = 0;
  world.fault = () => (failures++ === 0 ? 'fail' : undefined);
  const second = await openWorld(world);
  expect(failures).toBeGreaterThan(0);
  expect([second.restored, await filesOf(second)]).toEqual([{ what: 'tail', sequence: 2, whole: true }, [2]]);
  await second.commit(file(4));
  expect(await filesAfterPowerCut(world)).toEqual([2, 4]);
});
