/* Calls at the same time have the result of some order of them, and nobody sees the middle of one. */

import { describe, expect, test } from 'vitest';

import { Overlay } from '../../src/fs/overlay.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { Bench, names } from '../support/bench.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { dir, file, tree } from '../support/tree.ts';

/** Without the check after each call, which would take a thousand times a thousand steps; it runs at the end. */
async function unchecked(layers = [lower(dir('d', file('old')))]): Promise<{ overlay: Overlay; fs: Overlay['fs']['promises'] }> {
  const overlay = await Overlay.mount({ lower: layers, upper: memoryUpper() });
  return { overlay, fs: overlay.fs.promises };
}

describe('calls at the same time', () => {
  test('a thousand files are written', async () => {
    const { overlay, fs } = await unchecked();
    await Promise.all(Array.from({ length: 1000 }, (_, i) => fs.writeFile(`/d/f${i}`, String(i))));
    expect((await fs.readdir('/d')).length).toBe(1001);
    const contents = await Promise.all(Array.from({ length: 1000 }, (_, i) => fs.readFile(`/d/f${i}`, 'utf8')));
    expect(contents).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
    expect(await overlay.check()).toEqual([]);
    await overlay.close();
  });

  test('a hundred appends lose nothing, from handles and by path, of a lazy lower', async () => {
    const layer = treeLayer(tree(file('log', 'start')), { lazy: 'always' });
    const { overlay, fs } = await unchecked([layer]);
    const handle = await fs.open('/log', 'a');
    const marks = Array.from({ length: 100 }, (_, i) => `<${i}>`);
    await Promise.all(marks.map((mark, i) => (i % 2 === 0 ? fs.appendFile('/log', mark) : handle.write(mark))));
    await handle.close();
    const log = await fs.readFile('/log', 'utf8');
    expect(log.length).toBe(`start${marks.join('')}`.length);
    for (const mark of marks) expect(log).toContain(mark);
    expect(await overlay.check()).toEqual([]);
    await overlay.close();
  });

  test('a reader never sees half a writeFile', async () => {
    const layer = treeLayer(tree(file('f', 'a'.repeat(300_000))), { lazy: 'always' });
    const { overlay, fs } = await unchecked([layer]);
    const versions = ['b', 'c', 'd', 'e'].map((letter, i) => letter.repeat(100_000 * (i + 1)));
    const seen: string[] = [];
    const reader = async (): Promise<void> => {
      for (let i = 0; i < 12; i++) seen.push(await fs.readFile('/f', 'utf8'));
    };
    const writer = async (): Promise<void> => {
      for (const version of [...versions, ...versions]) await fs.writeFile('/f', version);
    };
    await Promise.all([reader(), writer(), reader()]);
    const whole = new Set(['a'.repeat(300_000), ...versions]);
    for (const content of seen) expect(whole.has(content), `${content.length} times ${content[0]}`).toBe(true);
    expect(new Set(seen.map(({ length }) => length)).size).toBeGreaterThan(1);
    await overlay.close();
  });

  test('one of many makers of a name wins', async () => {
    const bench = await Bench.mount([lower(dir('d'))]);
    const made = await Promise.allSettled(Array.from({ length: 20 }, () => bench.fs.open('/d/lock', 'wx')));
    const winners = made.filter((result) => result.status === 'fulfilled');
    expect(winners.length).toBe(1);
    await winners[0]!.value.close();
    const directories = await Promise.allSettled(Array.from({ length: 20 }, () => bench.fs.mkdir('/d/sub')));
    expect(directories.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    const first = await Promise.all(Array.from({ length: 10 }, () => bench.fs.mkdir('/d/a/b/c', { recursive: true })));
    expect(first.filter((path) => path !== undefined)).toEqual(['/d/a']);
  });

  test('a file renamed by two is at one of both places', async () => {
    const bench = await Bench.mount([lower(dir('d', file('x', 'X')))]);
    const results = await Promise.allSettled([bench.fs.rename('/d', '/e'), bench.fs.rename('/d', '/f')]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await names(bench.fs, '/')).length).toBe(1);
  });

  test('any mix leaves a tree that is whole, also after a remount', async () => {
    const bench = await Bench.mount([lower(...Array.from({ length: 6 }, (_, i) => dir(`d${i}`, file('x', `X${i}`), dir('s', file('y')))))]);
    const { fs } = bench;
    const calls = Array.from({ length: 6 }, (_, i) => [
      fs.rename(`/d${i}`, `/d${(i + 1) % 6}/moved`),
      fs.writeFile(`/d${i}/s/y`, 'changed'),
      fs.rm(`/d${(i + 2) % 6}/s`, { recursive: true, force: true }),
      fs.link(`/d${i}/x`, `/link${i}`),
      fs.appendFile(`/d${(i + 3) % 6}/x`, '+'),
      fs.mkdir(`/d${i}`, { recursive: true }),
    ]).flat();
    for (const result of await Promise.allSettled(calls)) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: expect.stringMatching(/^E[A-Z]+$/) as string });
    }
    await bench.settledTree();
  });
});
