import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileKernel, kernelSource, kernels } from '../../../scripts/build-kernels.ts';
import { root } from '../../../scripts/entries.ts';

/** Bytes that each may have. */
const LIMITS = [9000, 4500];

test('the committed kernels are what their sources compile to, need no imports and are small', async () => {
  const modules = [];
  for (const kernel of kernels) modules.push(await compileKernel(kernel));
  expect(await readFile(join(root, 'src/codec/wasm.ts'), 'utf8')).toBe(await kernelSource(modules));
  for (const [i, module] of modules.entries()) {
    expect(module.length).toBeLessThan(LIMITS[i]!);
    expect(WebAssembly.Module.imports(await WebAssembly.compile(module.slice()))).toEqual([]);
  }
}, 60_000);
