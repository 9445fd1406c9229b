/*
 * The WebAssembly kernel as JavaScript sees it.
 * A kernel has 512 KiB of memory that never grows, so a view of it stays valid, and it decodes one stream at a time.
 */

import { compileModule, fromBase64 } from './module.ts';
import { base64 } from './wasm.ts';

interface Global {
  readonly value: number;
}

/** The exports of assembly/kernel.ts; addresses are bytes, `bit` and `from` bits from address 0. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly INPUT: Global;
  readonly INPUT_SIZE: Global;
  readonly OUTPUT: Global;
  readonly OUTPUT_SIZE: Global;
  readonly HISTORY_SIZE: Global;
  readonly SHA_STATE: Global;
  readonly NEEDLE: Global;
  readonly NEEDLE_MASK: Global;
  readonly bit: Global;
  readonly output: Global;
  start(): void;
  run(from: number, inputEnd: number, to: number, limit: number, history: number, boundary: number): number;
  crc32(at: number, end: number, seed: number): number;
  sha256(at: number, end: number): void;
  find(at: number, end: number, length: number): number;
}

export interface Kernel {
  readonly exports: KernelExports;
  readonly memory: Uint8Array<ArrayBuffer>;
  /** Address of the input, and how much fits. */
  readonly input: number;
  readonly inputSize: number;
  /** Address of the output, and how much fits. Before it is room for the history. */
  readonly output: number;
  readonly outputSize: number;
}

/** How a run of the decoder ends; other numbers are in `damages`. */
export const RunStatus = {
  /** The final block is over. */
  FINISHED: 0,
  /** What comes next is not whole in the input. Therefore it has to be given again, with more behind it. */
  INPUT_USED: 1,
  /** The output has reached its limit, or passed it by less than one match. */
  OUTPUT_FULL: 2,
  /** The next bit starts a block, and the output has reached the boundary. */
  AT_BLOCK: 3,
} as const;

/** What is wrong with a stream, by the kernel's status. */
export const damages: ReadonlyMap<number, string> = new Map([
  [16, 'a block of an unknown type'],
  [17, 'a stored block whose length is wrong'],
  [18, 'a block with too many symbols'],
  [19, 'a block whose code lengths are no code'],
  [20, 'a block whose code lengths repeat wrongly'],
  [21, 'a block without an end'],
  [22, 'a block whose literals have no code'],
  [23, 'a block whose distances have no code'],
  [24, 'a code that is no literal and no length'],
  [25, 'a code that is no distance'],
  [26, 'a distance to before the start'],
]);

/** Compiles the kernel. Gives what makes kernels, or `undefined` where WebAssembly cannot be used. */
export function compileKernel(): (() => Kernel) | undefined {
  const instantiate = compileModule(fromBase64(base64.codec));
  return instantiate && (() => wrap(instantiate() as KernelExports));
}

function wrap(exports: KernelExports): Kernel {
  return {
    exports,
    memory: new Uint8Array(exports.memory.buffer),
    input: exports.INPUT.value,
    inputSize: exports.INPUT_SIZE.value,
    output: exports.OUTPUT.value,
    outputSize: exports.OUTPUT_SIZE.value,
  };
}
