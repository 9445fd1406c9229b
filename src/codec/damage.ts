/* How both codecs word what is wrong, and what both can tell without decoding. */

import { FsError } from '../base/errors.ts';

/** Output that one byte of input can give at most: matches of 258 bytes, written in two bits each. */
const MAX_RATIO = 1032;

/** A stream that cannot be decoded. */
export const damaged = (detail: string): FsError => new FsError('EIO', { detail });

export const cutShort = (): FsError => damaged('the compressed data ends before its end mark');

export const beyondLimit = (limit: number): FsError => new FsError('EFBIG', { detail: `more than ${limit} bytes of output` });

/** The most output that a stream of `stored` bytes can have. Sizes that an archive claims are checked before memory is taken. */
export const maxOutput = (stored: number): number => stored * MAX_RATIO;

/** @throws {FsError} EIO when no stream of `stored` bytes has `size` bytes of output. */
export function assertPossibleSize(stored: number, size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new TypeError(`${size} is no size`);
  if (size > maxOutput(stored)) throw damaged(`${stored} bytes of compressed data cannot hold ${size} bytes`);
}

/** @throws {FsError} EIO when a whole stream was not as long as the input or has not the size that it should have. */
export function assertWhole(stored: number, size: number, found: { readonly consumed: number; readonly size: number }): void {
  if (found.size !== size) throw damaged(`${found.size} bytes of output, should be ${size}`);
  if (found.consumed !== stored) throw damaged(`${stored - found.consumed} bytes behind the end of the compressed data`);
}
