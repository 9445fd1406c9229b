/* Timers of no time at all that take none, for sessions in memory with thousands of turns. Node makes a millisecond of each, and waits. */

import { vi } from 'vitest';

/** `setTimeout` without a delay comes with the next turn, and can be cleared as before. `vi.unstubAllGlobals()` takes it back. */
export function hurryTurns(): void {
  const { setTimeout: start, clearTimeout: clear } = globalThis;
  vi.stubGlobal('setTimeout', (handler: () => void, delay = 0) => (delay > 0 ? start(handler, delay) : setImmediate(handler)));
  vi.stubGlobal('clearTimeout', (timer: NodeJS.Timeout | NodeJS.Immediate | undefined) => {
    // Each ignores what is the other's.
    clear(timer as NodeJS.Timeout | undefined);
    clearImmediate(timer as NodeJS.Immediate | undefined);
  });
}
