/* Checks that what the store holds is what the engine believes: the tree in memory must be the one that a remount would give. */

import { isSameBytes } from '../base/bytes.ts';
import type { Violation } from '../base/diff.ts';
import { NO_SNAPSHOTS } from '../layer/snapshots.ts';
import type { Superblock, UpperRecord, UpperStore } from '../layer/upper.ts';
import { checkHistory } from './check-history.ts';
import { check, label } from './check.ts';
import type { CommitQueue } from './commit.ts';
import { ROOT_INO } from './ino.ts';
import type { Tree } from './tree.ts';

/** How often to try again when the tree changes while the store is read. Then the rules are checked in memory alone. */
const ATTEMPTS = 3;

/** Checks the union rules over the tree and the committed records. @throws {FsError} EIO when the store cannot be read */
export async function checkCommitted(tree: Tree, store: UpperStore | undefined, commits: CommitQueue): Promise<Violation[]> {
  for (let attempt = 0; store !== undefined && attempt < ATTEMPTS; attempt++) {
    const { version } = tree;
    // A failed commit has been taken back, and whoever made it hears of it: what counts here is that none is under way.
    await commits.settled().catch(() => undefined);
    const { records, damaged = [], superblock } = await store.load();
    const lost = damaged.map(({ id, message }) => ({ rule: 'I9' as const, path: label(tree, id), id, message }));
    if (tree.version !== version) continue;
    return [...lost, ...check(tree), ...checkHistory(tree), ...differences(tree, records), ...otherSnapshots(tree, superblock)];
  }
  return [...check(tree), ...checkHistory(tree)];
}

/** The list of snapshots is the one that a remount would find. */
function otherSnapshots({ history: { snapshots } }: Tree, superblock: Superblock | undefined): Violation[] {
  if (JSON.stringify(snapshots) === JSON.stringify(superblock?.snapshots ?? NO_SNAPSHOTS)) return [];
  return [{ rule: 'I11', path: '/', id: ROOT_INO, message: 'the store has other snapshots' }];
}

function differences(tree: Tree, committed: ReadonlyMap<number, UpperRecord>): Violation[] {
  const violations: Violation[] = [];
  for (const id of new Set([...tree.records.keys(), ...tree.history.records.keys(), ...committed.keys()])) {
    const [ours, theirs] = [tree.storedAs(id), committed.get(id)];
    if (ours !== undefined && theirs !== undefined && isSame(ours, theirs)) continue;
    const message =
      theirs === undefined ? 'is not in the store' : ours === undefined ? 'is in the store only' : 'is another record in the store';
    violations.push({ rule: 'I9', path: label(tree, id), id, message });
  }
  return violations;
}

/** True where two records, or two parts of them, are equal. A field that says nothing counts as one that is not there. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return Object.is(one, other) || (saysNothing(one) && saysNothing(other));
  if (one instanceof Uint8Array) return other instanceof Uint8Array && isSameBytes(one, other);
  if (one instanceof Map) return other instanceof Map && isSame([...(one as Map<unknown, unknown>)], [...(other as Map<unknown, unknown>)]);
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((part, i) => isSame(part, other[i]));
  const [ours, theirs] = [one as Fields, other as Fields];
  for (const key in ours) if (!isSame(ours[key], theirs[key])) return false;
  for (const key in theirs) if (ours[key] === undefined && !saysNothing(theirs[key])) return false;
  return true;
}

type Fields = Readonly<Record<string, unknown>>;

const saysNothing = (value: unknown): boolean => value === undefined || (value instanceof Map && value.size === 0);
