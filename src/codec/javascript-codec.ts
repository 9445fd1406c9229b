/*
 * The codec where WebAssembly is forbidden. fflate decodes whole streams; what it does not do (finding all damage, the end
 * of a stream, restart points) `Walk` does. Both together take about ten times as long as the kernel.
 */

import { inflateSync } from 'fflate';
import { concatBytes } from '../base/bytes.ts';
import { isFsError } from '../base/errors.ts';
import type { Codec, Inflater, InflaterOptions, RestartPoint } from './api.ts';
import { assertPossibleSize, assertWhole, cutShort, damaged } from './damage.ts';
import type { Needle } from './needle.ts';
import { sha256 } from './sha256.ts';
import { HISTORY_SIZE, Walk } from './walk.ts';

export class JavaScriptCodec implements Codec {
  readonly kind = 'javascript';

  inflate(compressed: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
    assertPossibleSize(compressed.length, size);
    try {
      const walk = new Walk(compressed, { bit: 0, limit: size }).run();
      assertWhole(compressed.length, size, walk);
      return decode(compressed, walk);
    } catch (e) {
      if (isFsError(e, 'EFBIG')) throw damaged(`more than ${size} bytes of output`);
      throw e;
    }
  }

  inflateStream(input: Uint8Array, limit: number): { output: Uint8Array<ArrayBuffer>; consumed: number } {
    const walk = new Walk(input, { bit: 0, limit }).run();
    return { output: decode(input, walk), consumed: walk.consumed };
  }

  inflater(options: InflaterOptions): Inflater {
    return new GatheringInflater(options, (bytes) => this.crc32(bytes));
  }

  inflateRange(input: Uint8Array, from: RestartPoint, start: number, end: number): Uint8Array<ArrayBuffer> {
    if (!(from.offset <= start && start <= end)) throw new TypeError(`no range [${start}, ${end}) from ${from.offset} on`);
    const historySize = from.history.length;
    const bytes = new Uint8Array(historySize + end - from.offset);
    bytes.set(from.history);
    const walk = new Walk(input, { bit: from.bit % 8, limit: Infinity, written: { bytes, historySize } }).run();
    const produced = from.offset + walk.size;
    if (produced < end) throw damaged(`${produced} bytes of output, should be ${end} or more`);
    return bytes.slice(historySize + start - from.offset);
  }

  crc32(bytes: Uint8Array, seed = 0): number {
    let crc = ~seed;
    for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
    return ~crc >>> 0;
  }

  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return sha256(bytes);
  }

  search(bytes: Uint8Array, needle: Needle, from = 0, limit = Infinity): number[] {
    const { length, bytes: wanted, mask } = needle;
    const [firstByte, firstMask] = [wanted[0]!, mask[0]!];
    const borders = bordersOf(needle);
    const found: number[] = [];
    let fitting = 0;
    for (let at = from; at < bytes.length && found.length < limit; at++) {
      if (fitting === 0 && firstMask === 0) {
        // The platform's own search for a byte is several times as fast as this loop.
        at = bytes.indexOf(firstByte, at);
        if (at < 0) break;
      }
      while (fitting > 0 && (bytes[at]! | mask[fitting]!) !== wanted[fitting]) fitting = borders[fitting - 1]!;
      if ((bytes[at]! | mask[fitting]!) === wanted[fitting]) fitting++;
      if (fitting < length) continue;
      found.push(at + 1 - length);
      fitting = 0;
    }
    return found;
  }
}

/**
 * Of each beginning of a needle how much of its end is a beginning as well: where a match breaks off, that much of it fits still, so
 * that no byte is looked at again from the start (Knuth, Morris and Pratt).
 */
function bordersOf({ length, bytes }: Needle): Uint16Array {
  const borders = new Uint16Array(length);
  for (let end = 1, border = 0; end < length; end++) {
    while (border > 0 && bytes[end] !== bytes[border]) border = borders[border - 1]!;
    if (bytes[end] === bytes[border]) border++;
    borders[end] = border;
  }
  return borders;
}

/** Decodes a stream that was walked through: nothing can be wrong with it. */
function decode(input: Uint8Array, { consumed, size }: Walk): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  inflateSync(input.subarray(0, consumed), { out });
  return out;
}

/** CRC-32 of each byte, polynomial 0xedb88320. */
const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  return crc;
});

/** Keeps what it is given until the end is told. */
class GatheringInflater implements Inflater {
  readonly #options: InflaterOptions;
  readonly #pieces: Uint8Array[] = [];
  #ended = false;
  #consumed = 0;
  #crc = 0;

  constructor(
    options: InflaterOptions,
    private readonly crc32: (bytes: Uint8Array) => number,
  ) {
    this.#options = options;
  }

  get crc(): number {
    return this.#crc;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get consumed(): number {
    return this.#consumed;
  }

  push(bytes: Uint8Array): void {
    if (!this.#ended) this.#pieces.push(bytes.slice());
  }

  end(): void {
    if (this.#ended) return;
    const { limit, onOutput, points, checksum } = this.#options;
    const input = concatBytes(this.#pieces.splice(0));
    const found: { readonly bit: number; readonly offset: number }[] = [];
    let next = points?.every ?? Infinity;
    const onBlock = (bit: number, offset: number): void => {
      if (offset < next || points === undefined) return;
      found.push({ bit, offset });
      next = offset + points.every;
    };
    const walk = new Walk(input, { bit: 0, limit, onBlock }).run();
    if (!walk.ended) throw cutShort();
    this.#ended = true;
    this.#consumed = walk.consumed;
    const output = decode(input, walk);
    if (checksum === true) this.#crc = this.crc32(output);
    if (output.length > 0) onOutput(output);
    for (const { bit, offset } of found) {
      points?.onPoint({ bit, offset, history: output.slice(Math.max(0, offset - HISTORY_SIZE), offset) });
    }
  }
}
