/* Symbolic links are resolved in the merged tree, not in the layer that has them. */

import { describe, expect, test } from 'vitest';

import { Bench, names } from '../support/bench.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { dir, file, symlink, tree } from '../support/tree.ts';

describe('symbolic links of lowers', () => {
  test('lead to what is visible, from whichever layer it is', async () => {
    const bench = await Bench.mount([
      lower(file('t', 'top'), dir('d', symlink('up', '../only-below'))),
      lower(symlink('l', 't'), file('t', 'bottom'), symlink('abs', '/d/up'), symlink('to-d', 'd')),
      lower(file('only-below', 'B'), dir('d', file('x', 'X'))),
    ]);
    expect(await bench.fs.readFile('/l', 'utf8')).toBe('top');
    expect(await bench.fs.readFile('/abs', 'utf8')).toBe('B');
    expect(await names(bench.fs, '/to-d')).toBe('up,x');
    await bench.fs.writeFile('/t', 'upper');
    expect(await bench.fs.readFile('/l', 'utf8')).toBe('upper');
    await bench.fs.unlink('/t');
    await expect(bench.fs.readFile('/l')).rejects.toMatchObject({ code: 'ENOENT' });
    await bench.fs.writeFile('/l', 'through');
    expect(await bench.upper()).toBe('t=through');
  });

  test('writes through a linked directory change the directory', async () => {
    const bench = await Bench.mount([lower(symlink('l', 'd')), lower(dir('d', file('x', 'X')))]);
    await bench.fs.writeFile('/l/new', 'N');
    await bench.fs.unlink('/l/x');
    await bench.fs.mkdir('/l/sub');
    await bench.fs.rename('/l/new', '/l/sub/moved');
    expect(await bench.upper()).toMatch(/^d\/ d\/sub\/!? d\/sub\/moved=N d\/x~$/);
  });

  test('may have their targets as content, as in a zip, also where that has to be fetched', async () => {
    const seed = tree(dir('d', file('x', 'X')), symlink('l', 'd'), symlink('m', 'l/x'), symlink('z', 'z'));
    for (const lazy of ['until-read', 'always'] as const) {
      const bench = await Bench.mount([treeLayer(seed, { lazy, targets: 'content' })]);
      expect(await bench.fs.readFile('/m', 'utf8')).toBe('X');
      expect(await bench.fs.realpath('/m')).toBe('/d/x');
      expect(await bench.fs.readlink('/l')).toBe('d');
      await expect(bench.fs.stat('/z')).rejects.toMatchObject({ code: 'ELOOP' });
      await bench.fs.rename('/l', '/moved');
      await bench.fs.link('/moved', '/twin');
      await bench.fs.lutimes('/m', 5, 6);
      await bench.remount();
      expect([await bench.fs.readlink('/moved'), await bench.fs.readlink('/twin'), await bench.fs.readlink('/m')]).toEqual([
        'd',
        'd',
        'l/x',
      ]);
    }
  });
});
