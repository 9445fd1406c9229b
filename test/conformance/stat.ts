/* stat, lstat. */

import { describe, expect } from 'vitest';

import { snapshotTree, typeOf } from '../support/snapshot-tree.ts';
import { SEED_TIME, dir, file, hardLink, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, expectMistake, fact } from './scene.ts';

const seed = tree(
  file('a', 'abc', { mode: 0o640, uid: 5, gid: 7 }),
  file('h1', 'H'),
  hardLink('h2', 'h1'),
  dir('d', { mode: 0o711 }, file('x')),
  symlink('l', 'a'),
  symlink('to-d', 'd'),
  symlink('dangling', 'nowhere'),
);

export const statSuite: Suite = (stack) => {
  describe('stat', () => {
    fact(stack, 'a file has its type, mode, owner, size and times', { seed }, async ({ fs, at }) => {
      const attr = await fs.stat(at('a'));
      expect([attr.mode, attr.uid, attr.gid, attr.size, attr.nlink, attr.mtimeMs]).toEqual([0o100640, 5, 7, 3, 1, SEED_TIME]);
      expect(typeOf(attr)).toBe('file');
      for (const time of [attr.atime, attr.mtime, attr.ctime, attr.birthtime]) expect(time).toBeInstanceOf(Date);
      expect(attr.mtime.getTime()).toBe(SEED_TIME);
      expect(attr.blksize).toBeGreaterThan(0);
      expect(typeof attr.blocks).toBe('number');
    });
    fact(stack, 'a directory has its type and mode', { seed }, async ({ fs, at }) => {
      const attr = await fs.stat(at('d'));
      expect([typeOf(attr), attr.mode & 0o7777, attr.mtimeMs]).toEqual(['directory', 0o711, SEED_TIME]);
    });
    fact(stack, 'stat follows links, lstat does not', { seed }, async ({ fs, at }) => {
      expect(typeOf(await fs.stat(at('l')))).toBe('file');
      const link = await fs.lstat(at('l'));
      expect([typeOf(link), link.size]).toEqual(['symlink', 1]);
      expect(typeOf(await fs.stat(at('to-d')))).toBe('directory');
      await expectCode(fs.stat(at('dangling')), 'ENOENT');
      expect(typeOf(await fs.lstat(at('dangling')))).toBe('symlink');
    });
    fact(stack, 'inode numbers tell files apart and links together', { seed }, async ({ fs, at }) => {
      const numbers = new Map<string, number>();
      for (const path of ['', 'a', 'h1', 'h2', 'd', 'd/x']) numbers.set(path, (await fs.lstat(at(path))).ino);
      expect(numbers.get('h1')).toBe(numbers.get('h2'));
      expect(new Set(numbers.values()).size).toBe(5);
      expect((await fs.stat(at('l'))).ino).toBe(numbers.get('a'));
    });
    fact(stack, 'inode numbers stay whatever is changed', { seed, needs: ['stable-ino'] }, async ({ fs, at }) => {
      const before = [(await fs.stat(at('a'))).ino, (await fs.stat(at('d'))).ino, (await fs.stat(at('d/x'))).ino];
      await fs.writeFile(at('a'), 'changed');
      await fs.chmod(at('a'), 0o600);
      await fs.writeFile(at('d/n'), '');
      await fs.rename(at('d'), at('e'));
      await fs.appendFile(at('e/x'), '+');
      await fs.rename(at('a'), at('e/a'));
      expect([(await fs.stat(at('e/a'))).ino, (await fs.stat(at('e'))).ino, (await fs.stat(at('e/x'))).ino]).toEqual(before);
    });
    fact(stack, 'whole trees agree with themselves', { seed }, async ({ fs, at }) => {
      expect((await snapshotTree(fs, at())).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
        '/a file',
        '/d directory',
        '/d/x file',
        '/dangling symlink',
        '/h1 file',
        '/h2 file',
        '/l symlink',
        '/to-d symlink',
      ]);
    });
    fact(stack, 'dots and doubled slashes are not names', { seed }, async ({ fs, at }) => {
      const { ino } = await fs.stat(at('d'));
      for (const path of ['d/', 'd/.', 'd//', './d', 'd/../d', '../../../../../../../../..' + at('d')]) {
        expect((await fs.stat(at(path))).ino, path).toBe(ino);
      }
      await expectCode(fs.stat(at('a/.')), 'ENOTDIR');
      await expectCode(fs.stat(at('a/..')), 'ENOTDIR');
      await expectCode(fs.stat(at('no/..')), 'ENOENT');
    });
    fact(stack, 'what is not there is refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.stat(at('no')), 'ENOENT');
      await expectCode(fs.lstat(at('no')), 'ENOENT');
      await expectCode(fs.stat(at('a/b')), 'ENOTDIR');
      await expectCode(fs.stat(at('a/')), 'ENOTDIR');
      await expectCode(fs.stat(''), 'ENOENT');
    });
    fact(stack, 'a path with NUL is a bad argument', { seed }, async ({ fs, at }) => {
      await expectMistake(fs.stat(`${at('a')}\0b`));
    });
  });
};
