/* `serve()`: the worker answers the pages that open workspaces in it. Owns which names are open here, and puts a workspace together. */

import { FsError, assertNotAborted } from '../base/errors.ts';
import { Overlay } from '../fs/overlay.ts';
import { openLayer } from '../lower/open-layer.ts';
import { idbUpper } from '../upper/idb-store.ts';
import { memoryUpper } from '../upper/memory-store.ts';
import type { Progress } from './api.ts';
import { onConnection, type MessageScope } from './connect.ts';
import { Host } from './host.ts';
import { HostedWorkspace, type OpenContext, type Service } from './hosted.ts';
import { claimWorkspace, proveLife, type Release } from './ownership.ts';
import type { OpenRequest } from './wire.ts';

/** What the page asked for. */
export type MountedOptions = Omit<OpenRequest, 'id'>;

export interface ServeOptions {
  /**
   * Called with every workspace that a page opens, before the page's `open()` resolves: to use the engine here, beside the page.
   * What it throws rejects the `open()`.
   */
  readonly onMount?: (overlay: Overlay, options: MountedOptions) => void | Promise<void>;
}

/**
 * Lets this worker serve workspaces to pages. Call it while the worker's script first runs, before anything is awaited: a page
 * that opens earlier is not heard. Messages of the application's own are left alone.
 *
 * @example
 * import { serve } from 'stratafs/worker';
 * serve({ onMount: (overlay) => startCompiler(overlay.fs) });
 */
export function serve(options: ServeOptions = {}): void {
  serveOn(globalThis, options);
}

/** `serve()` on a scope of choice, for tests. */
export function serveOn(scope: MessageScope, options: ServeOptions): void {
  const service = new Workspaces(options);
  onConnection(scope, (port) => new Host(port, service, undefined, 'opener'));
}

/** The workspaces of one worker. */
class Workspaces implements Service {
  readonly life = proveLife();
  readonly #names = new Set<string>();

  constructor(private readonly options: ServeOptions) {}

  async mount(request: OpenRequest, context: OpenContext): Promise<HostedWorkspace> {
    const release = await this.#claim(request.name, context.signal);
    try {
      return await this.#assemble(request, context, release);
    } catch (e) {
      release();
      throw e;
    }
  }

  async #claim(name: string | undefined, signal: AbortSignal): Promise<Release> {
    if (name === undefined) return () => undefined;
    if (this.#names.has(name)) throw new FsError('EBUSY', { detail: `workspace '${name}' is open in this worker already` });
    this.#names.add(name);
    try {
      const unlock = await claimWorkspace(name, signal);
      return () => {
        this.#names.delete(name);
        unlock();
      };
    } catch (e) {
      this.#names.delete(name);
      throw e;
    }
  }

  async #assemble(
    { name, lower, durability, user }: OpenRequest,
    { signal, onProgress }: OpenContext,
    release: Release,
  ): Promise<HostedWorkspace> {
    const opened = new Parts(signal);
    try {
      // All at once: the database need not wait for the network.
      const opening = opened.add(name === undefined ? memoryUpper() : idbUpper(name));
      const fetching = lower.map(({ url, ...options }) => opened.add(openLayer(url, { ...options, ...opened.fetching(url, onProgress) })));
      const [upper, ...lowers] = await Promise.all([opening, ...fetching] as const);
      const overlay = await opened.add(Overlay.mount({ lower: lowers, upper, durability, ...user }));
      await this.options.onMount?.(overlay, { name, lower, durability, user });
      assertNotAborted(signal);
      return new HostedWorkspace({ name, overlay, lowers, release });
    } catch (e) {
      await opened.close(e);
      throw e;
    }
  }
}

interface Closable {
  close(): Promise<void>;
}

/** What an opening has put together so far. Where one part fails, the others are given up and closed. */
class Parts {
  readonly #stop = new AbortController();
  readonly #parts: Promise<Closable>[] = [];

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#stop.abort(signal.reason));
  }

  add<T extends Closable>(opening: T | Promise<T>): Promise<T> {
    const part = Promise.resolve(opening);
    this.#parts.push(part);
    return part;
  }

  /** Options of a lower's opening. */
  fetching(
    url: string,
    onProgress: OpenContext['onProgress'],
  ): { signal: AbortSignal; onProgress?: (progress: Omit<Progress, 'url'>) => void } {
    const { signal } = this.#stop;
    return onProgress === undefined ? { signal } : { signal, onProgress: (progress) => onProgress({ ...progress, url }) };
  }

  /** Closes in the opposite order, and tells nothing: why it is done says more. */
  async close(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    for (const part of (await Promise.allSettled(this.#parts)).reverse()) {
      if (part.status === 'fulfilled') await part.value.close().catch(() => undefined);
    }
  }
}
