/*
 * The page's side of one connection: sends calls, and knows when nobody is there any more to answer them. comlink never settles
 * a call to a dead worker; here every pending call rejects, and later ones at once.
 *
 * How the end shows: the port closes (Chromium, Node), the Web Lock that the worker holds comes free (all browsers, secure
 * contexts), the worker's script fails to load (an error event before it has answered), or somebody calls `end`.
 */

import { proxy, releaseProxy, transfer, wrap, type Remote as Proxied } from 'comlink';
import { FsError, fromErrorRecord } from '../base/errors.ts';
import type { PathLike } from '../fs/api.ts';
import type { Progress } from './api.ts';
import { Arguments } from './from-wire.ts';
import { watchLife } from './ownership.ts';
import { PROTOCOL } from './wire.ts';
import type { FileMethod, FsMethod, Greeting, Invocation, OpenRequest, Remote, Reply, Summary, WatchMessage, WorkspaceMethod } from './wire.ts';

/** How long a worker's script may take to load and to answer, in milliseconds: a cold dev server on a slow machine. */
const HELLO_TIMEOUT = 30_000;

export type Target =
  | { readonly on: 'fs'; readonly method: FsMethod }
  | { readonly on: 'workspace'; readonly method: WorkspaceMethod }
  | { readonly on: 'file'; readonly fd: number; readonly method: FileMethod };

export class Peer {
  readonly #remote: Proxied<Remote>;
  /** Kept, because each access to a method makes a proxy. */
  readonly #invoke: Proxied<Remote['invoke']>;
  readonly #pending = new Set<(reason: Error) => void>();
  readonly #ended = new AbortController();
  #end: Error | undefined;
  #serial = 0;

  constructor(port: MessagePort) {
    this.#remote = wrap<Remote>(port);
    this.#invoke = this.#remote.invoke;
    port.addEventListener('close', () => this.end());
  }

  /**
   * Greets the host; must be the first call.
   * @throws {FsError} ENOTSUP when it is of another version, EIO when nobody answers.
   */
  async hello(): Promise<Greeting> {
    const timer = setTimeout(() => this.end(gone('the worker does not answer: its script must call serve()')), HELLO_TIMEOUT);
    try {
      const greeting = await this.#answer(this.#remote.hello(PROTOCOL));
      if (greeting.life !== undefined) watchLife(greeting.life, this.#ended.signal, () => this.end());
      return greeting;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens a workspace. Precondition: `hello` was answered. */
  open(request: Omit<OpenRequest, 'id'>, onProgress?: (progress: Progress) => void, signal?: AbortSignal): Promise<Summary> {
    const id = ++this.#serial;
    // The host releases the callback when the opening is over. What it throws is the page's, and does not travel.
    const listener = onProgress && proxy((progress: Progress) => queueMicrotask(() => onProgress(progress)));
    return this.#cancellable(id, signal, () => this.#remote.open({ ...request, id }, listener));
  }

  /** Calls a method of the file system, the workspace or an open file. Bytes in `args` are copied, and stay usable. */
  async call(target: Target, ...args: readonly unknown[]): Promise<unknown> {
    const { plain, transferred, signal } = new Arguments(args);
    const send = (invocation: Invocation) => this.#invoke(transfer(invocation, transferred));
    if (signal === undefined) return this.#answer(send({ ...target, args: plain }));
    const id = ++this.#serial;
    return this.#cancellable(id, signal, () => send({ ...target, args: plain, id }));
  }

  /** Watches a path; gives what ends it. `listener` is told of the end too, however it comes. */
  watch(path: PathLike, recursive: boolean, listener: (message: WatchMessage) => void): () => void {
    const id = ++this.#serial;
    const fail = (reason: Error): void => listener({ error: { name: reason.name, message: reason.message }, reason });
    return () => undefined;
  }
}
