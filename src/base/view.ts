/* The bytes of a caller's buffer that a call is about. */

import { ArgumentError } from './errors.ts';

/** The part of a buffer that a read fills or a write takes. @throws {ArgumentError} */
export function toView(buffer: ArrayBufferView, offset?: number | null, length?: number | null): Uint8Array {
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const start = offset ?? 0;
  const count = length ?? bytes.length - start;
  if (start < 0 || start > bytes.length || count < 0 || start + count > bytes.length) {
    throw new ArgumentError(`offset ${start} and length ${count} are not within a buffer of ${bytes.length} bytes`, 'ERR_OUT_OF_RANGE');
  }
  return bytes.subarray(start, start + count);
}
