/* chmod, chown, lchown, utimes, lutimes. */

import { describe, expect } from 'vitest';

import { SEED_TIME, dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(file('a', 'A'), dir('d', file('x', 'X')), symlink('l', 'a'), symlink('dangling', 'nowhere'));

export const attrSuite: Suite = (stack) => {
  describe('chmod', () => {
    fact(stack, 'permission bits change, type and content stay', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('a'), 0o600);
      const attr = await fs.stat(at('a'));
      expect(attr.mode).toBe(0o100600);
      expect(attr.size).toBe(1);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
    });
    fact(stack, 'set-id and sticky bits are kept', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('a'), 0o4755);
      expect((await fs.stat(at('a'))).mode & 0o7777).toBe(0o4755);
      await fs.chmod(at('d'), 0o1777);
      expect((await fs.stat(at('d'))).mode & 0o7777).toBe(0o1777);
    });
    fact(stack, 'an octal string will do', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('a'), '711');
      expect((await fs.stat(at('a'))).mode & 0o7777).toBe(0o711);
    });
    fact(stack, 'a symbolic link is followed', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('l'), 0o604);
      expect((await fs.stat(at('a'))).mode & 0o777).toBe(0o604);
      expect((await fs.lstat(at('l'))).mode & 0o777).toBe(0o777);
    });
    fact(stack, 'a directory keeps its entries and mtime, ctime moves', { seed }, async ({ fs, at }) => {
      const before = await fs.stat(at('d'));
      await fs.chmod(at('d'), 0o700);
      const after = await fs.stat(at('d'));
      expect(await fs.readdir(at('d'))).toEqual(['x']);
      expect(after.mtimeMs).toBe(before.mtimeMs);
      expect(after.ctimeMs).toBeGreaterThanOrEqual(before.ctimeMs);
    });
    fact(stack, 'what is missing is ENOENT, also behind a link', { seed }, async ({ fs, at }) => {
      await expectCode(fs.chmod(at('b'), 0o600), 'ENOENT');
      await expectCode(fs.chmod(at('dangling'), 0o600), 'ENOENT');
      await expectCode(fs.chmod(at('a/b'), 0o600), 'ENOTDIR');
    });
  });

  describe('chown', () => {
    fact(stack, 'owner and group change, following links', { seed }, async ({ fs, at }) => {
      await fs.chown(at('a'), 5, 7);
      expect(await ownerOf(fs.stat(at('a')))).toBe('5:7');
      await fs.chown(at('l'), 8, 9);
      expect(await ownerOf(fs.stat(at('a')))).toBe('8:9');
      expect(await ownerOf(fs.lstat(at('l')))).toBe('0:0');
    });
    fact(stack, 'a change of owner clears set-id bits of a file', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('a'), 0o6755);
      await fs.chown(at('a'), 5, 7);
      expect((await fs.stat(at('a'))).mode & 0o7777).toBe(0o755);
    });
    fact(stack, '-1 leaves the owner or the group as it is', { seed }, async ({ fs, at }) => {
      await fs.chown(at('a'), 5, 7);
      await fs.chown(at('a'), -1, 8);
      expect(await ownerOf(fs.stat(at('a')))).toBe('5:8');
      await fs.chown(at('a'), 6, -1);
      expect(await ownerOf(fs.stat(at('a')))).toBe('6:8');
    });
    fact(stack, 'lchown changes the link itself', { seed, needs: ['lchown'] }, async ({ fs, at }) => {
      await fs.lchown(at('l'), 5, 7);
      expect(await ownerOf(fs.lstat(at('l')))).toBe('5:7');
      expect(await ownerOf(fs.stat(at('a')))).toBe('0:0');
    });
    fact(stack, 'what is missing is ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.chown(at('b'), 1, 1), 'ENOENT');
    });
  });

  describe('utimes', () => {
    fact(stack, 'times are set in seconds, with fractions', { seed }, async ({ fs, at }) => {
      await fs.utimes(at('a'), 1_234_567_890.5, 987_654_321.25);
      const attr = await fs.stat(at('a'));
      expect(attr.atimeMs).toBe(1_234_567_890_500);
      expect(attr.mtimeMs).toBe(987_654_321_250);
      expect(attr.mtime.getTime()).toBe(987_654_321_250);
      expect(attr.mtime).toBeInstanceOf(Date);
    });
    fact(stack, 'dates and numeric strings will do', { seed }, async ({ fs, at }) => {
      await fs.utimes(at('a'), new Date(1_111_000), '2222');
      const attr = await fs.stat(at('a'));
      expect([attr.atimeMs, attr.mtimeMs]).toEqual([1_111_000, 2_222_000]);
    });
    fact(stack, 'directories have times as well, and times before 1970', { seed }, async ({ fs, at }) => {
      await fs.utimes(at('d'), 10, new Date(-86_400_000));
      expect((await fs.stat(at('d'))).mtimeMs).toBe(-86_400_000);
    });
    fact(stack, 'content and parent stay as they are', { seed }, async ({ fs, at }) => {
      await fs.utimes(at('d/x'), 1, 2);
      expect(await fs.readFile(at('d/x'), 'utf8')).toBe('X');
      expect((await fs.stat(at('d'))).mtimeMs).toBe(SEED_TIME);
    });
    fact(stack, 'utimes follows a link, lutimes does not', { seed }, async ({ fs, at }) => {
      await fs.utimes(at('l'), 100, 200);
      expect((await fs.stat(at('a'))).mtimeMs).toBe(200_000);
      await fs.lutimes(at('l'), 300, 400);
      const link = await fs.lstat(at('l'));
      expect([link.isSymbolicLink(), link.mtimeMs]).toEqual([true, 400_000]);
      expect((await fs.stat(at('a'))).mtimeMs).toBe(200_000);
      await fs.lutimes(at('dangling'), 1, 2);
      expect((await fs.lstat(at('dangling'))).mtimeMs).toBe(2000);
    });
    fact(stack, 'what is missing is ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.utimes(at('b'), 1, 1), 'ENOENT');
      await expectCode(fs.lutimes(at('b'), 1, 1), 'ENOENT');
      await expectCode(fs.utimes(at('dangling'), 1, 1), 'ENOENT');
    });
  });

  describe('times that the system sets', () => {
    fact(stack, 'writing moves mtime and ctime of the file only', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('d/x'), 'changed');
      const attr = await fs.stat(at('d/x'));
      expect(attr.mtimeMs).toBeGreaterThan(SEED_TIME);
      expect(attr.ctimeMs).toBeGreaterThan(SEED_TIME);
      expect((await fs.stat(at('d'))).mtimeMs).toBe(SEED_TIME);
    });
    fact(stack, 'creating, deleting and renaming move the mtime of the directory', { seed }, async ({ fs, at }) => {
      const reset = (): Promise<void> => fs.utimes(at('d'), SEED_TIME / 1000, SEED_TIME / 1000);
      const changes = [
        () => fs.writeFile(at('d/new'), ''),
        () => fs.rename(at('d/new'), at('d/newer')),
        () => fs.link(at('d/newer'), at('d/twin')),
        () => fs.unlink(at('d/newer')),
        () => fs.mkdir(at('d/sub')),
        () => fs.rmdir(at('d/sub')),
        () => fs.symlink('x', at('d/link')),
      ];
      for (const change of changes) {
        await reset();
        await change();
        expect((await fs.stat(at('d'))).mtimeMs, String(change)).toBeGreaterThan(SEED_TIME);
      }
    });
  });
};

async function ownerOf(attr: Promise<{ readonly uid: number; readonly gid: number }>): Promise<string> {
  const { uid, gid } = await attr;
  return `${uid}:${gid}`;
}
