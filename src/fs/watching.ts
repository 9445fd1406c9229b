/* `fs.watch` in both of Node's forms. */

import { AbortError, assertNotAborted } from '../base/errors.ts';
import { asDirectory, find } from '../overlay/walk.ts';
import { join, pathOf } from '../overlay/lookup.ts';
import type { WatchListener } from '../overlay/watch.ts';
import type { PathLike, WatchEvent, WatchOptions, Watcher } from './api.ts';
import { toPath } from './arguments.ts';
import type { Definition } from './operations.ts';
import { type View, performSync } from './perform.ts';

const realPath: Definition<[PathLike], string> = {
  syscall: 'watch',
  paths: 1,
  run: (call, path) => {
    const place = find(call, toPath(path), 'follow');
    const directory = asDirectory(call, place);
    return directory === undefined ? join(place.directory, place.name) : pathOf(directory);
  },
};

/** Calls a listener for every committed change, until it is closed or the signal fires. @throws {FsError} ENOENT */
export function watchWith(view: View, path: PathLike, { recursive = false, signal }: WatchOptions, listener: WatchListener): Watcher {
  const end = view.engine.watchers.add(performSync(view, realPath, [path]), recursive, listener);
  const close = (): void => {
    signal?.removeEventListener('abort', close);
    end();
  };
  if (signal?.aborted === true) close();
  else signal?.addEventListener('abort', close);
  return { close };
}

interface Consumer {
  readonly resolve: (result: IteratorResult<WatchEvent>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Iterates over committed changes, until the consumer leaves or the signal fires: then it rejects with an `AbortError`. */
export class WatchIterator implements AsyncIterableIterator<WatchEvent> {
  readonly #queue: WatchEvent[] = [];
  readonly #waiting: Consumer[] = [];
  readonly #unsubscribe: () => void;
  #done = false;

  constructor(
    subscribe: (listener: WatchListener) => () => void,
    private readonly signal?: AbortSignal,
  ) {
    this.#unsubscribe = subscribe((eventType, filename) => {
      const value = { eventType, filename };
      const next = this.#waiting.shift();
      if (next === undefined) this.#queue.push(value);
      else next.resolve({ done: false, value });
    });
    signal?.addEventListener('abort', this.#abort);
    if (signal?.aborted === true) this.#finish();
  }

  readonly #abort = (): void => {
    this.#finish();
    for (const { reject } of this.#waiting.splice(0)) reject(new AbortError(this.signal?.reason));
  };

  #finish(): void {
    this.#done = true;
    this.#queue.length = 0;
    this.#unsubscribe();
    this.signal?.removeEventListener('abort', this.#abort);
  }

  async next(): Promise<IteratorResult<WatchEvent>> {
    assertNotAborted(this.signal);
    const value = this.#queue.shift();
    if (value !== undefined) return { done: false, value };
    if (this.#done) return { done: true, value: undefined };
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<WatchEvent>> {
    this.#finish();
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
