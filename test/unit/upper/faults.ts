/*
 * Faults of IndexedDB, planted into the implementation in memory: the n-th request that writes, or the n-th transaction that writes, goes
 * wrong in one of the ways in which browsers let it go wrong.
 */

import { vi } from 'vitest';

export type FaultKind =
  /** `put`, `add` or `delete` throws. */
  | 'request throws'
  /** The request fails later. */
  | 'request fails'
  /** The transaction is aborted where it would be committed. */
  | 'QuotaExceededError'
  | 'AbortError'
  | 'UnknownError'
  /** The transaction ends, and nobody hears of it. */
  | 'silent, kept'
  | 'silent, lost'
  /** The connection is closed, and the transaction cannot be started. */
  | 'closed';

/** Takes a handler and never calls it. */
function ignore(): void {}

export interface Fault {
  readonly kind: FaultKind;
  /** Counted from 0 and from `plant` on: requests or transactions that write. */
  readonly at: number;
  /** How many in a row. */
  readonly times: number;
}

/** What happened since the fault was planted. */
export interface Planted {
  requests: number;
  transactions: number;
  fired: number;
}

const isRequestFault = (kind: FaultKind): boolean => kind.startsWith('request');

/** Milliseconds: the store's time limit for the end of an `abort()`. */
const ABORT_TIMEOUT = 1_000;

/** Lets the time limits of a transaction that nobody will hear of pass at once; all others are as long as they are. */
function hurry(planted: Planted): void {
  const start = globalThis.setTimeout;
  let hurried = 0;
  const faster = (handler: () => void, delay?: number): unknown => {
    const isLimit = delay !== undefined && delay >= ABORT_TIMEOUT && hurried < 2 * planted.fired;
    if (isLimit) hurried++;
    return start(handler, isLimit ? 2 : delay);
  };
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(faster as never);
}

/** Plants a fault, or only counts. `vi.restoreAllMocks()` takes it out. */
export function plant(fault?: Fault): Planted {
  const planted: Planted = { requests: 0, transactions: 0, fired: 0 };
  const isDue = (count: number): boolean => fault !== undefined && count >= fault.at && count < fault.at + fault.times;
  for (const method of ['put', 'add', 'delete'] as const) {
    const original = Reflect.get(IDBObjectStore.prototype, method) as (...args: unknown[]) => IDBRequest;
    const faulty = function (this: IDBObjectStore, ...args: unknown[]): IDBRequest {
      if (fault === undefined || !isRequestFault(fault.kind) || !isDue(planted.requests++)) return original.apply(this, args);
      planted.fired++;
      if (fault.kind === 'request throws') throw new DOMException('planted', 'DataError');
      return failingRequest(this);
    };
    vi.spyOn(IDBObjectStore.prototype, method).mockImplementation(faulty as never);
  }
  if (fault?.kind.startsWith('silent') === true) hurry(planted);
  const start = Reflect.get(IDBDatabase.prototype, 'transaction');
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
    const isFaulty = args[1] === 'readwrite' && isDue(planted.transactions++) && fault !== undefined && !isRequestFault(fault.kind);
    if (!isFaulty) return start.apply(this, args);
    planted.fired++;
    if (fault.kind === 'closed') {
      this.close();
      throw new DOMException('planted', 'InvalidStateError');
    }
    return spoilt(start.apply(this, args), fault.kind);
  });
  return planted;
}

/** A request of the implementation in memory that fails when its turn comes. */
function failingRequest(store: IDBObjectStore): IDBRequest {
  const operation = (): never => {
    throw new DOMException('planted', 'UnknownError');
  };
  const { transaction } = store as unknown as { transaction: { _execRequestAsync(request: object): IDBRequest } };
  return transaction._execRequestAsync({ operation, source: store });
}

function spoilt(transaction: IDBTransaction, kind: FaultKind): IDBTransaction {
  const { abort } = transaction;
  if (kind.startsWith('silent')) {
    for (const handler of ['oncomplete', 'onabort']) Object.defineProperty(transaction, handler, { get: () => null, set: ignore });
    Object.defineProperty(transaction, 'abort', { value: () => undefined });
    if (kind === 'silent, lost') Object.defineProperty(transaction, 'commit', { value: () => abort.call(transaction) });
    return transaction;
  }
  const fail = (): void => {
    abort.call(transaction);
    Object.defineProperty(transaction, 'error', { value: new DOMException('planted', kind) });
  };
  Object.defineProperty(transaction, 'commit', { value: fail });
  return transaction;
}
