/* What a workspace tells of its changes, entry by entry and as a whole, and taking them back. */

import { describe, expect, test } from 'vitest';

import { Bench, names } from '../support/bench.ts';
import { lower } from '../support/memory-layer.ts';
import { dir, file, hardLink, symlink, whiteout } from '../support/tree.ts';

const layers = () => [
  lower(dir('d', file('a', 'A', { mode: 0o600 }), dir('e', file('x', 'X'))), file('both', 'top'), whiteout('gone')),
  lower(
    dir('d', file('b', 'B')),
    dir('p', file('q', 'Q'), dir('r', file('s', 'S'))),
    file('both', 'below'),
    file('gone', 'G'),
    symlink('l', 'both'),
  ),
];

const told = async ({ overlay }: Bench): Promise<string> =>
  (await overlay.diff()).map(({ change, path, from }) => `${change} ${path}${from === undefined ? '' : ` from ${from}`}`).join(', ');

const shown = async ({ overlay }: Bench, path: string): Promise<string> =>
  (await overlay.entries(path))
    .map(({ name, from, layer }) => `${name} ${from} ${layer ?? '-'}`)
    .sort()
    .join(', ');

describe('diff', () => {
  test('of a workspace that was only read is empty', async () => {
    const bench = await Bench.mount(layers());
    await bench.tree();
    expect(await told(bench)).toBe('');
  });

  test('tells each change by what the lowers have at the path', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.writeFile('/new', 'N');
    await bench.fs.appendFile('/both', '!');
    await bench.fs.unlink('/d/b');
    await bench.fs.chmod('/d/a', 0o644);
    await bench.fs.writeFile('/gone', 'again');
    await bench.fs.mkdir('/n/o', { recursive: true });
    for (let mount = 0; mount < 2; mount++) {
      expect(await told(bench)).toBe('modified /both, meta /d/a, deleted /d/b, added /gone, added /n, added /n/o, added /new');
      await bench.remount();
    }
  });

  test('does not tell a change that was taken back by hand', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.writeFile('/new', 'N');
    await bench.fs.unlink('/new');
    await bench.fs.chmod('/d/a', 0o644);
    await bench.fs.chmod('/d/a', 0o600);
    await bench.fs.rename('/p', '/q');
    await bench.fs.rename('/q', '/p');
    expect(await told(bench)).toBe('');
  });

  test('tells a renamed directory as one, with where it came from', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/p', '/moved');
    await bench.fs.writeFile('/moved/q', 'changed');
    await bench.fs.unlink('/moved/r/s');
    await bench.fs.rename('/both', '/d/both');
    const changes = (await told(bench)).split(', ');
    expect(changes).toContain('added /moved from /p');
    expect(changes).toContain('deleted /p');
    expect(changes).toContain('deleted /moved/r/s from /p/r/s');
    expect(changes).toContain('added /d/both from /both');
    expect(changes).toContain('deleted /both');
    expect(changes.some((change) => change.endsWith(' /moved/q') || change.includes(' /moved/q from'))).toBe(true);
  });

  test('tells a change of type and a replaced directory', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rm('/p', { recursive: true });
    await bench.fs.writeFile('/p', 'a file now');
    await bench.fs.rm('/d', { recursive: true });
    await bench.fs.mkdir('/d');
    await bench.fs.writeFile('/d/b', 'B');
    const changes = (await told(bench)).split(', ');
    expect(changes).toEqual(
      expect.arrayContaining(['modified /p', 'modified /d', 'deleted /d/a', 'deleted /d/e', 'modified /d/b']) as string[],
    );
  });

  test('tells a changed file under every name that it has', async () => {
    const bench = await Bench.mount([lower(file('a', 'A'), dir('d', hardLink('b', 'a')), dir('z', hardLink('c', 'a')))]);
    await bench.fs.appendFile('/d/b', '+');
    expect(await told(bench)).toBe('modified /a, modified /d/b, modified /z/c');
    await bench.fs.rm('/d', { recursive: true });
    await bench.settledTree();
    expect(await told(bench)).toBe('modified /a, deleted /d, modified /z/c');
  });
});

describe('entries', () => {
  test('tell where each name comes from, deleted ones included', async () => {
    const bench = await Bench.mount(layers());
    expect(await shown(bench, '/')).toBe('both lower 0, d lower 0, l lower 1, p lower 1');
    await bench.fs.unlink('/both');
    await bench.fs.writeFile('/new', '');
    await bench.fs.appendFile('/d/b', '+');
    await bench.fs.mkdir('/gone');
    expect(await shown(bench, '/')).toBe('both deleted 0, d copied-up 0, gone upper -, l lower 1, new upper -, p lower 1');
    expect(await shown(bench, '/d')).toBe('a lower 0, b copied-up 1, e lower 0');
  });

  test('are refused where readdir is', async () => {
    const bench = await Bench.mount(layers());
    await expect(bench.overlay.entries('/both')).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(bench.overlay.entries('/no')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'scandir', path: '/no' });
  });
});

describe('reset', () => {
  test('shows again what the lowers have at a path, and leaves the rest', async () => {
    const bench = await Bench.mount(layers());
    const before = await bench.tree();
    await bench.fs.writeFile('/both', 'changed');
    await bench.fs.rm('/d', { recursive: true });
    await bench.fs.chmod('/p/q', 0o600);
    await bench.overlay.reset('/d');
    expect(await bench.overlay.check()).toEqual([]);
    expect(await told(bench)).toBe('modified /both, meta /p/q');
    await bench.overlay.reset('/p/q');
    await bench.overlay.reset('/both');
    expect(await bench.settledTree()).toEqual(before);
    expect(await told(bench)).toBe('');
  });

  test('makes what the upper made vanish', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.mkdir('/n/o', { recursive: true });
    await bench.fs.writeFile('/n/o/f', new Uint8Array(400_000));
    await bench.overlay.reset('/n');
    expect(await names(bench.fs, '/')).toBe('both,d,l,p');
    await bench.settledTree();
  });

  test('of the root gives the lowers back, whatever was done', async () => {
    const bench = await Bench.mount(layers());
    const before = await bench.tree('/', { with: ['ino', 'mtime'] });
    await bench.fs.rename('/d', '/p/moved');
    await bench.fs.rename('/p', '/d');
    await bench.fs.link('/both', '/twin');
    await bench.fs.rm('/both');
    await bench.fs.writeFile('/d/r/s', 'changed');
    await bench.overlay.reset('/');
    expect(await bench.overlay.check()).toEqual([]);
    await bench.settledTree();
    expect(await bench.tree('/', { with: ['ino', 'mtime'] })).toEqual(before);
    expect((await bench.image()).records.size).toBe(0);
  });

  test('is refused where what would show again lives on under another name', async () => {
    const bench = await Bench.mount(layers());
    await bench.fs.rename('/p', '/moved');
    await bench.fs.rename('/both', '/elsewhere');
    for (const path of ['/p', '/both']) await expect(bench.overlay.reset(path)).rejects.toMatchObject({ code: 'EBUSY' });
    await bench.overlay.reset('/moved');
    await bench.overlay.reset('/p');
    await bench.settledTree();
    expect(await names(bench.fs, '/p/r')).toBe('s');
  });

  test('is ENOENT where there is nothing to reset', async () => {
    const bench = await Bench.mount(layers());
    for (const path of ['/d', '/no', '/']) await expect(bench.overlay.reset(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
