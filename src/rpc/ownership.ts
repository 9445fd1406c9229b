/*
 * Who owns what across tabs, by Web Locks. A named workspace has one owner: two engines over one upper would overwrite each
 * other. And a worker holds a lock of its own as long as it lives, so that others learn of its end, which no event tells.
 */

import { FsError } from '../base/errors.ts';
import { answered } from '../storage/answer.ts';
import { openChannel, type Channel } from './connect.ts';
import { webLocks } from './life.ts';

/** What tabs find each other by. Tests put their own in its place. */
export interface Tabs {
  readonly locks: LockManager;
  /** Opens one end of a channel to everybody who has the same name open. */
  channel(name: string, onMessage: (message: unknown) => void): Channel;
  /** How long an owner may stay silent before it is taken to be frozen, and the browser before its locks are taken to be dead, in milliseconds. */
  readonly patience: number;
}

/** A thread that does nothing else than one long synchronous call (a check of 100,000 files: 1 s) must not be taken for a frozen one. */
const PATIENCE = 10_000;

/** The platform's; `undefined` where tabs cannot find each other. There everybody is an owner, and the store's own fence protects. */
export function browserTabs(): Tabs | undefined {
  const locks = webLocks();
  if (locks === undefined || typeof BroadcastChannel === 'undefined') return undefined;
  return { locks, channel: openChannel, patience: PATIENCE };
}

/** A lock that is held. */
export interface Held {
  release(): void;
  /** Resolves when it is held no longer: released, or stolen. */
  readonly lost: Promise<void>;
}

/**
 * Waits for the ownership of a workspace, or takes it from an owner that does not answer.
 * @throws {FsError} EIO when it cannot be had; an `AbortError` of the platform when `signal` fires
 */
export async function claimWorkspace({ locks }: Tabs, name: string, how: 'steal' | AbortSignal): Promise<Held> {
  try {
    return await hold(locks, `stratafs:${name}`, how === 'steal' ? { steal: true } : { signal: how });
  } catch (cause) {
    if (how !== 'steal' && how.aborted) throw cause;
    throw new FsError('EIO', { detail: `workspace '${name}' cannot be locked`, cause });
  }
}

/**
 * Takes the ownership of a workspace if nobody has it; `undefined` where somebody does.
 * @throws {FsError} EIO when it cannot be had
 */
export async function claimIfFree({ locks, patience }: Tabs, name: string): Promise<Held | undefined> {
  try {
    return await answered(hold(locks, `stratafs:${name}`, { ifAvailable: true }), patience, (held) => held?.release());
  } catch (cause) {
    throw new FsError('EIO', { detail: `workspace '${name}' cannot be locked`, cause });
  }
}

/** True of the error of a claim that somebody else has stolen before it was heard of here. */
export const isStolen = (e: unknown): boolean => e instanceof FsError && e.cause instanceof DOMException && e.cause.name === 'AbortError';

/** Holds a lock of a fresh name until the worker dies; resolves to the name once it is held, to `undefined` where locks do not work. Never rejects. */
export async function proveLife(tabs: Pick<Tabs, 'locks' | 'patience'> | undefined): Promise<string | undefined> {
  if (tabs === undefined) return undefined;
  const name = `stratafs-worker:${crypto.randomUUID()}`;
  const holding = answered(hold(tabs.locks, name, {}), tabs.patience, (held) => held?.release());
  return holding.then(
    () => name,
    () => undefined, // they are forbidden here (sandboxed frames), or dead: whoever needs more of them says so
  );
}

/** Waits for a lock. `undefined` where it is to be had only if available, and is not. */
function hold(locks: LockManager, name: string, options: LockOptions & { readonly ifAvailable: true }): Promise<Held | undefined>;
function hold(locks: LockManager, name: string, options: LockOptions): Promise<Held>;
function hold(locks: LockManager, name: string, options: LockOptions): Promise<Held | undefined> {
  return new Promise((resolve, reject) => {
    let lose!: () => void;
    const lost = new Promise<void>((onLost) => (lose = onLost));
    const held = (lock: Lock | null): Promise<void> | undefined => {
      if (lock !== null) return new Promise((release) => resolve({ release, lost }));
      resolve(undefined);
      return undefined;
    };
    // Settles when the lock is released, and rejects when it was stolen; before it is held, when it cannot be had.
    locks.request(name, options, held).then(lose, (reason: unknown) => {
      lose();
      reject(reason);
    });
  });
}
