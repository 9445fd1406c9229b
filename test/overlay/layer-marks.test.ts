/* Type changes between layers, and whiteouts, opaque directories and redirects inside lowers. */

import { describe, expect, test } from 'vitest';

import { Bench, names } from '../support/bench.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { blockDevice, characterDevice, dir, fifo, file, opaque, socket, symlink, whiteout } from '../support/tree.ts';

describe('type changes between layers', () => {
  test('a file, link or fifo over a directory hides all of it', async () => {
    const bench = await Bench.mount([
      lower(file('f', 'F'), symlink('l', 'other'), fifo('p'), dir('other', file('o'))),
      lower(dir('f', file('x')), dir('l', file('x')), dir('p', file('x'))),
    ]);
    expect(await names(bench.fs, '/')).toBe('f,l,other,p');
    for (const path of ['/f/x', '/p/x']) await expect(bench.fs.stat(path)).rejects.toMatchObject({ code: 'ENOTDIR' });
    expect(await names(bench.fs, '/l')).toBe('o');
    for (const path of ['/f', '/l', '/p']) await bench.fs.unlink(path);
    await bench.settledTree();
    expect(await names(bench.fs, '/')).toBe('other');
    await bench.fs.mkdir('/f');
    await bench.settledTree();
    expect(await names(bench.fs, '/f')).toBe('');
    expect(await bench.upper()).toBe('f/! l~ p~');
  });

  test('a directory over a file starts a merge of its own', async () => {
    const bench = await Bench.mount([lower(dir('x', file('t'))), lower(file('x', 'F')), lower(dir('x', file('bottom')))]);
    expect(await names(bench.fs, '/x')).toBe('t');
    await bench.fs.rename('/x', '/y');
    await bench.settledTree();
    expect(await names(bench.fs, '/y')).toBe('t');
    await bench.fs.mkdir('/x');
    await bench.settledTree();
    expect(await names(bench.fs, '/x')).toBe('');
  });

  test('a file in a middle layer cuts the merge of a nested directory only', async () => {
    const bench = await Bench.mount([
      lower(dir('d', dir('e', file('top')))),
      lower(dir('d', file('e', 'cut'), file('m'))),
      lower(dir('d', dir('e', file('bottom')), file('b'))),
    ]);
    expect(await names(bench.fs, '/d')).toBe('b,e,m');
    expect(await names(bench.fs, '/d/e')).toBe('top');
    await bench.fs.writeFile('/d/e/bottom', 'new');
    await bench.fs.unlink('/d/e/bottom');
    expect(await bench.upper()).toBe('d/ d/e/');
  });

  test('special files keep type, device number and owner', async () => {
    const bench = await Bench.mount([
      lower(fifo('p', { mode: 0o600 }), socket('s'), blockDevice('b', 0x801, { uid: 1, gid: 6 }), characterDevice('c', 0x103)),
    ]);
    const tree = ['/b block 644 1:6 rdev=2049', '/c character 644 0:0 rdev=259', '/p fifo 600 0:0', '/s socket 644 0:0'];
    expect(await bench.tree()).toEqual(tree);
    for (const name of 'bcps') await bench.fs.rename(`/${name}`, `/${name}2`);
    expect(await bench.settledTree()).toEqual(tree.map((line) => line.replace(' ', '2 ')));
  });
});

describe('marks inside lowers', () => {
  test('a whiteout hides what is below it, never what is above it, and never shows', async () => {
    const bench = await Bench.mount([
      lower(dir('d', file('above', 'new'))),
      lower(dir('d', whiteout('above'), whiteout('x'), whiteout('nothing')), whiteout('gone')),
      lower(dir('d', file('above', 'old'), file('x'), file('y')), dir('gone', file('z'))),
    ]);
    expect(await names(bench.fs, '/d')).toBe('above,y');
    expect(await names(bench.fs, '/')).toBe('d');
    await expect(bench.fs.readFile('/d/nothing')).rejects.toMatchObject({ code: 'ENOENT' });
    await bench.fs.writeFile('/d/x', 'made');
    await bench.fs.unlink('/d/x');
    await bench.fs.unlink('/d/above');
    expect(await bench.upper()).toBe('d/ d/above~');
    expect(await names(bench.fs, '/d')).toBe('y');
  });

  test('a directory over a whiteout does not merge with what is below the whiteout', async () => {
    const bench = await Bench.mount([lower(dir('d', file('t'))), lower(whiteout('d')), lower(dir('d', file('b')))]);
    expect(await names(bench.fs, '/d')).toBe('t');
    await bench.fs.rename('/d', '/e');
    await bench.settledTree();
    expect(await names(bench.fs, '/e')).toBe('t');
    await bench.fs.mkdir('/d');
    expect(await names(bench.fs, '/d')).toBe('');
  });

  test('an opaque directory is merged with those above it, not with those below', async () => {
    const bench = await Bench.mount([
      lower(dir('d', file('1'), dir('s', file('s1')))),
      lower(opaque('d', file('2'), dir('s', file('s2')))),
      lower(dir('d', file('3'), dir('s', file('s3')))),
    ]);
    expect(await names(bench.fs, '/d')).toBe('1,2,s');
    expect(await names(bench.fs, '/d/s')).toBe('s1,s2');
    await bench.fs.rename('/d/s', '/s');
    await bench.fs.rename('/d', '/e');
    await bench.settledTree();
    expect(await names(bench.fs, '/s')).toBe('s1,s2');
    expect(await names(bench.fs, '/e')).toBe('1,2');
    await bench.fs.unlink('/e/2');
    await bench.settledTree();
    expect(await names(bench.fs, '/e')).toBe('1');
  });

  test('an opaque root hides everything below its layer', async () => {
    const bottom = lower(file('hidden'));
    const bench = await Bench.mount([lower(file('top')), treeLayer(opaque('', file('shown'))), bottom]);
    expect(await names(bench.fs, '/')).toBe('shown,top');
    await bench.fs.writeFile('/hidden', 'made');
    await bench.fs.unlink('/hidden');
    expect(await bench.upper()).toBe('');
  });

  test('a redirect in a lower finds its content below, at the old path', async () => {
    const bench = await Bench.mount([
      lower(dir('new', { redirect: '/old' }, file('added'), whiteout('x')), whiteout('old')),
      lower(dir('old', file('x'), file('y', 'middle'), dir('s', file('1')))),
      lower(dir('old', file('y', 'bottom'), file('z'), dir('s', file('2')))),
    ]);
    expect(await names(bench.fs, '/')).toBe('new');
    expect(await names(bench.fs, '/new')).toBe('added,s,y,z');
    expect(await bench.fs.readFile('/new/y', 'utf8')).toBe('middle');
    expect(await names(bench.fs, '/new/s')).toBe('1,2');
    await bench.fs.rename('/new', '/newer');
    await bench.fs.unlink('/newer/s/2');
    await bench.settledTree();
    expect(await names(bench.fs, '/newer')).toBe('added,s,y,z');
    expect(await names(bench.fs, '/newer/s')).toBe('1');
    await bench.fs.mkdir('/old');
    await bench.fs.mkdir('/new');
    await bench.settledTree();
    expect((await names(bench.fs, '/old')) + (await names(bench.fs, '/new'))).toBe('');
  });

  test('a redirect in a nested directory of a lower is read from the layers below it', async () => {
    const bench = await Bench.mount([
      lower(dir('a', dir('moved', { redirect: '/b/s' }, file('t'))), dir('b', whiteout('s'))),
      lower(dir('b', dir('s', file('u'))), dir('a', dir('moved', file('not this one')))),
    ]);
    expect(await names(bench.fs, '/a/moved')).toBe('t,u');
    expect(await names(bench.fs, '/b')).toBe('');
    await bench.fs.rename('/a', '/c');
    await bench.settledTree();
    expect(await names(bench.fs, '/c/moved')).toBe('t,u');
  });
});
