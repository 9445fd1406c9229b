/*
 * Detaching a branch from its parent: it gets a copy of all content that it still has there, some at a time, and then leaves the parent in
 * one commit of every record. Up to that commit it is a branch like any other, with more of its own; what it shows never changes.
 *
 * A snapshot of the branch, and what stands on it, names the parent's chunks too and may be read by others, so that there must be none.
 */

import { FsError } from '../base/errors.ts';
import { bytesAt } from '../layer/chunk-size.ts';
import { isWhiteout } from '../layer/upper.ts';
import { type Call, assertWritable } from './call.ts';
import type { Tree } from './tree.ts';

/** Bytes that one commit copies. A chunk more is taken where they are not reached. */
const STEP = 8 << 20;

/** The chunks that stand in the parent, with what each has of bytes. */
export function inheritedChunks({ records, firstChunk = 0 }: Tree): Map<number, number> {
  const chunks = new Map<number, number>();
  for (const record of records.values()) {
    if (isWhiteout(record)) continue;
    for (const [i, chunk] of record.chunks.entries()) if (chunk !== 0 && chunk < firstChunk) chunks.set(chunk, bytesAt(record, i));
  }
  return chunks;
}

/**
 * Copies some of what the branch has in its parent, or leaves the parent where nothing is left. Gives how many bytes were copied.
 * @throws {FsError} EROFS, EBUSY where the branch has snapshots or is being exported, EIO where the parent cannot be read
 */
export function detachSome(call: Call): number {
  const { tree, gathered, commits } = call;
  assertWritable(call);
  const { list } = tree.history.snapshots;
  if (list.length > 0) {
    const isExported = list.every(({ temporary }) => temporary === true);
    const detail = isExported ? 'it is being exported' : 'the branch has snapshots, which need its parent: remove them first';
    throw new FsError('EBUSY', { detail });
  }
  let bytes = 0;
  const found = new Map<number, Uint8Array | undefined>();
  for (const [chunk, size] of inheritedChunks(tree)) {
    if (bytes >= STEP) break;
    found.set(chunk, gathered.chunk(chunk));
    bytes += size;
  }
  gathered.assertResident();
  const copies = new Map<number, number>();
  for (const [chunk, content] of found) copies.set(chunk, commits.putChunk(content!.slice()));
  if (copies.size === 0) leaveParent(tree);
  else replaceChunks(tree, copies);
  return bytes;
}

/** Files that share a chunk go on sharing it. */
function replaceChunks(tree: Tree, copies: ReadonlyMap<number, number>): void {
  for (const [id, record] of tree.records) {
    if (isWhiteout(record) || !record.chunks.some((chunk) => copies.has(chunk))) continue;
    tree.put(id, { ...record, chunks: record.chunks.map((chunk) => copies.get(chunk) ?? chunk) });
  }
}

/** Lets the next commit write every record: those of the parent were never written here. */
function leaveParent(tree: Tree): void {
  for (const [id, record] of tree.records) tree.changes.note(id, record);
  tree.changes.isDetaching = true;
  tree.version++;
}
