/*
 * What a snapshot remembers of the branches that were made of it, and what a branch begins with. The branch itself is another
 * workspace, which is made and read by its store (src/upper/lineage.ts, branched-store.ts).
 */

import type { Snapshot, Superblock } from '../layer/upper.ts';
import type { Call } from './call.ts';
import { pinLayers } from './ino.ts';
import { assertSnapshot, takeSnapshot } from './snapshots.ts';
import type { Tree } from './tree.ts';

/** What a branch begins with. */
export interface BranchOrigin {
  readonly snapshot: Snapshot;
  /** Above every chunk of the snapshot. */
  readonly firstChunk: number;
  readonly superblock: Superblock;
}

/** The version of the records' format that has branches. */
const FORMAT = 3;

/** Lets a snapshot, or one that is taken for it, remember a branch that is about to be made. @throws {FsError} ENOENT, EROFS */
export function rememberBranch(call: Call, branch: string, snapshot: number | undefined): BranchOrigin {
  const { tree } = call;
  const { id } = snapshot === undefined ? takeSnapshot(call, `branch ${branch}`.slice(0, 200)) : assertSnapshot(tree, snapshot);
  const remembering = setBranches(tree, id, (branches) => [...branches.filter((name) => name !== branch), branch]);
  return { snapshot: remembering, firstChunk: tree.space.nextChunk, superblock: { format: FORMAT, lowers: pinLayers(tree.layers) } };
}

/** Lets a snapshot forget a branch that is not there. */
export function forgetBranch({ tree }: Call, branch: string, snapshot: number): void {
  setBranches(tree, snapshot, (branches) => branches.filter((name) => name !== branch));
}

function setBranches(tree: Tree, id: number, change: (branches: readonly string[]) => string[]): Snapshot {
  const { branches: before = [], ...rest } = assertSnapshot(tree, id);
  const branches = change(before);
  const changed: Snapshot = branches.length === 0 ? rest : { ...rest, branches };
  const { list, next } = tree.history.snapshots;
  tree.setSnapshots({ list: list.map((each) => (each.id === id ? changed : each)), next });
  return changed;
}
