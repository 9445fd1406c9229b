/* The worker of test/e2e/tabs.test.ts: it takes an owner for frozen sooner than the packaged one, and can be kept busy. */

import { browserTabs } from '../../src/rpc/ownership.ts';
import { serveOn } from '../../src/rpc/serve.ts';

/** Long enough for a busy test machine. Milliseconds. */
const PATIENCE = 1_500;

const tabs = browserTabs();
serveOn(globalThis, {}, tabs && { ...tabs, patience: PATIENCE });

addEventListener('message', ({ data }: MessageEvent<{ readonly spin?: number }>) => {
  if (typeof data.spin !== 'number') return;
  // The whole thread stands still, as in a frozen tab.
  for (const end = performance.now() + data.spin; performance.now() < end;);
});
