/*
 * I11, the rule of snapshots: each shows one version of every record, all versions that are kept are shown by one, and what a snapshot
 * shows is a tree that keeps the other rules.
 */

import type { Violation } from '../base/diff.ts';
import { isShownAt, recordsAt } from '../layer/snapshots.ts';
import { FIRST_HISTORY_ID, type HistoryRecord, contentOf } from '../layer/upper.ts';
import { check } from './check.ts';
import { FIRST_UPPER_INO, LAST_INO, ROOT_INO, originOf } from './ino.ts';
import { Tree } from './tree.ts';

type Report = (id: number, message: string) => void;

/** Checks what is stored for snapshots, and what each of them shows. */
export function checkHistory(tree: Tree): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (id, message) => void violations.push({ rule: 'I11', path: `#${id}`, id, message });
  for (const [id, record] of tree.history.records) checkVersion(tree, id, record, report);
  const { list, next } = tree.history.snapshots;
  for (const [id, { since = 0 }] of tree.records) {
    if (since >= next) report(id, `was made after snapshot ${since}, which never was`);
  }
  checkKept(tree, report);
  for (const { id: snapshot } of list) checkShown(tree, snapshot, report);
  if (violations.length > 0) return violations;
  for (const { id: snapshot } of list) {
    const shown = new Tree(tree.layers, true, { records: recordsAt(tree.stored(), snapshot) }, tree.mountTimeMs);
    for (const violation of check(shown)) violations.push({ ...violation, message: `in snapshot ${snapshot}: ${violation.message}` });
  }
  return violations;
}

function checkVersion({ layers, history: { snapshots } }: Tree, id: number, version: HistoryRecord, report: Report): void {
  const { was, until, record } = version;
  const isInode = was === ROOT_INO || (was >= FIRST_UPPER_INO && was <= LAST_INO) || originOf(layers, was) !== undefined;
  if (id < FIRST_HISTORY_ID) report(id, 'is kept for snapshots under an inode number');
  if (!isInode) report(id, `is kept of ${was}, which is no record's number`);
  if ((record.since ?? 0) >= until || until >= snapshots.next) report(id, `ends with snapshot ${until}, which was not between`);
  else if (!snapshots.list.some((snapshot) => isShownAt(version, snapshot.id))) report(id, 'is kept, and no snapshot shows it');
}

/** Of several versions of one record, a snapshot shows one. */
function checkShown(tree: Tree, snapshot: number, report: Report): void {
  const shown = new Map<number, number>();
  for (const [id, record] of tree.history.records) {
    if (!isShownAt(record, snapshot)) continue;
    const { was } = record;
    const current = tree.records.get(was);
    const other = shown.get(was) ?? (current !== undefined && (current.since ?? 0) < snapshot ? was : undefined);
    if (other !== undefined) report(id, `snapshot ${snapshot} shows it and ${other} as ${was}`);
    shown.set(was, id);
  }
}

function checkKept({ history, space }: Tree, report: Report): void {
  const uses = new Map<number, number>();
  for (const { record } of history.records.values()) {
    for (const chunk of contentOf(record)?.chunks ?? []) if (chunk !== 0) uses.set(chunk, (uses.get(chunk) ?? 0) + 1);
  }
  for (const chunk of new Set([...uses.keys(), ...space.kept.keys()])) {
    const [known, count] = [space.kept.get(chunk)?.uses ?? 0, uses.get(chunk) ?? 0];
    if (known !== count) report(ROOT_INO, `chunk ${chunk} is kept by ${count} old records and counted ${known} times`);
  }
}
