/*
 * Full disks, by the browser's own quota: filled to the brim, emptied, used again. What is refused leaves no trace, what is read goes
 * on being read, and deleting works.
 */

import { strToU8, zipSync } from 'fflate';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../kill/site.ts';
import { type Profile, makeProfile } from '../support/chromium.ts';
import type { Memory, QuotaPage } from './quota-page.ts';

/** Bytes that the browser gives the origin. */
const QUOTA = 48_000_000;
const LOWER_FILES = 30;

/** Disks to be filled: files of how many bytes, and whether the workspace has a guard. */
const DISKS = [
  { size: 300_000, guard: false },
  { size: 300_000, guard: true },
  { size: 20_000, guard: false },
  { size: 20_000, guard: true },
];

let site: Site;
let profile: Profile;
let browser: BrowserContext;
let page: Page;
/** What is acknowledged on each disk, by origin. */
const memories = new Map<string, Memory>();

beforeAll(async () => {
  const files = Array.from({ length: LOWER_FILES }, (_, i) => [`lower/f${i}`, strToU8(`lower ${i} `.repeat(i * 100))] as const);
  site = await startSite({
    scripts: { 'page.js': 'test/e2e/quota-page.ts', 'worker.js': 'src/rpc/worker-script.ts' },
    files: { 'lower.zip': zipSync(Object.fromEntries(files)) },
    main: 'page.js',
  });
  profile = await makeProfile();
  browser = await profile.launch();
});

afterAll(async () => {
  await profile.remove();
  await site[Symbol.asyncDispose]();
});

/** Starts another browser on the profile. It has measured nothing yet: what Chromium has measured it goes by for half a minute. */
async function restart(): Promise<void> {
  await browser.close();
  browser = await profile.launch();
}

/** Works on a disk of its own, an origin with a quota, from where the visit before left it. */
async function visit(disk: string, work: () => Promise<void>): Promise<void> {
  const origin = site.origin.replace('localhost', `${disk}.localhost`);
  page = await browser.newPage();
  const devtools = await browser.newCDPSession(page);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: QUOTA });
  await page.goto(origin);
  const memory = memories.get(disk);
  if (memory !== undefined) await on('recall', memory);
  await work();
  memories.set(disk, await on('remember'));
  await on('close');
  await page.close();
}

/** Calls a function of the page's. */
function on<K extends keyof QuotaPage>(name: K, ...args: Parameters<QuotaPage[K]>): Promise<Awaited<ReturnType<QuotaPage[K]>>> {
  return page.evaluate(
    ([method, values]) => (globalThis as never as { quota: Record<string, (...a: unknown[]) => unknown> }).quota[method]!(...values),
    [name as string, args as unknown[]] as const,
  ) as Promise<Awaited<ReturnType<QuotaPage[K]>>>;
}

/** Fills it with files of a size, many at a time, then one at a time, then with ever smaller ones. */
async function fillToTheBrim(size: number): Promise<void> {
  expect(await on('attempt', ['mkdir', '/full'])).toBe('ok');
  const first = await on('fill', size, 32);
  expect(new Set(first.codes)).toEqual(new Set(['ENOSPC']));
  for (const smaller of [size, 1_000, 1]) expect((await on('fill', smaller, 1)).codes).toEqual(['ENOSPC']);
}

const diskOf = ({ size, guard }: (typeof DISKS)[number]): string => `disk-${size}-${guard ? 'guard' : 'bare'}`;

describe('a workspace that was there before its disk was full', () => {
  beforeAll(async () => {
    for (const disk of DISKS) {
      await visit(diskOf(disk), async () => {
        await on('open', { guard: disk.guard });
        for (let i = 0; i < 5; i++) expect(await on('attempt', ['chmod', `/lower/f${i}`])).toBe('ok');
        expect(await on('attempt', ['mkdir', '/tree'])).toBe('ok');
        for (let i = 0; i < 5; i++) expect(await on('attempt', ['write', `/tree/f${i}`, disk.size])).toBe('ok');
      });
    }
    await restart();
  });

  test.each(DISKS)(
    'files of $size bytes, guard $guard: nothing refused leaves a trace, deleting works, and writing after it',
    async (disk) => {
      await visit(diskOf(disk), async () => {
        await on('open', { guard: disk.guard });
        await fillToTheBrim(disk.size);
        expect(await on('differences')).toEqual([]);

        expect(
          await on('batch', [
            ['unlink', '/lower/f0'],
            ['write', '/in-batch', 20_000_000],
          ]),
        ).toBe('ENOSPC');
        expect(await on('differences')).toEqual([]);

        const full = await on('files', '/full');
        for (let i = 0; i < 20; i++) expect(await on('attempt', ['unlink', full[i]!])).toBe('ok');
        expect(await on('attempt', ['unlink', '/lower/f1'])).toBe('ok');
        expect(await on('attempt', ['unlink', '/lower/f20'])).toBe('ok');
        expect(await on('attempt', ['truncate', full[20]!, 0])).toBe('ok');
        expect(await on('attempt', ['remove', '/tree'])).toBe('ok');
        expect(await on('attempt', ['remove', '/lower'])).toBe('ok');
        expect(await on('attempt', ['write', '/again', disk.size])).toBe('ok');
        expect(await on('differences')).toEqual([]);
      });
    },
  );

  describe('in the browser after that', () => {
    beforeAll(restart);

    test.each(DISKS)('files of $size bytes, guard $guard: is as it was left, and deleting works, and writing after it', async (disk) => {
      await visit(diskOf(disk), async () => {
        await on('open', { guard: disk.guard });
        expect(await on('differences')).toEqual([]);
        expect(await on('attempt', ['remove', '/full'])).toBe('ok');
        expect(await on('attempt', ['write', '/again too', disk.size])).toBe('ok');
        expect(await on('differences')).toEqual([]);
      });
    });
  });
});

test('a disk that others have filled: a new workspace is refused, one that was there opens, reads and deletes', async () => {
  await visit('filled-by-others', async () => {
    await on('open', { guard: false });
    expect(await on('attempt', ['write', '/mine', 300_000])).toBe('ok');
    await on('close');
    await page.evaluate(fillByOthers);
    expect(await on('openingFails', { name: 'new' })).toBe('ENOSPC');
    await on('open', { guard: false });
    expect(await on('differences')).toEqual([]);
    expect(await on('attempt', ['write', '/more', 300_000])).toBe('ENOSPC');
    expect(await on('attempt', ['unlink', '/lower/f1'])).toBe('ok');
    expect(await on('attempt', ['unlink', '/mine'])).toBe('ok');
    expect(await on('differences')).toEqual([]);
  });
});

/** In the page: a database of the application's own takes what is left. */
async function fillByOthers(): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('others', 1);
    request.onupgradeneeded = () => void request.result.createObjectStore('values');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('it does not open'));
  });
  for (let size = 2 ** 22, key = 0; size >= 2 ** 10; key++) {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    const transaction = database.transaction('values', 'readwrite');
    transaction.objectStore('values').put(bytes, key);
    const isTaken = await new Promise((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
    if (isTaken === false) size /= 2;
  }
  database.close();
}
