/* Learning that a worker is gone, which no event tells: it holds a lock of its own as long as it lives (ownership.ts, `proveLife`). Pages watch too. */

/** Web Locks, where they are: secure contexts of browsers. */
export function webLocks(): LockManager | undefined {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
}

/** Calls `onDeath` when the worker that holds `life` is gone. */
export function watchLife(life: string, signal: AbortSignal, onDeath: () => void, locks = webLocks()): void {
  locks?.request(life, { signal }, onDeath).catch(() => undefined); // the wait was aborted, or this page is going away: nobody asks any more
}
