/*
 * The connection to one workspace's database: opened when first needed, closed when another tab wants the database gone or
 * changed, and opened again when the browser has dropped it (Safari does). Owns versions and object stores, not their content.
 */

import { FsError } from '../base/errors.ts';
import { type Turn, addTurn, randomName } from './stored-turn.ts';

/** Version of the database's layout. A higher one needs a step in `upgrade` and a chapter in docs/FORMAT.md. */
export const SCHEMA = 4;

/** The object stores: records, chunks of file content, both also by the hundred, the superblock, who wrote when. All keyed by number. */
export type StoreName = 'records' | 'packs' | 'chunks' | 'runs' | 'superblock' | 'turns';

/** The key of the superblock in its store. What was set aside as damaged stands there under text keys. */
export const SUPERBLOCK = 0;

export interface ConnectionOptions {
  /** Name of the workspace, for messages. */
  readonly workspace: string;
  /** Name of the database. */
  readonly database: string;
  readonly factory: IDBFactory;
  /** Milliseconds. */
  readonly openTimeout: number;
  /** Opens a database that is there, and makes none. */
  readonly mustExist?: boolean | undefined;
}

export class Connection {
  #database: Promise<IDBDatabase> | undefined;
  /** Was open once. Therefore a database that is gone was deleted, and must not silently come back empty. */
  #existed = false;

  constructor(private readonly options: ConnectionOptions) {}

  /**
   * Gives the open database; opens it where it is not.
   * @throws {FsError} EBUSY when another tab holds the opening up, ENOTSUP when the database is of a newer version,
   * ENOENT when there must be one and is none, EIO when it was deleted or cannot be opened.
   */
  get(): Promise<IDBDatabase> {
    if (this.#database !== undefined) return this.#database;
    const opening = this.#open();
    this.#database = opening;
    const forget = (): void => {
      if (this.#database === opening) this.#database = undefined;
    };
    opening.then((database) => {
      this.#existed = true;
      // The browser has dropped it: its storage was cleared, or the process behind it is gone.
      database.onclose = forget;
      // Another tab deletes the database or brings it to a newer version: whoever stays connected holds that tab up.
      database.onversionchange = () => {
        forget();
        database.close();
      };
    }, forget);
    return opening;
  }

  /**
   * Lets go of the connection, or only of `lost` where another has taken its place. Transactions that run are finished by the
   * browser. The next `get()` opens another.
   */
  async drop(lost?: IDBDatabase): Promise<void> {
    const opening = this.#database;
    // One that did not open needs no closing, and whoever asked for it was told why.
    const database = await opening?.catch(() => undefined);
    if (lost !== undefined && lost !== database) return lost.close();
    if (this.#database === opening) this.#database = undefined;
    database?.close();
  }

  #open(): Promise<IDBDatabase> {
    const { factory, database, openTimeout } = this.options;
    return new Promise((resolve, reject) => {
      const request = factory.open(database, SCHEMA);
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        reject(this.#error('EBUSY', 'is held open by another tab; close that tab and try again'));
      }, openTimeout);
      request.onupgradeneeded = ({ oldVersion }) => {
        if (late || (oldVersion === 0 && this.#mustExist)) request.transaction?.abort();
        else upgrade(request.result, request.transaction!, oldVersion);
      };
      request.onsuccess = () => {
        clearTimeout(timer);
        if (late) request.result.close();
        else resolve(request.result);
      };
      request.onerror = () => {
        clearTimeout(timer);
        reject(this.#openError(request.error));
      };
    });
  }

  #openError(cause: DOMException | null): FsError {
    if (cause?.name === 'VersionError') {
      const detail = `was written by a newer version of stratafs; load that version: this one knows the database's schema ${SCHEMA} and no later one`;
      return this.#error('ENOTSUP', detail, cause);
    }
    if (cause?.name === 'AbortError' && this.#existed) return this.#error('EIO', 'was deleted while it was open', cause);
    if (cause?.name === 'AbortError' && this.#mustExist) return this.#error('ENOENT', 'does not exist', cause);
    return this.#error('EIO', 'cannot be opened', cause);
  }

  get #mustExist(): boolean {
    return this.#existed || this.options.mustExist === true;
  }

  #error(code: 'EBUSY' | 'ENOENT' | 'ENOTSUP' | 'EIO', detail: string, cause?: unknown): FsError {
    return new FsError(code, { detail: `workspace '${this.options.workspace}' ${detail}`, cause: cause ?? undefined });
  }
}

/** A step brings a database from one version to the next, in the transaction of the opening. */
type Step = (database: IDBDatabase, transaction: IDBTransaction) => void;

/** Step n brings version n to n + 1. Version 0 is no database. A step is never changed once it was released. */
const STEPS: readonly Step[] = [createStores, addTurns, addPacks, addRecordsToTurns];

/** Brings a database from `oldVersion` to SCHEMA. */
function upgrade(database: IDBDatabase, transaction: IDBTransaction, oldVersion: number): void {
  for (const step of STEPS.slice(oldVersion)) step(database, transaction);
}

function createStores(database: IDBDatabase): void {
  for (const store of ['records', 'chunks', 'superblock'] satisfies StoreName[]) database.createObjectStore(store);
}

/** An upper that has had commits gets a version; others get theirs with the first commit. */
function addTurns(database: IDBDatabase, transaction: IDBTransaction): void {
  database.createObjectStore('turns' satisfies StoreName);
  const counting = transaction.objectStore('superblock' satisfies StoreName).count(SUPERBLOCK);
  counting.onsuccess = () => {
    if (counting.result === 0) return;
    const turn: Turn = { turn: 1, owner: 'migration', first: 1, serial: 1, generation: randomName(), sequence: 0 };
    addTurn(transaction, turn);
  };
}

/** What stands in rows stays there until it is folded: record-places.ts. */
function addPacks(database: IDBDatabase): void {
  for (const store of ['packs', 'runs'] satisfies StoreName[]) database.createObjectStore(store);
}

/** No row of a turn has records yet; what stands in rows of their own is folded with the first commit. */
function addRecordsToTurns(): void {
  // There is nothing to change: older versions only must not open it any more.
}
