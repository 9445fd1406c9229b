/*
 * Keeps what was fetched of a source, in pages, and decides how much to fetch. The first read of an archive fetches what was
 * asked for; as more reads miss, the window grows to a 256 KiB aligned block, and while they go on where the last one ended, to
 * 1 MiB. So looking into one file costs little, and a program that opens hundreds does not make a request for each. Readers get
 * each page as soon as its bytes have come, not when the request ends. Of what a source holds already, only what is asked for is read.
 */

import { concatBytes } from '../base/bytes.ts';
import { Gate, unlessAborted } from './gate.ts';
import { Lru } from '../base/lru.ts';
import type { PrefetchOptions } from '../layer/layer.ts';
import type { Source } from './source.ts';

/** Unit of keeping. Both ends of a read are rounded to it, so that a single read fetches less than 64 KiB too much. */
const PAGE = 32 << 10;
/** Windows for reads here and there: 0 fetches the pages that were asked for and no more. */
const WINDOWS = [0, 64 << 10, 128 << 10, 256 << 10] as const;
const SEQUENTIAL_WINDOW = 1 << 20;
/** Large reads are split, so that those who wait for a part of them need not wait for all. */
const REQUEST_LIMIT = 4 << 20;
/** A gap that a prefetch reads with what is on its two sides: at 50 Mbit/s, 64 KiB are 10 ms, and a request of its own is more. */
const BRIDGE = 64 << 10;
/** Browsers open six connections to a host over HTTP/1.1. */
const REQUESTS_IN_FLIGHT = 6;
const DEFAULT_LIMIT = 64 << 20;

export interface BlocksOptions {
  /** Nothing is fetched from here on, unless it is asked for. Default: all of the source. */
  readonly end: number;
  /** Bytes to keep. */
  readonly limit?: number | undefined;
}

interface ComingPage {
  readonly promise: Promise<Uint8Array>;
  resolve(page: Uint8Array): void;
  reject(reason: unknown): void;
}

function comingPage(): ComingPage {
  let resolve!: ComingPage['resolve'];
  let reject!: ComingPage['reject'];
  const promise = new Promise<Uint8Array>((toResolve, toReject) => {
    resolve = toResolve;
    reject = toReject;
  });
  return { promise, resolve, reject };
}

/** A request under way: the pages [first, end). */
interface Flight {
  readonly first: number;
  readonly end: number;
  /** Each is there as soon as its bytes are. */
  readonly pages: readonly ComingPage[];
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
        const wanted = numbers.filter((number) => !kept.has(number) && number >= flight.first && number < flight.end);
        const pages = await this.#await(flight, wanted, signal);
        for (const [i, page] of pages.entries()) kept.set(wanted[i]!, page);
      }),
    );
    // Held here, because a small budget may have dropped the first pages before the last ones came.
    return cut(
      numbers.map((number) => kept.get(number)!),
      start,
      end,
    );
  }

  /**
   * Gives the bytes [start, end) without returning to the event loop; `undefined` where the source cannot. What is on its way
   * already cannot be waited for, and is asked for again.
   * @throws {FsError} what the source throws
   */
  readSync(start: number, end: number): Uint8Array | undefined {
    const atHand = this.#source.peek(start, end);
    if (atHand !== undefined || this.#source.readSync === undefined) return atHand;
    const numbers = pagesOf(start, end);
    const kept = new Map<number, Uint8Array>();
    for (const number of numbers) {
      const page = this.#pages.get(number);
      if (page !== undefined) kept.set(number, page);
    }
    for (const [first, last] of this.#runsFor(numbers.filter((number) => !kept.has(number)))) {
      const bytes = this.#source.readSync(...this.#rangeOf(first, last));
      if (bytes === undefined) return undefined;
      for (let number = first; number < last; number++) kept.set(number, this.#keep(number, bytes, number - first));
    }
    return cut(
      numbers.map((number) => kept.get(number)!),
      start,
      end,
    );
  }

  /**
   * Fetches what is missing of some ranges, near ones in one request. Where the source keeps what it reads, it is kept; else as much
   * as the limit allows. Leaves requests free for those who read at the same time.
   * @throws {FsError} what the source throws
   */
  async prefetch(
    ranges: Iterable<readonly [start: number, end: number]>,
    { signal, onProgress, parallel = 3 }: PrefetchOptions = {},
  ): Promise<void> {
    const runs = this.#missingRuns(ranges);
    const total = runs.reduce((sum, [first, end]) => sum + lengthOf(this.#rangeOf(first, end)), 0);
    let loaded = 0;
    const fetchNext = async (): Promise<void> => {
      for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
        const range = this.#rangeOf(...run);
        signal?.throwIfAborted();
        await this.#readPages(range, signal);
        loaded += lengthOf(range);
        onProgress?.({ loaded, total });
      }
    };
    onProgress?.({ loaded, total });
    await Promise.all(Array.from({ length: parallel }, fetchNext));
    await this.#source.settled?.();
  }

  /**
   * Pages that some ranges need and that nobody has, in runs that bridge small gaps and are divided where they are large; first the
   * run that is needed first.
   */
  #missingRuns(ranges: Iterable<readonly [start: number, end: number]>): [first: number, end: number][] {
    /** Page -> its place in the order in which they are needed. */
    const wanted = new Map<number, number>();
    for (const [start, end] of ranges)
      for (const page of pagesOf(start, Math.min(end, this.#end)))
        if (!wanted.has(page) && this.#isWanted(page)) wanted.set(page, wanted.size);
    const runs: { pages: [first: number, end: number]; place: number }[] = [];
    for (const [page, place] of [...wanted].sort(([a], [b]) => a - b)) {
      const last = runs.at(-1);
      if (last !== undefined && page - last.pages[1] <= BRIDGE / PAGE && page - last.pages[0] < REQUEST_LIMIT / PAGE) {
        last.pages[1] = page + 1;
        last.place = Math.min(last.place, place);
      } else runs.push({ pages: [page, page + 1], place });
    }
    return runs.sort((a, b) => a.place - b.place).map(({ pages }) => pages);
  }

  /** A source that keeps what it reads is to have a page, whoever else has it. */
  #isWanted(page: number): boolean {
    if (this.#isHeld(page)) return false;
    if (this.#source.keeps !== true) return this.#pages.get(page) === undefined;
    return this.#source.isComing?.(...this.#rangeOf(page, page + 1)) !== true;
  }

  async #readPages([start, end]: readonly [number, number], signal: AbortSignal | undefined): Promise<void> {
    const flights = new Set<Flight>();
    // Somebody who needed some of it at once may have fetched that since.
    const missing = pagesOf(start, end).filter((page) => !this.#flights.has(page) && this.#isWanted(page));
    for (const [first, last] of runsOf(missing)) flights.add(this.#launch(first, last));
    for (const page of pagesOf(start, end)) if (this.#flights.has(page)) flights.add(this.#flights.get(page)!);
    await Promise.all([...flights].map((flight) => this.#await(flight, pagesBetween(flight.first, flight.end), signal)));
  }

  close(): void {
    for (const flight of this.#flights.values()) flight.abort.abort();
    this.#flights.clear();
    this.#pages.clear();
  }

  #launchFor(missing: readonly number[]): Flight[] {
    return this.#runsFor(missing).map(([first, end]) => this.#launch(first, end));
  }

  /** Missing pages, and as many around them as the window says, in runs of one request each. */
  #runsFor(missing: readonly number[]): [first: number, end: number][] {
    const held = missing.filter((page) => this.#isHeld(page));
    const absent = missing.filter((page) => !this.#isHeld(page));
    const first = absent[0];
    if (first === undefined) return runsOf(held);
    const [from, to] = this.#chooseWindow(first, (absent.at(-1) ?? first) + 1);
    const wanted = new Set(absent);
    // The window reaches from a page that is asked for up to one that somebody has.
    for (const page of absent) {
      for (let before = page - 1; before >= from && this.#isMissing(before); before--) wanted.add(before);
      for (let after = page + 1; after < to && this.#isMissing(after); after++) wanted.add(after);
    }
    return [...runsOf(held), ...runsOf([...wanted].sort((a, b) => a - b))];
  }

  #isMissing(page: number): boolean {
    return this.#pages.get(page) === undefined && !this.#flights.has(page) && !this.#isHeld(page);
  }

  #isHeld(page: number): boolean {
    return this.#source.holds?.(...this.#rangeOf(page, page + 1)) === true;
  }

  /** The bytes of the pages [first, end). */
  #rangeOf(first: number, end: number): readonly [start: number, end: number] {
    return [first * PAGE, Math.min(end * PAGE, Math.max(this.#end, 0))];
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
    const pages = Array.from({ length: end - first }, comingPage);
    const flight: Flight = { first, end, abort, waiting: 0, pages };
    for (let page = first; page < end; page++) this.#flights.set(page, flight);
    // When everyone who waited has gone, nobody is left to hear of the failure.
    for (const { promise } of pages) promise.catch(() => undefined);
    this.#fetch(flight)
      .catch((e: unknown) => pages.forEach((page) => page.reject(e)))
      .finally(() => this.#land(flight));
    return flight;
  }

  #land(flight: Flight): void {
    for (let page = flight.first; page < flight.end; page++) if (this.#flights.get(page) === flight) this.#flights.delete(page);
  }

  async #fetch({ first, end, pages, abort: { signal } }: Flight): Promise<void> {
    const [from, to] = this.#rangeOf(first, end);
    let arrived = 0;
    const deliver = (bytes: Uint8Array, count: number): void => {
      for (; arrived < count; arrived++) pages[arrived]!.resolve(this.#keep(first + arrived, bytes, arrived));
    };
    const onArrival = (bytes: Uint8Array): void => deliver(bytes, Math.floor(bytes.length / PAGE));
    // What is held needs no connection, and must not wait for one.
    const read = (): Promise<Uint8Array> => this.#source.read(from, to, signal, onArrival);
    deliver(await (this.#source.holds?.(from, to) === true ? read() : this.#gate.pass(read, signal)), pages.length);
  }

  /** Keeps a page, which is the one at `index` in `bytes`. */
  #keep(number: number, bytes: Uint8Array, index: number): Uint8Array {
    // A copy: a view would keep the whole answer alive for as long as one page of it is kept.
    const page = bytes.slice(index * PAGE, (index + 1) * PAGE);
    this.#pages.set(number, page);
    return page;
  }

  async #await(flight: Flight, wanted: readonly number[], signal: AbortSignal | undefined): Promise<readonly Uint8Array[]> {
    flight.waiting++;
    try {
      return await unlessAborted(Promise.all(wanted.map((number) => flight.pages[number - flight.first]!.promise)), signal);
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
const pagesOf = (start: number, end: number): number[] => pagesBetween(Math.floor(start / PAGE), Math.ceil(end / PAGE));

const pagesBetween = (first: number, end: number): number[] => Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);

const lengthOf = ([start, end]: readonly [number, number]): number => end - start;

/** Numbers in order as runs [first, end), none longer than a request. */
function runsOf(numbers: readonly number[]): [first: number, end: number][] {
  const runs: [first: number, end: number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === number && number - last[0] < REQUEST_LIMIT / PAGE) last[1]++;
    else runs.push([number, number + 1]);
  }
  return runs;
}

/** Cuts [start, end) out of the pages that hold it. */
function cut(pages: readonly Uint8Array[], start: number, end: number): Uint8Array {
  const base = Math.floor(start / PAGE) * PAGE;
  const whole = pages.length === 1 ? pages[0]! : concatBytes(pages);
  return whole.subarray(start - base, end - base);
}
