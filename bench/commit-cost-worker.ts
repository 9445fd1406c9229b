/* The worker's side of bench/commit-cost.ts: bare transactions and the store's commits, side by side. */

import { idbUpper } from '../src/upper/idb-store.ts';
import { entryText } from '../src/upper/record-entries.ts';
import { encodePack } from '../src/upper/record-pack.ts';
import { encodeRecord } from '../src/upper/stored-record.ts';
import type { InodeRecord } from '../src/layer/upper.ts';

type Durability = 'strict' | 'relaxed';
type Task = (durability: Durability) => Promise<void>;

const record: InodeRecord = {
  names: [[1, 'file.ts']],
  mode: 0o100644,
  uid: 0,
  gid: 0,
  rdev: 0,
  nlink: 1,
  size: 1024,
  originSize: 0,
  chunks: [7],
  atimeMs: 1_700_000_000_000,
  mtimeMs: 1_700_000_000_000,
  ctimeMs: 1_700_000_000_000,
  birthtimeMs: 1_700_000_000_000,
};
const version = {
  generation: 'd3b0c4a2-0000-4000-8000-000000000000',
  sequence: 1,
  owner: 'd3b0c4a2-0000-4000-8000-000000000001',
  serial: 1,
};
/** A file of 1 KiB is its record, that of its directory, and a chunk. */
const chunk = new Uint8Array(1024);
/** Both records as one value. */
const packed = (): Uint8Array<ArrayBuffer> => encodePack([entryText(1, record), entryText(2, record)]);
const ALL = ['records', 'chunks', 'superblock'];

function openBare(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('bare', 1);
    request.onupgradeneeded = () => ALL.forEach((store) => request.result.createObjectStore(store));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function makeTasks(): Promise<Readonly<Record<string, Task>>> {
  const database = await openBare();
  const store = await idbUpper('measured');
  await store.load();
  let id = 1;
  let turn = Date.now() * 1000;
  const first = turn;
  const join = (transaction: IDBTransaction, row: object = version): void => {
    transaction.objectStore('superblock').add(row, ++turn);
    if (turn % 64 === 0) transaction.objectStore('superblock').delete(IDBKeyRange.bound(first, turn - 2));
  };
  const next = (): number => (id = (id % 500) + 1);
  const bare = (stores: string[], durability: Durability, work: (transaction: IDBTransaction) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(stores, 'readwrite', { durability });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
      work(transaction);
    });
  const put = (transaction: IDBTransaction): void => void transaction.objectStore('records').put(encodeRecord(record), next());
  const putChunk = (transaction: IDBTransaction): void => void transaction.objectStore('chunks').put(chunk.slice(), next());
  /** Packs have rising keys, and go when they are folded. */
  let key = 1000;
  const putPack = (transaction: IDBTransaction): void => {
    transaction.objectStore('records').put(packed(), ++key);
    if (key % 250 === 0) transaction.objectStore('records').delete(IDBKeyRange.bound(key - 249, key));
  };
  const stamp = (transaction: IDBTransaction): void => void transaction.objectStore('superblock').put(version, 1);
  const ask = (transaction: IDBTransaction, answered: () => void): void => {
    transaction.objectStore('superblock').get(1).onsuccess = answered;
  };
  return {
    'bare, one store': (durability) => bare(['records'], durability, (t) => (put(t), t.commit())),
    'bare, three stores': (durability) => bare(ALL, durability, (t) => (put(t), t.commit())),
    'with version': (durability) => bare(ALL, durability, (t) => (put(t), stamp(t), t.commit())),
    'with a turn of its own': (durability) => bare(ALL, durability, (t) => (put(t), join(t), t.commit())),
    'fenced, ends by itself': (durability) => bare(ALL, durability, (t) => (ask(t, () => undefined), put(t), stamp(t))),
    'fenced, commit() on the answer': (durability) => bare(ALL, durability, (t) => (ask(t, () => t.commit()), put(t), stamp(t))),
    'fenced after the puts': (durability) => bare(ALL, durability, (t) => (put(t), ask(t, () => (stamp(t), t.commit())))),
    "the store's commit": (durability) => store.commit({ records: new Map([[next(), record]]), chunks: new Map(), durability }),
    'bare, a new file': (durability) => bare(['records', 'chunks'], durability, (t) => (put(t), put(t), putChunk(t), t.commit())),
    'four rows with the turn, a new file': (durability) => bare(ALL, durability, (t) => (put(t), put(t), putChunk(t), join(t), t.commit())),
    'turn, pack and chunk, a new file': (durability) => bare(ALL, durability, (t) => (putPack(t), putChunk(t), join(t), t.commit())),
    'turn with the pack in it, and chunk, a new file': (durability) =>
      bare(ALL, durability, (t) => (putChunk(t), join(t, { ...version, records: packed() }), t.commit())),
    "the store's commit, a new file": (durability) =>
      store.commit({
        records: new Map([
          [next(), record],
          [next(), record],
        ]),
        chunks: new Map([[next(), chunk.slice()]]),
        durability,
      }),
  };
}

/** Milliseconds a commit: for each task one number a round. After each commit of one task comes one of the next, so that whatever else runs meets all alike. */
async function measure(durability: Durability, rounds: number, commits: number): Promise<Record<string, number[]>> {
  const tasks = Object.entries(await makeTasks());
  const times: Record<string, number[]> = {};
  for (let round = -2; round < rounds; round++) {
    const sums = tasks.map(() => 0);
    for (let n = 0; n < commits; n++) {
      for (let k = 0; k < tasks.length; k++) {
        const i = (k + n) % tasks.length; // nobody is always the first
        const start = performance.now();
        await tasks[i]![1](durability);
        sums[i]! += performance.now() - start;
      }
    }
    if (round >= 0) for (const [i, [name]] of tasks.entries()) (times[name] ??= []).push(sums[i]! / commits);
  }
  return times;
}

onmessage = ({ data }: MessageEvent<[Durability, number, number]>) =>
  void measure(...data).then(postMessage, (e: unknown) =>
    setTimeout(() => {
      throw e; // so that the page hears of it
    }),
  );
