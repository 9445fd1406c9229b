/* Snapshots: what they show, what they keep, and coming back to them. */

import { describe, expect, test } from 'vitest';
import type { FsPromises } from '../../src/fs/api.ts';
import type { Overlay } from '../../src/fs/overlay.ts';
import { FIRST_HISTORY_ID } from '../../src/layer/upper.ts';
import { Bench } from '../support/bench.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';
import { dir, file, symlink } from '../support/tree.ts';

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
