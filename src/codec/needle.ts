/* What a literal search looks for, made ready once for both codecs. */

import { FsError } from '../base/errors.ts';

/** Bytes that a needle may have: what the kernel has room for, and what keeps the worst haystack (`aaaa…`) quick. */
const NEEDLE_LIMIT = 1024;
/** Bytes that the kernel compares at a time. */
const STEP = 16;
/** The bit that tells an ASCII letter's two cases apart. */
const CASE_BIT = 0x20;

/** A literal. A byte fits where `(byte | mask) === needle byte`. */
export interface Needle {
  readonly length: number;
  /** The literal, filled up with 0xff to a multiple of what is compared at a time, as is the mask: there everything fits. */
  readonly bytes: Uint8Array;
  readonly mask: Uint8Array;
}

/**
 * Makes a literal ready. With `ignoreCase`, ASCII letters fit in either case.
 * @throws {FsError} EINVAL when it is empty or longer than 1 KiB
 */
export function makeNeedle(literal: Uint8Array, ignoreCase: boolean): Needle {
  const { length } = literal;
  if (length === 0) throw new FsError('EINVAL', { detail: 'there is nothing to search for' });
  if (length > NEEDLE_LIMIT) throw new FsError('EINVAL', { detail: `${length} bytes to search for, more than ${NEEDLE_LIMIT}` });
  const size = Math.ceil(length / STEP) * STEP;
  const bytes = new Uint8Array(size).fill(0xff);
  const mask = new Uint8Array(size).fill(0xff);
  for (const [i, byte] of literal.entries()) {
    mask[i] = ignoreCase && isLetter(byte) ? CASE_BIT : 0;
    bytes[i] = byte | mask[i];
  }
  return { length, bytes, mask };
}

function isLetter(byte: number): boolean {
  const lower = byte | CASE_BIT;
  return lower >= 0x61 && lower <= 0x7a;
}
