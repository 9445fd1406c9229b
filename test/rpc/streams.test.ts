/* What tells of its progress, from the page: through a worker, and through the tab that owns the workspace, which may go meanwhile. */

import 'fake-indexeddb/auto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { WorkOptions, WorkProgress } from '../../src/base/progress.ts';
import type { SearchOptions, SearchedFile } from '../../src/base/search.ts';
import type { Overlay } from '../../src/fs/overlay.ts';
import { attach, open, type OpenOptions, type Workspace } from '../../src/index.ts';
import { zipArchive } from '../support/archives.ts';
import { noise } from '../support/noise.ts';
import { type RangeServer, startRangeServer } from '../support/range-server.ts';
import { LocalBrowser, type LocalTab } from './local-tabs.ts';
import { localWorker } from './local-worker.ts';

const contents = Array.from({ length: 30 }, (_, i) => noise(100_000, i + 1));
const archive = zipArchive(contents.map((content, i) => ({ name: `d/f${i}`, content })));
let serial = 0;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.allSettled(closing.splice(0).map((close) => close()));
  vi.restoreAllMocks();
});

async function serveArchive(): Promise<RangeServer> {
  const server = await startRangeServer({ files: new Map([['a.zip', archive.slice()]]) });
  closing.push(() => server.close());
  return server;
}

/** Workspaces in one tab, and in one that relays to another. */
const places = {
  async 'a worker'(options: Partial<OpenOptions>): Promise<Workspace> {
    const { worker, kill } = localWorker();
    const ws = await open({ lower: [], ...options, worker });
    closing.push(async () => {
      await ws.close();
      kill();
    });
    return ws;
  },
  async 'a relay'(options: Partial<OpenOptions>): Promise<Workspace> {
    const browser = new LocalBrowser();
    const name = `streams-${++serial}`;
    const [owner, relay] = [await tabOf(browser, { name, ...options }), await tabOf(browser, { name, ...options })];
    expect([owner.engines.length, relay.engines.length]).toEqual([1, 0]);
    return relay.ws;
  },
};

interface OpenTab extends LocalTab {
  readonly ws: Workspace;
  readonly engines: Overlay[];
}

async function tabOf(browser: LocalBrowser, options: Partial<OpenOptions>): Promise<OpenTab> {
  const engines: Overlay[] = [];
  const tab = browser.tab({ onMount: (overlay) => void engines.push(overlay) });
  const ws = await open({ lower: [], guard: false, ...options, worker: tab.worker });
  return { ...tab, engines, ws };
}

describe.each(Object.entries(places))('through %s', (_, openThere) => {
  test('prefetch tells its progress, and then everything is there without the server', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip` }] });
    const told: WorkProgress[] = [];
    await ws.prefetch(['/d/f1', '/d/f2'], { onProgress: (progress) => told.push(progress) });
    expect(told[0]).toMatchObject({ loaded: 0 });
    expect(told.at(-1)?.loaded).toBe(told.at(-1)?.total);
    await ws.prefetch('all');
    server.mode = 'failing';
    for (const [i, content] of contents.entries()) expect(Buffer.from(await ws.fs.readFile(`/d/f${i}`)).equals(content)).toBe(true);
  });

  test('errors come with code and path', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip`, headers: {} }] });
    await expect(ws.prefetch(['/no'])).rejects.toMatchObject({ code: 'ENOENT', syscall: 'prefetch', path: '/no' });
    server.mode = 'not-found';
    await expect(ws.prefetch('all')).rejects.toMatchObject({ code: 'EIO' });
  });

  test('a signal ends it at once, and the requests too; what had come is kept', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip` }] });
    await ws.prefetch(['/d/f1']);
    server.mode = 'stalling';
    server.reset();
    const abort = new AbortController();
    const fetching = ws.prefetch('all', { signal: abort.signal });
    await vi.waitFor(() => expect(server.requests.length).toBeGreaterThan(0));
    abort.abort();
    await expect(fetching).rejects.toMatchObject({ name: 'AbortError' });
    server.mode = 'ranges';
    expect(Buffer.from(await ws.fs.readFile('/d/f1')).equals(contents[1]!)).toBe(true);
    await ws.prefetch('all');
    server.mode = 'failing';
    expect(Buffer.from(await ws.fs.readFile('/d/f29')).equals(contents[29]!)).toBe(true);
    await expect(ws.prefetch('all', { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('what onProgress throws ends it, and is what it rejects with', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip` }] });
    const onProgress = (): void => {
      throw new RangeError('mine');
    };
    await expect(ws.verify({ onProgress })).rejects.toThrow('mine');
    expect(await ws.verify()).toEqual([]);
  });

  test('verify tells what is damaged, with progress', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip` }] });
    await ws.fs.writeFile('/mine', 'x');
    const told: WorkProgress[] = [];
    expect(await ws.verify({ onProgress: (progress) => told.push(progress) })).toEqual([]);
    expect(told.at(-1)).toEqual({ loaded: 3_000_001, total: 3_000_001 });
    server.mode = 'not-found'; // an answer, which is not asked for again
    expect(await ws.verify()).toHaveLength(30);
  });

  test('search tells the files in which a text stands as they are found, and what cannot be read', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip` }] });
    await ws.fs.mkdir('/src');
    await ws.fs.writeFile('/src/a.ts', 'const a = 1;\nconst b = a;\n');
    await ws.fs.writeFile('/src/b.ts', 'CONST');
    const matches = [
      { line: 1, column: 1, text: 'const a = 1;', start: 0, end: 5 },
      { line: 2, column: 1, text: 'const b = a;', start: 0, end: 5 },
    ];
    expect(await collect(ws.search('const', { include: ['src'] }))).toEqual([{ path: '/src/a.ts', matches, hasMore: false }]);
    expect(await collect(ws.search('const', { include: ['src'], ignoreCase: true, limit: 2, perFile: 1 }))).toMatchObject([
      { path: '/src/a.ts', hasMore: true },
      { path: '/src/b.ts' },
    ]);
    server.mode = 'not-found';
    const unread = await collect(ws.search('const', { exclude: ['src'] }));
    expect(unread).toHaveLength(30);
    expect(unread[0]).toMatchObject({ path: '/d/f0', matches: [], error: { code: 'EIO' } });
    await expect(collect(ws.search(''))).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('search ends with its signal, and the requests too; and when its loop is left', async () => {
    const server = await serveArchive();
    const ws = await openThere({ lower: [{ url: `${server.url}/a.zip` }] });
    for (const name of ['a', 'b', 'c']) await ws.fs.writeFile(`/${name}`, 'x');
    server.mode = 'stalling';
    const abort = new AbortController();
    const seen: string[] = [];
    const searching = (async () => {
      for await (const { path } of ws.search('x', { signal: abort.signal })) if (seen.push(path) === 3) abort.abort();
    })();
    await expect(searching).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual(['/a', '/b', '/c']);
    for await (const { path } of ws.search('x')) {
      expect(path).toBe('/a');
      break;
    }
    await vi.waitFor(() => expect(server.open).toBe(0));
  });

  test('recordAccess has a list for each lower', async () => {
    const server = await serveArchive();
    const url = `${server.url}/a.zip`;
    const ws = await openThere({ lower: [{ url }, { url, at: '/again', strip: 1 }] });
    await ws.fs.readFile('/d/f7');
    await ws.fs.readFile('/again/f9');
    await ws.fs.readFile('/d/f3');
    expect(await ws.recordAccess()).toEqual([['/d/f7', '/d/f3'], ['/again/f9']]);
  });
});

async function collect(search: AsyncIterable<SearchedFile>): Promise<SearchedFile[]> {
  const all: SearchedFile[] = [];
  for await (const file of search) all.push(file);
  return all;
}

/** Lets an engine's work go on until its signal fires, as a long one does. */
function endless(overlay: Overlay, method: 'prefetch' | 'verify'): { readonly signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  vi.spyOn(overlay, method).mockImplementation(async (...args: unknown[]): Promise<never> => {
    const { signal, onProgress } = args.at(method === 'prefetch' ? 1 : 0) as {
      [name in keyof WorkOptions]-?: NonNullable<WorkOptions[name]>;
    };
    signals.push(signal);
    onProgress({ loaded: 1, total: 9 });
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  });
  return { signals };
}

describe('when the owner goes', () => {
  test.each([
    ['in order', (owner: OpenTab): Promise<void> => owner.ws.close()],
    ['without a word', async (owner: OpenTab): Promise<void> => owner.crash()],
  ])('%s, a relay’s work begins again at the next one, and ends there', async (_, leave) => {
    const browser = new LocalBrowser();
    const name = `streams-${++serial}`;
    const [owner, relay] = [await tabOf(browser, { name }), await tabOf(browser, { name })];
    await relay.ws.fs.writeFile('/a', 'A');
    const { signals } = endless(owner.engines[0]!, 'verify');
    const told: WorkProgress[] = [];
    const verifying = relay.ws.verify({ onProgress: (progress) => told.push(progress) });
    await vi.waitFor(() => expect(told).toEqual([{ loaded: 1, total: 9 }]));
    await leave(owner);
    expect(await verifying).toEqual([]);
    expect(signals).toHaveLength(1);
    expect(told.at(-1)).toEqual({ loaded: 1, total: 1 });
    expect(relay.engines).toHaveLength(1);
  });

  test('a search goes on at the next one with what it has not told, for the same user', async () => {
    const browser = new LocalBrowser();
    const name = `streams-${++serial}`;
    const user = { uid: 7, gid: 7 };
    const [owner, relay] = [await tabOf(browser, { name }), await tabOf(browser, { name, user })];
    for (const path of ['/a', '/b', '/c']) await owner.ws.fs.writeFile(path, 'x');
    await owner.ws.fs.chmod('/a', 0o600);
    const engine = owner.engines[0]!;
    const { search } = engine;
    vi.spyOn(engine, 'search').mockImplementation(async function* (this: Overlay, text, options: SearchOptions = {}, as) {
      for await (const file of search.call(this, text, options, as)) {
        yield file;
        await new Promise((_, reject) => options.signal!.addEventListener('abort', () => reject(options.signal!.reason as Error)));
      }
    });
    const found: SearchedFile[] = [];
    for await (const file of relay.ws.search('x')) if (found.push(file) === 1) await owner.ws.close();
    expect(found.map(({ path, error }) => [path, error?.code])).toEqual([
      ['/a', 'EACCES'],
      ['/b', undefined],
      ['/c', undefined],
    ]);
    expect(relay.engines).toHaveLength(1);
  });

  test('a relay that gives up ends the owner’s work, and so does one that dies', async () => {
    const browser = new LocalBrowser();
    const name = `streams-${++serial}`;
    const [owner, relay, other] = [await tabOf(browser, { name }), await tabOf(browser, { name }), await tabOf(browser, { name })];
    const { signals } = endless(owner.engines[0]!, 'prefetch');
    const abort = new AbortController();
    const fetching = [relay.ws.prefetch('all', { signal: abort.signal }), other.ws.prefetch('all')];
    fetching[1]!.catch(() => undefined);
    await vi.waitFor(() => expect(signals).toHaveLength(2));
    abort.abort();
    await expect(fetching[0]).rejects.toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(signals.filter(({ aborted }) => aborted)).toHaveLength(1));
    other.crash();
    await vi.waitFor(() => expect(signals.filter(({ aborted }) => aborted)).toHaveLength(2));
  });

  test('a guest’s work is EIO when the workspace closes', async () => {
    for (const name of [undefined, `streams-${++serial}`]) {
      let overlay: Overlay | undefined;
      const browser = new LocalBrowser();
      const tab = browser.tab({ onMount: (mounted) => void (overlay = mounted) });
      const ws = await open({ lower: [], guard: false, ...(name !== undefined && { name }), worker: tab.worker });
      const guest = await attach(ws.port());
      const { signals } = endless(overlay!, 'verify');
      const verifying = guest.verify();
      verifying.catch(() => undefined);
      await vi.waitFor(() => expect(signals).toHaveLength(1));
      await ws.close();
      await expect(verifying).rejects.toMatchObject({ code: 'EIO', message: expect.stringContaining('closed') as string });
    }
  });

  test('an owner that is frozen is left, although nothing but a stream waits for it', async () => {
    const browser = new LocalBrowser(100);
    const name = `streams-${++serial}`;
    const [owner, relay] = [await tabOf(browser, { name }), await tabOf(browser, { name })];
    endless(owner.engines[0]!, 'verify');
    const told: WorkProgress[] = [];
    const verifying = relay.ws.verify({ onProgress: (progress) => told.push(progress) });
    await vi.waitFor(() => expect(told).toHaveLength(1));
    owner.freeze();
    expect(await verifying).toEqual([]);
    expect(relay.engines).toHaveLength(1);
  });
});
