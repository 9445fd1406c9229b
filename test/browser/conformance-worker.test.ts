/* The conformance suite from the page through the packaged worker. */

import { conformance } from '../conformance/all.ts';
import { workerStack } from '../rpc/worker-stack.ts';
import { startWorker } from '../../src/rpc/start-worker.ts';

conformance({ ...workerStack('through the worker, upper in memory', () => startWorker(undefined)), isWaiting: true });
conformance({ ...workerStack('through the worker, upper in IndexedDB', () => startWorker(undefined), 'indexeddb'), isWaiting: true });
