/* The size of a chunk. */

/** Bytes of a chunk: IndexedDB is at its best from 256 KiB to 1 MiB, and less is rewritten by a small change. */
export const CHUNK_SIZE = 256 << 10;
