/* The worker of guard-cost.ts: commits of several sizes, to IndexedDB, to a guard, and to both in several orders. */

import type { Commit, Durability, InodeRecord, UpperRecord } from '../src/layer/upper.ts';
import { openGuardFolder } from '../src/upper/guard-folder.ts';
import { GuardLog } from '../src/upper/guard-log.ts';
import { GuardedStore } from '../src/upper/guarded-store.ts';
import { GUARD_SETTINGS } from '../src/upper/guard.ts';
import { idbUpper } from '../src/upper/idb-store.ts';
import { openUpper, removeWorkspace } from '../src/upper/open-upper.ts';
import type { VersionedStore } from '../src/upper/versioned-store.ts';
import { answerCalls } from '../test/e2e/answer-calls.ts';

type Size = 'small' | 'records-100' | 'chunk-256K' | 'chunks-1M';

const NEVER = { ...GUARD_SETTINGS, slack: Infinity, frames: Infinity };

const inode = (id: number, chunks: readonly number[], size: number): InodeRecord => ({
  names: [[1, `file-${id}.txt`]],
  mode: 0o100644,
  uid: 0,
  gid: 0,
  rdev: 0,
  nlink: 1,
  atimeMs: 1763680000000,
  mtimeMs: 1763680000000 + id,
  ctimeMs: 1763680000000 + id,
  birthtimeMs: 1763680000000,
  size,
  originSize: 0,
  chunks,
});

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65_536)));
  return bytes;
}

const CHUNK = randomBytes(1 << 18);
const SMALL = randomBytes(200);

function commitOf(size: Size, serial: number, durability: Durability): Commit {
  const records = new Map<number, UpperRecord>();
  const chunks = new Map<number, Uint8Array<ArrayBuffer>>();
  const add = (id: number, parts: readonly Uint8Array<ArrayBuffer>[]): void => {
    const ids = parts.map((_, i) => id * 8 + i);
    parts.forEach((bytes, i) => chunks.set(ids[i]!, bytes));
    records.set(
      id,
      inode(
        id,
        ids,
        parts.reduce((sum, bytes) => sum + bytes.length, 0),
      ),
    );
  };
  const id = 1000 + serial * 100;
  if (size === 'records-100') for (let i = 0; i < 100; i++) add(id + i, [SMALL]);
  else add(id, size === 'small' ? [SMALL] : Array.from({ length: size === 'chunk-256K' ? 1 : 4 }, () => CHUNK));
  return { records, chunks, durability, superblock: undefined };
}

const first = (): Commit => ({ ...commitOf('small', 0, 'strict'), superblock: { format: 1, lowers: [] } });

type Ways = 'idb-relaxed' | 'idb-strict' | 'log-only' | 'log-and-idb-strict' | 'log-and-idb-relaxed' | 'unflushed-log-and-idb-strict';

/** Gives the store whose commits are made strict whatever is asked. */
function alwaysStrict(store: VersionedStore): VersionedStore {
  return {
    name: store.name,
    get version() {
      return store.version;
    },
    load: () => store.load(),
    commit: (commit) => store.commit({ ...commit, durability: 'strict' }),
    readChunks: (ids) => store.readChunks(ids),
    restore: (version, parts) => store.restore(version, parts),
    close: () => store.close(),
  };
}

interface Lane {
  commit(serial: number): Promise<void> | void;
  end(): Promise<void>;
}

async function laneOf(way: Ways, size: Size): Promise<Lane> {
  const name = `bench-${way}-${Math.random()}`;
  const folder = (await openGuardFolder(name))!;
  if (way === 'log-only') {
    const log = GuardLog.create(await folder.open('guard.0'), { generation: 'bench', sequence: 0 });
    const commit = (serial: number): void => {
      log.append(serial, commitOf(size, serial, 'strict'));
      log.flush();
    };
    const end = (): Promise<void> => {
      log.close();
      return removeWorkspace(name);
    };
    return { commit, end };
  }
  const idb = await idbUpper(name);
  const options = { folder, guard: true, lost: 'error', marker: undefined, settings: NEVER } as const;
  let store: VersionedStore = idb;
  if (way === 'log-and-idb-relaxed') store = await GuardedStore.open({ ...options, store: idb });
  else if (way.endsWith('log-and-idb-strict')) store = await GuardedStore.open({ ...options, store: alwaysStrict(idb) });
  await store.load();
  await store.commit(first());
  const asked: Durability = way === 'idb-relaxed' || way === 'unflushed-log-and-idb-strict' ? 'relaxed' : 'strict';
  return {
    commit: (serial) => store.commit(commitOf(size, serial, asked)),
    end: async () => {
      await store.close();
      await removeWorkspace(name);
    },
  };
}

/** Milliseconds of each of some commits, by way. The ways take turns, so that whatever else the machine does meets all of them. */
async function measure(ways: readonly Ways[], size: Size, count: number): Promise<Record<string, number[]>> {
  const lanes = new Map<Ways, Lane>();
  for (const way of ways) lanes.set(way, await laneOf(way, size));
  const times: Record<string, number[]> = Object.fromEntries(ways.map((way) => [way, []]));
  for (let serial = 1; serial <= count; serial++) {
    for (const i of ways.keys()) {
      const way = ways[(i + serial) % ways.length]!;
      const start = performance.now();
      await lanes.get(way)!.commit(serial);
      times[way]!.push(performance.now() - start);
    }
  }
  for (const lane of lanes.values()) await lane.end();
  return times;
}

/** What opening, building, rebuilding and compacting cost. */
async function lives(files: number, size: number): Promise<Record<string, number>> {
  const name = `bench-lives-${Math.random()}`;
  const settings = { ...NEVER, delay: 0 };
  const result: Record<string, number> = {};
  const timed = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const value = await work();
    result[title] = performance.now() - start;
    return value;
  };
  const bytes = randomBytes(size);
  let store = await openUpper(name, { settings });
  await store.commit(first());
  for (let i = 1; i <= files; i++) {
    await store.commit({
      records: new Map([[i + 10, inode(i, [i], size)]]),
      chunks: new Map([[i, bytes]]),
      durability: 'relaxed',
      superblock: undefined,
    });
  }
  await store.close();
  await timed('openWithout', async () => (await openUpper(name, { guard: false, folder: null })).close());
  store = await timed('openWith', () => openUpper(name, { settings }));
  await store.close();
  // Without its guard: built anew.
  await (await openUpper(name, { guard: false })).close();
  store = await openUpper(name, { settings: { ...settings, delay: 1e6 } });
  await store.close();
  await timed('openAndBuild', async () => {
    store = await openUpper(name, { settings });
    while (store.guard !== 'on') await new Promise((resolve) => setTimeout(resolve, 1));
  });
  await store.close();
  await new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${name}`).onsuccess = resolve));
  store = await timed('rebuild', () => openUpper(name, { settings }));
  if (store.restored?.what !== 'everything') throw new Error('not rebuilt');
  await store.close();
  await removeWorkspace(name);
  return result;
}

answerCalls({ measure, lives });
