/*
 * Which calls may be asked again when the owner went away with them: those that change nothing, so that twice is as good as once.
 * What is not known to be one of them is taken to change something.
 */

import type { Invocation } from './wire.ts';

const READING: ReadonlySet<string> = new Set([
  'access',
  'exists',
  'getxattr',
  'listxattr',
  'lstat',
  'opendir',
  'readdir',
  'readlink',
  'realpath',
  'stat',
]);

/** Calls that a snapshot has: `SnapshotFs`. */
export const isOfSnapshot = (method: string): boolean => READING.has(method) || method === 'readFile';

/** Of the workspace. What an owner has acknowledged is committed, so that a flush may be asked of the next one. */
const READING_WORKSPACE: ReadonlySet<string> = new Set([
  'abortBatch',
  'beginBatch',
  'diff',
  'entries',
  'export',
  'flush',
  'recordAccess',
  'snapshots',
  'usage',
]);

/** Of an open file. The next owner does not know it: asked again, they are ESTALE, and `close` has nothing left to do. */
const READING_FILE: ReadonlySet<string> = new Set(['close', 'datasync', 'read', 'readFile', 'stat', 'sync']);

/** True of a call that may be done twice. */
export function isRepeatable(invocation: Invocation): boolean {
  const { on, method, args } = invocation;
  if (on === 'file') return READING_FILE.has(method);
  if (on === 'workspace') return READING_WORKSPACE.has(method) || (method === 'check' && optionOf(args[0], 'repair') !== true);
  if (invocation.batch !== undefined) return false;
  if (method === 'open') return isReadingFlag(args[1]);
  if (method === 'readFile') return isReadingFlag(optionOf(args[1], 'flag'));
  return READING.has(method);
}

/** Flags that neither make nor empty a file: 0 is O_RDONLY. */
const isReadingFlag = (flag: unknown): boolean => flag === undefined || flag === null || flag === 'r' || flag === 'rs' || flag === 0;

function optionOf(options: unknown, name: string): unknown {
  return typeof options === 'object' && options !== null ? (Reflect.get(options, name) as unknown) : undefined;
}
