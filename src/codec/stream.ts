/*
 * Drives one kernel through one stream: input goes in by spans, output comes out by spans, and the last 32 KiB of output
 * stay before the next span, so memory is the same whatever the size of the stream.
 */

import type { InflaterOptions, RestartPoint } from './api.ts';
import { beyondLimit, cutShort, damaged } from './damage.ts';
import { damages, RunStatus } from './kernel.ts';
import type { Kernel } from './kernel.ts';

/** Farther than any distance reaches (RFC 1951, 3.2.5). */
const HISTORY_SIZE = 32 * 1024;
/** An address that no output reaches. */
const NOWHERE = 0x7fffffff;

export class Stream {
  readonly #kernel: Kernel;
  readonly #options: InflaterOptions;
  /** Bit and end of the input in the kernel's memory that was not decoded yet. */
  #bit: number;
  #inputEnd: number;
  /** Bytes of the stream before the kernel's input. */
  #inputOffset: number;
  /** Addresses of the output's end and of the earliest output that is still there. */
  #outputEnd: number;
  #history: number;
  #produced: number;
  #nextPoint: number;
  #crc = 0;
  #ended = false;
  readonly #release: ((kernel: Kernel) => void) | undefined;
  #released = false;

  /** Takes the kernel over until the stream is ended or given up; `release` hears when its end was reached. */
  constructor(kernel: Kernel, options: InflaterOptions, from: RestartPoint, release?: (kernel: Kernel) => void) {
    this.#kernel = kernel;
    this.#options = options;
    this.#release = release;
    const history = from.history.subarray(-HISTORY_SIZE);
    this.#history = kernel.output - history.length;
    kernel.memory.set(history, this.#history);
    this.#outputEnd = kernel.output;
    this.#produced = from.offset;
    this.#nextPoint = from.offset + Math.max(1, options.points?.every ?? Infinity);
    this.#inputOffset = Math.floor(from.bit / 8);
    this.#inputEnd = kernel.input;
    this.#bit = kernel.input * 8 + (from.bit % 8);
    kernel.exports.start();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get crc(): number {
    return this.#crc >>> 0;
  }

  /** Bytes of output so far, those before the restart point included. */
  get produced(): number {
    return this.#produced;
  }

  /** Bytes of the stream that were decoded; a last byte that was used in part counts. */
  get consumed(): number {
    return this.#inputOffset + Math.ceil(this.#bit / 8) - this.#kernel.input;
  }

  /** Decodes until `bytes` are used, the stream ends, or the output has `enough` bytes. */
  push(bytes: Uint8Array, enough = Infinity): void {
    let used = 0;
    while (!this.#ended && this.#produced < enough) {
      used += this.#fill(bytes.subarray(used));
      if (this.#run(enough) === RunStatus.INPUT_USED && used === bytes.length) return;
    }
  }

  /** @throws {FsError} EIO when the stream is not at its end. */
  end(): void {
    if (!this.#ended) throw cutShort();
    // Nothing below touches the kernel's memory any more.
    if (!this.#released) this.#release?.(this.#kernel);
    this.#released = true;
  }

  /** Puts more input behind what is there; gives how much. */
  #fill(bytes: Uint8Array): number {
    const { memory, input, inputSize } = this.#kernel;
    const start = Math.floor(this.#bit / 8);
    if (bytes.length > input + inputSize - this.#inputEnd && start > input) {
      memory.copyWithin(input, start, this.#inputEnd);
      this.#inputOffset += start - input;
      this.#inputEnd -= start - input;
      this.#bit -= (start - input) * 8;
    }
    const taken = bytes.subarray(0, input + inputSize - this.#inputEnd);
    memory.set(taken, this.#inputEnd);
    this.#inputEnd += taken.length;
    return taken.length;
  }

  #run(enough: number): number {
    const { exports, output, outputSize, memory } = this.#kernel;
    if (this.#outputEnd >= output + outputSize) this.#slide();
    const { limit, checksum } = this.#options;
    const start = this.#outputEnd;
    // One byte more than is allowed: then the end of the stream is found in any case, and too much output as well.
    const stop = Math.min(output + outputSize, start + Math.min(limit + 1, enough) - this.#produced);
    // Inside a long block the point that is due may lie far behind.
    const boundary = Math.max(0, Math.min(NOWHERE, start + this.#nextPoint - this.#produced));
    const status = exports.run(this.#bit, this.#inputEnd, start, stop, this.#history, boundary);
    this.#bit = exports.bit.value;
    this.#outputEnd = exports.output.value;
    this.#produced += this.#outputEnd - start;
    if (this.#produced > limit) throw beyondLimit(limit);
    const damage = damages.get(status);
    if (damage !== undefined) throw damaged(`${damage}, near byte ${this.consumed} of the compressed data`);
    if (status === RunStatus.FINISHED) this.#ended = true;
    if (checksum === true) this.#crc = exports.crc32(start, this.#outputEnd, this.#crc);
    if (this.#outputEnd > start) this.#options.onOutput(memory.subarray(start, this.#outputEnd));
    if (status === RunStatus.AT_BLOCK) this.#notePoint();
    return status;
  }

  /** Keeps the history, and makes room for output. */
  #slide(): void {
    const { memory, output } = this.#kernel;
    const kept = Math.min(HISTORY_SIZE, this.#outputEnd - this.#history);
    memory.copyWithin(output - kept, this.#outputEnd - kept, this.#outputEnd);
    this.#history = output - kept;
    this.#outputEnd = output;
  }

  #notePoint(): void {
    const { points } = this.#options;
    if (points === undefined) return;
    const { memory, input } = this.#kernel;
    const history = memory.slice(Math.max(this.#history, this.#outputEnd - HISTORY_SIZE), this.#outputEnd);
    this.#nextPoint = this.#produced + Math.max(1, points.every);
    points.onPoint({ bit: this.#inputOffset * 8 + this.#bit - input * 8, offset: this.#produced, history });
  }
}
