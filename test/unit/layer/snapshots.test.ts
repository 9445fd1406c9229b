/* What snapshots show, by the records alone. */

import { expect, test } from 'vitest';
import { recordsAt } from '../../../src/layer/snapshots.ts';
import { FIRST_HISTORY_ID, type InodeRecord, type LiveRecord, type UpperRecord } from '../../../src/layer/upper.ts';
import { inode, whiteout } from '../upper/store-cases.ts';

/** A version of a record: told apart by its size. */
const version = (size: number, since?: number): InodeRecord => ({ ...inode({ size }), ...(since !== undefined && { since }) });

const history = (was: number, until: number, record: LiveRecord): UpperRecord => ({ names: [], was, until, record });

/** What is shown of each id: the size of its version, `undefined` of a whiteout. */
function shownAt(snapshot: number, ...stored: (readonly [number, UpperRecord])[]): object {
  const records = recordsAt(stored, snapshot);
  return Object.fromEntries(Array.from(records, ([id, record]) => [id, 'size' in record ? record.size : 'whiteout']));
}

test('a record that never changed is shown by every snapshot after its making', () => {
  expect([1, 2, 3].map((snapshot) => shownAt(snapshot, [5, version(1)], [6, version(2, 2)]))).toEqual([{ 5: 1 }, { 5: 1 }, { 5: 1, 6: 2 }]);
});

test('a version that was replaced is shown from the first snapshot after its making to the last before its end', () => {
  const stored = [
    [5, version(3, 4)],
    [FIRST_HISTORY_ID, history(5, 2, version(1))],
    [FIRST_HISTORY_ID + 1, history(5, 4, version(2, 2))],
  ] as const;
  expect([1, 2, 3, 4, 5].map((snapshot) => shownAt(snapshot, ...stored))).toEqual([{ 5: 1 }, { 5: 1 }, { 5: 2 }, { 5: 2 }, { 5: 3 }]);
});

test('what was removed is shown as it was, and not where it had not been made yet', () => {
  const stored = [[FIRST_HISTORY_ID, history(5, 3, { ...whiteout(1, 'a'), since: 1 })]] as const;
  expect([1, 2, 3, 4].map((snapshot) => shownAt(snapshot, ...stored))).toEqual([{}, { 5: 'whiteout' }, { 5: 'whiteout' }, {}]);
});

test('what is shown says nothing of snapshots', () => {
  expect([...recordsAt([[5, version(1, 1)]], 2).values()]).toStrictEqual([version(1)]);
});

test('a file without a name, which somebody had open, is not shown', () => {
  expect(shownAt(1, [5, { ...version(1), names: [], nlink: 0 }])).toEqual({});
});
