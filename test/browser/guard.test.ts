/* Guard and marker over Chromium's own private file system: what two workers on one workspace, and removing it, come to. */

import { afterEach, expect, test as anyTest } from 'vitest';

// WebKitGTK has no private file system, and so no guard.
const test = anyTest.skipIf(typeof FileSystemFileHandle === 'undefined');
/** Firefox has no databases whose names are no Unicode. */
const LONE_SURROGATE = /\bGecko\/\d/.test(navigator.userAgent) ? [] : ['\uD800'];

interface Status {
  readonly guard: string;
  readonly restored?: { readonly what: string };
  readonly version?: { readonly generation: string; readonly sequence: number };
}

type Call = <T>(name: string, ...args: readonly unknown[]) => Promise<T>;

const workers: Worker[] = [];

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** Starts a worker; gives what calls its functions. */
function start(): { call: Call; worker: Worker } {
  const worker = new Worker(new URL('./workers/upper-worker.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  let last = 0;
  const call = <T>(name: string, ...args: readonly unknown[]): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const listen = ({ data }: MessageEvent<{ id: number; value: T; error?: string }>): void => {
        if (data.id !== id) return;
        worker.removeEventListener('message', listen);
        if (data.error === undefined) resolve(data.value);
        else reject(new Error(data.error));
      };
      worker.addEventListener('message', listen);
      worker.addEventListener('error', (event) => reject(new Error(event.message)));
      worker.postMessage({ id, name, args });
    });
  return { call, worker };
}

const uniqueName = (): string => `guard ${crypto.randomUUID()}/ü`;

test('a workspace has a guard and a marker from its first commit on', async () => {
  const name = uniqueName();
  const { call } = start();
  const status = await call<Status>('open', name);
  expect(status.guard).toBe('on');
  expect(status.version?.sequence).toBe(1);
  const files = await call<Record<string, number>>('files', name);
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['guard.0', 'marker']));
  expect(files.marker).toBe(256);
});

test('a worker whose guard another one has open builds its own, and the overtaken one does no harm', async () => {
  const name = uniqueName();
  const first = start();
  await first.call('open', name);
  expect(await first.call('write', ['/a', '/b'], 1000)).toBe('done');
  const second = start();
  await second.call('open', name);
  expect(await second.call('write', ['/c'], 1000)).toBe('done');
  // The first one was overtaken: its commit is refused, and is not in its guard either.
  expect(await first.call('write', ['/late'], 1000)).toBe('ESTALE');
  await expect.poll(async () => (await second.call<Status>('status')).guard).toBe('on');
  await second.call('close');
  first.worker.terminate();
  await second.call('deleteDatabase', name);
  expect(await second.call<Status>('open', name)).toMatchObject({ guard: 'on', restored: { what: 'everything' } });
  const { lengths, wrong } = await second.call<{ lengths: Record<string, number>; wrong: string[] }>('list');
  expect(Object.keys(lengths)).toEqual(['/a', '/b', '/base/deleted.txt', '/base/kept.txt', '/c']);
  expect(wrong).toEqual([]);
});

test('a workspace that is removed is new afterwards, and one that is open is not removed', async () => {
  const name = uniqueName();
  const first = start();
  const { version } = await first.call<Status>('open', name);
  const second = start();
  await expect(second.call('remove', name)).rejects.toThrow(/EBUSY/);
  expect(await first.call('write', ['/a'], 1000)).toBe('done');
  await first.call('close');
  await second.call('remove', name);
  expect(await second.call('files', name)).toEqual({});
  const anew = await second.call<Status>('open', name);
  expect(anew.restored).toBeUndefined();
  expect(anew.version?.generation).not.toBe(version?.generation);
});

test.each(['.', '..', '', 'a'.repeat(500), ...LONE_SURROGATE])('a workspace may have any name: %j', async (name) => {
  const { call } = start();
  await call('remove', name);
  await call('open', name);
  expect(await call('write', ['/a'], 10)).toBe('done');
  await call('close');
  await call('deleteDatabase', name);
  expect(await call<Status>('open', name)).toMatchObject({ restored: { what: 'everything' } });
  await call('close');
  await call('remove', name);
});
