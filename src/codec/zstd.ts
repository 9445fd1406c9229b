/*
 * Zstandard (RFC 8878), decoded by the WebAssembly of the package zstddec: libzstd as its authors wrote it, 59 KB that are loaded
 * when an archive needs them. This driver decodes in pieces, so that an instance takes the window and some buffers and no more,
 * tells damage from an end, and lets go of instances that have grown.
 */

import { FsError } from '../base/errors.ts';
import { loadedOnce } from '../base/loaded-once.ts';
import { damaged } from './damage.ts';
import { compileModule, fromBase64, isTrap } from './module.ts';

/** libzstd's own units (ZSTD_DStreamInSize, ZSTD_DStreamOutSize), roughly: a block of 128 KiB. */
const BUFFER_SIZE = 128 << 10;
/** Three words each: address, size, position. */
const STRUCT_SIZE = 12;
/** An instance starts with 16 MiB. One that has grown to more than this is not kept for the next stream. */
const IDLE_LIMIT = 32 << 20;

/** What is used of the module's exports; addresses are bytes. Sizes from 2^32 - 120 on, negative here, are errors. */
interface ZstdExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(size: number): number;
  ZSTD_createDCtx(): number;
  ZSTD_freeDCtx(context: number): number;
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

/** libzstd's error codes (zstd_errors.h) that say more than "damaged". */
const ERRORS = new Map([
  [10, 'no zstd frame'],
  [14, 'a frame of an unknown kind'],
  [16, 'a window that is too large'],
  [22, 'a wrong checksum'],
  [32, 'a dictionary that is not there'],
]);

/** Decodes the frames of one stream, one after another. */
export interface ZstdStream {
  /**
   * Decodes until `bytes` are used or a frame ends; gives how many were used.
   * @param onOutput Gets the output in order; the bytes are valid only during the call.
   * @throws {FsError} EIO when the frame is damaged. The stream is of no use afterwards.
   */
  push(bytes: Uint8Array, onOutput: (bytes: Uint8Array) => void): number;
  /** The last push ended at the end of a frame. */
  readonly ended: boolean;
  /** Lets go of it. */
  close(): void;
}

export interface ZstdCodec {
  stream(): ZstdStream;
}

/**
 * Loads the decoder. The same one at every call.
 *
 * @param archive what needs it, for messages
 * @throws {FsError} ENOTSUP where WebAssembly cannot be used, EIO with the cause when it cannot be loaded.
 */
export const loadZstd = loadedOnce('the zstd decoder (zstd.js)', async (): Promise<ZstdCodec> => {
  const { zstdBase64 } = await import('./zstd-wasm.ts');
  const instantiate = compileModule(fromBase64(zstdBase64), { env: { emscripten_notify_memory_growth: () => undefined } });
  if (instantiate === undefined) throw new FsError('ENOTSUP', { detail: 'zstd needs WebAssembly, which cannot be used here' });
  return new Decoder(() => new Instance(instantiate() as ZstdExports));
});

class Decoder implements ZstdCodec {
  readonly #make: () => Instance;
  #idle: Instance | undefined;

  constructor(make: () => Instance) {
    this.#make = make;
  }

  stream(): ZstdStream {
    let instance: Instance | undefined = this.#idle ?? this.#make();
    this.#idle = undefined;
    let ended = true;
    const use = (): Instance => {
      if (instance === undefined) throw new TypeError('The stream is closed');
      return instance;
    };
    return {
      get ended() {
        return ended;
      },
      push: (bytes, onOutput) => {
        ended = false;
        const found = use().run(bytes, onOutput);
        ended = found.ended;
        return found.used;
      },
      close: () => {
        if (instance?.isUsable() === true) {
          if (!ended) instance.reset();
          this.#idle = instance;
        }
        instance = undefined;
      },
    };
  }
}

/** One instance of the module, with its buffers and its context. */
class Instance {
  readonly #exports: ZstdExports;
  #context: number;
  #trapped = false;
  readonly #input: number;
  readonly #output: number;
  /** Addresses of the structs. */
  readonly #from: number;
  readonly #to: number;

  constructor(exports: ZstdExports) {
    this.#exports = exports;
    this.#context = exports.ZSTD_createDCtx();
    this.#input = exports.malloc(BUFFER_SIZE);
    this.#output = exports.malloc(BUFFER_SIZE);
    this.#from = exports.malloc(STRUCT_SIZE);
    this.#to = exports.malloc(STRUCT_SIZE);
  }

  /** Tells whether another stream may have it: memory never shrinks. */
  isUsable(): boolean {
    return !this.#trapped && this.#exports.memory.buffer.byteLength <= IDLE_LIMIT;
  }

  /** Forgets the frame under way. */
  reset(): void {
    this.#exports.ZSTD_freeDCtx(this.#context);
    this.#context = this.#exports.ZSTD_createDCtx();
  }

  run(bytes: Uint8Array, onOutput: (bytes: Uint8Array) => void): { readonly used: number; readonly ended: boolean } {
    let used = 0;
    for (;;) {
      const span = bytes.subarray(used, used + BUFFER_SIZE);
      // Memory may have grown, which takes the views of it away.
      new Uint8Array(this.#exports.memory.buffer).set(span, this.#input);
      this.#setStruct(this.#from, this.#input, span.length);
      const { ended, isFull } = this.#decode(onOutput);
      used += this.#position(this.#from);
      if (ended || (used === bytes.length && !isFull)) return { used, ended };
    }
  }

  /** Decodes what the input struct says. `isFull`: there may be more output in what was read. */
  #decode(onOutput: (bytes: Uint8Array) => void): { readonly ended: boolean; readonly isFull: boolean } {
    for (;;) {
      this.#setStruct(this.#to, this.#output, BUFFER_SIZE);
      const before = this.#position(this.#from);
      const status = this.#call();
      const produced = this.#position(this.#to);
      if (produced > 0) onOutput(new Uint8Array(this.#exports.memory.buffer, this.#output, produced));
      if (status === 0) return { ended: true, isFull: false };
      const isFull = produced === BUFFER_SIZE;
      const isUsed = this.#position(this.#from) === new DataView(this.#exports.memory.buffer).getUint32(this.#from + 4, true);
      if (!isFull && isUsed) return { ended: false, isFull };
      if (produced === 0 && this.#position(this.#from) === before) throw damaged('the zstd frame does not go on');
    }
  }

  #call(): number {
    let status: number;
    try {
      status = this.#exports.ZSTD_decompressStream(this.#context, this.#to, this.#from);
    } catch (e) {
      this.#trapped = true;
      if (isTrap(e)) throw damaged('the zstd decoder has failed');
      throw e;
    }
    if (status >= 0 || status < -120) return status;
    throw damaged(ERRORS.get(-status) ?? 'the zstd frame is damaged');
  }

  #setStruct(at: number, address: number, size: number): void {
    const view = new DataView(this.#exports.memory.buffer, at, STRUCT_SIZE);
    view.setUint32(0, address, true);
    view.setUint32(4, size, true);
    view.setUint32(8, 0, true);
  }

  #position(at: number): number {
    return new DataView(this.#exports.memory.buffer).getUint32(at + 8, true);
  }
}
