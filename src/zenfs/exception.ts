/* Errors as ZenFS has them: its own exception class, a positive errno, nothing frozen, no raw errors of the platform. */

import { ErrnoError } from '@zenfs/core';
import { type ErrorContext, FsError } from '../base/errors.ts';

/**
 * Makes an exception of ZenFS of anything thrown by the engine. What is no POSIX error becomes EIO with the reason as its `cause`:
 * ZenFS assigns properties to what a backend throws, which a DOMException does not survive.
 */
export function toException(reason: unknown, context: Pick<ErrorContext, 'syscall' | 'path'> = {}): ErrnoError {
  if (reason instanceof ErrnoError) return reason;
  const error = reason instanceof FsError ? reason : new FsError('EIO', { cause: reason, detail: detailOf(reason) });
  const { errno, path = context.path, dest, syscall = context.syscall, detail, cause } = error;
  // ZenFS puts syscall and path into the message, and what the message was before in brackets.
  const exception =
    syscall === undefined
      ? new ErrnoError(-errno, detail ?? error.message)
      : new ErrnoError(-errno, false, { syscall, ...(path !== undefined && { path }), ...(dest !== undefined && { dest }) });
  if (syscall !== undefined && detail !== undefined) exception.message += ` (${detail})`;
  return Object.assign(exception, detail !== undefined && { detail }, cause !== undefined && { cause });
}

const detailOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));

/** ENOENT without a stack: a program that looks for a module misses thousands of times, and the stack is most of the price. */
export function missing(): ErrnoError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new ErrnoError(2, 'no such file or directory');
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
