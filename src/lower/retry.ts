/* Patience with a network: which failures pass by themselves, how often to try again, and how long to wait in between. */

import type { FsError } from '../base/errors.ts';

/** How much trouble a request may have before it fails. */
export interface RetryOptions {
  /** How often a request is made at most. Default: 4; 1 tries nothing twice. */
  readonly tries?: number | undefined;
  /** Milliseconds to wait after the first failure; three times as long after each further one. Default: 400. */
  readonly delay?: number | undefined;
  /** Milliseconds without a byte after which a server counts as gone. Default: 30,000. */
  readonly stall?: number | undefined;
}

const DEFAULT_TRIES = 4;
/** 0.4, 1.2 and 3.6 seconds: a restarted server or a changed network is there again, and a user still waits. */
const DEFAULT_DELAY = 400;
const DEFAULT_STALL = 30_000;
/** A server that asks for more patience than this gets none: the caller's user would take the page for dead. */
const LONGEST_WAIT = 10_000;
/** What an attempt must have brought so that it does not count as a failed one: half a second at 4 Mbit/s. */
const PROGRESS = 256 << 10;

/** Request timeout, too early, too many requests, and what servers and the proxies before them say when they are overloaded. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

export const passes = (status: number): boolean => PASSING.has(status);

/** A failure that may be gone the next time. Never leaves src/lower. */
export class Transient extends Error {
  /** @param after milliseconds that the server asked to wait */
  constructor(
    readonly failure: FsError,
    readonly after = 0,
  ) {
    super(failure.message);
  }
}

export class Patience {
  readonly #tries: number;
  readonly #delay: number;
  /** Milliseconds without a byte after which a server counts as gone. */
  readonly stall: number;

  constructor({ tries = DEFAULT_TRIES, delay = DEFAULT_DELAY, stall = DEFAULT_STALL }: RetryOptions = {}) {
    this.#tries = tries;
    this.#delay = delay;
    this.stall = stall;
  }

  /**
   * Runs attempts until one does not end in a `Transient`. `received` tells how many bytes there are so far.
   * @throws what an attempt throws; the failure inside the last `Transient`; the signal's reason
   */
  async persist<T>(attempt: () => Promise<T>, received: () => number, signal: AbortSignal): Promise<T> {
    const tries = this.tries(signal);
    for (;;) {
      try {
        return await attempt();
      } catch (e) {
        await tries.failed(e, received());
      }
    }
  }

  /** Counts the tries of one exchange. */
  tries(signal: AbortSignal): Tries {
    let failures = 0;
    let had = 0;
    return {
      failed: async (e, received) => {
        if (!(e instanceof Transient)) throw e;
        const brought = received - had;
        had += brought;
        failures = brought >= PROGRESS ? 1 : failures + 1;
        const wait = Math.max(e.after, this.#delay * 3 ** (failures - 1) * jitter());
        if (failures >= this.#tries || wait > LONGEST_WAIT || isOffline()) throw e.failure;
        await sleep(wait, signal);
      },
    };
  }
}

/** The tries of one exchange. */
export interface Tries {
  /**
   * Is told why one failed, and how many bytes there are so far. Resolves when it is time for the next one.
   * @throws what it was told, where that is no `Transient`; the failure inside it, when it was the last try; the signal's reason
   */
  failed(e: unknown, received: number): Promise<void>;
}

/** Pages that failed together must not come back together. */
const jitter = (): number => 0.5 + Math.random() / 2;

/** Tells whether the platform knows that there is no network. It seldom does, but then it is right. */
export const isOffline = (): boolean => (globalThis.navigator as Partial<Navigator> | undefined)?.onLine === false;

/** Milliseconds of a Retry-After header: seconds, or a date. */
export function retryAfter(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
