/*
 * Turns: every write of the upper adds one row to the store `turns`, under the number after the last one. A row says how far the
 * upper has come and who wrote. Two owners that both believe to be next cannot both add the same row, so the one that was
 * overtaken writes nothing, and a commit that was made after all is told from one that was not (docs/decisions/0008).
 *
 * The records of a small commit stand in the row of its turn, as a pack (docs/decisions/0029). They count until the rows are tidied, which they are
 * not before the records have been folded into packs. The first commit of an owner folds and tidies. So only rows of the last owner have records, and
 * not its first one.
 */

import type { UpperVersion } from '../layer/upper.ts';
import type { StoreName } from './connection.ts';
import { isCount } from './stored-record.ts';
import { type Rows, deleteRange, rowsFrom } from './stored-rows.ts';

interface Row {
  /** Who wrote: one store, from one taking over of the upper to the next. */
  readonly owner: string;
  /** The turn that the owner began with. Its row stays for ever: it is what stops an owner that has slept since. */
  readonly first: number;
  /** The how-manieth write of its owner, those that failed included. */
  readonly serial: number;
}

/** *restoring* indicates that the upper is being written anew. Therefore what stands there counts for nothing until it is whole. */
type Restoring = Row & { readonly restoring: true };

/** A row with its number. */
export type Turn = { readonly turn: number } & (Restoring | (Row & UpperVersion));

export const isRestoring = (turn: Turn | undefined): turn is { readonly turn: number } & Restoring =>
  turn !== undefined && 'restoring' in turn;

/** The turn of a stored row, or `undefined` where it is none. */
export function decodeTurn(turn: IDBValidKey, value: unknown): Turn | undefined {
  if (!isCount(turn) || typeof value !== 'object' || value === null) return undefined;
  const { owner, first, serial, generation, sequence, restoring } = value as { readonly [K in keyof (Restoring & UpperVersion)]?: unknown };
  if (typeof owner !== 'string' || !isCount(first) || !isCount(serial)) return undefined;
  if (restoring === true) return { turn, owner, first, serial, restoring };
  if (typeof generation !== 'string' || generation === '' || !isCount(sequence)) return undefined;
  return { turn, owner, first, serial, generation, sequence };
}

export function isSameTurn(a: Turn | undefined, b: Turn | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.turn === b.turn && a.owner === b.owner && a.serial === b.serial;
}

/** Asks for the last turn: `undefined` where there was none, `null` where its row is damaged. */
export function askLastTurn(transaction: IDBTransaction, answer: (turn: Turn | undefined | null) => void): void {
  const asking = turnsIn(transaction).openCursor(null, 'prev');
  asking.onsuccess = () => {
    const cursor = asking.result;
    answer(cursor === null ? undefined : (decodeTurn(cursor.key, cursor.value) ?? null));
  };
}

/** The same for a transaction that only reads. */
export const lastTurn = (transaction: IDBTransaction): Promise<Turn | undefined | null> =>
  new Promise((resolve) => askLastTurn(transaction, resolve));

/** Adds the row of a turn, and in it the records of a small commit; fails with a ConstraintError where somebody else has had that turn. */
export function addTurn(transaction: IDBTransaction, { turn, ...row }: Turn, records?: Uint8Array): IDBRequest {
  return turnsIn(transaction).add(records === undefined ? row : { ...row, records }, turn);
}

/**
 * Removes the rows before that of a turn that nobody needs, and the records in those that stay: of an owner its first row, and its last, since it may
 * have been told that its last write failed, and try that turn again. Precondition: what counts of their records is folded by the same transaction.
 */
export function tidyTurns(transaction: IDBTransaction, { turn, first }: Turn, before: Turn | undefined): void {
  const turns = turnsIn(transaction);
  if (first !== turn) return deleteRange(turns, first + 1, turn - 1);
  if (before === undefined || before.turn === before.first) return;
  deleteRange(turns, before.first + 1, before.turn - 1);
  const { turn: last, ...row } = before;
  turns.put(row, last);
}

/** The records in the rows of the last owner, with the numbers of the turns. */
export async function readTurns(transaction: IDBTransaction, last: Turn | undefined | null): Promise<Rows> {
  if (last === undefined || last === null) return [];
  const rows = await rowsFrom(turnsIn(transaction), last.first);
  return rows.flatMap(([turn, row]): Rows => {
    const { records } = (row ?? {}) as { readonly records?: unknown };
    return records === undefined ? [] : [[turn, records]];
  });
}

const turnsIn = (transaction: IDBTransaction): IDBObjectStore => transaction.objectStore('turns' satisfies StoreName);

/** A name that nobody else has: 128 random bits. `crypto.randomUUID` is there in secure contexts only. */
export function randomName(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
