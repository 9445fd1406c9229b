/*
 * How records and the superblock look inside IndexedDB: plain objects without the fields that say nothing (docs/FORMAT.md,
 * "The upper in IndexedDB"). What comes back is checked here and nowhere else: the engine may trust every record that it gets.
 */

import { ownBytes } from '../base/bytes.ts';
import type {
  HistoryRecord,
  InodeRecord,
  LiveRecord,
  Name,
  Origin,
  Parent,
  PinnedLower,
  Snapshot,
  Snapshots,
  Superblock,
  UpperRecord,
} from '../layer/upper.ts';
import { isHistory, isWhiteout } from '../layer/upper.ts';

/** A record with everything left out that `decodeRecord` puts back: zeros, empty lists, `undefined`. */
export function encodeRecord(record: UpperRecord): object {
  if (isHistory(record)) return { names: [], was: record.was, until: record.until, record: encodeRecord(record.record) };
  const since = record.since !== undefined && { since: record.since };
  if (isWhiteout(record)) return { names: record.names, whiteout: record.whiteout, ...since };
  const { names, mode, uid, gid, nlink, atimeMs, mtimeMs, ctimeMs, birthtimeMs } = record;
  return {
    names,
    mode,
    uid,
    gid,
    nlink,
    atimeMs,
    mtimeMs,
    ctimeMs,
    birthtimeMs,
    ...(record.rdev !== 0 && { rdev: record.rdev }),
    ...(record.size !== 0 && { size: record.size }),
    ...(record.originSize !== 0 && { originSize: record.originSize }),
    ...(record.chunks.length > 0 && { chunks: record.chunks }),
    ...(record.chunkSize !== undefined && { chunkSize: record.chunkSize }),
    ...(record.xattrs !== undefined && record.xattrs.size > 0 && { xattrs: ownXattrs(record.xattrs) }),
    ...(record.origin !== undefined && { origin: record.origin }),
    ...(record.target !== undefined && { target: record.target }),
    ...(record.opaque === true && { opaque: true }),
    ...(record.redirect !== undefined && { redirect: record.redirect }),
    ...since,
  };
}

/** The record of a stored value, or `undefined` where the value is not one. */
export function decodeRecord(value: unknown): UpperRecord | undefined {
  return isObject(value) && value.was !== undefined ? decodeHistory(value) : decodeLive(value);
}

function decodeHistory({ names, was, until, record }: Loose): HistoryRecord | undefined {
  const live = decodeLive(record);
  if (live === undefined || !isCount(was) || !isCount(until) || !Array.isArray(names) || names.length > 0) return undefined;
  return { names: [], was, until, record: live };
}

function decodeLive(value: unknown): LiveRecord | undefined {
  if (!isObject(value) || !isList(value.names, isName)) return undefined;
  const { names, since } = value;
  if (!isOptional(since, isCount)) return undefined;
  const { whiteout } = value;
  if (whiteout === 'inherited') return names.length === 0 ? { names: [], whiteout } : undefined;
  if (whiteout !== undefined) {
    const [name] = names;
    if (whiteout !== true || names.length !== 1 || name === undefined) return undefined;
    return { names: [name], whiteout, ...(since !== undefined && { since }) };
  }
  const record = {
    names,
    mode: value.mode,
    uid: value.uid,
    gid: value.gid,
    rdev: value.rdev ?? 0,
    nlink: value.nlink,
    atimeMs: value.atimeMs,
    mtimeMs: value.mtimeMs,
    ctimeMs: value.ctimeMs,
    birthtimeMs: value.birthtimeMs,
    xattrs: value.xattrs,
    origin: value.origin,
    size: value.size ?? 0,
    originSize: value.originSize ?? 0,
    chunks: value.chunks ?? [],
    chunkSize: value.chunkSize,
    target: value.target,
    opaque: value.opaque,
    redirect: value.redirect,
    since,
  };
  return isInode(record) ? record : undefined;
}

/** The superblock of a stored value, or `undefined` where the value is not one. */
export function decodeSuperblock(value: unknown): Superblock | undefined {
  if (!isObject(value) || !isCount(value.format) || !isList(value.lowers, isPinnedLower)) return undefined;
  const { format, lowers, snapshots, parent } = value;
  if (!isOptional(snapshots, isSnapshots) || !isOptional(parent, isParent)) return undefined;
  return { format, lowers, ...(snapshots !== undefined && { snapshots }), ...(parent !== undefined && { parent }) };
}

/** The record with xattrs that own their bytes: a view would take its whole buffer into the store. */
export function withOwnXattrs<R extends UpperRecord>(record: R): R;
export function withOwnXattrs(record: UpperRecord): UpperRecord {
  if (isHistory(record)) return { ...record, record: withOwnXattrs(record.record) };
  if (isWhiteout(record) || record.xattrs === undefined) return record;
  return { ...record, xattrs: ownXattrs(record.xattrs) };
}

function ownXattrs(xattrs: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map(Array.from(xattrs, ([name, bytes]) => [name, ownBytes(bytes)]));
}

type Loose = Readonly<Record<string, unknown>>;

/** Field by field, because a mount does this for every record, in code that has just been loaded. */
function isInode(value: { readonly [K in keyof InodeRecord]: unknown }): value is InodeRecord {
  return (
    isCount(value.mode) &&
    isCount(value.uid) &&
    isCount(value.gid) &&
    isCount(value.rdev) &&
    isCount(value.nlink) &&
    isCount(value.size) &&
    isCount(value.originSize) &&
    Number.isFinite(value.atimeMs) &&
    Number.isFinite(value.mtimeMs) &&
    Number.isFinite(value.ctimeMs) &&
    Number.isFinite(value.birthtimeMs) &&
    isList(value.chunks, isCount) &&
    isOptional(value.chunkSize, isChunkSize) &&
    isOptional(value.xattrs, isXattrs) &&
    isOptional(value.origin, isOrigin) &&
    isOptional(value.target, isString) &&
    isOptional(value.redirect, isString) &&
    (value.opaque === undefined || value.opaque === true)
  );
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** A number that counts or names something: a whole one, from zero up. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Bytes: a power of two, so that a damaged record does not claim a file of a million chunks. */
function isChunkSize(value: unknown): value is number {
  return isCount(value) && value >= 1 << 12 && Number.isInteger(Math.log2(value));
}

function isOptional<T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined {
  return value === undefined || is(value);
}

function isList<T>(value: unknown, is: (value: unknown) => value is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

function isName(value: unknown): value is Name {
  return Array.isArray(value) && value.length === 2 && isCount(value[0]) && isString(value[1]);
}

function isOrigin(value: unknown): value is Origin {
  return isObject(value) && isCount(value.layer) && isCount(value.entry);
}

function isXattrs(value: unknown): value is ReadonlyMap<string, Uint8Array> {
  if (!(value instanceof Map)) return false;
  for (const [name, bytes] of value as Map<unknown, unknown>) if (!isString(name) || !(bytes instanceof Uint8Array)) return false;
  return true;
}

function isPinnedLower(value: unknown): value is PinnedLower {
  return isObject(value) && isString(value.digest) && isCount(value.inoBase) && isCount(value.entries);
}

function isSnapshots(value: unknown): value is Snapshots {
  if (!isObject(value) || !isCount(value.next) || !isList(value.list, isSnapshot)) return false;
  const { list, next } = value;
  return list.every(({ id }, i) => id > (list[i - 1]?.id ?? 0) && id < next);
}

function isSnapshot(value: unknown): value is Snapshot {
  if (!isObject(value) || !isOptional(value.branches, isStrings) || !isOptional(value.temporary, isTrue)) return false;
  return isCount(value.id) && isOptional(value.label, isString) && Number.isFinite(value.timeMs);
}

const isTrue = (value: unknown): value is true => value === true;
const isStrings = (value: unknown): value is readonly string[] => isList(value, isString);

function isParent(value: unknown): value is Parent {
  return isObject(value) && isString(value.name) && isString(value.generation) && isCount(value.snapshot) && isCount(value.firstChunk);
}
