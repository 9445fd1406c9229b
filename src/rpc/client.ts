/*
 * `open` and `attach`: the page's API. Only the wire is known here, nothing of the engine, so that the page's bundle stays small.
 *
 *   open ─► start the worker ─► connect ─► hello ─► open (progress comes meanwhile) ─► Workspace
 *   attach ───────────────────────────────► hello ───────────────────────────────────► Workspace
 */

import type { Change, Entry, LayerSummary, Violation } from '../base/diff.ts';
import { FsError, assertNotAborted } from '../base/errors.ts';
import type { FsPromises } from '../fs/api.ts';
import type { Durability } from '../layer/upper.ts';
import type { OpenOptions, Workspace } from './api.ts';
import { connectTo } from './connect.ts';
import { Peer } from './peer.ts';
import { remoteFs } from './remote-fs.ts';
import { startWorker } from './start-worker.ts';
import type { Summary, WorkspaceMethod } from './wire.ts';

class RemoteWorkspace implements Workspace {
  readonly name: string | undefined;
  readonly layers: readonly LayerSummary[];
  readonly fs: FsPromises;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly peer: Peer,
    { name, layers }: Summary,
    /** Ends what was started for this workspace. */
    private readonly dispose: () => void,
  ) {
    this.name = name;
    this.layers = layers;
    this.fs = remoteFs(peer);
  }

  entries(path: string): Promise<Entry[]> {
    return this.#call('entries', path);
  }
  diff(): Promise<Change[]> {
    return this.#call('diff');
  }
  reset(path: string): Promise<void> {
    return this.#call('reset', path);
  }
  check(options?: { readonly repair?: boolean }): Promise<Violation[]> {
    return this.#call('check', options);
  }
  flush(options: { readonly durability?: Durability } = {}): Promise<void> {
    return this.#call('flush', options);
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

  #call<T>(method: WorkspaceMethod, ...args: unknown[]): Promise<T> {
    return this.peer.call<T>({ on: 'workspace', method }, args);
  }
}

/**
 * Opens a workspace in a worker: mounts its upper over the lowers.
 *
 * @throws {FsError} EBUSY when the workspace is open elsewhere, ESTALE when it was made over other lowers, EIO when a lower cannot be
 * fetched or the worker does not start, ENOTSUP when something is of a newer version. An `AbortError` when `signal` fires.
 * @example
 * const ws = await open({ name: 'project-42', lower: [{ url: '/template.zip' }] });
 * await ws.fs.writeFile('/src/main.ts', 'hello');
 */
export async function open(options: OpenOptions): Promise<Workspace> {
  const { name, lower, durability, user, onProgress, signal } = options;
  assertNotAborted(signal);
  const request = { name, durability, user, lower: lower.map(({ url, ...rest }) => ({ ...rest, url: absolute(url) })) };
  const worker = options.worker ?? startWorker(options.workerUrl);
  const dispose = (): void => {
    if (options.worker === undefined) worker.terminate();
  };
  const peer = new Peer(connectTo(worker));
  try {
    await greet(peer, worker, signal);
    return new RemoteWorkspace(peer, await peer.open(request, onProgress, signal), dispose);
  } catch (e) {
    peer.end();
    dispose();
    throw e;
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

/** Waits for the worker's first answer. Until then its error event means that its script could not be run. */
async function greet(peer: Peer, worker: Worker, signal: AbortSignal | undefined): Promise<void> {
  const fail = (event: ErrorEvent): void =>
    peer.end(`the worker cannot be started${event.message === undefined ? '' : `: ${event.message}`}`);
  const abort = (): void => peer.end('the opening was aborted');
  worker.addEventListener('error', fail);
  signal?.addEventListener('abort', abort);
  try {
    await peer.hello();
  } finally {
    worker.removeEventListener('error', fail);
    signal?.removeEventListener('abort', abort);
    assertNotAborted(signal);
  }
}

/** A URL that means the same in the worker. */
function absolute(url: string | URL): string {
  const { document, location } = globalThis as Partial<typeof globalThis>;
  return new URL(url, document?.baseURI ?? location?.href).href;
}
