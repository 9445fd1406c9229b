/*
 * A browser with several tabs, in one thread: Web Locks and channels between workers, and tabs that crash and freeze. For everything
 * but threads themselves; test/e2e/tabs.test.ts has real ones.
 */

import type { Tabs } from '../../src/rpc/ownership.ts';
import { localWorker, type LocalWorker } from './local-worker.ts';
import type { ServeOptions } from '../../src/rpc/serve.ts';

interface LockRequest {
  readonly tab: symbol;
  readonly granted: () => void;
  /** Ends the holder's promise as a theft does. */
  readonly robbed: () => void;
}

interface End {
  readonly tab: symbol;
  readonly onMessage: (message: unknown) => void;
}

/** A tab with its worker. */
export interface LocalTab extends LocalWorker {
  readonly tabs: Tabs;
  /** Ends it without a word: its locks come free. */
  crash(): void;
  /** It hears nothing until the function that this gives is called. */
  freeze(): () => void;
}

export class LocalBrowser {
  /** The first of each is the holder. */
  readonly #locks = new Map<string, LockRequest[]>();
  readonly #channels = new Map<string, Set<End>>();
  /** Everything that was posted, for tests that look into it. */
  readonly posted: { readonly channel: string; readonly message: unknown }[] = [];

  /** False lets requests for locks wait for ever. */
  locksAnswer = true;

  constructor(private readonly patience = 200) {}

  tab(options: ServeOptions = {}): LocalTab {
    const key = Symbol('tab');
    let isDead = false;
    let frozen: (() => void)[] | undefined;
    /** Lets something happen in the tab: later, when it is frozen; never, when it is gone. */
    const happen = (event: () => void): void => {
      if (isDead) return;
      if (frozen === undefined) queueMicrotask(() => !isDead && event());
      else frozen.push(event);
    };
    const locks = {
      request: (name: string, optionsOrWork: LockOptions | LockGrantedCallback<unknown>, work?: LockGrantedCallback<unknown>) =>
        typeof optionsOrWork === 'function'
          ? this.#request(key, happen, name, {}, optionsOrWork)
          : this.#request(key, happen, name, optionsOrWork, work!),
      query: () => Promise.resolve({}),
    } as unknown as LockManager;
    const tabs: Tabs = {
      locks,
      patience: this.patience,
      channel: (name, onMessage) => {
        const end: End = {
          tab: key,
          onMessage: (message) => happen(() => this.#channels.get(name)?.has(end) === true && onMessage(message)),
        };
        const ends = this.#channels.get(name) ?? new Set();
        this.#channels.set(name, ends.add(end));
        return {
          post: (message) => {
            if (!isDead) this.#post(name, end, structuredClone(message));
          },
          close: () => void ends.delete(end),
        };
      },
    };
    return {
      tabs,
      ...localWorker(options, tabs),
      crash: () => {
        isDead = true;
        this.#forget(key);
      },
      freeze: () => {
        const waiting: (() => void)[] = (frozen = []);
        return () => {
          frozen = undefined;
          for (const event of waiting) happen(event);
        };
      },
    };
  }

  #post(name: string, from: End, message: unknown): void {
    this.posted.push({ channel: name, message });
    for (const end of this.#channels.get(name) ?? []) if (end !== from) end.onMessage(message);
  }

  #request(
    tab: symbol,
    happen: (event: () => void) => void,
    name: string,
    { signal, steal, ifAvailable }: LockOptions,
    work: LockGrantedCallback<unknown>,
  ): Promise<unknown> {
    const queue = this.#locks.get(name) ?? [];
    this.#locks.set(name, queue);
    return new Promise((resolve, reject) => {
      if (!this.locksAnswer) return;
      if (ifAvailable === true && queue.length > 0) return happen(() => void Promise.resolve(work(null)).then(resolve, reject));
      let isOver = false;
      const leave = (): void => {
        isOver = true;
        const place = queue.indexOf(request);
        if (place === -1) return;
        queue.splice(place, 1);
        if (place === 0) queue[0]?.granted();
      };
      const request: LockRequest = {
        tab,
        granted: () =>
          happen(() => {
            if (isOver) return;
            void Promise.resolve(work({ name, mode: 'exclusive' }))
              .then(resolve, reject)
              .finally(leave);
          }),
        robbed: () => {
          isOver = true;
          happen(() => reject(new DOMException('stolen', 'AbortError')));
        },
      };
      signal?.addEventListener('abort', () => {
        if (queue[0] === request) return;
        leave();
        reject(new DOMException('aborted', 'AbortError'));
      });
      if (steal === true) {
        queue.shift()?.robbed();
        queue.unshift(request);
      } else {
        queue.push(request);
      }
      if (queue[0] === request) request.granted();
    });
  }

  /** What a tab held comes free. */
  #forget(tab: symbol): void {
    for (const ends of this.#channels.values()) for (const end of ends) if (end.tab === tab) ends.delete(end);
    for (const queue of this.#locks.values()) {
      const wasFirst = queue[0]?.tab === tab;
      queue.splice(0, queue.length, ...queue.filter((request) => request.tab !== tab));
      if (wasFirst) queue[0]?.granted();
    }
  }
}
