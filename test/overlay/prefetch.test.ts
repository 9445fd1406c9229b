/* Fetching ahead by paths of the merged tree: what it asks of which lower, what it costs on the network, and what it leaves alone. */

import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WorkProgress } from '../../src/base/progress.ts';
import type { Layer, PrefetchOptions } from '../../src/layer/layer.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { tarArchive, zipArchive } from '../support/archives.ts';
import { Bench } from '../support/bench.ts';
import { estargzArchive } from '../support/estargz.ts';
import { lower } from '../support/memory-layer.ts';
import { noise } from '../support/noise.ts';
import { type RangeServer, startRangeServer } from '../support/range-server.ts';
import { dir, file, hardLink, symlink, whiteout } from '../support/tree.ts';

/** A layer that notes what is asked of it. */
interface NotingLayer extends Layer {
  readonly asked: (readonly string[] | 'all')[];
}

function noting(layer: Layer, prefetch: (options: PrefetchOptions) => Promise<void> = async () => undefined): NotingLayer {
  const asked: (readonly string[] | 'all')[] = [];
  return Object.assign(layer, {
    asked,
    prefetch: (paths: readonly string[] | 'all', options: PrefetchOptions = {}) => {
      asked.push(paths === 'all' ? paths : [...paths].sort());
      return prefetch(options);
    },
  });
}

describe('paths of the merged tree', () => {
  test('lead to the lower that has the content, directories to everything that shows below', async () => {
    const top = noting(lower(dir('d', file('x', 'top'), whiteout('gone'))));
    const bottom = noting(
      lower(dir('d', file('x', 'hidden'), file('y', 'Y'), file('gone', '-'), dir('e', file('z', 'Z'))), file('other', '-')),
    );
    const bench = await Bench.mount([top, bottom]);
    await bench.overlay.prefetch(['/d']);
    expect(top.asked).toEqual([['/d/x']]);
    expect(bottom.asked).toEqual([['/d/e/z', '/d/y']]);
    await bench.overlay.prefetch(['/other', '/d/y', '/d/../other']);
    expect(top.asked).toHaveLength(1);
    expect(bottom.asked[1]).toEqual(['/d/y', '/other']);
  });

  test('renamed, chmodded, copied and linked files lead to what they came from', async () => {
    const layer = noting(lower(dir('d', file('a', 'A'), file('b', 'B'), file('c', 'C')), file('h', 'H'), hardLink('h2', '/h')));
    const bench = await Bench.mount([layer]);
    await bench.fs.rename('/d', '/moved');
    await bench.fs.chmod('/moved/a', 0o600);
    await bench.fs.copyFile('/moved/b', '/copy');
    await bench.fs.link('/moved/c', '/twin');
    await bench.overlay.prefetch(['/moved/a', '/copy', '/twin', '/h2']);
    expect(layer.asked).toEqual([['/d/a', '/d/b', '/d/c', '/h']]);
  });

  test('what the upper has needs nothing; what it has in part does', async () => {
    const layer = noting(lower(file('whole', 'abc'), file('part', new Uint8Array(600_000)), file('cut', 'abc')));
    const bench = await Bench.mount([layer]);
    await bench.fs.writeFile('/new', 'mine');
    await bench.fs.writeFile('/whole', 'replaced');
    await bench.fs.truncate('/cut', 0);
    const handle = await bench.fs.open('/part', 'r+');
    await handle.write('x', 10);
    await handle.close();
    await bench.overlay.prefetch(['/']);
    expect(layer.asked).toEqual([['/part']]);
  });

  test('symbolic links are followed where they are named, and not below a directory', async () => {
    const layer = noting(lower(dir('d', symlink('out', '/f')), file('f', 'F')));
    const bench = await Bench.mount([layer]);
    await bench.overlay.prefetch(['/d']);
    await bench.overlay.prefetch(['/d/out']);
    expect(layer.asked).toEqual([['/d/out'], ['/f']]);
  });

  test('a path that is not there is ENOENT, and one in a directory that others may not read EACCES', async () => {
    const layer = noting(lower(dir('secret', { mode: 0o700 }, file('x', 'X')), file('f', 'F')));
    const bench = await Bench.mount([layer], { uid: 1000 });
    await expect(bench.overlay.prefetch(['/f', '/no'])).rejects.toMatchObject({ code: 'ENOENT', syscall: 'prefetch', path: '/no' });
    await expect(bench.overlay.prefetch(['/secret'])).rejects.toMatchObject({ code: 'EACCES', path: '/secret' });
    expect(layer.asked).toEqual([]);
  });

  test('all is all of every lower, hidden content too', async () => {
    const layers = [noting(lower(whiteout('a'))), noting(lower(file('a', 'A'))), lower(file('b', 'B'))];
    const bench = await Bench.mount(layers);
    await bench.overlay.prefetch('all');
    expect(layers.slice(0, 2).map((layer) => (layer as NotingLayer).asked)).toEqual([['all'], ['all']]);
  });
});

describe('progress and failure', () => {
  const after = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

  test('progress is the sum of all lowers, and never goes back', async () => {
    const part =
      (total: number, wait: number) =>
      async ({ onProgress }: PrefetchOptions): Promise<void> => {
        await after(wait);
        for (let loaded = 0; loaded <= total; loaded += total / 4) {
          onProgress?.({ loaded, total });
          await after(1);
        }
      };
    const silent = async (): Promise<void> => after(5);
    const layers = [noting(lower(file('a')), part(1000, 0)), noting(lower(file('b')), part(80, 10)), noting(lower(file('c')), silent)];
    const bench = await Bench.mount(layers);
    const told: WorkProgress[] = [];
    await bench.overlay.prefetch('all', { onProgress: (progress) => told.push(progress) });
    expect(told.every(({ total }) => total === 1080)).toBe(true);
    expect(told.map(({ loaded }) => loaded)).toEqual(told.map(({ loaded }) => loaded).sort((a, b) => a - b));
    expect(told.at(-1)).toEqual({ loaded: 1080, total: 1080 });
  });

  test('what one lower cannot fetch does not keep the others from it, and is told', async () => {
    let done = false;
    const failing = noting(lower(file('a')), () => Promise.reject(new Error('no network')));
    const slow = noting(lower(file('b')), async () => {
      await after(10);
      done = true;
    });
    const bench = await Bench.mount([failing, slow]);
    await expect(bench.overlay.prefetch('all')).rejects.toThrow('no network');
    expect(done).toBe(true);
  });

  test('a signal ends it with an AbortError, before it begins too', async () => {
    const layer = noting(
      lower(file('a')),
      ({ signal }) => new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error))),
    );
    const bench = await Bench.mount([layer]);
    const abort = new AbortController();
    const fetching = bench.overlay.prefetch('all', { signal: abort.signal });
    await after(1);
    abort.abort(new Error('enough'));
    await expect(fetching).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    await expect(bench.overlay.prefetch('all', { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(layer.asked).toHaveLength(1);
  });
});

describe('over the network', () => {
  const names = Array.from({ length: 40 }, (_, i) => `lib/f${i}.bin`);
  const contents = names.map((_, i) => noise(100_000, i + 1));
  const zip = zipArchive(names.map((name, i) => ({ name, content: contents[i]! })));
  const esgz = estargzArchive(names.map((name, i) => ({ name: `es/${name}`, content: contents[i]! }))).bytes;
  const tgz = new Uint8Array(gzipSync(tarArchive([{ name: 'tar/a', content: 'alpha' }])));
  let server: RangeServer;

  beforeEach(async () => {
    const files = new Map([
      ['a.zip', zip],
      ['a.esgz', esgz],
      ['a.tgz', tgz],
    ]);
    server = await startRangeServer({ files, latency: 2 });
  });
  afterEach(() => server.close());

  const mount = async (): Promise<Bench> =>
    Bench.mount(await Promise.all(['a.zip', 'a.esgz', 'a.tgz'].map((name) => openLayer(`${server.url}/${name}`, { retry: { delay: 1 } }))));

  test('a directory of two archives comes in few requests, once, and can then be read without the server', async () => {
    const bench = await mount();
    await bench.fs.rename('/lib', '/moved');
    server.reset();
    const told: WorkProgress[] = [];
    await bench.overlay.prefetch(['/moved', '/es/lib/f7.bin'], { onProgress: (progress) => told.push(progress) });
    expect(server.requests.length).toBeLessThanOrEqual(3);
    expect(server.bytes).toBeGreaterThan(zip.length * 0.9);
    expect(server.bytes).toBeLessThan(zip.length + 400_000);
    expect(told.at(-1)?.loaded).toBe(told.at(-1)?.total);
    expect(Math.abs((told.at(-1)?.total ?? 0) - server.bytes)).toBeLessThan(64 << 10);
    server.mode = 'failing';
    for (const [i, content] of contents.entries())
      expect(Buffer.from(await bench.fs.readFile(`/moved/f${i}.bin`)).equals(content)).toBe(true);
    expect(Buffer.from(await bench.fs.readFile('/es/lib/f7.bin')).equals(contents[7]!)).toBe(true);
    expect(bench.sync.readFileSync('/moved/f3.bin')).toHaveLength(100_000);
    await expect(bench.fs.readFile('/es/lib/f39.bin')).rejects.toMatchObject({ code: 'EIO' });
  });

  test('what was fetched is not asked for again', async () => {
    const bench = await mount();
    await bench.overlay.prefetch('all');
    server.reset();
    await bench.overlay.prefetch('all');
    await bench.overlay.prefetch(['/lib/f1.bin', '/es', '/tar']);
    expect(server.requests).toEqual([]);
  });

  test('the recorded list of a run is what the next one needs, and no more', async () => {
    const bench = await mount();
    for (const i of [3, 30, 17]) await bench.fs.readFile(`/lib/f${i}.bin`);
    await bench.fs.readFile('/es/lib/f5.bin');
    await bench.fs.readFile('/tar/a');
    await bench.fs.stat('/lib/f1.bin');
    const lists = bench.overlay.recordAccess();
    expect(lists).toEqual([['/lib/f3.bin', '/lib/f30.bin', '/lib/f17.bin'], ['/es/lib/f5.bin'], ['/tar/a']]);
    server.reset();
    const next = await openLayer(`${server.url}/a.zip`, { prefetch: lists[0] });
    await next.prefetch!(lists[0]!);
    const fetched = server.bytes;
    expect(fetched).toBeGreaterThan(300_000);
    expect(fetched).toBeLessThan(700_000);
    const again = await Bench.mount([next]);
    server.mode = 'failing';
    for (const i of [3, 30, 17]) expect(Buffer.from(await again.fs.readFile(`/lib/f${i}.bin`)).equals(contents[i]!)).toBe(true);
  });
});
