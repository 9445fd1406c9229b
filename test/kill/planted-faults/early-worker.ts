/*
 * A worker with a planted fault: a commit is acknowledged before it is made. Its transaction says `complete` when its first request has
 * succeeded, and is kept open for a while after that.
 */

import { serve } from '../../../src/worker.ts';
import { keepOpen, watchWrites } from './transactions.ts';

/** Milliseconds from the lie to the truth. */
const LATE = 60;

watchWrites((transaction) => {
  keepOpen(transaction, LATE, () => transaction.dispatchEvent(new Event('complete')));
});
serve();
