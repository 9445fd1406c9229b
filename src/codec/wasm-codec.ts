/*
 * The codec over the WebAssembly kernel. One kernel serves all calls that end before they return; each inflater has its own, and the
 * one of an inflater that came to its end serves the next: a gzip file may have ten thousand members.
 */

import { concatBytes } from '../base/bytes.ts';
import { isFsError } from '../base/errors.ts';
import { STREAM_START } from './api.ts';
import type { Codec, Inflater, InflaterOptions, RestartPoint } from './api.ts';
import { assertPossibleSize, assertWhole, cutShort, damaged, maxOutput } from './damage.ts';
import type { Kernel } from './kernel.ts';
import type { Needle } from './needle.ts';
import { INITIAL_STATE, SHA_BLOCK, digestOf, lastBlocks } from './sha256.ts';
import { Stream } from './stream.ts';

export class WasmCodec implements Codec {
  readonly kind = 'wasm';
  readonly #makeKernel: () => Kernel;
  readonly #kernel: Kernel;
  /** The kernel of an inflater that has ended. More than one at a time are seldom wanted. */
  #idle: Kernel | undefined;

  constructor(makeKernel: () => Kernel) {
    this.#makeKernel = makeKernel;
    this.#kernel = makeKernel();
  }

  inflate(compressed: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
    assertPossibleSize(compressed.length, size);
    try {
      const { output, consumed } = this.inflateStream(compressed, size, size);
      assertWhole(compressed.length, size, { consumed, size: output.length });
      return output;
    } catch (e) {
      if (isFsError(e, 'EFBIG')) throw damaged(`more than ${size} bytes of output`);
      throw e;
    }
  }

  inflateStream(input: Uint8Array, limit: number, expected = 0): { output: Uint8Array<ArrayBuffer>; consumed: number } {
    const collector = new Collector(Math.min(expected, limit, maxOutput(input.length)));
    const stream = new Stream(this.#kernel, { limit, onOutput: (bytes) => collector.add(bytes) }, STREAM_START);
    stream.push(input);
    stream.end();
    return { output: collector.finish(), consumed: stream.consumed };
  }

  inflater(options: InflaterOptions): Inflater {
    const kernel = this.#idle ?? this.#makeKernel();
    this.#idle = undefined;
    return new Stream(kernel, options, STREAM_START, (idle) => {
      this.#idle = idle;
    });
  }

  inflateRange(input: Uint8Array, from: RestartPoint, start: number, end: number): Uint8Array<ArrayBuffer> {
    if (!(from.offset <= start && start <= end)) throw new TypeError(`no range [${start}, ${end}) from ${from.offset} on`);
    const output = new Uint8Array(end - start);
    let at = from.offset - start;
    const onOutput = (bytes: Uint8Array): void => {
      const first = Math.max(0, -at);
      const last = Math.min(bytes.length, output.length - at);
      if (first < last) output.set(bytes.subarray(first, last), at + first);
      at += bytes.length;
    };
    const stream = new Stream(this.#kernel, { limit: Infinity, onOutput }, from);
    stream.push(input, end);
    if (stream.produced < end) throw stream.ended ? damaged(`${stream.produced} bytes of output, should be ${end} or more`) : cutShort();
    return output;
  }

  crc32(bytes: Uint8Array, seed = 0): number {
    const { exports, memory, input, inputSize } = this.#kernel;
    let crc = seed;
    for (let at = 0; at < bytes.length; at += inputSize) {
      const span = bytes.subarray(at, at + inputSize);
      memory.set(span, input);
      crc = exports.crc32(input, input + span.length, crc);
    }
    return crc >>> 0;
  }

  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { exports, memory, input, inputSize } = this.#kernel;
    const state = new Uint32Array(memory.buffer, exports.SHA_STATE.value, INITIAL_STATE.length);
    state.set(INITIAL_STATE);
    const take = (blocks: Uint8Array): void => {
      for (let at = 0; at < blocks.length; at += inputSize) {
        const span = blocks.subarray(at, at + inputSize);
        memory.set(span, input);
        exports.sha256(input, input + span.length);
      }
    };
    take(bytes.subarray(0, bytes.length - (bytes.length % SHA_BLOCK)));
    take(lastBlocks(bytes));
    return digestOf(state);
  }

  search(bytes: Uint8Array, needle: Needle, from = 0, limit = Infinity): number[] {
    const { exports, memory, output, outputSize } = this.#kernel;
    const { length } = needle;
    memory.set(needle.bytes, exports.NEEDLE.value);
    memory.set(needle.mask, exports.NEEDLE_MASK.value);
    const found: number[] = [];
    for (let at = from; at + length <= bytes.length && found.length < limit;) {
      const span = bytes.subarray(at, at + outputSize);
      const end = output + span.length;
      memory.set(span, output);
      let next = output;
      while (found.length < limit) {
        const place = exports.find(next, end, length);
        if (place === 0) break;
        found.push(at + place - output);
        next = place + length;
      }
      // A match may start in one span and end in the next.
      at += Math.max(next - output, span.length - length + 1);
    }
    return found;
  }
}

/** Gathers output of a size that is expected, not known. */
class Collector {
  readonly #expected: Uint8Array<ArrayBuffer>;
  #used = 0;
  readonly #more: Uint8Array[] = [];

  constructor(expected: number) {
    this.#expected = new Uint8Array(expected);
  }

  add(bytes: Uint8Array): void {
    if (this.#more.length === 0 && this.#used + bytes.length <= this.#expected.length) {
      this.#expected.set(bytes, this.#used);
      this.#used += bytes.length;
    } else this.#more.push(bytes.slice());
  }

  finish(): Uint8Array<ArrayBuffer> {
    if (this.#more.length === 0) return this.#used === this.#expected.length ? this.#expected : this.#expected.slice(0, this.#used);
    return concatBytes([this.#expected.subarray(0, this.#used), ...this.#more]);
  }
}
