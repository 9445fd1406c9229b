/* Bare IndexedDB, as fast as the platform gives it: what the upper is compared with. */

import { time } from './suite.ts';

let number = 0;

/** Runs `work` on a new database with the given stores, and deletes the database. */
export async function withDatabase<T>(stores: readonly string[], work: (database: IDBDatabase) => Promise<T>): Promise<T> {
  const name = `bare-${performance.timeOrigin}-${number++}`;
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => stores.forEach((store) => request.result.createObjectStore(store));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('cannot open a database'));
  });
  try {
    return await work(database);
  } finally {
    database.close();
    await settled(indexedDB.deleteDatabase(name));
  }
}

export function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('a request failed'));
  });
}

/** One transaction; resolves when it is complete. */
export function commit(
  database: IDBDatabase,
  stores: string | string[],
  change: (transaction: IDBTransaction) => void,
  durability: IDBTransactionDurability = 'strict',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(stores, 'readwrite', { durability });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('a transaction was aborted'));
    change(transaction);
    transaction.commit();
  });
}

/** Reads keys in one transaction, all in flight at once. */
export function readAll(database: IDBDatabase, store: string, keys: readonly number[]): Promise<Uint8Array[]> {
  const objects = database.transaction(store, 'readonly').objectStore(store);
  return Promise.all(keys.map((key) => settled(objects.get(key) as IDBRequest<Uint8Array>)));
}

/** Times `count` calls one after the other; milliseconds of all. */
export function timeEach(count: number, work: (i: number) => Promise<unknown>): Promise<number> {
  return time(async () => {
    for (let i = 0; i < count; i++) await work(i);
  });
}
