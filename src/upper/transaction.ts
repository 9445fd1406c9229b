/*
 * One transaction of the upper's database: how its end is heard of, and what is done when no end comes. Knows nothing of
 * records; the file that does is idb-store.ts.
 */

/** Milliseconds for the answer to an `abort()`, or the whole time limit where that is less. It takes microseconds where anybody is there to answer. */
const ABORT_TIMEOUT = 1_000;

/**
 * Settles with the transaction. Where it has not ended after `timeout` milliseconds it is aborted, and the promise rejects with a
 * TimeoutError: either nothing of it happened, or nobody knows; whoever looks at the database over another connection does.
 */
export function ended(transaction: IDBTransaction, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let late: DOMException | undefined;
    let timer = setTimeout(() => {
      late = new DOMException('The database does not answer', 'TimeoutError');
      timer = setTimeout(() => reject(late), Math.min(ABORT_TIMEOUT, timeout));
      abort(transaction);
    }, timeout);
    // Commit point: `complete`, never a request's `success`. A quota error comes to the transaction, after every request has succeeded.
    transaction.oncomplete = () => {
      clearTimeout(timer);
      resolve();
    };
    transaction.onabort = () => {
      clearTimeout(timer);
      reject(late ?? transaction.error ?? new DOMException('The transaction was aborted', 'AbortError'));
    };
  });
}

/** What `reading` gives, in a transaction that is aborted where it takes longer than `timeout` milliseconds. */
export async function readWithin<T>(transaction: IDBTransaction, timeout: number, reading: Promise<T>): Promise<T> {
  const end = ended(transaction, timeout);
  try {
    return await Promise.race([reading, end.then(() => reading)]);
  } catch (e) {
    await end; // its reason is the better one: requests of a transaction that is aborted fail with that, or never
    throw e;
  }
}

/** Aborts, unless the transaction is over already. */
export function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch (e) {
    // The browser was faster, or it was told to commit already.
    if (!isNamed(e, 'InvalidStateError')) throw e;
  }
}

/**
 * What a transaction meets when the browser has dropped the connection: it cannot be started (InvalidStateError), is aborted by
 * nobody of ours (AbortError), WebKit's "connection to Indexed Database server lost" (UnknownError), or it hears nothing.
 */
export function isLostConnection(e: unknown): boolean {
  return isNamed(e, 'InvalidStateError') || isNamed(e, 'AbortError') || isNamed(e, 'UnknownError') || isNamed(e, 'TimeoutError');
}

/** Tells the browser's own errors by their name; an `FsError` is none of them. */
export function isNamed(e: unknown, name: string): boolean {
  return e instanceof Error && e.name === name;
}
