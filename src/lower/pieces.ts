/*
 * Gets ranges of a source that are to be asked for exactly as they are: each is a request of its own, so that nothing around it comes
 * with it. As blocks.ts, which does the opposite, it keeps what it got, shares requests, and bounds how many there are at once.
 */

import { Gate, unlessAborted } from './gate.ts';
import { Lru } from '../base/lru.ts';
import type { PrefetchOptions } from '../layer/layer.ts';
import type { Source } from './source.ts';

/** Browsers open six connections to a host over HTTP/1.1. */
const REQUESTS_IN_FLIGHT = 6;
/** Bytes to keep. */
const LIMIT = 64 << 20;

type Range = readonly [start: number, end: number];

/** A request under way. */
interface Flight {
  readonly bytes: Promise<Uint8Array>;
  readonly abort: AbortController;
  /** Readers that need it. When the last one gives up, so does the request. */
  waiting: number;
}

/** A cache of pieces of one source. Two that start at one place are the same. */
export class Pieces {
  readonly #kept = new Lru<number, Uint8Array>(LIMIT, (bytes) => bytes.length);
  readonly #flights = new Map<number, Flight>();
  readonly #gate = new Gate(REQUESTS_IN_FLIGHT);

  constructor(private readonly source: Source) {}

  peek(start: number): Uint8Array | undefined {
    return this.#kept.get(start);
  }

  /** @throws {FsError} what the source throws */
  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const kept = this.#kept.get(start);
    if (kept !== undefined) return kept;
    const flight = this.#flights.get(start) ?? this.#launch(start, end);
    flight.waiting++;
    try {
      return await unlessAborted(flight.bytes, signal);
    } finally {
      flight.waiting--;
      if (flight.waiting === 0 && signal?.aborted === true) {
        this.#land(start, flight);
        flight.abort.abort(signal.reason);
      }
    }
  }

  /** @throws {FsError} what the source throws */
  readSync(start: number, end: number): Uint8Array | undefined {
    const bytes = this.#kept.get(start) ?? this.source.readSync?.(start, end);
    if (bytes !== undefined) this.#kept.set(start, bytes);
    return bytes;
  }

  /** Fetches what is missing of some pieces, and waits until it is kept. @throws {FsError} what the source throws */
  async prefetch(ranges: Iterable<Range>, { signal, onProgress, parallel = 3 }: PrefetchOptions = {}): Promise<void> {
    // What was read a moment ago is still being kept.
    await this.source.settled?.();
    const missing = [...ranges].filter((range) => this.#isMissing(range));
    const total = missing.reduce((sum, [start, end]) => sum + end - start, 0);
    let loaded = 0;
    const fetchNext = async (): Promise<void> => {
      for (let range = missing.shift(); range !== undefined; range = missing.shift()) {
        const [start, end] = range;
        // What is at hand is not therefore kept: a source that keeps is read again, from nowhere but there.
        this.#kept.delete(start);
        await this.read(start, end, signal);
        onProgress?.({ loaded: (loaded += end - start), total });
      }
    };
    onProgress?.({ loaded, total });
    await Promise.all(Array.from({ length: parallel }, fetchNext));
    await this.source.settled?.();
  }

  close(): void {
    for (const { abort } of this.#flights.values()) abort.abort();
    this.#flights.clear();
    this.#kept.clear();
  }

  #isMissing([start, end]: Range): boolean {
    if (start === end || this.source.holds?.(start, end) === true) return false;
    return this.source.keeps === true || this.#kept.get(start) === undefined;
  }

  #launch(start: number, end: number): Flight {
    const abort = new AbortController();
    const read = (): Promise<Uint8Array> => this.source.read(start, end, abort.signal);
    // What is held needs no connection, and must not wait for one.
    const bytes = this.source.holds?.(start, end) === true ? read() : this.#gate.pass(read, abort.signal);
    const flight: Flight = { bytes, abort, waiting: 0 };
    this.#flights.set(start, flight);
    const land = (): void => this.#land(start, flight);
    // When everyone who waited has gone, nobody is left to hear of the failure.
    bytes.then((got) => this.#kept.set(start, got)).then(land, land);
    return flight;
  }

  #land(start: number, flight: Flight): void {
    if (this.#flights.get(start) === flight) this.#flights.delete(start);
  }
}
