/*
 * Random access into a stream that is kept compressed: spans that can be decoded each on its own, and a few decoded ones at hand.
 * What a span is, the format knows: from one restart point to the next (gzip-spans.ts), or a frame (zstd-spans.ts). Where the
 * archive is, nobody here knows: its bytes are asked for.
 */

import type { Asking } from '../base/asking.ts';
import { concatBytes } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';

/** Content of an archive. */
export interface Content {
  /** Gives the bytes [start, end), which lie within the content, and asks for bytes of the archive. The caller must not change them. */
  read(start: number, end: number): Asking<Uint8Array>;
  /** The bytes [start, end) of the archive that the bytes [start, end) of the content are made of. */
  range(start: number, end: number): readonly [start: number, end: number];
}

/** A decoded stream in spans. */
export interface Spans {
  /** Where each starts in the decoded stream, rising from 0. */
  readonly starts: Float64Array;
  /** Bytes of the decoded stream. */
  readonly size: number;
  /** The bytes [start, end) of the archive that a span is made of. */
  range(span: number): readonly [start: number, end: number];
  /** Tells whether it can be decoded without those. */
  isAtHand(span: number): boolean;
  /**
   * Decodes the bytes [start, end) of the stream, which lie in one span. `stored` has its range, unless it is at hand.
   * @throws {FsError} EIO when that is not what it was when the archive was opened
   */
  decode(span: number, stored: Uint8Array, start: number, end: number): Uint8Array;
}

export interface SpanLimits {
  /** Spans up to here are decoded whole and kept for the next read, which is likely to be near; of longer ones only what is asked for is decoded. */
  readonly whole: number;
  /** Bytes to keep. */
  readonly decoded: number;
}

/** A handful of spans. */
const LIMITS: SpanLimits = { whole: 4 << 20, decoded: 8 << 20 };
/** What a map's entry and an array take beside the bytes. */
const OVERHEAD = 256;
const NOTHING = new Uint8Array();

/** Reads from spans. */
export class SpanContent implements Content {
  readonly #spans: Spans;
  readonly #whole: number;
  readonly #decoded: Lru<number, Uint8Array>;

  constructor(spans: Spans, { whole, decoded }: SpanLimits = LIMITS) {
    this.#spans = spans;
    this.#whole = whole;
    this.#decoded = new Lru(decoded, (bytes) => bytes.length + OVERHEAD);
  }

  *read(start: number, end: number): Asking<Uint8Array> {
    if (start >= end) return NOTHING;
    const [first, last] = [this.#spanAt(start), this.#spanAt(end - 1)];
    // Held here, because decoding the others may take them out of what is kept.
    const known = new Map<number, Uint8Array>();
    // Spans follow each other in the archive: what is missing is asked for at once.
    let [from, to] = [Infinity, 0];
    for (let span = first; span <= last; span++) {
      const decoded = this.#decoded.get(span);
      if (decoded !== undefined) known.set(span, decoded);
      else if (!this.#spans.isAtHand(span)) {
        const range = this.#spans.range(span);
        [from, to] = [Math.min(from, range[0]), Math.max(to, range[1])];
      }
    }
    const stored = from < to ? yield [from, to] : NOTHING;
    const parts: Uint8Array[] = [];
    for (let span = first; span <= last; span++) {
      const [at, upTo] = [Math.max(start, this.#spans.starts[span]!), Math.min(end, this.#end(span))];
      const decoded = known.get(span);
      if (decoded !== undefined) parts.push(decoded.subarray(at - this.#spans.starts[span]!, upTo - this.#spans.starts[span]!));
      else parts.push(this.#decode(span, this.#cut(span, stored, from), at, upTo));
    }
    return parts.length === 1 ? parts[0]! : concatBytes(parts);
  }

  range(start: number, end: number): readonly [start: number, end: number] {
    if (start >= end) return [0, 0];
    return [this.#spans.range(this.#spanAt(start))[0], this.#spans.range(this.#spanAt(end - 1))[1]];
  }

  /** What of `stored`, which starts at byte `from` of the archive, is a span's. */
  #cut(span: number, stored: Uint8Array, from: number): Uint8Array {
    if (this.#spans.isAtHand(span)) return NOTHING;
    const [start, end] = this.#spans.range(span);
    return stored.subarray(start - from, end - from);
  }

  #decode(span: number, stored: Uint8Array, start: number, end: number): Uint8Array {
    const first = this.#spans.starts[span]!;
    const last = this.#end(span);
    if (last - first > this.#whole) return this.#spans.decode(span, stored, start, end);
    const whole = this.#spans.decode(span, stored, first, last);
    this.#decoded.set(span, whole);
    return whole.subarray(start - first, end - first);
  }

  #end(span: number): number {
    return this.#spans.starts[span + 1] ?? this.#spans.size;
  }

  /** The last span that starts at or before `offset`. */
  #spanAt(offset: number): number {
    const { starts } = this.#spans;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Bytes that are there as they are. */
export const plainContent: Content = {
  *read(start, end) {
    return start < end ? yield [start, end] : NOTHING;
  },
  range: (start, end) => [start, end],
};
