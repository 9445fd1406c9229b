/*
 * The metadata of a SquashFS image: a stream of records that is cut into blocks of 8 KiB, each compressed by itself ("Squashfs Binary
 * Format", 2.2 and 2.3). Blocks are unpacked when something points into them, and no more of them than an honest image has.
 */

import { Lru } from '../base/lru.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import type { Unpack } from './squashfs-unpack.ts';

/** Bytes that a block of metadata holds at most, packed or not. */
const BLOCK_SIZE = 8192;
const HEADER_SIZE = 2;
/** In a block's header: it is not compressed. */
const STORED = 0x8000;
/** Unpacked blocks to keep while a table is built: an inode table of a million files has about as many. */
const UNPACKED_LIMIT = 64 << 20;

interface MetadataBlock {
  readonly content: Uint8Array;
  /** Where the next one starts. */
  readonly end: number;
}

export interface MetadataOptions {
  readonly place: Place;
  readonly unpack: Unpack;
  /** Bytes that may be unpacked and made of it in all; beyond: EFBIG. */
  readonly limit: number;
}

/** The part of an image that is metadata. Positions count from the start of the image. */
export class SquashfsMetadata {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #options: MetadataOptions;
  readonly #blocks = new Lru<number, MetadataBlock>(UNPACKED_LIMIT, ({ content }) => content.length);
  /** The entry that is being read, for messages. */
  entry: string | undefined;
  #spent = 0;

  /** @param bytes The image from `start` on, up to its end. */
  constructor(bytes: Uint8Array, start: number, options: MetadataOptions) {
    this.#bytes = bytes;
    this.#start = start;
    this.#options = options;
  }

  /** What is being read, for messages. */
  get place(): Place {
    return { ...this.#options.place, entry: this.entry };
  }

  /** Counts bytes that are unpacked or kept. @throws {FsError} EFBIG when they are more than are allowed. */
  spend(bytes: number): void {
    this.#spent += bytes;
    const { limit } = this.#options;
    if (this.#spent > limit) throw tooLarge(this.place, `its metadata unpacks to more than the ${limit} bytes that are allowed`);
  }

  /** Bytes of the image as they are. @throws {FsError} EIO when they are not all metadata */
  raw(position: number, length: number): DataView {
    const at = position - this.#start;
    if (!(at >= 0 && at + length <= this.#bytes.length))
      throw damaged(this.place, `${length} bytes of metadata at byte ${position}, where there are none`);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }

  /** The block at a position. @throws {FsError} EIO, EFBIG */
  block(position: number): MetadataBlock {
    const kept = this.#blocks.get(position);
    if (kept !== undefined) return kept;
    const header = this.raw(position, HEADER_SIZE).getUint16(0, true);
    const size = header & ~STORED;
    const place = this.place;
    if (size === 0 || size > BLOCK_SIZE) throw damaged(place, `a block of metadata of ${size} bytes at byte ${position}`);
    const { buffer, byteOffset } = this.raw(position + HEADER_SIZE, size);
    const stored = new Uint8Array(buffer, byteOffset, size);
    this.spend(BLOCK_SIZE);
    const content = (header & STORED) !== 0 ? stored : this.#options.unpack(stored, BLOCK_SIZE, place);
    if (content.length === 0) throw damaged(place, `an empty block of metadata at byte ${position}`);
    const block = { content, end: position + HEADER_SIZE + size };
    this.#blocks.set(position, block);
    return block;
  }

  /** What stands at a byte of what a block holds, and on. @throws {FsError} EIO, EFBIG */
  cursor(position: number, offset: number): MetadataCursor {
    return new MetadataCursor(this, position, offset);
  }

  /**
   * All entries of a lookup table: an array whose blocks are listed at `position`.
   * @throws {FsError} EIO, EFBIG
   */
  lookupTable(position: number, count: number, entrySize: number): DataView {
    const size = count * entrySize;
    const list = this.raw(position, Math.ceil(size / BLOCK_SIZE) * 8);
    this.spend(size);
    const table = new Uint8Array(size);
    for (let at = 0; at < size; at += BLOCK_SIZE) {
      const part = Math.min(BLOCK_SIZE, size - at);
      const { content } = this.block(Number(list.getBigUint64((at / BLOCK_SIZE) * 8, true)));
      if (content.length < part)
        throw damaged(this.place, `a table at byte ${position} with ${content.length} of ${part} bytes in a block`);
      table.set(content.subarray(0, part), at);
    }
    return new DataView(table.buffer);
  }
}

/** Reads records one after another, across blocks. */
export class MetadataCursor {
  readonly #metadata: SquashfsMetadata;
  #block: MetadataBlock;
  #at: number;

  constructor(metadata: SquashfsMetadata, position: number, offset: number) {
    this.#metadata = metadata;
    this.#block = metadata.block(position);
    this.#at = offset;
    const { length } = this.#block.content;
    if (offset >= length) throw damaged(metadata.place, `byte ${offset} of the block of metadata at byte ${position}, which has ${length}`);
  }

  /** The next bytes: few, since they are gathered. They must not be kept. @throws {FsError} EIO, EFBIG */
  bytes(length: number): Uint8Array {
    const { content } = this.#block;
    // Fast path: they are in one block.
    if (this.#at + length <= content.length) return content.subarray(this.#at, (this.#at += length));
    const gathered = new Uint8Array(length);
    for (let done = 0; done < length;) {
      if (this.#at === this.#block.content.length) {
        this.#block = this.#metadata.block(this.#block.end);
        this.#at = 0;
      }
      const part = this.#block.content.subarray(this.#at, this.#at + length - done);
      gathered.set(part, done);
      done += part.length;
      this.#at += part.length;
    }
    return gathered;
  }

  view(length: number): DataView {
    const { buffer, byteOffset } = this.bytes(length);
    return new DataView(buffer, byteOffset, length);
  }
}
