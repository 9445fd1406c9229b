/*
 * The upper in IndexedDB: the only file that says `indexedDB`. One database a workspace, one read-write transaction a commit.
 * docs/FORMAT.md, "The upper in IndexedDB", specifies what stands in it; docs/decisions/0003 tells what idb-keyval does here,
 * 0008 how owners are told apart.
 *
 * Who waits for whom: a commit waits for the commit before it; reads wait for nothing of ours. Inside a transaction nothing is
 * awaited except that transaction. Nothing is waited for without a time limit.
 */

import { get, getMany } from 'idb-keyval';
import { FsError, isFsError } from '../base/errors.ts';
import type { Commit, Durability, Superblock, UpperImage, UpperVersion } from '../layer/upper.ts';
import type { ChunkRuns } from './chunk-runs.ts';
import { Connection, SUPERBLOCK, type StoreName } from './connection.ts';
import { LAYOUT, Layout, type LayoutSettings } from './layout.ts';
import { Reserve, ReservedStore } from './reserve.ts';
import { readStoredChunks, storesOfChunks } from './stored-chunks.ts';
import {
  type Damaged,
  LOADED,
  asideChanges,
  damagedError,
  damagedIds,
  damagedRecordsError,
  readImage,
  readStored,
  readSuperblock,
  told,
  within,
} from './stored-image.ts';
import { write } from './stored-commit.ts';
import type { Plan, ReadRows } from './stored-rows.ts';
import { type Turn, isRestoring, isSameTurn, lastTurn, randomName } from './stored-turn.ts';
import { isLostConnection, isNamed, readWithin } from './transaction.ts';
import { NOTHING, type VersionedStore } from './versioned-store.ts';

export interface IdbUpperOptions {
  /** Where databases are kept. Default: the browser's. */
  readonly factory?: IDBFactory | undefined;
  /** Milliseconds until an opening that somebody holds up is given up (EBUSY). Default: 10 s; it takes milliseconds otherwise. */
  readonly openTimeout?: number | undefined;
  /**
   * Milliseconds until a transaction that hears nothing is aborted and made once more over a new connection; then it is EIO.
   * Default: 30 s. Large commits get a second more for each MiB.
   */
  readonly commitTimeout?: number | undefined;
  /**
   * What `load()` does with records that cannot be understood: *refuse* the workspace (EIO, naming one), or *set-aside*: take them out
   * of the tree, keep them in the database as they are, and let `check({ repair: true })` mend what they leave behind. Default: refuse.
   */
  readonly damaged?: 'refuse' | 'set-aside' | undefined;
  /** When records and chunks are packed. For tests. */
  readonly layout?: LayoutSettings | undefined;
}

const OPEN_TIMEOUT = 10_000;
const COMMIT_TIMEOUT = 30_000;

/**
 * *fresh* indicates that the database was opened and looked at. Therefore the next `load()` takes over whatever stands there.
 * *open* indicates that what was loaded is being worked upon. Therefore whatever another owner writes is an alarm.
 * *closing* indicates that `close()` waits for the last commit. Therefore that one may still reach the database, and no new call.
 * *closed* indicates that nobody has the upper. Therefore nothing but `load()` works, which takes over as when it is fresh.
 */
type State = 'fresh' | 'open' | 'closing' | 'closed';

export class IdbStore implements VersionedStore {
  readonly #connection: Connection;
  readonly #timeout: number;
  readonly #settings: LayoutSettings;
  #lastCommit: Promise<unknown> = Promise.resolve();
  #state: State = 'fresh';
  /** The last turn that this owner knows: its own, or the one that it found when it took over. */
  #last: Turn | undefined;
  /** This owner, from one taking over to the next. */
  #owner = randomName();
  #serial = 0;
  /** The connection over which the last turn was taken by this owner. */
  #ownTurn: IDBDatabase | undefined;
  /** The last turn that folded what stood in rows of turns before it. */
  #folded = 0;
  /** Why nothing can be committed any more: somebody else did, or nobody knows what is in the database. */
  #fenced: FsError | undefined;
  #damaged: readonly Damaged[] = [];
  /** What stands where, as of the last write; `undefined` where nobody has looked. */
  #layout: Layout | undefined;

  constructor(
    readonly name: string,
    factory: IDBFactory,
    /** *reads* indicates that somebody else may own the upper, and change it meanwhile. Therefore nothing may be committed, or repaired. */
    private readonly options: IdbUpperOptions & { readonly reads?: true },
  ) {
    const { openTimeout = OPEN_TIMEOUT, commitTimeout = COMMIT_TIMEOUT, reads } = options;
    this.#timeout = commitTimeout;
    this.#settings = options.layout ?? LAYOUT;
    this.#connection = new Connection({ workspace: name, database: `stratafs:${name}`, factory, openTimeout, mustExist: reads });
  }

  get version(): UpperVersion | undefined {
    if (this.#last === undefined || isRestoring(this.#last)) return undefined;
    const { generation, sequence } = this.#last;
    return { generation, sequence };
  }

  /** Opens the database now, so that what is wrong with it shows before anything is mounted, and looks at its version. */
  async open(): Promise<void> {
    const [found] = await this.#read([], () => Promise.resolve());
    this.#adopt(found);
  }

  /**
   * Reads everything but content. The first time, and after `close()`, it takes the upper over from whoever had it.
   * @throws {FsError} ESTALE when another owner has taken over since, EIO when the database does not answer or is damaged
   */
  async load(): Promise<UpperImage> {
    const isTakingOver = this.#state !== 'open';
    if (isTakingOver) await this.#lastCommit;
    const [found, stored] = await this.#read(LOADED, readStored);
    if (isTakingOver) this.#adopt(found);
    else this.#assertOurs(found);
    this.#state = 'open';
    if (isRestoring(found)) return { superblock: undefined, records: new Map() };
    const { damaged, layout, ...image } = readImage(this.name, stored, this.#settings);
    if (found === undefined && image.superblock !== undefined) throw damagedError(this.name, 'who wrote last is missing');
    if (damaged.length > 0) {
      // While the tree is in use its records are not moved: the engine believes that they are there.
      if (!isTakingOver || this.options.damaged !== 'set-aside') throw damagedRecordsError(this.name, damaged);
      await this.#setAside(damaged, layout);
    }
    // Commits go on while a tree in use is loaded again: what this load has seen may be older than what is known.
    if (isTakingOver) this.#layout = layout;
    return this.#damaged.length === 0 ? image : { ...image, damaged: this.#damaged.map(told) };
  }

  /** Looks at the superblock, and at the version, whoever has the upper. @throws {FsError} ENOENT when there is none and none is to be made */
  async loadSuperblock(): Promise<Superblock | undefined> {
    const [found, superblock] = await this.#read(['superblock'], (transaction) =>
      get<unknown>(SUPERBLOCK, within(transaction, 'superblock')),
    );
    this.#adopt(found);
    return isRestoring(found) ? undefined : readSuperblock(this.name, superblock);
  }

  /** Precondition: the commit stays as it is until the promise settles. */
  commit(commit: Commit): Promise<void> {
    if (this.#state === 'fresh') this.#state = 'open';
    return this.#enqueue(() => {
      const { generation, sequence } = this.version ?? { generation: randomName(), sequence: 0 };
      const clear = isRestoring(this.#last); // what a restoring that was killed has left counts for nothing
      return this.#commit(commit, { generation, sequence: sequence + 1 }, clear);
    });
  }

  restore({ generation, sequence }: UpperVersion, parts: Iterable<Commit> | AsyncIterable<Commit>): Promise<void> {
    return this.#enqueue(async () => {
      await this.#commit(NOTHING, { restoring: true }, true);
      for await (const part of parts) await this.#commit(part, { restoring: true });
      // Commit point: up to here the upper is empty to everybody who loads it.
      await this.#commit(NOTHING, { generation, sequence });
    });
  }

  async readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    this.#assertOpen();
    const { chunks } = this.#layout ?? (await this.#look());
    const kept = ids.map((id) => chunks.peek(id));
    if (kept.length > 0 && !kept.includes(undefined)) return kept;
    let values = await this.#readStoredChunks(ids, chunks);
    if (this.options.reads === true && values.some((value) => value === null || value === undefined)) {
      // The owner may have rebuilt it, and then its chunks stand elsewhere.
      this.#layout = undefined;
      values = await this.#readStoredChunks(ids, (await this.#look()).chunks);
    }
    return values.map((value, i) => {
      if (value !== null) return value;
      throw damagedError(this.name, `chunk ${ids[i]} is damaged`);
    });
  }

  async #readStoredChunks(ids: readonly number[], runs: ChunkRuns): Promise<(Uint8Array | undefined | null)[]> {
    const [found, values] = await this.#read(storesOfChunks(ids, runs), (transaction) => readStoredChunks(transaction, ids, runs));
    this.#assertOurs(found);
    return values;
  }

  async close(): Promise<void> {
    if (this.#state !== 'closed') this.#state = 'closing';
    await this.#lastCommit;
    this.#state = 'closed';
    await this.#connection.drop();
  }

  /** Takes the upper over as it stands: who had it until now commits nothing any more. */
  #adopt(found: Turn | undefined): void {
    this.#last = found;
    this.#owner = randomName();
    this.#serial = 0;
    this.#ownTurn = undefined;
    this.#fenced = undefined;
    this.#damaged = [];
    this.#layout = undefined;
  }

  /** Finds out what stands where, for a store that writes or reads before it was loaded. */
  async #look(): Promise<Layout> {
    const [found, stored] = await this.#read(LOADED, readStored);
    this.#assertOurs(found);
    if (isRestoring(found)) return (this.#layout ??= new Layout(this.#settings));
    const { layout, damaged } = readImage(this.name, stored, this.#settings);
    // The first commit would fold the rest, and what is damaged would be gone.
    if (damaged.length > 0 && this.options.reads !== true) throw damagedRecordsError(this.name, damaged);
    return (this.#layout ??= layout);
  }

  /** Lets one write begin after the other, and none after one that has shown that the upper is not ours any more. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return Promise.reject(this.#closedError());
    const done = this.#lastCommit.then(async () => {
      if (this.#fenced !== undefined) throw this.#fenced;
      await work();
    });
    this.#lastCommit = done.catch(() => undefined); // whoever made that commit hears of its failure
    return done;
  }

  /** Makes one commit; where it is refused for want of room, once more without what it would tidy. */
  async #commit(commit: Commit, state: UpperVersion | { readonly restoring: true }, clear = false): Promise<void> {
    const { durability } = commit;
    const layout = clear ? new Layout(this.#settings) : (this.#layout ?? (await this.#look()));
    // Records in rows of another owner's turns do not stay, so that nobody has to know which of its rows still count.
    const begins = clear || this.#last?.owner !== this.#owner;
    const isDue = (this.#last?.turn ?? 0) + 1 - this.#folded >= this.#settings.turns;
    const planned = (bare: boolean): Promise<Plan> => layout.plan(commit, { bare, fold: begins || (isDue && !bare), read: this.#readRows });
    const make = (plan: Plan): Promise<void> => this.#write({ plan, durability, clear }, state);
    let plan = await planned(false).catch((e: unknown) => {
      throw this.#failure(e);
    });
    try {
      await make(plan);
    } catch (e) {
      if (!plan.isMore || !isFsError(e, 'ENOSPC')) throw e;
      plan = await planned(true);
      await make(plan);
    }
    this.#layout = layout;
    plan.apply();
  }

  readonly #readRows: ReadRows = async (store, keys) => {
    const [found, values] = await this.#read([store], (transaction) => getMany<unknown>([...keys], within(transaction, store)));
    this.#assertOurs(found);
    return values;
  };

  async #write(
    { plan, ...content }: { readonly plan: Omit<Plan, 'apply'>; readonly durability: Durability; readonly clear?: boolean },
    state: UpperVersion | { readonly restoring: true },
  ): Promise<void> {
    const before = this.#last;
    const owner = this.#owner;
    const number = (before?.turn ?? 0) + 1;
    const first = before?.owner === owner ? before.first : number;
    const turn: Turn = { turn: number, owner, first, serial: ++this.#serial, ...state };
    const outcome = await this.#attempt(async (database) => {
      const written = await write(database, {
        ...content,
        records: plan.records,
        changes: plan.changes,
        tidies: plan.isFolded === true,
        before,
        turn,
        isOwnTurn: this.#ownTurn === database,
        timeout: this.#timeout,
      });
      this.#ownTurn = database;
      return written;
    });
    if (outcome === 'overtaken') await this.#assertTaken(turn);
    this.#last = turn;
    if (plan.isFolded === true) this.#folded = number;
  }

  /** A turn that cannot be taken was taken: by an earlier try of the same write, whose answer was lost, or by somebody else. */
  async #assertTaken(turn: Turn): Promise<void> {
    const [found] = await this.#read([], () => Promise.resolve());
    if (isSameTurn(found, turn)) return;
    this.#fenced = this.#strangerError(found);
    throw this.#fenced;
  }

  async #setAside(damaged: readonly Damaged[], layout: Layout): Promise<void> {
    const { generation, sequence } = this.version ?? { generation: randomName(), sequence: 0 };
    const records = new Map(damagedIds(damaged).map((id) => [id, undefined]));
    const plan = await layout.plan({ ...NOTHING, records }, { bare: true, fold: true, read: this.#readRows });
    // What is damaged goes first: a new pack may take the number of one of them.
    const changes = [...asideChanges(damaged, sequence + 1), ...plan.changes];
    await this.#write({ plan: { ...plan, changes }, durability: 'strict' }, { generation, sequence: sequence + 1 });
    plan.apply();
    this.#damaged = damaged;
  }

  /** What `reading` gives, and the last turn at the same time. */
  async #read<T>(
    stores: readonly StoreName[],
    reading: (transaction: IDBTransaction, last: Promise<Turn | undefined | null>) => Promise<T>,
  ): Promise<[Turn | undefined, T]> {
    return this.#attempt(async (database) => {
      const transaction = database.transaction([...stores, 'turns' satisfies StoreName], 'readonly');
      const asked = lastTurn(transaction);
      const [last, result] = await readWithin(transaction, this.#timeout, Promise.all([asked, reading(transaction, asked)]));
      if (last === null) throw this.#strangerError(last);
      return [last, result];
    });
  }

  /** What was read is of our upper: of the last turn before ours, or of one of ours, be it acknowledged or not. */
  #assertOurs(found: Turn | undefined): void {
    if (this.options.reads === true && found !== undefined && !isRestoring(found) && found.generation === this.version?.generation) return;
    if (found?.owner === this.#owner || isSameTurn(found, this.#last)) return;
    this.#fenced = this.#strangerError(found);
    throw this.#fenced;
  }

  /** Why nothing can go on: the last turn in the database is one that this owner neither found nor took. */
  #strangerError(found: Turn | undefined | null): FsError {
    const { name, version } = this;
    if (found === null) return damagedError(name, 'who wrote last is damaged');
    if (found === undefined) return damagedError(name, 'its database was emptied while it was open');
    const isBehind = !isRestoring(found) && found.generation === version?.generation && found.sequence < version.sequence;
    if (isBehind) return damagedError(name, 'the browser has lost commits that were complete; open it again');
    const isOurs = found.owner === this.#owner;
    const what = isOurs ? 'has a commit that got no answer and was made after all' : 'was taken over by another tab or worker';
    return new FsError('ESTALE', { detail: `workspace '${name}' ${what}; open it again` });
  }

  /**
   * Runs one transaction; where the connection turns out to be lost, or nothing is heard, once more over a new one. A write may be
   * run twice: stored-commit.ts.
   */
  async #attempt<T>(work: (database: IDBDatabase) => Promise<T>): Promise<T> {
    const database = await this.#connection.get();
    try {
      return await work(database);
    } catch (e) {
      if (!isLostConnection(e)) throw this.#failure(e);
    }
    await this.#connection.drop(database);
    try {
      return await work(await this.#connection.get());
    } catch (e) {
      throw this.#failure(e);
    }
  }

  #assertOpen(): void {
    if (this.#state === 'closing' || this.#state === 'closed') throw this.#closedError();
  }

  #closedError(): FsError {
    return new FsError('EIO', { detail: `the upper of workspace '${this.name}' is closed` });
  }

  #failure(cause: unknown): FsError {
    if (cause instanceof FsError) return cause;
    if (isNamed(cause, 'QuotaExceededError')) {
      return new FsError('ENOSPC', { detail: `the browser gives workspace '${this.name}' no more storage`, cause });
    }
    const what = isNamed(cause, 'TimeoutError') ? 'does not answer' : 'failed';
    return new FsError('EIO', { detail: `the database of workspace '${this.name}' ${what}`, cause });
  }
}

/**
 * Opens the database of a workspace; makes an empty one where there is none. Of a branch it is the branch's own part (branched-store.ts).
 *
 * @throws {FsError} EBUSY when another tab holds its database up, ENOTSUP when a newer version of this library wrote it or there is
 * no IndexedDB here, EIO when it cannot be opened.
 */
export async function idbUpper(name: string, options: IdbUpperOptions = {}): Promise<VersionedStore> {
  const factory = options.factory ?? browserFactory();
  if (factory === undefined) throw noDatabases(name);
  const store = new IdbStore(name, factory, options);
  await store.open();
  // Only the browser's own databases have its quota.
  return options.factory === undefined ? new ReservedStore(store, new Reserve()) : store;
}

/** Opens uppers for reading: they are not made where there are none, and stay their owners'. */
export function readerOf({ factory = browserFactory(), openTimeout, commitTimeout }: IdbUpperOptions): (name: string) => IdbStore {
  return (name) => {
    if (factory === undefined) throw noDatabases(name);
    return new IdbStore(name, factory, { openTimeout, commitTimeout, reads: true });
  };
}

const noDatabases = (name: string): FsError => new FsError('ENOTSUP', { detail: `workspace '${name}' needs IndexedDB, which is not here` });

/** Where the browser keeps databases; `undefined` where there are none. */
export const browserFactory = (): IDBFactory | undefined => globalThis.indexedDB;
