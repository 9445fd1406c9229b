/* Synchronous calls of the engine, in a worker of Chromium. */

import type { Suite } from '../harness/suite.ts';
import { syncCalls } from '../scenarios/sync-calls.ts';

export const suite: Suite = { name: 'engine-sync', where: 'worker', scenarios: [syncCalls()] };
