/*
 * Content of regular files. A file of the upper is a row of chunks of one size; where it has no chunk, its origin in a
 * lower shows through up to `originSize`, and beyond that are zeros. Chunks never change: a write makes new ones. So one byte
 * written into a large lower file stores one chunk and reads one chunk, and a copy of a file shares all its chunks.
 */

import { FsError } from '../base/errors.ts';
import type { InodeRecord, Origin } from '../layer/upper.ts';
import { isInGroup } from './access.ts';
import type { Call } from './call.ts';
import { chunkSizeFor, chunkSizeOf } from '../layer/chunk-size.ts';
import { copyUpFile } from './copy-up.ts';
import { originOf } from './ino.ts';
import type { Directory, Tree } from './tree.ts';

/** Bytes that a file may have: positions stay exact in a double, and chunk lists stay sane. */
const MAX_FILE_SIZE = 2 ** 40;

/** What the content of a file is made of. */
type Content = Pick<InodeRecord, 'size' | 'originSize' | 'chunks' | 'chunkSize' | 'origin'>;

/** What a file of the merged tree is made of, wherever it is. */
export function contentOf(tree: Tree, ino: number): Content {
  const record = tree.inode(ino);
  if (record !== undefined) return record;
  const origin = originOf(tree.layers, ino)!;
  const size = tree.layers[origin.layer]!.table.size(origin.entry);
  return { size, originSize: size, chunks: [], origin };
}

/** The lower object that a file or a symbolic link shows content of; `undefined` where all of it is the upper's. */
export function shownOrigin(tree: Tree, ino: number): Origin | undefined {
  const record = tree.inode(ino);
  if (record === undefined) return originOf(tree.layers, ino);
  const shown = Math.ceil(Math.min(record.originSize, record.size) / chunkSizeOf(record));
  for (let i = 0; i < shown; i++) if ((record.chunks[i] ?? 0) === 0) return record.origin;
  return undefined;
}

/**
 * Reads [start, end) of a file, less what lies beyond its end. The result is the caller's own.
 * @throws {FsError} EIO when content cannot be had or is damaged.
 */
export function readContent(call: Call, ino: number, start: number, end: number): Uint8Array<ArrayBuffer> {
  return readBytes(call, contentOf(call.tree, ino), start, end);
}

function readBytes(call: Call, content: Content, start: number, requested: number): Uint8Array<ArrayBuffer> {
  const end = Math.min(requested, content.size);
  if (start >= end) return new Uint8Array(0);
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  for (let at = start; at < end;) {
    const segment = segmentAt(content, at, end);
    const bytes = segmentBytes(call, content, segment);
    if (bytes !== undefined) pieces.push({ at: at - start, bytes });
    at = segment.end;
  }
  call.gathered.assertResident();
  const whole = new Uint8Array(end - start);
  for (const { at, bytes } of pieces) whole.set(bytes, at);
  return whole;
}

/** A run of bytes that come from one place: a chunk, the origin, or nowhere (zeros). */
interface Segment {
  readonly from: 'chunk' | 'origin' | 'zeros';
  readonly start: number;
  readonly end: number;
}

function segmentAt(content: Content, start: number, limit: number): Segment {
  const { chunks, originSize } = content;
  const chunkSize = chunkSizeOf(content);
  const chunk = Math.floor(start / chunkSize);
  if ((chunks[chunk] ?? 0) !== 0) return { from: 'chunk', start, end: Math.min(limit, (chunk + 1) * chunkSize) };
  let next = chunk + 1;
  while (next < chunks.length && chunks[next] === 0) next++;
  const end = next < chunks.length ? Math.min(limit, next * chunkSize) : limit;
  if (start < originSize) return { from: 'origin', start, end: Math.min(end, originSize) };
  return { from: 'zeros', start, end };
}

/** A view of the segment's bytes: shorter than the segment where zeros follow, `undefined` where it is all zeros or not resident. */
function segmentBytes({ gathered }: Call, content: Content, { from, start, end }: Segment): Uint8Array | undefined {
  const { chunks, origin } = content;
  switch (from) {
    case 'zeros':
      return undefined;
    case 'chunk': {
      const chunkSize = chunkSizeOf(content);
      const chunk = Math.floor(start / chunkSize);
      const chunkStart = chunk * chunkSize;
      return gathered.chunk(chunks[chunk]!)?.subarray(start - chunkStart, end - chunkStart);
    }
    case 'origin':
      return gathered.lower(origin!.layer, origin!.entry, start, end);
    default:
      throw new TypeError(`no such segment: ${String(from satisfies never)}`);
  }
}

/** A file to change: its inode, and the name that copy-up gives to it when the upper does not have it yet. */
export interface Target {
  readonly directory: Directory;
  readonly name: string;
  readonly ino: number;
}

/**
 * Writes bytes at a position; what lies between the old end and there becomes zeros. Copies the bytes.
 * Preconditions: this call has changed nothing yet, because bytes may have to be gathered.
 * @throws {FsError} EFBIG
 */
export function writeContent(call: Call, { directory, name, ino }: Target, position: number, bytes: Uint8Array): void {
  const { tree, commits, now } = call;
  const content = contentToWrite(call, ino, bytes.length);
  const chunkSize = chunkSizeOf(content);
  const end = position + bytes.length;
  if (end > MAX_FILE_SIZE) throw new FsError('EFBIG');
  if (bytes.length === 0) return;
  const first = Math.floor(position / chunkSize);
  const last = Math.floor((end - 1) / chunkSize);
  const made: Uint8Array<ArrayBuffer>[] = [];
  for (let chunk = first; chunk <= last; chunk++) made.push(patchedChunk(call, content, chunk, position, bytes));
  call.gathered.assertResident();

  const record = copyUpFile(call, directory, name, ino);
  const chunks = [...record.chunks];
  while (chunks.length < first) chunks.push(0);
  for (const [i, patched] of made.entries()) chunks[first + i] = commits.putChunk(patched);
  const size = Math.max(record.size, end);
  const mode = unprivileged(call, record);
  tree.put(ino, { ...record, chunks, chunkSize: content.chunkSize, size, mtimeMs: now, ctimeMs: now, mode });
}

/** What a file is made of before a write: one without content yet gets the size of its chunks by how much is written first. */
function contentToWrite(call: Call, ino: number, length: number): Content {
  const content = contentOf(call.tree, ino);
  const isBlank = content.chunks.length === 0 && content.originSize === 0;
  return isBlank ? { ...content, ...chunkSizeFor(length) } : content;
}

/** A chunk's content as it will be: what is there now, as far as it survives, with the new bytes over it. */
function patchedChunk(call: Call, record: Content, chunk: number, position: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const chunkSize = chunkSizeOf(record);
  const chunkStart = chunk * chunkSize;
  const from = Math.max(position, chunkStart);
  const to = Math.min(position + bytes.length, chunkStart + chunkSize);
  const kept = Math.max(0, Math.min(record.size - chunkStart, chunkSize));
  const patched = new Uint8Array(Math.max(kept, to - chunkStart));
  if (kept > 0 && (from > chunkStart || to - chunkStart < kept)) keepBytes(call, record, chunkStart, chunkStart + kept, patched);
  patched.set(bytes.subarray(from - position, to - position), from - chunkStart);
  return patched;
}

/** Puts what a file has now into `into`. What is missing is noted, and the caller asserts residence before it uses the result. */
function keepBytes(call: Call, record: Content, start: number, end: number, into: Uint8Array): void {
  for (let at = start; at < end;) {
    const segment = segmentAt(record, at, end);
    const bytes = segmentBytes(call, record, segment);
    if (bytes !== undefined) into.set(bytes, at - start);
    at = segment.end;
  }
}

/**
 * Sets a file's size; what is gained are zeros.
 * Preconditions: as for `writeContent`.
 * @throws {FsError} EINVAL, EFBIG
 */
export function truncateContent(call: Call, { directory, name, ino }: Target, size: number): void {
  const { tree, commits, now } = call;
  if (!Number.isSafeInteger(size) || size < 0) throw new FsError('EINVAL');
  if (size > MAX_FILE_SIZE) throw new FsError('EFBIG');
  const shortened = shortenedChunk(call, contentOf(call.tree, ino), size);
  const record = copyUpFile(call, directory, name, ino);
  const keep = Math.ceil(size / chunkSizeOf(record));
  const chunks = record.chunks.slice(0, keep);
  if (shortened !== undefined) chunks[keep - 1] = commits.putChunk(shortened);
  const originSize = Math.min(record.originSize, size);
  tree.put(ino, { ...record, size, originSize, chunks, mtimeMs: now, ctimeMs: now, mode: unprivileged(call, record) });
}

/** The last chunk of a file that becomes shorter, without the bytes that would come back when it grows again. */
function shortenedChunk({ gathered }: Call, content: Content, size: number): Uint8Array<ArrayBuffer> | undefined {
  const chunkSize = chunkSizeOf(content);
  const cut = size % chunkSize;
  const id = content.chunks[Math.floor(size / chunkSize)] ?? 0;
  if (size >= content.size || cut === 0 || id === 0) return undefined;
  const bytes = gathered.chunk(id);
  gathered.assertResident();
  return bytes!.length > cut ? bytes!.slice(0, cut) : undefined;
}

type NewContent = Pick<InodeRecord, 'size' | 'originSize' | 'chunks' | 'chunkSize'>;

/** Content for an inode that is being made: nothing of an old one has to be kept. Copies the bytes. */
export function newContent({ commits }: Call, bytes: Uint8Array): NewContent {
  const { chunkSize } = chunkSizeFor(bytes.length);
  const step = chunkSizeOf({ chunkSize });
  const chunks: number[] = [];
  for (let at = 0; at < bytes.length; at += step) chunks.push(commits.putChunk(bytes.slice(at, at + step)));
  return { size: bytes.length, originSize: 0, chunks, chunkSize };
}

/** Replaces the whole content. Copies the bytes. */
export function replaceContent(call: Call, { directory, name, ino }: Target, bytes: Uint8Array): void {
  const { tree, now } = call;
  const record = copyUpFile(call, directory, name, ino);
  tree.put(ino, { ...record, ...newContent(call, bytes), mtimeMs: now, ctimeMs: now, mode: unprivileged(call, record) });
}

/** Content shared with another file: no byte is copied (a reflink). */
export function sharedContent(call: Call, source: number): Content {
  const { size, originSize, chunks, chunkSize, origin } = contentOf(call.tree, source);
  return { size, originSize, chunks, chunkSize, origin };
}

/** The mode after a write by anybody but root: without set-user-ID, and set-group-ID where that means a program or a foreign group. */
export function unprivileged({ user }: Call, { mode, gid }: Pick<InodeRecord, 'mode' | 'gid'>): number {
  if (user.uid === 0) return mode;
  return (mode & 0o010) !== 0 || !isInGroup(user, gid) ? mode & ~0o6000 : mode & ~0o4000;
}
