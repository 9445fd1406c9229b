/* A database that does not answer, or whose connection goes. Runs over the global `indexedDB`, in Node and in the browser. */

import { expect, test, vi } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import type { VersionedStore } from '../../../src/upper/versioned-store.ts';
import { openDatabase } from '../../fixtures/schema/recording.ts';
import { databaseNames, uniqueName } from './idb-cases.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

const sized = (size: number) => commitOf({ records: [[5, inode({ size })]], chunks: [[1, bytes(size)]] });
const isSilent = (e: unknown): boolean => isFsError(e, 'EIO') && e.message.includes('does not answer');
const wasMadeAfterAll = (e: unknown): boolean => isFsError(e, 'ESTALE') && e.message.includes('was made after all');

/** Takes a handler and never calls it. */
function ignore(): void {}

/** Keeps a transaction of another connection going, so that every later one over the same stores waits. Gives what ends it. */
async function holdStores(name: string): Promise<() => void> {
  const database = await openDatabase(name);
  return keepGoing(database.transaction([...database.objectStoreNames], 'readwrite'), () => database.close());
}

/** Asks a transaction for one thing after the other, so that it does not end. Gives what ends that. */
function keepGoing(transaction: IDBTransaction, whenOver: () => void = ignore): () => void {
  let isHeld = true;
  const goOn = (): void => {
    if (isHeld) transaction.objectStore('turns').get(0).onsuccess = goOn;
    else whenOver();
  };
  goOn();
  return () => (isHeld = false);
}

/** Lets the next transaction that writes neither end nor be heard of, until what this gives is called: then it is made. */
function delayCommit(): () => void {
  const start = Reflect.get(IDBDatabase.prototype, 'transaction');
  let release: (() => void) | undefined;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
    const transaction = start.apply(this, args);
    if (args[1] !== 'readwrite' || release !== undefined) return transaction;
    for (const handler of ['oncomplete', 'onabort']) Object.defineProperty(transaction, handler, { get: () => null, set: ignore });
    for (const method of ['abort', 'commit']) Object.defineProperty(transaction, method, { value: ignore });
    release = keepGoing(transaction);
    return transaction;
  });
  return () => release?.();
}

async function impatientStore(): Promise<VersionedStore> {
  const store = await idbUpper(uniqueName(), { commitTimeout: 300 });
  await store.load();
  await store.commit(sized(1));
  return store;
}

/** Lets the next `times` transactions that write end without anybody hearing of it; *kept* or *lost* says how they end. */
function swallowEnds(times: number, fate: 'kept' | 'lost'): void {
  const start = Reflect.get(IDBDatabase.prototype, 'transaction');
  let left = times;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
    const transaction = start.apply(this, args);
    if (args[1] !== 'readwrite' || left-- <= 0) return transaction;
    for (const handler of ['oncomplete', 'onabort']) Object.defineProperty(transaction, handler, { get: () => null, set: ignore });
    const { abort } = transaction;
    Object.defineProperty(transaction, 'abort', { value: () => undefined });
    if (fate === 'lost') Object.defineProperty(transaction, 'commit', { value: () => abort.call(transaction) });
    return transaction;
  });
}

export function silenceCases(): void {
  test('a first commit that waits for a database without an answer is EIO, did not happen, and the next one works', async () => {
    const store = await impatientStore();
    await store.close();
    await store.load();
    const release = await holdStores(store.name);
    await expect(store.commit(sized(2))).rejects.toSatisfy(isSilent);
    release();
    expect((await store.load()).records.get(5)).toMatchObject({ size: 1 });
    await store.commit(sized(3));
    expect((await store.load()).records.get(5)).toMatchObject({ size: 3 });
    await store.close();
  });

  test('a commit that is EIO for want of an answer and is made after all: nothing is built upon a tree that is not the stored one', async () => {
    const store = await impatientStore();
    const release = delayCommit();
    await expect(store.commit(sized(2))).rejects.toSatisfy(isSilent);
    vi.restoreAllMocks();
    release();
    await expect(store.commit(sized(3))).rejects.toSatisfy(wasMadeAfterAll);
    await store.close();
    expect((await store.load()).records.get(5)).toMatchObject({ size: 2 });
    await store.commit(sized(4));
    await store.close();
  });

  test('reading from a database without an answer is EIO, and works when it answers again', async () => {
    const store = await impatientStore();
    const release = await holdStores(store.name);
    await expect(store.readChunks([1])).rejects.toSatisfy(isSilent);
    await expect(store.load()).rejects.toSatisfy(isSilent);
    release();
    expect(await store.readChunks([1])).toEqual([bytes(1)]);
    await store.close();
  });

  test('a commit whose answer is lost was made or is made, once: it resolves either way', async () => {
    for (const fate of ['kept', 'lost'] as const) {
      const store = await impatientStore();
      const { sequence } = store.version!;
      swallowEnds(1, fate);
      await store.commit(sized(2));
      vi.restoreAllMocks();
      await store.commit(sized(3));
      expect(store.version!.sequence).toBe(sequence + 2);
      expect((await store.load()).records.get(5)).toMatchObject({ size: 3 });
      await store.close();
    }
  });

  test('a commit that is lost twice without an answer is EIO, and the next one works', async () => {
    const store = await impatientStore();
    swallowEnds(2, 'lost');
    await expect(store.commit(sized(2))).rejects.toSatisfy(isSilent);
    vi.restoreAllMocks();
    expect((await store.load()).records.get(5)).toMatchObject({ size: 1 });
    await store.commit(sized(3));
    await store.close();
  });

  test('a commit under way while another tab wants the database gone is finished; every later call is EIO, and nothing is made anew', async () => {
    const store = await impatientStore();
    const committing = store.commit(sized(2));
    const deleting = new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(`stratafs:${store.name}`);
      request.onsuccess = resolve;
      request.onerror = reject;
    });
    const [committed] = await Promise.allSettled([committing, deleting]);
    expect(committed.status).toBe('fulfilled');
    const isGone = (e: unknown): boolean => isFsError(e, 'EIO') && e.message.includes(store.name) && e.message.includes('deleted');
    for (let n = 0; n < 2; n++) await expect(store.commit(sized(3))).rejects.toSatisfy(isGone);
    await expect(store.readChunks([1])).rejects.toSatisfy(isGone);
    await store.close();
    await expect(store.load()).rejects.toSatisfy(isGone);
    expect(await databaseNames()).not.toContain(`stratafs:${store.name}`);
  });

  test('a database that was deleted and made anew by another is not mistaken for ours', async () => {
    const store = await impatientStore();
    for (let size = 2; size < 9; size++) await store.commit(sized(size));
    await new Promise((resolve) => (indexedDB.deleteDatabase(`stratafs:${store.name}`).onsuccess = resolve));
    const other = await idbUpper(store.name);
    await other.load();
    await other.commit(sized(100));
    await expect(store.commit(sized(9))).rejects.toSatisfy((e) => isFsError(e, 'ESTALE') && e.message.includes(store.name));
    expect((await other.load()).records.get(5)).toMatchObject({ size: 100 });
    await Promise.all([store.close(), other.close()]);
  });

  test('a connection that the browser closes is opened again, once a call', async () => {
    const store = await impatientStore();
    const opened = vi.spyOn(IDBFactory.prototype, 'open');
    const start = Reflect.get(IDBDatabase.prototype, 'transaction');
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function () {
      throw new DOMException('planted', 'InvalidStateError');
    });
    await expect(store.commit(sized(2))).rejects.toSatisfy((e) => isFsError(e, 'EIO'));
    expect(opened).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
    expect(IDBDatabase.prototype.transaction).toBe(start);
    await store.commit(sized(3));
    expect((await store.load()).records.get(5)).toMatchObject({ size: 3 });
    await store.close();
  });
}
