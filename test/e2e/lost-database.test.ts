/* Chromium loses the database of a workspace: with a guard everything acknowledged is back, without one it is said to be lost. */

import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeProfile } from '../support/chromium.ts';
import type { Profile } from '../support/chromium.ts';
import { type WorkerPage, callWorker, serveWorker } from './worker-page.ts';

interface Status {
  readonly guard: string;
  readonly restored?: { readonly what: string; readonly sequence: number; readonly whole: boolean };
  readonly version?: { readonly generation: string; readonly sequence: number };
}

let served: WorkerPage;
let profile: Profile;
let browser: BrowserContext;
let serial = 0;
/** Of the page, another for each test: a disk that has nothing of it yet, without starting a browser. */
let url: string;
let page: Page;

beforeAll(async () => {
  served = await serveWorker('test/browser/workers/upper-worker.ts');
  profile = await makeProfile();
  browser = await profile.launch();
});
afterAll(async () => {
  await profile.remove();
  await served.close();
});

beforeEach(async () => {
  url = `http://test-${++serial}.localhost:${new URL(served.url).port}/`;
  await visit();
});
afterEach(() => page.close());

async function visit(): Promise<void> {
  page = await browser.newPage();
  await page.goto(url);
}

/** Does something to the profile while the browser is down. */
async function whileDown(work: () => Promise<void>): Promise<void> {
  await browser.close();
  await work();
  browser = await profile.launch();
  await visit();
}

const call = <T>(name: string, ...args: readonly unknown[]): Promise<T> => callWorker<T>(page, name, ...args);

/** The guard files with their sizes. */
async function guards(): Promise<Record<string, number>> {
  const files = await call<Record<string, number>>('files', 'w');
  return Object.fromEntries(Object.entries(files).filter(([name]) => name.startsWith('guard.')));
}

const PATHS = Array.from({ length: 12 }, (_, i) => `/file-${i}`);
const CONTENT = { ...Object.fromEntries(PATHS.map((path) => [path, 40_000])), '/large': 700_000, '/base/kept.txt': 4 };

/** A workspace with some changes, closed. */
async function prepare(options: { guard: boolean }): Promise<void> {
  await call('open', 'w', options);
  expect(await call('write', PATHS, 40_000)).toBe('done');
  expect(await call('write', ['/large'], 700_000)).toBe('done');
  await call('unlink', '/base/deleted.txt');
  await call('close');
}

async function expectEverything(): Promise<void> {
  expect(await call('list')).toEqual({ lengths: CONTENT, wrong: [] });
  expect(await call('check')).toEqual([]);
}

/** The database goes while the browser is down. */
function removeDatabases(): Promise<void> {
  return whileDown(() => rm(join(profile.folder, 'Default/IndexedDB'), { recursive: true }));
}

test('with a guard everything is back, whichever way the database went', async () => {
  await prepare({ guard: true });
  await call('deleteDatabase', 'w');
  const first = await call<Status>('open', 'w');
  expect(first).toMatchObject({ guard: 'on', restored: { what: 'everything', whole: true } });
  await expectEverything();
  await call('close');

  await removeDatabases();
  const second = await call<Status>('open', 'w');
  expect(second).toMatchObject({ guard: 'on', restored: { what: 'everything', whole: true } });
  expect(second.version?.generation).toBe(first.version?.generation);
  await expectEverything();
  expect(await call('write', ['/file-0'], 40_000)).toBe('done');
  await call('close');

  const third = await call<Status>('open', 'w');
  expect(third.restored).toBeUndefined();
  await expectEverything();
});

test('a branch is back with its parent, whichever of them is opened first', async () => {
  await prepare({ guard: true });
  for (const first of ['b', 'w']) {
    await call('open', 'w');
    if (first === 'b') await call('branch', 'b');
    await call('close');
    await call('open', 'b');
    expect(await call('write', ['/file-1'], 30_000)).toBe('done');
    await call('close');
    await removeDatabases();
    for (const name of first === 'b' ? ['b', 'w'] : ['w', 'b']) {
      await call('open', name);
      const lengths = { ...CONTENT, ...(name === 'b' && { '/file-1': 30_000 }) };
      expect([await call('list'), await call('check')]).toEqual([{ lengths, wrong: [] }, []]);
      await call('close');
    }
  }
});

test('without a guard the workspace is said to be lost, until a new one is wanted', async () => {
  await prepare({ guard: false });
  await removeDatabases();
  await expect(call('open', 'w', { guard: false })).rejects.toThrow(/EIO.*workspace 'w' \(generation .*was lost.*lost: 'anew'/);
  await expect(call('open', 'w')).rejects.toThrow(/was lost/);
  expect(await call<Status>('open', 'w', { lost: 'anew' })).toMatchObject({ guard: 'on' });
  expect(await call('list')).toEqual({ lengths: { '/base/deleted.txt': 7, '/base/kept.txt': 4 }, wrong: [] });
});

test('a worker that is gone lets its guard go: the next one opens it at once', async () => {
  await call('open', 'w');
  await call('write', PATHS, 40_000);
  await page.reload();
  expect(await call<Status>('open', 'w')).toMatchObject({ guard: 'on' });
  expect(Object.keys(await guards())).toEqual(['guard.0']);
});

test('a guard that grows is written anew in the background, and rebuilds the same', async () => {
  await call('open', 'w', { settings: { delay: 0, retryAfter: 1000, tries: 3, slack: 500_000, frames: 10_000 } });
  for (let i = 0; i < 8; i++) expect(await call('write', PATHS, 40_000)).toBe('done');
  expect(await call('write', ['/large'], 700_000)).toBe('done');
  await call('unlink', '/base/deleted.txt');
  await expect.poll(async () => Object.keys(await guards()).length).toBe(1);
  await call('close');
  const files = await guards();
  expect(files['guard.0']).toBeUndefined();
  // Far less than the 12 × 8 × 40,000 bytes that were written.
  expect(Math.max(...Object.values(files))).toBeLessThan(3_500_000);
  await removeDatabases();
  expect(await call<Status>('open', 'w')).toMatchObject({ restored: { what: 'everything', whole: true } });
  await expectEverything();
});

test('on a full disk the guard gives its space, so that deleting works', async () => {
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: 12e6 });
  await call('open', 'w');
  const paths = Array.from({ length: 40 }, (_, i) => `/fill-${i}`);
  expect(await call('write', paths, 1_000_000)).toBe('ENOSPC');
  const { lengths, wrong } = await call<{ lengths: Record<string, number>; wrong: string[] }>('list');
  const written = Object.keys(lengths).filter((path) => path.startsWith('/fill-'));
  expect(wrong).toEqual([]);
  // More than half of the quota is the workspace's, though the guard had as much of it.
  expect(written.length).toBeGreaterThan(6);
  expect(await call<Status>('status')).toMatchObject({ guard: 'behind' });
  for (const path of written) await call('unlink', path);
  expect(await call('check')).toEqual([]);
});

/** While the browser is down the database's files are damaged, as a kill may leave them. Chromium deletes all databases when it finds that out. */
function damageDatabases(): Promise<void> {
  return whileDown(async () => {
    const folder = join(profile.folder, 'Default/IndexedDB');
    const manifests = (await readdir(folder, { recursive: true })).filter((path) => basename(path).startsWith('MANIFEST-'));
    for (const path of manifests) await writeFile(join(folder, path), new Uint8Array(4).fill(0xff), { flag: 'r+' });
  });
}

test('with a guard everything is back after the browser has deleted a damaged database, whoever finds it first', async () => {
  await prepare({ guard: true });
  await damageDatabases();
  expect(await call<Status>('open', 'w')).toMatchObject({ guard: 'on', restored: { what: 'everything', whole: true } });
  await expectEverything();
  await call('close');

  await damageDatabases();
  // What anybody else asks of the databases first is refused.
  const listed = await page.evaluate(() => indexedDB.databases().then(() => 'listed', String));
  expect(listed).toMatch(/UnknownError/);
  expect(await call<Status>('open', 'w')).toMatchObject({ guard: 'on', restored: { what: 'everything', whole: true } });
  await expectEverything();
  await call('close');
});

test('a workspace whose database is damaged can be removed', async () => {
  await prepare({ guard: true });
  await damageDatabases();
  await call('remove', 'w');
  expect((await call<Status>('open', 'w')).restored).toBeUndefined();
  expect(await call('list')).toEqual({ lengths: { '/base/deleted.txt': 7, '/base/kept.txt': 4 }, wrong: [] });
});
