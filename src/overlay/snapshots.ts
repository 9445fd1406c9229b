/*
 * Taking and removing snapshots. Taking one only notes its number: from then on, whatever changes keeps what it was (`Tree.put`). What a
 * snapshot shows is in src/layer/snapshots.ts, coming back to it in rollback.ts.
 */

import { FsError } from '../base/errors.ts';
import { isShownAt } from '../layer/snapshots.ts';
import type { Snapshot } from '../layer/upper.ts';
import { type Call, assertWritable } from './call.ts';
import type { Tree } from './tree.ts';

/** Length of a label, in characters: the superblock is written whole. */
const MAX_LABEL = 1024;

/** Takes a snapshot of the tree as it is. @throws {FsError} EROFS, EINVAL for a label that is none */
export function takeSnapshot(call: Call, label: string | undefined): Snapshot {
  if (label !== undefined && (typeof label !== 'string' || label.length > MAX_LABEL)) {
    throw new FsError('EINVAL', { detail: `a label is a text of up to ${MAX_LABEL} characters` });
  }
  return take(call, label === undefined ? {} : { label });
}

/** Takes one for work that is under way. Whoever does that removes it. @throws {FsError} EROFS */
export const takeTemporary = (call: Call): Snapshot => take(call, { temporary: true });

function take(call: Call, kind: Pick<Snapshot, 'label' | 'temporary'>): Snapshot {
  const { tree, now } = call;
  assertWritable(call);
  const { list, next } = tree.history.snapshots;
  const snapshot: Snapshot = { id: next, ...kind, timeMs: now };
  tree.setSnapshots({ list: [...list, snapshot], next: next + 1 });
  return snapshot;
}

/** Removes a snapshot, and what it alone shows. @throws {FsError} EROFS, ENOENT, EBUSY where it remembers a branch */
export function removeSnapshot(call: Call, id: number): void {
  const { tree } = call;
  assertWritable(call);
  const [branch] = getSnapshot(tree, id).branches ?? [];
  if (branch !== undefined) throw new FsError('EBUSY', { detail: `snapshot ${id} is needed by the branch '${branch}'` });
  const { list, next } = tree.history.snapshots;
  const at = list.findIndex((snapshot) => snapshot.id === id);
  tree.setSnapshots({ list: list.toSpliced(at, 1), next });
  const [earlier, later] = [list[at - 1], list[at + 1]];
  const showsToo = (other: Snapshot | undefined, record: Parameters<typeof isShownAt>[0]): boolean =>
    other !== undefined && isShownAt(record, other.id);
  for (const [key, record] of tree.history.records) {
    // A version is shown by snapshots that follow each other.
    if (isShownAt(record, id) && !showsToo(earlier, record) && !showsToo(later, record)) tree.removeHistory(key);
  }
}

/** Removes what work has left that a crash cut short. */
export function dropTemporary(call: Call): void {
  for (const { id, temporary } of call.tree.history.snapshots.list) if (temporary === true) removeSnapshot(call, id);
}

/** Gives a snapshot, also a temporary one. @throws {FsError} ENOENT where there is no such snapshot */
export function getSnapshot({ history: { snapshots } }: Tree, id: number): Snapshot {
  const found = snapshots.list.find((snapshot) => snapshot.id === id);
  if (found === undefined) throw missing(id);
  return found;
}

/** Gives a snapshot that stays until somebody removes it: nothing may be made to need another. @throws {FsError} ENOENT */
export function assertSnapshot(tree: Tree, id: number): Snapshot {
  const found = getSnapshot(tree, id);
  if (found.temporary === true) throw missing(id);
  return found;
}

const missing = (id: number): FsError => new FsError('ENOENT', { detail: `there is no snapshot ${id}` });
