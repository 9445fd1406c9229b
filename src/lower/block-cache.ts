/*
 * One cache of archive bytes for all workspaces, tabs and workers of the origin. It knows which version of an archive is on which
 * shelf, whether the server still has that one, and what has to go when space runs out: archives that were not opened for the
 * longest time first, those that are open anywhere last. docs/decisions/0012 has the reasons.
 *
 * Who waits for whom: nobody waits for another tab. Evicting is done by one at a time; who finds it under way leaves it at that.
 */

import { loadCodec } from '../codec/codec.ts';
import { FILES_TIMEOUT, answered } from '../storage/answer.ts';
import { type Shelves, answeringShelves, originShelves } from '../storage/shelves.ts';
import { ArchiveShelf, indexKey } from './archive-shelf.ts';
import { CachedSource, type ComingIndex } from './cached-source.ts';
import { Catalog, type CatalogRecord, nameOf } from './catalog.ts';
import { Eviction } from './eviction.ts';
import { isCertain } from './http-answer.ts';
import type { ArchiveVersion, RemoteSource } from './http-source.ts';
import { isOffline } from './retry.ts';
import { Segment } from './segment.ts';

/** Some twenty toolchains of 25 MB. */
const DEFAULT_LIMIT = 512 << 20;
/** The version of what is stored. Another version has other shelves; what an older one left is removed. */
const PREFIX = 'stratafs:1:';
const CATALOG = 'catalog';
/** How long an opening waits for a server to say whether an archive is still the same, before it does without. */
const COMPARE_TIMEOUT = 5000;

export interface BlockCacheOptions {
  /** Bytes that all archives together may take. Exceeded by what one opening writes between two looks at it. */
  readonly limit?: number | undefined;
  /** Where things are kept. Default: the origin's Cache API. */
  readonly shelves?: Shelves | undefined;
  /** Milliseconds until a cache that does not answer is done without. Default: 5 s. */
  readonly answerTimeout?: number | undefined;
  readonly clock?: (() => number) | undefined;
}

/**
 * *open* asks the server at every opening whether the archive is still the same, one small request, and does with what is cached
 * where there is no answer. *never* asks nothing: for URLs whose content never changes.
 */
export type Revalidate = 'open' | 'never';

export interface CachedOptions {
  readonly revalidate?: Revalidate | undefined;
  /** An SRI string that the archive is known to satisfy: it stands for the content, whatever the URL. Nothing is then asked. */
  readonly integrity?: string | undefined;
  /** Gives the name of an index that will be asked for first: it is read at once. */
  readonly index?: (() => string) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a cached source asks of the cache it is in. */
export interface ShelfKeeper {
  /** The shelf for what has turned out to be this version; `undefined` where nothing identifies it. */
  settle(version: ArchiveVersion): Promise<ArchiveShelf | undefined>;
  /** The shelf of the same content that came from elsewhere, if there is one that is better. `own`, the one so far, is then removed. */
  identify(digest: string, own: ArchiveShelf): Promise<ArchiveShelf | undefined>;
  /** Forgets what was opened: the server has another. */
  forget(): Promise<void>;
  /** The same, and removes what was kept. */
  discard(): Promise<void>;
  /** Nobody reads any more. */
  release(): void;
}

/** Opens the origin's cache; `undefined` where the platform has nothing to keep it in. */
export function openBlockCache(options: BlockCacheOptions = {}): BlockCache | undefined {
  const shelves = options.shelves ?? originShelves(PREFIX);
  // Insecure pages have neither.
  const { subtle } = globalThis.crypto as { readonly subtle?: SubtleCrypto };
  return shelves === undefined || subtle === undefined
    ? undefined
    : new BlockCache(answeringShelves(shelves, options.answerTimeout), options);
}

export class BlockCache {
  readonly #clock: () => number;
  readonly #eviction: Eviction;
  /** Shelf -> how often it is open here. */
  readonly #open = new Map<string, number>();
  readonly #catalog: Catalog;

  constructor(
    private readonly shelves: Shelves,
    { limit = DEFAULT_LIMIT, clock = Date.now }: BlockCacheOptions = {},
  ) {
    this.#clock = clock;
    this.#catalog = new Catalog(shelves, CATALOG);
    this.#eviction = new Eviction({
      shelves,
      limit,
      catalog: this.#catalog,
      catalogName: CATALOG,
      isOpen: (name) => this.#open.has(name),
    });
  }

  /**
   * Gives the same archive through the cache. Trouble with the cache itself is not heard of: then everything is fetched.
   * @throws {FsError} EIO when the server refuses the archive
   */
  async open(remote: RemoteSource, options: CachedOptions = {}): Promise<CachedSource> {
    const asked = options.integrity ?? remote.url.href;
    const record = await unlessBroken(() => this.#catalog.get(asked));
    const seat = new Seat({ cache: this, remote, asked, certain: options.integrity !== undefined, isKnown: record !== undefined });
    if (record === undefined) return new CachedSource(remote, seat);
    // The shelf is opened and the index read while the server is asked whether it is the one.
    const entering = unlessBroken(() => seat.enter(record));
    const index = options.index && this.#comingIndex(record.shelf, options.index());
    try {
      if (await this.#mayUse(record, remote, options)) return new CachedSource(remote, seat, seat.stay(record, await entering), index);
    } catch (e) {
      void entering.then(() => seat.leave());
      throw e;
    }
    await entering;
    seat.leave();
    return new CachedSource(remote, seat);
  }

  /** Removes everything that is not open anywhere. */
  async clear(): Promise<void> {
    await this.#eviction.evict(Infinity);
  }

  /** Bytes that are kept, of all archives. */
  usage(): Promise<number> {
    return this.#eviction.usage();
  }

  async #mayUse(record: CatalogRecord, remote: RemoteSource, { revalidate = 'open', integrity, signal }: CachedOptions): Promise<boolean> {
    if (revalidate === 'never' || integrity !== undefined || isOffline()) return true;
    return (await remote.compare(record.version, COMPARE_TIMEOUT, signal)) !== 'changed';
  }

  /** Begins to read an index of a shelf that nobody has entered yet. It may be evicted meanwhile: then there is none. */
  #comingIndex(shelf: string, name: string): ComingIndex {
    const bytes = unlessBroken(async () => {
      const blob = await this.shelves.get(shelf, indexKey(name));
      return blob && Segment.whole(blob, loadCodec());
    });
    return { name, bytes };
  }

  /** Opens a shelf when `held` resolves. */
  openShelf(name: string, held: Promise<unknown>): ArchiveShelf {
    return new ArchiveShelf({
      shelf: held.then(() => this.shelves.open(name)),
      codec: loadCodec(),
      reserve: (bytes) => this.#eviction.reserve(bytes),
      makeRoom: (bytes) => this.#eviction.makeRoom(bytes, name),
    });
  }

  /** Says to everybody that a shelf is in use, until the returned function is called. */
  async hold(name: string): Promise<() => void> {
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
    const unlock = await holdShelf(name);
    return () => {
      const others = this.#open.get(name)! - 1;
      if (others > 0) this.#open.set(name, others);
      else this.#open.delete(name);
      unlock();
    };
  }

  async record(asked: string, version: ArchiveVersion, shelf: string): Promise<void> {
    await this.#catalog.put(asked, { version, shelf, usedAt: this.#clock() });
  }

  async forget(asked: string): Promise<void> {
    await this.#catalog.remove(asked);
  }

  /** Notes which shelf has the archive of this digest; gives the one that had it before. */
  async identify(digest: string, shelf: string): Promise<string | undefined> {
    const known = await this.#catalog.shelfOf(digest);
    if (known === shelf || (known !== undefined && (await this.shelves.names()).includes(known))) return known;
    await this.#catalog.noteDigest(digest, shelf);
    return undefined;
  }

  async removeShelf(name: string): Promise<void> {
    await this.shelves.remove(name);
  }
}

interface SeatOptions {
  readonly cache: BlockCache;
  readonly remote: RemoteSource;
  readonly asked: string;
  /** What is asked for names its content. */
  readonly certain: boolean;
  /** The catalog knows what is asked for. */
  readonly isKnown: boolean;
}

/** The place of one opened archive in the cache. While it is taken, a lock that all tabs see says so. */
class Seat implements ShelfKeeper {
  readonly #options: SeatOptions;
  #version: ArchiveVersion | undefined;
  #name: string | undefined;
  #unlock: (() => void) | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  get asked(): string {
    return this.#options.asked;
  }

  /** Opens the shelf that the catalog names. Whether it is the right one is still to be said, by `stay` or by `leave`. */
  async enter({ version, shelf }: CatalogRecord): Promise<ArchiveShelf> {
    const entered = this.#options.cache.openShelf(shelf, this.#hold(shelf, version));
    await entered.opened;
    return entered;
  }

  /** Takes what the catalog says for true. `undefined` where the shelf was evicted. */
  stay({ version, shelf: name }: CatalogRecord, shelf: ArchiveShelf | undefined): ArchiveShelf | undefined {
    // Nobody waits for what only says when it was used.
    void unlessBroken(() => this.#options.cache.record(this.asked, version, name));
    if (shelf === undefined || shelf.isEmpty) return undefined;
    this.#options.remote.pin(version);
    return shelf;
  }

  /** The server has another version. */
  leave(): void {
    this.release();
    this.#name = undefined;
    this.#version = undefined;
  }

  async settle(version: ArchiveVersion): Promise<ArchiveShelf | undefined> {
    const { asked, certain, isKnown } = this.#options;
    // Without a mark nobody could tell the next version from this one, and the cache would mix them.
    if (!certain && !isCertain(version)) return undefined;
    return unlessBroken(async () => {
      const { etag, lastModified, size } = version;
      const shelf = this.#take(nameOf(certain ? asked : JSON.stringify([asked, etag, lastModified, size])), version);
      // Of what nobody has asked for there is nothing, and the opening goes on.
      if (isKnown) await shelf.opened;
      return shelf;
    });
  }

  async identify(digest: string, own: ArchiveShelf): Promise<ArchiveShelf | undefined> {
    return unlessBroken(async () => {
      const [version, name] = [this.#version, this.#name];
      if (version === undefined || name === undefined) return undefined;
      const other = await this.#options.cache.identify(`${digest}-${version.size}`, name);
      if (other === undefined || other === name) return undefined;
      const shelf = this.#take(other, version);
      await shelf.opened;
      await own.abandon();
      await this.#options.cache.removeShelf(name);
      return shelf;
    });
  }

  async forget(): Promise<void> {
    await unlessBroken(() => this.#options.cache.forget(this.asked));
  }

  async discard(): Promise<void> {
    const { cache } = this.#options;
    await this.forget();
    if (this.#name !== undefined) await unlessBroken(() => cache.removeShelf(this.#name!));
    this.release();
  }

  release(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }

  /** Resolves when the others know it. */
  #hold(name: string, version: ArchiveVersion): Promise<unknown> {
    this.release();
    const holding = this.#options.cache.hold(name);
    this.#unlock = () => void holding.then((unlock) => unlock());
    this.#name = name;
    this.#version = version;
    return holding;
  }

  /** Opens a shelf, and notes that what was asked for is on it. Nobody takes a new shelf for one that was left behind, because it is held. */
  #take(name: string, version: ArchiveVersion): ArchiveShelf {
    const { cache } = this.#options;
    const holding = this.#hold(name, version);
    const noted = holding.then(() => cache.record(this.asked, version, name));
    return cache.openShelf(name, noted);
  }
}

/** A lock that all tabs see. Where none is to be had in time there is none: then another tab may evict what is read here. */
async function holdShelf(name: string): Promise<() => void> {
  const { locks } = (globalThis.navigator ?? {}) as Partial<Navigator>;
  if (locks === undefined) return () => undefined;
  const asking = new Promise<() => void>((resolve, reject) => {
    const held = locks.request(PREFIX + name, { mode: 'shared' }, () => new Promise<void>((free) => resolve(free)));
    held.catch(reject);
  });
  return answered(asking, FILES_TIMEOUT, (free) => free()).catch(() => () => undefined);
}

/**
 * Runs what only stores and looks up. Whatever a storage throws (private windows, a full or damaged disk; each engine has errors of
 * its own), nobody but the cache is worse off.
 */
async function unlessBroken<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}
