/* Hard links in lowers and across copy-up: all names keep seeing one file. */

import { describe, expect, test } from 'vitest';

import { Bench } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, hardLink } from '../support/tree.ts';

const layer = () => lower(file('a', 'one', { mode: 0o640 }), dir('d', hardLink('b', 'a')), hardLink('c', 'a'), file('z', 'Z'));

const nlinks = async ({ fs }: Bench, ...paths: string[]): Promise<number[]> =>
  Promise.all(paths.map(async (path) => (await fs.stat(path)).nlink));

describe('hard links of a lower', () => {
  test('are one inode with as many links as names', async () => {
    const bench = await Bench.mount([layer()]);
    const inodes = new Set<number>();
    for (const path of ['/a', '/d/b', '/c']) inodes.add((await bench.fs.stat(path)).ino);
    expect(inodes.size).toBe(1);
    expect(await nlinks(bench, '/a', '/d/b', '/c')).toEqual([3, 3, 3]);
  });

  test('see one change, by whichever name it is made', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.appendFile('/d/b', '+');
    await bench.fs.chmod('/c', 0o600);
    for (let mount = 0; mount < 2; mount++) {
      for (const path of ['/a', '/d/b', '/c']) {
        expect(await bench.fs.readFile(path, 'utf8'), path).toBe('one+');
        const attr = await bench.fs.stat(path);
        expect([attr.mode & 0o777, attr.nlink, attr.size], path).toEqual([0o600, 3, 4]);
      }
      await bench.settledTree();
    }
  });

  test('lose one name, and the others count it', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.unlink('/a');
    expect(await nlinks(bench, '/d/b', '/c')).toEqual([2, 2]);
    await bench.settledTree();
    await bench.fs.unlink('/d/b');
    await bench.settledTree();
    expect(await nlinks(bench, '/c')).toEqual([1]);
    expect(await bench.fs.readFile('/c', 'utf8')).toBe('one');
    await bench.fs.unlink('/c');
    await bench.settledTree();
    expect(await bench.upper()).toBe('a~ c~ d/ d/b~');
  });

  test('gain a name', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.link('/c', '/d/e');
    expect(await nlinks(bench, '/a', '/d/b', '/c', '/d/e')).toEqual([4, 4, 4, 4]);
    await bench.fs.writeFile('/d/e', 'new');
    await bench.settledTree();
    expect(await bench.fs.readFile('/a', 'utf8')).toBe('new');
    for (const path of ['/a', '/d/b', '/c']) await bench.fs.unlink(path);
    await bench.settledTree();
    expect(await nlinks(bench, '/d/e')).toEqual([1]);
    expect(await bench.fs.readFile('/d/e', 'utf8')).toBe('new');
  });

  test('stay one file when a name or its directory moves', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.rename('/a', '/moved');
    await bench.fs.rename('/d', '/e');
    await bench.fs.appendFile('/e/b', '+');
    await bench.settledTree();
    for (const path of ['/moved', '/e/b', '/c']) expect(await bench.fs.readFile(path, 'utf8'), path).toBe('one+');
    expect(await nlinks(bench, '/moved', '/e/b', '/c')).toEqual([3, 3, 3]);
  });

  test('stay one file when one of them is replaced', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.rename('/z', '/a');
    await bench.settledTree();
    expect(await bench.fs.readFile('/a', 'utf8')).toBe('Z');
    expect(await nlinks(bench, '/a', '/c', '/d/b')).toEqual([1, 2, 2]);
    await bench.fs.appendFile('/c', '!');
    expect(await bench.fs.readFile('/d/b', 'utf8')).toBe('one!');
  });

  test('of which one is renamed onto another stay as they are', async () => {
    const bench = await Bench.mount([layer()]);
    const before = await bench.tree();
    await bench.fs.rename('/a', '/c');
    expect(await bench.settledTree()).toEqual(before);
  });

  test('are cut by writing a new file in the place of a name', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.unlink('/a');
    await bench.fs.writeFile('/a', 'other');
    await bench.settledTree();
    expect(await bench.fs.readFile('/c', 'utf8')).toBe('one');
    expect(await nlinks(bench, '/a', '/c')).toEqual([1, 2]);
  });

  test('stay readable through a handle when every name is gone', async () => {
    const bench = await Bench.mount([layer()]);
    const handle = await bench.fs.open('/d/b', 'r+');
    for (const path of ['/a', '/d/b', '/c']) await bench.fs.unlink(path);
    await handle.write('!', 3);
    const buffer = new Uint8Array(8);
    expect((await handle.read(buffer, 0, 8, 0)).bytesRead).toBe(4);
    expect((await handle.stat()).nlink).toBe(0);
    await handle.close();
    expect(await bench.upper()).toBe('a~ c~ d/ d/b~');
  });
});
