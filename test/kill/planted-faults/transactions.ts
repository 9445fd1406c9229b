/* Gets hold of the transactions that a store makes, whatever store it is, by the platform's own objects. */

/** Calls `onWrite` with each transaction of a workspace's database that may write, when it is made. `commit()` on it does nothing any more. */
export function watchWrites(onWrite: (transaction: IDBTransaction) => void): void {
  const begin = IDBDatabase.prototype.transaction;
  const commit = IDBTransaction.prototype.commit;
  const watched = new WeakSet<IDBTransaction>();
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
    const transaction = begin.apply(this, args);
    if (transaction.mode === 'readwrite' && this.name.startsWith('stratafs:')) {
      watched.add(transaction);
      onWrite(transaction);
    }
    return transaction;
  };
  IDBTransaction.prototype.commit = function (this: IDBTransaction) {
    if (!watched.has(this)) commit.call(this);
  };
}

/** Keeps a transaction open for `ms` by asking it for something again and again. `onFirst` is called with the first answer. */
export function keepOpen(transaction: IDBTransaction, ms: number, onFirst: () => void): void {
  const until = performance.now() + ms;
  const store = transaction.objectStore(transaction.objectStoreNames[0]!);
  let isFirst = true;
  const ask = (): void => {
    store.count(-1).onsuccess = () => {
      if (isFirst) onFirst();
      isFirst = false;
      if (performance.now() < until) ask();
    };
  };
  ask();
}
