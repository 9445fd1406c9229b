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

/** Iterates over committed changes, until the consumer leaves or the signal fires (then the iteration rejects with its reason). */
export function watchIterator(subscribe: (listener: WatchListener) => () => void, signal?: AbortSignal): AsyncIterableIterator<WatchEvent> {
  const queue: WatchEvent[] = [];
  const waiting: { resolve(result: IteratorResult<WatchEvent>): void; reject(reason: unknown): void }[] = [];
  let done = false;
  const end = subscribe((eventType, filename) => {
    const event = { eventType, filename };
    const next = waiting.shift();
    if (next === undefined) queue.push(event);
    else next.resolve({ done: false, value: event });
  });
  const finish = (): void => {
    done = true;
    queue.length = 0;
    end();
    signal?.removeEventListener('abort', abort);
  };
  const abort = (): void => {
    finish();
    for (const { reject } of waiting.splice(0)) reject(new AbortError(signal!.reason));
  };
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) finish();
  return {
    async next() {
      assertNotAborted(signal);
      const value = queue.shift();
      if (value !== undefined) return { done: false, value };
      if (done) return { done: true, value: undefined };
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    async return() {
      finish();
      for (const { resolve } of waiting.splice(0)) resolve({ done: true, value: undefined });
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
