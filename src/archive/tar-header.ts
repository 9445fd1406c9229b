/*
 * One 512-byte tar header: V7, ustar (POSIX.1-1988), GNU (gnu_tar manual, "Basic Tar Format") and star's. Numbers may be
 * octal text or, where that is too small, GNU's base-256.
 */

import { type Place, damaged } from './damage.ts';

export const TAR_BLOCK = 512;

const CHECKSUM = 148;
const CHECKSUM_SIZE = 8;
const MAGIC = 257;
const SPACE = 0x20;
const ZERO = 0x30;

export interface TarHeader {
  /** Bytes of the name as it stands here; extended headers may replace it. */
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  /** The type flag as a character; NUL as '0'. */
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Tells whether a block is a tar header: whether it has the checksum of one. Old archivers summed signed bytes. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK) return false;
  const recorded = readOctal(block.subarray(CHECKSUM, CHECKSUM + CHECKSUM_SIZE));
  if (recorded === undefined) return false;
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < TAR_BLOCK; i++) {
    const byte = i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? SPACE : block[i]!;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  // A block of zeros sums to the spaces of the checksum's own place, and says 0.
  return recorded === unsigned || recorded === signed;
}

/**
 * Reads a header block whose checksum is right; `at` is where it stands. Names are views of the block.
 *
 * @throws {FsError} EIO when a number in it is none.
 */
export function readTarHeader(block: Uint8Array, at: number, place: Place): TarHeader {
  const number = (start: number, length: number, what: string): number => {
    const value = readTarNumber(block.subarray(start, start + length));
    if (value === undefined) throw damaged(place, `the ${what} in the tar header at byte ${at} is not a number`);
    return value;
  };
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156]!);
  const device = type === '3' || type === '4';
  const size = number(124, 12, 'size');
  if (size < 0) throw damaged(place, `the size in the tar header at byte ${at} is negative`);
  return {
    name: readName(block),
    linkName: upToZero(block.subarray(157, 257)),
    type,
    mode: number(100, 8, 'mode') & 0o7777,
    uid: number(108, 8, 'user id'),
    gid: number(116, 8, 'group id'),
    size,
    mtime: number(136, 12, 'time'),
    deviceMajor: device ? number(329, 8, 'device number') : 0,
    deviceMinor: device ? number(337, 8, 'device number') : 0,
  };
}

/** The prefix field is POSIX's alone: GNU has times there, and star keeps two of those behind a shorter prefix. */
function readName(block: Uint8Array): Uint8Array {
  const name = upToZero(block.subarray(0, 100));
  const magic = String.fromCharCode(...block.subarray(MAGIC, MAGIC + 6));
  if (magic !== 'ustar\0') return name;
  const star = String.fromCharCode(...block.subarray(508, 512)) === 'tar\0';
  const prefix = upToZero(block.subarray(345, star ? 476 : 500));
  if (prefix.length === 0) return name;
  const whole = new Uint8Array(prefix.length + 1 + name.length);
  whole.set(prefix);
  whole[prefix.length] = 0x2f;
  whole.set(name, prefix.length + 1);
  return whole;
}

/** The bytes in front of the first NUL. */
export function upToZero(bytes: Uint8Array): Uint8Array {
  const zero = bytes.indexOf(0);
  return zero < 0 ? bytes : bytes.subarray(0, zero);
}

/** A number as octal text or base-256: `undefined` where it is none, or beyond 2^53. */
export function readTarNumber(field: Uint8Array): number | undefined {
  const first = field[0]!;
  return first === 0x80 || first === 0xff || (first & 0x80) !== 0 ? readBase256(field) : readOctal(field);
}

/** Big-endian two's complement, with the first bit set to tell it from text. `undefined` beyond 2^53. */
function readBase256(field: Uint8Array): number | undefined {
  const negative = (field[0]! & 0x40) !== 0;
  let value = (field[0]! & 0x7f) - (negative ? 0x80 : 0);
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Octal digits between optional spaces, ended by a space, a NUL or the field. An empty field is 0. */
function readOctal(field: Uint8Array): number | undefined {
  let at = 0;
  while (field[at] === SPACE) at++;
  let value = 0;
  for (; at < field.length && field[at] !== 0 && field[at] !== SPACE; at++) {
    const digit = field[at]! - ZERO;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  while (field[at] === SPACE) at++;
  return at === field.length || field[at] === 0 ? value : undefined;
}
