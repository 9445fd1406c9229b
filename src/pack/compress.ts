/*
 * Compression whose output is the same on every machine: by fflate, which is JavaScript. Node's zlib is faster and packs 2 % better,
 * but what it gives differs between processors and versions, and with it the digests that pin an archive.
 */

import { deflateSync } from 'fflate';
import { concatBytes } from '../base/bytes.ts';
import { loadCodec } from '../codec/codec.ts';

export type Level = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** A raw DEFLATE stream. */
export const deflate = (bytes: Uint8Array, level: Level): Uint8Array => deflateSync(bytes, { level });

/** A gzip member without name and time, "made on an unknown system" (RFC 1952, 2.3.1). */
export function gzipMember(bytes: Uint8Array, level: Level): Uint8Array<ArrayBuffer> {
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, loadCodec().crc32(bytes), true);
  trailer.setUint32(4, bytes.length % 2 ** 32, true);
  const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : 0, 0xff);
  return concatBytes([header, deflate(bytes, level), new Uint8Array(trailer.buffer)]);
}
