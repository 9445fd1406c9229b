/*
 * gzip (RFC 1952): one or more members, one after another, each checked against its CRC-32 and length. As gunzip does,
 * zeros behind the last member are padding, and anything else there is left out and reported.
 */

import { FsError } from '../base/errors.ts';
import { concatBytes } from '../base/bytes.ts';
import type { Codec } from '../codec/codec.ts';
import { type Place, damaged, hex32, tooLarge } from './damage.ts';

const HEADER_SIZE = 10;
const TRAILER_SIZE = 8;
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
const RESERVED = 0xe0;
/** No deflate stream holds more than this: a match of 258 bytes takes at least two bits. */
export const DEFLATE_MAX_RATIO = 1032;

export interface GunzipOptions {
  readonly place: Place;
  readonly codec: Codec;
  /** Bytes that the content may have; beyond: EFBIG. */
  readonly limit: number;
  /** Is told what was left out. */
  readonly warn: (message: string) => void;
}

/** Tells whether bytes start as a gzip member does: two magic bytes, and deflate, the only method there is. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;

/**
 * Decodes a whole gzip file.
 *
 * @throws {FsError} EIO when it is damaged or cut short, EFBIG when it holds more than `limit`.
 */
export function gunzip(bytes: Uint8Array, options: GunzipOptions): Uint8Array<ArrayBuffer> {
  const members: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  let at = 0;
  while (at < bytes.length) {
    const isMember = isGzip(bytes.subarray(at, at + 3));
    if (!isMember && members.length > 0) break;
    const member = readMember(bytes, at, options.limit - size, options);
    members.push(member.content);
    size += member.content.length;
    at = member.end;
  }
  if (members.length === 0) throw damaged(options.place, 'cut short before the first gzip member');
  const rest = bytes.subarray(at);
  if (rest.some((byte) => byte !== 0)) options.warn(`${rest.length} bytes behind the end of the gzip stream are left out`);
  return members.length === 1 ? members[0]! : concatBytes(members);
}

interface Member {
  readonly content: Uint8Array<ArrayBuffer>;
  /** Where the next one starts. */
  readonly end: number;
}

function readMember(bytes: Uint8Array, at: number, limit: number, { place, codec }: GunzipOptions): Member {
  const start = skipHeader(bytes, at, place, codec);
  const { output, consumed } = inflate(bytes.subarray(start), limit, at, { place, codec });
  const trailer = start + consumed;
  const end = trailer + TRAILER_SIZE;
  if (end > bytes.length) throw damaged(place, `cut short: the gzip member at byte ${at} has no trailer`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + trailer, TRAILER_SIZE);
  const expected = view.getUint32(0, true);
  const crc = codec.crc32(output);
  if (crc !== expected) throw damaged(place, `the CRC-32 of the gzip member at byte ${at} is ${hex32(crc)}, should be ${hex32(expected)}`);
  // The length is recorded modulo 2^32.
  if (view.getUint32(4, true) !== output.length % 2 ** 32)
    throw damaged(place, `the gzip member at byte ${at} has ${output.length} bytes, not as many as it says`);
  return { content: output, end };
}

function inflate(
  input: Uint8Array,
  limit: number,
  at: number,
  { place, codec }: Pick<GunzipOptions, 'place' | 'codec'>,
): ReturnType<Codec['inflateStream']> {
  try {
    return codec.inflateStream(input, limit, probableSize(input, limit));
  } catch (e) {
    if (e instanceof FsError && e.code === 'EFBIG') throw tooLarge(place, `inflates to more than the ${limit} bytes that are allowed`);
    if (e instanceof FsError)
      throw damaged({ ...place, cause: e }, `the gzip member at byte ${at} cannot be inflated: ${e.detail ?? e.message}`);
    // The engine's own words for memory that it does not have.
    if (e instanceof RangeError) throw tooLarge(place, 'inflates to more than there is memory for');
    throw e;
  }
}

/** What the last four bytes of the file say: right for a file of one member, which most are. */
function probableSize(input: Uint8Array, limit: number): number | undefined {
  if (input.length < 4) return undefined;
  const size = new DataView(input.buffer, input.byteOffset + input.length - 4, 4).getUint32(0, true);
  return size <= Math.min(limit, input.length * DEFLATE_MAX_RATIO) ? size : undefined;
}

/** Gives where the deflate stream of the member at `at` starts. */
function skipHeader(bytes: Uint8Array, at: number, place: Place, codec: Codec): number {
  const cutShort = (): FsError => damaged(place, `cut short in the header of the gzip member at byte ${at}`);
  if (at + HEADER_SIZE > bytes.length) throw cutShort();
  const flags = bytes[at + 3]!;
  if (bytes[at + 2] !== 8 || (flags & RESERVED) !== 0) throw damaged(place, `the gzip member at byte ${at} is of an unknown kind`);
  let end = at + HEADER_SIZE;
  if ((flags & FEXTRA) !== 0) {
    if (end + 2 > bytes.length) throw cutShort();
    end += 2 + (bytes[end]! | (bytes[end + 1]! << 8));
  }
  for (const flag of [FNAME, FCOMMENT]) {
    if ((flags & flag) === 0) continue;
    const zero = bytes.indexOf(0, end);
    if (zero < 0) throw cutShort();
    end = zero + 1;
  }
  if ((flags & FHCRC) !== 0) {
    if (end + 2 > bytes.length) throw cutShort();
    const expected = bytes[end]! | (bytes[end + 1]! << 8);
    if ((codec.crc32(bytes.subarray(at, end)) & 0xffff) !== expected)
      throw damaged(place, `the header of the gzip member at byte ${at} has a wrong checksum`);
    end += 2;
  }
  if (end > bytes.length) throw cutShort();
  return end;
}
