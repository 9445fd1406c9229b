/* Directories that move: by redirect, in chains, over each other, and what grows at their old names. */

import { describe, expect, test } from 'vitest';

import { RENAME_EXCHANGE } from '../../src/base/mode.ts';
import { Bench, names } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, symlink, whiteout } from '../support/tree.ts';

const layers = () => [
  lower(dir('d', file('top', 'T'), dir('sub', file('x', 'X'))), dir('other', file('o', 'O'))),
  lower(dir('d', whiteout('gone'), file('middle', 'M'), dir('sub', file('y', 'Y')))),
  lower(dir('d', file('gone', 'G'), file('top', 'hidden'), dir('sub', file('x', 'hidden'), dir('deep', file('z', 'Z'))))),
];

const WHOLE = 'middle,sub,sub/deep,sub/deep/z,sub/x,sub/y,top';
const all = async ({ fs }: Bench, path: string): Promise<string> => (await fs.readdir(path, { recursive: true })).sort().join();

describe('a populated directory that is renamed', () => {
  test('shows the whole merge at its new name, nothing at the old one, before and after a remount', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/d', '/e');
    for (let mount = 0; mount < 2; mount++) {
      expect(await all(bench, '/e')).toBe(WHOLE);
      expect(await bench.fs.readFile('/e/top', 'utf8')).toBe('T');
      expect(await bench.fs.readFile('/e/sub/deep/z', 'utf8')).toBe('Z');
      await expect(bench.fs.stat('/d')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(bench.fs.stat('/d/sub/deep')).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await names(bench.fs, '/')).toBe('e,other');
      await bench.remount();
    }
    expect(await bench.upper()).toBe('d~ e/>d');
  });

  test('costs two records, whatever is below it', async () => {
    const many = Array.from({ length: 500 }, (_, i) => dir(`d${i}`, file('f', String(i))));
    const bench = await Bench.mount([lower(dir('big', ...many))]);
    await bench.fs.rename('/big', '/moved');
    expect((await bench.image()).records.size).toBe(3); // the root, the directory, the whiteout
    expect((await bench.fs.readdir('/moved')).length).toBe(500);
    expect(await bench.fs.readFile('/moved/d77/f', 'utf8')).toBe('77');
  });

  test('keeps its first place in the lowers through a chain of renames', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/d', '/e');
    await bench.fs.rename('/e', '/other/f');
    await bench.fs.rename('/other', '/g');
    await bench.fs.rename('/g/f/sub', '/sub');
    await bench.settledTree();
    expect(await all(bench, '/g/f')).toBe('middle,top');
    expect(await all(bench, '/sub')).toBe('deep,deep/z,x,y');
    expect(await bench.upper()).toBe('d~ g/>other g/f/>/d g/f/sub~ other~ sub/>/d/sub');
  });

  test('back at its own name needs no redirect, and merges as before', async () => {
    const bench = await Bench.mount(layers());
    const before = await bench.tree();
    await bench.fs.rename('/d', '/e');
    await bench.fs.rename('/e', '/d');
    expect(await bench.settledTree()).toEqual(before);
    expect(await bench.upper()).toBe('d/');
  });

  test('leaves a name where a new directory is empty and stays so', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/d', '/e');
    await bench.fs.mkdir('/d');
    expect(await names(bench.fs, '/d')).toBe('');
    await bench.fs.mkdir('/d/sub');
    await bench.fs.writeFile('/d/sub/new', 'N');
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe('sub,sub/new');
    expect(await all(bench, '/e')).toBe(WHOLE);
    expect(await bench.upper()).toMatch(/^d\/! d\/sub\/!? d\/sub\/new=N e\/>d$/);
  });

  test('can be followed to its old name by another directory', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/d', '/e');
    await bench.fs.rename('/other', '/d');
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe('o');
    expect(await all(bench, '/e')).toBe(WHOLE);
    await bench.fs.rename('/d', '/tmp');
    await bench.fs.rename('/e', '/d');
    await bench.fs.rename('/tmp', '/other');
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe(WHOLE);
    expect(await all(bench, '/other')).toBe('o');
  });

  test('takes changes below it along, and deletions stay deletions', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.writeFile('/d/sub/x', 'changed');
    await bench.fs.unlink('/d/middle');
    await bench.fs.rm('/d/sub/deep', { recursive: true });
    await bench.fs.writeFile('/d/new', 'N');
    await bench.fs.rename('/d', '/e');
    await bench.fs.unlink('/e/top');
    await bench.settledTree();
    expect(await all(bench, '/e')).toBe('new,sub,sub/x,sub/y');
    expect(await bench.fs.readFile('/e/sub/x', 'utf8')).toBe('changed');
    await bench.fs.rename('/e', '/d');
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe('new,sub,sub/x,sub/y');
  });

  test('replaces an empty merged directory, whose lower content does not come back', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.unlink('/other/o');
    await bench.fs.rename('/d', '/other');
    await bench.settledTree();
    expect(await all(bench, '/other')).toBe(WHOLE);
    await bench.fs.rename('/other', '/z');
    await bench.fs.mkdir('/other');
    await bench.settledTree();
    expect(await all(bench, '/other')).toBe('');
  });

  test('moved into another merged directory shadows what was deleted there under its name', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rm('/d/sub', { recursive: true });
    await bench.fs.rename('/other', '/d/sub');
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe('middle,sub,sub/o,top');
  });

  test('exchanged with another keeps both merges', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/d', '/other', RENAME_EXCHANGE);
    await bench.settledTree();
    expect(await all(bench, '/other')).toBe(WHOLE);
    expect(await all(bench, '/d')).toBe('o');
    await bench.fs.rename('/other/sub', '/d/o', RENAME_EXCHANGE);
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe('o,o/deep,o/deep/z,o/x,o/y');
    expect(await bench.fs.readFile('/other/sub', 'utf8')).toBe('O');
  });

  test('moves with a remount between every two steps', async () => {
    const bench = await Bench.mount(layers());
    const steps = [
      ['/d', '/1'],
      ['/1/sub', '/2'],
      ['/other', '/1/sub'],
      ['/2/deep', '/d'],
      ['/1', '/d/1'],
      ['/d/1/sub', '/other'],
      ['/2', '/other/2'],
    ];
    for (const [from, to] of steps) {
      await bench.fs.rename(from!, to!);
      await bench.settledTree();
    }
    expect(await all(bench, '/')).toBe('d,d/1,d/1/middle,d/1/top,d/z,other,other/2,other/2/x,other/2/y,other/o');
  });

  test('deleted under its new name leaves nothing under either', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/d', '/e');
    await bench.fs.rm('/e', { recursive: true });
    expect(await bench.upper()).toBe('d~');
    await bench.fs.mkdir('/e');
    await bench.fs.mkdir('/d');
    expect(await names(bench.fs, '/e')).toBe('');
    expect(await names(bench.fs, '/d')).toBe('');
  });

  test('is found by links by its new path, and lost by those that name the old one', async () => {
    const bench = await Bench.mount([lower(symlink('l', 'd/x'), symlink('m', 'e/x'), dir('d', file('x', 'X')))]);
    await bench.fs.rename('/d', '/e');
    await expect(bench.fs.readFile('/l')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await bench.fs.readFile('/m', 'utf8')).toBe('X');
  });
});

describe('a directory made by the upper that is renamed', () => {
  test('does not merge with what was deleted at its new name, wherever it was made', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.mkdir('/n/o/p', { recursive: true });
    await bench.fs.writeFile('/n/o/f', 'F');
    await bench.fs.rm('/d', { recursive: true });
    await bench.fs.rename('/n/o', '/d');
    await bench.settledTree();
    expect(await all(bench, '/d')).toBe('f,p');
    await bench.fs.rm('/other/o');
    await bench.fs.rename('/d/p', '/other/o');
    await bench.fs.rename('/d', '/n/d');
    await bench.fs.rename('/n', '/d');
    await bench.settledTree();
    expect(await all(bench, '/')).toBe('d,d/d,d/d/f,other,other/o');
  });

  test('into a renamed lower directory does not merge with what the lowers have there', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.mkdir('/n/o', { recursive: true });
    await bench.fs.rename('/d', '/e');
    await bench.fs.rm('/e/sub', { recursive: true });
    await bench.fs.rename('/n/o', '/e/sub');
    await bench.settledTree();
    expect(await all(bench, '/e')).toBe('middle,sub,top');
  });
});
