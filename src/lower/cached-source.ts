/*
 * An archive behind a URL with the block cache in front of it. What is kept is read from there, what is missing is fetched and
 * kept; both are bytes of one version, the one that was opened.
 */

import { concatBytes } from '../base/bytes.ts';
import { isFsError } from '../base/errors.ts';
import type { ArchiveShelf, KeptPart } from './archive-shelf.ts';
import type { ShelfKeeper } from './block-cache.ts';
import type { RemoteSource } from './http-source.ts';
import type { OnArrival, Source, SourceStats } from './source.ts';

/** An archive is put into the cache from memory in pieces of this size. */
const PIECE = 4 << 20;

/** An index that is being read already. */
export interface ComingIndex {
  readonly name: string;
  readonly bytes: Promise<Uint8Array<ArrayBuffer> | undefined>;
}

export class CachedSource implements Source {
  readonly #remote: RemoteSource;
  readonly #keeper: ShelfKeeper;
  #shelf: ArchiveShelf | undefined;
  #coming: ComingIndex | undefined;
  #size: Promise<number> | undefined;
  #cached = 0;
  #hasFailed = false;
  #isOpening = false;
  /** What is being fetched, and kept then. */
  readonly #fetching = new Set<Promise<Uint8Array>>();
  /** An index is on its way to the shelf that is the right one for it. Never rejects. */
  #keeping: Promise<void> = Promise.resolve();
  /** The server has sent all of it, and that is kept. */
  #hasArrived = false;

  /**
   * @param shelf where the version is already that the remote is pinned to; `undefined` where nothing is known of it
   * @param coming an index of it
   */
  constructor(remote: RemoteSource, keeper: ShelfKeeper, shelf?: ArchiveShelf, coming?: ComingIndex) {
    this.#remote = remote;
    this.#keeper = keeper;
    this.#shelf = shelf;
    this.#coming = coming;
    // Synchronous reading needs the blobs, reading does not.
    if (shelf !== undefined) void shelf.warm().catch(() => undefined);
  }

  get name(): string {
    return this.#remote.name;
  }

  get stats(): SourceStats {
    return { ...this.#remote.stats, cached: this.#cached };
  }

  /** Something could not be fetched. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get arrives(): boolean {
    return this.#remote.arrives === true;
  }

  get keeps(): boolean {
    return this.#shelf?.keeps === true;
  }

  async size(signal?: AbortSignal): Promise<number> {
    const known = this.#remote.version?.size;
    if (known !== undefined && this.#shelf !== undefined) return known;
    if (this.#size === undefined) {
      const sizing = this.#learn(signal);
      this.#size = sizing;
      // Another caller may have more luck, or no signal.
      sizing.catch(() => (this.#size = undefined));
    }
    return this.#size;
  }

  peek(start: number, end: number): Uint8Array | undefined {
    return this.#remote.peek(start, end);
  }

  holds(start: number, end: number): boolean {
    return this.#remote.peek(start, end) !== undefined || this.#shelf?.holds(start, end) === true;
  }

  isComing(start: number, end: number): boolean {
    return this.#shelf?.isComing(start, end) === true;
  }

  async read(start: number, end: number, signal?: AbortSignal, onArrival?: OnArrival): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const shelf = this.#shelf;
    if (shelf === undefined) return this.#fetch(start, end, signal, onArrival);
    // What another tab has fetched since the opening began is little, and the opening waits for it.
    if (!this.#isOpening && !shelf.holds(start, end)) await shelf.listAgain().catch(() => undefined);
    const pieces: Uint8Array[] = [];
    for (const part of joinMissing(shelf.cover(start, end)))
      pieces.push(await this.#readPart(part, signal, part.start === start ? onArrival : undefined));
    return pieces.length === 1 ? pieces[0]! : concatBytes(pieces);
  }

  async *stream(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const parts: readonly KeptPart[] = this.#shelf?.cover(start, end) ?? [{ start, end, in: undefined }];
    for (const part of joinMissing(parts)) {
      if (part.in === undefined && this.#remote.stream !== undefined) yield* this.#streamMissing(part.start, part.end, signal);
      else for (let at = part.start; at < part.end; at += PIECE) yield await this.read(at, Math.min(part.end, at + PIECE), signal);
    }
  }

  readSync(start: number, end: number): Uint8Array | undefined {
    const pieces: Uint8Array[] = [];
    const parts: readonly KeptPart[] = this.#shelf?.cover(start, end) ?? [{ start, end, in: undefined }];
    for (const part of joinMissing(parts)) {
      const kept = this.#shelf?.readSync(part);
      const bytes = kept ?? this.#fetchSync(part.start, part.end);
      if (bytes === undefined) return undefined;
      if (kept !== undefined) this.#cached += kept.length;
      pieces.push(bytes);
    }
    return pieces.length === 1 ? pieces[0]! : concatBytes(pieces);
  }

  async settled(): Promise<void> {
    // Readers have had a part of it, perhaps: it is read, and not kept yet.
    await Promise.allSettled(this.#fetching);
    await this.#keeping;
    await this.#shelf?.settled();
  }

  /** Forgets what was kept of the archive: it is of no use. */
  async discard(): Promise<void> {
    await this.settled();
    this.#shelf = undefined;
    await this.#keeper.discard();
  }

  close(): void {
    this.#shelf?.close();
    this.#remote.close();
    // What was read is still being written, and must not be evicted while it is.
    void this.settled().finally(() => this.#keeper.release());
  }

  /** Says that the archive is being opened: what is fetched for that is written afterwards, because writing takes processor time from it. */
  holdBack(): void {
    this.#isOpening = true;
    this.#shelf?.holdBack();
  }

  /** The archive is open, or cannot be. */
  goOn(): void {
    this.#isOpening = false;
    this.#shelf?.goOn();
  }

  /** An index that was made of this archive before. */
  async index(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const coming = this.#coming;
    this.#coming = undefined; // it may be kept anew
    return coming?.name === name && this.#shelf !== undefined ? coming.bytes : this.#shelf?.index(name);
  }

  /** Keeps an index, and says what the content is, if that is known: the same from another URL, or deployed anew, is not fetched again. */
  keepIndex(name: string, digest: string | undefined, make: () => Promise<Uint8Array<ArrayBuffer>>): Promise<void> {
    this.#keeping = this.#keepIndex(name, digest, make);
    return this.#keeping;
  }

  async #keepIndex(name: string, digest: string | undefined, make: () => Promise<Uint8Array<ArrayBuffer>>): Promise<void> {
    if (this.#shelf === undefined) return;
    const better = digest === undefined ? undefined : await this.#keeper.identify(digest, this.#shelf);
    if (better !== undefined) {
      this.#shelf = better;
      await better.warm();
    }
    this.#shelf.keepIndex(name, make);
  }

  /** Asks the server for the size, which tells the version too, and finds the shelf of that. */
  async #learn(signal: AbortSignal | undefined): Promise<number> {
    this.#hasFailed = true;
    const size = await this.#remote.size(signal);
    this.#hasFailed = false;
    const { version } = this.#remote;
    if (version === undefined) return size;
    this.#shelf = await this.#keeper.settle(version);
    if (this.#isOpening) this.#shelf?.holdBack();
    if (this.#shelf?.holds(0, size) === true) this.#remote.leave?.();
    this.#keepArrived(size);
    return size;
  }

  /** Keeps all that a server without ranges has sent. A short piece is kept when it is read. */
  #keepArrived(size: number): void {
    if (this.#hasArrived || this.#remote.peek(0, size) === undefined) return;
    this.#hasArrived = true;
    for (let at = 0; at < size; at += PIECE) this.#keep(at, this.#remote.peek(at, Math.min(size, at + PIECE))!);
  }

  /** Fetches what is missing as it arrives, and keeps it on the way, also what came of it before it was given up. */
  async *#streamMissing(start: number, end: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const piece = new Gathered((at, bytes) => this.#keep(at, bytes), start, end);
    const shelf = this.#shelf;
    shelf?.holdBack();
    try {
      for await (const chunk of this.#remote.stream!(start, end, signal)) {
        piece.add(chunk);
        yield chunk;
      }
    } catch (e) {
      throw await this.#failed(e);
    } finally {
      piece.flush();
      shelf?.goOn();
    }
  }

  /** Notes that something could not be fetched. */
  async #failed(e: unknown): Promise<unknown> {
    this.#hasFailed = true;
    // The way out of ESTALE: the next opening starts from what the server has now.
    if (isFsError(e, 'ESTALE')) await this.#keeper.forget();
    return e;
  }

  async #readPart(part: KeptPart, signal: AbortSignal | undefined, onArrival: OnArrival | undefined): Promise<Uint8Array> {
    const kept = await this.#shelf?.read(part);
    if (kept === undefined) return this.#fetch(part.start, part.end, signal, onArrival);
    signal?.throwIfAborted();
    this.#cached += kept.length;
    return kept;
  }

  #fetch(start: number, end: number, signal: AbortSignal | undefined, onArrival: OnArrival | undefined): Promise<Uint8Array> {
    const fetching = this.#fetchAndKeep(start, end, signal, onArrival);
    this.#fetching.add(fetching);
    const forget = (): boolean => this.#fetching.delete(fetching);
    fetching.then(forget, forget);
    return fetching;
  }

  async #fetchAndKeep(start: number, end: number, signal: AbortSignal | undefined, onArrival: OnArrival | undefined): Promise<Uint8Array> {
    let arrived: Uint8Array | undefined;
    const hear: OnArrival = (bytes) => {
      arrived = bytes;
      onArrival?.(bytes);
    };
    try {
      const bytes = await this.#remote.read(start, end, signal, hear);
      this.#keep(start, bytes);
      if (this.#remote.version !== undefined) this.#keepArrived(this.#remote.version.size);
      return bytes;
    } catch (e) {
      // Somebody may have read that much of it, and is to find it again without a network.
      if (arrived !== undefined) this.#keep(start, arrived.slice());
      throw await this.#failed(e);
    }
  }

  #fetchSync(start: number, end: number): Uint8Array | undefined {
    try {
      const bytes = this.#remote.readSync?.(start, end);
      if (bytes !== undefined) this.#keep(start, bytes);
      return bytes;
    } catch (e) {
      if (isFsError(e, 'ESTALE')) void this.#keeper.forget();
      throw e;
    }
  }

  #keep(start: number, bytes: Uint8Array): void {
    if (this.#shelf !== undefined && !this.#shelf.holds(start, start + bytes.length)) this.#shelf.put(start, bytes);
  }
}

/** Makes one request of missing parts that follow each other. */
function joinMissing(parts: readonly KeptPart[]): KeptPart[] {
  const joined: KeptPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last !== undefined && last.in === undefined && part.in === undefined) joined[joined.length - 1] = { ...part, start: last.start };
    else joined.push(part);
  }
  return joined;
}

/** Makes pieces of what arrives, which are kept: chunks of a body are small. */
class Gathered {
  #bytes: Uint8Array;
  #used = 0;

  /** @param at where in the archive the first chunk starts */
  constructor(
    private readonly keep: (at: number, bytes: Uint8Array) => void,
    private at: number,
    private readonly end: number,
  ) {
    this.#bytes = this.#room();
  }

  add(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length;) {
      const part = chunk.subarray(done, done + this.#bytes.length - this.#used);
      this.#bytes.set(part, this.#used);
      this.#used += part.length;
      done += part.length;
      if (this.#used === this.#bytes.length) this.flush();
    }
  }

  flush(): void {
    if (this.#used === 0) return;
    this.keep(this.at, this.#bytes.subarray(0, this.#used));
    this.at += this.#used;
    this.#used = 0;
    this.#bytes = this.#room();
  }

  #room(): Uint8Array {
    return new Uint8Array(Math.min(PIECE, this.end - this.at));
  }
}
