/*
 * Space set aside so that deleting works on a full disk. IndexedDB refuses every transaction that puts something once the quota is used up,
 * however small it is and however much it removes, and gives the space of small values back only when the browser compacts its database.
 * So a sparse file holds quota, not disk, for all workspaces of the origin; it is given up when a commit that frees space was refused, and
 * set aside again when there is room. docs/decisions/0013 has what was measured.
 *
 * Who waits for whom: steps of the reserve wait for each other; of commits only one that was refused waits for the reserve.
 */

import { isFsError } from '../base/errors.ts';
import { type Commit, type UpperImage, type UpperVersion, isWhiteout } from '../layer/upper.ts';
import { FILES_TIMEOUT, answered } from '../storage/answer.ts';
import { type HeldSpace, openHeldSpace } from '../storage/space.ts';
import type { VersionedStore } from './versioned-store.ts';

/** Bytes. Chromium's database was seen up to 25 MB over its quota until it compacted; with 16 MiB deleting failed now and then. */
export const FULL_RESERVE = 32 << 20;
/** Less than this, in bytes, is not worth a file. */
const SMALLEST_RESERVE = 64 << 10;
/** Milliseconds between attempts to set more aside. */
const PAUSE = 1_000;

/** Milliseconds before a deletion that was refused is tried again, one after the other: some seconds in all. */
const PAUSES = [20, 50, 100, 200, 400, 800, 1_600];

/** The space that is set aside. */
export class Reserve {
  /** Bytes set aside; `undefined` while nobody has looked. */
  #size: number | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #tried = -Infinity;

  constructor(
    private readonly open: () => Promise<HeldSpace | undefined> = openHeldSpace,
    private readonly clock: () => number = () => performance.now(),
    /** Milliseconds until files that do not answer are given up. */
    private readonly limit = FILES_TIMEOUT,
  ) {}

  /** Sets aside as much of the full reserve as there is room for, if it is not there already. Never rejects. */
  fill(): Promise<unknown> {
    const now = this.clock();
    if (this.#size === FULL_RESERVE || now - this.#tried < PAUSE) return this.#last;
    this.#tried = now;
    return this.#inTurn(() => this.#raise(FULL_RESERVE));
  }

  /** Gives the space up. Resolves to the bytes that were given up: 0 where there were none. Never rejects. */
  drop(): Promise<number> {
    return this.#inTurn(async () => {
      const space = await this.open();
      const size = (await space?.size()) ?? 0;
      if (size > 0) await space?.release();
      this.#size = 0;
      return size;
    });
  }

  /** After `dropped` bytes were given up: sets half of them aside, so that what the user writes next does not take it all. Never rejects. */
  refill(dropped: number): Promise<unknown> {
    this.#tried = this.clock();
    return this.#inTurn(() => this.#raise(dropped / 2));
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<unknown> {
    return this.#last;
  }

  /** Sets aside as much as goes: `most`, or a half, a quarter … of it. */
  async #raise(most: number): Promise<number> {
    const space = await this.open();
    this.#size = (await space?.size()) ?? FULL_RESERVE; // where nothing can be set aside, nothing is to be tried again
    for (let size = most; size >= SMALLEST_RESERVE && size > this.#size; size /= 2) {
      try {
        await space?.resize(size);
        this.#size = size;
      } catch (e) {
        expectFileError(e); // no room for so much
      }
    }
    return this.#size;
  }

  #inTurn(work: () => Promise<number>): Promise<number> {
    const done = this.#last
      .then(() => answered(work(), this.limit))
      .catch((e: unknown) => {
        expectFileError(e); // files cannot be had any more: there is nothing set aside then
        return 0;
      });
    this.#last = done;
    return done;
  }
}

function expectFileError(e: unknown): void {
  if (!(e instanceof DOMException)) throw e;
}

/**
 * An upper with a reserve.
 *
 * @example
 * const upper = new ReservedStore(store, new Reserve());
 */
export class ReservedStore implements VersionedStore {
  constructor(
    private readonly store: VersionedStore,
    private readonly reserve: Reserve,
    /** Milliseconds. */
    private readonly pauses: readonly number[] = PAUSES,
  ) {}

  get name(): string {
    return this.store.name;
  }
  get version(): UpperVersion | undefined {
    return this.store.version;
  }
  load(): Promise<UpperImage> {
    return this.store.load();
  }
  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.store.readChunks(ids);
  }
  restore(version: UpperVersion, parts: Iterable<Commit> | AsyncIterable<Commit>): Promise<void> {
    return this.store.restore(version, parts);
  }

  async commit(commit: Commit): Promise<void> {
    try {
      await this.store.commit(commit);
    } catch (e) {
      if (!isFsError(e, 'ENOSPC') || !mayUseReserve(commit, this.version)) throw e;
      const dropped = await this.reserve.drop();
      await this.#insist(commit, e, dropped > 0 ? [0, ...this.pauses] : this.pauses);
      await this.reserve.refill(dropped);
      return;
    }
    void this.reserve.fill();
  }

  /** Commits what was refused, after each of the pauses: while the browser compacts its database it takes more, and less after that. */
  async #insist(commit: Commit, refusal: unknown, pauses: readonly number[]): Promise<void> {
    let reason = refusal;
    for (const pause of pauses) {
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      try {
        return await this.store.commit(commit);
      } catch (e) {
        if (!isFsError(e, 'ENOSPC')) throw e;
        reason = e;
      }
    }
    throw reason;
  }

  async close(): Promise<void> {
    await this.reserve.settled();
    await this.store.close();
  }
}

/**
 * Whether a commit stores no content and removes something, or hides something of a lower: what a user does who wants space. Or it changes
 * nothing, to bring earlier commits to the disk; but a workspace that is new is not begun on a full disk.
 */
function mayUseReserve({ records, chunks }: Commit, version: UpperVersion | undefined): boolean {
  if ([...chunks.values()].some((bytes) => bytes !== undefined)) return false;
  if (chunks.size > 0) return true;
  if (records.size === 0) return version !== undefined;
  return [...records.values()].some((record) => record === undefined || isWhiteout(record));
}
