import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileKernel, kernelSource } from '../../../scripts/build-codec.ts';
import { root } from '../../../scripts/entries.ts';

test('the committed kernel is what its sources compile to, needs no imports and is below 9 KB', async () => {
  const module = await compileKernel();
  expect(await readFile(join(root, 'src/codec/wasm.ts'), 'utf8')).toBe(await kernelSource(module));
  expect(module.length).toBeLessThan(9000);
  expect(WebAssembly.Module.imports(await WebAssembly.compile(module.slice()))).toEqual([]);
}, 60_000);
