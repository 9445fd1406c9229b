/*
 * The contract of an upper that knows its version: what a guard needs in order to tell a lost upper from a new one, and to
 * rebuild it. The store in IndexedDB keeps it; docs/decisions/0008 tells what the version is for.
 */

import type { Commit, UpperStore, UpperVersion } from '../layer/upper.ts';

/** What changes nothing: made strictly, it brings to the disk what was committed before it. */
export const NOTHING: Commit = { records: new Map(), chunks: new Map(), durability: 'strict' };

export interface VersionedStore extends UpperStore {
  /** As it was last loaded or committed by this store; `undefined` for an upper that never had a commit. */
  readonly version: UpperVersion | undefined;
  /**
   * Clears the upper and writes it anew: each part is a transaction, the version stands in the last one only. What is left by a
   * restoring that was killed has no version, and the next one clears it. `load()` afterwards, as after opening.
   *
   * @throws {FsError} ENOSPC over quota, ESTALE when another owner commits meanwhile, EIO for everything else
   * @example
   * await store.restore(guard.version, guard.frames());
   */
  restore(version: UpperVersion, parts: Iterable<Commit> | AsyncIterable<Commit>): Promise<void>;
}
