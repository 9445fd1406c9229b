/* Every suite, for a runner to call with its stack. */

import { describe } from 'vitest';

import { accessSuite } from './access.ts';
import { appendSuite } from './append.ts';
import { attrSuite } from './attr.ts';
import { copySuite } from './copy.ts';
import { errorsSuite } from './errors.ts';
import { extendedSuite } from './extended.ts';
import { handleIdentitySuite } from './handle-identity.ts';
import { handleSuite } from './handle.ts';
import { linkSuite } from './link.ts';
import { mkdirSuite } from './mkdir.ts';
import { namesSuite } from './names.ts';
import { openFlagsSuite } from './open-flags.ts';
import { readWriteSuite } from './read-write.ts';
import { readdirSuite } from './readdir.ts';
import { removeSuite } from './remove.ts';
import { renameSuite } from './rename.ts';
import type { Stack, Suite } from './scene.ts';
import { statSuite } from './stat.ts';
import { symlinkSuite } from './symlink.ts';
import { truncateSuite } from './truncate.ts';
import { watchSuite } from './watch.ts';

export const SUITES: readonly Suite[] = [
  accessSuite,
  appendSuite,
  attrSuite,
  copySuite,
  errorsSuite,
  extendedSuite,
  handleSuite,
  handleIdentitySuite,
  linkSuite,
  mkdirSuite,
  namesSuite,
  openFlagsSuite,
  readdirSuite,
  readWriteSuite,
  removeSuite,
  renameSuite,
  statSuite,
  symlinkSuite,
  truncateSuite,
  watchSuite,
];

/** Registers the whole conformance suite for a stack. */
export function conformance(stack: Stack): void {
  describe(`conformance: ${stack.name}`, () => {
    for (const suite of SUITES) suite(stack);
  });
}
