/* Who holds which chunk: each way from one state to another, by itself. */

import { expect, test } from 'vitest';
import type { HistoryRecord, InodeRecord } from '../../src/layer/upper.ts';
import { Space } from '../../src/overlay/space.ts';
import { inode } from '../unit/upper/store-cases.ts';

const FILE = 2 ** 31;
const OBJECT = 256;

/** A file of 100 bytes in each of its chunks but the last places. */
const file = (...chunks: number[]): InodeRecord => inode({ size: 100, chunks });
const version = (record: InodeRecord): HistoryRecord => ({ names: [], was: FILE, until: 1, record });

function setUp() {
  const gone: number[] = [];
  const space = new Space((chunk) => gone.push(chunk));
  const chunk = space.newChunk();
  space.change(FILE, undefined, file(chunk));
  return { gone, space, chunk };
}

test('a chunk goes with the last inode that holds it', () => {
  const { gone, space, chunk } = setUp();
  space.change(FILE + 1, undefined, file(chunk));
  expect([space.shared.get(chunk), space.used]).toEqual([2, 2 * (OBJECT + 100)]);
  space.change(FILE, file(chunk), undefined);
  expect([gone, space.shared.size]).toEqual([[], 0]);
  space.change(FILE + 1, file(chunk), undefined);
  expect([gone, space.used]).toEqual([[chunk], 0]);
});

test('a chunk that history keeps goes with the last of it, and counts once when no inode holds it', () => {
  const { gone, space, chunk } = setUp();
  space.keep(version(file(chunk)));
  space.keep(version(file(chunk)));
  expect(space.used).toBe(OBJECT + 100);
  space.change(FILE, file(chunk), file());
  expect(space.used).toBe(OBJECT + 100);
  space.drop(version(file(chunk)));
  expect(gone).toEqual([]);
  space.drop(version(file(chunk)));
  expect([gone, space.used]).toEqual([[chunk], OBJECT]);
});

test('a chunk that an inode holds again is the inode’s, and stays when history goes', () => {
  const { gone, space, chunk } = setUp();
  space.keep(version(file(chunk)));
  space.change(FILE, file(chunk), file());
  space.change(FILE, file(), file(chunk));
  expect([space.used, space.shared.size]).toEqual([OBJECT + 100, 0]);
  space.drop(version(file(chunk)));
  expect([gone, space.used]).toEqual([[], OBJECT + 100]);
});

test('counted anew it is the same', () => {
  const { space, chunk } = setUp();
  const other = space.newChunk();
  space.keep(version(file(chunk)));
  space.change(FILE, file(chunk), file(other));
  space.change(FILE + 1, undefined, file(other));
  const before = [space.used, [...space.shared], structuredClone([...space.kept])];
  space.derive(
    new Map([
      [FILE, file(other)],
      [FILE + 1, file(other)],
    ]),
    new Map([[1, version(file(chunk))]]),
  );
  expect([space.used, [...space.shared], [...space.kept]]).toEqual(before);
  expect(space.newChunk()).toBe(other + 1);
});
