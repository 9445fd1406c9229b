/*
 * The synchronous byte work: raw DEFLATE (RFC 1951), CRC-32, SHA-256 and literal search. Two implementations of one contract: a WebAssembly kernel
 * of our own, and JavaScript where a Content-Security-Policy or the browser forbids WebAssembly. Both accept exactly the
 * streams that zlib accepts. docs/decisions/0002 tells why.
 */

import type { Codec } from './api.ts';
import { JavaScriptCodec } from './javascript-codec.ts';
import { compileKernel } from './kernel.ts';
import { WasmCodec } from './wasm-codec.ts';

export type { Codec, Inflater, InflaterOptions, RestartPoint } from './api.ts';
export { STREAM_START } from './api.ts';
export { makeNeedle, type Needle } from './needle.ts';

let loaded: Codec | undefined;

/** Gives the codec: WebAssembly where it may be used, else JavaScript. The same one at every call. */
export function loadCodec(): Codec {
  loaded ??= createCodec();
  return loaded;
}

function createCodec(): Codec {
  const makeKernel = compileKernel();
  return makeKernel === undefined ? new JavaScriptCodec() : new WasmCodec(makeKernel);
}
