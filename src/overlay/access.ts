/* Permission checks, by POSIX and path_resolution(7): owner, group, others; uid 0 passes, but executes only what somebody may. */

import { FsError } from '../base/errors.ts';
import { R_OK, S_ISVTX, W_OK, X_OK, isDirectory } from '../base/mode.ts';
import type { Attr } from '../base/stats.ts';
import type { Call, Credentials } from './call.ts';

type Owned = Pick<Attr, 'mode' | 'uid' | 'gid'>;

export const isInGroup = ({ gid, groups }: Credentials, group: number): boolean => gid === group || groups?.includes(group) === true;

/** Tells whether `user` has all of `want` (R_OK | W_OK | X_OK). */
export function mayAccess(user: Credentials, { mode, uid, gid }: Owned, want: number): boolean {
  if (user.uid === 0) return (want & X_OK) === 0 || isDirectory(mode) || (mode & 0o111) !== 0;
  const shift = user.uid === uid ? 6 : isInGroup(user, gid) ? 3 : 0;
  return ((mode >> shift) & want) === want;
}

/** @throws {FsError} EACCES */
export function assertAccess({ tree, user }: Call, ino: number, want: number): void {
  // Fast path: root may do everything but execute.
  if (user.uid === 0 && (want & X_OK) === 0) return;
  if (!mayAccess(user, tree.attr(ino), want)) throw new FsError('EACCES');
}

/** @throws {FsError} EACCES where names in the directory cannot be changed. */
export const assertMayChangeNames = (call: Call, directory: number): void => assertAccess(call, directory, W_OK | X_OK);

/** In a sticky directory only the owner of the file, of the directory, or root may remove or rename. @throws {FsError} EPERM */
export function assertSticky({ tree, user }: Call, directory: number, ino: number): void {
  if (user.uid === 0) return;
  const { mode, uid } = tree.attr(directory);
  if ((mode & S_ISVTX) === 0 || uid === user.uid || tree.attr(ino).uid === user.uid) return;
  throw new FsError('EPERM');
}

/** @throws {FsError} EPERM unless the user owns it. */
export function assertOwner({ user }: Call, { uid }: Owned): void {
  if (user.uid !== 0 && user.uid !== uid) throw new FsError('EPERM');
}

/** What an access mode of open(2) asks for: read, write, or both. */
export const wanted = (read: boolean, write: boolean): number => (read ? R_OK : 0) | (write ? W_OK : 0);
