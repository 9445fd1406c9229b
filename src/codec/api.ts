/* The contract of the codec: synchronous raw DEFLATE (RFC 1951), CRC-32, SHA-256 and literal search. */

import type { Needle } from './needle.ts';

/** A place inside a stream from which decoding can start: the start of a block. Plain data: it can be stored and sent. */
export interface RestartPoint {
  /** Bits of the stream before it. */
  readonly bit: number;
  /** Bytes of output before it. */
  readonly offset: number;
  /** The last 32 KiB of output before it, or all where there is less. */
  readonly history: Uint8Array<ArrayBuffer>;
}

/** A stream from its start on. */
export const STREAM_START: RestartPoint = { bit: 0, offset: 0, history: new Uint8Array() };

export interface InflaterOptions {
  /** Bytes of output that are allowed; beyond: EFBIG. */
  readonly limit: number;
  /** Gets the output in order. The bytes are valid only during the call. */
  readonly onOutput: (bytes: Uint8Array) => void;
  /** Asks for restart points: at the first block that starts `every` bytes of output or more behind the last one. */
  readonly points?: { readonly every: number; readonly onPoint: (point: RestartPoint) => void } | undefined;
  /** Asks for the CRC-32 of the output, which costs less here than outside. */
  readonly checksum?: boolean | undefined;
}

/**
 * Decodes one raw DEFLATE stream that arrives in pieces.
 *
 * @example
 * const inflater = codec.inflater({ limit, onOutput: (bytes) => file.append(bytes) });
 * for await (const bytes of response.body) inflater.push(bytes);
 * inflater.end();
 */
export interface Inflater {
  /**
   * Decodes what can be decoded. Bytes behind the end of the stream are left alone: `consumed` tells where they start.
   * The JavaScript codec keeps everything until `end`.
   * @throws {FsError} EIO when the stream is damaged, EFBIG when its output passes the limit.
   */
  push(bytes: Uint8Array): void;
  /** Says that nothing comes any more. @throws {FsError} EIO when the stream is damaged or not at its end. */
  end(): void;
  /** The end of the stream was seen. */
  readonly ended: boolean;
  /** Bytes of input that belong to the stream: of all of it once `ended`, else of what was decoded. */
  readonly consumed: number;
  /** The CRC-32 of the output so far, where it was asked for; `onOutput` and `onPoint` see their bytes in it. */
  readonly crc: number;
}

export interface Codec {
  readonly kind: 'wasm' | 'javascript';

  /**
   * Decodes a raw DEFLATE stream that is all of `compressed` and has `size` bytes of output. The caller owns the result.
   * @throws {FsError} EIO when it is damaged, cut short, followed by other bytes, or of another size.
   */
  inflate(compressed: Uint8Array, size: number): Uint8Array<ArrayBuffer>;

  /**
   * Decodes a raw DEFLATE stream that starts at `input[0]` and may be followed by other bytes. The caller owns the output.
   * @param limit Bytes of output that are allowed.
   * @param expected How many there will probably be: saves a copy when it is right, and does no harm when it is not.
   * @returns The output, and how many bytes of input the stream took.
   * @throws {FsError} EIO when it is damaged or cut short, EFBIG when its output passes `limit`.
   * @example
   * const { output, consumed } = codec.inflateStream(gzip.subarray(headerSize), 1 << 30);
   */
  inflateStream(input: Uint8Array, limit: number, expected?: number): { output: Uint8Array<ArrayBuffer>; consumed: number };

  /** Starts to decode a stream that arrives in pieces, or that is too large to have its output at once. */
  inflater(options: InflaterOptions): Inflater;

  /**
   * Decodes the output's bytes [start, end) from a restart point at or before `start`.
   * @param input The stream from byte `Math.floor(from.bit / 8)` on, as far as is needed or further.
   * @throws {FsError} EIO when it is damaged, cut short or ends before `end`.
   */
  inflateRange(input: Uint8Array, from: RestartPoint, start: number, end: number): Uint8Array<ArrayBuffer>;

  /** The CRC-32 of `bytes`, or of what `seed` is the CRC-32 of, followed by `bytes`. Unsigned. */
  crc32(bytes: Uint8Array, seed?: number): number;

  /** The SHA-256 of `bytes`: 32 bytes. Synchronous, unlike that of `crypto.subtle`, which is faster on large inputs. */
  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer>;

  /**
   * Finds a literal: where the matches start, from left to right, none of them overlapping the one before it.
   * @param from Where the first may start. @param limit How many are wanted at most.
   * @example
   * codec.search(bytes, makeNeedle(encodeUtf8('TODO'), false)); // [120, 4711]
   */
  search(bytes: Uint8Array, needle: Needle, from?: number, limit?: number): number[];
}
