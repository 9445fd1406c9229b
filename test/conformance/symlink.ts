/* symlink, readlink, realpath, and how paths walk through links. */

import { describe, expect } from 'vitest';

import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const chain = Array.from({ length: 45 }, (_, i) => symlink(`c${i}`, i === 0 ? 'a' : `c${i - 1}`));
const seed = tree(
  file('a', 'A'),
  dir('d', file('x', 'X'), dir('e', file('y', 'Y')), symlink('up', '..'), symlink('side', './e/../x')),
  symlink('to-d', 'd'),
  symlink('to-e', 'to-d/e'),
  symlink('slash', 'd/'),
  symlink('dangling', 'nowhere/at/all'),
  symlink('loop', 'pool'),
  symlink('pool', 'loop'),
  symlink('self', 'self/x'),
  symlink('via-file', 'a/x'),
  ...chain,
);

export const symlinkSuite: Suite = (stack) => {
  describe('symlink', () => {
    fact(stack, 'the target is kept as it was given', { seed }, async ({ fs, at }) => {
      for (const target of ['a', './d/../a', '/no/such', 'ünï/☃', 'trailing/', '..']) {
        await fs.symlink(target, at('n'));
        expect(await fs.readlink(at('n'))).toBe(target);
        const attr = await fs.lstat(at('n'));
        expect([attr.isSymbolicLink(), attr.mode & 0o777, attr.size]).toEqual([true, 0o777, new TextEncoder().encode(target).length]);
        await fs.unlink(at('n'));
      }
    });
    fact(stack, 'whatever has the name is in the way', { seed }, async ({ fs, at }) => {
      for (const path of ['a', 'd', 'to-d', 'dangling']) await expectCode(fs.symlink('x', at(path)), 'EEXIST');
    });
    fact(stack, 'missing parents and empty targets are refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.symlink('x', at('no/n')), 'ENOENT');
      await expectCode(fs.symlink('x', at('a/n')), 'ENOTDIR');
      await expectCode(fs.symlink('', at('n')), 'ENOENT');
    });
    fact(stack, 'relative targets start where the link stands', { seed }, async ({ fs, at }) => {
      expect(await fs.readFile(at('d/side'), 'utf8')).toBe('X');
      expect(await fs.readFile(at('d/up/a'), 'utf8')).toBe('A');
      await fs.symlink('../a', at('d/n'));
      expect(await fs.readFile(at('d/n'), 'utf8')).toBe('A');
      await fs.rename(at('d/n'), at('d/e/n'));
      await expectCode(fs.readFile(at('d/e/n')), 'ENOENT');
    });
    fact(stack, 'absolute targets start at the root', { seed }, async ({ fs, at }) => {
      await fs.symlink(at('d/x'), at('d/e/n'));
      expect(await fs.readFile(at('d/e/n'), 'utf8')).toBe('X');
      expect(await fs.readlink(at('d/e/n'))).toBe(at('d/x'));
    });
    fact(stack, 'links in the middle of a path are followed', { seed }, async ({ fs, at }) => {
      expect(await fs.readFile(at('to-d/e/y'), 'utf8')).toBe('Y');
      expect(await fs.readFile(at('to-e/y'), 'utf8')).toBe('Y');
      expect(await fs.readFile(at('to-e/../x'), 'utf8')).toBe('X');
      await fs.writeFile(at('to-e/n'), 'N');
      expect(await fs.readFile(at('d/e/n'), 'utf8')).toBe('N');
      await expectCode(fs.readFile(at('via-file')), 'ENOTDIR');
    });
    fact(stack, 'a slash at the end means the directory behind the link', { seed }, async ({ fs, at }) => {
      expect((await fs.lstat(at('to-d/'))).isDirectory()).toBe(true);
      expect((await fs.lstat(at('to-d/.'))).isDirectory()).toBe(true);
      expect((await fs.lstat(at('to-d'))).isSymbolicLink()).toBe(true);
      expect((await fs.stat(at('slash'))).isDirectory()).toBe(true);
    });
    fact(stack, 'forty links are followed, loops and longer chains are ELOOP', { seed }, async ({ fs, at }) => {
      expect(await fs.readFile(at('c39'), 'utf8')).toBe('A');
      await expectCode(fs.readFile(at('c40')), 'ELOOP');
      await expectCode(fs.stat(at('c44')), 'ELOOP');
      for (const path of ['loop', 'pool', 'loop/x', 'self']) {
        await expectCode(fs.stat(at(path)), 'ELOOP');
        await expectCode(fs.writeFile(at(path), 'x'), 'ELOOP');
      }
      expect((await fs.lstat(at('loop'))).isSymbolicLink()).toBe(true);
      await fs.unlink(at('loop'));
      await expectCode(fs.stat(at('pool')), 'ENOENT');
    });
    fact(stack, 'operations on the name leave the target alone', { seed }, async ({ fs, at }) => {
      await fs.rename(at('to-d'), at('moved'));
      expect(await fs.readlink(at('moved'))).toBe('d');
      await fs.rm(at('moved'), { recursive: true });
      expect(await fs.readFile(at('d/x'), 'utf8')).toBe('X');
    });
    fact(stack, 'links made through parents that are links', { seed, needs: ['symlinked-parents'] }, async ({ fs, at }) => {
      await fs.rename(at('to-d/x'), at('to-e/moved'));
      await fs.link(at('to-e/moved'), at('to-d/twin'));
      await fs.unlink(at('to-e/y'));
      expect((await fs.readdir(at('d/e'))).sort()).toEqual(['moved']);
      expect(await fs.readFile(at('d/twin'), 'utf8')).toBe('X');
    });
  });

  describe('readlink', () => {
    fact(stack, 'what is not a link is EINVAL', { seed }, async ({ fs, at }) => {
      await expectCode(fs.readlink(at('a')), 'EINVAL');
      await expectCode(fs.readlink(at('d')), 'EINVAL');
      await expectCode(fs.readlink(at('no')), 'ENOENT');
      await expectCode(fs.readlink(at('a/b')), 'ENOTDIR');
    });
  });

  describe('realpath', () => {
    fact(stack, 'links, dots and doubled slashes are gone', { seed }, async ({ fs, at }) => {
      expect(await fs.realpath(at('to-e/y'))).toBe(at('d/e/y'));
      expect(await fs.realpath(at('d/up/d/./e//../side'))).toBe(at('d/x'));
      expect(await fs.realpath(at('slash'))).toBe(at('d'));
      expect(await fs.realpath(at('c3'))).toBe(at('a'));
      expect(await fs.realpath('/')).toBe('/');
      expect(await fs.realpath('/../..')).toBe('/');
    });
    fact(stack, 'what cannot be reached has none', { seed }, async ({ fs, at }) => {
      await expectCode(fs.realpath(at('no')), 'ENOENT');
      await expectCode(fs.realpath(at('dangling')), 'ENOENT');
      await expectCode(fs.realpath(at('loop')), 'ELOOP');
      await expectCode(fs.realpath(at('a/b')), 'ENOTDIR');
    });
  });
};
