/* `fs.promises.watch` of the page: events come from the worker as they happen and wait here until they are asked for. */

import { AbortError, fromErrorRecord } from '../base/errors.ts';
import type { PathLike, WatchEvent, WatchOptions } from '../fs/api.ts';
import type { Peer, WatchObserver } from './peer.ts';
import type { WatchMessage } from './wire.ts';

interface Waiting {
  resolve(result: IteratorResult<WatchEvent>): void;
  reject(reason: Error): void;
}

const DONE: IteratorResult<WatchEvent> = { done: true, value: undefined };

export class RemoteWatch implements AsyncIterableIterator<WatchEvent>, WatchObserver {
  readonly #queue: WatchEvent[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #cancel: () => void;
  #ended = false;
  /** Why it ended; told once, as a generator does. */
  #failure: Error | undefined;

  constructor(peer: Peer, path: PathLike, { recursive = false, signal }: WatchOptions) {
    this.#signal = signal;
    if (signal?.aborted === true) {
      this.#cancel = () => undefined;
      this.#abort();
      return;
    }
    signal?.addEventListener('abort', this.#abort);
    this.#cancel = peer.watch(path, recursive, this);
  }

  onMessage(message: WatchMessage): void {
    if (this.#ended) return;
    if ('error' in message) return this.onEnd(fromErrorRecord(message.error));
    if ('end' in message) return this.onEnd(undefined);
    const next = this.#waiting.shift();
    if (next === undefined) this.#queue.push(message.event);
    else next.resolve({ done: false, value: message.event });
  }

  onEnd(reason: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    const [first, ...others] = this.#waiting.splice(0);
    if (first === undefined) this.#failure = reason;
    else if (reason === undefined) first.resolve(DONE);
    else first.reject(reason);
    for (const other of others) other.resolve(DONE);
  }

  next(): Promise<IteratorResult<WatchEvent>> {
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) return Promise.reject(failure);
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<WatchEvent>> {
    this.#queue.length = 0;
    this.onEnd(undefined);
    this.#cancel();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #abort = (): void => {
    this.#queue.length = 0;
    this.onEnd(new AbortError(this.#signal?.reason));
    this.#cancel();
  };
}
