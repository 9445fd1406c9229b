/*
 * Keeps what was fetched of a source, in pages, and decides how much to fetch. The first read of an archive fetches what was
 * asked for; as more reads miss, the window grows to a 256 KiB aligned block, and while they go on where the last one ended, to
 * 1 MiB. So looking into one file costs little, and a program that opens hundreds does not make a request for each.
 */

import { concatBytes } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';
import type { Source } from './source.ts';

/** Unit of keeping. Both ends of a read are rounded to it, so that a single read fetches less than 64 KiB too much. */
const PAGE = 32 << 10;
/** Windows for reads here and there: 0 fetches the pages that were asked for and no more. */
const WINDOWS = [0, 64 << 10, 128 << 10, 256 << 10] as const;
const SEQUENTIAL_WINDOW = 1 << 20;
/** Large reads are split, so that those who wait for a part of them need not wait for all. */
const REQUEST_LIMIT = 4 << 20;
/** Browsers open six connections to a host over HTTP/1.1. */
const REQUESTS_IN_FLIGHT = 6;
const DEFAULT_LIMIT = 64 << 20;

export interface BlocksOptions {
  /** Nothing is fetched from here on, unless it is asked for. Default: all of the source. */
  readonly end: number;
  /** Bytes to keep. */
  readonly limit?: number | undefined;
}

/** A request under way: the pages [first, end). */
interface Flight {
  readonly first: number;
  readonly end: number;
  readonly pages: Promise<readonly Uint8Array[]>;
  readonly abort: AbortController;
  /** Readers that need it. When the last one gives up, so does the request. */
  waiting: number;
}

/** A cache of one source's bytes. */
export class Blocks {
  readonly #source: Source;
  readonly #end: number;
  readonly #pages: Lru<number, Uint8Array>;
  readonly #flights = new Map<number, Flight>();
  readonly #gate = new Gate(REQUESTS_IN_FLIGHT);
  #misses = 0;
  #window = 0;
  /** The page behind the last window: a miss there goes on where that one ended. */
  #next = -1;

  constructor(source: Source, { end, limit = DEFAULT_LIMIT }: BlocksOptions) {
    this.#source = source;
    this.#end = end;
    this.#pages = new Lru(limit, (page) => page.length);
  }

  /** Gives the bytes [start, end) where they are at hand, else `undefined`. */
  peek(start: number, end: number): Uint8Array | undefined {
    const whole = this.#source.peek(start, end);
    if (whole !== undefined) return whole;
    const pages: Uint8Array[] = [];
    for (const number of pagesOf(start, end)) {
      const page = this.#pages.get(number);
      if (page === undefined) return undefined;
      pages.push(page);
    }
    return cut(pages, start, end);
  }

  /**
   * Gives the bytes [start, end), which lie before the end.
   * @throws {FsError} what the source throws
   */
  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const atHand = this.#source.peek(start, end);
    if (atHand !== undefined) return atHand;
    const numbers = pagesOf(start, end);
    const kept = new Map<number, Uint8Array>();
    const missing: number[] = [];
    const flights = new Set<Flight>();
    for (const number of numbers) {
      const page = this.#pages.get(number);
      const flight = this.#flights.get(number);
      if (page !== undefined) kept.set(number, page);
      else if (flight !== undefined) flights.add(flight);
      else missing.push(number);
    }
    for (const flight of this.#launchFor(missing)) flights.add(flight);
    await Promise.all(
      [...flights].map(async (flight) => {
        const pages = await this.#await(flight, signal);
        for (const [i, page] of pages.entries()) kept.set(flight.first + i, page);
      }),
    );
    // Held here, because a small budget may have dropped the first pages before the last ones came.
    return cut(
      numbers.map((number) => kept.get(number)!),
      start,
      end,
    );
  }

  close(): void {
    for (const flight of this.#flights.values()) flight.abort.abort();
    this.#flights.clear();
    this.#pages.clear();
  }

  /** Fetches missing pages, and as many around them as the window says. */
  #launchFor(missing: readonly number[]): Flight[] {
    const first = missing[0];
    if (first === undefined) return [];
    const [from, to] = this.#chooseWindow(first, missing.at(-1)! + 1);
    const flights: Flight[] = [];
    for (let at = first; at < to; at++) {
      if (!missing.includes(at)) continue;
      let start = at;
      while (start > from && this.#isMissing(start - 1)) start--;
      let end = at + 1;
      while (end < to && this.#isMissing(end)) end++;
      for (let part = start; part < end; part += REQUEST_LIMIT / PAGE)
        flights.push(this.#launch(part, Math.min(end, part + REQUEST_LIMIT / PAGE)));
      at = end;
    }
    return flights;
  }

  #isMissing(page: number): boolean {
    return this.#pages.get(page) === undefined && !this.#flights.has(page);
  }

  /** Gives the pages [from, to) that a miss of [first, end) may fetch. */
  #chooseWindow(first: number, end: number): readonly [from: number, to: number] {
    const goesOn = first === this.#next;
    const usual = WINDOWS[Math.min(this.#misses++, WINDOWS.length - 1)]!;
    this.#window = goesOn ? Math.min(Math.max(this.#window * 2, usual), SEQUENTIAL_WINDOW) : usual;
    const pages = this.#window / PAGE;
    const last = Math.ceil(this.#end / PAGE);
    let from = first;
    let to = end;
    if (pages > 0 && goesOn) to = Math.max(end, first + pages);
    else if (pages > 0) {
      from = Math.floor(first / pages) * pages;
      to = Math.ceil(end / pages) * pages;
    }
    to = Math.max(end, Math.min(to, last));
    this.#next = to;
    return [from, to];
  }

  #launch(first: number, end: number): Flight {
    const abort = new AbortController();
    const flight: Flight = { first, end, abort, waiting: 0, pages: this.#fetch(first, end, abort.signal) };
    for (let page = first; page < end; page++) this.#flights.set(page, flight);
    // When everyone who waited has gone, nobody is left to hear of the failure.
    flight.pages.catch(() => undefined).finally(() => this.#land(flight));
    return flight;
  }

  #land(flight: Flight): void {
    for (let page = flight.first; page < flight.end; page++) if (this.#flights.get(page) === flight) this.#flights.delete(page);
  }

  async #fetch(first: number, end: number, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const bytes = await this.#gate.pass(
      () => this.#source.read(first * PAGE, Math.min(end * PAGE, Math.max(this.#end, 0)), signal),
      signal,
    );
    const pages: Uint8Array[] = [];
    for (let start = 0; start < bytes.length; start += PAGE) {
      // A copy: a view would keep the whole answer alive for as long as one page of it is kept.
      const page = bytes.slice(start, start + PAGE);
      this.#pages.set(first + pages.length, page);
      pages.push(page);
    }
    return pages;
  }

  async #await(flight: Flight, signal: AbortSignal | undefined): Promise<readonly Uint8Array[]> {
    flight.waiting++;
    try {
      return await unlessAborted(flight.pages, signal);
    } finally {
      flight.waiting--;
      if (flight.waiting === 0 && signal?.aborted === true) {
        this.#land(flight);
        flight.abort.abort(signal.reason);
      }
    }
  }
}

/** The numbers of the pages that hold [start, end). */
function pagesOf(start: number, end: number): number[] {
  const first = Math.floor(start / PAGE);
  return Array.from({ length: Math.max(0, Math.ceil(end / PAGE) - first) }, (_, i) => first + i);
}

/** Cuts [start, end) out of the pages that hold it. */
function cut(pages: readonly Uint8Array[], start: number, end: number): Uint8Array {
  const base = Math.floor(start / PAGE) * PAGE;
  const whole = pages.length === 1 ? pages[0]! : concatBytes(pages);
  return whole.subarray(start - base, end - base);
}

/** Waits for a promise for as long as the signal allows. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let leave = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Lets so many through at a time, in the order in which they came. */
class Gate {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  async pass<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
