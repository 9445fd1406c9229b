/*
 * Random access into a stream that is kept compressed: spans that can be decoded each on its own, and a few decoded ones at hand.
 * What a span is, the format knows: from one restart point to the next (gzip.ts), or a frame (zstd.ts).
 */

import { concatBytes } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';

/** Content of an archive that can be had at once. */
export interface Content {
  /** Gives the bytes [start, end), which lie within the content. The caller must not change them. */
  read(start: number, end: number): Uint8Array;
}

/** A decoded stream in spans. */
export interface Spans {
  /** Where each starts in the decoded stream, rising from 0. */
  readonly starts: readonly number[];
  /** Bytes of the decoded stream. */
  readonly size: number;
  /** Decodes the bytes [start, end) of the stream, which lie in one span. */
  decode(span: number, start: number, end: number): Uint8Array;
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

  read(start: number, end: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let at = start, span = this.#spanAt(start); at < end; span++) {
      const to = Math.min(end, this.#end(span));
      if (to > at) parts.push(this.#readSpan(span, at, to));
      at = to;
    }
    return parts.length === 1 ? parts[0]! : concatBytes(parts);
  }

  #readSpan(span: number, start: number, end: number): Uint8Array {
    const first = this.#spans.starts[span]!;
    const last = this.#end(span);
    if (last - first > this.#whole) return this.#spans.decode(span, start, end);
    let whole = this.#decoded.get(span);
    if (whole === undefined) {
      whole = this.#spans.decode(span, first, last);
      this.#decoded.set(span, whole);
    }
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
export const plainContent = (bytes: Uint8Array): Content => ({ read: (start, end) => bytes.subarray(start, end) });
