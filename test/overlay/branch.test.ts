/* What a snapshot remembers of its branches; the branches themselves are in test/rpc/snapshots.test.ts. */

import { expect, test } from 'vitest';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Commit } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';

test('a snapshot with a branch cannot be removed, also after a remount, until it forgets the branch', async () => {
  const upper = memoryUpper();
  const first = await Overlay.mount({ upper });
  const { id } = await first.snapshot();
  await first.rememberBranch('b', id);
  await first.rememberBranch('c', id);
  await first.rememberBranch('b', id);
  await first.close();
  const overlay = await Overlay.mount({ upper });
  expect(overlay.snapshots()[0]?.branches).toEqual(['c', 'b']);
  await overlay.forgetBranch('b', id);
  await expect(overlay.removeSnapshot(id)).rejects.toMatchObject({ code: 'EBUSY', message: expect.stringContaining("'c'") as string });
  await overlay.forgetBranch('c', id);
  expect(overlay.snapshots()[0]).not.toHaveProperty('branches');
  await overlay.removeSnapshot(id);
  await overlay.close();
});

test('beginning a branch is one commit without records and content, and begins above every chunk of the workspace', async () => {
  const upper = memoryUpper();
  const overlay = await Overlay.mount({ upper });
  for (const name of ['a', 'b', 'c']) await overlay.fs.promises.writeFile(`/${name}`, name);
  const commits: Commit[] = [];
  const commit = upper.commit.bind(upper);
  upper.commit = (each) => (commits.push(each), commit(each));
  const origin = await overlay.rememberBranch('branch');
  expect(commits.map(({ records, chunks }) => [records.size, chunks.size])).toEqual([[0, 0]]);
  expect(origin.snapshot.branches).toEqual(['branch']);
  const used = [...(await upper.load()).records.values()].flatMap((record) => ('chunks' in record ? record.chunks : []));
  expect(origin.firstChunk).toBeGreaterThan(Math.max(...used));
  await overlay.close();
});

test('a commit that fails leaves a snapshot without the branch, and the one that was taken for it is gone', async () => {
  const upper = memoryUpper();
  const overlay = await Overlay.mount({ upper });
  const { id } = await overlay.snapshot();
  const commit = upper.commit.bind(upper);
  upper.commit = () => Promise.reject(new Error('planted'));
  await expect(overlay.rememberBranch('b')).rejects.toMatchObject({ code: 'EIO' });
  await expect(overlay.rememberBranch('b', id)).rejects.toMatchObject({ code: 'EIO' });
  upper.commit = commit;
  expect(overlay.snapshots().map((each) => [each.id, each.branches])).toEqual([[id, undefined]]);
  await overlay.close();
});
