/* WebAssembly modules that come as text. The only file that says `WebAssembly`. */

/** What is used of the platform. Undefined where the user has switched WebAssembly off. */
declare const WebAssembly:
  | {
      readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
      readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
      readonly CompileError: new () => Error;
      readonly RuntimeError: new () => Error;
    }
  | undefined;

export const fromBase64 = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Compiles a module. Gives what makes instances (their exports), or `undefined` where WebAssembly cannot be used. */
export function compileModule(bytes: Uint8Array<ArrayBuffer>, imports: object = {}): (() => unknown) | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  const { Module, Instance, CompileError } = WebAssembly;
  try {
    const module = new Module(bytes);
    return () => new Instance(module, imports).exports;
  } catch (e) {
    // A Content-Security-Policy without 'wasm-unsafe-eval': CompileError in Chromium and Firefox, EvalError in WebKit.
    if (e instanceof CompileError || e instanceof EvalError) return undefined;
    throw e;
  }
}

/** Tells whether a module has trapped: it cannot be used any more. */
export const isTrap = (e: unknown): boolean => typeof WebAssembly !== 'undefined' && e instanceof WebAssembly.RuntimeError;
