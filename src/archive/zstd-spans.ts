/*
 * The frames of a zstd file as spans: small ones are decoded again for each read, of a large one the content is kept once it was
 * decoded, because a frame cannot be entered in the middle. Plain numbers, made by zstd.ts, and stored in the cache.
 */

import { FsError } from '../base/errors.ts';
import type { ZstdCodec } from '../codec/zstd.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import type { Spans } from './spans.ts';

/** Frames up to here are decoded again for a read: some ten milliseconds. */
export const FRAME_LIMIT = 8 << 20;
/** Unit in which the content of larger frames is kept. */
export const PIECE_SIZE = 1 << 20;

/** The frames as they are stored: one element a frame that has content. */
export interface StoredZstdSpans {
  readonly size: number;
  /** Where each starts in the content. */
  readonly starts: Float64Array;
  /** The frames are the bytes [at, end) of the file. */
  readonly at: Float64Array;
  readonly ends: Float64Array;
  /** The largest window that decoding needs. */
  readonly window: number;
}

/** Content in pieces of `PIECE_SIZE`. */
export type Pieces = readonly Uint8Array[];

interface ZstdContext {
  readonly place: Place;
  readonly zstd: ZstdCodec;
  /** Bytes that may be kept decoded; beyond: EFBIG. */
  readonly maxBytes: number;
}

export class ZstdSpans implements Spans {
  readonly stored: StoredZstdSpans;
  readonly #context: ZstdContext;
  /** Large frames -> what they hold. */
  readonly #kept: Map<number, Pieces>;
  #keptBytes = 0;

  constructor(stored: StoredZstdSpans, context: ZstdContext, kept = new Map<number, Pieces>()) {
    this.stored = stored;
    this.#context = context;
    this.#kept = kept;
    for (const span of kept.keys()) this.#keptBytes += this.#sizeOf(span);
  }

  get starts(): Float64Array {
    return this.stored.starts;
  }

  get size(): number {
    return this.stored.size;
  }

  isAtHand(span: number): boolean {
    return this.#kept.has(span);
  }

  range(span: number): readonly [start: number, end: number] {
    return [this.stored.at[span]!, this.stored.ends[span]!];
  }

  decode(span: number, stored: Uint8Array, start: number, end: number): Uint8Array {
    const from = start - this.starts[span]!;
    const to = end - this.starts[span]!;
    const size = this.#sizeOf(span);
    const kept = this.#kept.get(span);
    if (kept !== undefined) return cutPieces(kept, from, to);
    if (size <= FRAME_LIMIT) {
      const whole = new Uint8Array(size);
      this.#decodeInto(span, stored, size, (output, at) => whole.set(output, at));
      return whole.subarray(from, to);
    }
    const { place, maxBytes } = this.#context;
    if (this.#keptBytes + size > maxBytes)
      throw tooLarge(place, `the content of its zstd frames takes more than the ${maxBytes} bytes that are allowed`);
    const pieces = Array.from(
      { length: Math.ceil(size / PIECE_SIZE) },
      (_, i) => new Uint8Array(Math.min(PIECE_SIZE, size - i * PIECE_SIZE)),
    );
    this.#decodeInto(span, stored, size, (output, at) => putPieces(pieces, output, at));
    this.#kept.set(span, pieces);
    this.#keptBytes += size;
    return cutPieces(pieces, from, to);
  }

  #sizeOf(span: number): number {
    return (this.starts[span + 1] ?? this.size) - this.starts[span]!;
  }

  #decodeInto(span: number, stored: Uint8Array, size: number, onOutput: (output: Uint8Array, at: number) => void): void {
    const { place, zstd } = this.#context;
    try {
      const used = decodeZstdPieces(stored, size, zstd, onOutput);
      if (used !== size) throw new FsError('EIO', { detail: `${used} bytes of output, should be ${size}` });
    } catch (e) {
      if (!(e instanceof FsError)) throw e;
      const at = this.stored.at[span]!;
      throw damaged({ ...place, cause: e }, `the zstd frame at byte ${at} cannot be decoded again: ${e.detail ?? e.message}`);
    }
  }
}

/** Puts bytes where they belong in pieces of `PIECE_SIZE`. */
function putPieces(pieces: Pieces, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) {
    const position = at + done;
    const piece = pieces[Math.floor(position / PIECE_SIZE)]!;
    const part = bytes.subarray(done, done + piece.length - (position % PIECE_SIZE));
    piece.set(part, position % PIECE_SIZE);
    done += part.length;
  }
}

function cutPieces(pieces: Pieces, start: number, end: number): Uint8Array {
  const first = Math.floor(start / PIECE_SIZE);
  if (end <= (first + 1) * PIECE_SIZE) return pieces[first]!.subarray(start % PIECE_SIZE, end - first * PIECE_SIZE);
  const bytes = new Uint8Array(end - start);
  for (let at = start; at < end;) {
    const part = pieces[Math.floor(at / PIECE_SIZE)]!.subarray(at % PIECE_SIZE, (at % PIECE_SIZE) + end - at);
    bytes.set(part, at - start);
    at += part.length;
  }
  return bytes;
}

/**
 * Decodes the frames that `stored` consists of, whose headers were looked at, to at most `limit` bytes, piece by piece; gives how many.
 *
 * @throws {FsError} EIO when they are damaged or hold more.
 */
export function decodeZstdPieces(
  stored: Uint8Array,
  limit: number,
  zstd: ZstdCodec,
  onOutput: (output: Uint8Array, at: number) => void,
): number {
  let used = 0;
  const stream = zstd.stream();
  try {
    for (let at = 0; at < stored.length;) {
      at += stream.push(stored.subarray(at), (output) => {
        if (used + output.length > limit) throw new FsError('EIO', { detail: `more than ${limit} bytes of output` });
        onOutput(output, used);
        used += output.length;
      });
      if (!stream.ended) throw new FsError('EIO', { detail: 'the compressed data ends before its end mark' });
    }
  } finally {
    stream.close();
  }
  return used;
}
