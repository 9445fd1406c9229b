/* rename. */

import { describe, expect } from 'vitest';

import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../src/base/mode.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';
import { dir, file, hardLink, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(
  file('a', 'A', { mode: 0o640 }),
  file('b', 'B'),
  file('h1', 'H'),
  hardLink('h2', 'h1'),
  dir('d', { mode: 0o750 }, file('x', 'X'), dir('e', file('y', 'Y'), symlink('l', '../x'))),
  dir('full', file('z')),
  dir('empty'),
  symlink('to-a', 'a'),
  symlink('to-d', 'd'),
  symlink('loop', 'loop'),
);

export const renameSuite: Suite = (stack) => {
  describe('rename', () => {
    fact(stack, 'a file takes its new name with all it has', { seed }, async ({ fs, at }) => {
      const before = await fs.stat(at('a'));
      expect(await fs.rename(at('a'), at('d/n'))).toBeUndefined();
      const after = await fs.stat(at('d/n'));
      expect([after.ino, after.mode, after.size, after.mtimeMs]).toEqual([before.ino, before.mode, before.size, before.mtimeMs]);
      expect(await fs.readFile(at('d/n'), 'utf8')).toBe('A');
      await expectCode(fs.lstat(at('a')), 'ENOENT');
      expect(await fs.readdir(at())).not.toContain('a');
    });
    fact(stack, 'a file replaces a file', { seed }, async ({ fs, at }) => {
      await fs.rename(at('a'), at('b'));
      expect(await fs.readFile(at('b'), 'utf8')).toBe('A');
      expect(await fs.readdir(at())).not.toContain('a');
    });
    fact(stack, 'the old name is free again', { seed }, async ({ fs, at }) => {
      await fs.rename(at('a'), at('n'));
      await fs.writeFile(at('a'), 'second');
      expect(await fs.readFile(at('n'), 'utf8')).toBe('A');
      await fs.rename(at('d'), at('m'));
      await fs.mkdir(at('d'));
      expect(await fs.readdir(at('d'))).toEqual([]);
      expect(await fs.readFile(at('m/e/y'), 'utf8')).toBe('Y');
    });
    fact(stack, 'a directory moves with everything below it', { seed }, async ({ fs, at }) => {
      const before = await snapshotTree(fs, at('d'), { with: ['mtime'] });
      await fs.rename(at('d'), at('full/moved'));
      expect(await snapshotTree(fs, at('full/moved'), { with: ['mtime'] })).toEqual(before);
      expect(await fs.readFile(at('full/moved/e/l'), 'utf8')).toBe('X');
      await expectCode(fs.stat(at('d')), 'ENOENT');
      await expectCode(fs.stat(at('d/e/y')), 'ENOENT');
    });
    fact(stack, 'there and back again is as before', { seed }, async ({ fs, at }) => {
      const before = await snapshotTree(fs, at());
      await fs.rename(at('d'), at('tmp'));
      await fs.rename(at('tmp/e'), at('e2'));
      await fs.rename(at('e2'), at('tmp/e'));
      await fs.rename(at('tmp'), at('d'));
      expect(await snapshotTree(fs, at())).toEqual(before);
    });
    fact(stack, 'what is changed in a moved directory is changed there only', { seed }, async ({ fs, at }) => {
      await fs.rename(at('d'), at('m'));
      await fs.writeFile(at('m/x'), 'changed');
      await fs.unlink(at('m/e/y'));
      await fs.writeFile(at('m/e/n'), 'N');
      await fs.rename(at('m/e'), at('m/f'));
      expect((await fs.readdir(at('m'), { recursive: true })).sort()).toEqual(['f', 'f/l', 'f/n', 'x']);
      expect(await fs.readFile(at('m/x'), 'utf8')).toBe('changed');
    });
    fact(stack, 'a directory replaces an empty one only', { seed }, async ({ fs, at }) => {
      await fs.rename(at('d'), at('empty'));
      expect((await fs.readdir(at('empty'))).sort()).toEqual(['e', 'x']);
      await expectCode(fs.rename(at('empty'), at('full')), 'ENOTEMPTY');
      expect(await fs.readdir(at('full'))).toEqual(['z']);
      await fs.unlink(at('full/z'));
      await fs.rename(at('empty'), at('full'));
      expect((await fs.readdir(at('full'))).sort()).toEqual(['e', 'x']);
    });
    fact(stack, 'files and directories do not replace each other', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rename(at('a'), at('empty')), 'EISDIR');
      await expectCode(fs.rename(at('empty'), at('a')), 'ENOTDIR');
      await expectCode(fs.rename(at('to-a'), at('empty')), 'EISDIR');
      await expectCode(fs.rename(at('empty'), at('to-d')), 'ENOTDIR');
    });
    fact(stack, 'a directory does not move into itself', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rename(at('d'), at('d/n')), 'EINVAL');
      await expectCode(fs.rename(at('d'), at('d/e/n')), 'EINVAL');
      await expectCode(fs.rename(at('d'), at('to-d/n')), 'EINVAL');
      expect((await fs.readdir(at('d'))).sort()).toEqual(['e', 'x']);
    });
    fact(stack, 'an ancestor is not replaced by what is in it', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rename(at('d/e'), at('d')), 'ENOTEMPTY');
      await expectCode(fs.rename(at('d/x'), at('d')), 'EISDIR', 'ENOTEMPTY');
    });
    fact(stack, 'a rename onto itself changes nothing', { seed }, async ({ fs, at }) => {
      const before = await snapshotTree(fs, at(), { with: ['mtime'] });
      await fs.rename(at('a'), at('a'));
      await fs.rename(at('d'), at('d'));
      await fs.rename(at('h1'), at('h2'));
      expect(await snapshotTree(fs, at(), { with: ['mtime'] })).toEqual(before);
    });
    fact(stack, 'links are moved and replaced, not followed', { seed }, async ({ fs, at }) => {
      await fs.rename(at('to-a'), at('n'));
      expect(await fs.readlink(at('n'))).toBe('a');
      await fs.rename(at('b'), at('to-d'));
      expect(await fs.readFile(at('to-d'), 'utf8')).toBe('B');
      expect((await fs.readdir(at('d'))).sort()).toEqual(['e', 'x']);
    });
    fact(stack, 'missing names and parents are ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rename(at('no'), at('n')), 'ENOENT');
      await expectCode(fs.rename(at('a'), at('no/n')), 'ENOENT');
      await expectCode(fs.rename(at('a'), at('b/n')), 'ENOTDIR');
      await expectCode(fs.rename(at('a/x'), at('n')), 'ENOTDIR');
      await expectCode(fs.rename(at('a'), at('n/')), 'ENOTDIR', 'ENOENT');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
    });
    fact(stack, 'both parents are looked up before both names', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rename(at('no'), at('a/n')), 'ENOTDIR');
      await expectCode(fs.rename(at('d/no'), at('no/n')), 'ENOENT');
      await expectCode(fs.rename(at('no'), at('loop/n')), 'ELOOP');
      await expectCode(fs.rename(at('a/n'), at('loop/n')), 'ENOTDIR');
    });
    fact(stack, 'NOREPLACE refuses what exists', { seed, needs: ['rename-flags'] }, async ({ fs, at }) => {
      await expectCode(fs.rename(at('a'), at('b'), RENAME_NOREPLACE), 'EEXIST');
      await fs.unlink(at('b'));
      await fs.rename(at('a'), at('b'), RENAME_NOREPLACE);
      expect(await fs.readFile(at('b'), 'utf8')).toBe('A');
    });
    fact(stack, 'EXCHANGE swaps whatever the two are', { seed, needs: ['rename-flags'] }, async ({ fs, at }) => {
      await fs.rename(at('a'), at('d'), RENAME_EXCHANGE);
      expect(await fs.readFile(at('d'), 'utf8')).toBe('A');
      expect((await fs.readdir(at('a'))).sort()).toEqual(['e', 'x']);
      await fs.rename(at('a/e'), at('full'), RENAME_EXCHANGE);
      expect((await fs.readdir(at('full'))).sort()).toEqual(['l', 'y']);
      expect(await fs.readdir(at('a/e'))).toEqual(['z']);
      await expectCode(fs.rename(at('b'), at('no'), RENAME_EXCHANGE), 'ENOENT');
      await expectCode(fs.rename(at('a'), at('a/e'), RENAME_EXCHANGE), 'EINVAL');
      await expectCode(fs.rename(at('a'), at('a/no'), RENAME_EXCHANGE), 'ENOENT');
      await expectCode(fs.rename(at('b'), at('h1'), RENAME_EXCHANGE | RENAME_NOREPLACE), 'EINVAL');
    });
  });
};
