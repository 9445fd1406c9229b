/* Keeps the block cache within its limit: counts what is on all shelves, and removes what was not used for the longest time. */

import { FILES_TIMEOUT, answered } from '../storage/answer.ts';
import type { Shelf, Shelves } from '../storage/shelves.ts';
import { lengthOfKey } from './archive-shelf.ts';
import type { Catalog } from './catalog.ts';

/** Bytes written between two looks at all shelves: other tabs write too. */
const LOOK_EVERY = 16 << 20;
/** A look takes milliseconds, so it should bring something: down to nine tenths of the limit. */
const SLACK = 0.9;
/** Of all tabs one evicts at a time. */
const LOCK = 'stratafs:1:evicting';
/** Milliseconds until whoever waits for space goes on without. */
const EVICTION_TIMEOUT = 30_000;
const IN_USE = /^stratafs:1:(.+)$/;

export interface EvictionOptions {
  readonly shelves: Shelves;
  /** Bytes. */
  readonly limit: number;
  readonly catalog: Catalog;
  /** The one shelf that is no archive's. */
  readonly catalogName: string;
  /** Tells whether this worker has an archive open: also where there are no locks to tell it. */
  readonly isOpen: (name: string) => boolean;
}

interface Measured {
  readonly name: string;
  readonly shelf: Shelf;
  readonly keys: readonly string[];
  readonly bytes: number;
  readonly usedAt: number;
  readonly inUse: boolean;
}

export class Eviction {
  readonly #options: EvictionOptions;
  #written = Infinity;

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  /** Is told of bytes that are about to be written. Looks at the shelves from time to time. */
  async reserve(bytes: number): Promise<void> {
    const { limit } = this.#options;
    this.#written += bytes;
    if (this.#written < Math.min(LOOK_EVERY, limit / 8)) return;
    this.#written = bytes;
    const excess = (await this.usage()) + bytes - limit;
    if (excess > 0) await this.evict(excess + limit * (1 - SLACK));
  }

  /** The browser gives no more: frees as much of what other archives take, or says that it cannot. */
  async makeRoom(bytes: number, own: string): Promise<boolean> {
    return (await this.evict(bytes, own)) >= bytes;
  }

  async usage(): Promise<number> {
    return (await this.#measure()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Removes so many bytes, or all that may be; gives how many it were. What `own` has stays. */
  evict(bytes: number, own?: string): Promise<number> {
    const { locks } = (globalThis.navigator ?? {}) as Partial<Navigator>;
    if (locks === undefined) return this.#evict(bytes, own);
    const evicting = locks.request(LOCK, { ifAvailable: true }, (lock) => (lock === null ? 0 : this.#evict(bytes, own)));
    return answered(evicting, EVICTION_TIMEOUT);
  }

  async #evict(bytes: number, own: string | undefined): Promise<number> {
    const measured = (await this.#measure()).filter(({ name }) => name !== own).sort((a, b) => a.usedAt - b.usedAt);
    let freed = 0;
    for (const archive of measured) {
      if (freed >= bytes) return freed;
      if (archive.inUse) continue;
      // The record last: one without its shelf would do no harm either.
      await this.#options.shelves.remove(archive.name);
      await this.#options.catalog.forget(archive.name);
      freed += archive.bytes;
    }
    if (bytes === Infinity) return freed;
    // What is open somewhere loses what it got first. Its reader fetches that again, should it be needed.
    for (const archive of measured.filter(({ inUse }) => inUse)) freed += await removeOldest(archive, bytes - freed);
    return freed;
  }

  async #measure(): Promise<Measured[]> {
    const { shelves, catalogName, isOpen } = this.#options;
    const usedAt = await this.#options.catalog.usedAt();
    const inUse = await shelvesInUse();
    const measured: Measured[] = [];
    for (const name of await shelves.names()) {
      if (name === catalogName) continue;
      const shelf = await shelves.open(name);
      const keys = await shelf.keys();
      const bytes = await bytesOn(shelf, keys);
      measured.push({ name, shelf, keys, bytes, usedAt: usedAt.get(name) ?? 0, inUse: inUse.has(name) || isOpen(name) });
    }
    return measured;
  }
}

/** Segments say in their names how long they are; an index, of which an archive has few, is looked at. */
async function bytesOn(shelf: Shelf, keys: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const key of keys) bytes += lengthOfKey(key) ?? (await shelf.get(key))?.size ?? 0;
  return bytes;
}

async function removeOldest({ shelf, keys }: Measured, bytes: number): Promise<number> {
  let freed = 0;
  for (const key of keys) {
    if (freed >= bytes) break;
    // Without its index an archive cannot be opened offline.
    const length = lengthOfKey(key);
    if (length === undefined) continue;
    await shelf.remove(key);
    freed += length;
  }
  return freed;
}

async function shelvesInUse(): Promise<Set<string>> {
  const { locks } = (globalThis.navigator ?? {}) as Partial<Navigator>;
  const held = (locks && (await answered(locks.query(), FILES_TIMEOUT)))?.held ?? [];
  return new Set(held.map(({ name }) => IN_USE.exec(name ?? '')?.[1] ?? ''));
}
