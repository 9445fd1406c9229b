/*
 * Who owns what across tabs, by Web Locks. A named workspace has one owner: two engines over one upper would overwrite each
 * other. And a worker holds a lock of its own as long as it lives, so that its clients learn of its end, which no event tells.
 */

import { FsError, assertNotAborted } from '../base/errors.ts';

/** How long a page that is reloading may keep the lock before somebody else is taken to be the owner, in milliseconds. */
const PATIENCE = 3_000;

/** Web Locks, where they are: secure contexts of browsers. Elsewhere nobody else can be asked, and every claim succeeds. */
export function webLocks(): LockManager | undefined {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
}

/** Gives something back. */
export type Release = () => void;

/**
 * Claims a workspace; resolves to what gives it back.
 * @throws {FsError} EBUSY when somebody else keeps it.
 */
export async function claimWorkspace(name: string, signal?: AbortSignal, patience = PATIENCE): Promise<Release> {
  const locks = webLocks();
  if (locks === undefined) return () => undefined;
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), patience);
  const abort = (): void => waiting.abort();
  signal?.addEventListener('abort', abort);
  try {
    return await hold(locks, `stratafs:${name}`, waiting.signal);
  } catch (cause) {
    assertNotAborted(signal);
    if (!waiting.signal.aborted) throw new FsError('EIO', { detail: `workspace '${name}' cannot be locked`, cause });
    throw new FsError('EBUSY', { detail: `workspace '${name}' is open in another tab or worker` });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Holds a lock of a fresh name until the worker dies; resolves to the name once it is held. */
export async function proveLife(): Promise<string | undefined> {
  const locks = webLocks();
  if (locks === undefined) return undefined;
  const name = `stratafs-worker:${crypto.randomUUID()}`;
  await hold(locks, name);
  return name;
}

/** Calls `onDeath` when the worker that holds `life` is gone. */
export function watchLife(life: string, signal: AbortSignal, onDeath: () => void): void {
  webLocks()
    ?.request(life, { signal }, onDeath)
    .catch(() => undefined); // the wait was aborted, or this page is going away: either way nobody asks any more
}

/** Waits for a lock and resolves to what lets it go. */
function hold(locks: LockManager, name: string, signal?: AbortSignal): Promise<Release> {
  return new Promise((resolve, reject) => {
    const held = (): Promise<void> => new Promise((release) => resolve(release));
    locks.request(name, signal === undefined ? {} : { signal }, held).catch(reject);
  });
}
