import { deflateRawSync } from 'node:zlib';
import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

async function loadAfresh(): Promise<{ kind: string; text: string }> {
  vi.resetModules();
  const { loadCodec } = await import('../../../src/codec/codec.ts');
  const codec = loadCodec();
  return { kind: codec.kind, text: Buffer.from(codec.inflate(deflateRawSync(Buffer.from('content')), 7)).toString() };
}

/** A platform whose policy forbids WebAssembly. */
function forbid(error: Error): void {
  class Module {
    constructor() {
      throw error;
    }
  }
  vi.stubGlobal('WebAssembly', { Module, Instance: Object, CompileError: WebAssembly.CompileError });
}

test('where there is no WebAssembly, JavaScript decodes', async () => {
  vi.stubGlobal('WebAssembly', undefined);
  expect(await loadAfresh()).toEqual({ kind: 'javascript', text: 'content' });
});

test('where a policy forbids WebAssembly, JavaScript decodes', async () => {
  forbid(new WebAssembly.CompileError('blocked by Content-Security-Policy'));
  expect(await loadAfresh()).toEqual({ kind: 'javascript', text: 'content' });
  forbid(new EvalError('blocked by Content-Security-Policy'));
  expect(await loadAfresh()).toEqual({ kind: 'javascript', text: 'content' });
});

test('a defect of the kernel is not taken for a policy', async () => {
  forbid(new TypeError('a defect'));
  await expect(loadAfresh()).rejects.toThrow('a defect');
});
