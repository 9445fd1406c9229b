/* mkdir, mkdtemp. */

import { describe, expect } from 'vitest';

import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(
  file('a', 'A'),
  dir('d', dir('e')),
  symlink('to-d', 'd'),
  symlink('dangling', 'nowhere'),
  dir('shared', { mode: 0o2775, uid: 5, gid: 7 }),
);

export const mkdirSuite: Suite = (stack) => {
  describe('mkdir', () => {
    fact(stack, 'a directory is made, empty', { seed }, async ({ fs, at }) => {
      expect(await fs.mkdir(at('n'))).toBeUndefined();
      expect((await fs.stat(at('n'))).isDirectory()).toBe(true);
      expect(await fs.readdir(at('n'))).toEqual([]);
      expect(await fs.readdir(at())).toContain('n');
    });
    fact(stack, 'the mode is the one given, less the umask', { seed }, async ({ fs, at }) => {
      await fs.mkdir(at('n'), 0o777);
      expect((await fs.stat(at('n'))).mode & 0o7777).toBe(0o755);
      await fs.mkdir(at('m'), { mode: 0o700 });
      expect((await fs.stat(at('m'))).mode & 0o7777).toBe(0o700);
      await fs.mkdir(at('o'), { mode: '750' });
      expect((await fs.stat(at('o'))).mode & 0o7777).toBe(0o750);
    });
    fact(stack, 'whatever has the name is in the way', { seed }, async ({ fs, at }) => {
      for (const path of ['a', 'd', 'to-d', 'dangling']) await expectCode(fs.mkdir(at(path)), 'EEXIST');
    });
    fact(stack, 'missing parents are ENOENT, files as parents ENOTDIR', { seed }, async ({ fs, at }) => {
      await expectCode(fs.mkdir(at('x/y')), 'ENOENT');
      await expectCode(fs.mkdir(at('a/y')), 'ENOTDIR');
      await expectCode(fs.mkdir(at('dangling/y')), 'ENOENT');
    });
    fact(stack, 'a slash at the end changes nothing', { seed }, async ({ fs, at }) => {
      await fs.mkdir(at('n/'));
      expect((await fs.stat(at('n/'))).isDirectory()).toBe(true);
    });
    fact(stack, 'a parent that is a symbolic link is followed', { seed }, async ({ fs, at }) => {
      await fs.mkdir(at('to-d/n'));
      expect((await fs.readdir(at('d'))).sort()).toEqual(['e', 'n']);
    });
    fact(stack, 'recursive makes every parent and tells the first one made', { seed }, async ({ fs, at }) => {
      expect(await fs.mkdir(at('p/q/r'), { recursive: true })).toBe(at('p'));
      expect(await fs.mkdir(at('d/e/f/g'), { recursive: true })).toBe(at('d/e/f'));
      expect((await fs.stat(at('p/q/r'))).isDirectory()).toBe(true);
    });
    fact(stack, 'recursive is content with what exists', { seed }, async ({ fs, at }) => {
      expect(await fs.mkdir(at('d/e'), { recursive: true })).toBeUndefined();
      expect(await fs.mkdir(at('to-d'), { recursive: true })).toBeUndefined();
      expect(await fs.mkdir(at(), { recursive: true })).toBeUndefined();
    });
    fact(stack, 'recursive does not go through files', { seed }, async ({ fs, at }) => {
      await expectCode(fs.mkdir(at('a'), { recursive: true }), 'EEXIST');
      await expectCode(fs.mkdir(at('a/b/c'), { recursive: true }), 'ENOTDIR');
    });
    fact(stack, 'a set-group-id parent hands on its group and the bit', { seed }, async ({ fs, at }) => {
      await fs.mkdir(at('shared/n'));
      const made = await fs.stat(at('shared/n'));
      expect([made.uid, made.gid, made.mode & 0o7777]).toEqual([0, 7, 0o2755]);
      await fs.writeFile(at('shared/f'), '');
      const written = await fs.stat(at('shared/f'));
      expect([written.uid, written.gid, written.mode & 0o7777]).toEqual([0, 7, 0o644]);
    });
  });

  describe('mkdtemp', () => {
    fact(stack, 'each call makes a new directory with six characters more', { seed }, async ({ fs, at }) => {
      const [one, two] = [await fs.mkdtemp(at('tmp-')), await fs.mkdtemp(at('tmp-'))];
      expect(one).not.toBe(two);
      for (const path of [one, two]) {
        expect(path.startsWith(at('tmp-'))).toBe(true);
        expect(path.length).toBe(at('tmp-').length + 6);
        expect((await fs.stat(path)).mode & 0o777).toBe(0o700);
      }
    });
    fact(stack, 'a missing parent is ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.mkdtemp(at('no/tmp-')), 'ENOENT');
    });
  });
};
