/* Work that tells of its progress, through a real worker: what threads add to test/rpc/streams.test.ts. */

import { zipSync } from 'fflate';
import { afterEach, expect, test } from 'vitest';
import { attach, open, type OpenOptions, type WorkProgress, type Workspace } from '../../src/index.ts';

const opened: Workspace[] = [];

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((ws) => ws.close()));
});

async function openNew(options: Partial<OpenOptions> = {}): Promise<Workspace> {
  const content = new TextEncoder().encode('some text that is long enough to be packed. '.repeat(2000));
  const archive = zipSync(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`d/f${i}`, content])), { level: 1 });
  const ws = await open({ lower: [{ url: URL.createObjectURL(new Blob([archive])) }], ...options });
  opened.push(ws);
  return ws;
}

test('a scrub tells its progress while it runs, other calls are served meanwhile, and it can be ended', async () => {
  const ws = await openNew({ name: `prefetch-${crypto.randomUUID()}` });
  await ws.fs.writeFile('/mine', new Uint8Array(700_000));
  const told: WorkProgress[] = [];
  let isOver = false;
  const verifying = ws.verify({ onProgress: (progress) => told.push(progress) }).finally(() => (isOver = true));
  const read = await ws.fs.readFile('/d/f7', 'utf8').then(() => isOver);
  expect(await verifying).toEqual([]);
  expect(read).toBe(false);
  expect(told.length).toBeGreaterThan(2);
  expect(told.at(-1)?.loaded).toBe(told.at(-1)?.total);
  const abort = new AbortController();
  const ended = ws.verify({ signal: abort.signal, onProgress: ({ loaded }) => loaded > 0 && abort.abort() });
  await expect(ended).rejects.toMatchObject({ name: 'AbortError' });
  expect(await ws.recordAccess()).toEqual([['/d/f7']]);
});

test('prefetch resolves at once where everything is at hand, and rejects with the error of a path', async () => {
  const ws = await openNew();
  await ws.prefetch('all');
  await ws.prefetch(['/d', '/d/f3']);
  await expect(ws.prefetch(['/d/no'])).rejects.toMatchObject({ code: 'ENOENT', path: '/d/no' });
});

test('a guest’s scrub rejects when the workspace closes', async () => {
  const ws = await openNew();
  const guest = await attach(ws.port());
  const begun = Promise.withResolvers<void>();
  const verifying = guest.verify({ onProgress: () => begun.resolve() });
  verifying.catch(() => undefined);
  await begun.promise;
  await ws.close();
  await expect(verifying).rejects.toMatchObject({ code: 'EIO' });
});
