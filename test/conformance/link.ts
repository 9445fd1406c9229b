/* link. */

import { describe, expect } from 'vitest';

import { dir, file, hardLink, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(
  file('a', 'A', { mode: 0o640 }),
  file('h1', 'twins'),
  hardLink('h2', 'h1'),
  dir('d', file('x')),
  symlink('l', 'a'),
  symlink('dangling', 'nowhere'),
);

export const linkSuite: Suite = (stack) => {
  describe('link', () => {
    fact(stack, 'both names are one file', { seed }, async ({ fs, at }) => {
      await fs.link(at('a'), at('d/b'));
      const [a, b] = [await fs.stat(at('a')), await fs.stat(at('d/b'))];
      expect(b.ino).toBe(a.ino);
      expect([a.nlink, b.nlink]).toEqual([2, 2]);
      await fs.appendFile(at('d/b'), '+');
      await fs.chmod(at('a'), 0o600);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A+');
      expect((await fs.stat(at('d/b'))).mode & 0o777).toBe(0o600);
    });
    fact(stack, 'names that were linked before are one file', { seed }, async ({ fs, at }) => {
      expect((await fs.stat(at('h1'))).nlink).toBe(2);
      expect((await fs.stat(at('h1'))).ino).toBe((await fs.stat(at('h2'))).ino);
      await fs.writeFile(at('h2'), 'changed');
      expect(await fs.readFile(at('h1'), 'utf8')).toBe('changed');
      await fs.link(at('h2'), at('h3'));
      expect((await fs.stat(at('h1'))).nlink).toBe(3);
    });
    fact(stack, 'the file lives until its last name goes', { seed }, async ({ fs, at }) => {
      await fs.link(at('a'), at('b'));
      await fs.unlink(at('a'));
      expect(await fs.readFile(at('b'), 'utf8')).toBe('A');
      expect((await fs.stat(at('b'))).nlink).toBe(1);
      await fs.unlink(at('h1'));
      expect((await fs.stat(at('h2'))).nlink).toBe(1);
      expect(await fs.readFile(at('h2'), 'utf8')).toBe('twins');
    });
    fact(stack, 'replacing one name by rename leaves the other', { seed }, async ({ fs, at }) => {
      await fs.rename(at('a'), at('h1'));
      expect(await fs.readFile(at('h2'), 'utf8')).toBe('twins');
      expect((await fs.stat(at('h2'))).nlink).toBe(1);
    });
    fact(stack, 'a link to a symbolic link is a link to the link itself', { seed }, async ({ fs, at }) => {
      await fs.link(at('l'), at('m'));
      expect(await fs.readlink(at('m'))).toBe('a');
      expect((await fs.lstat(at('l'))).nlink).toBe(2);
      await fs.link(at('dangling'), at('n'));
      expect(await fs.readlink(at('n'))).toBe('nowhere');
    });
    fact(stack, 'an existing name is not replaced', { seed }, async ({ fs, at }) => {
      await expectCode(fs.link(at('a'), at('h1')), 'EEXIST');
      await expectCode(fs.link(at('a'), at('d')), 'EEXIST');
      await expectCode(fs.link(at('a'), at('dangling')), 'EEXIST');
      await expectCode(fs.link(at('a'), at('a')), 'EEXIST');
    });
    fact(stack, 'directories have one name', { seed }, async ({ fs, at }) => {
      await expectCode(fs.link(at('d'), at('e')), 'EPERM');
      // What is wrong with the new name is told first.
      await expectCode(fs.link(at('d'), at('a')), 'EEXIST');
      await expectCode(fs.link(at('d'), at('no/e')), 'ENOENT');
    });
    fact(stack, 'missing files and parents are ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.link(at('no'), at('b')), 'ENOENT');
      await expectCode(fs.link(at('a'), at('no/b')), 'ENOENT');
      await expectCode(fs.link(at('a'), at('a/b')), 'ENOTDIR');
    });
  });
};
