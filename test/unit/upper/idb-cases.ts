/* What only the upper in IndexedDB must do. Runs over the global `indexedDB`: the browser's, or one in memory in Node. */

import { afterEach, expect, test, vi } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import type { UpperStore } from '../../../src/layer/upper.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { bytes, commitOf, inode, whiteout } from './store-cases.ts';

let serial = 0;

/** A name that no other test uses. */
export const uniqueName = (): string => `upper-${Date.now()}-${Math.floor(Math.random() * 1e9)}-${++serial}`;

export async function makeStore(): Promise<UpperStore> {
  return idbUpper(uniqueName());
}

/** Opens the database of a workspace beside the store, as another tab or a developer would. */
export function openRaw(name: string, version?: number, upgrade?: (database: IDBDatabase) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`stratafs:${name}`, version);
    request.onupgradeneeded = () => upgrade?.(request.result);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function putRaw(name: string, store: string, key: IDBValidKey, value: unknown): Promise<void> {
  const database = await openRaw(name);
  const transaction = database.transaction(store, 'readwrite');
  transaction.objectStore(store).put(value, key);
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = reject;
  });
  database.close();
}

function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(`stratafs:${name}`);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}

/** Lets transactions abort with `errorName` where they would be committed; gives how often it happened. */
export function abortCommits(errorName: string, times = Infinity): { count: number } {
  const faults = { count: 0 };
  const commit = Reflect.get(IDBTransaction.prototype, 'commit');
  vi.spyOn(IDBTransaction.prototype, 'commit').mockImplementation(function (this: IDBTransaction) {
    if (faults.count >= times) return commit.call(this);
    faults.count++;
    Object.defineProperty(this, 'error', { value: new DOMException('planted', errorName) });
    this.abort();
  });
  return faults;
}

const failsWith =
  (code: 'EIO' | 'ENOSPC' | 'EBUSY' | 'ENOTSUP', ...words: string[]) =>
  (e: unknown): boolean =>
    isFsError(e, code) && words.every((word) => e.message.includes(word));

/** WebKit lists databases of version 0, which are none, where making one was called off. */
export async function databaseNames(): Promise<(string | undefined)[]> {
  return (await indexedDB.databases()).filter(({ version = 0 }) => version > 0).map(({ name }) => name);
}

export function idbCases(): void {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('an aborted transaction leaves nothing of its commit', async () => {
    const store = await makeStore();
    await store.load();
    await store.commit(commitOf({ records: [[5, inode({ size: 1 })]], chunks: [[1, bytes(1)]] }));
    abortCommits('UnknownError');
    const failing = store.commit(
      commitOf({
        superblock: { format: 1, lowers: [] },
        records: [
          [5, inode({ size: 2 })],
          [6, whiteout(1, 'b')],
        ],
        chunks: [
          [1, undefined],
          [2, bytes(2)],
        ],
      }),
    );
    await expect(failing).rejects.toSatisfy(failsWith('EIO', store.name));
    await expect(failing).rejects.toHaveProperty('cause.name', 'UnknownError');
    vi.restoreAllMocks();
    const image = await store.load();
    expect([...image.records.keys()]).toEqual([5]);
    expect(image.records.get(5)).toMatchObject({ size: 1 });
    expect(image.superblock).toBeUndefined();
    expect(await store.readChunks([1, 2])).toEqual([bytes(1), undefined]);
    await store.close();
  });

  test('a quota error that comes to the transaction is ENOSPC, is not tried again, and the store goes on', async () => {
    const store = await makeStore();
    await store.load();
    const faults = abortCommits('QuotaExceededError');
    const failing = store.commit(commitOf({ chunks: [[1, bytes(1)]] }));
    await expect(failing).rejects.toSatisfy(failsWith('ENOSPC', store.name));
    await expect(failing).rejects.toHaveProperty('cause.name', 'QuotaExceededError');
    expect(faults.count).toBe(1);
    vi.restoreAllMocks();
    await store.commit(commitOf({ chunks: [[1, bytes(2)]] }));
    expect(await store.readChunks([1])).toEqual([bytes(2)]);
    await store.close();
  });

  test('a commit that meets a lost connection is made once more over a new one, and not a third time', async () => {
    const store = await makeStore();
    await store.load();
    const opened = vi.spyOn(IDBFactory.prototype, 'open');
    abortCommits('AbortError', 1);
    await store.commit(commitOf({ chunks: [[1, bytes(1)]] }));
    expect(opened).toHaveBeenCalledTimes(1);
    expect(await store.readChunks([1])).toEqual([bytes(1)]);
    vi.restoreAllMocks();
    const faults = abortCommits('AbortError');
    await expect(store.commit(commitOf({ chunks: [[1, bytes(2)]] }))).rejects.toSatisfy(failsWith('EIO'));
    expect(faults.count).toBe(2);
    await store.close();
  });

  test('commits keep their order when the first of them has to be made again', async () => {
    const store = await makeStore();
    await store.load();
    abortCommits('AbortError', 1);
    await Promise.all([1, 2, 3].map((size) => store.commit(commitOf({ records: [[5, inode({ size })]] }))));
    expect((await store.load()).records.get(5)).toMatchObject({ size: 3 });
    await store.close();
  });

  test('a connection that cannot start transactions any more is opened again', async () => {
    const store = await makeStore();
    await store.load();
    await store.commit(commitOf({ chunks: [[1, bytes(1)]] }));
    const start = Reflect.get(IDBDatabase.prototype, 'transaction');
    let failures = 1;
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
      if (failures-- > 0) throw new DOMException('The database connection is closing.', 'InvalidStateError');
      return start.apply(this, args);
    });
    expect(await Promise.all([store.readChunks([1]), store.readChunks([1])])).toEqual([[bytes(1)], [bytes(1)]]);
    await store.close();
  });

  test('a database deleted by another tab does not wait for the store, and does not come back empty', async () => {
    const store = await makeStore();
    await store.load();
    await store.commit(commitOf({ records: [[5, inode()]] }));
    await deleteDatabase(store.name);
    await expect(store.commit(commitOf({ records: [[6, inode()]] }))).rejects.toSatisfy(failsWith('EIO', store.name, 'deleted'));
    await expect(store.load()).rejects.toSatisfy(failsWith('EIO', 'deleted'));
    expect(await databaseNames()).not.toContain(`stratafs:${store.name}`);
  });

  test('a database that a newer version has upgraded is refused, at once and while it is open', async () => {
    const store = await makeStore();
    await store.load();
    const newer = await openRaw(store.name, 5);
    newer.close();
    const refused = failsWith('ENOTSUP', store.name, 'newer version', 'schema 4');
    await expect(store.commit(commitOf({}))).rejects.toSatisfy(refused);
    await expect(idbUpper(store.name)).rejects.toSatisfy(refused);
  });

  test('an opening that another tab holds up is given up with EBUSY', async () => {
    const name = uniqueName();
    const holder = await openRaw(name);
    const deletion = deleteDatabase(name); // waits for the holder, and every opening waits for it
    await expect(idbUpper(name, { openTimeout: 50 })).rejects.toSatisfy(failsWith('EBUSY', name));
    holder.close();
    await deletion;
    const store = await idbUpper(name);
    expect((await store.load()).records.size).toBe(0);
    await store.close();
  });

  test.each([
    ['not an object', 'nonsense'],
    ['without a mode', { names: [] }],
    ['with a time that is no number', { ...inode(), mtimeMs: '1' }],
    ['with a name that is no pair', { ...inode(), names: [[1]] }],
    ['with chunks that are no list', { ...inode(), chunks: 7 }],
    ['a whiteout without a name', { names: [], whiteout: true }],
  ])('a damaged record is EIO and named: %s', async (_what, value) => {
    const store = await makeStore();
    await store.commit(commitOf({ records: [[5, inode()]] }));
    await putRaw(store.name, 'records', 77, value);
    await expect(store.load()).rejects.toSatisfy(failsWith('EIO', store.name, 'record 77'));
    await store.close();
  });

  test('a damaged superblock or chunk is EIO and named', async () => {
    const store = await makeStore();
    await putRaw(store.name, 'chunks', 3, 'text');
    await expect(store.readChunks([3])).rejects.toSatisfy(failsWith('EIO', store.name, 'chunk 3'));
    await putRaw(store.name, 'superblock', 0, { format: 1 });
    await expect(store.load()).rejects.toSatisfy(failsWith('EIO', store.name, 'superblock'));
    await store.close();
  });

  test('one commit is one transaction of the durability asked for', async () => {
    const store = await makeStore();
    await store.load();
    const started = vi.spyOn(IDBDatabase.prototype, 'transaction');
    await store.commit(commitOf({ records: [[5, inode()]], durability: 'strict' }));
    await store.commit(commitOf({ records: [[5, inode()]], chunks: [[1, bytes(1)]], durability: 'strict' }));
    await store.commit(commitOf({ records: [[5, undefined]], superblock: { format: 1, lowers: [] }, durability: 'relaxed' }));
    expect(started.mock.calls).toEqual([
      [['packs', 'turns'], 'readwrite', { durability: 'strict' }], // the first of an owner
      [['chunks', 'turns'], 'readwrite', { durability: 'strict' }],
      [['superblock', 'turns'], 'readwrite', { durability: 'relaxed' }],
    ]);
    await store.close();
  });
}
