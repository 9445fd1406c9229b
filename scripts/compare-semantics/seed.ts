/* The lower of most facts. */

import type { Seed } from './subject.ts';

export const PROJECT: Seed = new Map([
  ['/top.txt', 'top'],
  ['/dir/one.txt', 'one'],
  ['/dir/two.txt', 'two'],
  ['/dir/sub/deep.txt', 'deep'],
  ['/full/only.txt', 'only'],
  ['/hollow/', ''],
]);
