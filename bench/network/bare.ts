/* The platform alone: what nothing can be faster than. A worker of its own for each call. Times in milliseconds. */

import type { FreshCalls } from '../harness/fresh.ts';
import { time } from '../harness/suite.ts';

type Range = readonly [start: number, end: number];

async function fetchRange(url: string, [start, end]: Range): Promise<ArrayBuffer> {
  const answer = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` }, cache: 'no-store' });
  return answer.arrayBuffer();
}

/** Fetches ranges, one after the other. */
function ranges({ url, ranges: wanted }: { url: string; ranges: readonly Range[] }): Promise<number> {
  return time(async () => {
    for (const range of wanted) await fetchRange(url, range);
  });
}

/** Fetches everything. */
function whole({ url }: { url: string }): Promise<number> {
  return time(async () => (await fetch(url, { cache: 'no-store' })).arrayBuffer());
}

/** Fetches everything and decompresses it, natively, as it comes; keeps nothing. */
function gunzip({ url }: { url: string }): Promise<number> {
  return time(async () => {
    const { body } = await fetch(url, { cache: 'no-store' });
    const reader = body!.pipeThrough(new DecompressionStream('gzip')).getReader();
    while (!(await reader.read()).done);
  });
}

/** Reads all records of a store at once. */
async function getAll({ database, store }: { database: string; store: string }): Promise<number> {
  let opened: IDBDatabase | undefined;
  const ms = await time(async () => {
    opened = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(database);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error('cannot open a database'));
    });
    const all = opened.transaction(store, 'readonly').objectStore(store).getAll();
    await new Promise((resolve) => (all.onsuccess = resolve));
    if (all.result.length < 10_000) throw new Error(`only ${all.result.length} records`);
  });
  opened?.close();
  return ms;
}

export const calls: FreshCalls = { ranges, whole, gunzip, getAll };
