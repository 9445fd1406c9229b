/* Opening a workspace: what is made of each state of database, guard and marker. Over an IndexedDB in memory and files in memory. */

import 'fake-indexeddb/auto';
import { expect, test, vi } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import type { Commit } from '../../../src/layer/upper.ts';
import type { SyncFile } from '../../../src/storage/opfs.ts';
import { GuardLog } from '../../../src/upper/guard-log.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { type OpenUpperOptions, type OpenedUpper, openUpper, removeWorkspace } from '../../../src/upper/open-upper.ts';
import { World } from './guard-world.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

let serial = 0;

interface Scene {
  readonly name: string;
  readonly world: World;
  open(options?: OpenUpperOptions): Promise<OpenedUpper>;
}

/** A workspace of three commits, closed, with its guard. */
async function scene(commits: readonly Commit[] = [ROOT, file(2), file(3)], options: OpenUpperOptions = {}): Promise<Scene> {
  const world = new World();
  const name = `open-${++serial}`;
  const open = (more: OpenUpperOptions = {}): Promise<OpenedUpper> =>
    openUpper(name, {
      folder: world.folder(),
      patience: 150,
      settings: { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 20, frames: 1000 },
      ...more,
    });
  const upper = await open(options);
  for (const commit of commits) await upper.commit(commit);
  await upper.close();
  return { name, world, open };
}

const ROOT = commitOf({ superblock: { format: 1, lowers: [] }, records: [[1, inode({ names: [], mode: 0o40755 })]], durability: 'strict' });

const file = (id: number, durability: Commit['durability'] = 'strict'): Commit =>
  commitOf({ records: [[id, inode({ names: [[1, `f${id}`]], chunks: [id], size: 2 })]], chunks: [[id, bytes(id, id)]], durability });

/** Numbers of the files that are there, their content compared. */
async function filesOf(upper: OpenedUpper): Promise<number[]> {
  const { records } = await upper.load();
  const ids = [...records.keys()].filter((id) => id > 1);
  expect((await upper.readChunks(ids)).map((chunk) => chunk && [...chunk])).toEqual(ids.map((id) => [id, id]));
  return ids.sort((a, b) => a - b);
}

const guardsOf = ({ world }: Scene): string[] => [...world.files.keys()].filter((name) => name.startsWith('guard.'));

function deleteDatabase(name: string): Promise<unknown> {
  return new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${name}`).onsuccess = resolve));
}

async function untilOn(upper: OpenedUpper): Promise<void> {
  await vi.waitFor(() => expect(upper.guard).toBe('on'));
}

/** Commits to the database alone, as when the guard's last frames were lost. */
async function commitBeside(name: string, ...commits: readonly Commit[]): Promise<void> {
  const store = await idbUpper(name);
  await store.load();
  for (const commit of commits) await store.commit(commit);
  await store.close();
}

test('a new workspace has no version, and with its first commit a guard and a marker', async () => {
  const { open, world } = await scene([]);
  const upper = await open();
  expect(upper.version).toBeUndefined();
  expect(upper.restored).toBeUndefined();
  expect(world.files.size).toBe(0);
  await upper.commit(ROOT);
  expect(upper.guard).toBe('on');
  expect(upper.version?.sequence).toBe(1);
  expect([...world.files.keys()].sort()).toEqual(['guard.0', 'marker']);
  await upper.close();
});

test('a workspace that is as far as its guard goes on with it', async () => {
  const made = await scene();
  const upper = await made.open();
  expect([upper.guard, upper.restored, upper.version?.sequence]).toEqual(['on', undefined, 3]);
  expect(guardsOf(made)).toEqual(['guard.0']);
  expect(await filesOf(upper)).toEqual([2, 3]);
  await upper.close();
});

test('a database that has lost its last commits gets them from the guard', async () => {
  const made = await scene();
  const before = new Map(made.world.files);
  const name = `${made.name}-copy`;
  // Another database of the same generation that stopped after the first commit.
  const store = await idbUpper(name);
  await store.load();
  const log = GuardLog.open(await made.world.folder().open('guard.0'))!;
  await store.restore({ ...log.version, sequence: 1 }, [[...log.everything(1)][0]!]);
  await store.close();
  made.world.restart('kill');
  expect(before.size).toBe(2);
  const upper = await openUpper(name, { folder: made.world.folder(), patience: 0 });
  expect(upper.restored).toEqual({ what: 'tail', sequence: 3, whole: true });
  expect(upper.guard).toBe('on');
  expect(await filesOf(upper)).toEqual([2, 3]);
  await upper.commit(file(4));
  await upper.close();
  await deleteDatabase(name);
  const again = await openUpper(name, { folder: made.world.folder(), patience: 0 });
  expect(await filesOf(again)).toEqual([2, 3, 4]);
  await again.close();
});

test('a guard that is behind is built anew, under another name, and the old one goes', async () => {
  const made = await scene();
  await commitBeside(made.name, file(4));
  const upper = await made.open();
  expect(upper.guard).toBe('behind');
  expect(await filesOf(upper)).toEqual([2, 3, 4]);
  await untilOn(upper);
  await vi.waitFor(() => expect(guardsOf(made)).toEqual(['guard.1']));
  await upper.commit(file(5));
  await upper.close();
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3, 4, 5]);
  await again.close();
});

test('a log that grows with what is in it is not written anew; when most of it is outdated, it is', async () => {
  const made = await scene();
  const upper = await made.open();
  const large = (id: number, chunk: number, old?: number): Commit =>
    commitOf({
      records: [[id, inode({ names: [[1, `f${id}`]], chunks: [chunk], size: 256 << 10 })]],
      chunks: [[chunk, new Uint8Array(256 << 10)], ...(old === undefined ? [] : ([[old, undefined]] as const))],
      durability: 'strict',
    });
  for (let id = 10; id < 30; id++) await upper.commit(large(id, id)); // 5 MiB, five times the slack
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(guardsOf(made)).toEqual(['guard.0']);
  expect(upper.guard).toBe('on');
  for (let i = 0; i < 30; i++) await upper.commit(large(10, 100 + i, i === 0 ? 10 : 99 + i));
  await vi.waitFor(() => expect(guardsOf(made)).toEqual(['guard.1']), { timeout: 20_000 });
  await upper.close();
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(again.restored).toMatchObject({ what: 'everything', whole: true });
  expect((await again.load()).records.size).toBe(23);
  await again.close();
});

test('a guard of another generation is not believed', async () => {
  const made = await scene();
  await deleteDatabase(made.name);
  await commitBeside(made.name, ROOT, file(7));
  const upper = await made.open();
  expect([upper.guard, upper.restored]).toEqual(['behind', undefined]);
  expect(await filesOf(upper)).toEqual([7]);
  await untilOn(upper);
  await upper.close();
});

test('a workspace without a guard gets one', async () => {
  const made = await scene(undefined, { guard: false });
  expect(guardsOf(made)).toEqual([]);
  const upper = await made.open();
  await untilOn(upper);
  await upper.close();
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(again.restored).toEqual({ what: 'everything', sequence: 3, whole: true });
  await again.close();
});

test('a database that is gone is rebuilt, with its generation, and goes on', async () => {
  const made = await scene();
  const { generation } = (await made.open().then(async (upper) => (await upper.close(), upper))).version!;
  for (const id of [4, 5, 6]) {
    await deleteDatabase(made.name);
    const upper = await made.open();
    expect(upper.restored?.what).toBe('everything');
    expect(upper.version).toEqual({ generation, sequence: id - 1 });
    await upper.commit(file(id));
    expect(upper.guard).toBe('on');
    await upper.close();
  }
  const upper = await made.open();
  expect(upper.restored).toBeUndefined();
  expect(await filesOf(upper)).toEqual([2, 3, 4, 5, 6]);
  await upper.close();
});

test('a rebuilding that is cut short goes on at the next opening', async () => {
  const made = await scene();
  await deleteDatabase(made.name);
  // What a kill leaves in the middle: a database with parts and without a version.
  const store = await idbUpper(made.name);
  await store.load();
  const parts = function* (): Generator<Commit> {
    yield file(3);
    throw new Error('killed');
  };
  await expect(store.restore({ generation: 'x', sequence: 3 }, parts())).rejects.toThrow();
  await store.close();
  const upper = await made.open();
  expect(upper.restored?.what).toBe('everything');
  expect(await filesOf(upper)).toEqual([2, 3]);
  await upper.close();
});

test('without database and guard the marker says that the workspace is lost, until the caller wants a new one', async () => {
  const made = await scene(undefined, { guard: false });
  await deleteDatabase(made.name);
  for (let i = 0; i < 2; i++) {
    const failure = await made.open({ guard: false }).catch((e: unknown) => e);
    expect(isFsError(failure, 'EIO')).toBe(true);
    expect(String(failure)).toMatch(new RegExp(`workspace '${made.name}' \\(generation [-0-9a-f]+\\).*was lost.*lost: 'anew'`));
  }
  const upper = await made.open({ guard: false, lost: 'anew' });
  expect(upper.version).toBeUndefined();
  await upper.commit(ROOT);
  await upper.close();
  const again = await made.open({ guard: false });
  expect(again.version?.sequence).toBe(1);
  await again.close();
});

test('a marker that cannot be read is a marker', async () => {
  const made = await scene(undefined, { guard: false });
  made.world.put('marker', bytes(1, 2, 3));
  await deleteDatabase(made.name);
  await expect(made.open()).rejects.toThrow(/was lost/);
});

test('where there are no files the generation that the page remembers is the marker', async () => {
  const name = `open-${++serial}`;
  const options = { folder: null, marker: 'abc' } as const;
  await expect(openUpper(name, options)).rejects.toThrow(/generation abc.*was lost/);
  const upper = await openUpper(name, { ...options, lost: 'anew' });
  expect(upper.guard).toBe('off');
  await upper.commit(ROOT);
  await upper.close();
  await (await openUpper(name, options)).close();
});

test('a guard that is damaged at its end gives what is before the damage, and says so', async () => {
  const made = await scene();
  const content = made.world.bytesOf('guard.0')!;
  // In the content of the second frame before the last: opening does not look there.
  const log = GuardLog.open(await made.world.folder().open('guard.0'))!;
  made.world.put(
    'guard.0',
    content.map((byte, at) => (at === log.imageSize + 60 ? byte ^ 1 : byte)),
  );
  await deleteDatabase(made.name);
  const upper = await made.open();
  expect(upper.restored).toEqual({ what: 'everything', sequence: 1, whole: false });
  expect(await filesOf(upper)).toEqual([]);
  await untilOn(upper);
  await upper.close();
});

/** A bit that is wrong in the content of a frame, where opening does not look. */
function damage({ world }: Scene, name: string, frameAt: number): void {
  const content = world.bytesOf(name)!;
  world.put(
    name,
    content.map((byte, at) => (at === frameAt + 60 ? byte ^ 1 : byte)),
  );
}

/** Another database of the same generation, as if it had stopped after the first commit. */
async function stoppedAfterFirst({ name, world }: Scene): Promise<string> {
  const log = GuardLog.open(await world.folder().open('guard.0'))!;
  const copy = `${name}-copy`;
  const store = await idbUpper(copy);
  await store.load();
  await store.restore({ ...log.version, sequence: 1 }, log.everything(1));
  await store.close();
  world.restart('kill');
  return copy;
}

test('a guard that is damaged is not believed when something else was committed after it had been used', async () => {
  const made = await scene();
  const log = GuardLog.open(await made.world.folder().open('guard.0'))!;
  damage(made, 'guard.0', log.imageSize);
  await deleteDatabase(made.name);
  // Another history begins, and its guard does not become whole.
  const never = { delay: 1e6, retryAfter: 1e6, tries: 1, slack: 1e9, frames: 1e9 };
  const upper = await made.open({ settings: never });
  expect(upper.restored).toEqual({ what: 'everything', sequence: 1, whole: false });
  const building = made.world.bytesOf('guard.1');
  await upper.commit(file(7));
  made.world.restart('kill');
  if (building !== undefined) made.world.put('guard.1', building.slice(0, 128));
  const again = await made.open();
  // File 3 is of commit 3 of the history that was lost.
  expect(await filesOf(again)).toEqual([7]);
  await again.close();
});

test('a guard that is damaged between its frames, not torn at its end, says so', async () => {
  const made = await scene([ROOT, file(2), file(3), file(4)]);
  const log = GuardLog.open(await made.world.folder().open('guard.0'))!;
  const content = made.world.bytesOf('guard.0')!;
  // The fixed part of the first commit's frame: nobody can hop over it.
  made.world.put(
    'guard.0',
    content.map((byte, at) => (at === log.imageSize + 1 ? byte ^ 1 : byte)),
  );
  await deleteDatabase(made.name);
  const upper = await made.open();
  expect(upper.restored).toEqual({ what: 'everything', sequence: 1, whole: false });
  expect(await filesOf(upper)).toEqual([]);
  await upper.close();
});

test('a database that has lost its last commits keeps what it has where the guard behind them is damaged', async () => {
  const made = await scene();
  const name = await stoppedAfterFirst(made);
  // A guard whose image is of a later commit than the database.
  await commitBeside(made.name, file(4));
  const upper = await made.open();
  await untilOn(upper);
  await upper.close();
  await vi.waitFor(() => expect(guardsOf(made)).toEqual(['guard.1']));
  damage(made, 'guard.1', 128);
  const again = await openUpper(name, { folder: made.world.folder(), patience: 0 });
  expect(again.restored).toEqual({ what: 'tail', sequence: 1, whole: false });
  expect([...(await again.load()).records.keys()]).toEqual([1]);
  await again.close();
});

test('a database that has lost its last commits says so where nobody can hop over the damage in the image of its guard', async () => {
  const made = await scene();
  const name = await stoppedAfterFirst(made);
  const content = made.world.bytesOf('guard.0')!;
  made.world.put(
    'guard.0',
    content.map((byte, at) => (at === 128 + 1 ? byte ^ 1 : byte)),
  );
  const again = await openUpper(name, { folder: made.world.folder(), patience: 0 });
  expect(again.restored).toEqual({ what: 'tail', sequence: 1, whole: false });
  expect([...(await again.load()).records.keys()]).toEqual([1]);
  await again.close();
});

test('what a loss leaves out is told where the guard was behind and its successor not whole', async () => {
  const made = await scene();
  await commitBeside(made.name, file(4));
  const upper = await made.open({ settings: { delay: 1e6, retryAfter: 1e6, tries: 1, slack: 1e9, frames: 1e9 } });
  const building = made.world.bytesOf('guard.1');
  await upper.commit(file(5));
  made.world.restart('kill');
  if (building !== undefined) made.world.put('guard.1', building.slice(0, 128));
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(again.restored).toEqual({ what: 'everything', sequence: 3, whole: false });
  await again.close();
});

test('a guard whose image is damaged rebuilds nothing: EIO, or a new workspace', async () => {
  const made = await scene();
  const content = made.world.bytesOf('guard.0')!;
  made.world.put(
    'guard.0',
    content.map((byte, at) => (at === 128 + 60 ? byte ^ 1 : byte)),
  );
  await deleteDatabase(made.name);
  await expect(made.open()).rejects.toThrow(/lost.*guard is damaged/);
  const upper = await made.open({ lost: 'anew' });
  expect(upper.version).toBeUndefined();
  await upper.close();
});

test('a guard that is turned off goes, its last commits do not, and the marker stays', async () => {
  const made = await scene();
  const upper = await made.open({ guard: false });
  expect(upper.guard).toBe('off');
  expect([...made.world.files.keys()]).toEqual(['marker']);
  expect(await filesOf(upper)).toEqual([2, 3]);
  await upper.close();
  await deleteDatabase(made.name);
  await expect(made.open({ guard: false })).rejects.toThrow(/was lost/);
});

test('a guard that another worker has open is left alone: the next one gets another name, and says so', async () => {
  const made = await scene();
  const held = await made.world.folder().open('guard.0');
  const upper = await made.open();
  expect(upper.guard).toBe('behind');
  await upper.commit(file(4));
  await untilOn(upper);
  await upper.close();
  expect(guardsOf(made).sort()).toEqual(['guard.0', 'guard.1']);
  held.close();
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3, 4]);
  await again.close();
});

test('what an overtaken owner wrote into its guard is never believed, even where the new guard did not become whole', async () => {
  const made = await scene();
  const held = GuardLog.open(await made.world.folder().open('guard.0'))!;
  // The new owner commits; its guard is never finished.
  const upper = await made.open({ settings: { delay: 1e6, retryAfter: 1e6, tries: 1, slack: 1e9, frames: 1e9 } });
  const building = made.world.bytesOf('guard.1');
  expect(building?.length).toBeGreaterThanOrEqual(128);
  await upper.commit(file(4));
  // The old owner thaws, and dies before it hears that it was overtaken.
  held.append(4, file(99));
  held.flush();
  made.world.put('guard.1', building!.slice(0, 128));
  made.world.restart('kill');
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3, 4]);
  await untilOn(again);
  await again.close();
});

test('what was committed while no guard was whole is missing after a loss, and the opening says so', async () => {
  const made = await scene();
  const held = await made.world.folder().open('guard.0');
  const upper = await made.open({ settings: { delay: 1e6, retryAfter: 1e6, tries: 1, slack: 1e9, frames: 1e9 } });
  const building = made.world.bytesOf('guard.1')!.slice(0, 128);
  await upper.commit(file(4));
  held.close();
  made.world.put('guard.1', building);
  made.world.restart('kill');
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(again.restored).toEqual({ what: 'everything', sequence: 3, whole: false });
  await again.close();
});

test('a guard that is needed and that another worker has open: EBUSY, not a new workspace', async () => {
  const made = await scene();
  await made.world.folder().open('guard.0');
  await deleteDatabase(made.name);
  const failure = await made.open().catch((e: unknown) => e);
  expect(isFsError(failure, 'EBUSY')).toBe(true);
});

test('a folder that cannot be read: EIO where the database is gone, an upper without a guard where it is there', async () => {
  const made = await scene();
  const broken = { ...made.world.folder(), list: () => Promise.reject(new DOMException('planted', 'UnknownError')) };
  const upper = await made.open({ folder: broken });
  expect(upper.guard).toBe('behind');
  expect(await filesOf(upper)).toEqual([2, 3]);
  await upper.close();
  await deleteDatabase(made.name);
  await expect(made.open({ folder: broken })).rejects.toThrow(/cannot be read/);
});

test('a folder that could not be read at first: the guard that is built outdates the ones that were there', async () => {
  const made = await scene();
  made.world.put('guard.5', made.world.bytesOf('guard.0')!);
  made.world.files.delete('guard.0');
  const folder = made.world.folder();
  let asked = 0;
  const list = (): Promise<string[]> => (asked++ === 0 ? Promise.reject(new DOMException('planted', 'UnknownError')) : folder.list());
  const upper = await made.open({ folder: { ...folder, list } });
  await upper.commit(file(4));
  await untilOn(upper);
  await upper.close();
  expect(guardsOf(made)).toEqual(['guard.6']);
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3, 4]);
  await again.close();
});

test.each(['list', 'open'] as const)('files that never answer (%s): the upper opens, commits and closes without a guard', async (which) => {
  const made = await scene();
  const silent = { ...made.world.folder(), [which]: () => new Promise<never>(() => undefined) };
  const upper = await made.open({ folder: silent, filesTimeout: 30 });
  expect(upper.guard).toBe('behind');
  await upper.commit(file(4));
  await upper.close();
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3, 4]);
  await untilOn(again);
  await again.close();
});

test('files that never answer: EIO where the database is gone, and the guard is there afterwards', async () => {
  const made = await scene();
  await deleteDatabase(made.name);
  const silent = { ...made.world.folder(), list: () => new Promise<never>(() => undefined) };
  await expect(made.open({ folder: silent, filesTimeout: 30 })).rejects.toThrow(/EIO.*cannot be read/);
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3]);
  await again.close();
});

test('a file that comes too late is closed: it keeps nobody out', async () => {
  const made = await scene();
  const folder = made.world.folder();
  const late = async (name: string): Promise<SyncFile> => {
    const file = await folder.open(name);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return file;
  };
  const upper = await made.open({ folder: { ...folder, open: late }, filesTimeout: 20 });
  await upper.close();
  await vi.waitFor(() => expect([...made.world.files.values()].filter(({ open }) => open)).toEqual([]));
  const again = await made.open();
  expect(again.guard).toBe('on');
  await again.close();
});

test('an upper that was closed can be loaded again, with its guard', async () => {
  const made = await scene();
  const upper = await made.open();
  await upper.load();
  await upper.commit(file(4));
  await upper.close();
  expect(new Set((await upper.load()).records.keys())).toEqual(new Set([1, 2, 3, 4]));
  expect(upper.guard).toBe('on');
  await upper.commit(file(5));
  await upper.close();
  await deleteDatabase(made.name);
  const again = await made.open();
  expect(await filesOf(again)).toEqual([2, 3, 4, 5]);
  await again.close();
});

test('a workspace that is removed is new afterwards', async () => {
  const name = `open-${++serial}`;
  const upper = await openUpper(name);
  await upper.commit(ROOT);
  await upper.close();
  await removeWorkspace(name);
  const again = await openUpper(name);
  expect(again.version).toBeUndefined();
  await again.close();
  await removeWorkspace(name);
  await removeWorkspace(name);
});

test('a workspace whose files do not answer is not removed: EIO', async () => {
  const name = `open-${++serial}`;
  const upper = await openUpper(name);
  await upper.commit(ROOT);
  await upper.close();
  vi.stubGlobal('FileSystemSyncAccessHandle', class {});
  vi.stubGlobal('navigator', { storage: { getDirectory: () => new Promise(() => undefined) } });
  await expect(removeWorkspace(name, { filesTimeout: 20 })).rejects.toMatchObject({ code: 'EIO' });
  vi.unstubAllGlobals();
  const again = await openUpper(name);
  expect(again.version?.sequence).toBe(1);
  await again.close();
});
