/* The size of a file's chunks: docs/decisions/0011-chunk-size.md has the measurements. */

import type { InodeRecord } from './upper.ts';

/** Bytes of a chunk where a record does not say otherwise: little is rewritten by a small change, and no smaller size is faster. */
export const CHUNK_SIZE = 256 << 10;

/** Bytes of a chunk of a file that is written in bulk: near the best that IndexedDB gives. */
export const BULK_CHUNK_SIZE = 1 << 20;

/** Bytes of each chunk of a file but the last. */
export function chunkSizeOf({ chunkSize }: Pick<InodeRecord, 'chunkSize'>): number {
  return chunkSize ?? CHUNK_SIZE;
}

/** Bytes of the chunk at a position of a file: those that lie within it. */
export function bytesAt(inode: Pick<InodeRecord, 'chunkSize' | 'size'>, position: number): number {
  const chunkSize = chunkSizeOf(inode);
  return Math.max(0, Math.min(chunkSize, inode.size - position * chunkSize));
}

/** What the record of a file says whose first chunks are made by a write of `length` bytes. */
export function chunkSizeFor(length: number): Pick<InodeRecord, 'chunkSize'> {
  return { chunkSize: length < BULK_CHUNK_SIZE ? undefined : BULK_CHUNK_SIZE };
}
