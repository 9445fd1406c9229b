/* The conformance suite through client and host, over a channel in one thread. test/browser has it over a real worker. */

import { conformance } from '../conformance/all.ts';
import { workerStack } from './worker-stack.ts';
import { localWorker } from './local-worker.ts';

conformance(workerStack('through a port', () => localWorker().worker));
