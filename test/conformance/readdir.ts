/* readdir, opendir. */

import { describe, expect } from 'vitest';

import { dir, fifo, file, symlink, tree } from '../support/tree.ts';
import { typeOf } from '../support/snapshot-tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const seed = tree(
  file('a', 'A'),
  dir('d', file('x'), file('y'), dir('e', file('z'), dir('deep'))),
  dir('empty'),
  symlink('to-d', 'd'),
  symlink('to-a', 'a'),
  symlink('dangling', 'nowhere'),
  symlink('loop', 'loop'),
);

const names = Array.from({ length: 230 }, (_, i) => `file-${i}`);

export const readdirSuite: Suite = (stack) => {
  describe('readdir', () => {
    fact(stack, 'every name is there once, without dots', { seed }, async ({ fs, at }) => {
      expect((await fs.readdir(at())).sort()).toEqual(['a', 'd', 'dangling', 'empty', 'loop', 'to-a', 'to-d']);
      expect((await fs.readdir(at('d'))).sort()).toEqual(['e', 'x', 'y']);
      expect(await fs.readdir(at('empty'))).toEqual([]);
    });
    fact(stack, 'types are those of lstat', { seed }, async ({ fs, at }) => {
      const entries = await fs.readdir(at(), { withFileTypes: true });
      expect(entries.map((entry) => `${entry.name} ${typeOf(entry)}`).sort()).toEqual([
        'a file',
        'd directory',
        'dangling symlink',
        'empty directory',
        'loop symlink',
        'to-a symlink',
        'to-d symlink',
      ]);
      for (const { parentPath } of entries) expect(parentPath).toBe(at());
    });
    fact(stack, 'fifos have their type', { seed: tree(fifo('p')), needs: ['mknod'] }, async ({ fs, at }) => {
      expect((await fs.readdir(at(), { withFileTypes: true })).map(typeOf)).toEqual(['fifo']);
      expect((await fs.stat(at('p'))).isFIFO()).toBe(true);
    });
    fact(stack, 'recursive gives every path below, and does not follow links', { seed, needs: ['recursive-names'] }, async ({ fs, at }) => {
      const paths = await fs.readdir(at(), { recursive: true });
      expect(paths.sort()).toEqual(
        ['a', 'd', 'd/e', 'd/e/deep', 'd/e/z', 'd/x', 'd/y', 'dangling', 'empty', 'loop', 'to-a', 'to-d'].sort(),
      );
    });
    fact(stack, 'recursive with types tells where each one stands', { seed }, async ({ fs, at }) => {
      const entries = await fs.readdir(at('d'), { recursive: true, withFileTypes: true });
      expect(entries.map(({ parentPath, name }) => `${parentPath}/${name}`).sort()).toEqual(
        ['e', 'e/deep', 'e/z', 'x', 'y'].map((path) => at(`d/${path}`)).sort(),
      );
    });
    fact(stack, 'a link to a directory is followed, slashes at the end do not matter', { seed }, async ({ fs, at }) => {
      expect((await fs.readdir(at('to-d'))).sort()).toEqual(['e', 'x', 'y']);
      expect((await fs.readdir(at('d/'))).sort()).toEqual(['e', 'x', 'y']);
      expect((await fs.readdir(at('d/e/..//.'))).sort()).toEqual(['e', 'x', 'y']);
    });
    fact(stack, 'what is not a directory is refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.readdir(at('a')), 'ENOTDIR');
      await expectCode(fs.readdir(at('to-a')), 'ENOTDIR');
      await expectCode(fs.readdir(at('no')), 'ENOENT');
      await expectCode(fs.readdir(at('dangling')), 'ENOENT');
      await expectCode(fs.readdir(at('loop')), 'ELOOP');
    });
    fact(stack, 'each change of names shows at once', { seed }, async ({ fs, at }) => {
      const names = async (): Promise<string> => (await fs.readdir(at('d'))).sort().join();
      await fs.writeFile(at('d/n'), '');
      expect(await names()).toBe('e,n,x,y');
      await fs.unlink(at('d/x'));
      expect(await names()).toBe('e,n,y');
      await fs.rename(at('d/y'), at('d/b'));
      expect(await names()).toBe('b,e,n');
      await fs.rm(at('d/e'), { recursive: true });
      await fs.mkdir(at('d/m'));
      await fs.symlink('b', at('d/x'));
      expect(await names()).toBe('b,m,n,x');
    });
    fact(stack, 'hundreds of names are all there', { seed: tree(dir('many', ...names.map((name) => file(name)))) }, async ({ fs, at }) => {
      // Few at a time: a stack may be checked as a whole after each.
      const more = Array.from({ length: 20 }, (_, i) => `more-${i}`);
      await Promise.all(more.map((name) => fs.writeFile(at(`many/${name}`), '')));
      expect((await fs.readdir(at('many'))).sort()).toEqual([...names, ...more].sort());
    });
  });

  describe('opendir', () => {
    fact(stack, 'entries come one by one, then null', { seed }, async ({ fs, at }) => {
      const handle = await fs.opendir(at('d'));
      expect(handle.path).toBe(at('d'));
      const seen: string[] = [];
      for (let entry = await handle.read(); entry !== null; entry = await handle.read()) seen.push(`${entry.name} ${typeOf(entry)}`);
      expect(seen.sort()).toEqual(['e directory', 'x file', 'y file']);
      expect(await handle.read()).toBeNull();
      await handle.close();
    });
    fact(stack, 'iterating closes it at the end', { seed }, async ({ fs, at }) => {
      const handle = await fs.opendir(at('d'));
      const seen: string[] = [];
      for await (const entry of handle) seen.push(entry.name);
      expect(seen.sort()).toEqual(['e', 'x', 'y']);
      await expectCode(handle.close(), 'ERR_DIR_CLOSED', 'EBADF');
    });
    fact(stack, 'what is not a directory is refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.opendir(at('a')), 'ENOTDIR');
      await expectCode(fs.opendir(at('no')), 'ENOENT');
    });
  });
};
