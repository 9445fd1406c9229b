/* Node's argument forms, made plain: paths, data, flags, modes, times, encodings. */

import { decodeUtf8 } from '../base/bytes.ts';
import { encodeText } from '../base/encoding.ts';
import { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } from '../base/mode.ts';
import { ArgumentError, FsError } from '../base/errors.ts';
import type { Data, PathLike, TimeLike } from './api.ts';

/** A path as text. @throws {ArgumentError} for what is not a path */
export function toPath(path: PathLike): string {
  if (typeof path === 'string') return path;
  if (path instanceof URL) {
    if (path.protocol !== 'file:') throw new ArgumentError(`Not a file URL: ${path.href}`);
    return decodeURIComponent(path.pathname);
  }
  if (path instanceof Uint8Array) return decodeUtf8(path);
  throw new ArgumentError(`A path is a string, URL or Uint8Array, not ${typeof path}`, 'ERR_INVALID_ARG_TYPE');
}

/** A view of the bytes of anything that Node's `write` calls take. */
export function toBytes(data: Data, encoding = 'utf8'): Uint8Array {
  if (typeof data === 'string') return encodeText(data, encoding);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new ArgumentError(`Data is a string, ArrayBuffer or view, not ${typeof data}`, 'ERR_INVALID_ARG_TYPE');
}

const FLAGS = new Map<string, number>([
  ['r', O_RDONLY],
  ['rs', O_RDONLY | O_SYNC],
  ['r+', O_RDWR],
  ['rs+', O_RDWR | O_SYNC],
  ['w', O_WRONLY | O_CREAT | O_TRUNC],
  ['wx', O_WRONLY | O_CREAT | O_TRUNC | O_EXCL],
  ['w+', O_RDWR | O_CREAT | O_TRUNC],
  ['wx+', O_RDWR | O_CREAT | O_TRUNC | O_EXCL],
  ['a', O_WRONLY | O_CREAT | O_APPEND],
  ['ax', O_WRONLY | O_CREAT | O_APPEND | O_EXCL],
  ['as', O_WRONLY | O_CREAT | O_APPEND | O_SYNC],
  ['a+', O_RDWR | O_CREAT | O_APPEND],
  ['ax+', O_RDWR | O_CREAT | O_APPEND | O_EXCL],
  ['as+', O_RDWR | O_CREAT | O_APPEND | O_SYNC],
]);
for (const [text, flags] of Array.from(FLAGS)) {
  // Node takes the letters in either order: 'xw', 'sr+', …
  if (/^[wa]x|^[ra]s/.test(text)) FLAGS.set(text[1]! + text[0]! + text.slice(2), flags);
}

/** Flags of open(2) from Node's text or number. @throws {ArgumentError} */
export function toFlags(flags: string | number | null | undefined, otherwise: string): number {
  if (typeof flags === 'number') return flags;
  const number = FLAGS.get(flags ?? otherwise);
  if (number === undefined) throw new ArgumentError(`Unknown file open flag: ${flags}`);
  return number;
}

/** Permission bits from a number or octal text. @throws {ArgumentError} */
export function toMode(mode: number | string | null | undefined, otherwise: number): number {
  if (mode === undefined || mode === null) return otherwise;
  const number = typeof mode === 'string' ? Number.parseInt(mode, 8) : mode;
  if (!Number.isInteger(number) || number < 0) throw new ArgumentError(`Not a mode: ${mode}`);
  return number;
}

/** A time in milliseconds; Node's numbers are seconds. `'now'` and `'omit'` are UTIME_NOW and UTIME_OMIT. */
export function toTime(time: TimeLike): number | 'now' | undefined {
  if (time === 'now') return 'now';
  if (time === 'omit') return undefined;
  const milliseconds = time instanceof Date ? time.getTime() : Number(time) * 1000;
  if (Number.isNaN(milliseconds)) throw new ArgumentError(`Not a time: ${String(time)}`);
  return milliseconds;
}

/** An owner's number; -1 leaves it. @throws {ArgumentError} */
export function toId(id: number): number {
  if (!Number.isInteger(id) || id < -1 || id > 0xffffffff) throw new ArgumentError(`Not an id: ${id}`);
  return id;
}

/** A length in bytes; negative ones count as 0, as in Node. @throws {FsError} EINVAL */
export function toLength(length: number | null | undefined): number {
  if (length === null || length === undefined) return 0;
  if (!Number.isInteger(length)) throw new FsError('EINVAL');
  return Math.max(0, length);
}

/** The options of calls that take either an encoding or an object. */
export function toOptions<T extends object>(options: T | string | null | undefined): Partial<T> & { readonly encoding?: string | null } {
  if (typeof options === 'string') return { encoding: options } as Partial<T> & { encoding: string };
  return options ?? {};
}

/** A position in a file; `null`, `undefined` and -1 mean the current one. */
export const toPosition = (position: number | bigint | null | undefined): number | undefined =>
  position === null || position === undefined || position === -1 ? undefined : Number(position);

/** The `signal` of the options, which stand last. */
export function signalOf(args: readonly unknown[]): AbortSignal | undefined {
  const last = args.at(-1);
  return typeof last === 'object' && last !== null && 'signal' in last && last.signal instanceof AbortSignal ? last.signal : undefined;
}
