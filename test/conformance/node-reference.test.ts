/* The tests of the tests: what the suites demand is what Node does on a real Linux file system. */

import { platform } from 'node:process';

import { describe } from 'vitest';

import { conformance } from './all.ts';
import { nodeStack } from './node-stack.ts';

describe.skipIf(platform !== 'linux')('reference (Linux)', () => {
  conformance(nodeStack('promises'));
  conformance(nodeStack('sync'));
});
