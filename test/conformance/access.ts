/* access, exists. */

import { describe, expect } from 'vitest';

import { R_OK, W_OK, X_OK } from '../../src/base/mode.ts';
import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(
  file('a', 'A'),
  file('run', '#!', { mode: 0o755 }),
  file('none', '', { mode: 0 }),
  dir('d', file('x')),
  symlink('to-a', 'a'),
  symlink('dangling', 'nowhere'),
);

export const accessSuite: Suite = (stack) => {
  describe('access', () => {
    fact(stack, 'what exists is accessible', { seed }, async ({ fs, at }) => {
      for (const path of ['a', 'd', 'd/x', 'to-a']) expect(await fs.access(at(path))).toBeUndefined();
    });
    fact(stack, 'what does not exist is not', { seed }, async ({ fs, at }) => {
      await expectCode(fs.access(at('b')), 'ENOENT');
      await expectCode(fs.access(at('d/y/z')), 'ENOENT');
      await expectCode(fs.access(at('dangling')), 'ENOENT');
    });
    fact(stack, 'nothing is below a file', { seed }, async ({ fs, at }) => {
      await expectCode(fs.access(at('a/b')), 'ENOTDIR');
    });
    fact(stack, 'the superuser reads and writes whatever the mode', { seed }, async ({ fs, at }) => {
      await fs.access(at('none'), R_OK | W_OK);
    });
    fact(stack, 'even the superuser executes only what has an x', { seed }, async ({ fs, at }) => {
      await fs.access(at('run'), X_OK);
      await fs.access(at('d'), X_OK);
      await expectCode(fs.access(at('a'), X_OK), 'EACCES');
    });
    fact(stack, 'exists tells without failing', { seed, needs: ['exists'] }, async ({ fs, at }) => {
      expect(await fs.exists(at('a'))).toBe(true);
      expect(await fs.exists(at('d'))).toBe(true);
      expect(await fs.exists(at('b'))).toBe(false);
      expect(await fs.exists(at('a/b'))).toBe(false);
      expect(await fs.exists(at('dangling'))).toBe(false);
    });
  });
};
