/*
 * Where a gzip file can be entered: restart points, the 32 KiB of content before each, and the checksums that tell whether what
 * comes of it again is what came of it first. Plain numbers and bytes, made by gzip.ts, stored in the cache, and never changed.
 */

import { concatBytes } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { Codec } from '../codec/codec.ts';
import { type Place, damaged, hex32 } from './damage.ts';
import type { Spans } from './spans.ts';

/** Farther back than this no stream refers (RFC 1951, 3.2.5). */
const WINDOW_SIZE = 32 << 10;

/** A span while the file is read. */
export interface GzipSpan {
  /** Where it starts in the content. */
  readonly start: number;
  /** Where its member starts in the content. */
  readonly base: number;
  /** Where the deflate stream of its member starts in the file. */
  readonly stream: number;
  /** Bits of that stream before it. */
  readonly bit: number;
  /** The content before it, as much as may be referred to. */
  readonly window: Uint8Array<ArrayBuffer>;
  /** What it holds, where it cannot be decoded again. */
  readonly output?: Uint8Array | undefined;
  /** Where it ends in the file. */
  end: number;
  /** CRC-32 of what its member holds up to its end. */
  crc: number;
}

/** The spans as they are stored: one element a span. */
export interface StoredGzipSpans {
  readonly size: number;
  readonly starts: Float64Array;
  readonly bases: Float64Array;
  readonly streams: Float64Array;
  readonly bits: Float64Array;
  readonly ends: Float64Array;
  readonly crcs: Uint32Array;
  /** One behind another; `windowEnds` says where each ends. */
  readonly windows: Uint8Array;
  readonly windowEnds: Float64Array;
  /** The windows are raw DEFLATE streams. */
  readonly packed: boolean;
}

export class GzipSpans implements Spans {
  readonly #stored: StoredGzipSpans;
  readonly #outputs: readonly (Uint8Array | undefined)[];
  readonly #place: Place;
  readonly #codec: Codec;

  constructor(
    stored: StoredGzipSpans,
    { place, codec }: { readonly place: Place; readonly codec: Codec },
    outputs: readonly (Uint8Array | undefined)[] = [],
  ) {
    this.#stored = stored;
    this.#outputs = outputs;
    this.#place = place;
    this.#codec = codec;
  }

  /** What was read of a file. */
  static of(spans: readonly GzipSpan[], size: number, context: { readonly place: Place; readonly codec: Codec }): GzipSpans {
    let windowEnd = 0;
    const stored: StoredGzipSpans = {
      size,
      starts: Float64Array.from(spans, ({ start }) => start),
      bases: Float64Array.from(spans, ({ base }) => base),
      streams: Float64Array.from(spans, ({ stream }) => stream),
      bits: Float64Array.from(spans, ({ bit }) => bit),
      ends: Float64Array.from(spans, ({ end }) => end),
      crcs: Uint32Array.from(spans, ({ crc }) => crc),
      windows: concatBytes(spans.map(({ window }) => window)),
      windowEnds: Float64Array.from(spans, ({ window }) => (windowEnd += window.length)),
      packed: false,
    };
    const outputs = spans.map(({ output }) => output);
    return new GzipSpans(stored, context, outputs);
  }

  get starts(): Float64Array {
    return this.#stored.starts;
  }

  get size(): number {
    return this.#stored.size;
  }

  isAtHand(span: number): boolean {
    return this.#outputs[span] !== undefined;
  }

  range(span: number): readonly [start: number, end: number] {
    const { streams, bits, ends } = this.#stored;
    return [streams[span]! + Math.floor(bits[span]! / 8), ends[span]!];
  }

  decode(span: number, stored: Uint8Array, start: number, end: number): Uint8Array {
    const { starts, bases, bits } = this.#stored;
    const [first, base] = [starts[span]!, bases[span]!];
    const output = this.#outputs[span];
    if (output !== undefined) return output.subarray(start - first, end - first);
    let bytes: Uint8Array;
    try {
      const point = { bit: bits[span]!, offset: first - base, history: this.#window(span) };
      bytes = this.#codec.inflateRange(stored, point, start - base, end - base);
    } catch (e) {
      if (!(e instanceof FsError)) throw e;
      throw damaged({ ...this.#place, cause: e }, `its content from ${first} on cannot be inflated again: ${e.detail ?? e.message}`);
    }
    if (start === first && end === (starts[span + 1] ?? this.size)) this.#assertSum(span, bytes);
    return bytes;
  }

  /** All can be decoded again. */
  get isStorable(): boolean {
    return this.#outputs.every((output) => output === undefined);
  }

  /**
   * What to store: the windows compressed, which makes a fifth of them. Preconditions: it is storable.
   * @param deflate makes a raw DEFLATE stream; `undefined` where there is nothing that does
   */
  async pack(deflate: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array | undefined>): Promise<StoredGzipSpans> {
    if (this.#stored.packed) return this.#stored;
    const windows: Uint8Array[] = [];
    for (let span = 0; span < this.starts.length; span++) {
      const window = this.#windowBytes(span);
      const packed = window.length === 0 ? window : await deflate(window.slice());
      if (packed === undefined) return this.#stored;
      windows.push(packed);
    }
    let end = 0;
    const windowEnds = Float64Array.from(windows, (window) => (end += window.length));
    return { ...this.#stored, windows: concatBytes(windows), windowEnds, packed: true };
  }

  #windowBytes(span: number): Uint8Array {
    const { windows, windowEnds } = this.#stored;
    return windows.subarray(span === 0 ? 0 : windowEnds[span - 1]!, windowEnds[span]);
  }

  #window(span: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#windowBytes(span);
    if (!this.#stored.packed || bytes.length === 0) return bytes as Uint8Array<ArrayBuffer>;
    const { starts, bases } = this.#stored;
    return this.#codec.inflate(bytes, Math.min(WINDOW_SIZE, starts[span]! - bases[span]!));
  }

  /** The archive may have been fetched again since it was read whole and its own checksums were compared. */
  #assertSum(span: number, bytes: Uint8Array): void {
    const { starts, bases, crcs } = this.#stored;
    const before = starts[span] === bases[span] ? 0 : crcs[span - 1]!;
    const found = this.#codec.crc32(bytes, before);
    if (found === crcs[span]) return;
    const what = `the CRC-32 of its content up to ${starts[span]! + bytes.length}`;
    throw damaged(this.#place, `${what} is ${hex32(found)}, was ${hex32(crcs[span]!)} when it was opened`);
  }
}
