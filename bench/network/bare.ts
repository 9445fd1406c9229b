/* The platform alone: what nothing can be faster than. A worker of its own for each call. Times in milliseconds. */

import { concatBytes } from '../../src/base/bytes.ts';
import type { FreshCalls } from '../harness/fresh.ts';
import { commit, settled } from '../harness/idb.ts';
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

/**
 * The least that any reader of a zip does: fetches the same ranges, of which the first is the end of the archive and the second what of
 * its directory stands before that; reads what each header says, decodes each name, and notes where its content is. Judges nothing.
 */
function directory({ url, ranges: [tail, head, ...files] }: { url: string; ranges: readonly Range[] }): Promise<number> {
  return time(async () => {
    const end = await fetchRange(url, tail!);
    const bytes = concatBytes([new Uint8Array(await fetchRange(url, head!)), new Uint8Array(end)]);
    const places = readNames(bytes);
    if (places.size === 0) throw new Error('no directory');
    for (const range of files) await fetchRange(url, range);
  });
}

/** Bytes of a header without name and extra fields, and of the end record without a comment. */
const HEADER = 46;
const END = 22;

function readNames(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer);
  const decoder = new TextDecoder();
  const places = new Map<string, number>();
  let said = 0;
  const end = bytes.length - END;
  for (let at = end - view.getUint32(end + 12, true); at < end;) {
    const nameEnd = at + HEADER + view.getUint16(at + 28, true);
    // Flags and method, time and date, checksum, both sizes, attributes.
    said ^= view.getUint32(at + 8, true) ^ view.getUint32(at + 12, true) ^ view.getUint32(at + 16, true);
    said ^= view.getUint32(at + 20, true) ^ view.getUint32(at + 24, true) ^ view.getUint32(at + 38, true);
    places.set(decoder.decode(bytes.subarray(at + HEADER, nameEnd)), view.getUint32(at + 42, true));
    at = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  // Whoever reads something has to use it.
  places.set('', said);
  return places;
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

/** A database with so many records as plain objects, each of a small file. */
async function makeRecords({ database, count }: { database: string; count: number }): Promise<void> {
  const opened = await openDatabase(database);
  await commit(opened, STORE, (transaction) => {
    for (let i = 1; i <= count; i++) transaction.objectStore(STORE).put(recordOf(i), i);
  });
  opened.close();
}

/** Reads all records at once. */
async function getAll({ database }: { database: string }): Promise<number> {
  const start = performance.now();
  const opened = await openDatabase(database);
  await settled(opened.transaction(STORE, 'readonly').objectStore(STORE).getAll());
  const ms = performance.now() - start;
  opened.close();
  return ms;
}

const STORE = 'records';

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return settled(request);
}

const recordOf = (i: number): object => ({
  names: [[Math.ceil(i / 100), `file${i}.ts`]],
  mode: 0o100644,
  uid: 0,
  gid: 0,
  nlink: 1,
  atimeMs: 1.7e12 + i,
  mtimeMs: 1.7e12 + i,
  ctimeMs: 1.7e12 + i,
  birthtimeMs: 1.7e12 + i,
  size: 24,
  chunks: [i],
});

export const calls: FreshCalls = { ranges, directory, whole, gunzip, makeRecords, getAll };
