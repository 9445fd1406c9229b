/* One call: who asks, when, of which tree. Every operation takes it first. */

import { FsError } from '../base/errors.ts';
import type { Directory, Tree } from './tree.ts';
import type { CommitQueue } from './commit.ts';
import type { Gathered } from './gather.ts';
import type { OpenFiles } from './handle.ts';
import { join } from './lookup.ts';
import type { WatchEvent, Watchers } from './watch.ts';

/** On whose behalf a call is made. uid 0 passes every permission check, as on Linux. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups?: readonly number[] | undefined;
  /** Permission bits that new files do not get. Default: 0o022. */
  readonly umask?: number | undefined;
}

/** Who may do everything. */
export const ROOT: Credentials = { uid: 0, gid: 0 };

export interface Call {
  readonly tree: Tree;
  readonly commits: CommitQueue;
  readonly gathered: Gathered;
  readonly openFiles: OpenFiles;
  readonly watchers: Watchers;
  readonly user: Credentials;
  /** Milliseconds since the epoch: the time that this call stamps. */
  readonly now: number;
}

/** @throws {FsError} EROFS where there is no upper. */
export function assertWritable({ tree }: Call): void {
  if (tree.readOnly) throw new FsError('EROFS');
}

/** Notes what watchers will hear when this is committed. */
export function emit(call: Call, eventType: WatchEvent['eventType'], directory: Directory, name: string): void {
  if (!call.watchers.isEmpty) call.tree.changes.events.push({ eventType, path: join(directory, name) });
}
