/*
 * gzip (RFC 1952): one or more members, one after another, each checked against its CRC-32 and length while it arrives. What comes of
 * it are spans: points to restart from, so that any part of it can be decoded again. As gunzip does, zeros behind the last member are
 * padding, and anything else there is left out and reported.
 */

import { FsError } from '../base/errors.ts';
import type { Codec, Inflater, RestartPoint } from '../codec/codec.ts';
import { type Place, damaged, hex32, tooLarge } from './damage.ts';
import { gzipHeaderEnd, isGzip } from './gzip-header.ts';
import { type GzipSpan, GzipSpans } from './gzip-spans.ts';

const TRAILER_SIZE = 8;
/** A name or a comment that is longer is none. */
const HEADER_LIMIT = 1 << 20;
/** No deflate stream holds more than this: a match of 258 bytes takes at least two bits. */
export const DEFLATE_MAX_RATIO = 1032;

/**
 * Output between two points. Each takes 32 KiB, so they take 3 % of the content; a read at random decodes half as much as this on
 * average, which takes half a millisecond (measured in docs/decisions/0014).
 */
const POINT_EVERY = 1 << 20;

export interface GzipOptions {
  readonly place: Place;
  readonly codec: Codec;
  /** Bytes that the content may have; beyond: EFBIG. */
  readonly limit: number;
  /** Is told what was left out. */
  readonly warn: (message: string) => void;
  /** Gets the content in order. The bytes are valid only during the call. */
  readonly onOutput: (bytes: Uint8Array) => void;
}

/** The member under way. */
interface Member {
  /** Of its header, for messages. */
  readonly at: number;
  readonly stream: number;
  /** Where it starts in the content. */
  readonly base: number;
  readonly inflater: Inflater | undefined;
  /** CRC-32 of what came of it. */
  crc: number;
}

const NO_WINDOW = new Uint8Array();

/**
 * Reads a gzip file that arrives in `bytes`, which is as long as all of it.
 *
 * @example
 * const reader = new GzipReader(bytes, options);
 * for (…) reader.advance(available);
 * const spans = reader.finish();
 */
export class GzipReader {
  readonly #bytes: Uint8Array;
  readonly #options: GzipOptions;
  readonly #spans: GzipSpan[] = [];
  /** Everything before this byte was dealt with. */
  #at = 0;
  #available = 0;
  #size = 0;
  #member: Member | undefined;
  /** Where the trailer of the member that was decoded last is to be. */
  #trailer: number | undefined;
  #members = 0;
  /** What comes is no member. */
  #isRest = false;

  constructor(bytes: Uint8Array, options: GzipOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  /**
   * Decodes what can be decoded of the first `available` bytes.
   * @throws {FsError} EIO when they are damaged, EFBIG when they hold more than the limit.
   */
  advance(available: number): void {
    this.#available = available;
    this.#decode(available === this.#bytes.length);
  }

  /** Says that all bytes are there, and gives the spans. @throws {FsError} EIO when the file is cut short. */
  finish(): GzipSpans {
    const { place, warn, codec } = this.#options;
    if (this.#members === 0) throw damaged(place, 'cut short before the first gzip member');
    const rest = this.#bytes.subarray(this.#at);
    if (rest.some((byte) => byte !== 0)) warn(`${rest.length} bytes behind the end of the gzip stream are left out`);
    return GzipSpans.of(this.#spans, this.#size, { place, codec });
  }

  #decode(last: boolean): void {
    for (let goesOn = true; goesOn;) {
      if (this.#trailer !== undefined) goesOn = this.#readTrailer(this.#trailer, last);
      else if (this.#member !== undefined) goesOn = this.#readStream(this.#member, last);
      else goesOn = this.#readHeader(last);
    }
  }

  #readHeader(last: boolean): boolean {
    const here = this.#bytes.subarray(this.#at, this.#available);
    if (this.#isRest || here.length === 0 || (here.length < 3 && !last)) return false;
    if (this.#members > 0 && !isGzip(here)) {
      this.#isRest = true;
      return false;
    }
    const { place, codec } = this.#options;
    const end = gzipHeaderEnd(here, this.#at, { place, codec });
    if (end === undefined) {
      if (last || here.length > HEADER_LIMIT) throw damaged(place, `cut short in the header of the gzip member at byte ${this.#at}`);
      return false;
    }
    this.#startMember(this.#at, this.#at + end);
    return true;
  }

  #startMember(at: number, stream: number): void {
    const { codec, limit } = this.#options;
    const base = this.#size;
    const onPoint = ({ bit, offset, history }: RestartPoint): void =>
      this.#addSpan({ start: base + offset, base, stream, bit, window: history });
    // The JavaScript codec cannot tell where a stream ends before it has all of it, and decodes it in one go.
    const inflater =
      codec.kind === 'javascript'
        ? undefined
        : codec.inflater({
            limit: limit - base,
            onOutput: (bytes) => this.#emit(bytes),
            points: { every: POINT_EVERY, onPoint },
            checksum: true,
          });
    if (inflater !== undefined) this.#addSpan({ start: base, base, stream, bit: 0, window: NO_WINDOW });
    this.#member = { at, stream, base, inflater, crc: 0 };
    this.#at = stream;
  }

  /** Ends the last span where another starts. A span of no bytes is replaced by the one behind it. */
  #addSpan(span: Omit<GzipSpan, 'end' | 'crc'>): void {
    const last = this.#spans.at(-1);
    if (last?.start === span.start) this.#spans.pop();
    else if (last?.stream === span.stream) this.#endSpan(span.stream + Math.ceil(span.bit / 8));
    this.#spans.push({ ...span, end: 0, crc: 0 });
  }

  #endSpan(end: number): void {
    const last = this.#spans.at(-1);
    if (last === undefined || this.#member === undefined) return;
    last.end = end;
    last.crc = this.#member.inflater?.crc ?? this.#member.crc;
  }

  #emit(bytes: Uint8Array): void {
    this.#size += bytes.length;
    this.#options.onOutput(bytes);
  }

  #readStream(member: Member, last: boolean): boolean {
    const { at, stream, base, inflater } = member;
    const input = this.#bytes.subarray(this.#at, this.#available);
    if (inflater === undefined) {
      if (!last) return false;
      const { output, consumed } = this.#guard(at, () => this.#options.codec.inflateStream(input, this.#options.limit - base));
      this.#addSpan({ start: base, base, stream, bit: 0, window: NO_WINDOW, output });
      member.crc = this.#options.codec.crc32(output);
      this.#emit(output);
      this.#endStream(stream + consumed);
      return true;
    }
    this.#at = this.#available;
    this.#guard(at, () => {
      inflater.push(input);
      if (inflater.ended || last) inflater.end();
    });
    if (!inflater.ended) return false;
    member.crc = inflater.crc;
    this.#endStream(stream + inflater.consumed);
    return true;
  }

  #endStream(end: number): void {
    this.#trailer = end;
    this.#endSpan(end);
  }

  /** Words the codec's errors. What the receiver of the output throws is worded already. */
  #guard<T>(at: number, decode: () => T): T {
    const { place, limit } = this.#options;
    try {
      return decode();
    } catch (e) {
      if (e instanceof FsError && e.detail?.startsWith(place.archive) === true) throw e;
      if (e instanceof FsError && e.code === 'EFBIG') throw tooLarge(place, `inflates to more than the ${limit} bytes that are allowed`);
      if (e instanceof FsError)
        throw damaged({ ...place, cause: e }, `the gzip member at byte ${at} cannot be inflated: ${e.detail ?? e.message}`);
      // The engine's own words for memory that it does not have.
      if (e instanceof RangeError) throw tooLarge(place, 'inflates to more than there is memory for');
      throw e;
    }
  }

  #readTrailer(trailer: number, last: boolean): boolean {
    const { place } = this.#options;
    const { at, base, crc } = this.#member!;
    const end = trailer + TRAILER_SIZE;
    if (end > this.#available) {
      if (last) throw damaged(place, `cut short: the gzip member at byte ${at} has no trailer`);
      return false;
    }
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + trailer, TRAILER_SIZE);
    const expected = view.getUint32(0, true);
    if (crc !== expected)
      throw damaged(place, `the CRC-32 of the gzip member at byte ${at} is ${hex32(crc)}, should be ${hex32(expected)}`);
    // The length is recorded modulo 2^32.
    const size = this.#size - base;
    if (view.getUint32(4, true) !== size % 2 ** 32)
      throw damaged(place, `the gzip member at byte ${at} has ${size} bytes, not as many as it says`);
    this.#at = end;
    this.#trailer = undefined;
    this.#member = undefined;
    this.#members++;
    return true;
  }
}
