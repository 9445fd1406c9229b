/*
 * What stands in the database, as the engine gets it: records and superblock decoded, and what cannot be understood told apart. That
 * can be set aside: it leaves the tree, and stays in the database as it is, where a person can look at it.
 */

import { entries, get, type UseStore } from 'idb-keyval';
import { FsError } from '../base/errors.ts';
import type { Superblock, UpperRecord } from '../layer/upper.ts';
import { decodeLengths } from './chunk-runs.ts';
import { SUPERBLOCK, type StoreName } from './connection.ts';
import { Layout, type LayoutSettings } from './layout.ts';
import { recordOf } from './record-entries.ts';
import { decodePack } from './record-pack.ts';
import { decodeRecord, decodeSuperblock, isCount } from './stored-record.ts';
import type { RowChange, Rows } from './stored-rows.ts';
import { type Turn, readTurns } from './stored-turn.ts';

/** A record that is none, in a row or in a pack; or a pack of which nothing can be read, be it the one in the row of a turn. */
export interface Damaged {
  readonly what: 'record' | 'pack' | 'turn';
  /** The id of the record, or the key of the row. */
  readonly key: IDBValidKey;
  readonly value: unknown;
}

/** Everything but content, as it stands in the database. */
export interface Stored {
  readonly superblock: unknown;
  readonly packs: Rows;
  /** The packs in rows of turns. */
  readonly turns: Rows;
  readonly records: Rows;
  readonly runs: Rows;
}

export interface StoredImage {
  readonly superblock: Superblock | undefined;
  /** Rising ids. */
  readonly records: Map<number, UpperRecord>;
  readonly damaged: readonly Damaged[];
  readonly layout: Layout;
}

/** What has to be read of the database to load it. */
export const LOADED: readonly StoreName[] = ['superblock', 'packs', 'records', 'runs'];

export async function readStored(transaction: IDBTransaction, last: Promise<Turn | undefined | null>): Promise<Stored> {
  const rows = (store: StoreName): Promise<Rows> => entries<IDBValidKey, unknown>(within(transaction, store));
  const [superblock, packs, turns, records, runs] = await Promise.all([
    get<unknown>(SUPERBLOCK, within(transaction, 'superblock')),
    rows('packs'),
    last.then((turn) => readTurns(transaction, turn)),
    rows('records'),
    rows('runs'),
  ]);
  return { superblock, packs, turns, records, runs };
}

/** Makes idb-keyval read in a transaction of ours. */
export function within(transaction: IDBTransaction, store: StoreName): UseStore {
  return (_mode, callback) => Promise.resolve(callback(transaction.objectStore(store)));
}

/** Decodes what was read. @throws {FsError} EIO where the superblock is damaged: without it nobody knows what the records mean */
export function readImage(workspace: string, stored: Stored, settings: LayoutSettings): StoredImage {
  const superblock = readSuperblock(workspace, stored.superblock);
  const layout = new Layout(settings);
  const found = new FoundRecords();
  const unpack = (what: 'pack' | 'turn', rows: Rows): void => {
    for (const [key, value] of rows) {
      const entries = isCount(key) ? decodePack(value) : undefined;
      if (entries === undefined) {
        found.other.push({ what, key, value });
        continue;
      }
      const records = entries.map(([id, record]) => found.take(id, record, recordOf));
      layout.records.foundPack(what === 'pack' ? Number(key) : undefined, entries, records);
    }
  };
  unpack('pack', stored.packs);
  unpack('turn', stored.turns);
  for (const [key, value] of stored.records) {
    if (isCount(key)) layout.records.foundRow(key, found.take(key, value, decodeRecord));
    else found.other.push({ what: 'record', key, value });
  }
  const runs = stored.runs.map(([key, value]) => ({ first: Number(key), lengths: decodeLengths(value) ?? [] }));
  layout.chunks.found(runs);
  return { superblock, records: found.rising(), damaged: [...found.other, ...found.damaged.values()], layout };
}

/** The superblock of a stored value; `undefined` where there is none. @throws {FsError} EIO where it is damaged */
export function readSuperblock(workspace: string, stored: unknown): Superblock | undefined {
  const superblock = stored === undefined ? undefined : decodeSuperblock(stored);
  if (stored !== undefined && superblock === undefined) throw damagedError(workspace, 'the superblock is damaged');
  return superblock;
}

/** Records as they come, each overruling what was said of its id before. */
class FoundRecords {
  readonly records = new Map<number, UpperRecord>();
  readonly damaged = new Map<number, Damaged>();
  /** What has no id. */
  readonly other: Damaged[] = [];
  #last = -1;
  #isRising = true;

  /** The records with their ids in rising order. */
  rising(): Map<number, UpperRecord> {
    return this.#isRising ? this.records : new Map([...this.records].sort(([a], [b]) => a - b));
  }

  take<T>(id: number, value: T, decode: (value: NonNullable<T>) => UpperRecord | undefined): UpperRecord | undefined {
    if (id <= this.#last) this.#isRising = false;
    this.#last = id;
    const record = value === null || value === undefined ? undefined : decode(value);
    if (record === undefined) this.records.delete(id);
    else this.records.set(id, record);
    if (record === undefined && value !== null) this.damaged.set(id, { what: 'record', key: id, value });
    else if (this.damaged.size > 0) this.damaged.delete(id);
    return record;
  }
}

/**
 * What moves what is damaged to where no later version looks for it, beside the removal of the records. `since` tells it from that of another
 * time.
 */
export function asideChanges(damaged: readonly Damaged[], since: number): RowChange[] {
  return damaged.flatMap((one): RowChange[] => {
    const kept: RowChange = { store: 'superblock', key: `damaged ${nameOf(one)}, set aside by commit ${since}`, value: one.value };
    // Packs of turns go when the turns are tidied.
    if (one.what === 'turn' || (one.what === 'record' && isCount(one.key))) return [kept];
    return [{ store: one.what === 'pack' ? 'packs' : 'records', key: one.key, value: undefined }, kept];
  });
}

/** The ids of damaged records: what else is damaged has none. */
export const damagedIds = (damaged: readonly Damaged[]): number[] =>
  damaged.flatMap(({ what, key }) => (what === 'record' && isCount(key) ? [key] : []));

/** What `check()` tells of it. */
export const told = (damaged: Damaged): { readonly id: number; readonly message: string } => ({
  id: damagedIds([damaged])[0] ?? 0,
  message: `${nameOf(damaged)} is damaged and was set aside`,
});

/** EIO that names what is damaged, and the way to go on without it. */
export function damagedRecordsError(workspace: string, damaged: readonly Damaged[]): FsError {
  const [first, ...others] = damaged.map(nameOf);
  const what = others.length === 0 ? `${first} is damaged` : `${first} and ${others.length} more are damaged`;
  return damagedError(
    workspace,
    `${what}; opened with damaged: 'set-aside', it goes on without, and check({ repair: true }) mends the rest`,
  );
}

export const damagedError = (workspace: string, what: string): FsError =>
  new FsError('EIO', { detail: `workspace '${workspace}': ${what}` });

/** What messages call it. */
const nameOf = ({ what, key }: Damaged): string => `${what} ${JSON.stringify(key)}`;
