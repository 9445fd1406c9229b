/*
 * The shelf of one version of one archive: segments, and the packed indexes that were made of it. Owns their names and the order of
 * writing; which archive it is, and what is removed when space runs out, is the affair of block-cache.ts.
 *
 *     segment-START-LENGTH      bytes [START, START + LENGTH) of the archive
 *     index-NAME                an index, by what it depends on
 *
 * Who waits for whom: writes follow each other; reading waits for no write.
 */

import type { Codec } from '../codec/codec.ts';
import type { Shelf } from '../storage/shelves.ts';
import { Segment, sealSegment } from './segment.ts';
import { type Part, SegmentMap } from './segment-map.ts';

/** What was fetched at once is not divided further than this, so that eviction has pieces to choose from. */
const SEGMENT_LIMIT = 4 << 20;
/** Milliseconds after which a miss looks again at what other tabs may have fetched. */
const LISTING_AGE = 250;
/** Where a listing takes long, it is made less often: it may take a twentieth of the time. */
const LISTING_SHARE = 20;

/**
 * What arrives fast is written when all of it is there: writing takes processor time from whoever reads it on the way. What takes longer
 * than this many milliseconds, or is more than so many bytes, is written meanwhile.
 */
const HELD_BACK_MS = 1_000;
const HELD_BACK_BYTES = 64 << 20;

/** One blob on the shelf. */
interface Kept {
  readonly key: string;
  readonly start: number;
  readonly length: number;
  segment: Segment | undefined;
}

export type KeptPart = Part<Kept>;

/** Reads the length that the name of a segment tells; `undefined` of what is none. */
export function lengthOfKey(key: string): number | undefined {
  const length = /^segment-\d+-(\d+)$/.exec(key)?.[1];
  return length === undefined ? undefined : Number(length);
}

/** Where `keepIndex` puts the index of this name, sealed. */
export const indexKey = (name: string): string => `index-${name}`;

export interface ArchiveShelfOptions {
  /** Where it rejects, nothing is here, and nothing is kept. */
  readonly shelf: Promise<Shelf>;
  readonly codec: Codec;
  /** Is told of bytes that are to be written; resolves when there is room within the limit. */
  readonly reserve: (bytes: number) => Promise<void>;
  /** Frees so much space that other archives take; false where it could not. */
  readonly makeRoom: (bytes: number) => Promise<boolean>;
}

export class ArchiveShelf {
  /** Resolves when it is known what is here. Until then it seems to be nothing; what is put is written afterwards. */
  readonly opened: Promise<void>;
  readonly #options: ArchiveShelfOptions;
  readonly #map = new SegmentMap<Kept>();
  /** What is to be written. */
  readonly #coming = new SegmentMap<Kept>();
  /** Keys that are there, of segments and indexes. */
  readonly #known = new Set<string>();
  #writing: Promise<void> = Promise.resolve();
  /** Lets writing go on, while it is held back. */
  #release: (() => void) | undefined;
  /** Bytes that were put since it is. */
  #heldBack = 0;
  /** When a miss may list the shelf again. */
  #nextListing = Infinity;
  /**
   * *full* indicates that the origin has no space left even after eviction. Therefore nothing more is written.
   * *closed* indicates that nobody reads any more. Therefore blobs are no longer opened for that.
   */
  #state: 'open' | 'full' | 'closed' = 'open';

  constructor(options: ArchiveShelfOptions) {
    this.#options = options;
    this.opened = this.#list();
    this.opened.catch(() => (this.#state = 'full'));
    this.#enqueue(() => this.opened);
  }

  get keeps(): boolean {
    return this.#state !== 'full';
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Learns what is there. */
  async #list(): Promise<void> {
    const keys = await (await this.#options.shelf).keys();
    this.#nextListing = performance.now() + LISTING_AGE;
    for (const key of keys) {
      if (this.#known.has(key)) continue;
      const match = /^segment-(\d+)-(\d+)$/.exec(key);
      if (match === null) this.#known.add(key);
      else this.#add({ key, start: Number(match[1]), length: Number(match[2]), segment: undefined });
    }
  }

  /** The same, where the last time is long enough ago for another tab to have added something. */
  async listAgain(): Promise<void> {
    const start = performance.now();
    if (start < this.#nextListing) return;
    this.#nextListing = Infinity;
    await this.#list();
    // The first one says nothing of what a listing takes: it waits for all that an opening asks at once.
    const end = performance.now();
    this.#nextListing = end + Math.max(LISTING_AGE, (end - start) * LISTING_SHARE);
  }

  /** Opens every blob, which synchronous reading needs. */
  async warm(): Promise<void> {
    for (const kept of this.#map.places()) {
      if (this.#state === 'closed') return;
      await this.#open(kept);
    }
  }

  cover(start: number, end: number): KeptPart[] {
    return this.#map.cover(start, end);
  }

  holds(start: number, end: number): boolean {
    return this.#map.holds(start, end);
  }

  /** Tells whether all of it is here or is being written. */
  isComing(start: number, end: number): boolean {
    return this.cover(start, end).every((part) => part.in !== undefined || this.#coming.holds(part.start, part.end));
  }

  /** Reads a part that is here; `undefined` when it is not here any more, or damaged. */
  async read({ start, end, in: kept }: KeptPart): Promise<Uint8Array | undefined> {
    if (kept === undefined) return undefined;
    const segment = await this.#open(kept);
    const bytes = await segment?.read(start - kept.start, end - kept.start);
    if (bytes === undefined) this.#drop(kept);
    return bytes;
  }

  /** The same without waiting for the event loop; also `undefined` where that cannot be done. */
  readSync({ start, end, in: kept }: KeptPart): Uint8Array | undefined {
    return kept?.segment?.readSync(start - kept.start, end - kept.start);
  }

  /** Holds writing back until `goOn`, or not so long: see above. */
  holdBack(): void {
    if (this.#release !== undefined || this.#state !== 'open') return;
    this.#heldBack = 0;
    const held = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, HELD_BACK_MS);
      this.#release = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#enqueue(() => held);
  }

  goOn(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Writes what was fetched, sometime. Takes the bytes over. */
  put(start: number, bytes: Uint8Array): void {
    this.#heldBack += bytes.length;
    if (this.#heldBack > HELD_BACK_BYTES) this.goOn();
    for (let at = 0; at < bytes.length; at += SEGMENT_LIMIT) {
      const content = bytes.subarray(at, at + SEGMENT_LIMIT) as Uint8Array<ArrayBuffer>;
      const kept = { key: `segment-${start + at}-${content.length}`, start: start + at, length: content.length, segment: undefined };
      if (this.#known.has(kept.key)) continue;
      this.#coming.add(kept.start, kept.start + kept.length, kept);
      this.#enqueue(async () => {
        try {
          if (!(await this.#write(kept.key, () => sealSegment(content, this.#options.codec), content.length))) return;
          this.#add(kept);
        } finally {
          this.#coming.drop(kept);
        }
        await this.#open(kept);
      });
    }
  }

  /** Gives the index of this name, from the start of a buffer on: the columns of its table are views of it. */
  async index(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const blob = await this.#get(indexKey(name));
    return blob && Segment.whole(blob, this.#options.codec);
  }

  /** Writes what `make` makes, in the place of what there was under this name. */
  keepIndex(name: string, make: () => Promise<Uint8Array<ArrayBuffer>>): void {
    this.#enqueue(async () => {
      const bytes = await make();
      const key = indexKey(name);
      if (await this.#write(key, () => sealSegment(bytes, this.#options.codec), bytes.length)) this.#known.add(key);
    });
  }

  /** Resolves when nothing more will be written: what was put and is not written yet never will be. */
  async abandon(): Promise<void> {
    this.#state = 'full';
    this.goOn();
    await this.#writing;
  }

  /** Resolves when what was put so far is written, or cannot be, and what is here can be read synchronously. */
  async settled(): Promise<void> {
    this.goOn();
    await this.#writing;
    await this.warm();
  }

  /** What was put is still written. */
  close(): void {
    this.goOn();
    if (this.#state === 'open') this.#state = 'closed';
  }

  #add(kept: Kept): void {
    this.#known.add(kept.key);
    this.#map.add(kept.start, kept.start + kept.length, kept);
  }

  #drop(kept: Kept): void {
    this.#known.delete(kept.key);
    this.#map.drop(kept);
    this.#enqueue(async () => (await this.#options.shelf).remove(kept.key));
  }

  async #open(kept: Kept): Promise<Segment | undefined> {
    if (kept.segment === undefined) {
      const blob = await this.#get(kept.key);
      if (blob !== undefined) kept.segment ??= new Segment(blob, kept.length, this.#options.codec);
    }
    return kept.segment;
  }

  /** A storage that cannot be read has nothing. */
  #get(key: string): Promise<Blob | undefined> {
    return this.#options.shelf.then((shelf) => shelf.get(key)).catch(() => undefined);
  }

  #enqueue(work: () => Promise<void>): void {
    // A cache that cannot be written is a slower one, and nobody's error.
    this.#writing = this.#writing.then(() => (this.#state === 'full' ? undefined : work())).catch(() => undefined);
  }

  async #write(key: string, seal: () => Blob, bytes: number): Promise<boolean> {
    const { shelf, reserve, makeRoom } = this.#options;
    await reserve(bytes);
    for (let tried = false; ; tried = true) {
      try {
        await (await shelf).put(key, seal());
        return true;
      } catch (e) {
        if (!(e instanceof DOMException) || e.name !== 'QuotaExceededError') throw e;
      }
      if (tried || !(await makeRoom(bytes))) {
        this.#state = 'full';
        this.#coming.clear();
        return false;
      }
    }
  }
}
