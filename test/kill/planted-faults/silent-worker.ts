/* A worker with a planted fault: it waits for a lock that never comes, so that an opening neither succeeds nor fails. */

import { serve } from '../../../src/worker.ts';

LockManager.prototype.request = () => new Promise<never>(() => undefined);
serve();
