/*
 * The worker's side of one connection: answers a client's calls with the engine. It owns what the client holds (open
 * files, watches, calls that can be cancelled) and lets go of it when the client goes. No file-system semantics live here.
 *
 * Who waits for whom: nobody. Calls reach the engine in the order in which they arrive, before anything is awaited.
 */

import { expose, finalizer, releaseProxy, transfer } from 'comlink';
import { FsError, toErrorRecord } from '../base/errors.ts';
import type { FileHandle, PathLike } from '../fs/api.ts';
import type { Progress } from './api.ts';
import type { HostedWorkspace, Service } from './hosted.ts';
import { isFileHandle, readBytes, reviveArguments, reviveUrl, toWire } from './to-wire.ts';
import { FILE_METHODS, FS_METHODS, PROTOCOL, WORKSPACE_METHODS } from './wire.ts';
import type { Greeting, Invocation, OpenRequest, Remote, Reply, Summary, WatchMessage } from './wire.ts';

/** A callback of the client's, which lives as long as the host does not release it. */
type Callback<T> = ((value: T) => Promise<unknown>) & { [releaseProxy](): void };

const fsMethods: ReadonlySet<string> = new Set(FS_METHODS);
const fileMethods: ReadonlySet<string> = new Set(FILE_METHODS);
const workspaceMethods: ReadonlySet<string> = new Set(WORKSPACE_METHODS);

export class Host {
  #progress: Callback<Progress> | undefined;
  readonly #files = new Map<number, FileHandle>();
  /** Calls under way that can be cancelled, and watches. */
  readonly #cancels = new Map<number, AbortController>();
  #gone = false;

  constructor(
    port: MessagePort,
    private readonly service: Service,
    private workspace: HostedWorkspace | undefined,
    /** *opener* indicates that this connection opened the workspace. Therefore its close() closes it. */
    private readonly role: 'opener' | 'guest',
  ) {
    workspace?.clients.add(this);
    // Without a prototype, so that no name that a client sends finds anything but these.
    const remote: Remote & { [finalizer](): void } = Object.assign(Object.create(null) as object, {
      hello: (protocol: number) => reply(() => this.#hello(protocol)),
      open: (request: OpenRequest, onProgress?: Callback<Progress>) => reply(() => this.#open(request, onProgress)),
      invoke: (invocation: Invocation) => this.#invoke(invocation),
      cancel: (id: number) => this.#cancels.get(id)?.abort(),
      watch: (id: number, path: unknown, options: { recursive: boolean }, listener: Callback<WatchMessage>) =>
        void this.#watch(id, path, options, listener),
      share: (other: MessagePort) => void new Host(other, this.service, this.#opened(), 'guest'),
      close: () => reply(() => this.#close()),
      [finalizer]: () => void this.#leave(),
    });
    port.addEventListener('close', () => void this.#leave());
    expose(Object.freeze(remote), port);
  }

  async #hello(protocol: number): Promise<Greeting> {
    if (protocol !== PROTOCOL) {
      const detail = `the page speaks protocol ${protocol} of stratafs, its worker ${PROTOCOL}: they are of different versions`;
      throw new FsError('ENOTSUP', { detail });
    }
    return { protocol: PROTOCOL, life: await this.service.life, workspace: this.workspace?.summary };
  }

  async #open(request: OpenRequest, onProgress: Callback<Progress> | undefined): Promise<Summary> {
    if (this.workspace !== undefined) throw new FsError('EBUSY', { detail: 'this connection has a workspace already' });
    const { signal, done } = this.#cancellable(request.id);
    try {
      const workspace = await this.service.mount(request, { signal, onProgress: onProgress && listenTo(onProgress) });
      this.workspace = workspace;
      this.#progress = onProgress; // lowers go on fetching as long as the workspace is open
      workspace.clients.add(this);
      if (this.#gone) await workspace.close();
      return workspace.summary;
    } catch (e) {
      onProgress?.[releaseProxy]();
      throw e;
    } finally {
      done();
    }
  }

  async #invoke(invocation: Invocation): Promise<Reply<unknown>> {
    const { id } = invocation;
    const cancellable = id === undefined ? undefined : this.#cancellable(id);
    try {
      const result = await this.#perform(invocation, reviveArguments(invocation.args, cancellable?.signal));
      const value = await (isFileHandle(result) ? this.#keep(result) : toWire(result));
      return value instanceof Uint8Array ? transfer({ value }, [value.buffer as ArrayBuffer]) : { value };
    } catch (e) {
      return { error: toErrorRecord(e) };
    } finally {
      cancellable?.done();
    }
  }

  #perform(invocation: Invocation, args: readonly unknown[]): unknown {
    const { overlay } = this.#opened();
    const { on, method } = invocation;
    if (on === 'workspace' && workspaceMethods.has(method)) return apply(overlay, method, args);
    if (on === 'fs' && fsMethods.has(method)) return apply(overlay.fs.promises, method, args);
    if (on !== 'file' || !fileMethods.has(method)) throw new FsError('ENOSYS', { detail: `no call '${method}'` });
    const file = this.#files.get(invocation.fd);
    if (file === undefined) throw new FsError('EBADF', { syscall: method });
    if (method === 'read') return readBytes(file, args);
    if (method === 'close') this.#files.delete(invocation.fd);
    return apply(file, method, args);
  }

  async #keep(file: FileHandle): Promise<number> {
    this.#files.set(file.fd, file);
    // Raced with the client's leaving: nobody will close it.
    if (this.#gone) await this.#letGo();
    return file.fd;
  }

  async #watch(id: number, path: unknown, { recursive }: { recursive: boolean }, listener: Callback<WatchMessage>): Promise<void> {
    const { signal, done } = this.#cancellable(id);
    const tell = listenTo(listener);
    try {
      const events = this.#opened().overlay.fs.promises.watch(reviveUrl(path) as PathLike, { recursive, signal });
      for await (const event of events) tell({ event });
      tell({ end: true });
    } catch (e) {
      if (!signal.aborted) tell({ error: toErrorRecord(e) });
    } finally {
      done();
      listener[releaseProxy]();
    }
  }

  #cancellable(id: number): { readonly signal: AbortSignal; readonly done: () => void } {
    const controller = new AbortController();
    this.#cancels.set(id, controller);
    return { signal: controller.signal, done: () => this.#cancels.delete(id) };
  }

  #opened(): HostedWorkspace {
    if (this.workspace === undefined) throw new FsError('EIO', { detail: 'no workspace is open on this connection' });
    return this.workspace;
  }

  async #close(): Promise<undefined> {
    const { workspace } = this;
    await this.#letGo();
    if (this.role === 'opener') await workspace?.close();
    else await workspace?.overlay.flush();
  }

  /** The client is gone without a close(). */
  async #leave(): Promise<void> {
    if (this.#gone) return;
    const { workspace } = this;
    await this.#letGo();
    if (workspace?.clients.size === 0) await workspace.close().catch(() => undefined); // nobody is left who could be told
  }

  /** Ends what the client has under way and closes its files. */
  async #letGo(): Promise<void> {
    this.#gone = true;
    this.workspace?.clients.delete(this);
    this.#progress?.[releaseProxy]();
    this.#progress = undefined;
    for (const cancel of this.#cancels.values()) cancel.abort();
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.allSettled(files.map((file) => file.close()));
  }
}

/** Answers with what `work` gives, or with the record of its error. */
async function reply<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { value: await work() };
  } catch (e) {
    return { error: toErrorRecord(e) };
  }
}

/** Calls a method that is known to be one. */
function apply(target: object, method: string, args: readonly unknown[]): unknown {
  return Reflect.apply(Reflect.get(target, method) as (...args: unknown[]) => unknown, target, args);
}

/** Tells a client without waiting for it, and without minding that it may be gone. */
function listenTo<T>(callback: Callback<T>): (value: T) => void {
  // Asynchronous from the start, because a callback that was released throws at once.
  const tell = async (value: T): Promise<unknown> => callback(value);
  return (value) => void tell(value).catch(() => undefined);
}
