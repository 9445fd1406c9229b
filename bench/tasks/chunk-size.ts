/*
 * How large should a chunk be? Bare IndexedDB, a contestant a size: large files, small files whole against split, appends.
 * docs/decisions/0011-chunk-size.md draws the conclusion. A chunk is rewritten as the engine does it: put under a new key, the old one
 * deleted, the file's record (with the list of its chunks) put, in one strict transaction.
 */

import { randomBytes, randomNumbers, sourceText } from '../harness/content.ts';
import { commit, readAll, timeEach, withDatabase } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Measured, Scenario, Suite } from '../harness/suite.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;
const SIZES = [16, 32, 64, 128, 256, 512, 1024, 4096].map((kib) => kib * KIB);
const STORES = ['records', 'chunks'];

export const nameOf = (size: number): string => (size < MIB ? `${size / KIB} KiB` : `${size / MIB} MiB`);

const bySize = (sizes: readonly number[], make: (size: number) => Contestant): Record<string, Contestant> =>
  Object.fromEntries(sizes.map((size) => [nameOf(size), make(size)]));

function split(content: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer>[] {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < content.length; at += size) chunks.push(content.slice(at, at + size));
  return chunks;
}

/** A file's record as the upper keeps it. */
const recordOf = (size: number, chunks: readonly number[]): object => ({
  names: [[1, 'file.bin']],
  mode: 0o100644,
  uid: 0,
  gid: 0,
  nlink: 1,
  atimeMs: 1,
  mtimeMs: 1,
  ctimeMs: 1,
  birthtimeMs: 1,
  size,
  chunks,
});

/** Puts chunks under 1, 2, … and gives the keys. */
function putChunks(transaction: IDBTransaction, chunks: readonly Uint8Array[], first = 1): number[] {
  const store = transaction.objectStore('chunks');
  return chunks.map((chunk, i) => {
    store.put(chunk, first + i);
    return first + i;
  });
}

/** Writes and reads a file in one transaction each; in a large one then reads 4 KiB anywhere and changes single bytes. */
function wholeFile(length: number, text: boolean): (size: number) => Contestant {
  const task = (what: string): string => `${what} ${nameOf(length)}, ${text ? 'source text' : 'random bytes'}`;
  return (size) => () => {
    const content = text ? sourceText(length) : randomBytes(length);
    const chunks = split(content, size);
    return withDatabase(STORES, async (database) => {
      let keys: number[] = [];
      const write = await time(() =>
        commit(database, STORES, (transaction) => {
          keys = putChunks(transaction, chunks);
          transaction.objectStore('records').put(recordOf(length, keys), 1);
        }),
      );
      const read = await time(() => readAll(database, 'chunks', keys));
      const measured = { [task('write')]: write, [task('read')]: read };
      return length < 64 * MIB ? measured : { ...measured, ...(await randomAccess(database, keys, size, task)) };
    });
  };
}

const ACCESSES = 40;

async function randomAccess(database: IDBDatabase, keys: number[], size: number, task: (what: string) => string): Promise<Measured> {
  const next = randomNumbers(7);
  const anyChunk = (): number => Math.floor(next() * keys.length);
  const reads = await timeEach(ACCESSES, () => readAll(database, 'chunks', [keys[anyChunk()]!]));
  let nextKey = keys.length + 1;
  const overwrites = await timeEach(ACCESSES, async () => {
    const chunk = anyChunk();
    const old = keys[chunk]!;
    const [bytes] = await readAll(database, 'chunks', [old]);
    bytes![0] = 1;
    keys[chunk] = nextKey++;
    await replace(database, old, keys[chunk], bytes!, recordOf(keys.length * size, keys));
  });
  return {
    [`${ACCESSES} reads of 4 KiB anywhere, ${task('of')}`]: reads,
    [`${ACCESSES} overwrites of 1 byte, ${task('of')}`]: overwrites,
  };
}

function replace(database: IDBDatabase, old: number | undefined, key: number, bytes: Uint8Array, record: object): Promise<void> {
  return commit(database, STORES, (transaction) => {
    const chunks = transaction.objectStore('chunks');
    if (old !== undefined) chunks.delete(old);
    chunks.put(bytes, key);
    transaction.objectStore('records').put(record, 1);
  });
}

/** Files of one length: many in one transaction, then one transaction each, then read one after the other. */
function smallFiles(length: number, count: number): (size: number) => Contestant {
  const files = `${count} files of ${nameOf(length)}`;
  return (size) => () => {
    const chunks = Array.from({ length: count }, (_, i) => split(randomBytes(length, i + 1), size));
    return withDatabase(STORES, async (database) => {
      const keys: number[][] = [];
      let nextKey = 1;
      const put = (transaction: IDBTransaction, i: number): void => {
        const own = putChunks(transaction, chunks[i]!, nextKey);
        nextKey += own.length;
        keys.push(own);
        transaction.objectStore('records').put(recordOf(length, own), keys.length);
      };
      const together = await time(() => commit(database, STORES, (transaction) => chunks.forEach((_, i) => put(transaction, i))));
      const each = await timeEach(count, (i) => commit(database, STORES, (transaction) => put(transaction, i)));
      const read = await timeEach(count, (i) => readAll(database, 'chunks', keys[i]!));
      return { [`write ${files} in one transaction`]: together, [`write ${files}, a transaction each`]: each, [`read ${files}`]: read };
    });
  };
}

/** Appends that are acknowledged one by one: each writes the last chunk again. */
function appends(count: number, length: number): (size: number) => Contestant {
  return (size) => () =>
    withDatabase(STORES, async (database) => {
      const piece = randomBytes(length);
      const keys: number[] = [];
      let nextKey = 1;
      let last = new Uint8Array(0);
      const took = await timeEach(count, async (i) => {
        if (last.length === size) last = new Uint8Array(0);
        const old = last.length > 0 ? keys.pop() : undefined;
        const grown = new Uint8Array(last.length + length);
        grown.set(last);
        grown.set(piece, last.length);
        last = grown;
        keys.push(nextKey);
        await replace(database, old, nextKey++, last, recordOf((i + 1) * length, keys));
      });
      return { [`${count} appends of ${nameOf(length)}`]: took };
    });
}

const scenario = (name: string, sizes: readonly number[], make: (size: number) => Contestant): Scenario => ({
  name,
  contestants: bySize(sizes, make),
  ours: '256 KiB',
});

export const suite: Suite = {
  name: 'chunk-size',
  where: 'worker',
  scenarios: [
    scenario('16 MiB of random bytes', SIZES, wholeFile(16 * MIB, false)),
    scenario('16 MiB of source text', SIZES, wholeFile(16 * MIB, true)),
    scenario('64 MiB of random bytes', SIZES, wholeFile(64 * MIB, false)),
    scenario('64 MiB of source text', SIZES, wholeFile(64 * MIB, true)),
    scenario('files of 30 KiB', [16 * KIB, 32 * KIB, 256 * KIB], smallFiles(30 * KIB, 100)),
    scenario(
      'files of 100 KiB',
      [16, 32, 64, 256].map((kib) => kib * KIB),
      smallFiles(100 * KIB, 50),
    ),
    scenario(
      'files of 300 KiB',
      [32, 64, 128, 256, 512].map((kib) => kib * KIB),
      smallFiles(300 * KIB, 30),
    ),
    scenario(
      'files of 1 MiB',
      [64, 128, 256, 512, 1024].map((kib) => kib * KIB),
      smallFiles(MIB, 16),
    ),
    scenario('appends', SIZES, appends(200, 4 * KIB)),
  ],
};
