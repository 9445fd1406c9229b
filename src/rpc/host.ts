/* The worker's side of one connection: what comlink exposes to the page. It passes calls on to the client's session, and lets go of it when the client goes. */

import { expose, finalizer, releaseProxy, transfer, type Endpoint } from 'comlink';
import { FsError, fromErrorRecord, toErrorRecord } from '../base/errors.ts';
import type { Progress } from './api.ts';
import type { Connection, Service } from './hosted.ts';
import { isMoved, type StreamOutcome } from './session.ts';
import { PROTOCOL } from './wire.ts';
import type { Greeting, Invocation, OpenRequest, Remote, Reply, StreamMessage, StreamRequest, Summary } from './wire.ts';

/** A callback of the client's, which lives as long as the host does not release it. */
type Callback<T> = ((value: T) => Promise<unknown>) & { [releaseProxy](): void };

export class Host {
  #progress: Callback<Progress> | undefined;
  /** Openings under way. */
  readonly #openings = new Map<number, AbortController>();
  /** Those who hear of streams. */
  readonly #listeners = new Map<number, Callback<StreamMessage>>();
  #isGone = false;

  constructor(
    endpoint: Endpoint,
    private readonly service: Service,
    private connection: Connection | undefined,
  ) {
    // Without a prototype, so that no name that a client sends finds anything but these.
    const remote: Remote & { [finalizer](): void } = Object.assign(Object.create(null) as object, {
      hello: (protocol: number) => reply(() => this.#hello(protocol)),
      open: (request: OpenRequest, onProgress?: Callback<Progress>) => reply(() => this.#open(request, onProgress)),
      invoke: (invocation: Invocation) => this.#invoke(invocation),
      cancel: (id: number) => this.#cancel(id),
      stream: (request: StreamRequest, listener: Callback<StreamMessage>) => this.#stream(request, listener),
      share: (other: MessagePort) => void new Host(other, this.service, this.#opened().share()),
      remove: (name: string) => reply(() => this.service.remove(name)),
      close: () => reply(() => this.#close()),
      [finalizer]: () => void this.#leave('gone').catch(() => undefined), // nobody is left who could be told
    });
    endpoint.addEventListener('close', () => void this.#leave('gone').catch(() => undefined));
    expose(Object.freeze(remote), endpoint);
  }

  async #hello(protocol: number): Promise<Greeting> {
    if (protocol !== PROTOCOL) {
      const detail = `the page speaks protocol ${protocol} of stratafs, its worker ${PROTOCOL}: they are of different versions`;
      throw new FsError('ENOTSUP', { detail });
    }
    return { protocol: PROTOCOL, life: await this.service.life, workspace: this.connection?.summary };
  }

  async #open(request: OpenRequest, onProgress: Callback<Progress> | undefined): Promise<Summary> {
    const opening = new AbortController();
    this.#openings.set(request.id, opening);
    try {
      if (this.connection !== undefined || this.#openings.size > 1)
        throw new FsError('EBUSY', { detail: 'this connection has a workspace already' });
      const context = { signal: opening.signal, onProgress: onProgress && listenTo(onProgress) };
      const connection = await this.service.open(request, context);
      this.connection = connection;
      this.#progress = onProgress; // lowers go on fetching as long as the workspace is open
      // Raced with the client's leaving.
      if (this.#isGone) await this.#letGo('gone');
      return connection.summary;
    } catch (e) {
      onProgress?.[releaseProxy]();
      throw e;
    } finally {
      this.#openings.delete(request.id);
    }
  }

  async #invoke(invocation: Invocation): Promise<Reply<unknown>> {
    try {
      const outcome = await this.#opened().session.invoke(invocation);
      if (isMoved(outcome)) throw closed();
      const value = 'value' in outcome ? outcome.value : undefined;
      return value instanceof Uint8Array ? transfer(outcome, [value.buffer as ArrayBuffer]) : outcome;
    } catch (e) {
      return { error: toErrorRecord(e) };
    }
  }

  #stream(request: StreamRequest, listener: Callback<StreamMessage>): void {
    const { id } = request;
    const tell = listenTo(listener);
    const pass = (message: StreamOutcome): void => {
      tell(isMoved(message) ? { error: toErrorRecord(closed()) } : message);
      if (!('item' in message)) this.#forget(id);
    };
    this.#listeners.set(id, listener);
    try {
      this.#opened().session.stream(request, pass);
    } catch (e) {
      pass({ error: toErrorRecord(e) });
    }
  }

  #cancel(id: number): void {
    this.#openings.get(id)?.abort();
    this.connection?.session.cancel(id);
    this.#forget(id);
  }

  #forget(stream: number): void {
    this.#listeners.get(stream)?.[releaseProxy]();
    this.#listeners.delete(stream);
  }

  #opened(): Connection {
    if (this.connection === undefined) throw new FsError('EIO', { detail: 'no workspace is open on this connection' });
    return this.connection;
  }

  /** Everything that the client has asked for is done before it is let go of. */
  async #close(): Promise<void> {
    let flushed: Reply<unknown> | undefined;
    if (this.connection !== undefined && !this.#isGone) flushed = await this.#invoke({ on: 'workspace', method: 'flush', args: [{}] });
    await this.#leave('closed');
    if (flushed !== undefined && 'error' in flushed) throw fromErrorRecord(flushed.error);
  }

  async #leave(how: 'closed' | 'gone'): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    for (const opening of this.#openings.values()) opening.abort();
    await this.#letGo(how);
  }

  async #letGo(how: 'closed' | 'gone'): Promise<void> {
    this.#progress?.[releaseProxy]();
    this.#progress = undefined;
    for (const id of this.#listeners.keys()) this.#forget(id);
    await this.connection?.leave(how);
  }
}

const closed = (): FsError => new FsError('EIO', { detail: 'the workspace is closed' });

/** Answers with what `work` gives, or with the record of its error. */
async function reply<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { value: await work() };
  } catch (e) {
    return { error: toErrorRecord(e) };
  }
}

/** Tells a client without waiting for it, and without minding that it may be gone. */
function listenTo<T>(callback: Callback<T>): (value: T) => void {
  // Asynchronous from the start, because a callback that was released throws at once.
  const tell = async (value: T): Promise<unknown> => callback(value);
  return (value) => void tell(value).catch(() => undefined);
}
