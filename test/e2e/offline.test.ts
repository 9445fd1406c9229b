/* The block cache in a real Chromium with a profile on the disk: without a network, over reloads, in two tabs, short of space, killed. */

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tarArchive, zipArchive } from '../support/archives.ts';
import { type Profile, makeProfile } from '../support/chromium.ts';
import { noise } from '../support/noise.ts';
import { type RangeServer, startRangeServer } from '../support/range-server.ts';
import { type ServedPage, Tab, servePage } from './offline-page.ts';

const contents = new Map<string, Uint8Array>([
  ...Array.from({ length: 100 }, (_, i) => [`src/file-${i}.js`, Buffer.from(`// ${i}\n`.padEnd(3000, String(i)))] as const),
  ...Array.from({ length: 10 }, (_, i) => [`big/${i}.bin`, noise(1 << 20, i + 1)] as const),
]);
const archive = zipArchive([...contents].map(([name, content]) => ({ name, content, deflate: name.endsWith('.js') })));
const tarball = new Uint8Array(gzipSync(tarArchive(Array.from(contents, ([name, content]) => ({ name, content }))), { level: 1 }));
const hashOf = (name: string): string => createHash('sha1').update(contents.get(name)!).digest('hex');

let page: ServedPage;
let server: RangeServer;
let profile: Profile;
let browser: BrowserContext;
let serial = 0;
/** Of the page, another for each test: a browser that has nothing of it yet, without starting one. */
let origin: string;
let url: string;

beforeAll(async () => {
  page = await servePage('test/e2e/offline-worker.ts');
  profile = await makeProfile();
  browser = await profile.launch();
});
afterAll(async () => {
  await profile.remove();
  await page.close();
});

beforeEach(async () => {
  origin = `http://test-${++serial}.localhost:${new URL(page.url).port}`;
  server = await startRangeServer({
    files: new Map([
      ['a.zip', archive],
      ['a.tgz', tarball],
    ]),
    cors: 'exposed',
  });
  url = `${server.url}/a.zip`;
});
afterEach(async () => {
  await Promise.all(browser.pages().map((tab) => tab.close()));
  await browser.setOffline(false);
  await server.close().catch(() => undefined);
});

const openTab = (): Promise<Tab> => Tab.open(browser, `${origin}/`);

async function expectAll(tab: Tab, how: 'read' | 'readSync' = 'read'): Promise<void> {
  const found = await Promise.all([...contents.keys()].map((name) => tab.call<string>(how, `/${name}`)));
  expect(found).toEqual([...contents.keys()].map(hashOf));
}

describe('without a network', () => {
  test('everything that was fetched ahead is there: in a new worker, and after the browser was closed', async () => {
    const tab = await openTab();
    await tab.call('open', url);
    await tab.call('prefetch', 'all');
    await tab.restart();
    await browser.setOffline(true);
    await tab.call('open', url);
    await expectAll(tab);
    await browser.setOffline(false);
    await browser.close();
    await server.close();
    browser = await profile.launch();
    const later = await openTab();
    const { milliseconds } = await later.call<{ milliseconds: number }>('open', url);
    expect(milliseconds).toBeLessThan(1000);
    await expectAll(later);
    expect(await later.call('stats')).toMatchObject({ bytes: 0 });
  });

  test('a tar.gz was streamed once and is there, for synchronous calls too, without being read again', async () => {
    const tab = await openTab();
    const first = await tab.call<{ digest: string }>('open', `${server.url}/a.tgz`);
    await tab.call('prefetch', []);
    expect(server.requests.map(({ range }) => range)).toEqual([undefined]);
    await tab.restart();
    await browser.setOffline(true);
    expect(await tab.call('open', `${server.url}/a.tgz`)).toMatchObject({ digest: first.digest });
    expect(await tab.call('stats')).toMatchObject({ bytes: 0, cached: 0 });
    await tab.call('prefetch', []);
    await expectAll(tab, 'readSync');
    expect(await tab.call('verify')).toEqual([]);
  });

  test('what paths of the merged tree need is there, and a scrub finds it whole, and the rest missing', async () => {
    const tab = await openTab();
    await tab.call('open', url);
    await tab.call('rename', '/src', '/moved');
    await tab.call('prefetchMerged', ['/moved', '/big/4.bin']);
    await tab.restart();
    await browser.setOffline(true);
    await tab.call('open', url);
    for (const name of ['src/file-0.js', 'src/file-99.js', 'big/4.bin']) expect(await tab.call('read', `/${name}`)).toBe(hashOf(name));
    await expect(tab.call('read', '/big/9.bin')).rejects.toThrow('EIO');
    const missing = await tab.call<string[]>('verify');
    expect(missing).toContain('/big/9.bin');
    await browser.setOffline(false);
    expect(await tab.call('verify')).toEqual([]);
    await browser.setOffline(true);
    expect(await tab.call('verify')).toEqual([]);
    await expectAll(tab);
  });

  test('synchronous calls read it too', async () => {
    const tab = await openTab();
    await tab.call('open', url);
    await tab.call('prefetch', 'all');
    await tab.restart();
    await server.close();
    await tab.call('open', url, { revalidate: 'never' });
    await tab.call('prefetch', []);
    await expectAll(tab, 'readSync');
    expect(await tab.call('stats')).toMatchObject({ requests: 0, bytes: 0, syncRequests: 0 });
  });

  test('what was not fetched is EIO, and is there when the network is', async () => {
    const tab = await openTab();
    await tab.call('open', url);
    expect(await tab.call('read', '/big/3.bin')).toBe(hashOf('big/3.bin'));
    await browser.setOffline(true);
    expect(await tab.call('read', '/big/3.bin')).toBe(hashOf('big/3.bin'));
    await expect(tab.call('read', '/big/8.bin')).rejects.toThrow('EIO');
    await expect(tab.call('readSync', '/big/8.bin')).rejects.toThrow('EIO');
    await browser.setOffline(false);
    expect(await tab.call('read', '/big/8.bin')).toBe(hashOf('big/8.bin'));
  });
});

describe('synchronous calls', () => {
  test('fetch what is missing, in few requests, and what they fetched is kept', async () => {
    const tab = await openTab();
    await tab.call('open', url);
    server.reset();
    for (let i = 0; i < 100; i += 5) expect(await tab.call('readSync', `/src/file-${i}.js`)).toBe(hashOf(`src/file-${i}.js`));
    expect(await tab.call('readSync', '/big/7.bin')).toBe(hashOf('big/7.bin'));
    expect(server.requests.length).toBeLessThan(12);
    expect(server.requests.every(({ method }) => method === 'GET')).toBe(true);
    expect(await tab.call('stats')).toMatchObject({ syncRequests: server.requests.length });
    await tab.call('prefetch', []);
    await tab.restart();
    await server.close();
    await tab.call('open', url);
    expect(await tab.call('read', '/big/7.bin')).toBe(hashOf('big/7.bin'));
  });

  test('are EAGAIN where the application wants no synchronous requests', async () => {
    const tab = await openTab();
    await tab.call('open', url, { syncFetch: false });
    server.reset();
    await expect(tab.call('readSync', '/big/7.bin')).rejects.toThrow(/EAGAIN.*prefetch/);
    expect(server.requests).toEqual([]);
    await tab.call('prefetch', ['/big/7.bin']);
    expect(await tab.call('readSync', '/big/7.bin')).toBe(hashOf('big/7.bin'));
  });

  test('meet a server that lies, dies or sends everything as others do', async () => {
    const tab = await openTab();
    await tab.call('open', url);
    for (const mode of ['short-body', 'wrong-range', 'dying', 'failing', 'not-found'] as const) {
      server.mode = mode;
      await expect(tab.call('readSync', '/big/9.bin'), mode).rejects.toThrow('EIO');
    }
    server.mode = 'changing-etag';
    await expect(tab.call('readSync', '/big/9.bin')).rejects.toThrow('ESTALE');
    server.mode = 'no-ranges';
    expect(await tab.call('readSync', '/big/9.bin')).toBe(hashOf('big/9.bin'));
  });
});

describe('two tabs at once', () => {
  test('share what is kept, and neither waits for the other', async () => {
    const [one, two] = [await openTab(), await openTab()];
    await Promise.all([one.call('open', url), two.call('open', url)]);
    await one.call('prefetch', 'all');
    expect(server.bytes).toBeLessThan(archive.length * 1.1);
    // A tab looks at most four times a second for what others have fetched.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await expectAll(two);
    expect(server.bytes).toBeLessThan(archive.length * 1.3);
    await Promise.all([one.call('close'), two.call('close')]);
  });

  test('that fetch the same at the same time are both served', async () => {
    const [one, two] = [await openTab(), await openTab()];
    await Promise.all([one.call('open', url), two.call('open', url)]);
    await Promise.all([one.call('prefetch', 'all'), two.call('prefetch', 'all')]);
    await Promise.all([expectAll(one), expectAll(two)]);
    expect(await one.call('usage')).toBeLessThan(archive.length * 1.3);
  });
});

describe('when storage runs short', () => {
  test('a quota stops keeping, and reading goes on', async () => {
    const tab = await openTab();
    const session = await browser.newCDPSession(tab.page);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3 << 20 });
    await tab.call('open', url);
    await expectAll(tab);
    await tab.restart();
    await tab.call('open', url);
    await expectAll(tab);
    expect(await tab.call('usage')).toBeLessThan(3 << 20);
  });

  test('a limit is kept to, and reading goes on', async () => {
    const tab = await openTab();
    await tab.call('limit', 6 << 20);
    await tab.call('open', url);
    await tab.call('prefetch', 'all');
    await expectAll(tab);
    await tab.call('prefetch', []);
    expect(await tab.call<number>('usage')).toBeLessThan(8 << 20);
  });
});

test('a browser that is killed while it writes has nothing wrong in its cache', async () => {
  let survived = 0;
  for (const wait of [60, 200]) {
    const tab = await openTab();
    await tab.call('open', url);
    await tab.call('prefetchWithoutWaiting', 'all');
    await new Promise((resolve) => setTimeout(resolve, wait));
    const closed = new Promise((resolve) => browser.once('close', resolve));
    process.kill(browserProcess(profile.folder), 'SIGKILL');
    await closed;
    browser = await profile.launch();
    const later = await openTab();
    await later.call('open', url);
    await expectAll(later);
    survived += (await later.call<{ cached: number }>('stats')).cached;
    await later.call('close');
  }
  // Otherwise nothing was being written when the browser was killed.
  expect(survived).toBeGreaterThan(0);
});

/** The process of the browser that runs on this profile: the one that is nobody's helper. */
function browserProcess(folder: string): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = commandOf(name);
    if (command.includes(`--user-data-dir=${folder}`) && !command.includes('--type=')) return Number(name);
  }
  throw new Error('no browser runs on this profile');
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    // It has ended since it was listed.
    return '';
  }
}
