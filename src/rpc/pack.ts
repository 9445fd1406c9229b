/* A client's arguments as they cross: bytes copied, so that the caller keeps his, then transferred; URLs as text; signals kept here. */

import { FsError } from '../base/errors.ts';
import type { WireUrl } from './wire.ts';

export interface Packed {
  readonly plain: readonly unknown[];
  /** What is to be transferred, not cloned. */
  readonly transferred: readonly ArrayBuffer[];
  readonly signal: AbortSignal | undefined;
}

/** @throws {FsError} ENOTSUP for options that cannot cross: callbacks */
export function packArguments(args: readonly unknown[]): Packed {
  const transferred: ArrayBuffer[] = [];
  let signal: AbortSignal | undefined;
  const plain = args.map((arg) => {
    if (arg instanceof URL) return { wireUrl: arg.href } satisfies WireUrl;
    const bytes = copyOfBytes(arg);
    if (bytes !== undefined) {
      transferred.push(bytes.buffer);
      return bytes;
    }
    if (typeof arg !== 'object' || arg === null || arg instanceof Date || Array.isArray(arg)) return arg;
    const { signal: given, ...options } = arg as Readonly<Record<string, unknown>>;
    if (given instanceof AbortSignal) signal = given;
    const callback = Object.keys(options).find((name) => typeof options[name] === 'function');
    if (callback !== undefined)
      throw new FsError('ENOTSUP', { detail: `the option '${callback}' is a function, which cannot go to the worker` });
    return options;
  });
  return { plain, transferred, signal };
}

/** The bytes of any view or buffer in a buffer of their own, `undefined` for everything else. */
function copyOfBytes(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  return value instanceof ArrayBuffer ? new Uint8Array(value.slice(0)) : undefined;
}
