/*
 * A stretch of an archive as the cache keeps it: the bytes, a CRC-32 of every 32 KiB of them, and a trailer. What a crash tore, or
 * a disk damaged, is found out before it is served, a page at a time, and is then fetched again.
 *
 *     content · CRC-32 of each page (4 bytes) · magic (4) · length of the content (4) · CRC-32 of the CRCs (4)
 */

import type { Codec } from '../codec/codec.ts';
import { readBlobSync } from '../storage/shelves.ts';

const PAGE = 32 << 10;
/** "SFS1" */
const MAGIC = 0x31_53_46_53;
const TRAILER = 12;

/** Makes the blob of the archive's bytes `content`. */
export function sealSegment(content: Uint8Array<ArrayBuffer>, codec: Codec): Blob {
  const pages = Math.ceil(content.length / PAGE);
  const sums = new DataView(new ArrayBuffer(pages * 4 + TRAILER));
  for (let i = 0; i < pages; i++) sums.setUint32(i * 4, codec.crc32(content.subarray(i * PAGE, (i + 1) * PAGE)), true);
  sums.setUint32(pages * 4, MAGIC, true);
  sums.setUint32(pages * 4 + 4, content.length, true);
  sums.setUint32(pages * 4 + 8, codec.crc32(new Uint8Array(sums.buffer, 0, pages * 4)), true);
  return new Blob([content, sums]);
}

/** A blob made by `sealSegment`, or what has become of it. */
export class Segment {
  #sums: DataView | undefined;

  constructor(
    readonly blob: Blob,
    readonly length: number,
    private readonly codec: Codec,
  ) {}

  /** Gives the bytes [start, end), counted from the segment's first; `undefined` where they are not there or not whole. */
  async read(start: number, end: number): Promise<Uint8Array | undefined> {
    try {
      this.#sums ??= this.#judgeSums(new Uint8Array(await this.blob.slice(this.length).arrayBuffer()));
      if (this.#sums === undefined) return undefined;
      const bytes = new Uint8Array(await this.#slice(start, end).arrayBuffer());
      return this.#judge(this.#sums, bytes, start, end);
    } catch (e) {
      return goneOrThrow(e);
    }
  }

  /** The same without waiting for the event loop. Also `undefined` where that cannot be done. */
  readSync(start: number, end: number): Uint8Array | undefined {
    try {
      if (this.#sums === undefined) {
        const sums = readBlobSync(this.blob.slice(this.length));
        if (sums !== undefined) this.#sums = this.#judgeSums(sums);
      }
      const bytes = this.#sums && readBlobSync(this.#slice(start, end));
      return bytes && this.#judge(this.#sums!, bytes, start, end);
    } catch (e) {
      return goneOrThrow(e);
    }
  }

  /** Gives all of a blob, from the start of a buffer on: with one question to the storage, where `read` needs two. */
  static async whole(blob: Blob, codec: Codec): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      if (bytes.length < TRAILER) return undefined;
      const length = new DataView(bytes.buffer).getUint32(bytes.length - TRAILER + 4, true);
      const segment = new Segment(blob, length, codec);
      const sums = segment.#judgeSums(bytes.subarray(length));
      const content = bytes.subarray(0, length);
      return sums && segment.#judge(sums, content, 0, length) && content;
    } catch (e) {
      return goneOrThrow(e);
    }
  }

  /** The pages that hold [start, end). */
  #slice(start: number, end: number): Blob {
    return this.blob.slice(Math.floor(start / PAGE) * PAGE, Math.min(this.length, Math.ceil(end / PAGE) * PAGE));
  }

  #judgeSums(bytes: Uint8Array<ArrayBuffer>): DataView | undefined {
    const pages = Math.ceil(this.length / PAGE);
    if (bytes.length !== pages * 4 + TRAILER) return undefined;
    const sums = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (sums.getUint32(pages * 4, true) !== MAGIC || sums.getUint32(pages * 4 + 4, true) !== this.length) return undefined;
    return sums.getUint32(pages * 4 + 8, true) === this.codec.crc32(bytes.subarray(0, pages * 4)) ? sums : undefined;
  }

  #judge(sums: DataView, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const first = Math.floor(start / PAGE);
    for (let page = first; page * PAGE < end; page++) {
      const content = bytes.subarray((page - first) * PAGE, (page - first + 1) * PAGE);
      if (this.codec.crc32(content) !== sums.getUint32(page * 4, true)) return undefined;
    }
    return bytes.subarray(start - first * PAGE, end - first * PAGE);
  }
}

/** NotReadableError, NotFoundError: another tab has evicted the blob. */
function goneOrThrow(e: unknown): undefined {
  if (e instanceof DOMException) return undefined;
  throw e;
}
