/* The header of one gzip member (RFC 1952, 2.3). */

import type { Codec } from '../codec/codec.ts';
import { type Place, damaged } from './damage.ts';

const HEADER_SIZE = 10;
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
const RESERVED = 0xe0;

/** Tells whether bytes start as a gzip member does: two magic bytes, and deflate, the only method there is. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;

/**
 * Gives where the deflate stream of the member that starts with `bytes` begins, or `undefined` when they end before. `at` is
 * where the member stands, for messages.
 *
 * @throws {FsError} EIO when the header is of an unknown kind or has a wrong checksum.
 */
export function gzipHeaderEnd(
  bytes: Uint8Array,
  at: number,
  { place, codec }: { readonly place: Place; readonly codec: Codec },
): number | undefined {
  if (bytes.length < HEADER_SIZE) return undefined;
  const flags = bytes[3]!;
  if (bytes[2] !== 8 || (flags & RESERVED) !== 0) throw damaged(place, `the gzip member at byte ${at} is of an unknown kind`);
  let end = HEADER_SIZE;
  if ((flags & FEXTRA) !== 0) {
    if (end + 2 > bytes.length) return undefined;
    end += 2 + (bytes[end]! | (bytes[end + 1]! << 8));
  }
  for (const flag of [FNAME, FCOMMENT]) {
    if ((flags & flag) === 0) continue;
    const zero = bytes.indexOf(0, end);
    if (zero < 0) return undefined;
    end = zero + 1;
  }
  if ((flags & FHCRC) !== 0) {
    if (end + 2 > bytes.length) return undefined;
    const expected = bytes[end]! | (bytes[end + 1]! << 8);
    if ((codec.crc32(bytes.subarray(0, end)) & 0xffff) !== expected)
      throw damaged(place, `the header of the gzip member at byte ${at} has a wrong checksum`);
    end += 2;
  }
  return end > bytes.length ? undefined : end;
}
