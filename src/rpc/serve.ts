/* `serve()`: the worker answers the pages that open workspaces in it. Owns which names are open here, and puts a workspace together. */

import { FsError, assertNotAborted } from '../base/errors.ts';
import { Overlay } from '../fs/overlay.ts';
import { openBlockCache } from '../lower/block-cache.ts';
import type { UpperStore } from '../layer/upper.ts';
import { ROOT } from '../overlay/call.ts';
import { memoryUpper } from '../upper/memory-store.ts';
import { revive } from '../upper/lineage.ts';
import { openUpper, removeWorkspace, type OpenUpperOptions, type OpenedUpper } from '../upper/open-upper.ts';
import type { Progress } from './api.ts';
import { type Alone, Branches, assertNoBranches } from './branches.ts';
import { onConnection, type MessageScope } from './connect.ts';
import { EngineSeat } from './engine-seat.ts';
import type { Fence } from './fence.ts';
import { Host } from './host.ts';
import { nameOf, openLower } from './lowers.ts';
import { HostedWorkspace, type Connection, type OpenContext, type Service } from './hosted.ts';
import { browserTabs, claimIfFree, proveLife, type Tabs } from './ownership.ts';
import { SharedSeat } from './shared-seat.ts';
import type { Seat } from './session.ts';
import type { OpenRequest, Summary } from './wire.ts';

/** What the page asked for. */
export type MountedOptions = Pick<OpenRequest, 'name' | 'lower' | 'durability' | 'user'>;

export interface ServeOptions {
  /**
   * Called with every engine that is mounted here, before the page's `open()` resolves: to use the engine beside the page. What it
   * throws rejects the `open()`.
   *
   * Of the tabs that have one workspace open, one has the engine; in the others' workers `onMount` is not called, or is called later,
   * when they take over.
   */
  readonly onMount?: (overlay: Overlay, options: MountedOptions) => void | Promise<void>;
  /** Called when such an engine closes: its pages are gone, or it was overtaken (its tab was frozen). Its calls are EIO from now on. */
  readonly onUnmount?: (overlay: Overlay) => void;
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

/** `serve()` on a scope of choice, among tabs of choice, for tests. */
export function serveOn(scope: MessageScope, options: ServeOptions, tabs = browserTabs()): void {
  const service = new Workspaces(options, tabs);
  onConnection(scope, (connection) => new Host(connection, service, undefined));
}

/** A name that is open here. */
interface Named {
  readonly lowers: string;
  readonly workspace: HostedWorkspace;
}

/** The workspaces of one worker. */
class Workspaces implements Service {
  readonly life: Promise<string | undefined>;
  /** What was fetched of archives, for all workspaces of the origin. */
  readonly #cache = openBlockCache();
  readonly #names = new Map<string, Named>();

  constructor(
    private readonly options: ServeOptions,
    private readonly tabs: Tabs | undefined,
  ) {
    this.life = proveLife(tabs);
  }

  async open(request: OpenRequest, context: OpenContext): Promise<Connection> {
    const { name, user = ROOT } = request;
    const workspace = name === undefined ? this.#start(request, () => undefined) : await this.#find(name, request);
    return workspace.open(user, context);
  }

  /** Removes database, guard and all. @throws {FsError} EBUSY while somebody has it open, or a branch stands on it */
  remove(name: string): Promise<void> {
    return this.#alone(name, async () => {
      await assertNoBranches(name, this.#alone);
      await removeWorkspace(name);
    });
  }

  readonly #revive = (name: string): Promise<boolean> => this.#alone(name, () => revive(name));

  readonly #alone: Alone = async (name, work) => {
    const busy = (): FsError => new FsError('EBUSY', { detail: `workspace '${name}' is open` });
    if (this.#names.has(name)) throw busy();
    if (this.tabs === undefined) return work();
    const held = await claimIfFree(this.tabs, name);
    if (held === undefined) throw busy();
    try {
      return await work();
    } finally {
      held.release();
      // Whoever is told that it is done may be the next one to want it.
      await held.lost;
    }
  };

  /** The workspace of a name: the one that is open here, or a new one. */
  async #find(name: string, request: OpenRequest): Promise<HostedWorkspace> {
    const lowers = JSON.stringify(request.lower);
    for (;;) {
      const known = this.#names.get(name);
      if (known === undefined) break;
      if (known.workspace.closing === undefined) {
        if (known.lowers === lowers) return known.workspace;
        throw new FsError('EBUSY', { detail: `workspace '${name}' is open in this worker with other lowers` });
      }
      await known.workspace.closing.catch(() => undefined); // told to whoever closed it
    }
    const workspace = this.#start(request, () => this.#names.delete(name));
    this.#names.set(name, { lowers, workspace });
    return workspace;
  }

  #start(request: OpenRequest, onClosed: () => void): HostedWorkspace {
    const { name } = request;
    const { tabs } = this;
    return new HostedWorkspace(async (context) => {
      const life = await this.life;
      if (name === undefined || tabs === undefined) return this.#mount(request, context);
      if (life === undefined) throw new FsError('EIO', { detail: `workspace '${name}' cannot be locked: the browser's locks do not work` });
      return this.#share({ name, tabs, life }, request, context);
    }, onClosed);
  }

  async #share(place: { name: string; tabs: Tabs; life: string }, request: OpenRequest, context: OpenContext): Promise<Seat> {
    const { onProgress } = context;
    const seat = new SharedSeat({
      ...place,
      mount: ({ signal, fence, claim }) => this.#mount(request, { signal, onProgress }, fence, claim),
    });
    const abort = (): void => void seat.close();
    context.signal.addEventListener('abort', abort);
    try {
      assertNotAborted(context.signal);
      await seat.start();
      return seat;
    } catch (e) {
      await seat.close();
      throw e;
    } finally {
      context.signal.removeEventListener('abort', abort);
    }
  }

  async #mount(request: OpenRequest, { signal, onProgress }: OpenContext, fence?: Fence, claim = false): Promise<EngineSeat> {
    const { name, lower, durability, user, quota } = request;
    const opened = new Parts(signal);
    try {
      // All at once: the database need not wait for the network.
      const opening = opened.add(
        name === undefined ? memoryUpper() : heeded(openUpper(name, { ...storedOptions(request), revive: this.#revive }), fence),
      );
      const fetching = lower.map((one) => opened.add(openLower(one, { cache: this.#cache, ...opened.fetching(nameOf(one), onProgress) })));
      const [store, ...opens] = await Promise.all([opening, ...fetching] as const);
      const lowers = opens.flatMap(({ layers }) => layers);
      const upper = fence === undefined ? store : fence.around(store);
      const overlay = await opened.add(Overlay.mount({ lower: lowers, upper, durability, quota, ...user }));
      if (claim) overlay.engine.commits.writeSuperblock();
      await overlay.flush(); // a new workspace gets its generation with its first commit
      await this.options.onMount?.(overlay, { name, lower, durability, user });
      assertNotAborted(signal);
      const summary = (): Summary => ({ name, layers: overlay.layers, ...summaryOf(store) });
      const branches = isKept(store) ? new Branches({ upper: store, overlay, alone: this.#alone }) : undefined;
      return new EngineSeat({ overlay, lowers, user: user ?? ROOT, summary, branches, onClose: () => this.options.onUnmount?.(overlay) });
    } catch (e) {
      await opened.close(e);
      throw e;
    }
  }
}

const storedOptions = ({ guard, lost, damaged, marker }: OpenRequest): OpenUpperOptions => ({ guard, lost, damaged, marker });

/** An opening of which the owner hears when it was overtaken meanwhile. */
const heeded = <T>(opening: Promise<T>, fence: Fence | undefined): Promise<T> => fence?.heed(opening) ?? opening;

/** It is in the browser's storage, and not in memory. */
const isKept = (store: OpenedUpper | UpperStore): store is OpenedUpper => 'guard' in store;

/** What the page is told of the upper. */
function summaryOf(store: OpenedUpper | UpperStore): Pick<Summary, 'generation' | 'guard' | 'restored'> {
  if (!isKept(store)) return { generation: undefined, guard: 'off', restored: undefined };
  return { generation: store.version?.generation, guard: store.guard, restored: store.restored };
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
