/*
 * A client's session where the engine is: answers its calls, and owns what it holds (open files, streams, batches, calls that can
 * be cancelled). No file-system semantics live here.
 *
 * Who waits for whom: nobody. Calls reach the engine in the order in which they arrive, before anything is awaited.
 */

import { FsError, toErrorRecord } from '../base/errors.ts';
import type { FileHandle, Fs, PathLike, WatchOptions } from '../fs/api.ts';
import type { Batch } from '../fs/batch.ts';
import type { ExportOptions } from '../base/export.ts';
import type { SearchOptions } from '../base/search.ts';
import type { Credentials } from '../overlay/call.ts';
import { storageEstimate } from '../storage/estimate.ts';
import type { WorkspaceUsage } from './api.ts';
import type { HostedOverlay } from './engine-seat.ts';
import { HostedExport } from './hosted-export.ts';
import type { HostedSnapshots } from './hosted-snapshots.ts';
import { isOfSnapshot } from './repeatable.ts';
import type { Session, StreamOutcome } from './session.ts';
import { isFileHandle, readBytes, reviveArguments, reviveUrl, toWire } from './to-wire.ts';
import { FILE_METHODS, FS_METHODS, HELD_METHODS, PLAIN_METHODS } from './wire.ts';
import type { Invocation, Reply, StreamRequest } from './wire.ts';

const fsMethods: ReadonlySet<string> = new Set(FS_METHODS);
const fileMethods: ReadonlySet<string> = new Set(FILE_METHODS);
const workspaceMethods: ReadonlySet<string> = new Set([...PLAIN_METHODS, ...HELD_METHODS]);

export class EngineSession implements Session {
  readonly #fs: Fs;
  readonly #files = new Map<number, FileHandle | HostedExport>();
  readonly #batches = new Map<number, Batch>();
  /** Calls under way that can be cancelled, and streams. */
  readonly #cancels = new Map<number, AbortController>();
  #batchSerial = 0;
  #ended = false;

  /** @param user whom the client acts for; without one, the user of the mount */
  constructor(
    private readonly overlay: HostedOverlay,
    private readonly snapshots: HostedSnapshots,
    private readonly user: Credentials | undefined,
    private readonly onEnd: (session: EngineSession) => void,
  ) {
    this.#fs = this.#of(overlay);
  }

  /** It holds a batch that is neither committed nor aborted. */
  get isInBatch(): boolean {
    return this.#batches.size > 0;
  }

  async invoke(invocation: Invocation): Promise<Reply<unknown>> {
    const { id } = invocation;
    const cancellable = id === undefined ? undefined : this.#cancellable(id);
    try {
      const result = await this.#perform(invocation, reviveArguments(invocation.args, cancellable?.signal));
      return { value: await (isFileHandle(result) ? this.#keep(result) : toWire(result)) };
    } catch (e) {
      return { error: toErrorRecord(e) };
    } finally {
      cancellable?.done();
    }
  }

  #perform(invocation: Invocation, args: readonly unknown[]): unknown {
    if (this.#ended) throw new FsError('EIO', { detail: 'the workspace is closed' });
    const { on, method, snapshot } = invocation;
    if (on === 'fs' && snapshot !== undefined) return this.#look(snapshot, method, args);
    if (on === 'workspace' && workspaceMethods.has(method)) return this.#performWhole(method, args);
    if (on === 'fs' && fsMethods.has(method)) return apply(this.#surface(invocation.batch), method, args);
    if (on !== 'file' || !fileMethods.has(method)) throw new FsError('ENOSYS', { detail: `no call '${method}'` });
    const file = this.#files.get(invocation.fd);
    if (file === undefined) throw new FsError('EBADF', { syscall: method });
    if (method === 'read') return file instanceof HostedExport ? file.read() : readBytes(file, args);
    if (method === 'close') this.#files.delete(invocation.fd);
    return apply(file, method, args);
  }

  /** A call to the tree as a snapshot shows it. */
  #look(snapshot: number, method: string, args: readonly unknown[]): Promise<unknown> {
    if (!isOfSnapshot(method)) throw new FsError('EROFS', { syscall: method });
    return this.snapshots.views.use(snapshot, async (view) => apply(this.#of(view).promises, method, args));
  }

  #of(overlay: Pick<HostedOverlay, 'as' | 'fs'>): Fs {
    return this.user === undefined ? overlay.fs : overlay.as(this.user);
  }

  /** A call to the workspace itself. */
  #performWhole(method: string, args: readonly unknown[]): unknown {
    if (method === 'beginBatch') return this.#beginBatch();
    if (method === 'usage') return usage(this.overlay);
    if (method === 'entries' || method === 'reset') return this.overlay[method](args[0] as string, this.user);
    // They change files whomever they belong to, or read them.
    const isForRoot = method === 'rollback' || method === 'removeSnapshot' || method === 'export';
    if (isForRoot && (this.user ?? this.overlay.owner).uid !== 0) throw new FsError('EPERM', { syscall: method });
    if (method === 'branch' || method === 'removeSnapshot') return apply(this.snapshots, method, args);
    if (method === 'export') return new HostedExport(this.overlay, args[0] as ExportOptions);
    if (method !== 'commitBatch' && method !== 'abortBatch') return apply(this.overlay, method, args);
    const id = args[0] as number;
    const batch = this.#batches.get(id);
    this.#batches.delete(id);
    if (method === 'abortBatch') return batch?.abort(); // twice is as good as once
    if (batch === undefined) throw noBatch();
    return batch.commit();
  }

  #beginBatch(): number {
    const id = ++this.#batchSerial;
    this.#batches.set(id, this.overlay.beginBatch(this.user));
    return id;
  }

  #surface(batch: number | undefined): object {
    if (batch === undefined) return this.#fs.promises;
    const found = this.#batches.get(batch);
    if (found === undefined) throw noBatch();
    return found.fs;
  }

  async #keep(file: FileHandle | HostedExport): Promise<number> {
    this.#files.set(file.fd, file);
    // Raced with the client's leaving: nobody will close it.
    if (this.#ended) await this.end();
    return file.fd;
  }

  stream(request: StreamRequest, tell: (message: StreamOutcome) => void): void {
    void this.#stream(request, tell);
  }

  async #stream(request: StreamRequest, tell: (message: StreamOutcome) => void): Promise<void> {
    const { signal, done } = this.#cancellable(request.id);
    const tellItem = (item: unknown): void => {
      if (!signal.aborted) tell({ item });
    };
    try {
      if (this.#ended) throw new FsError('EIO', { detail: 'the workspace is closed' });
      const value = await this.#follow(request, signal, tellItem);
      if (!signal.aborted) tell({ value });
    } catch (e) {
      if (!signal.aborted) tell({ error: toErrorRecord(e) });
    } finally {
      // Whoever has cancelled it knows.
      if (signal.aborted && this.#ended) tell({ moved: true });
      done();
    }
  }

  async #follow({ method, args }: StreamRequest, signal: AbortSignal, tell: (item: unknown) => void): Promise<unknown> {
    const [first, options] = args;
    switch (method) {
      case 'watch':
        for await (const event of this.#fs.promises.watch(reviveUrl(first) as PathLike, { ...(options as WatchOptions), signal }))
          tell(event);
        return undefined;
      case 'prefetch':
        return this.overlay.prefetch(first as readonly string[] | 'all', { signal, onProgress: tell }, this.user);
      case 'search':
        for await (const file of this.overlay.search(first as string, { ...(options as SearchOptions), signal }, this.user)) tell(file);
        return undefined;
      case 'detach':
        return this.overlay.detach({ signal, onProgress: tell });
      case 'verify':
        return this.overlay.verify({ signal, onProgress: tell });
      default:
        throw new FsError('ENOSYS', { detail: `no stream '${String(method satisfies never)}'` });
    }
  }

  cancel(id: number): void {
    this.#cancels.get(id)?.abort();
  }

  #cancellable(id: number): { readonly signal: AbortSignal; readonly done: () => void } {
    const controller = new AbortController();
    this.#cancels.set(id, controller);
    return { signal: controller.signal, done: () => this.#cancels.delete(id) };
  }

  async end(): Promise<void> {
    this.#ended = true;
    for (const cancel of this.#cancels.values()) cancel.abort();
    for (const batch of this.#batches.values()) batch.abort();
    this.#batches.clear();
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.allSettled(files.map((file) => file.close()));
    this.onEnd(this);
  }
}

async function usage(overlay: HostedOverlay): Promise<WorkspaceUsage> {
  return { ...overlay.usage(), ...(await storageEstimate()) };
}

const noBatch = (): FsError => new FsError('EINVAL', { detail: 'the batch is over' });

/** Calls a method that is known to be in one of the lists; not everything has all of them. */
function apply(target: object, method: string, args: readonly unknown[]): unknown {
  const found = Reflect.get(target, method) as unknown;
  if (typeof found !== 'function') throw new FsError('ENOTSUP', { syscall: method, detail: 'not in a batch' });
  return Reflect.apply(found as (...args: unknown[]) => unknown, target, args);
}
