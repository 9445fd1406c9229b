/*
 * The page's side of one connection: sends calls, and knows when nobody is there any more to answer them. comlink never settles
 * a call to a dead worker; here every pending call rejects, and later ones at once.
 *
 * How the end shows: the Web Lock that the worker holds comes free (browsers, in secure contexts; Chromium tells nothing else of a
 * terminated worker), the other side closes the port, the worker's script fails to load (an error event before it has answered),
 * or somebody calls `end`. Without Web Locks the end of a worker that the application terminates itself does not show.
 */

import { proxy, releaseProxy, transfer, wrap, type Endpoint, type Remote as Proxied } from 'comlink';
import { AbortError, FsError, fromErrorRecord } from '../base/errors.ts';
import type { Progress } from './api.ts';
import { watchLife } from './life.ts';
import { packArguments } from './pack.ts';
import { PROTOCOL } from './wire.ts';
import type {
  FileMethod,
  FsMethod,
  Greeting,
  OpenRequest,
  Remote,
  Reply,
  StreamMessage,
  StreamMethod,
  Summary,
  WorkspaceMethod,
} from './wire.ts';

/** How long a worker's script may take to load and to answer, in milliseconds: a cold dev server on a slow machine. */
const HELLO_TIMEOUT = 30_000;

/** What a call goes to. */
export type Target =
  | { readonly on: 'fs'; readonly method: FsMethod; readonly batch?: number | undefined; readonly snapshot?: number | undefined }
  | { readonly on: 'workspace'; readonly method: WorkspaceMethod }
  | { readonly on: 'file'; readonly fd: number; readonly method: FileMethod };

/** Who hears of a stream. */
export interface StreamObserver {
  onMessage(message: StreamMessage): void;
  /** The connection ended. */
  onEnd(reason: Error): void;
}

const gone = (detail: string): FsError => new FsError('EIO', { detail });

export class Peer {
  readonly #remote: Proxied<Remote>;
  /** Kept, because every access to a method makes a proxy. */
  readonly #invoke: Proxied<Remote['invoke']>;
  /** What is to be told when the connection ends. */
  readonly #pending = new Set<(reason: Error) => void>();
  readonly #life = new AbortController();
  /** Why nobody answers any more. */
  #end: string | undefined;
  #serial = 0;

  constructor(connection: Endpoint) {
    this.#remote = wrap<Remote>(connection);
    this.#invoke = this.#remote.invoke;
    connection.addEventListener('close', () => this.end());
  }

  /**
   * Greets the host. Precondition of every other call.
   * @throws {FsError} ENOTSUP when it is of another version, EIO when nobody answers.
   */
  async hello(): Promise<Greeting> {
    const timer = setTimeout(() => this.end('the worker does not answer: its script must call serve() when it starts'), HELLO_TIMEOUT);
    try {
      const greeting = await this.#answer(() => this.#remote.hello(PROTOCOL));
      if (greeting.life !== undefined) watchLife(greeting.life, this.#life.signal, () => this.end());
      return greeting;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens a workspace. */
  open(
    request: Omit<OpenRequest, 'id'>,
    onProgress: ((progress: Progress) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Summary> {
    // What the callback throws is the page's, and does not travel. The host releases it when the opening is over.
    const listener = onProgress && proxy((progress: Progress) => queueMicrotask(() => onProgress(progress)));
    return this.#cancellable(signal, (id) => this.#remote.open({ ...request, id }, listener));
  }

  /** Removes a workspace. */
  remove(name: string): Promise<void> {
    return this.#answer(() => this.#remote.remove(name));
  }

  /** Calls a method of the file system, of the workspace or of an open file. Bytes in `args` stay the caller's. */
  async call<T>(target: Target, args: readonly unknown[]): Promise<T> {
    const { plain, transferred, signal } = packArguments(args);
    const send = (id?: number): Promise<Reply<T>> =>
      this.#invoke(transfer({ ...target, args: plain, id }, [...transferred])) as Promise<Reply<T>>;
    return signal === undefined ? this.#answer(send) : this.#cancellable(signal, send);
  }

  /** Begins a stream; gives what ends it. */
  stream(method: StreamMethod, args: readonly unknown[], observer: StreamObserver): () => void {
    if (this.#end !== undefined) {
      observer.onEnd(gone(this.#end));
      return () => undefined;
    }
    const id = ++this.#serial;
    const fail = (reason: Error): void => observer.onEnd(reason);
    this.#pending.add(fail);
    void this.#remote.stream(
      { id, method, args: packArguments(args).plain },
      proxy((message: StreamMessage) => {
        if (!('item' in message)) this.#pending.delete(fail);
        observer.onMessage(message);
      }),
    );
    return () => {
      // The host releases the callback when the stream is over.
      if (this.#pending.delete(fail)) void this.#remote.cancel(id);
    };
  }

  /** Makes another port to the same workspace. */
  share(): MessagePort {
    if (this.#end !== undefined) throw gone(this.#end);
    const { port1, port2 } = new MessageChannel();
    void this.#remote.share(transfer(port2, [port2]));
    return port1;
  }

  /** Closes the workspace, or lets go of it, and ends the connection. */
  async close(): Promise<void> {
    try {
      await this.#answer(() => this.#remote.close());
    } finally {
      this.end('the workspace is closed');
    }
  }

  /** Ends the connection: everything pending rejects, and everything later. Does nothing when it has ended. */
  end(why = 'the worker is gone'): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    this.#life.abort();
    for (const fail of this.#pending) fail(gone(why));
    this.#pending.clear();
    // A host that lives learns of it, and closes what this client holds.
    this.#remote[releaseProxy]();
  }

  #answer<T>(send: () => Promise<Reply<T>>): Promise<T> {
    if (this.#end !== undefined) return Promise.reject(gone(this.#end));
    return new Promise((resolve, reject) => {
      const fail = (reason: Error): void => {
        this.#pending.delete(fail);
        reject(reason);
      };
      this.#pending.add(fail);
      send().then((reply) => {
        this.#pending.delete(fail);
        if ('error' in reply) reject(fromErrorRecord(reply.error));
        else resolve(reply.value);
      }, fail);
    });
  }

  #cancellable<T>(signal: AbortSignal | undefined, send: (id: number) => Promise<Reply<T>>): Promise<T> {
    const id = ++this.#serial;
    if (signal === undefined) return this.#answer(() => send(id));
    if (signal.aborted) return Promise.reject(new AbortError(signal.reason));
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        if (this.#end === undefined) void this.#remote.cancel(id);
        reject(new AbortError(signal.reason));
      };
      signal.addEventListener('abort', abort, { once: true });
      void this.#answer(() => send(id))
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', abort));
    });
  }
}
