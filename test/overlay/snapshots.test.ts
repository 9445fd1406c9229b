/* Snapshots: what they show, what they keep, and coming back to them. */

import { describe, expect, test, vi } from 'vitest';
import type { FsPromises } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import { FIRST_HISTORY_ID, contentOf } from '../../src/layer/upper.ts';
import { Bench } from '../support/bench.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';
import { dir, file, hardLink, symlink } from '../support/tree.ts';

const layer = () =>
  lower(file('a', 'from lower'), file('b', 'b'), dir('d', file('x', 'x'), dir('deep', file('leaf', 'leaf'))), symlink('l', 'd/x'));

const WITH = { with: ['ino', 'mtime'] } as const;

/** What a snapshot shows, checked. */
async function shown(overlay: Overlay, id: number): Promise<string[]> {
  const view = await overlay.openSnapshot(id);
  try {
    expect(await view.check()).toEqual([]);
    return await snapshotTree(view.fs.promises, '/', WITH);
  } finally {
    await view.close();
  }
}

/** Changes of every kind. */
const CHANGES: Record<string, (fs: FsPromises) => Promise<unknown>> = {
  'a new file': (fs) => fs.writeFile('/new', 'new'),
  'a lower file written': (fs) => fs.writeFile('/a', 'changed'),
  'an upper file written': (fs) => fs.writeFile('/mine', 'changed'),
  'an upper file appended to': (fs) => fs.appendFile('/mine', ' and more'),
  'an upper file cut': (fs) => fs.truncate('/mine', 2),
  'an upper file deleted': (fs) => fs.unlink('/mine'),
  'a lower file deleted': (fs) => fs.unlink('/a'),
  'a deleted name made again': (fs) => fs.writeFile('/b', 'again'),
  'a mode changed': (fs) => fs.chmod('/mine', 0o600),
  'a lower directory renamed': (fs) => fs.rename('/d', '/e'),
  'a renamed directory renamed back': (fs) => fs.rename('/moved', '/d2'),
  'a tree deleted': (fs) => fs.rm('/d', { recursive: true }),
  'a tree deleted and made again': async (fs) => {
    await fs.rm('/d', { recursive: true });
    await fs.mkdir('/d');
    await fs.writeFile('/d/x', 'another');
  },
  'a copy overwritten': (fs) => fs.copyFile('/a', '/twin'),
  'a file replaced by renaming': (fs) => fs.rename('/mine', '/twin'),
  'a hard link': (fs) => fs.link('/mine', '/link'),
};

/** A tree with something of each kind in its upper. */
async function prepare(fs: FsPromises): Promise<void> {
  await fs.writeFile('/mine', 'my own');
  await fs.copyFile('/mine', '/twin');
  await fs.unlink('/b');
  await fs.mkdir('/moved');
}

describe('a snapshot shows the tree as it was', () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    test(`${name}: also after a remount, and a rollback brings it back`, async () => {
      const bench = await Bench.mount([layer()]);
      await prepare(bench.fs);
      const before = await bench.tree('/', WITH);
      const { id } = await bench.overlay.snapshot();
      await change(bench.fs);
      const after = await bench.tree('/', WITH);
      expect(after).not.toEqual(before);
      expect(await shown(bench.overlay, id)).toEqual(before);
      await bench.remount();
      expect(await shown(bench.overlay, id)).toEqual(before);
      const { id: later } = await bench.overlay.snapshot();
      await bench.overlay.rollback(id);
      expect(await bench.overlay.check()).toEqual([]);
      await bench.settledTree();
      expect(await bench.tree('/', WITH)).toEqual(before);
      expect(await shown(bench.overlay, later)).toEqual(after);
      await bench.overlay.rollback(later);
      expect(await bench.tree('/', WITH)).toEqual(after);
    });
  }
});

test('a snapshot shows extended attributes as they were', async () => {
  const bench = await Bench.mount([layer()]);
  await bench.fs.setxattr('/a', 'user.k', Uint8Array.of(1));
  const { id } = await bench.overlay.snapshot();
  await bench.fs.setxattr('/a', 'user.k', Uint8Array.of(2));
  const view = await bench.overlay.openSnapshot(id);
  expect(await view.fs.promises.getxattr('/a', 'user.k')).toEqual(Uint8Array.of(1));
  await view.close();
  await bench.overlay.rollback(id);
  expect(await bench.fs.getxattr('/a', 'user.k')).toEqual(Uint8Array.of(1));
});

describe('taking a snapshot', () => {
  test('is one commit of the superblock alone, whatever the size', async () => {
    const upper = faultyUpper();
    const bench = await Bench.mount([layer()], { upper });
    await bench.overlay.batch(async (fs) => {
      for (let i = 0; i < 1000; i++) await fs.writeFile(`/f${i}`, 'content');
    });
    const before = upper.commits.length;
    await bench.overlay.snapshot('label');
    const made = upper.commits.slice(before);
    expect(made.map(({ records, chunks, superblock }) => [records.size, chunks.size, superblock?.snapshots?.list])).toEqual([
      [0, 0, [{ id: 1, label: 'label', timeMs: expect.any(Number) as number }]],
    ]);
  });

  test('what changes afterwards is kept once, until the next one', async () => {
    const upper = faultyUpper();
    const bench = await Bench.mount([], { upper });
    await bench.fs.writeFile('/f', 'one');
    await bench.overlay.snapshot();
    const kept = async (content: string): Promise<number> => {
      const before = upper.commits.length;
      await bench.fs.writeFile('/f', content);
      return upper.commits.slice(before).flatMap(({ records }) => [...records.keys()].filter((id) => id >= FIRST_HISTORY_ID)).length;
    };
    expect([await kept('two'), await kept('three')]).toEqual([1, 0]);
    await bench.overlay.snapshot();
    expect([await kept('four'), await kept('five')]).toEqual([1, 0]);
  });

  test('numbers are never given twice, also after a remount without snapshots', async () => {
    const bench = await Bench.mount([]);
    const { id } = await bench.overlay.snapshot();
    await bench.overlay.removeSnapshot(id);
    await bench.remount();
    expect(bench.overlay.snapshots()).toEqual([]);
    expect((await bench.overlay.snapshot('next')).id).toBe(id + 1);
    await bench.remount();
    expect(bench.overlay.snapshots().map(({ id: other, label }) => [other, label])).toEqual([[id + 1, 'next']]);
  });

  test('a workspace without snapshots stays in format 2, one that had one is of format 3', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.writeFile('/a', 'x');
    expect((await bench.image()).superblock).toEqual({ format: 2, lowers: expect.any(Array) as unknown });
    const { id } = await bench.overlay.snapshot();
    expect((await bench.image()).superblock?.format).toBe(3);
    await bench.overlay.removeSnapshot(id);
    expect((await bench.image()).superblock).toMatchObject({ format: 3, snapshots: { list: [], next: 2 } });
  });

  test('one that cannot be committed is not there, nor is anything built upon it', async () => {
    const upper = faultyUpper();
    const bench = await Bench.mount([layer()], { upper });
    await bench.fs.writeFile('/a', 'one');
    const before = await bench.tree('/', WITH);
    upper.failWith('ENOSPC');
    const results = await Promise.allSettled([bench.overlay.snapshot(), bench.fs.writeFile('/a', 'two')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    upper.failWith(undefined);
    expect(bench.overlay.snapshots()).toEqual([]);
    expect(await bench.tree('/', WITH)).toEqual(before);
    expect(bench.overlay.engine.tree.history.records.size).toBe(0);
    await bench.remount();
    expect((await bench.overlay.snapshot()).id).toBe(1);
  });

  test('between two writes of one commit, keeps the content of the first', async () => {
    const bench = await Bench.mount([]);
    bench.sync.writeFileSync('/f', 'one');
    const taken = bench.overlay.snapshot();
    bench.sync.writeFileSync('/f', 'two');
    const { id } = await taken;
    await bench.remount();
    const view = await bench.overlay.openSnapshot(id);
    expect(await view.fs.promises.readFile('/f', 'utf8')).toBe('one');
    expect(await bench.fs.readFile('/f', 'utf8')).toBe('two');
    await view.close();
  });
});

test('an inode number that a snapshot shows is not given to another file, also after a remount', async () => {
  const bench = await Bench.mount([]);
  await bench.fs.writeFile('/f', 'f');
  const { ino } = await bench.fs.stat('/f');
  await bench.overlay.snapshot();
  await bench.fs.unlink('/f');
  await bench.remount();
  await bench.fs.writeFile('/g', 'g');
  expect((await bench.fs.stat('/g')).ino).not.toBe(ino);
});

test('a rollback writes the records that changed and no content, whatever the size; a view reads nothing', async () => {
  const upper = faultyUpper();
  const bench = await Bench.mount([], { upper });
  await bench.overlay.batch(async (fs) => {
    for (let i = 0; i < 300; i++) await fs.writeFile(`/f${i}`, 'content');
  });
  await bench.remount();
  const { id } = await bench.overlay.snapshot();
  for (let i = 0; i < 3; i++) await bench.fs.writeFile(`/f${i}`, 'changed');
  const before = upper.commits.length;
  await bench.overlay.rollback(id);
  // Three files, whose new content goes.
  expect(upper.commits.slice(before).map(({ records, chunks }) => [records.size, [...chunks.values()]])).toEqual([
    [3, [undefined, undefined, undefined]],
  ]);
  const read = vi.spyOn(upper, 'readChunks');
  await using view = await bench.overlay.openSnapshot(id);
  expect(await view.fs.promises.readdir('/')).toHaveLength(300);
  expect(read).not.toHaveBeenCalled();
});

describe('removing a snapshot', () => {
  /** Content of three ages, a snapshot between them. */
  async function threeAges() {
    const upper = faultyUpper();
    const bench = await Bench.mount([], { upper });
    const stored = async (): Promise<number> => {
      const { superblock: _, records } = await bench.image();
      const chunks = new Set([...records.values()].flatMap((record) => [...(contentOf(record)?.chunks ?? [])]));
      const found = await bench.overlay.engine.commits.readStored(Array.from({ length: 20 }, (_unused, id) => id));
      expect(found.filter((bytes) => bytes !== undefined)).toHaveLength(chunks.size);
      return chunks.size;
    };
    await bench.fs.writeFile('/f', 'one');
    await bench.overlay.snapshot();
    await bench.fs.writeFile('/f', 'two');
    await bench.overlay.snapshot();
    await bench.overlay.snapshot();
    await bench.fs.writeFile('/f', 'three');
    return { bench, upper, stored };
  }

  const content = async ({ overlay }: Bench, id: number): Promise<string> => {
    await using view = await overlay.openSnapshot(id);
    return view.fs.promises.readFile('/f', 'utf8');
  };

  test.each([[[1, 2, 3]], [[3, 2, 1]], [[2, 1, 3]], [[3, 1, 2]]])('removes what it alone has kept, in the order %j', async (order) => {
    const { bench, stored } = await threeAges();
    const contents = new Map([
      [1, 'one'],
      [2, 'two'],
      [3, 'two'],
    ]);
    expect(await stored()).toBe(3);
    for (const id of order) {
      await bench.overlay.removeSnapshot(id);
      contents.delete(id);
      expect(await bench.overlay.check()).toEqual([]);
      expect(await stored()).toBe(1 + new Set(contents.values()).size);
      for (const [other, expected] of contents) expect(await content(bench, other)).toBe(expected);
    }
    expect(bench.overlay.engine.tree.history.records.size).toBe(0);
    expect(bench.overlay.usage().used).toBe(256 + 5);
  });

  test('is one commit', async () => {
    const { bench, upper } = await threeAges();
    const before = upper.commits.length;
    await bench.overlay.removeSnapshot(1);
    expect(upper.commits.slice(before).map(({ records, chunks }) => [records.size, chunks.size])).toEqual([[1, 1]]);
  });

  test('that cannot be committed removes nothing', async () => {
    const { bench, upper } = await threeAges();
    upper.failWith('EIO');
    await expect(bench.overlay.removeSnapshot(1)).rejects.toMatchObject({ code: 'EIO', syscall: 'removeSnapshot' });
    upper.failWith(undefined);
    expect(await bench.overlay.check()).toEqual([]);
    expect(await content(bench, 1)).toBe('one');
  });

  test('is EBUSY while a view of it is open', async () => {
    const { bench } = await threeAges();
    const [one, other] = [await bench.overlay.openSnapshot(1), await bench.overlay.openSnapshot(1)];
    await one.close();
    await one.close();
    await expect(bench.overlay.removeSnapshot(1)).rejects.toMatchObject({ code: 'EBUSY' });
    expect(await other.fs.promises.readFile('/f', 'utf8')).toBe('one');
    await other.close();
    await bench.overlay.removeSnapshot(1);
    await expect(bench.overlay.openSnapshot(1)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('leaves chunks alone that a file has again', async () => {
    const { bench } = await threeAges();
    await bench.overlay.rollback(1);
    for (const { id } of bench.overlay.snapshots()) await bench.overlay.removeSnapshot(id);
    await bench.remount();
    expect(await bench.fs.readFile('/f', 'utf8')).toBe('one');
    expect(await bench.overlay.verify()).toEqual([]);
  });
});

describe('a view of a snapshot', () => {
  test('is read-only, and tells what the upper had changed', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.writeFile('/a', 'changed');
    const { id } = await bench.overlay.snapshot();
    await bench.fs.unlink('/b');
    await using view = await bench.overlay.openSnapshot(id);
    const refused = { code: 'EROFS' };
    await expect(view.fs.promises.writeFile('/a', 'x')).rejects.toMatchObject(refused);
    await expect(view.snapshot()).rejects.toMatchObject(refused);
    await expect(view.rollback(id)).rejects.toMatchObject(refused);
    await expect(view.batch((fs) => fs.unlink('/a'))).rejects.toMatchObject(refused);
    expect(await view.diff()).toMatchObject([{ path: '/a', change: 'modified' }]);
    expect(view.fs.readFileSync('/b', 'utf8')).toBe('b');
    await view.flush({ durability: 'strict' });
  });

  test('is EIO when the workspace is closed', async () => {
    const bench = await Bench.mount([layer()]);
    const { id } = await bench.overlay.snapshot();
    const view = await bench.overlay.openSnapshot(id);
    await bench.remount();
    await expect(view.fs.promises.stat('/a')).rejects.toMatchObject({ code: 'EIO' });
    await view.close();
  });

  test('does not show what another snapshot, a rollback or a removal does afterwards', async () => {
    const bench = await Bench.mount([layer()]);
    await bench.fs.writeFile('/f', 'one');
    const { id: first } = await bench.overlay.snapshot();
    await bench.fs.writeFile('/f', 'two');
    const { id: second } = await bench.overlay.snapshot();
    await using view = await bench.overlay.openSnapshot(second);
    await bench.overlay.rollback(first);
    await bench.overlay.removeSnapshot(first);
    await bench.fs.unlink('/f');
    expect(await view.fs.promises.readFile('/f', 'utf8')).toBe('two');
  });
});

describe('the difference since a snapshot', () => {
  const since = async (change: (fs: FsPromises, bench: Bench) => Promise<unknown>): Promise<string[]> => {
    const bench = await Bench.mount([layer()]);
    await prepare(bench.fs);
    const { id } = await bench.overlay.snapshot();
    await change(bench.fs, bench);
    const changes = await bench.overlay.diff({ since: id });
    return changes.map(({ path, change: what, type, from }) => `${what} ${type} ${path}${from === undefined ? '' : ` from ${from}`}`);
  };

  test.each<[string, string[], (fs: FsPromises, bench: Bench) => Promise<unknown>]>([
    ['nothing', [], (fs) => fs.readFile('/mine')],
    ['a new file', ['added file /new'], (fs) => fs.writeFile('/new', 'new')],
    [
      'files written',
      ['modified file /a', 'modified file /mine'],
      async (fs) => {
        await fs.writeFile('/a', 'x');
        await fs.appendFile('/mine', 'x');
      },
    ],
    [
      'attributes',
      ['meta directory /d', 'meta file /a', 'meta symlink /l'],
      async (fs) => {
        await fs.chmod('/a', 0o600);
        await fs.chmod('/d', 0o700);
        await fs.lutimes('/l', 1, 1);
      },
    ],
    [
      'an xattr',
      ['meta file /mine'],
      async (fs) => {
        const { mtime } = await fs.stat('/mine');
        await fs.setxattr('/mine', 'user.k', Uint8Array.of(1));
        await fs.utimes('/mine', mtime, mtime);
      },
    ],
    [
      'deletions',
      ['deleted directory /d', 'deleted file /twin'],
      async (fs) => {
        await fs.rm('/d', { recursive: true });
        await fs.unlink('/twin');
      },
    ],
    ['a deleted name made again', ['added file /b'], (fs) => fs.writeFile('/b', 'again')],
    ['a deleted name that shows again', ['added file /b'], (_fs, { overlay }) => overlay.reset('/b')],
    ['a file replaced', ['deleted file /twin', 'modified file /mine from /twin'], (fs) => fs.rename('/twin', '/mine')],
    [
      'renamed directories',
      ['added directory /e from /d', 'added directory /to from /moved', 'deleted directory /d', 'deleted directory /moved'],
      async (fs) => {
        await fs.rename('/d', '/e');
        await fs.rename('/moved', '/to');
      },
    ],
    [
      'a rollback',
      [],
      async (fs, { overlay }) => {
        await fs.rename('/d', '/e');
        await fs.writeFile('/a', 'x');
        await overlay.rollback(1);
      },
    ],
  ])('%s', async (_, expected, change) => {
    expect((await since(change)).sort()).toEqual(expected);
  });

  test('is told under every name that a lower has of a file, also in a renamed directory', async () => {
    const layers = [lower(file('a', 'A'), dir('d', hardLink('b', 'a')), dir('z', hardLink('c', 'a')))];
    const { fs, overlay } = await Bench.mount(layers);
    await fs.rename('/d', '/moved');
    const { id } = await overlay.snapshot();
    const told = async (): Promise<string[]> => (await overlay.diff({ since: id })).map(({ path, change }) => `${change} ${path}`);
    await fs.chmod('/a', 0o600);
    expect(await told()).toEqual(['meta /a', 'meta /moved/b', 'meta /z/c']);
    await fs.appendFile('/z/c', '+');
    expect(await told()).toEqual(['modified /a', 'modified /moved/b', 'modified /z/c']);
    await fs.unlink('/a');
    await fs.writeFile('/d', 'something else');
    expect(await told()).toEqual(['deleted /a', 'added /d', 'modified /moved/b', 'modified /z/c']);
  });

  test('of a snapshot that is not there is ENOENT', async () => {
    const { overlay } = await Bench.mount([]);
    await expect(overlay.diff({ since: 1 })).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('what cannot be', () => {
  test('without an upper everything is EROFS, and there are no snapshots', async () => {
    await using overlay = await Overlay.mount({ lower: [layer()] });
    expect(overlay.snapshots()).toEqual([]);
    await expect(overlay.snapshot()).rejects.toMatchObject({ code: 'EROFS', syscall: 'snapshot' });
    await expect(overlay.rollback(1)).rejects.toMatchObject({ code: 'EROFS' });
    await expect(overlay.removeSnapshot(1)).rejects.toMatchObject({ code: 'EROFS' });
  });

  test('a number that no snapshot has is ENOENT', async () => {
    const { overlay } = await Bench.mount([]);
    await overlay.snapshot();
    for (const id of [0, 2, Number.NaN]) {
      await expect(overlay.rollback(id)).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(overlay.removeSnapshot(id)).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(overlay.openSnapshot(id)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  test('a label that is too long or none is EINVAL', async () => {
    const { overlay } = await Bench.mount([]);
    for (const label of ['x'.repeat(1025), 7 as unknown as string])
      await expect(overlay.snapshot(label)).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

describe('space', () => {
  test('what only snapshots show counts once, until they are removed', async () => {
    const { overlay, fs } = await Bench.mount([]);
    const used = (): number => overlay.usage().used;
    await fs.writeFile('/f', 'x'.repeat(10_000));
    const { id } = await overlay.snapshot();
    expect(used()).toBe(10_256);
    await fs.chmod('/f', 0o600);
    await fs.rename('/f', '/g');
    expect(used()).toBe(10_256);
    await fs.writeFile('/g', 'y'.repeat(1000));
    expect(used()).toBe(11_256);
    await overlay.snapshot();
    await fs.unlink('/g');
    expect(used()).toBe(11_000);
    await overlay.rollback(id);
    expect(used()).toBe(11_256);
    for (const each of overlay.snapshots()) await overlay.removeSnapshot(each.id);
    expect(used()).toBe(10_256);
  });

  test('with a quota, deleting works on', async () => {
    const { overlay, fs } = await Bench.mount([layer()], { quota: 2000 });
    await fs.writeFile('/f', 'x'.repeat(1500));
    await overlay.snapshot();
    await fs.unlink('/f');
    await expect(fs.writeFile('/g', 'y'.repeat(600))).rejects.toMatchObject({ code: 'EDQUOT' });
    await fs.unlink('/a');
    await fs.rm('/d', { recursive: true });
  });
});
