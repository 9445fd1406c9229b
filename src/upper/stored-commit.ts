/*
 * Writing: one commit as one transaction, fenced. It takes the turn after the last one that its owner knows; where somebody else has
 * had that turn, nothing of it happens, whatever locks say (docs/decisions/0008).
 */

import type { Durability } from '../layer/upper.ts';
import type { StoreName } from './connection.ts';
import { type RowChange, applyChange, bytesOf } from './stored-rows.ts';
import { type Turn, addTurn, askLastTurn, isSameTurn, tidyTurns } from './stored-turn.ts';
import { abort, ended, isNamed } from './transaction.ts';

/** A write of the upper. */
export interface Write {
  /** The last turn that the owner knows. */
  readonly before: Turn | undefined;
  /** The turn that this write takes. */
  readonly turn: Turn;
  /** The records of a small commit. */
  readonly records?: Uint8Array | undefined;
  readonly changes: readonly RowChange[];
  /** Removes rows of turns: what counts of their records is among the changes. */
  readonly tidies: boolean;
  readonly durability: Durability;
  /**
   * The turn before was the owner's own, over the same connection: then adding the row is all the fence there need be. Otherwise the
   * database may be another, or the rows between may be gone, and it is asked for its last turn first.
   */
  readonly isOwnTurn: boolean;
  /** Removes everything first. */
  readonly clear?: boolean | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

const CONTENT: readonly StoreName[] = ['records', 'packs', 'chunks', 'runs', 'superblock'];

/** Bytes a second that any machine writes. A commit has its time limit, and this much more for what is in it. */
const SLOWEST_DISK = 1 << 20;

/**
 * Writes; *overtaken* indicates that somebody has had the turn. Therefore nothing was written now: it may have been, by an
 * earlier try of the same write.
 * @throws the browser's error
 */
export async function write(database: IDBDatabase, writing: Write): Promise<'written' | 'overtaken'> {
  const { changes, records, durability, timeout } = writing;
  const transaction = database.transaction([...storesOf(writing), 'turns'], 'readwrite', { durability });
  const done = ended(transaction, timeout + ((bytesOf(changes) + (records?.length ?? 0)) / SLOWEST_DISK) * 1000);
  const fence = { overtaken: false };
  try {
    putWrite(transaction, writing, fence);
  } catch (e) {
    done.catch(() => undefined); // `e` says why
    abort(transaction);
    throw e;
  }
  try {
    await done;
    return 'written';
  } catch (e) {
    if (fence.overtaken || isNamed(e, 'ConstraintError')) return 'overtaken';
    throw e;
  }
}

function putWrite(transaction: IDBTransaction, writing: Write, fence: { overtaken: boolean }): void {
  const { before, turn, isOwnTurn, records, changes, tidies, clear } = writing;
  if (!isOwnTurn) {
    askLastTurn(transaction, (last) => {
      if (last !== null && isSameTurn(last, before)) return transaction.commit();
      fence.overtaken = true;
      abort(transaction);
    });
  }
  const adding = addTurn(transaction, turn, records);
  if (tidies) tidyTurns(transaction, turn, before);
  if (clear === true) for (const store of CONTENT) transaction.objectStore(store).clear();
  for (const change of changes) applyChange(transaction, change);
  if (!isOwnTurn) return;
  if (commitsDespiteFailure()) adding.onsuccess = () => transaction.commit();
  else transaction.commit();
}

/**
 * Firefox (seen in 153) completes a transaction that was told to commit before one of its requests failed, with everything else that
 * is in it; by the standard it has to abort. There the row has to be added first, and a thread that stands still until it hears of
 * that keeps the stores from everybody. https://w3c.github.io/IndexedDB/#commit-a-transaction
 */
const commitsDespiteFailure = (): boolean => /\bGecko\/\d/.test(globalThis.navigator?.userAgent ?? '');

/** The stores that a write is about. */
function storesOf({ changes, clear }: Write): readonly StoreName[] {
  const used = new Set(changes.map(({ store }) => store));
  return clear === true ? CONTENT : CONTENT.filter((store) => used.has(store));
}
