/*
 * A worker with a planted fault: a commit is made of two transactions. Records go first, the content of files follows, and only then
 * the commit is acknowledged.
 */

import { serve } from '../../../src/worker.ts';
import { keepOpen, watchWrites } from './transactions.ts';

/** Milliseconds between the two. */
const APART = 40;

const put = IDBObjectStore.prototype.put;
/** Chunks that are to follow. */
const postponed = new WeakMap<IDBTransaction, (readonly [value: unknown, key: IDBValidKey | undefined])[]>();
/** A second half is being begun, which is not split again. */
let isSecond = false;

IDBObjectStore.prototype.put = function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
  const chunks = postponed.get(this.transaction);
  if (this.name !== 'chunks' || chunks === undefined) return put.call(this, value, key);
  chunks.push([value, key]);
  return this.count(-1) as IDBRequest as IDBRequest<IDBValidKey>;
};

watchWrites((transaction) => {
  if (isSecond) return;
  const chunks: (readonly [unknown, IDBValidKey | undefined])[] = [];
  postponed.set(transaction, chunks);
  transaction.addEventListener('complete', (event) => {
    if (chunks.length === 0) return;
    event.stopImmediatePropagation();
    const rest = chunks.splice(0);
    isSecond = true;
    const next = transaction.db.transaction('chunks', 'readwrite');
    isSecond = false;
    keepOpen(next, APART, () => undefined);
    next.addEventListener('complete', () => transaction.dispatchEvent(new Event('complete')));
    const store = next.objectStore('chunks');
    for (const [value, key] of rest) put.call(store, value, key);
  });
});
serve();
