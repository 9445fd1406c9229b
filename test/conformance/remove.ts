/* unlink, rmdir, rm. */

import { describe, expect } from 'vitest';

import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(
  file('a', 'A'),
  file('b', 'B'),
  dir('d', file('x', 'X'), dir('e', file('y', 'Y'), symlink('out', '../../a'))),
  dir('empty'),
  symlink('to-a', 'a'),
  symlink('to-d', 'd'),
  symlink('to-empty', 'empty'),
  symlink('dangling', 'nowhere'),
);

export const removeSuite: Suite = (stack) => {
  describe('unlink', () => {
    fact(stack, 'the name is gone for every call', { seed }, async ({ fs, at }) => {
      expect(await fs.unlink(at('a'))).toBeUndefined();
      await expectCode(fs.lstat(at('a')), 'ENOENT');
      await expectCode(fs.readFile(at('a')), 'ENOENT');
      await expectCode(fs.unlink(at('a')), 'ENOENT');
      expect(await fs.readdir(at())).not.toContain('a');
    });
    fact(stack, 'a name made again is a new file', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('a'), 0o600);
      await fs.unlink(at('a'));
      await fs.appendFile(at('a'), 'fresh');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('fresh');
      expect((await fs.stat(at('a'))).mode & 0o777).toBe(0o644);
      await fs.unlink(at('a'));
      await fs.mkdir(at('a'));
      expect(await fs.readdir(at('a'))).toEqual([]);
    });
    fact(stack, 'a symbolic link goes, its target stays', { seed }, async ({ fs, at }) => {
      for (const path of ['to-a', 'to-d', 'dangling']) await fs.unlink(at(path));
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
      expect((await fs.readdir(at('d'))).sort()).toEqual(['e', 'x']);
    });
    fact(stack, 'directories are refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.unlink(at('d')), 'EISDIR');
      await expectCode(fs.unlink(at('empty')), 'EISDIR');
    });
    fact(stack, 'missing names are ENOENT, names below files ENOTDIR', { seed }, async ({ fs, at }) => {
      await expectCode(fs.unlink(at('no')), 'ENOENT');
      await expectCode(fs.unlink(at('no/no')), 'ENOENT');
      await expectCode(fs.unlink(at('a/no')), 'ENOTDIR');
      await expectCode(fs.unlink(at('a/')), 'ENOTDIR');
    });
  });

  describe('rmdir', () => {
    fact(stack, 'an empty directory goes', { seed }, async ({ fs, at }) => {
      expect(await fs.rmdir(at('empty'))).toBeUndefined();
      await expectCode(fs.stat(at('empty')), 'ENOENT');
      await expectCode(fs.stat(at('to-empty')), 'ENOENT');
    });
    fact(stack, 'a directory with anything in it stays', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rmdir(at('d')), 'ENOTEMPTY');
      await fs.unlink(at('d/e/y'));
      await expectCode(fs.rmdir(at('d/e')), 'ENOTEMPTY');
      await fs.unlink(at('d/e/out'));
      await fs.rmdir(at('d/e'));
      await fs.unlink(at('d/x'));
      await fs.rmdir(at('d'));
      expect(await fs.readdir(at())).not.toContain('d');
    });
    fact(stack, 'a directory made again is empty', { seed }, async ({ fs, at }) => {
      await fs.rm(at('d'), { recursive: true });
      await fs.mkdir(at('d'));
      expect(await fs.readdir(at('d'))).toEqual([]);
      await expectCode(fs.stat(at('d/e')), 'ENOENT');
      await fs.mkdir(at('d/e'));
      expect(await fs.readdir(at('d/e'))).toEqual([]);
    });
    fact(stack, 'what is not a directory is refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rmdir(at('a')), 'ENOTDIR');
      await expectCode(fs.rmdir(at('to-empty')), 'ENOTDIR');
      await expectCode(fs.rmdir(at('no')), 'ENOENT');
      await expectCode(fs.rmdir(at('a/b')), 'ENOTDIR');
    });
    fact(stack, 'dots cannot be removed', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rmdir(at('empty/.')), 'EINVAL');
      await expectCode(fs.rmdir(at('d/e/..')), 'ENOTEMPTY');
    });
  });

  describe('rm', () => {
    fact(stack, 'files and links go', { seed }, async ({ fs, at }) => {
      expect(await fs.rm(at('a'))).toBeUndefined();
      await fs.rm(at('to-d'));
      await fs.rm(at('dangling'));
      expect((await fs.readdir(at())).sort()).toEqual(['b', 'd', 'empty', 'to-a', 'to-empty']);
    });
    fact(stack, 'directories need recursive', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rm(at('empty')), 'EISDIR', 'ERR_FS_EISDIR');
      await expectCode(fs.rm(at('d'), { force: true }), 'EISDIR', 'ERR_FS_EISDIR');
      expect((await fs.readdir(at('d'))).sort()).toEqual(['e', 'x']);
    });
    fact(stack, 'recursive takes the whole tree, and nothing that links in it point to', { seed }, async ({ fs, at }) => {
      await fs.rm(at('d'), { recursive: true });
      await expectCode(fs.lstat(at('d')), 'ENOENT');
      await expectCode(fs.lstat(at('d/e/y')), 'ENOENT');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
      expect((await fs.readdir(at())).sort()).toEqual(['a', 'b', 'dangling', 'empty', 'to-a', 'to-d', 'to-empty']);
    });
    fact(stack, 'recursive takes a file as well', { seed }, async ({ fs, at }) => {
      await fs.rm(at('a'), { recursive: true });
      await expectCode(fs.lstat(at('a')), 'ENOENT');
    });
    fact(stack, 'what is missing is ENOENT, unless forced', { seed }, async ({ fs, at }) => {
      await expectCode(fs.rm(at('no')), 'ENOENT');
      await expectCode(fs.rm(at('no'), { recursive: true }), 'ENOENT');
      await fs.rm(at('no'), { force: true });
      await fs.rm(at('no/no'), { force: true, recursive: true });
    });
  });
};
