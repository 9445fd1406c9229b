/*
 * The list of a directory in a SquashFS image ("Squashfs Binary Format", section 6): names in runs that share the block of their
 * inodes. No other format has names that cannot be anything but one component, so one that is something else is damage.
 */

import { decodeUtf8, decodeUtf8Strict } from '../base/bytes.ts';
import { damaged } from './damage.ts';
import type { SquashfsMetadata } from './squashfs-metadata.ts';

const HEADER_SIZE = 12;
const ENTRY_SIZE = 8;
/** Names of one run, and bytes of one name. */
const RUN_LIMIT = 256;
const NAME_LIMIT = 256;
const SLASH = 0x2f;
const DOT = 0x2e;

export interface DirectoryEntry {
  readonly name: string;
  /** The bytes of its name are no UTF-8. */
  readonly isGarbled: boolean;
  /** Where its inode is: block, from the start of the inode table, and place in the block. */
  readonly block: number;
  readonly offset: number;
  /** What the inode says too. */
  readonly number: number;
  readonly type: number;
}

/** Reads the `size` bytes of a list. @throws {FsError} EIO, EFBIG */
export function* readDirectoryList(metadata: SquashfsMetadata, position: number, offset: number, size: number): Generator<DirectoryEntry> {
  if (size === 0) return;
  const { place } = metadata;
  const cursor = metadata.cursor(position, offset);
  let left = size;
  const take = (length: number): DataView => {
    left -= length;
    if (left < 0) throw damaged(place, `its list has ${size} bytes, and ends in the middle of an entry`);
    return cursor.view(length);
  };
  while (left > 0) {
    const header = take(HEADER_SIZE);
    const [count, block, reference] = [header.getUint32(0, true) + 1, header.getUint32(4, true), header.getUint32(8, true)];
    if (count > RUN_LIMIT) throw damaged(place, `its list has a run of ${count} entries`);
    for (let i = 0; i < count; i++) {
      const entry = take(ENTRY_SIZE);
      const length = entry.getUint16(6, true) + 1;
      const [at, number, type] = [entry.getUint16(0, true), (reference + entry.getInt16(2, true)) >>> 0, entry.getUint16(4, true)];
      if (length > NAME_LIMIT) throw damaged(place, `its list has a name of ${length} bytes`);
      const { buffer, byteOffset } = take(length);
      const bytes = new Uint8Array(buffer, byteOffset, length);
      const text = decodeUtf8Strict(bytes);
      const name = text ?? decodeUtf8(bytes);
      if (!isName(bytes)) throw damaged(place, `its list has the name ${JSON.stringify(name)}`);
      yield { name, isGarbled: text === undefined, block, offset: at, number, type };
    }
  }
}

/** Tells whether bytes are one component, and neither '.' nor '..'. */
function isName(bytes: Uint8Array): boolean {
  if (bytes.includes(0) || bytes.includes(SLASH)) return false;
  return bytes.length > 2 || bytes.some((byte) => byte !== DOT);
}
