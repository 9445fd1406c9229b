/* Any number of lowers merges to one tree. */

import { describe, expect, test } from 'vitest';

import { Bench, names } from '../support/bench.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import { dir, file, hardLink, symlink, tree, whiteout } from '../support/tree.ts';

const COUNTS = [1, 2, 5, 25, 500];

const numbered = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Layer i (0 is the top) has a file of its own, a shared file, and a name that the layer above it deletes. */
const stack = (count: number) =>
  numbered(count).map((i) =>
    lower(
      dir(
        'd',
        file(`own-${i}`, `own ${i}`),
        file('shared', `shared ${i}`),
        dir('e', file(`deep-${i}`)),
        file(`gone-${i}`),
        whiteout(`gone-${i + 1}`),
      ),
    ),
  );

describe.each(COUNTS)('%i lowers', (count) => {
  test('merge: every name once, the topmost wins, whiteouts hide what is below them', async () => {
    const bench = await Bench.mount(stack(count));
    const expected = ['e', 'gone-0', 'shared', ...numbered(count).map((i) => `own-${i}`)].sort().join();
    expect(await names(bench.fs, '/d')).toBe(expected);
    expect(await bench.fs.readFile('/d/shared', 'utf8')).toBe('shared 0');
    expect(await bench.fs.readFile(`/d/own-${count - 1}`, 'utf8')).toBe(`own ${count - 1}`);
    expect((await bench.fs.readdir('/d/e')).length).toBe(count);
  });

  test('are changed by one upper, and found so again', async () => {
    const bench = await Bench.mount(stack(count));
    const bottom = `own-${count - 1}`;
    await bench.fs.appendFile(`/d/${bottom}`, '+');
    await bench.fs.unlink('/d/shared');
    await bench.fs.rename('/d/e', '/e');
    await bench.remount();
    expect(await bench.fs.readFile(`/d/${bottom}`, 'utf8')).toBe(`own ${count - 1}+`);
    expect((await bench.fs.readdir('/e')).length).toBe(count);
    expect(await bench.upper()).toBe(`d/ d/e~ d/${bottom}=own ${count - 1}+ d/shared~ e/>/d/e`);
    await bench.fs.rm('/d', { recursive: true });
    expect(await bench.upper()).toBe('d~ e/>/d/e');
  });

  test('give every object an inode number of its own', async () => {
    const bench = await Bench.mount(stack(count));
    const inodes = (await bench.fs.readdir('/d', { withFileTypes: true })).map(({ ino }) => ino);
    expect(new Set(inodes).size).toBe(inodes.length);
    for (const ino of inodes) expect(Number.isInteger(ino) && ino > 0 && ino < 2 ** 32).toBe(true);
  });
});

test('a tree cut into any number of layers is the tree again', async () => {
  const whole = tree(
    file('a', 'A', { mode: 0o600 }),
    dir('d', { uid: 4, mtime: 5000 }, file('x', 'X'), dir('e', file('y', 'Y'), symlink('l', '../x'), dir('empty'))),
    hardLink('h', 'd/x'),
    symlink('to-d', 'd'),
    file('__proto__', 'p'),
  );
  const one = await (await Bench.mount([treeLayer(whole)])).tree('/', { with: ['mtime'] });
  for (const count of [2, 3, 7, 25]) {
    const bench = await Bench.mount(spread(whole, count).map((part) => treeLayer(part)));
    expect(await bench.tree('/', { with: ['mtime'] }), `${count} layers`).toEqual(one);
  }
});

test('an upper is bound to its lowers: fewer, more, others or another order are ESTALE', async () => {
  const [one, two, three] = [lower(file('a')), lower(file('b')), lower(file('c'))] as const;
  const bench = await Bench.mount([one, two]);
  await bench.fs.writeFile('/n', 'N');
  const image = await bench.image();
  expect(image.superblock?.lowers.map(({ digest }) => digest)).toEqual([one.digest, two.digest]);
  for (const others of [[one], [one, two, three], [two, one], [one, three]]) {
    await expect(bench.mountAgain(others)).rejects.toMatchObject({ code: 'ESTALE' });
  }
  await bench.mountAgain([lower(file('a')), lower(file('b'))]);
  expect(await names(bench.fs, '/')).toBe('a,b,n');
});
