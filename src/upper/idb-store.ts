/*
 * The upper in IndexedDB: the only file that says `indexedDB`. One database a workspace, one read-write transaction a commit.
 * docs/FORMAT.md, "The upper in IndexedDB", specifies what stands in it; docs/decisions/0003 tells what idb-keyval does here.
 *
 * Who waits for whom: a commit waits for the commit before it; reads wait for nothing of ours. Inside a transaction nothing is
 * awaited except that transaction.
 */

import { entries, get, getMany, type UseStore } from 'idb-keyval';
import { ownBytes } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { Commit, Superblock, UpperImage, UpperRecord, UpperStore } from '../layer/upper.ts';
import { Connection, type StoreName } from './connection.ts';
import { decodeRecord, decodeSuperblock, encodeRecord, isCount } from './stored-record.ts';

export interface IdbUpperOptions {
  /** Where databases are kept. Default: the browser's. */
  readonly factory?: IDBFactory;
  /** Milliseconds until an opening that somebody holds up is given up (EBUSY). Default: 10 s; it takes milliseconds otherwise. */
  readonly openTimeout?: number;
}

const OPEN_TIMEOUT = 10_000;

/** The key of the superblock in its store. */
const SUPERBLOCK = 0;

class IdbStore implements UpperStore {
  readonly #connection: Connection;
  #lastCommit: Promise<unknown> = Promise.resolve();
  /** *closing* indicates that close() waits for the last commit. Therefore that one may still reach the database, and no new call. */
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(
    readonly name: string,
    factory: IDBFactory,
    openTimeout: number,
  ) {
    this.#connection = new Connection({ workspace: name, database: `stratafs:${name}`, factory, openTimeout });
  }

  /** Opens the database now, so that what is wrong with it shows before anything is mounted. */
  async open(): Promise<void> {
    await this.#connect();
  }

  async load(): Promise<UpperImage> {
    this.#state = 'open';
    const [superblock, records] = await this.#attempt(async (database) => {
      const transaction = database.transaction(['superblock', 'records'], 'readonly');
      return Promise.all([
        get<unknown>(SUPERBLOCK, within(transaction, 'superblock')),
        entries<IDBValidKey, unknown>(within(transaction, 'records')),
      ]);
    });
    return { superblock: this.#superblock(superblock), records: new Map(records.map(([id, value]) => this.#record(id, value))) };
  }

  /** Precondition: the commit stays as it is until the promise settles. */
  commit(commit: Commit): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#closedError());
    const done = this.#lastCommit.then(() => this.#attempt((database) => write(database, commit)));
    this.#lastCommit = done.catch(() => undefined); // whoever made that commit hears of its failure
    return done;
  }

  async readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    if (this.#state !== 'open') throw this.#closedError();
    const values = await this.#attempt((database) =>
      getMany<unknown>([...ids], within(database.transaction('chunks', 'readonly'), 'chunks')),
    );
    return values.map((value, i) => {
      if (value === undefined || value instanceof Uint8Array) return value;
      throw this.#damaged(`chunk ${ids[i]}`);
    });
  }

  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing';
    await this.#lastCommit;
    this.#state = 'closed';
    await this.#connection.drop();
  }

  /**
   * Runs one transaction; where the connection turns out to be lost, once more over a new one. A commit may be run twice: it
   * says what is to stand under each key, whatever stands there.
   */
  async #attempt<T>(work: (database: IDBDatabase) => Promise<T>): Promise<T> {
    const database = await this.#connect();
    try {
      return await work(database);
    } catch (e) {
      if (!isLostConnection(e)) throw this.#failure(e);
    }
    await this.#connection.drop(database);
    try {
      return await work(await this.#connect());
    } catch (e) {
      throw this.#failure(e);
    }
  }

  #connect(): Promise<IDBDatabase> {
    if (this.#state === 'closed') return Promise.reject(this.#closedError());
    return this.#connection.get();
  }

  #closedError(): FsError {
    return new FsError('EIO', { detail: `the upper of workspace '${this.name}' is closed` });
  }

  #failure(cause: unknown): FsError {
    if (cause instanceof FsError) return cause;
    if (isNamed(cause, 'QuotaExceededError')) {
      return new FsError('ENOSPC', { detail: `the browser gives workspace '${this.name}' no more storage`, cause });
    }
    return new FsError('EIO', { detail: `the database of workspace '${this.name}' failed`, cause });
  }

  #superblock(value: unknown): Superblock | undefined {
    if (value === undefined) return undefined;
    const superblock = decodeSuperblock(value);
    if (superblock === undefined) throw this.#damaged('the superblock');
    return superblock;
  }

  #record(id: IDBValidKey, value: unknown): [number, UpperRecord] {
    const record = decodeRecord(value);
    if (record === undefined || !isCount(id)) throw this.#damaged(`record ${JSON.stringify(id)}`);
    return [id, record];
  }

  #damaged(what: string): FsError {
    return new FsError('EIO', { detail: `workspace '${this.name}': ${what} is damaged` });
  }
}

/** Makes idb-keyval read in a transaction of ours. */
function within(transaction: IDBTransaction, store: StoreName): UseStore {
  return (_mode, callback) => Promise.resolve(callback(transaction.objectStore(store)));
}

async function write(database: IDBDatabase, { superblock, records, chunks, durability }: Commit): Promise<void> {
  const stores: StoreName[] = superblock === undefined ? ['records', 'chunks'] : ['records', 'chunks', 'superblock'];
  const transaction = database.transaction(stores, 'readwrite', { durability });
  const done = completion(transaction);
  try {
    if (superblock !== undefined) transaction.objectStore('superblock').put(superblock, SUPERBLOCK);
    putAll(transaction.objectStore('records'), records, encodeRecord);
    putAll(transaction.objectStore('chunks'), chunks, ownBytes);
    transaction.commit();
  } catch (e) {
    done.catch(() => undefined); // `e` says why
    abort(transaction);
    throw e;
  }
  return done;
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch (e) {
    // The browser was faster: the transaction is over already.
    if (!isNamed(e, 'InvalidStateError')) throw e;
  }
}

function putAll<T>(store: IDBObjectStore, changes: ReadonlyMap<number, T | undefined>, encode: (value: T) => object): void {
  for (const [key, value] of changes) {
    if (value === undefined) store.delete(key);
    else store.put(encode(value), key);
  }
}

/** Settles with the transaction. A quota error comes here, after every request has succeeded. */
function completion(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    // Commit point: `complete`, never a request's `success`.
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('The transaction was aborted', 'AbortError'));
  });
}

/**
 * What a transaction meets when the browser has dropped the connection: it cannot be started (InvalidStateError), is aborted by
 * nobody of ours (AbortError), or WebKit's "connection to Indexed Database server lost" (UnknownError).
 */
function isLostConnection(e: unknown): boolean {
  return isNamed(e, 'InvalidStateError') || isNamed(e, 'AbortError') || isNamed(e, 'UnknownError');
}

function isNamed(e: unknown, name: string): boolean {
  return e instanceof Error && !(e instanceof FsError) && e.name === name;
}

/**
 * Opens the upper of a workspace in IndexedDB; makes an empty one where there is none.
 *
 * @throws {FsError} EBUSY when another tab holds its database up, ENOTSUP when a newer version of this library wrote it or there is
 * no IndexedDB here, EIO when it cannot be opened.
 * @example
 * const overlay = await Overlay.mount({ lower: [layer], upper: await idbUpper('project-42') });
 */
export async function idbUpper(name: string, options: IdbUpperOptions = {}): Promise<UpperStore> {
  const factory = options.factory ?? globalThis.indexedDB;
  if (factory === undefined) throw new FsError('ENOTSUP', { detail: `workspace '${name}' needs IndexedDB, which is not here` });
  const store = new IdbStore(name, factory, options.openTimeout ?? OPEN_TIMEOUT);
  await store.open();
  return store;
}
