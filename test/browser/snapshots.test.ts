/* Snapshots and branches over Chromium's own IndexedDB, locks and files, with a worker for each tab. */

import { zipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import { open, removeWorkspace, type Workspace } from '../../src/index.ts';

const workers: Worker[] = [];

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** The worker of a tab. What is closed and opened again in it is read from the disk again. */
function tab(): Worker {
  const worker = new Worker(new URL('../../src/rpc/worker-script.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  return worker;
}

test('a branch in a second tab reads its parent’s content while that is open, changed, closed and opened again, and does without it once it is detached', async () => {
  const name = `snapshots-browser-${crypto.randomUUID()}`;
  const lower = [{ url: URL.createObjectURL(new Blob([zipSync({ 'a.txt': new TextEncoder().encode('below') })])) }];
  const [first, second] = [tab(), tab()];
  const openIn = (worker: Worker, which = name): Promise<Workspace> => open({ name: which, lower, worker });
  const big = (fill: number): Uint8Array => new Uint8Array(700_000).fill(fill);
  // Compared by hand: `toEqual` takes seconds.
  const isBig = (bytes: Uint8Array, fill: number): boolean => bytes.length === 700_000 && bytes.every((byte) => byte === fill);
  const parent = await openIn(first);
  await parent.fs.writeFile('/big', big(1));
  await parent.fs.writeFile('/gone', 'before');
  const { id } = await parent.snapshot('before');
  await parent.fs.writeFile('/big', big(2));
  await parent.fs.rm('/gone');
  expect(isBig(await parent.openSnapshot(id).readFile('/big'), 1)).toBe(true);
  await parent.rollback(id);
  expect(await parent.fs.readFile('/gone', 'utf8')).toBe('before');

  const branchName = `${name}-branch`;
  await parent.branch(branchName, { snapshot: id });
  const branch = await openIn(second, branchName);
  await Promise.all([
    parent.fs.writeFile('/big', big(3)),
    parent.fs.rm('/gone'),
    branch.fs.appendFile('/gone', '+'),
    branch.fs.rm('/a.txt'),
  ]);
  expect(isBig(await branch.fs.readFile('/big'), 1)).toBe(true);
  await branch.close();
  await parent.close();

  const again = await openIn(second, branchName);
  expect(isBig(await again.fs.readFile('/big'), 1)).toBe(true);
  expect(await again.fs.readFile('/gone', 'utf8')).toBe('before+');
  expect(await again.fs.readdir('/')).toEqual(['big', 'gone']);
  expect([await again.check(), await again.verify()]).toEqual([[], []]);
  const parentAgain = await openIn(first);
  expect(await parentAgain.fs.readdir('/')).toEqual(['a.txt', 'big']);
  expect(isBig(await parentAgain.fs.readFile('/big'), 3)).toBe(true);
  expect(await parentAgain.check()).toEqual([]);
  await parentAgain.close();
  await expect(removeWorkspace(name, { worker: first })).rejects.toMatchObject({ code: 'EBUSY' });
  const loaded: number[] = [];
  await again.detach({ onProgress: (progress) => void loaded.push(progress.loaded) });
  expect(loaded[0]).toBe(0);
  expect(loaded.at(-1)).toBeGreaterThanOrEqual(700_000);
  await removeWorkspace(name, { worker: first });
  expect(isBig(await again.fs.readFile('/big'), 1)).toBe(true);
  await again.close();
  const alone = await openIn(second, branchName);
  expect(isBig(await alone.fs.readFile('/big'), 1)).toBe(true);
  expect(await alone.fs.readFile('/gone', 'utf8')).toBe('before+');
  expect([await alone.check(), await alone.verify()]).toEqual([[], []]);
  await alone.close();
  await removeWorkspace(branchName, { worker: first });
});
