/*
 * zstd (RFC 8878): frames, one after another, decoded while they arrive. What is decoded is checked against the frame's checksum
 * where it has one. What comes of it are spans (zstd-spans.ts): small frames are decoded again when something of them is read; of large
 * ones the content is kept, because a frame cannot be entered in the middle. How to pack for the former, docs/FORMAT.md says.
 */

import { FsError } from '../base/errors.ts';
import type { ZstdCodec, ZstdStream } from '../codec/zstd.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import type { Limits } from './limits.ts';
import { type ZstdFrame, readZstdFrame } from './zstd-frame.ts';
import { FRAME_LIMIT, PIECE_SIZE, type Pieces, ZstdSpans, decodeZstdPieces } from './zstd-spans.ts';

const HEADER_LIMIT = 18;

export interface ZstdOptions {
  readonly place: Place;
  readonly zstd: ZstdCodec;
  /** Bytes that the content may have; beyond: EFBIG. */
  readonly limit: number;
  readonly limits: Limits;
  /** Bytes that may be kept decoded; beyond: EFBIG. */
  readonly maxBytes: number;
  /** Gets the content in order. The bytes are valid only during the call. */
  readonly onOutput: (bytes: Uint8Array) => void;
}

/** A frame that has content. */
interface Span {
  /** The frame is the bytes [at, end). */
  readonly at: number;
  readonly end: number;
  /** Where it starts in the content. */
  readonly start: number;
}

/** The frame under way. */
interface Current {
  readonly at: number;
  /** Where it starts in the content. */
  readonly base: number;
  readonly size: number | undefined;
  readonly pieces: Piece[];
}

interface Piece {
  readonly bytes: Uint8Array;
  used: number;
}

/** Reads a zstd file that arrives in `bytes`, which is as long as all of it. */
export class ZstdReader {
  readonly #bytes: Uint8Array;
  readonly #options: ZstdOptions;
  readonly #stream: ZstdStream;
  readonly #spans: Span[] = [];
  readonly #pieces = new Map<number, Pieces>();
  #window = 0;
  #at = 0;
  #size = 0;
  #kept = 0;
  #frame: Current | undefined;
  /** Pieces of frames that turned out to be small: the next one is gathered in them. */
  #spare: Uint8Array[] = [];

  constructor(bytes: Uint8Array, options: ZstdOptions) {
    this.#bytes = bytes;
    this.#options = options;
    this.#stream = options.zstd.stream();
  }

  /**
   * Decodes what can be decoded of the first `available` bytes.
   * @throws {FsError} EIO when they are damaged, EFBIG when they hold more than the limit, ENOTSUP for what no decoder here can do.
   */
  advance(available: number): void {
    try {
      while (this.#at < available && this.#step(this.#bytes.subarray(this.#at, available)));
    } catch (e) {
      this.#stream.close();
      throw e;
    }
  }

  /** Says that all bytes are there, and gives the spans. @throws {FsError} EIO when the file is cut short. */
  finish(): ZstdSpans {
    const { place, zstd, maxBytes } = this.#options;
    this.#stream.close();
    if (this.#frame !== undefined) throw damaged(place, `cut short in the zstd frame at byte ${this.#frame.at}`);
    if (this.#at !== this.#bytes.length) throw damaged(place, `cut short in the header of the zstd frame at byte ${this.#at}`);
    const stored = {
      size: this.#size,
      starts: Float64Array.from(this.#spans, ({ start }) => start),
      at: Float64Array.from(this.#spans, ({ at }) => at),
      ends: Float64Array.from(this.#spans, ({ end }) => end),
      window: this.#window,
    };
    return new ZstdSpans(stored, { place, zstd, maxBytes }, this.#pieces);
  }

  /** Takes one header or as much of a frame as there is; gives whether more can be done. */
  #step(here: Uint8Array): boolean {
    if (this.#frame !== undefined) return this.#decode(here, this.#frame);
    const { place } = this.#options;
    const frame = readZstdFrame(here.subarray(0, HEADER_LIMIT));
    if (frame === undefined) return false;
    if (frame === 'none') throw damaged(place, `no zstd frame at byte ${this.#at}`);
    if (frame.kind === 'skippable') {
      if (this.#at + frame.length > this.#bytes.length) throw damaged(place, `cut short in the skippable frame at byte ${this.#at}`);
      if (frame.length > here.length) return false;
      this.#at += frame.length;
      return true;
    }
    assertDecodable(frame, this.#options.limits.window, place, ` at byte ${this.#at}`);
    if (frame.size !== undefined && this.#size + frame.size > this.#options.limit) throw this.#tooLarge();
    this.#window = Math.max(this.#window, frame.window);
    this.#frame = { at: this.#at, base: this.#size, size: frame.size, pieces: [] };
    return true;
  }

  #decode(here: Uint8Array, frame: Current): boolean {
    this.#at += guard(frame.at, this.#options.place, () => this.#stream.push(here, (output) => this.#emit(output, frame)));
    if (!this.#stream.ended) return false;
    this.#frame = undefined;
    // That they are as many as the header says, the decoder has made sure of.
    const size = this.#size - frame.base;
    if (size === 0) return true;
    this.#spans.push({ at: frame.at, end: this.#at, start: frame.base });
    if (size <= FRAME_LIMIT) {
      this.#spare = frame.pieces.map(({ bytes }) => bytes);
      return true;
    }
    const pieces = frame.pieces.map(({ bytes, used }) => (used === bytes.length ? bytes : bytes.slice(0, used)));
    this.#pieces.set(this.#spans.length - 1, pieces);
    this.#kept += size;
    return true;
  }

  #emit(output: Uint8Array, { base, size, pieces }: Current): void {
    const { limit, maxBytes, place, onOutput } = this.#options;
    if (this.#size + output.length > limit) throw this.#tooLarge();
    if (this.#kept + this.#size + output.length - base > Math.max(maxBytes, FRAME_LIMIT))
      throw tooLarge(place, `the content of its zstd frames takes more than the ${maxBytes} bytes that are allowed`);
    // What will be decoded again need not be gathered.
    if (size === undefined || size > FRAME_LIMIT) this.#gather(output, pieces);
    this.#size += output.length;
    onOutput(output);
  }

  #gather(output: Uint8Array, pieces: Piece[]): void {
    for (let at = 0; at < output.length;) {
      let piece = pieces.at(-1);
      if (piece === undefined || piece.used === piece.bytes.length) {
        piece = { bytes: this.#spare.pop() ?? new Uint8Array(PIECE_SIZE), used: 0 };
        pieces.push(piece);
      }
      const part = output.subarray(at, at + PIECE_SIZE - piece.used);
      piece.bytes.set(part, piece.used);
      piece.used += part.length;
      at += part.length;
    }
  }

  #tooLarge(): FsError {
    return tooLarge(this.#options.place, `inflates to more than the ${this.#options.limit} bytes that are allowed`);
  }
}

/** @throws {FsError} ENOTSUP when a frame needs more memory than is allowed, or a dictionary. */
export function assertDecodable(
  { window, dictionary }: Extract<ZstdFrame, { kind: 'data' }>,
  limit: number,
  { archive, entry }: Place,
  where: string,
): void {
  const problem =
    window > limit
      ? `needs a window of ${window} bytes, more than the ${limit} that are allowed (option limits.window)`
      : dictionary === 0
        ? undefined
        : `needs the dictionary ${dictionary}`;
  if (problem === undefined) return;
  throw new FsError('ENOTSUP', { detail: `${archive}: ${entry === undefined ? '' : `'${entry}': `}the zstd frame${where} ${problem}` });
}

/**
 * Decodes the frames that `stored` consists of, whose headers were looked at, to `size` bytes. The caller owns the result.
 *
 * @throws {FsError} EIO when they are damaged or of another size.
 */
export function decodeZstd(stored: Uint8Array, size: number, zstd: ZstdCodec): Uint8Array {
  const whole = decodeZstdUpTo(stored, size, zstd);
  if (whole.length !== size) throw new FsError('EIO', { detail: `${whole.length} bytes of output, should be ${size}` });
  return whole;
}

/** The same where it is not known how many bytes there are, only that there are at most `limit`. */
export function decodeZstdUpTo(stored: Uint8Array, limit: number, zstd: ZstdCodec): Uint8Array {
  const whole = new Uint8Array(limit);
  const used = decodeZstdPieces(stored, limit, zstd, (output, at) => whole.set(output, at));
  return used === limit ? whole : whole.slice(0, used);
}

/** Words the decoder's errors. What the receiver of the output throws is worded already. */
function guard<T>(at: number, place: Place, decode: () => T): T {
  try {
    return decode();
  } catch (e) {
    if (e instanceof FsError && e.detail?.startsWith(place.archive) === true) throw e;
    if (e instanceof FsError)
      throw damaged({ ...place, cause: e }, `the zstd frame at byte ${at} cannot be decoded: ${e.detail ?? e.message}`);
    if (e instanceof RangeError) throw tooLarge(place, 'inflates to more than there is memory for');
    throw e;
  }
}
