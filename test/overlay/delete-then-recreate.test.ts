/* What was deleted stays deleted, whatever is made in its place, and after every remount. */

import { describe, expect, test } from 'vitest';

import { Bench, names } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, hardLink, symlink } from '../support/tree.ts';

const layers = () => [
  lower(dir('d', file('a', 'top'), dir('e', file('f')))),
  lower(dir('d', file('a', 'bottom'), file('b', 'B'), dir('e', file('g'))), file('x', 'lower content', { mode: 0o600 })),
];

describe('remount after delete', () => {
  test('a name deleted from lower stays deleted after remount', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.unlink('/d/a');
    await bench.fs.unlink('/x');
    for (let mount = 0; mount < 3; mount++) {
      expect(await names(bench.fs, '/')).toBe('d');
      expect(await names(bench.fs, '/d')).toBe('b,e');
      await bench.remount();
    }
    expect(await bench.upper()).toBe('d/ d/a~ x~');
  });

  test('rm -r of a lower tree leaves one whiteout, whatever the upper had below it', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.writeFile('/d/e/new', 'N');
    await bench.fs.appendFile('/d/a', 'changed');
    await bench.fs.unlink('/d/b');
    await bench.fs.mkdir('/d/m/n', { recursive: true });
    await bench.fs.rm('/d', { recursive: true });
    expect(await bench.upper()).toBe('d~');
    expect((await bench.image()).records.size).toBe(2); // the root and the whiteout
  });

  test('rm -r of a tree of the upper leaves nothing', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.mkdir('/n/o/p', { recursive: true });
    await bench.fs.writeFile('/n/o/p/f', new Uint8Array(300_000));
    await bench.fs.rm('/n', { recursive: true });
    const { records } = await bench.image();
    expect(records.size).toBe(1);
  });

  test('a directory made in the place of a deleted one is empty, and so are those below it', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rm('/d', { recursive: true });
    await bench.fs.mkdir('/d/e', { recursive: true });
    await bench.settledTree();
    expect(await names(bench.fs, '/d')).toBe('e');
    expect(await names(bench.fs, '/d/e')).toBe('');
    await bench.fs.rmdir('/d/e');
    await bench.fs.rmdir('/d');
    expect(await bench.upper()).toBe('d~');
  });

  test('types can follow each other at one name', async () => {
    const bench = await Bench.mount(layers());
    for (let round = 0; round < 2; round++) {
      await bench.fs.rm('/d', { recursive: true });
      await bench.fs.writeFile('/d', 'a file now');
      await bench.settledTree();
      await bench.fs.unlink('/d');
      await bench.fs.symlink('x', '/d');
      await bench.settledTree();
      expect(await bench.fs.readFile('/d', 'utf8')).toBe('lower content');
      await bench.fs.unlink('/d');
      await bench.fs.mkdir('/d');
      expect(await bench.settledTree()).toEqual(['/d directory 755 0:0', '/x file 600 0:0 nlink=1 13:"lower content"']);
    }
  });

  test('a file made again has nothing of the old one: content, mode, inode number', async () => {
    const bench = await Bench.mount(layers());
    const { ino } = await bench.fs.stat('/x');
    await bench.fs.unlink('/x');
    await bench.fs.writeFile('/x', '');
    const made = await bench.fs.stat('/x');
    expect([made.size, made.mode & 0o777]).toEqual([0, 0o644]);
    expect(made.ino).not.toBe(ino);
    await bench.fs.truncate('/x', 20);
    expect(await bench.fs.readFile('/x', 'utf8')).toBe('\0'.repeat(20));
    await bench.settledTree();
  });

  test('a merged directory is removed when its last visible name is gone', async () => {
    const bench = await Bench.mount(layers());
    for (const path of ['/d/a', '/d/b', '/d/e/f']) await bench.fs.unlink(path);
    await expect(bench.fs.rmdir('/d/e')).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await bench.fs.unlink('/d/e/g');
    await bench.fs.rmdir('/d/e');
    await bench.fs.rmdir('/d');
    expect(await bench.upper()).toBe('d~');
  });

  test('a file unlinked while open, and never closed, is gone with its content after a remount', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.writeFile('/n', 'N');
    const handles = [await bench.fs.open('/n', 'r+'), await bench.fs.open('/x', 'r+')];
    await bench.fs.unlink('/n');
    await bench.fs.unlink('/x');
    for (const handle of handles) await handle.write('more');
    const { records } = await bench.image();
    expect(records.size).toBeGreaterThanOrEqual(2);
    expect(await bench.upper()).toBe('x~');
    expect((await bench.image()).records.size).toBe(2);
  });
});

describe('rm -r', () => {
  test('counts the links of files that have names elsewhere', async () => {
    const bench = await Bench.mount([lower(dir('d', file('h', 'H'), dir('e', hardLink('i', 'd/h'))), hardLink('outside', 'd/h'))]);
    expect((await bench.fs.stat('/outside')).nlink).toBe(3);
    await bench.fs.rm('/d', { recursive: true });
    expect((await bench.fs.stat('/outside')).nlink).toBe(1);
    await bench.settledTree();
    expect(await bench.fs.readFile('/outside', 'utf8')).toBe('H');
  });

  test('keeps files that are open below the tree alive for their handles', async () => {
    const bench = await Bench.mount([lower(dir('d', dir('e', file('x', 'X'))), symlink('l', 'd'))]);
    const handle = await bench.fs.open('/d/e/x', 'r+');
    await bench.fs.rm('/d', { recursive: true });
    await handle.write('Y', 0);
    expect(await handle.readFile('utf8')).toBe('Y');
    expect((await handle.stat()).nlink).toBe(0);
    await handle.close();
    expect(await bench.upper()).toBe('d~');
  });
});
