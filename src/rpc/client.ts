/*
 * `open` and `attach`: the page's API. Only the wire is known here, nothing of the engine, so that the page's bundle stays small.
 *
 *   open ─► start the worker ─► connect ─► hello ─► open (progress comes meanwhile) ─► Workspace
 *   attach ───────────────────────────────► hello ───────────────────────────────────► Workspace
 */

import type { Damage, LayerSummary } from '../base/diff.ts';
import { FsError, assertNotAborted } from '../base/errors.ts';
import type { ExportOptions } from '../base/export.ts';
import type { WorkOptions, WorkProgress } from '../base/progress.ts';
import type { SearchOptions, SearchedFile } from '../base/search.ts';
import type { BatchFs, FsPromises, SnapshotFs } from '../fs/api.ts';
import type { LowerOptions, OpenOptions, Workspace } from './api.ts';
import { connectStraightTo, connectTo } from './connect.ts';
import { Peer } from './peer.ts';
import { remoteExport } from './remote-export.ts';
import { remoteFs } from './remote-fs.ts';
import { RemoteStream } from './remote-stream.ts';
import { startWorker } from './start-worker.ts';
import { PLAIN_METHODS, type StreamMethod, type Summary, type WireLower, type WorkspaceMethod } from './wire.ts';

class RemoteWorkspace implements Workspace {
  readonly name: string | undefined;
  readonly layers: readonly LayerSummary[];
  readonly guard: Workspace['guard'];
  readonly restored: Workspace['restored'];
  readonly fs: FsPromises;
  // What is the same on both sides is made from the list of names.
  declare readonly branch: Workspace['branch'];
  declare readonly check: Workspace['check'];
  declare readonly diff: Workspace['diff'];
  declare readonly entries: Workspace['entries'];
  declare readonly flush: Workspace['flush'];
  declare readonly recordAccess: Workspace['recordAccess'];
  declare readonly removeSnapshot: Workspace['removeSnapshot'];
  declare readonly reset: Workspace['reset'];
  declare readonly rollback: Workspace['rollback'];
  declare readonly snapshot: Workspace['snapshot'];
  declare readonly snapshots: Workspace['snapshots'];
  declare readonly usage: Workspace['usage'];
  #closing: Promise<void> | undefined;

  constructor(
    private readonly peer: Peer,
    { name, layers, guard, restored }: Summary,
    /** Ends what was started for this workspace. */
    private readonly dispose: () => void,
  ) {
    this.name = name;
    this.layers = layers;
    this.guard = guard;
    this.restored = restored;
    this.fs = remoteFs(peer);
    const plain = PLAIN_METHODS.map((method) => [method, (...args: unknown[]) => this.#call(method, ...args)] as const);
    Object.assign(this, Object.fromEntries(plain));
  }

  async batch<T>(work: (fs: BatchFs) => T | Promise<T>): Promise<T> {
    const id = await this.#call<number>('beginBatch');
    try {
      const result = await work(remoteFs(this.peer, { batch: id }));
      await this.#call('commitBatch', id);
      return result;
    } catch (e) {
      // Its failure would say less than `e`.
      this.#call('abortBatch', id).catch(() => undefined);
      throw e;
    }
  }
  async persist(): Promise<boolean> {
    return (await storage()?.persist?.()) === true;
  }
  openSnapshot(id: number): SnapshotFs {
    return remoteFs(this.peer, { snapshot: id });
  }
  export(options: ExportOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    return remoteExport(this.peer, options);
  }
  prefetch(paths: readonly string[] | 'all', options?: WorkOptions): Promise<void> {
    return this.#work('prefetch', options, paths);
  }
  detach(options?: WorkOptions): Promise<void> {
    return this.#work('detach', options);
  }
  verify(options?: WorkOptions): Promise<Damage[]> {
    return this.#work('verify', options);
  }
  search(text: string, { signal, ...options }: SearchOptions = {}): AsyncIterableIterator<SearchedFile> {
    return new RemoteStream(this.peer, 'search', [text, options], signal);
  }
  port(): MessagePort {
    return this.peer.share();
  }
  close(): Promise<void> {
    this.#closing ??= this.peer.close().finally(this.dispose);
    return this.#closing;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #work<T>(method: StreamMethod, { signal, onProgress }: WorkOptions = {}, ...args: unknown[]): Promise<T> {
    const stream = new RemoteStream<WorkProgress>(this.peer, method, args, signal);
    try {
      for (;;) {
        const result = await stream.next();
        if (result.done === true) return result.value as T;
        onProgress?.(result.value);
      }
    } finally {
      void stream.return();
    }
  }

  #call<T>(method: WorkspaceMethod, ...args: unknown[]): Promise<T> {
    return this.peer.call<T>({ on: 'workspace', method }, args);
  }
}

/**
 * Opens a workspace in a worker: mounts its upper over the lowers. Where another tab has it open, this is the same workspace: one of
 * the tabs has the engine, and when it goes another takes over. A call that changes something and was under way when a tab died
 * rejects with EOWNERDEAD: it happened once or not at all. Files that were open are ESTALE then.
 *
 * @throws {FsError} ESTALE when it was made over other lowers, EIO when a lower cannot be fetched, the browser has lost the workspace, or
 * the worker does not start, EBUSY when the given worker has it open with other lowers, ENOTSUP when something is of a newer version.
 * An `AbortError` when `signal` fires.
 * @example
 * const ws = await open({ name: 'project-42', lower: [{ url: '/template.zip' }] });
 * await ws.fs.writeFile('/src/main.ts', 'hello');
 */
export async function open(options: OpenOptions): Promise<Workspace> {
  const { name, lower, durability, user, quota, guard, lost, damaged, onProgress, signal } = options;
  const { peer, dispose } = await reach(options);
  try {
    const request = {
      name,
      durability,
      user,
      quota,
      guard,
      lost,
      damaged,
      marker: name && remembered(name),
      lower: lower.map(located),
    };
    const summary = await peer.open(request, onProgress, signal);
    if (name && summary.generation) remembered(name, summary.generation);
    return new RemoteWorkspace(peer, summary, dispose);
  } catch (e) {
    peer.end();
    dispose();
    throw e;
  }
}

/**
 * Removes a workspace: everything that was changed in it, for good.
 *
 * @throws {FsError} EBUSY while it is open somewhere, EIO when it cannot be removed.
 * @example
 * await removeWorkspace('project-42');
 */
export async function removeWorkspace(name: string, options: Pick<OpenOptions, 'worker' | 'workerUrl'> = {}): Promise<void> {
  const { peer, dispose } = await reach(options);
  try {
    await peer.remove(name);
    remembered(name, '');
  } finally {
    peer.end();
    dispose();
  }
}

/**
 * Opens the workspace of a port that `ws.port()` made, in another worker or frame. Its `close()` lets go of the port; the
 * workspace stays open until its opener closes it.
 *
 * @throws {FsError} EIO when the port leads nowhere, ENOTSUP when the other side is of another version.
 * @example
 * const ws = await attach(event.data.port);
 */
export async function attach(port: MessagePort): Promise<Workspace> {
  const peer = new Peer(port);
  try {
    const { workspace } = await peer.hello();
    if (workspace === undefined) throw new FsError('EINVAL', { detail: 'this port was not made by ws.port()' });
    return new RemoteWorkspace(peer, workspace, () => undefined);
  } catch (e) {
    peer.end();
    throw e;
  }
}

interface Reached {
  readonly peer: Peer;
  /** Ends the worker, if it was started for this. */
  readonly dispose: () => void;
}

/** Waits for the worker's first answer. Until then its error event means that its script could not be run. */
async function reach({ worker: own, workerUrl, signal }: Pick<OpenOptions, 'worker' | 'workerUrl' | 'signal'>): Promise<Reached> {
  assertNotAborted(signal);
  const worker = own ?? startWorker(workerUrl);
  const dispose = (): void => {
    if (own === undefined) worker.terminate();
  };
  const peer = new Peer(own === undefined ? connectStraightTo(worker) : connectTo(own));
  const fail = (event: ErrorEvent): void =>
    peer.end(`the worker cannot be started${event.message === undefined ? '' : `: ${event.message}`}`);
  const abort = (): void => peer.end('the opening was aborted');
  worker.addEventListener('error', fail);
  signal?.addEventListener('abort', abort);
  try {
    await peer.hello();
    return { peer, dispose };
  } catch (e) {
    peer.end();
    dispose();
    assertNotAborted(signal);
    throw e;
  } finally {
    worker.removeEventListener('error', fail);
    signal?.removeEventListener('abort', abort);
  }
}

/** The generation that the page has seen under a name: where the worker has no files of its own, it tells a lost workspace from a new one. */
function remembered(name: string, generation?: string): string | undefined {
  const key = `stratafs:${name}`;
  try {
    if (generation === '') localStorage.removeItem(key);
    else if (generation !== undefined) localStorage.setItem(key, generation);
    else return localStorage.getItem(key) ?? undefined;
  } catch {
    // There is none here (a worker, Node), or it is forbidden or full: then nothing is remembered.
  }
  return undefined;
}

const storage = (): Partial<StorageManager> | undefined => (globalThis.navigator as Partial<Navigator> | undefined)?.storage;

/** A lower as the worker understands it. */
const located = (lower: LowerOptions): WireLower =>
  Object.fromEntries(
    Object.entries(lower).map(([key, value]: [string, unknown]) => [
      key,
      /^(url|directory|oci|registry)$/.test(key) && value ? absolute(value as string) : value,
    ]),
  ) as unknown as WireLower;

/** A URL that means the same in the worker. */
function absolute(url: string | URL): string {
  const { document, location } = globalThis as Partial<typeof globalThis>;
  return new URL(url, document?.baseURI ?? location?.href).href;
}
