/* The page's API over real workers: what threads, Web Locks and IndexedDB add to test/rpc/workspace.test.ts. */

import { zipSync } from 'fflate';
import { afterEach, describe, expect, test } from 'vitest';
import { attach, open, removeWorkspace, type OpenOptions, type Workspace } from '../../src/index.ts';

const utf8 = new TextEncoder();
const opened: Workspace[] = [];
const workers: Worker[] = [];
const uniqueName = (): string => `rpc-browser-${crypto.randomUUID()}`;

const appWorker = (): Worker => started(new Worker(new URL('./workers/app-worker.ts', import.meta.url), { type: 'module' }));

function started(worker: Worker): Worker {
  workers.push(worker);
  return worker;
}

async function openNew(options: Partial<OpenOptions> = {}): Promise<Workspace> {
  const ws = await open({ lower: [], ...options });
  opened.push(ws);
  return ws;
}

function archiveUrl(): string {
  const archive = zipSync({ 'a.txt': utf8.encode('from the lower'), 'big.bin': new Uint8Array(3_000_000).fill(3) });
  return URL.createObjectURL(new Blob([archive]));
}

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((ws) => ws.close()));
  for (const worker of workers.splice(0)) worker.terminate();
});

/** Fails instead of hanging: what never settles is what these tests are about. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  return Promise.race([promise, new Promise<never>((_, reject) => setTimeout(() => reject(new Error('did not settle')), 20_000))]);
}

test('the packaged worker mounts, keeps changes in IndexedDB, and finds them again', async () => {
  const name = uniqueName();
  const lower = [{ url: archiveUrl(), at: '/base' }];
  const first = await openNew({ name, lower });
  expect(await first.fs.readFile('/base/a.txt', 'utf8')).toBe('from the lower');
  await first.fs.unlink('/base/a.txt');
  await first.fs.writeFile('/mine', new Uint8Array(700_000).fill(1));
  await first.close();

  const second = await openNew({ name, lower });
  expect((await second.fs.readFile('/mine')).length).toBe(700_000);
  expect((await second.diff()).map(({ path, change }) => [path, change])).toEqual([
    ['/base/a.txt', 'deleted'],
    ['/mine', 'added'],
  ]);
  expect(await second.check()).toEqual([]);
});

test('a worker that is killed right after an acknowledged write has kept it', async () => {
  const name = uniqueName();
  const worker = appWorker();
  const ws = await openNew({ name, worker });
  await ws.fs.writeFile('/kept', 'x');
  worker.terminate();
  const again = await openNew({ name });
  expect(await again.fs.readFile('/kept', 'utf8')).toBe('x');
});

test('large buffers are transferred in both directions, and the caller keeps his own', async () => {
  const ws = await openNew({ lower: [{ url: archiveUrl() }] });
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await ws.fs.writeFile('/f', bytes);
  expect(bytes.byteLength).toBe(60_000);
  expect(await ws.fs.readFile('/f')).toEqual(bytes);
  for (let i = 0; i < 2; i++) expect((await ws.fs.readFile('/big.bin')).at(-1)).toBe(3);
  const handle = await ws.fs.open('/big.bin', 'r+');
  const buffer = new Uint8Array(1_000_000);
  expect((await handle.read(buffer, 0, 1_000_000, 2_500_000)).bytesRead).toBe(500_000);
  expect(buffer[0]).toBe(3);
  await handle.close();
});

describe('an application’s own worker', () => {
  test('uses the same workspace as the page, and keeps its own messages', async () => {
    const worker = appWorker();
    const [ws, other] = await Promise.all([openNew({ worker }), openNew({ worker, name: uniqueName() })]);
    expect(await ws.fs.readFile('/from-worker', 'utf8')).toBe('made in the worker');
    expect(await other.fs.readFile('/from-worker', 'utf8')).toBe('made in the worker');
    const pong = new Promise((resolve) => worker.addEventListener('message', ({ data }) => resolve(data), { once: true }));
    worker.postMessage('ping');
    expect(await soon(pong)).toBe('pong');
  });

  test('outlives close(), for it is the application’s', async () => {
    const worker = appWorker();
    await (await openNew({ worker })).close();
    const again = await openNew({ worker });
    expect(await again.fs.readdir('/')).toEqual(['from-worker']);
  });

  test('an uncaught error of the application is not the end of the workspace', async () => {
    const worker = appWorker();
    const ws = await openNew({ worker });
    const failed = new Promise((resolve) =>
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        resolve(event.message);
      }),
    );
    worker.postMessage('throw');
    expect(await soon(failed)).toContain('planted');
    expect(await ws.fs.readdir('/')).toEqual(['from-worker']);
  });
});

describe('the end of a worker', () => {
  test.each([
    ['terminated', (worker: Worker) => worker.terminate()],
    ['closed by itself', (worker: Worker) => worker.postMessage('close')],
  ])('%s: pending calls and watches reject, later calls at once', async (_how, end) => {
    const worker = appWorker();
    const ws = await openNew({ worker });
    const gone = { code: 'EIO', detail: 'the worker is gone' };
    const watching = ws.fs.watch('/').next();
    await ws.fs.readdir('/');
    end(worker);
    await expect(soon(watching)).rejects.toMatchObject(gone);
    await expect(soon(ws.fs.stat('/'))).rejects.toMatchObject(gone);
    await expect(soon(ws.close())).rejects.toMatchObject(gone);
  });

  test('calls under way when the worker is terminated reject', async () => {
    const worker = appWorker();
    const ws = await openNew({ worker });
    const writes = Array.from({ length: 50 }, (_, i) => ws.fs.writeFile(`/f${i}`, 'x'));
    worker.terminate();
    for (const result of await soon(Promise.allSettled(writes))) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'EIO' });
    }
  });

  test('a script that fails, or is not there, rejects open()', async () => {
    const broken = started(new Worker(new URL('./workers/broken-worker.ts', import.meta.url), { type: 'module' }));
    broken.addEventListener('error', (event) => event.preventDefault());
    await expect(soon(openNew({ worker: broken }))).rejects.toMatchObject({ code: 'EIO' });
    await expect(soon(openNew({ workerUrl: '/there-is-no-such-worker.js' }))).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('a workspace that another worker has open', () => {
  test('is the same one here', async () => {
    const name = uniqueName();
    const owner = await openNew({ name });
    const relay = await openNew({ name });
    await relay.fs.writeFile('/f', '1');
    expect(await owner.fs.readFile('/f', 'utf8')).toBe('1');
    expect(await relay.check()).toEqual([]);
  });

  test('goes over to the next worker when the first is terminated', async () => {
    const name = uniqueName();
    const worker = appWorker();
    const owner = await openNew({ name, worker });
    const relay = await openNew({ name, worker: appWorker() });
    await owner.fs.writeFile('/f', 'of the first');
    worker.terminate();
    expect(await relay.fs.readFile('/f', 'utf8')).toBe('of the first');
    // The application's own part was started there too.
    expect(await relay.fs.readFile('/from-worker', 'utf8')).toBe('made in the worker');
  });

  test('comes to this page by a port of the other as well', async () => {
    const name = uniqueName();
    await openNew({ name });
    const relay = await openNew({ name });
    const guest = await attach(relay.port());
    await guest.fs.writeFile('/f', new Uint8Array(2_000_000).fill(4));
    expect((await relay.fs.readFile('/f')).length).toBe(2_000_000);
    await guest.close();
  });

  test('can be removed once nobody has it open', async () => {
    const name = uniqueName();
    const owner = await openNew({ name });
    await owner.fs.writeFile('/f', '1');
    await expect(removeWorkspace(name)).rejects.toMatchObject({ code: 'EBUSY' });
    await owner.close();
    await removeWorkspace(name);
    const again = await openNew({ name });
    expect(await again.fs.readdir('/')).toEqual([]);
  });
});

describe('batches and usage', () => {
  test('a batch is all or nothing, and unseen until then', async () => {
    const ws = await openNew({ name: uniqueName() });
    const result = await ws.batch(async (fs) => {
      await fs.mkdir('/d');
      await fs.writeFile('/d/f', 'x');
      expect(await fs.readdir('/')).toEqual(['d']);
      expect(await ws.fs.readdir('/')).toEqual([]);
      return 7;
    });
    expect(result).toBe(7);
    expect(await ws.fs.readdir('/d')).toEqual(['f']);
    const failing = ws.batch(async (fs) => {
      await fs.rm('/d', { recursive: true });
      throw new RangeError('not after all');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await ws.fs.readdir('/d')).toEqual(['f']);
  });

  test('usage tells what is taken and what may be, and beyond the quota is EDQUOT', async () => {
    const ws = await openNew({ name: uniqueName(), quota: 100_000 });
    await ws.fs.writeFile('/f', new Uint8Array(50_000));
    const usage = await ws.usage();
    expect(usage).toMatchObject({ quota: 100_000, persisted: expect.any(Boolean) as boolean });
    expect(usage.used).toBeGreaterThan(50_000);
    // WebKitGTK does not tell.
    if ('storage' in navigator) expect(usage.origin?.quota).toBeGreaterThan(0);
    // Firefox asks the user, who is not here.
    if (!/\bGecko\/\d/.test(navigator.userAgent)) expect(await ws.persist()).toBeTypeOf('boolean');
    await expect(ws.fs.writeFile('/g', new Uint8Array(60_000))).rejects.toMatchObject({ code: 'EDQUOT' });
  });
});

test('another worker reaches the workspace by a port', async () => {
  const ws = await openNew({ name: uniqueName() });
  await ws.fs.writeFile('/from-page', 'made on the page');
  const guest = started(new Worker(new URL('./workers/guest-worker.ts', import.meta.url), { type: 'module' }));
  const answer = new Promise((resolve) => guest.addEventListener('message', ({ data }) => resolve(data), { once: true }));
  const port = ws.port();
  guest.postMessage(port, [port]);
  expect(await answer).toEqual({ name: ws.name, read: 'made on the page' });
  expect(await ws.fs.readFile('/by-guest', 'utf8')).toBe('made by a guest');
});
