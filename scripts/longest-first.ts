/*
 * The order of the files of tests: the slow ones first, so that no core waits at the end for one of them. Vitest knows how long a file took
 * the last time; in a fresh clone it goes by the size of the file, and some of the slowest are a few lines.
 */

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, on two cores from 10 seconds on. A file that is not here comes later. */
const SLOW = [
  'test/unit/upper/fault-injection.test.ts',
  'test/unit/lower/kept-tar.test.ts',
  'test/unit/upper/guard-crash.test.ts',
  'test/conformance/engine.test.ts',
  'test/unit/archive/limits.test.ts',
  'test/kernel/kernel-oracle.test.ts',
  'test/unit/archive/zstd.test.ts',
  'test/unit/upper/idb-store.test.ts',
  'test/unit/pack/round-trip.test.ts',
  'test/unit/lower/http-retry.test.ts',
  'test/e2e/demo.test.ts',
  'test/e2e/kill.test.ts',
  'test/e2e/quota.test.ts',
  'test/e2e/tabs.test.ts',
  'test/e2e/package.test.ts',
  'test/e2e/lost-database.test.ts',
  'test/e2e/offline.test.ts',
  'test/e2e/terminate.test.ts',
  'test/e2e/large-workspace.test.ts',
  'test/e2e/start.test.ts',
];

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = SLOW.findIndex((name) => moduleId.replaceAll('\\', '/').endsWith(`/${name}`));
  return rank < 0 ? SLOW.length : rank;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}
