/* Raw DEFLATE streams for comparing the codecs with zlib: well-formed, damaged, and made of random codes. All by a seed. */

import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { ZlibOptions } from 'node:zlib';

/** Random numbers by a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer in [0, n). */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(n: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: n }, () => this.below(256));
  }
}

/** Content of one of the kinds that give different blocks. */
export function randomContent(random: Random, size: number): Uint8Array<ArrayBuffer> {
  const kind = random.below(5);
  if (kind === 0) return random.bytes(size);
  if (kind === 1) return new Uint8Array(size).fill(random.below(256));
  if (kind === 2) return Uint8Array.from({ length: size }, () => 97 + random.below(1 + random.below(26)));
  if (kind === 3) {
    const period = random.bytes(1 + random.below(40));
    return Uint8Array.from({ length: size }, (_, i) => period[i % period.length]!);
  }
  return words(random, size);
}

function words(random: Random, size: number): Uint8Array<ArrayBuffer> {
  const vocabulary = Array.from({ length: 200 }, () => random.bytes(2 + random.below(9)));
  const content = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const word = random.pick(vocabulary).subarray(0, size - at);
    content.set(word, at);
    at += word.length;
  }
  return content;
}

const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FILTERED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED];

export function randomSettings(random: Random): ZlibOptions {
  return { level: random.below(10), strategy: random.pick(strategies), windowBits: 9 + random.below(7), memLevel: 1 + random.below(9) };
}

/** Damages a stream: bits changed, bytes cut off, replaced, removed or put in. */
export function mutate(random: Random, stream: Uint8Array): Uint8Array<ArrayBuffer> {
  const damaged = new Uint8Array(stream);
  const at = random.below(damaged.length);
  switch (random.below(6)) {
    case 0:
      return damaged.subarray(0, at);
    case 1:
      return damaged.fill(random.below(256), at, at + 1 + random.below(4));
    case 2:
      damaged.copyWithin(at, random.below(damaged.length));
      return damaged;
    default:
      // Heads of blocks are mostly at the start, and what happens there matters most.
      for (let flips = 1 + random.below(3); flips > 0; flips--) {
        damaged[random.below(random.below(2) === 0 ? Math.min(80, damaged.length) : damaged.length)]! ^= 1 << random.below(8);
      }
      return damaged;
  }
}

class BitWriter {
  readonly #bytes: number[] = [];
  #count = 0;

  put(value: number, bits: number): void {
    for (let i = 0; i < bits; i++, this.#count++) {
      if (this.#count % 8 === 0) this.#bytes.push(0);
      this.#bytes[this.#bytes.length - 1]! |= ((value >>> i) & 1) << (this.#count % 8);
    }
  }

  finish(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }
}

/** Lengths of a complete code, sometimes with one length too long, too short or left out. */
function randomLengths(random: Random, count: number): number[] {
  const used = Math.min(count, 1 + random.below(count));
  const leaves = [0];
  while (leaves.length < used) {
    const i = random.below(3) === 0 ? leaves.length - 1 : random.below(leaves.length);
    const depth = leaves[i]!;
    if (depth >= 15) {
      if (leaves.every((leaf) => leaf >= 15)) break;
      continue;
    }
    leaves.splice(i, 1, depth + 1, depth + 1);
  }
  if (leaves.length === 1) leaves[0] = random.below(3);
  if (random.below(4) === 0) leaves[random.below(leaves.length)] = random.below(16);
  const lengths = new Array<number>(count).fill(0);
  for (const leaf of leaves) {
    let at = random.below(count);
    while (lengths[at] !== 0 && lengths.includes(0)) at = (at + 1) % count;
    lengths[at] = leaf;
  }
  return lengths;
}

/** The order in which the lengths of the code length code are written. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A symbol of the code length code with its extra bits. */
export type LengthSymbol = readonly [symbol: number, extra?: number];

/** Symbols 0 to 12 have 4 bits, 13 to 18 have 5: a complete code. */
const completeOrder = Array.from({ length: 19 }, (_, symbol) => (symbol < 13 ? 4 : 5));

export interface Block {
  readonly literals: number;
  readonly distances: number;
  readonly symbols: readonly LengthSymbol[];
  /** Lengths of the code length code as they are written; the symbols are coded with the complete ones in any case. */
  readonly orderLengths?: readonly number[];
}

/** Writes the head of a final block with codes of its own, whatever it says. */
function putHead(writer: BitWriter, { literals, distances, symbols, orderLengths = completeOrder }: Block): void {
  writer.put(1 | (2 << 1), 3);
  writer.put(literals - 257, 5);
  writer.put(distances - 1, 5);
  writer.put(15, 4);
  for (const symbol of ORDER) writer.put(orderLengths[symbol]!, 3);
  for (const [symbol, extra = 0] of symbols) {
    const code = symbol < 13 ? symbol : 26 + symbol - 13;
    for (let i = symbol < 13 ? 3 : 4; i >= 0; i--) writer.put(code >>> i, 1);
    if (symbol >= 16) writer.put(extra, symbol === 16 ? 2 : symbol === 17 ? 3 : 7);
  }
}

/** A stream of one block with codes of its own; `content` is bits, the first one first. */
export function blockStream(block: Block, content: string): Uint8Array<ArrayBuffer> {
  const writer = new BitWriter();
  putHead(writer, block);
  for (const bit of content) writer.put(Number(bit), 1);
  return writer.finish();
}

/** A stream of one block with a random code, and random bits behind its head. */
function randomCodeStream(random: Random): Uint8Array<ArrayBuffer> {
  const writer = new BitWriter();
  const literals = 257 + random.below(random.below(20) === 0 ? 32 : 30);
  const distances = 1 + random.below(random.below(20) === 0 ? 32 : 30);
  const lengths = randomLengths(random, literals);
  if (random.below(8) !== 0 && lengths[256] === 0) {
    const given = lengths.findIndex((length) => length !== 0);
    if (given >= 0) [lengths[256], lengths[given]] = [lengths[given]!, 0];
  }
  lengths.push(...randomLengths(random, distances));
  putHead(writer, { literals, distances, symbols: lengths.map((length) => [length]) });
  for (let n = 20 + random.below(200); n > 0; n--) writer.put(random.below(256), 8);
  return writer.finish();
}

/** A stream that may or may not be one: damaged, random, or with a random code. */
export function randomStream(random: Random): Uint8Array<ArrayBuffer> {
  const kind = random.below(10);
  if (kind === 0) return random.bytes(random.below(300));
  if (kind < 4) return randomCodeStream(random);
  // Now and then one that is larger than what the kernel works in.
  const most = random.below(300) === 0 ? 700_000 : random.pick([100, 2000, 6000]);
  const content = randomContent(random, 1 + random.below(most));
  const stream = new Uint8Array(deflateRawSync(content, randomSettings(random)));
  return kind === 9 ? stream : mutate(random, stream);
}

/** What zlib makes of a stream. */
export function referenceInflate(stream: Uint8Array): { output: Uint8Array; consumed: number } | undefined {
  try {
    const { buffer, engine } = inflateRawSync(stream, { info: true }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return { output: buffer, consumed: engine.bytesWritten };
  } catch (e) {
    const code = (e as { code?: unknown }).code;
    if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR') return undefined;
    throw e;
  }
}
