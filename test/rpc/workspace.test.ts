/* The page's API over a channel, with the real engine behind it. What needs real threads is in test/browser/rpc.test.ts. */

import 'fake-indexeddb/auto';
import { zipSync } from 'fflate';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { attach, constants, Dirent, FsError, open, removeWorkspace, Stats } from '../../src/index.ts';
import type { BatchFs, FsPromises, OpenOptions, Progress, Workspace } from '../../src/index.ts';
import type { Overlay } from '../../src/fs/overlay.ts';
import { connectTo } from '../../src/rpc/connect.ts';
import { Peer } from '../../src/rpc/peer.ts';
import { serveOn } from '../../src/rpc/serve.ts';
import { FS_METHODS, PROTOCOL } from '../../src/rpc/wire.ts';
import { estargz, estargzTocDigest } from '../fixtures/packed-1.ts';
import { localWorker, type LocalWorker } from './local-worker.ts';

const utf8 = new TextEncoder();
const archive = zipSync({ 'a.txt': utf8.encode('from the lower'), 'dir/b.txt': utf8.encode('b'), 'dir/c.txt': utf8.encode('c') });
const archiveUrl = `data:application/zip;base64,${Buffer.from(archive).toString('base64')}`;

const opened: Workspace[] = [];
const workers: LocalWorker[] = [];
let serial = 0;
const uniqueName = (): string => `rpc-${++serial}`;

function start(...options: Parameters<typeof localWorker>): LocalWorker {
  const local = localWorker(...options);
  workers.push(local);
  return local;
}

async function openIn(local: LocalWorker, options: Partial<OpenOptions> = {}): Promise<Workspace> {
  const ws = await open({ lower: [], ...options, worker: local.worker });
  opened.push(ws);
  return ws;
}

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((ws) => ws.close()));
  for (const local of workers.splice(0)) local.kill();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('open', () => {
  test('mounts lowers in the worker and tells of them', async () => {
    const ws = await openIn(start(), { name: uniqueName(), lower: [{ url: archiveUrl, at: '/lib' }] });
    expect(await ws.fs.readFile('/lib/a.txt', 'utf8')).toBe('from the lower');
    expect(ws.layers).toHaveLength(1);
    expect(ws.layers[0]).toMatchObject({ at: '/lib', warnings: [] });
    expect(ws.name).toMatch(/^rpc-/);
  });

  test('mounts an eStargz under the digest of its table of contents, and no other', async () => {
    const url = `data:application/octet-stream;base64,${estargz}`;
    const ws = await openIn(start(), { lower: [{ url, tocDigest: estargzTocDigest }] });
    expect(await ws.fs.readFile('/link', 'utf8')).toContain('answer = 42');
    await ws.fs.appendFile('/src/main.ts', '// more');
    expect((await ws.diff()).map(({ path }) => path)).toEqual(['/src/main.ts']);
    await expect(openIn(start(), { lower: [{ url, tocDigest: `sha256:${'0'.repeat(64)}` }] })).rejects.toMatchObject({ code: 'EIO' });
  });

  test.each(['started by open()', 'of the application'])('a worker %s hears of it what it should', async (whose) => {
    const { port1, port2 } = new MessageChannel();
    serveOn(port2, {});
    port2.start();
    const worker = Object.assign(port1, { terminate: vi.fn() }) as unknown as Worker & { start(): void };
    worker.start();
    const post = vi.spyOn(worker, 'postMessage');
    if (whose === 'started by open()')
      vi.stubGlobal(
        'Worker',
        vi.fn(function () {
          return worker;
        }),
      );
    const ws = await open({ lower: [], ...(whose === 'of the application' && { worker }) });
    await ws.fs.writeFile('/f', 'x');
    await Promise.all([ws.fs.stat('/f'), ws.fs.stat('/f')]);
    if (whose === 'of the application')
      expect(post.mock.calls.map(([message]) => message as unknown)).toMatchObject([{ stratafs: PROTOCOL }]);
    else expect(post.mock.calls.length).toBeGreaterThan(4);
    await (await attach(ws.port())).close();
    expect(await ws.fs.readFile('/f', 'utf8')).toBe('x');
    await ws.close();
    expect(worker.terminate).toHaveBeenCalledTimes(whose === 'of the application' ? 0 : 1);
    port1.close();
  });

  test('what the application sends to its worker is no handshake, whatever it is called', async () => {
    const { port1, port2 } = new MessageChannel();
    serveOn(port2, {});
    port2.start();
    const answers: unknown[] = [];
    port1.onmessage = ({ data }) => answers.push(data);
    port1.postMessage({ stratafs: 'workspace-1' });
    // As another comlink of the application's would, on the same worker.
    port1.postMessage({ id: '1', type: 'APPLY', path: ['hello'], argumentList: [{ type: 'RAW', value: PROTOCOL }] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers).toEqual([]);
    port1.close();
  });

  test('what was changed is there when the workspace is opened again', async () => {
    const local = start();
    const options = { name: uniqueName(), lower: [{ url: archiveUrl }] };
    const first = await openIn(local, options);
    await first.fs.writeFile('/dir/b.txt', 'changed');
    await first.fs.unlink('/dir/c.txt');
    expect(await first.diff()).toMatchObject([
      { path: '/dir/b.txt', change: 'modified' },
      { path: '/dir/c.txt', change: 'deleted' },
    ]);
    await first.close();

    const second = await openIn(local, options);
    expect(await second.fs.readFile('/dir/b.txt', 'utf8')).toBe('changed');
    await expect(second.fs.stat('/dir/c.txt')).rejects.toMatchObject({ code: 'ENOENT' });
    const entries = await second.entries('/dir');
    expect(entries.map(({ name, from }) => [name, from])).toEqual([
      ['b.txt', 'copied-up'],
      ['c.txt', 'deleted'],
    ]);
    await second.reset('/dir/c.txt');
    expect(await second.fs.readFile('/dir/c.txt', 'utf8')).toBe('c');
    expect(await second.check()).toEqual([]);
    await second.flush({ durability: 'strict' });
  });

  test('several workspaces share a worker', async () => {
    const local = start();
    const [one, other] = await Promise.all([openIn(local, { name: uniqueName() }), openIn(local)]);
    await one.fs.writeFile('/x', '1');
    await expect(other.fs.stat('/x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('the same name twice in one worker is one workspace, which the last of its openers closes', async () => {
    const local = start();
    const name = uniqueName();
    const [one, two] = await Promise.all([openIn(local, { name }), openIn(local, { name })]);
    await one.fs.writeFile('/x', '1');
    expect(await two.fs.readFile('/x', 'utf8')).toBe('1');
    await one.close();
    await two.fs.writeFile('/x', '2');
    await two.close();
    const again = await openIn(local, { name });
    expect(await again.fs.readFile('/x', 'utf8')).toBe('2');
  });

  test('the same name with other lowers is EBUSY in one worker, until it is closed', async () => {
    const local = start();
    const name = uniqueName();
    const one = await openIn(local, { name });
    const lower = [{ url: archiveUrl }];
    await expect(openIn(local, { name, lower })).rejects.toMatchObject({ code: 'EBUSY', message: expect.stringContaining(name) as string });
    await one.close();
    await expect(openIn(local, { name, lower })).rejects.toMatchObject({ code: 'ESTALE' });
  });

  test('of two who wait for one opening, one may give up', async () => {
    const name = uniqueName();
    let proceed: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (proceed = resolve));
    const local = start({ onMount: () => waiting });
    const controller = new AbortController();
    const given = openIn(local, { name, signal: controller.signal });
    const kept = openIn(local, { name });
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    await expect(given).rejects.toMatchObject({ name: 'AbortError' });
    proceed();
    await (await kept).fs.writeFile('/f', '');
  });

  test('a lower that cannot be had rejects, and leaves the name free', async () => {
    const local = start();
    const name = uniqueName();
    const nonsense = `data:text/plain,${'not an archive '.repeat(50)}`;
    await expect(openIn(local, { name, lower: [{ url: archiveUrl }, { url: nonsense }] })).rejects.toBeInstanceOf(FsError);
    await openIn(local, { name });
  });

  test('changed lowers are ESTALE, and leave the name free', async () => {
    const local = start();
    const name = uniqueName();
    await (await openIn(local, { name, lower: [{ url: archiveUrl }] })).close();
    await expect(openIn(local, { name, lower: [{ url: archiveUrl, at: '/elsewhere' }] })).rejects.toMatchObject({ code: 'ESTALE' });
    await openIn(local, { name, lower: [{ url: archiveUrl }] });
  });

  test('a workspace can act for a user who is not root', async () => {
    const ws = await openIn(start(), { lower: [{ url: archiveUrl }], user: { uid: 1000, gid: 100 } });
    await expect(ws.fs.writeFile('/mine', '')).rejects.toMatchObject({ code: 'EACCES', syscall: 'open', path: '/mine' });
  });

  test('progress is told while lowers are fetched, as long as the workspace is open', async () => {
    const seen: Progress[] = [];
    const closed = vi.spyOn(MessagePort.prototype, 'close');
    const ws = await openIn(start(), { lower: [{ url: archiveUrl }], onProgress: (progress) => seen.push(progress) });
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ loaded: archive.length, url: archiveUrl }));
    expect(closed).not.toHaveBeenCalled();
    await ws.close();
    // The callback's own port: the host has released it.
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  });

  test('onMount has the engine before the page has the workspace', async () => {
    let mounted: Overlay | undefined;
    const onMount = vi.fn(async (overlay: Overlay) => {
      mounted = overlay;
      await overlay.fs.promises.writeFile('/made-in-worker', 'yes');
    });
    const name = uniqueName();
    const ws = await openIn(start({ onMount }), { name });
    expect(await ws.fs.readFile('/made-in-worker', 'utf8')).toBe('yes');
    expect(onMount).toHaveBeenCalledWith(mounted, { name, lower: [], durability: undefined });
    await ws.fs.writeFile('/made-on-page', 'too');
    expect(mounted?.fs.readFileSync('/made-on-page', 'utf8')).toBe('too');
  });

  test('what onMount throws rejects open(), and the name is free again', async () => {
    const name = uniqueName();
    let failing = true;
    let given: Overlay | undefined;
    const local = start({
      onMount(overlay) {
        given = overlay;
        if (failing) throw new TypeError('the application does not like it');
      },
    });
    await expect(openIn(local, { name })).rejects.toMatchObject({ name: 'TypeError', message: 'the application does not like it' });
    await expect(given?.fs.promises.writeFile('/f', 'x')).rejects.toMatchObject({ code: 'EIO', detail: 'the workspace is closed' });
    failing = false;
    await openIn(local, { name });
  });

  test('an aborted signal ends the opening at once, and the name comes free', async () => {
    const name = uniqueName();
    let proceed: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (proceed = resolve));
    let mounting: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (mounting = resolve));
    const local = start({
      async onMount() {
        mounting();
        await waiting;
      },
    });
    const controller = new AbortController();
    const opening = openIn(local, { name, signal: controller.signal });
    await reached;
    controller.abort();
    await expect(opening).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    proceed();
    await vi.waitFor(() => openIn(local, { name }));
    await expect(openIn(local, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a worker of another protocol is refused with a clear message', async () => {
    vi.resetModules();
    vi.doMock('../../src/rpc/wire.ts', async (original) => ({ ...(await original<object>()), PROTOCOL: PROTOCOL + 1 }));
    const { open: newer } = await import('../../src/rpc/client.ts');
    vi.doUnmock('../../src/rpc/wire.ts');
    vi.resetModules(); // Other files of this process have it as it is.
    await expect(newer({ lower: [], worker: start().worker })).rejects.toMatchObject({
      code: 'ENOTSUP',
      message: expect.stringMatching(new RegExp(`protocol ${PROTOCOL + 1}.*worker ${PROTOCOL}`)) as string,
    });
  });
});

describe('the file system of the page', () => {
  test('errors have what Node gives them', async () => {
    const { fs } = await openIn(start());
    const error = await fs.readFile('/missing').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FsError);
    expect(error).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'open', path: '/missing' });
    expect((error as Error).message).toBe("ENOENT: no such file or directory, open '/missing'");
    await fs.mkdir('/d');
    await fs.writeFile('/d/f', '');
    await expect(fs.rename('/d/f', '/no/g')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'rename', path: '/d/f', dest: '/no/g' });
    await expect(fs.rmdir('/d')).rejects.toMatchObject({ code: 'ENOTEMPTY', syscall: 'rmdir' });
  });

  test('Stats and Dirent have their methods', async () => {
    const { fs } = await openIn(start());
    await fs.writeFile('/f', 'abc', { mode: 0o600 });
    const stats = await fs.stat('/f');
    expect(stats).toBeInstanceOf(Stats);
    expect([stats.isFile(), stats.isDirectory(), stats.size, stats.mode]).toEqual([true, false, 3, constants.S_IFREG | 0o600]);
    expect(stats.mtime).toBeInstanceOf(Date);
    const [entry] = await fs.readdir('/', { withFileTypes: true });
    expect(entry).toBeInstanceOf(Dirent);
    expect([entry?.name, entry?.isFile(), entry?.parentPath]).toEqual(['f', true, '/']);
    expect(await fs.readdir('/')).toEqual(['f']);
  });

  test('bytes are copied once: the caller keeps what it writes and owns what it reads', async () => {
    const { fs } = await openIn(start());
    const bytes = new Uint8Array(100_000).fill(7);
    const view = bytes.subarray(10, 20);
    const writing = [fs.writeFile('/all', bytes), fs.writeFile('/view', view), fs.writeFile('/buffer', bytes.buffer)];
    expect(bytes.length).toBe(100_000);
    bytes.fill(0);
    await Promise.all(writing);
    const all = await fs.readFile('/all');
    expect(all).toEqual(new Uint8Array(100_000).fill(7));
    const part = await fs.readFile('/view');
    expect([part.length, part.buffer.byteLength]).toEqual([10, 10]);
    expect((await fs.readFile('/buffer')).length).toBe(100_000);
    all.fill(9);
    expect((await fs.readFile('/all'))[0]).toBe(7);
  });

  test('content of lowers can be read again and again', async () => {
    const { fs } = await openIn(start(), { lower: [{ url: archiveUrl }] });
    for (let i = 0; i < 3; i++) expect(await fs.readFile('/a.txt')).toEqual(Uint8Array.from(utf8.encode('from the lower')));
  });

  test('any kind of view can be written', async () => {
    const { fs } = await openIn(start());
    await fs.writeFile('/u16', Uint16Array.of(1, 2));
    await fs.writeFile('/view', new DataView(Uint8Array.of(9, 8, 7).buffer, 1));
    await fs.writeFile('/shared', new Uint8Array(new SharedArrayBuffer(3)).fill(5));
    expect([...(await fs.readFile('/u16'))]).toEqual([1, 0, 2, 0]);
    expect([...(await fs.readFile('/view'))]).toEqual([8, 7]);
    expect([...(await fs.readFile('/shared'))]).toEqual([5, 5, 5]);
  });

  test('paths may be URLs and bytes, and __proto__ is a name', async () => {
    const { fs } = await openIn(start());
    await fs.writeFile(new URL('file:///a%20b'), 'url');
    await fs.writeFile(utf8.encode('/bytes'), 'bytes');
    await fs.writeFile('/__proto__', 'ordinary');
    await fs.mkdir('/constructor');
    expect((await fs.readdir('/')).sort()).toEqual(['__proto__', 'a b', 'bytes', 'constructor']);
  });

  test('a callback among the options is ENOTSUP', async () => {
    const { fs } = await openIn(start());
    const filter = (): boolean => true;
    await expect(fs.rm('/a', { filter } as object)).rejects.toMatchObject({ code: 'ENOTSUP' });
    await expect(fs.cp('/a', '/b', { filter, dereference: true })).rejects.toMatchObject({ code: 'ENOTSUP' });
  });

  test('the filter of cp is asked for every source and destination, and not below what it turned down', async () => {
    const { fs } = await openIn(start());
    for (const path of ['/d/x/y', '/d/x-y', '/d/z']) await fs.mkdir(path, { recursive: true });
    await fs.writeFile('/d/x/y/f', '');
    await fs.writeFile('/d/z/g', '');
    const asked: string[] = [];
    const filter = (source: string, destination: string): boolean => {
      asked.push(`${source} ${destination}`);
      return source !== '/d/x';
    };
    await fs.cp('/d', '/c', { recursive: true, filter });
    expect(asked).toEqual(['/d /c', '/d/x /c/x', '/d/x-y /c/x-y', '/d/z /c/z', '/d/z/g /c/z/g']);
    expect((await fs.readdir('/c', { recursive: true })).sort()).toEqual(['x-y', 'z', 'z/g']);
  });

  test('a signal rejects the call at once', async () => {
    const { fs } = await openIn(start());
    await fs.writeFile('/f', 'x');
    const controller = new AbortController();
    const reading = fs.readFile('/f', { signal: controller.signal });
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    expect(await fs.readFile('/f', { signal: new AbortController().signal, encoding: 'utf8' })).toBe('x');
  });

  test('no call that is not in the list reaches the engine', async () => {
    const { fs } = await openIn(start());
    expect(Object.keys(fs).sort()).toEqual([...FS_METHODS, 'watch'].sort());
    const peer = new Peer(connectTo(start().worker));
    await peer.hello();
    await peer.open({ name: undefined, lower: [], durability: undefined }, undefined, undefined);
    for (const method of ['constructor', '__proto__', 'watch', 'toString']) {
      await expect(peer.call({ on: 'fs', method: method as 'stat' }, ['/'])).rejects.toMatchObject({ code: 'ENOSYS' });
    }
    peer.end();
  });
});

describe('handles', () => {
  test('read into the caller’s buffer, write from it, know their position', async () => {
    const { fs } = await openIn(start());
    await using handle = await fs.open('/f', 'w+');
    const source = utf8.encode('..hello..');
    expect(await handle.write(source, 2, 5)).toEqual({ bytesWritten: 5, buffer: source });
    expect(await handle.write(' world')).toEqual({ bytesWritten: 6, buffer: ' world' });
    const buffer = new Uint8Array(8).fill(46);
    const { bytesRead, buffer: same } = await handle.read(buffer, 1, 5, 6);
    expect([bytesRead, same === buffer, new TextDecoder().decode(buffer)]).toEqual([5, true, '.world..']);
    expect(await handle.readFile({ encoding: 'utf8' })).toBe('');
    expect((await handle.stat()).size).toBe(11);
    await handle.truncate(5);
    await handle.sync();
    expect(await fs.readFile('/f', 'utf8')).toBe('hello');
    await expect(handle.read(buffer, 5, 9)).rejects.toThrow(/offset|length/);
  });

  test('a closed handle is EBADF, and closing twice is nothing', async () => {
    const { fs } = await openIn(start());
    const handle = await fs.open('/f', 'w');
    await handle.close();
    await handle.close();
    await expect(handle.stat()).rejects.toMatchObject({ code: 'EBADF', syscall: 'fstat' });
  });

  test('the handles and watches of a client that goes are closed', async () => {
    let overlay: Overlay | undefined;
    const ws = await openIn(start({ onMount: (mounted) => void (overlay = mounted) }));
    const guest = await attach(ws.port());
    const handle = await guest.fs.open('/f', 'w');
    await ws.fs.unlink('/f');
    const { fd } = handle;
    const watching = vi.spyOn(overlay!.fs.promises, 'watch');
    guest.fs.watch('/');
    expect(overlay?.fs.fstatSync(fd).nlink).toBe(0);
    await guest.close();
    expect(() => overlay?.fs.fstatSync(fd)).toThrow(/EBADF/);
    expect(watching.mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
  });

  test('opendir lists in one go', async () => {
    const { fs } = await openIn(start());
    await fs.mkdir('/d/e', { recursive: true });
    const names: string[] = [];
    for await (const entry of await fs.opendir('/d')) names.push(`${entry.name}:${entry.isDirectory()}`);
    expect(names).toEqual(['e:true']);
    const dir = await fs.opendir('/d');
    expect([(await dir.read())?.name, await dir.read()]).toEqual(['e', null]);
    await dir.close();
  });
});

describe('batches', () => {
  test('are one commit, unseen until then; what the callback gives is given', async () => {
    const ws = await openIn(start());
    expect(
      await ws.batch(async (fs) => {
        await fs.mkdir('/d');
        await fs.writeFile('/d/f', Uint8Array.of(1, 2));
        expect((await fs.stat('/d/f')).isFile()).toBe(true);
        expect(await ws.fs.exists('/d')).toBe(false);
        return 'given';
      }),
    ).toBe('given');
    expect([...(await ws.fs.readFile('/d/f'))]).toEqual([1, 2]);
  });

  test('that throw leave nothing, and rethrow what was thrown', async () => {
    const ws = await openIn(start());
    const planned = new RangeError('planned');
    const batch = ws.batch(async (fs) => {
      await fs.writeFile('/f', '');
      throw planned;
    });
    expect(await batch.catch((e: unknown) => e)).toBe(planned);
    expect(await ws.fs.readdir('/')).toEqual([]);
  });

  test('take no more calls when they are over, and open no files', async () => {
    const ws = await openIn(start());
    let kept: BatchFs | undefined;
    await ws.batch((fs) => void (kept = fs));
    await expect(kept!.writeFile('/f', '')).rejects.toMatchObject({ code: 'EINVAL', detail: 'the batch is over' });
    const opening = ws.batch((fs) => (fs as FsPromises).open('/f', 'w'));
    await expect(opening).rejects.toMatchObject({ code: 'ENOTSUP' });
  });

  test('that met a change of somebody else’s are EAGAIN', async () => {
    const ws = await openIn(start());
    await ws.fs.writeFile('/f', '1');
    const batch = ws.batch(async (fs) => {
      const before = await fs.readFile('/f', 'utf8');
      await ws.fs.writeFile('/f', '2');
      await fs.writeFile('/f', `${before}3`);
    });
    await expect(batch).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(await ws.fs.readFile('/f', 'utf8')).toBe('2');
  });

  test('of a client that is gone are dropped', async () => {
    const ws = await openIn(start());
    const guest = await attach(ws.port());
    const batch = guest.batch(async (fs) => {
      await fs.writeFile('/f', '');
      await guest.close();
      await fs.writeFile('/g', '');
    });
    await expect(batch).rejects.toMatchObject({ detail: 'the workspace is closed' });
    expect(await ws.fs.readdir('/')).toEqual([]);
  });
});

test('usage and persist answer where the browser has nothing to say', async () => {
  const ws = await openIn(start(), { quota: 5_000 });
  await ws.fs.writeFile('/f', 'x');
  expect(await ws.usage()).toMatchObject({ quota: 5_000, persisted: false });
  expect(await ws.persist()).toBe(false);
  await expect(ws.fs.writeFile('/g', new Uint8Array(6_000))).rejects.toMatchObject({ code: 'EDQUOT' });
});

describe('where the worker has no files of its own', () => {
  test('the page remembers the workspace, and one that is lost is told from a new one', async () => {
    const items = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    });
    try {
      const local = start();
      const name = uniqueName();
      const ws = await openIn(local, { name });
      await ws.fs.writeFile('/f', 'x');
      await ws.close();
      expect([...items.keys()]).toEqual([`stratafs:${name}`]);
      await new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(`stratafs:${name}`);
        request.addEventListener('success', resolve);
        request.addEventListener('blocked', reject);
      });
      await expect(openIn(local, { name })).rejects.toMatchObject({ code: 'EIO', message: expect.stringContaining('lost') as string });
      const anew = await openIn(local, { name, lost: 'anew' });
      expect(await anew.fs.readdir('/')).toEqual([]);
      await anew.close();
      await (await openIn(local, { name })).close();
      await removeWorkspace(name, { worker: local.worker });
      expect(items.size).toBe(0);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('removeWorkspace', () => {
  test('leaves nothing, and is EBUSY while the workspace is open', async () => {
    const local = start();
    const name = uniqueName();
    const ws = await openIn(local, { name });
    await ws.fs.writeFile('/f', 'x');
    await expect(removeWorkspace(name, { worker: local.worker })).rejects.toMatchObject({ code: 'EBUSY' });
    await ws.close();
    await removeWorkspace(name, { worker: local.worker });
    expect(await (await openIn(local, { name })).fs.readdir('/')).toEqual([]);
  });
});

describe('watch', () => {
  test('starts when it is called, and ends when the loop is left', async () => {
    let overlay: Overlay | undefined;
    const { fs } = await openIn(start({ onMount: (mounted) => void (overlay = mounted) }));
    const watching = vi.spyOn(overlay!.fs.promises, 'watch');
    await fs.mkdir('/src');
    const events = fs.watch('/src', { recursive: true });
    await fs.writeFile('/src/a', 'x');
    const seen: string[] = [];
    for await (const { eventType, filename } of events) {
      seen.push(`${eventType} ${filename}`);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['rename a', 'change a']);
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await fs.stat('/');
    expect(watching.mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
  });

  test('a signal ends it with AbortError, and the engine forgets it', async () => {
    let overlay: Overlay | undefined;
    const { fs } = await openIn(start({ onMount: (mounted) => void (overlay = mounted) }));
    const watching = vi.spyOn(overlay!.fs.promises, 'watch');
    const controller = new AbortController();
    const events = fs.watch('/', { signal: controller.signal });
    const next = events.next();
    await fs.stat('/');
    controller.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    await fs.stat('/');
    expect(watching.mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
    await expect(fs.watch('/', { signal: AbortSignal.abort() }).next()).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('what is missing rejects', async () => {
    const { fs } = await openIn(start());
    await expect(fs.watch('/no').next()).rejects.toMatchObject({ code: 'ENOENT', syscall: 'watch' });
  });
});

describe('the end', () => {
  test('a dead worker rejects every pending call, watches too, and later ones at once', async () => {
    const never = new Promise<void>(() => undefined);
    let overlay: Overlay | undefined;
    const local = start({ onMount: (mounted) => void (overlay = mounted) });
    const ws = await openIn(local);
    vi.spyOn(overlay!.fs.promises, 'stat').mockImplementation(() => never as never);
    const pending = [ws.fs.stat('/'), ws.fs.stat('/'), ws.fs.watch('/').next()];
    await ws.fs.readdir('/');
    local.kill();
    for (const call of pending) await expect(call).rejects.toMatchObject({ code: 'EIO', detail: 'the worker is gone' });
    await expect(ws.fs.readdir('/')).rejects.toMatchObject({ code: 'EIO', detail: 'the worker is gone' });
    await expect(ws.fs.watch('/').next()).rejects.toMatchObject({ detail: 'the worker is gone' });
    expect(() => ws.port()).toThrow(/the worker is gone/);
    await expect(ws.close()).rejects.toMatchObject({ detail: 'the worker is gone' });
  });

  test('close() commits; later calls reject, and a second close() is the first', async () => {
    const ws = await openIn(start());
    const writing = ws.fs.writeFile('/f', 'x');
    const closing = ws.close();
    await writing;
    expect(ws.close()).toBe(closing);
    await closing;
    await expect(ws.fs.stat('/')).rejects.toMatchObject({ code: 'EIO', detail: 'the workspace is closed' });
  });

  test('a worker whose script fails rejects open()', async () => {
    const { worker } = start();
    vi.spyOn(worker, 'postMessage').mockImplementation(() => undefined);
    const opening = open({ lower: [], worker });
    worker.dispatchEvent(new Event('error'));
    await expect(opening).rejects.toMatchObject({ code: 'EIO', message: expect.stringContaining('cannot be started') as string });
  });

  test('an uncaught error in a worker that serves is not its end', async () => {
    const { worker, kill } = start();
    const ws = await openIn({ worker, kill });
    worker.dispatchEvent(new Event('error'));
    expect(await ws.fs.readdir('/')).toEqual([]);
  });

  test('a workspace whose only client goes without a word is committed and closed', async () => {
    const name = uniqueName();
    const local = start();
    const ws = await openIn(local, { name });
    await ws.fs.writeFile('/f', 'x');
    local.kill();
    await vi.waitFor(async () => {
      const again = await openIn(local, { name });
      expect(await again.fs.readFile('/f', 'utf8')).toBe('x');
    });
  });
});

describe('ports', () => {
  test('the workspace of a port is the same one, and outlives the guest', async () => {
    const ws = await openIn(start(), { name: uniqueName(), lower: [{ url: archiveUrl }] });
    const guest = await attach(ws.port());
    expect([guest.name, guest.layers]).toEqual([ws.name, ws.layers]);
    await guest.fs.writeFile('/by-guest', 'x');
    expect(await ws.fs.readFile('/by-guest', 'utf8')).toBe('x');
    await guest.close();
    await expect(guest.fs.stat('/')).rejects.toMatchObject({ detail: 'the workspace is closed' });
    expect(await ws.fs.readFile('/by-guest', 'utf8')).toBe('x');
  });

  test('a guest can hand the port on', async () => {
    const ws = await openIn(start());
    const guest = await attach(ws.port());
    const third = await attach(guest.port());
    await third.fs.writeFile('/x', '3');
    expect(await ws.fs.readFile('/x', 'utf8')).toBe('3');
    await Promise.all([guest.close(), third.close()]);
  });

  test.each(['guest', 'opener'])('a call that changes something and is under way when the %s closes is finished first', async (who) => {
    let mounted: Overlay | undefined;
    const ws = await openIn(start({ onMount: (overlay) => void (mounted = overlay) }));
    const guest = await attach(ws.port());
    const { promises } = mounted!.fs;
    const write = promises.writeFile.bind(promises);
    let proceed: () => void = () => undefined;
    const gathering = new Promise<void>((resolve) => (proceed = resolve));
    const writing = vi.spyOn(promises, 'writeFile').mockImplementation(async (path, data) => {
      await gathering;
      await write(path, data);
    });
    const call = guest.fs.writeFile('/f', 'x');
    await vi.waitFor(() => expect(writing).toHaveBeenCalled());
    const closing = who === 'guest' ? guest.close() : ws.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    proceed();
    await call;
    await closing;
    if (who === 'guest') expect(await ws.fs.readFile('/f', 'utf8')).toBe('x');
  });

  test('when the opener closes, guests hear of it at their next call', async () => {
    const ws = await openIn(start());
    const guest = await attach(ws.port());
    await ws.close();
    await expect(guest.fs.stat('/')).rejects.toMatchObject({ code: 'EIO' });
    await guest.close().catch(() => undefined);
  });

  test('a port that leads nowhere rejects', async () => {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    await expect(attach(port1)).rejects.toMatchObject({ code: 'EIO' });
  });
});
