/*
 * Walks through a raw DEFLATE stream (RFC 1951) and checks it as zlib does: for the JavaScript codec, because fflate
 * neither rejects all damage nor tells where a stream ends, which must not depend on whether WebAssembly is allowed.
 * It writes output only where fflate cannot: from a restart point on.
 */

import { FsError } from '../base/errors.ts';
import { beyondLimit, cutShort, damaged } from './damage.ts';
import { findCode, makePrefixCode } from './prefix-code.ts';
import type { PrefixCode } from './prefix-code.ts';

/** Farther than any distance reaches (RFC 1951, 3.2.5). */
export const HISTORY_SIZE = 32 * 1024;

/** Bits are counted in 32 bits here and in fflate. */
const MAX_INPUT = 2 ** 29 - 1;

/** The order in which the lengths of the code length code are written. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

interface Ranges {
  readonly starts: Uint16Array;
  readonly extras: Uint8Array;
}

/** Where the ranges of lengths or distances start, and their extra bits: from the third `group` on one bit more a group. */
function makeRanges(count: number, first: number, group: number): Ranges {
  const starts = new Uint16Array(count);
  const extras = new Uint8Array(count);
  for (let i = 0, start = first; i < count; i++) {
    extras[i] = Math.max(0, Math.floor(i / group) - 1);
    starts[i] = start;
    start += 1 << extras[i]!;
  }
  return { starts, extras };
}

const lengthRanges = makeRanges(29, 3, 4);
lengthRanges.starts[28] = 258;
lengthRanges.extras[28] = 0;
const distanceRanges = makeRanges(30, 1, 2);

function fixedLengths(): Uint8Array {
  return new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
}
const fixedLiterals = makePrefixCode(fixedLengths(), true)!;
const fixedDistances = makePrefixCode(new Uint8Array(32).fill(5), true)!;

/** What is written: the output from a restart point on, behind the history that it needs. */
export interface Written {
  readonly bytes: Uint8Array;
  readonly historySize: number;
}

export interface WalkOptions {
  /** Bit of the input at which a block starts. */
  readonly bit: number;
  /** Bytes of output that are allowed: beyond is EFBIG. */
  readonly limit: number;
  /** Where to put the output. The walk ends when it is full. */
  readonly written?: Written | undefined;
  /** Is told of every block: where it starts, and how much output there was before it. */
  readonly onBlock?: ((bit: number, size: number) => void) | undefined;
}

/** One walk from a block's start to the end of the stream. */
export class Walk {
  readonly #input: Uint8Array;
  readonly #options: WalkOptions;
  readonly #historySize: number;
  #bit: number;
  #size = 0;
  #ended = false;

  constructor(input: Uint8Array, options: WalkOptions) {
    if (input.length > MAX_INPUT) throw new FsError('EFBIG', { detail: `more than ${MAX_INPUT} bytes of compressed data` });
    this.#input = input;
    this.#options = options;
    this.#bit = options.bit;
    this.#historySize = options.written?.historySize ?? 0;
  }

  /** Bytes of input up to the end of the stream. */
  get consumed(): number {
    return Math.ceil(this.#bit / 8);
  }

  /** Bytes of output. */
  get size(): number {
    return this.#size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** @throws {FsError} EIO when the stream is damaged or cut short, EFBIG when its output passes the limit. */
  run(): this {
    while (!this.#ended && !this.#isFull()) {
      this.#options.onBlock?.(this.#bit, this.#size);
      const isFinal = this.#take(1) === 1;
      const type = this.#take(2);
      let isWhole = true;
      if (type === 0) this.#stored();
      else if (type === 1) isWhole = this.#symbols(fixedLiterals, fixedDistances);
      else if (type === 2) isWhole = this.#dynamic();
      else throw damaged('a block of an unknown type');
      this.#ended = isFinal && isWhole;
    }
    return this;
  }

  #isFull(): boolean {
    const { written } = this.#options;
    return written !== undefined && this.#historySize + this.#size >= written.bytes.length;
  }

  /** The next bits, 17 or more; zeros where the input has ended. */
  #peek(): number {
    const input = this.#input;
    const at = this.#bit >>> 3;
    if (at + 2 < input.length) return (input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16)) >>> (this.#bit & 7);
    return ((input[at] ?? 0) | ((input[at + 1] ?? 0) << 8)) >>> (this.#bit & 7);
  }

  #drop(bits: number): void {
    this.#bit += bits;
    if (this.#bit > this.#input.length * 8) throw cutShort();
  }

  #take(bits: number): number {
    const taken = this.#peek() & ((1 << bits) - 1);
    this.#drop(bits);
    return taken;
  }

  #symbol(code: PrefixCode): number {
    const found = findCode(code, this.#peek());
    if (found === 0) throw damaged('a code that has no meaning');
    this.#drop(found & 15);
    return found >>> 4;
  }

  #grow(bytes: number): void {
    this.#size += bytes;
    if (this.#size > this.#options.limit) throw beyondLimit(this.#options.limit);
  }

  #stored(): void {
    this.#bit = Math.ceil(this.#bit / 8) * 8;
    const length = this.#take(16);
    if (length !== (this.#take(16) ^ 0xffff)) throw damaged('a stored block whose length is wrong');
    const at = this.#bit / 8;
    this.#drop(length * 8);
    const to = this.#options.written?.bytes.subarray(this.#historySize + this.#size);
    to?.set(this.#input.subarray(at, at + Math.min(length, to.length)));
    this.#grow(length);
  }

  #dynamic(): boolean {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const orders = this.#take(4) + 4;
    if (literals > 286 || distances > 30) throw damaged('a block with too many symbols');
    const orderLengths = new Uint8Array(19);
    for (const symbol of ORDER.slice(0, orders)) orderLengths[symbol] = this.#take(3);
    const orderCode = makePrefixCode(orderLengths, false);
    if (orderCode === undefined) throw damaged('a block whose code lengths are no code');
    const lengths = this.#lengths(literals + distances, orderCode);
    if (lengths[256] === 0) throw damaged('a block without an end');
    const literalCode = makePrefixCode(lengths.subarray(0, literals), true);
    const distanceCode = makePrefixCode(lengths.subarray(literals), true);
    if (literalCode === undefined || distanceCode === undefined) throw damaged('a block whose symbols have no code');
    return this.#symbols(literalCode, distanceCode);
  }

  #lengths(count: number, code: PrefixCode): Uint8Array {
    const lengths = new Uint8Array(count);
    for (let i = 0; i < count;) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw damaged('a block whose code lengths repeat wrongly');
      const repeated = symbol === 16 ? lengths[i - 1]! : 0;
      const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + times > count) throw damaged('a block whose code lengths repeat wrongly');
      lengths.fill(repeated, i, i + times);
      i += times;
    }
    return lengths;
  }

  /** Walks through a block's literals and matches. False: what is written is full before the block's end. */
  #symbols(literals: PrefixCode, distances: PrefixCode): boolean {
    const { written } = this.#options;
    const bytes = written?.bytes;
    while (!this.#isFull()) {
      const symbol = this.#symbol(literals);
      if (symbol === 256) return true;
      if (symbol < 256) {
        if (bytes !== undefined) bytes[this.#historySize + this.#size] = symbol;
        this.#grow(1);
        continue;
      }
      const length = this.#ranged(lengthRanges, symbol - 257);
      const distance = this.#ranged(distanceRanges, this.#symbol(distances));
      if (distance > this.#historySize + this.#size) throw damaged('a distance to before the start');
      if (bytes !== undefined) this.#copy(bytes, length, distance);
      this.#grow(length);
    }
    return false;
  }

  #ranged({ starts, extras }: Ranges, index: number): number {
    const start = starts[index];
    if (start === undefined) throw damaged('a code that is no length and no distance');
    return start + this.#take(extras[index]!);
  }

  #copy(bytes: Uint8Array, length: number, distance: number): void {
    let to = this.#historySize + this.#size;
    // A typed array ignores what is written behind its end.
    for (const end = to + length; to < end; to++) bytes[to] = bytes[to - distance]!;
  }
}
