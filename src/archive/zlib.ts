/* zlib streams (RFC 1950): DEFLATE between a header of two bytes and the Adler-32 of what comes out. */

import type { Codec } from '../codec/codec.ts';
import { FsError } from '../base/errors.ts';
import { hex32 } from './damage.ts';

const HEADER_SIZE = 2;
const TRAILER_SIZE = 4;
/** The only method that there is, and a preset dictionary, in the header's two bytes. */
const DEFLATE = 8;
const DICTIONARY = 0x20;

const MODULUS = 65_521;
/** Bytes after which the second sum has to be reduced to stay below 2^31. */
const SPAN = 3800;

/** The Adler-32 of bytes (RFC 1950, 8.2). Unsigned. */
export function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + SPAN, bytes.length);
    while (at < end) b += a += bytes[at++]!;
    a %= MODULUS;
    b %= MODULUS;
  }
  return b * 65_536 + a;
}

/**
 * Decodes and verifies a zlib stream that is all of `stored`. The caller owns the result.
 *
 * @param expected How many bytes there will probably be, as for `inflateStream`.
 * @throws {FsError} EIO when it is damaged, cut short or followed by other bytes; EFBIG when it has more than `limit` bytes.
 */
export function inflateZlib(stored: Uint8Array, limit: number, codec: Codec, expected?: number): Uint8Array<ArrayBuffer> {
  const [method = 0, flags = 0] = stored;
  if ((method & 0xf) !== DEFLATE || (method * 256 + flags) % 31 !== 0 || (flags & DICTIONARY) !== 0)
    throw new FsError('EIO', { detail: 'no zlib stream' });
  const { output, consumed } = codec.inflateStream(stored.subarray(HEADER_SIZE), limit, expected);
  const end = HEADER_SIZE + consumed;
  const behind = stored.length - end;
  if (behind !== TRAILER_SIZE) throw new FsError('EIO', { detail: `${behind} bytes behind the zlib stream, should be ${TRAILER_SIZE}` });
  const should = new DataView(stored.buffer, stored.byteOffset + end, TRAILER_SIZE).getUint32(0);
  const found = adler32(output);
  if (found !== should) throw new FsError('EIO', { detail: `the Adler-32 is ${hex32(found)}, should be ${hex32(should)}` });
  return output;
}
