/*
 * Records as text: an entry is `[id, record]` in JSON, `null` in the record's place where it is gone, the bytes of xattrs in base64. Frames of the
 * guard and packs of the database are made of entries. What comes back is checked by `decodeRecord`, as rows are.
 */

import { decodeText, encodeText } from '../base/encoding.ts';
import type { Commit, UpperRecord } from '../layer/upper.ts';
import { decodeRecord, encodeRecord, isCount } from './stored-record.ts';

/** An entry as it comes out of JSON, its record unchecked. */
export type RawEntry = readonly [id: number, record: object | null];

/** A commit goes into the guard and into the database: its records are put into words once. */
const known = new WeakMap<Commit['records'], readonly string[]>();

/** The entries of a commit's records, in their order. Precondition: the records stay as they are until the commit is made. */
export function entryTexts(records: Commit['records']): readonly string[] {
  let texts = known.get(records);
  if (texts === undefined) {
    texts = Array.from(records, ([id, record]) => entryText(id, record));
    known.set(records, texts);
  }
  return texts;
}

export function entryText(id: number, record: UpperRecord | undefined): string {
  return `[${id},${record === undefined ? 'null' : JSON.stringify(withText(encodeRecord(record)))}]`;
}

/** What of a stored record is not as JSON has it. Where a record holds another, both may have it. */
interface Holding {
  readonly xattrs?: unknown;
  readonly record?: unknown;
}

/** A stored record with the bytes of its xattrs as base64. */
function withText(stored: object): object {
  const { xattrs, record } = stored as Holding;
  if (isObject(record)) return { ...stored, record: withText(record) };
  if (!(xattrs instanceof Map)) return stored;
  return { ...stored, xattrs: Array.from(xattrs as Map<string, Uint8Array>, ([name, bytes]) => [name, decodeText(bytes, 'base64')]) };
}

/** The inverse. What is no base64 stays as it is, and is no record. */
function withBytes(stored: object): object {
  const { xattrs, record } = stored as Holding;
  if (isObject(record)) return { ...stored, record: withBytes(record) };
  if (!Array.isArray(xattrs) || !xattrs.every(isTextPair)) return stored;
  return { ...stored, xattrs: new Map(xattrs.map(([name, text]) => [name, encodeText(text, 'base64')])) };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isTextPair = (value: unknown): value is readonly [string, string] =>
  Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string';

/** Tells whether a value out of JSON is an entry, whatever its record is. */
export function isRawEntry(value: unknown): value is RawEntry {
  return Array.isArray(value) && value.length === 2 && isCount(value[0]) && typeof value[1] === 'object';
}

/** The record of an entry that has one, or `undefined` where it is damaged. */
export const recordOf = (stored: object): UpperRecord | undefined => decodeRecord(withBytes(stored));
