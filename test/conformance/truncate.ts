/* truncate. */

import { describe, expect } from 'vitest';

import { SEED_TIME, dir, file, sparse, symlink, tree } from '../support/tree.ts';
import { type Suite, expectBytes, expectCode, fact, pattern } from './scene.ts';

const big = pattern(800_000, 11);
const items = [file('a', 'abcdef'), dir('d'), symlink('l', 'a')];
const seed = tree(...items);
/** With files of several chunks, for the facts that need them: to each scene they cost far more than the rest. */
const large = tree(...items, file('big', big), sparse('zeros', 1 << 20));

export const truncateSuite: Suite = (stack) => {
  describe('truncate', () => {
    fact(stack, 'a file becomes shorter, empty, longer', { seed }, async ({ fs, at }) => {
      expect(await fs.truncate(at('a'), 2)).toBeUndefined();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('ab');
      await fs.truncate(at('a'), 4);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('ab\0\0');
      await fs.truncate(at('a'));
      expect((await fs.stat(at('a'))).size).toBe(0);
      expect((await fs.stat(at('a'))).mtimeMs).toBeGreaterThan(SEED_TIME);
    });
    fact(stack, 'links are followed', { seed }, async ({ fs, at }) => {
      await fs.truncate(at('l'), 1);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('a');
    });
    fact(stack, 'a large file is cut anywhere, and zeros follow when it grows', { seed }, async ({ fs, at }) => {
      for (const [cut, size] of [
        [700_000, 790_000],
        [524_288, 600_000],
        [262_145, 262_200],
        [1, 400_000],
        [0, 5],
      ] as const) {
        await fs.writeFile(at('n'), big);
        await fs.truncate(at('n'), cut);
        await fs.truncate(at('n'), size);
        const expected = new Uint8Array(size);
        expected.set(big.subarray(0, Math.min(cut, size)));
        expectBytes(await fs.readFile(at('n')), expected);
      }
    });
    fact(stack, 'a file that was there before is cut the same way', { seed: large }, async ({ fs, at }) => {
      await fs.truncate(at('big'), 300_000);
      await fs.truncate(at('big'), 790_000);
      const expected = new Uint8Array(790_000);
      expected.set(big.subarray(0, 300_000));
      expectBytes(await fs.readFile(at('big')), expected);
      await fs.truncate(at('zeros'), 3);
      expectBytes(await fs.readFile(at('zeros')), new Uint8Array(3));
    });
    fact(stack, 'the size it has already is fine', { seed }, async ({ fs, at }) => {
      await fs.truncate(at('a'), 6);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('abcdef');
    });
    fact(stack, 'directories and what is missing are refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.truncate(at('d'), 0), 'EISDIR');
      await expectCode(fs.truncate(at('no'), 0), 'ENOENT');
      await expectCode(fs.truncate(at('a/b'), 0), 'ENOTDIR');
    });
  });
};
