/* Snapshots outlive what happens to a database: a later version, and its loss. Over an IndexedDB in memory and files in memory. */

import 'fake-indexeddb/auto';
import { readFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { Overlay } from '../../../src/fs/overlay.ts';
import type { UpperStore } from '../../../src/layer/upper.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { openUpper } from '../../../src/upper/open-upper.ts';
import { parseRecording, restoreDatabase } from '../../fixtures/schema/recording.ts';
import { SCENE_TIME, playScene, playSnapshots, sceneLower } from '../../fixtures/schema/scene.ts';
import { snapshotTree } from '../../support/snapshot-tree.ts';
import { World } from './guard-world.ts';

const mount = (upper: UpperStore): Promise<Overlay> => Overlay.mount({ lower: [sceneLower()], upper, clock: () => SCENE_TIME });

const treeOf = ({ fs }: Overlay): Promise<string[]> => snapshotTree(fs.promises, '/', { with: ['ino', 'mtime'] });

/** What each snapshot shows, and the tree itself. */
async function everything(overlay: Overlay): Promise<object> {
  const snapshots: [number, string[]][] = [];
  for (const { id } of overlay.snapshots()) {
    await using view = await overlay.openSnapshot(id);
    snapshots.push([id, await treeOf(view)]);
  }
  expect(await overlay.check()).toEqual([]);
  expect(await overlay.verify()).toEqual([]);
  return { list: overlay.snapshots(), snapshots, tree: await treeOf(overlay) };
}

test('a database of format 3 shows its snapshots as they were recorded, and can be rolled back', async () => {
  const recording = parseRecording(await readFile(new URL('../../fixtures/schema/format-3.json', import.meta.url), 'utf8'));
  await restoreDatabase('format-3', recording);
  const overlay = await mount(await idbUpper('format-3'));
  expect(await everything(overlay)).toMatchObject({ snapshots: recording.snapshots, tree: recording.tree });
  expect((await overlay.snapshot()).id).toBe(5);
  await overlay.rollback(1);
  expect(await treeOf(overlay)).toEqual(recording.snapshots![0]![1]);
  await overlay.close();
});

test('a workspace that the browser has lost comes back from its guard with its snapshots', async () => {
  const world = new World();
  const settings = { delay: 0, retryAfter: 10, tries: 3, slack: 1 << 20, frames: 1000 };
  /** Mounts, works until the guard is whole, and closes. */
  const session = async <T>(work: (overlay: Overlay, isRestored: boolean) => Promise<T>): Promise<T> => {
    const upper = await openUpper('lost-snapshots', { folder: world.folder(), patience: 150, settings });
    const overlay = await mount(upper);
    const result = await work(overlay, upper.restored !== undefined);
    await vi.waitFor(() => expect(upper.guard).toBe('on'));
    await overlay.close();
    return result;
  };
  const afterLoss = async (): Promise<object> => {
    await new Promise((resolve) => (indexedDB.deleteDatabase('stratafs:lost-snapshots').onsuccess = resolve));
    return session(async (overlay, isRestored) => ({ isRestored, ...(await everything(overlay)) }));
  };

  const before = await session(async (overlay) => {
    await playScene(overlay.fs.promises);
    await playSnapshots(overlay);
    return everything(overlay);
  });
  expect(await afterLoss(), 'from the frames of commits').toEqual({ isRestored: true, ...before });
  for (const name of world.files.keys()) if (name.startsWith('guard.')) world.files.delete(name);
  await session(() => Promise.resolve());
  expect(await afterLoss(), 'from an image').toEqual({ isRestored: true, ...before });
});
