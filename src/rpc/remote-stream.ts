/* A stream as the page has it: what the worker tells waits here until it is asked for. `fs.promises.watch`, and whatever has progress. */

import { AbortError, fromErrorRecord } from '../base/errors.ts';
import type { Peer, StreamObserver } from './peer.ts';
import type { StreamMessage, StreamMethod } from './wire.ts';

interface Waiting<T> {
  resolve(result: IteratorResult<T, unknown>): void;
  reject(reason: Error): void;
}

export class RemoteStream<T> implements AsyncIterableIterator<T, unknown>, StreamObserver {
  readonly #queue: T[] = [];
  readonly #waiting: Waiting<T>[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #cancel: () => void;
  #ended = false;
  /** Why it ended, and what came of it; told once, as a generator does. */
  #failure: Error | undefined;
  #value: unknown;

  constructor(peer: Peer, method: StreamMethod, args: readonly unknown[], signal: AbortSignal | undefined) {
    this.#signal = signal;
    if (signal?.aborted === true) {
      this.#cancel = () => undefined;
      this.#abort();
      return;
    }
    signal?.addEventListener('abort', this.#abort);
    this.#cancel = peer.stream(method, args, this);
  }

  onMessage(message: StreamMessage): void {
    if (this.#ended) return;
    if ('error' in message) return this.onEnd(fromErrorRecord(message.error));
    if ('value' in message) return this.onEnd(undefined, message.value);
    const next = this.#waiting.shift();
    if (next === undefined) this.#queue.push(message.item as T);
    else next.resolve({ done: false, value: message.item as T });
  }

  onEnd(reason: Error | undefined, value?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#failure = reason;
    this.#value = value;
    for (const waiting of this.#waiting.splice(0)) {
      this.next().then(
        (result) => waiting.resolve(result),
        (e: Error) => waiting.reject(e),
      );
    }
  }

  next(): Promise<IteratorResult<T, unknown>> {
    if (this.#queue.length > 0) return Promise.resolve({ done: false, value: this.#queue.shift()! });
    if (!this.#ended) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const [failure, value] = [this.#failure, this.#value];
    this.#failure = this.#value = undefined;
    return failure === undefined ? Promise.resolve({ done: true, value }) : Promise.reject(failure);
  }

  return(): Promise<IteratorResult<T, unknown>> {
    this.#queue.length = 0;
    this.onEnd(undefined);
    this.#failure = undefined;
    this.#cancel();
    return this.next();
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
