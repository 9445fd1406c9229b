/* What is compared, loaded when it is its turn: some of it changes globals. */

import type { Subject } from './subject.ts';

export const SUBJECTS: ReadonlyMap<string, () => Promise<Subject>> = new Map([
  ['stratafs', async () => (await import('./on-stratafs.ts')).stratafs],
  ['zenfs', async () => (await import('./on-zenfs.ts')).zenfs],
  ['browserfs', async () => (await import('./on-browserfs.ts')).browserfs],
  ['lightning-fs', async () => (await import('./on-lightning-fs.ts')).lightningFs],
  ['unionfs', async () => (await import('./on-unionfs.ts')).unionfs],
  ['linux', async () => (await import('./on-linux.ts')).linux],
]);
