/* Synchronous calls of the engine in Node, where memfs can be set beside it. */

import { memfs } from 'memfs';
import type { FsSync } from '../../src/fs/api.ts';
import type { Suite } from '../harness/suite.ts';
import { syncCalls } from '../scenarios/sync-calls.ts';

export const suite: Suite = {
  name: 'engine-sync-node',
  where: 'node',
  scenarios: [syncCalls((files) => memfs(files).fs as unknown as FsSync)],
};
