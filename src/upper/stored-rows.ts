/* Rows of the database as data: what a write puts and removes, and how that reaches a transaction. */

import { promisifyRequest } from 'idb-keyval';
import type { StoreName } from './connection.ts';

/** A row that is put, or removed where its value is `undefined`; or the removal of every row with a number from `from` to `to`. */
export type RowChange =
  | { readonly store: StoreName; readonly key: IDBValidKey; readonly value: unknown }
  | { readonly store: StoreName; readonly from: number; readonly to: number };

/** Rows as they were read. */
export type Rows = readonly (readonly [key: IDBValidKey, value: unknown])[];

/** Reads rows before a write: the values in the order of the keys. */
export type ReadRows = (store: StoreName, keys: readonly number[]) => Promise<readonly unknown[]>;

/** What a part of the upper becomes with a write. */
export interface Plan {
  readonly changes: readonly RowChange[];
  /** What goes into the row of the turn. */
  readonly records?: Uint8Array | undefined;
  /** No records in rows of earlier turns count any more. Therefore those rows can be tidied. */
  readonly isFolded?: boolean | undefined;
  /** More is written than the commit asks for. Therefore a disk that is too full for it may yet have room for the commit. */
  readonly isMore: boolean;
  /** Called when the write is complete: what is known of the database follows. */
  apply(): void;
}

/** Where the factory was passed in, there may be no global that makes ranges. */
export const hasRanges = (): boolean => typeof IDBKeyRange === 'function';

export function applyChange(transaction: IDBTransaction, change: RowChange): void {
  const store = transaction.objectStore(change.store);
  if ('from' in change) deleteRange(store, change.from, change.to);
  else if (change.value === undefined) store.delete(change.key);
  else store.put(change.value, change.key);
}

/** Removes the rows whose keys are whole numbers from `from` to `to`; both infinite: all rows. */
export function deleteRange(store: IDBObjectStore, from: number, to: number): void {
  if (from > to) return;
  if (from === -Infinity && to === Infinity) store.clear();
  else if (hasRanges()) store.delete(IDBKeyRange.bound(from, to));
  else for (let key = from; key <= to; key++) store.delete(key);
}

/** The rows with numbers from `from` on. */
export async function rowsFrom(store: IDBObjectStore, from: number): Promise<Rows> {
  const range = hasRanges() ? IDBKeyRange.lowerBound(from) : undefined;
  const [keys, values] = await Promise.all([promisifyRequest(store.getAllKeys(range)), promisifyRequest<unknown[]>(store.getAll(range))]);
  return keys.map((key, i) => [key, values[i]] as const).filter(([key]) => Number(key) >= from);
}

/** Bytes of the values that are large. */
export function bytesOf(changes: readonly RowChange[]): number {
  let bytes = 0;
  for (const change of changes) if ('value' in change && change.value instanceof Uint8Array) bytes += change.value.length;
  return bytes;
}
