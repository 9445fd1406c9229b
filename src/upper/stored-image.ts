/*
 * What stands in the database, as the engine gets it: records and superblock decoded, and what cannot be understood told apart. Such
 * records can be set aside: they leave the tree, and stay in the database as they are, where a person can look at them.
 */

import { FsError } from '../base/errors.ts';
import type { Superblock, UpperRecord } from '../layer/upper.ts';
import type { StoreName } from './connection.ts';
import { decodeRecord, decodeSuperblock, isCount } from './stored-record.ts';

/** A value under `records` that is no record. */
export interface DamagedRecord {
  readonly key: IDBValidKey;
  readonly value: unknown;
}

export interface StoredImage {
  readonly superblock: Superblock | undefined;
  readonly records: Map<number, UpperRecord>;
  readonly damaged: readonly DamagedRecord[];
}

/** Decodes what was read. @throws {FsError} EIO where the superblock is damaged: without it nobody knows what the records mean */
export function readImage(workspace: string, superblock: unknown, entries: readonly (readonly [IDBValidKey, unknown])[]): StoredImage {
  const decoded = superblock === undefined ? undefined : decodeSuperblock(superblock);
  if (superblock !== undefined && decoded === undefined) throw damagedError(workspace, 'the superblock is damaged');
  const records = new Map<number, UpperRecord>();
  const damaged: DamagedRecord[] = [];
  for (const [key, value] of entries) {
    const record = decodeRecord(value);
    if (record === undefined || !isCount(key)) damaged.push({ key, value });
    else records.set(key, record);
  }
  return { superblock: decoded, records, damaged };
}

/** Moves damaged records to where no later version looks for records. `since` tells them from those of another time. */
export function moveAside(transaction: IDBTransaction, damaged: readonly DamagedRecord[], since: number): void {
  for (const { key, value } of damaged) {
    transaction.objectStore('records' satisfies StoreName).delete(key);
    transaction.objectStore('superblock' satisfies StoreName).put(value, `damaged ${nameOf(key)}, set aside by commit ${since}`);
  }
}

/** EIO that names the damaged records, and the way to go on without them. */
export function damagedRecordsError(workspace: string, damaged: readonly DamagedRecord[]): FsError {
  const [first, ...others] = damaged.map(({ key }) => nameOf(key));
  const what = others.length === 0 ? `${first} is damaged` : `${first} and ${others.length} more are damaged`;
  return damagedError(
    workspace,
    `${what}; opened with damaged: 'set-aside', it goes on without, and check({ repair: true }) mends the rest`,
  );
}

export const damagedError = (workspace: string, what: string): FsError =>
  new FsError('EIO', { detail: `workspace '${workspace}': ${what}` });

/** What messages call a record. */
export const nameOf = (key: IDBValidKey): string => `record ${JSON.stringify(key)}`;
