/*
 * POSIX errors: one table of codes, one class, one guard. Every failure that a caller can cause or meet is an `FsError`
 * with `code`, `errno`, `syscall`, `path` (and `dest`), worded as Node words it. Programming errors are ordinary `TypeError`s.
 */

/** The errno values of Linux with the message that Node (libuv) gives them. */
const CODES = {
  EPERM: [1, 'operation not permitted'],
  ENOENT: [2, 'no such file or directory'],
  EIO: [5, 'i/o error'],
  ENXIO: [6, 'no such device or address'],
  EBADF: [9, 'bad file descriptor'],
  EAGAIN: [11, 'resource temporarily unavailable'],
  ENOMEM: [12, 'not enough memory'],
  EACCES: [13, 'permission denied'],
  EBUSY: [16, 'resource busy or locked'],
  EEXIST: [17, 'file already exists'],
  EXDEV: [18, 'cross-device link not permitted'],
  ENODEV: [19, 'no such device'],
  ENOTDIR: [20, 'not a directory'],
  EISDIR: [21, 'illegal operation on a directory'],
  EINVAL: [22, 'invalid argument'],
  EMFILE: [24, 'too many open files'],
  EFBIG: [27, 'file too large'],
  ENOSPC: [28, 'no space left on device'],
  ESPIPE: [29, 'invalid seek'],
  EROFS: [30, 'read-only file system'],
  EMLINK: [31, 'too many links'],
  ERANGE: [34, 'result too large'],
  ENAMETOOLONG: [36, 'name too long'],
  ENOSYS: [38, 'function not implemented'],
  ENOTEMPTY: [39, 'directory not empty'],
  ELOOP: [40, 'too many symbolic links encountered'],
  ENODATA: [61, 'no data available'],
  ENOTSUP: [95, 'operation not supported on socket'],
  ESTALE: [116, 'stale file handle'],
  EDQUOT: [122, 'disk quota exceeded'],
  ECANCELED: [125, 'operation canceled'],
  EOWNERDEAD: [130, 'owner died'],
} as const satisfies Record<string, readonly [errno: number, message: string]>;

/** A POSIX error name that this library can raise. */
export type ErrorCode = keyof typeof CODES;

/** Where an error happened. All of it ends up in the message, in Node's form. */
export interface ErrorContext {
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
  /** What exactly was wrong; follows the standard message. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A POSIX error with Node's properties and message text. Never worded anew: browsers keep the first message in the stack.
 *
 * @example
 * try { await fs.readFile('/missing') } catch (e) { if (isFsError(e, 'ENOENT')) create() }
 */
export class FsError extends Error {
  readonly code: ErrorCode;
  /** Negative, as Node has it. */
  readonly errno: number;
  declare syscall?: string;
  declare path?: string;
  declare dest?: string;
  /** What exactly was wrong, beside the standard text. */
  declare detail?: string;

  constructor(code: ErrorCode, context: ErrorContext = {}) {
    super(messageOf(code, context), context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.errno = -CODES[code][0];
    const { syscall, path, dest, detail } = context;
    if (syscall !== undefined) this.syscall = syscall;
    if (path !== undefined) this.path = path;
    if (dest !== undefined) this.dest = dest;
    if (detail !== undefined) this.detail = detail;
  }
}

function messageOf(code: ErrorCode, { syscall, path, dest, detail }: ErrorContext): string {
  let text = `${code}: ${CODES[code][1]}`;
  if (syscall !== undefined) text += `, ${syscall}`;
  if (path !== undefined) text += syscall === undefined ? `, '${path}'` : ` '${path}'`;
  if (dest !== undefined) text += ` -> '${dest}'`;
  if (detail !== undefined) text += ` (${detail})`;
  return text;
}

/** Tells whether `e` is a POSIX error, of the given code where one is given. Also true of Node's own. */
export function isFsError(e: unknown, code?: ErrorCode): e is FsError {
  if (!(e instanceof Error)) return false;
  const actual = (e as { code?: unknown }).code;
  return typeof actual === 'string' && (code === undefined ? actual in CODES : actual === code);
}

/** What a call rejects with when its `AbortSignal` fires; the signal's reason is the `cause`. */
export class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';

  constructor(reason?: unknown) {
    super('The operation was aborted', { cause: reason });
  }
}

/** @throws {AbortError} when the signal has fired */
export function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError(signal.reason);
}

/** A wrong argument: a mistake of the program, with Node's code and no errno. */
export class ArgumentError extends TypeError {
  constructor(
    message: string,
    readonly code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE' = 'ERR_INVALID_ARG_VALUE',
  ) {
    super(message);
  }
}

/** An error as plain data, for crossing a thread: `code` and the rest do not survive structured cloning. */
export interface ErrorRecord {
  readonly code?: string | undefined;
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
  readonly detail?: string | undefined;
  readonly cause?: ErrorRecord | undefined;
}

/** Turns anything thrown into plain data; `fromErrorRecord` makes an error of it again. */
export function toErrorRecord(e: unknown): ErrorRecord {
  if (!(e instanceof Error)) return { name: 'Error', message: String(e) };
  const { name, message, stack } = e;
  const cause = e.cause === undefined ? undefined : toErrorRecord(e.cause);
  if (e instanceof ArgumentError || e instanceof AbortError) return { name, message, stack, cause, code: e.code };
  if (!(e instanceof FsError)) return { name, message, stack, cause };
  const { code, syscall, path, dest, detail } = e;
  return { name, message, stack, cause, code, syscall, path, dest, detail };
}

/** Rebuilds the error of a record made by `toErrorRecord`. */
export function fromErrorRecord(record: ErrorRecord): Error {
  const cause = record.cause === undefined ? undefined : fromErrorRecord(record.cause);
  const { code } = record;
  if (code === 'ABORT_ERR') return new AbortError(cause);
  if (code?.startsWith('ERR_') === true) return new ArgumentError(record.message, code as ArgumentError['code']);
  if (code !== undefined) return new FsError(code as ErrorCode, { ...record, cause });
  const error = new (record.name === 'TypeError' ? TypeError : Error)(record.message, cause && { cause });
  if (record.name !== error.name) error.name = record.name;
  return error;
}
