/*
 * A workspace as its worker holds it: the seat, and the connections that use it. It closes when the last of its openers says so,
 * or when the last of its connections is gone.
 */

import { FsError, AbortError } from '../base/errors.ts';
import type { Credentials } from '../overlay/call.ts';
import type { Progress } from './api.ts';
import { FinishingSession } from './finishing-session.ts';
import type { Seat, Session } from './session.ts';
import type { OpenRequest, Summary } from './wire.ts';

/** What an opening may tell and must heed while it is under way. */
export interface OpenContext {
  readonly signal: AbortSignal;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** What the host of a connection asks of the worker around it. */
export interface Service {
  /** The name of a lock that the worker holds while it lives. */
  readonly life: Promise<string | undefined>;
  open(request: OpenRequest, context: OpenContext): Promise<Connection>;
  remove(name: string): Promise<void>;
}

/**
 * *opener* indicates that this connection opened the workspace. Therefore it stays open until this connection closes it, or is gone.
 */
export type Role = 'opener' | 'guest';

/** One connection's use of a workspace. */
export interface Connection {
  readonly summary: Summary;
  readonly session: Session;
  /** Lets one more in, who acts for the same user. */
  share(): Connection;
  /** Lets go of it. *closed* indicates that the client has said so. Therefore an opener's workspace may end with it. */
  leave(how: 'closed' | 'gone'): Promise<void>;
}

export class HostedWorkspace {
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(progress: Progress) => void>();
  readonly #opening: Promise<Seat>;
  readonly #sessions = new Set<Session>();
  /** Those who wait for the opening, and those who use the workspace. */
  #openers = 0;
  #connections = 0;
  #closing: Promise<void> | undefined;

  /**
   * @param start opens it; rejects soon when the signal fires
   * @param onClosed called when everything is given back
   */
  constructor(
    start: (context: OpenContext) => Promise<Seat>,
    private readonly onClosed: () => void,
  ) {
    const onProgress = (progress: Progress): void => {
      for (const tell of this.#listeners) tell(progress);
    };
    this.#opening = start({ signal: this.#stop.signal, onProgress });
    this.#opening.catch(() => this.close());
  }

  /** Resolves when it is closed; `undefined` as long as it is open. */
  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  /** Lets an opener in. Where he gives up and nobody else waits, the opening ends. */
  async open(user: Credentials, { signal, onProgress }: OpenContext): Promise<Connection> {
    this.#openers++;
    if (onProgress !== undefined) this.#listeners.add(onProgress);
    const forget = (): void => {
      if (onProgress !== undefined) this.#listeners.delete(onProgress);
    };
    try {
      const seat = await unlessAborted(this.#opening, signal);
      return this.#connect(seat, 'opener', user, forget);
    } catch (e) {
      forget();
      if (--this.#openers === 0) await this.close().catch(() => undefined); // why it could not be opened says more
      throw e;
    }
  }

  /** Closes seat and all; once. Rejects where the last commit failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    try {
      const [opened] = await Promise.allSettled([this.#opening]);
      await Promise.all([...this.#sessions].map((session) => session.end()));
      if (opened.status === 'fulfilled') await opened.value.close();
    } finally {
      this.onClosed();
    }
  }

  #connect(seat: Seat, role: Role, user: Credentials, forget: () => void): Connection {
    if (this.#closing !== undefined) throw new FsError('EIO', { detail: 'the workspace is closed' });
    this.#connections++;
    const session = new FinishingSession(seat.session(user));
    this.#sessions.add(session);
    let leaving: Promise<void> | undefined;
    const leave = async (how: 'closed' | 'gone'): Promise<void> => {
      forget();
      this.#connections--;
      if (role === 'opener') this.#openers--;
      await session.end();
      this.#sessions.delete(session);
      const isLast = this.#connections === 0 || (how === 'closed' && role === 'opener' && this.#openers === 0);
      if (isLast) await this.close();
    };
    return {
      get summary() {
        return seat.summary;
      },
      session,
      share: () => this.#connect(seat, 'guest', user, () => undefined),
      leave: (how) => (leaving ??= leave(how)),
    };
  }
}

/** The promise's result, or an `AbortError` as soon as the signal fires. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new AbortError(signal.reason));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
