/* When a log is written anew, decided on numbers alone. */

import { expect, test } from 'vitest';
import type { UpperRecord } from '../../../src/layer/upper.ts';
import { GuardGrowth } from '../../../src/upper/guard-growth.ts';
import { inode } from './store-cases.ts';

const MIB = 1 << 20;

/** A thousand empty files, so that the upper is seldom looked at, and one of so many MiB. */
const recordsOf = (mib: number): Map<number, UpperRecord> =>
  new Map(
    Array.from({ length: 1000 }, (_, i): [number, UpperRecord] => [
      i + 1,
      inode(i > 0 ? {} : { size: mib * MIB, chunkSize: MIB, chunks: Array.from({ length: mib }, (_, n) => n + 1) }),
    ]),
  );

test('a log is overgrown beyond twice what the upper takes, and what was counted for the log before it is not believed', () => {
  const growth = new GuardGrowth({ slack: 8 * MIB, frames: 1000 });
  const log = (size: number, imageSize: number) => ({ size: size * MIB, imageSize: imageSize * MIB, frames: 10 });
  expect(growth.isOvergrown(log(200, 5), recordsOf(10))).toBe(true);
  expect(growth.isOvergrown(log(60, 20), recordsOf(50))).toBe(false);
  expect(growth.isOvergrown(log(109, 20), recordsOf(50))).toBe(true);
  expect(growth.isOvergrown({ ...log(1, 1), frames: 3001 }, recordsOf(0))).toBe(true);
});
