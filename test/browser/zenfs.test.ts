/* ZenFS over the union in Chromium: in the page, and in an application's worker, with a real IndexedDB. */

import { configure, fs, mounts } from '@zenfs/core';
import { zipSync } from 'fflate';
import { Overlay, OverlayFS } from 'stratafs/zenfs';
import { expect, onTestFinished, test } from 'vitest';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const zip = zipSync({ a: encode('from lower'), gone: encode('x'), 'd/big': new Uint8Array(600_000).fill(7) });

function mounted(): OverlayFS {
  const found = mounts.get('/');
  if (!(found instanceof OverlayFS)) throw new Error('no union is mounted');
  return found;
}

const mount = (upper: string) => configure({ mounts: { '/': { backend: Overlay, lower: [{ bytes: zip.slice() }], upper } } });

test('what is written in a page is there after a remount, for synchronous calls too', async () => {
  await mount('zenfs-page');
  expect(fs.readFileSync('/a', 'utf8')).toBe('from lower');
  fs.writeFileSync('/n', 'new');
  await fs.promises.appendFile('/a', ', edited');
  await fs.promises.unlink('/gone');
  const handle = await fs.promises.open('/d/big', 'r+');
  await handle.write(new Uint8Array([1]), 0, 1, 300_000);
  await handle.close();
  await mounted().close();

  await mount('zenfs-page');
  expect(fs.readdirSync('/').sort()).toEqual(['a', 'd', 'n']);
  expect(fs.readFileSync('/a', 'utf8')).toBe('from lower, edited');
  expect([...fs.readFileSync('/d/big').subarray(299_999, 300_002)]).toEqual([7, 1, 7]);
  expect(await mounted().overlay.check()).toEqual([]);
  await mounted().close();
});

test('a workspace that is mounted is nobody else’s', async () => {
  await mount('zenfs-owned');
  const mine = mounted();
  await expect(mount('zenfs-owned')).rejects.toMatchObject({ code: 'EBUSY' });
  await mine.close();
  await mount('zenfs-owned');
  await mounted().close();
});

test('a mounting that fails lets the workspace go', async () => {
  const failing = configure({
    mounts: { '/': { backend: Overlay, lower: [{ bytes: new Uint8Array(2000).fill(65) }], upper: 'zenfs-failing' } },
  });
  await expect(failing).rejects.toMatchObject({ code: 'EINVAL' });
  await mount('zenfs-failing');
  await mounted().close();
});

test('an application’s worker writes, and another finds it again', async () => {
  const expected = { names: ['a', 'e', 'e/big', 'sync'], a: 'edited' };
  expect(await work({ upper: 'zenfs-worker', zip, write: true })).toEqual([expected, 'closed']);
  expect(await work({ upper: 'zenfs-worker', zip, write: false })).toEqual([expected, 'closed']);
});

/** Lets a fresh worker do it, and gives its two answers. */
async function work(order: object): Promise<unknown[]> {
  const worker = new Worker(new URL('./workers/zenfs-worker.ts', import.meta.url), { type: 'module' });
  onTestFinished(() => worker.terminate());
  const answers: unknown[] = [];
  return new Promise((resolve, reject) => {
    worker.addEventListener('error', (event) => reject(new Error(event.message)));
    worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      answers.push(data);
      if (answers.length === 2 || typeof data === 'string') resolve(answers);
    });
    worker.postMessage(order);
  });
}
