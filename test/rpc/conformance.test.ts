/* The conformance suite through client and host, over a channel in one thread. test/browser has it over a real worker. */

import 'fake-indexeddb/auto';
import { conformance } from '../conformance/all.ts';
import { LocalBrowser } from './local-tabs.ts';
import { localWorker } from './local-worker.ts';
import { relayedStack } from './relayed-stack.ts';
import { workerStack } from './worker-stack.ts';

const browser = new LocalBrowser();

conformance(workerStack('through a port', () => localWorker().worker));
conformance(relayedStack('through a relay', () => browser.tab().worker));
