/* Extended attributes of a SquashFS image ("Squashfs Binary Format", section 10): sets of them, that inodes name by a number. */

import { decodeUtf8 } from '../base/bytes.ts';
import { damaged } from './damage.ts';
import type { MetadataCursor, SquashfsMetadata } from './squashfs-metadata.ts';
import { NONE } from './squashfs-inode.ts';
import { referenceOf } from './squashfs-superblock.ts';

const PREFIXES = ['user.', 'trusted.', 'security.'] as const;
/** In the type of a key: the value stands elsewhere. */
const ELSEWHERE = 0x100;
/** Bytes of a value on Linux (XATTR_SIZE_MAX). */
const VALUE_LIMIT = 65_536;
const HEADER_SIZE = 16;
const ENTRY_SIZE = 16;

type Xattrs = ReadonlyMap<string, Uint8Array>;

/** The sets of one image. */
export class SquashfsXattrs {
  readonly #metadata: SquashfsMetadata;
  readonly #warn: (message: string) => void;
  /** Where the first block of keys and values is. */
  #start = 0;
  #sets: DataView = new DataView(new ArrayBuffer(0));
  /** Sets that were read: images with labels have few, and many inodes with each. */
  readonly #known = new Map<number, Xattrs>();

  /** @param position Where the table is, of an image that has one. @throws {FsError} EIO, EFBIG */
  constructor(metadata: SquashfsMetadata, position: number | undefined, warn: (message: string) => void) {
    this.#metadata = metadata;
    this.#warn = warn;
    if (position === undefined) return;
    const header = metadata.raw(position, HEADER_SIZE);
    this.#start = Number(header.getBigUint64(0, true));
    this.#sets = metadata.lookupTable(position + HEADER_SIZE, header.getUint32(8, true), ENTRY_SIZE);
  }

  /** The set of a number. @throws {FsError} EIO, EFBIG */
  get(index: number): Xattrs | undefined {
    if (index === NONE) return undefined;
    let xattrs = this.#known.get(index);
    if (xattrs === undefined) this.#known.set(index, (xattrs = this.#read(index)));
    return xattrs;
  }

  #read(index: number): Xattrs {
    const at = index * ENTRY_SIZE;
    const metadata = this.#metadata;
    if (at >= this.#sets.byteLength)
      throw damaged(metadata.place, `extended attributes number ${index} of ${this.#sets.byteLength / ENTRY_SIZE}`);
    const count = this.#sets.getUint32(at + 8, true);
    const xattrs = new Map<string, Uint8Array>();
    if (count === 0) return xattrs;
    const cursor = this.#cursor(this.#sets.getBigUint64(at, true));
    for (let i = 0; i < count; i++) {
      const key = cursor.view(4);
      const [type, length] = [key.getUint16(0, true), key.getUint16(2, true)];
      const name = decodeUtf8(cursor.bytes(length));
      let value = this.#value(cursor);
      if ((type & ELSEWHERE) !== 0) {
        if (value.length !== 8) throw damaged(metadata.place, `a reference of ${value.length} bytes to the value of '${name}'`);
        value = this.#value(this.#cursor(new DataView(value.buffer).getBigUint64(0, true)));
      }
      const prefix = PREFIXES[type & ~ELSEWHERE];
      if (prefix === undefined) this.#warn(`an extended attribute of the unknown kind ${type & ~ELSEWHERE} is left out: '${name}'`);
      else xattrs.set(prefix + name, value);
    }
    return xattrs;
  }

  #cursor(reference: bigint): MetadataCursor {
    const { block, offset } = referenceOf(reference);
    return this.#metadata.cursor(this.#start + block, offset);
  }

  /** A value of its own, without the block around it. */
  #value(cursor: MetadataCursor): Uint8Array<ArrayBuffer> {
    const length = cursor.view(4).getUint32(0, true);
    if (length > VALUE_LIMIT) throw damaged(this.#metadata.place, `a value of ${length} bytes in an extended attribute`);
    this.#metadata.spend(length + 8);
    return cursor.bytes(length).slice();
  }
}
