/* eStargz and zstd:chunked archives, and indexes of directories, changed at random: right bytes or a POSIX error. `npx tsx scripts/fuzz-archives.ts` does more. */

import { expect, test } from 'vitest';
import { judgeChangedIndex } from '../../support/mutate-directory.ts';
import { type Outcome, randomNumbers } from '../../support/mutate-archives.ts';
import { judgeChangedBytes, judgeChangedToc } from '../../support/mutate-estargz.ts';
import { judgeChangedFrames, judgeChangedManifest } from '../../support/mutate-zstd-chunked.ts';

const COUNT = 1000;

test.each([
  ['bytes: only right content is served', judgeChangedBytes],
  ['a table of contents that is packed again: a POSIX error or a layer', judgeChangedToc],
  ['bytes of zstd:chunked: only right content is served', judgeChangedFrames],
  ['a manifest that is packed again: a POSIX error or a layer', judgeChangedManifest],
  ['an index of a directory: a POSIX error or a layer', judgeChangedIndex],
])('changed %s', async (_, judge) => {
  const random = randomNumbers(17);
  const outcomes = new Map<Outcome, number>();
  for (let i = 0; i < COUNT; i++) {
    const outcome = await judge(random);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(['partly', 'refused', 'served']);
});
