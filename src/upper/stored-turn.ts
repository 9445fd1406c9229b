/*
 * Turns: every write of the upper adds one row to the store `turns`, under the number after the last one. A row says how far the
 * upper has come and who wrote. Two owners that both believe to be next cannot both add the same row, so the one that was
 * overtaken writes nothing, and a commit that was made after all is told from one that was not (docs/decisions/0008).
 */

import type { UpperVersion } from '../layer/upper.ts';
import type { StoreName } from './connection.ts';
import { isCount } from './stored-record.ts';
import { deleteRange } from './stored-rows.ts';

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

/** Rows that an owner lets come together before it removes those in between. */
const TIDY = 64;

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
  const asking = transaction.objectStore('turns' satisfies StoreName).openCursor(null, 'prev');
  asking.onsuccess = () => {
    const cursor = asking.result;
    answer(cursor === null ? undefined : (decodeTurn(cursor.key, cursor.value) ?? null));
  };
}

/** The same for a transaction that only reads. */
export const lastTurn = (transaction: IDBTransaction): Promise<Turn | undefined | null> =>
  new Promise((resolve) => askLastTurn(transaction, resolve));

/** Adds the row of a turn; fails with a ConstraintError where somebody else has had that turn. Rows that nobody needs go. */
export function addTurn(transaction: IDBTransaction, { turn, ...row }: Turn, before: Turn | undefined): IDBRequest {
  const turns = transaction.objectStore('turns' satisfies StoreName);
  const adding = turns.add(row, turn);
  // Of an owner its first row stays, and its last: it may have been told that its last write failed, and try that turn again.
  const isTakingOver = row.first === turn;
  if (!isTakingOver && (turn - row.first) % TIDY === 0) deleteRange(turns, row.first + 1, turn - 2);
  if (isTakingOver && before !== undefined) deleteRange(turns, before.first + 1, before.turn - 1);
  return adding;
}

/** A name that nobody else has: 128 random bits. `crypto.randomUUID` is there in secure contexts only. */
export function randomName(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
