/* The conformance suite from a page whose worker has no engine: another worker owns the workspace. */

import { conformance } from '../conformance/all.ts';
import { relayedStack } from '../rpc/relayed-stack.ts';
import { startWorker } from '../../src/rpc/start-worker.ts';

conformance({ ...relayedStack('through another worker', () => startWorker(undefined)), isWaiting: true });
