/* The scrub: what is damaged is found, all of it and nothing else, in lowers and upper, and who reads meanwhile is not disturbed. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FsError } from '../../src/base/errors.ts';
import type { WorkProgress } from '../../src/base/progress.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { openBlockCache } from '../../src/lower/block-cache.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { tarArchive, zipArchive } from '../support/archives.ts';
import { Bench } from '../support/bench.ts';
import { estargzArchive } from '../support/estargz.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { MemoryShelves } from '../support/memory-shelves.ts';
import { noise } from '../support/noise.ts';
import { startRangeServer } from '../support/range-server.ts';
import { dir, file, sparse, symlink, tree, whiteout } from '../support/tree.ts';

const text = 'not compressed, and long enough. '.repeat(1000);
const names = Array.from({ length: 60 }, (_, i) => `d/f${i}`);

/** Changes one byte where `content` stands in an archive. */
function damage(archive: Uint8Array<ArrayBuffer>, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const at = Buffer.from(archive.buffer).indexOf(content);
  expect(at).toBeGreaterThan(0);
  archive[at + content.length - 1]! ^= 1;
  return archive;
}

describe('lowers', () => {
  test.each([
    ['a stored zip', (): Uint8Array<ArrayBuffer> => zipArchive(names.map((name, i) => ({ name, content: noise(90_000, i) })))],
    [
      'a deflated zip',
      (): Uint8Array<ArrayBuffer> => zipArchive(names.map((name, i) => ({ name, content: `${i}${text}`, deflate: true }))),
    ],
    [
      'an eStargz in groups',
      (): Uint8Array<ArrayBuffer> =>
        estargzArchive(
          names.map((name, i) => ({ name, content: noise(3000, i) })),
          { group: 7 },
        ).bytes,
    ],
    [
      'an eStargz in chunks',
      (): Uint8Array<ArrayBuffer> =>
        estargzArchive(
          names.map((name, i) => ({ name, content: noise(90_000, i) })),
          { chunkSize: 20_000 },
        ).bytes,
    ],
    [
      'a tar.gz',
      (): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(tarArchive(names.map((name, i) => ({ name, content: noise(9000, i) }))))),
    ],
  ])('%s that is whole has no damage', async (_, make) => {
    const bench = await Bench.mount([await openLayer(new Blob([make()]))]);
    expect(await bench.overlay.verify()).toEqual([]);
    expect(bench.overlay.recordAccess()).toEqual([[]]);
  });

  test('every damaged file of a zip is named, and no other', async () => {
    const archive = zipArchive([
      ...names.map((name, i) => ({ name, content: noise(90_000, i) })),
      { name: 'link', content: 'target', mode: 0o120777, lie: { crc: 1 } },
      { name: 'cut', content: text, deflate: true, lie: { size: 5 } },
    ]);
    for (const i of [0, 17, 59]) damage(archive, noise(90_000, i));
    const bench = await Bench.mount([lower(whiteout('cut')), await openLayer(new Blob([archive]), { name: 'a.zip' })]);
    const damaged = await bench.overlay.verify();
    expect(damaged.map(({ layer, path }) => `${layer} ${path}`)).toEqual(['1 /d/f0', '1 /d/f17', '1 /d/f59', '1 /link', '1 /cut']);
    expect(damaged[1]!.message).toMatch(/^EIO.*a\.zip.*d\/f17.*CRC-32/);
  });

  test.each([3000, 90_000])(
    'a damaged chunk of an eStargz spoils its file of %i bytes, and not its neighbours in the member',
    async (size) => {
      const lie = (entries: Record<string, unknown>[]): void => {
        const entry = entries.find(({ name }) => name === 'd/f9')!;
        entry['chunkDigest'] = `sha256:${'0'.repeat(64)}`;
      };
      const { bytes } = estargzArchive(
        names.map((name, i) => ({ name, content: noise(size, i) })),
        { group: 7, lie },
      );
      const bench = await Bench.mount([await openLayer(new Blob([bytes]))]);
      const damaged = await bench.overlay.verify();
      expect(damaged.map(({ path }) => path)).toEqual(['/d/f9']);
      expect(damaged[0]!.message).toMatch(/SHA-256/);
    },
  );

  test('memory does not count: what was read whole and went bad since is found', async () => {
    const archive = zipArchive(names.map((name, i) => ({ name, content: noise(90_000, i) })));
    await using server = await startRangeServer({ files: new Map([['a.zip', archive]]), marks: 'none' });
    const bench = await Bench.mount([await openLayer(`${server.url}/a.zip`)]);
    expect(Buffer.from(await bench.fs.readFile('/d/f5')).equals(noise(90_000, 5))).toBe(true);
    damage(archive, noise(90_000, 5));
    expect((await bench.overlay.verify()).map(({ path }) => path)).toEqual(['/d/f5']);
    // And what was kept of it goes on being served.
    server.mode = 'failing';
    expect(Buffer.from(await bench.fs.readFile('/d/f5')).equals(noise(90_000, 5))).toBe(true);
  });

  test('what is kept in the cache and went bad is fetched again, and is damage where that cannot be', async () => {
    const archive = zipArchive(names.map((name, i) => ({ name, content: noise(90_000, i) })));
    await using server = await startRangeServer({ files: new Map([['a.zip', archive]]) });
    const shelves = new MemoryShelves();
    const openKept = async (): Promise<Layer> =>
      openLayer(`${server.url}/a.zip`, { cache: openBlockCache({ shelves }), retry: { tries: 1, delay: 1, stall: 500 } });
    const first = await Bench.mount([await openKept()]);
    await first.overlay.prefetch('all');
    const spoil = async (): Promise<void> => {
      for (const shelf of shelves.shelves.values()) {
        for (const [key, blob] of shelf) {
          if (!key.startsWith('segment-')) continue;
          const bytes = new Uint8Array(await blob.arrayBuffer());
          bytes[1000]! ^= 1;
          shelf.set(key, new Blob([bytes]));
        }
      }
    };
    await spoil();
    const layer = await openKept();
    const second = await Bench.mount([layer]);
    server.mode = 'failing';
    const found = await second.overlay.verify();
    expect(found.length).toBeGreaterThan(0);
    server.mode = 'ranges';
    expect(await second.overlay.verify()).toEqual([]);
    await layer.prefetch!([]);
    server.mode = 'failing';
    expect(await second.overlay.verify()).toEqual([]);
  });

  test('an archive on a server is read once, in large pieces', async () => {
    const archive = zipArchive(Array.from({ length: 150 }, (_, i) => ({ name: `f${i}`, content: noise(90_000, i) })));
    await using server = await startRangeServer({ files: new Map([['a.zip', archive]]) });
    const bench = await Bench.mount([await openLayer(`${server.url}/a.zip`)]);
    server.reset();
    expect(await bench.overlay.verify()).toEqual([]);
    expect(server.requests.length).toBeLessThanOrEqual(4);
    expect(server.bytes).toBeLessThanOrEqual(archive.length);
  });

  test('a server that is gone is told of every file, soon', async () => {
    const archive = zipArchive(Array.from({ length: 100 }, (_, i) => ({ name: `f${i}`, content: noise(30_000, i) })));
    await using server = await startRangeServer({ files: new Map([['a.zip', archive]]) });
    const layer = await openLayer(`${server.url}/a.zip`, { retry: { tries: 2, delay: 1, stall: 500 } });
    const bench = await Bench.mount([layer]);
    server.mode = 'failing';
    server.reset();
    expect(await bench.overlay.verify()).toHaveLength(100);
    expect(server.requests.length).toBeLessThan(8);
  });

  test('a layer that cannot verify itself is read through, its links and holes too', async () => {
    const layer = treeLayer(tree(dir('d', file('x', 'X')), sparse('big', 3 << 20), symlink('l', 'd/x')), {
      lazy: 'always',
      targets: 'content',
    });
    const bench = await Bench.mount([layer]);
    expect(await bench.overlay.verify()).toEqual([]);
    expect(layer.reads.map(({ path }) => path).sort()).toEqual(['/big', '/big', '/big', '/d/x', '/l']);
    layer.failWith(new FsError('EIO', { detail: 'the disk is on fire' }));
    const damaged = await bench.overlay.verify();
    expect(damaged.map(({ path }) => path).sort()).toEqual(['/big', '/d/x', '/l']);
    expect(damaged[0]!.message).toContain('on fire');
  });
});

/** An upper whose store gives other chunks than it was given. */
function lying(change: (id: number, bytes: Uint8Array | undefined) => Uint8Array | undefined): UpperStore {
  const store = memoryUpper();
  return {
    name: store.name,
    load: () => store.load(),
    commit: (commit) => store.commit(commit),
    close: () => store.close(),
    readChunks: async (ids) => (await store.readChunks(ids)).map((bytes, i) => change(ids[i]!, bytes)),
  };
}

describe('the upper', () => {
  test('what is whole has no damage: empty, shared, sparse, grown and shortened files', async () => {
    const bench = await Bench.mount([lower(file('low', new Uint8Array(700_000)))]);
    await bench.fs.writeFile('/a', new Uint8Array(900_000).fill(1));
    await bench.fs.writeFile('/empty', '');
    await bench.fs.copyFile('/a', '/shared');
    await bench.fs.truncate('/a', 300_001);
    await bench.fs.truncate('/a', 800_000);
    await bench.fs.truncate('/low', 690_000);
    const handle = await bench.fs.open('/low', 'r+');
    await handle.write('end', 2_000_000);
    await handle.close();
    expect(await bench.overlay.verify()).toEqual([]);
  });

  test('chunks that are missing, empty, too long or unreadable are told with their paths', async () => {
    let bad = new Map<number, 'missing' | 'empty' | 'long' | 'unreadable'>();
    const upper = lying((id, bytes) => {
      const how = bad.get(id);
      if (how === 'unreadable') throw new FsError('EIO', { detail: `chunk ${id} is damaged` });
      if (how === 'missing') return undefined;
      if (how === undefined || bytes === undefined) return bytes;
      return new Uint8Array(how === 'empty' ? 0 : bytes.length + 1);
    });
    const bench = await Bench.mount([], { upper });
    await bench.fs.mkdir('/d');
    for (const name of ['missing', 'empty', 'long', 'unreadable', 'whole']) await bench.fs.writeFile(`/d/${name}`, name);
    await bench.fs.copyFile('/d/missing', '/twin');
    const { records } = bench.overlay.engine.tree;
    const chunks = new Map([...records.values()].map((record) => [record.names[0]?.[1], 'chunks' in record ? record.chunks[0] : 0]));
    bad = new Map((['missing', 'empty', 'long', 'unreadable'] as const).map((how) => [chunks.get(how)!, how]));
    const damaged = await bench.overlay.verify();
    bad.clear();
    expect(damaged.map(({ layer, path }) => `${layer} ${path}`)).toEqual([
      'upper /d/missing',
      'upper /d/empty',
      'upper /d/long',
      'upper /d/unreadable',
      'upper /twin',
    ]);
    expect(damaged.map(({ message }) => message).join('\n')).toMatch(/lost[^]*0 bytes[^]*5 bytes where 1 to 4[^]*is damaged[^]*lost/);
  });

  test('what waits for its commit is no damage', async () => {
    const upper = faultyUpper();
    const bench = await Bench.mount([], { upper });
    await bench.fs.writeFile('/a', 'A');
    const release = upper.hold();
    const waiting = bench.fs.writeFile('/b', 'B');
    expect(await bench.overlay.verify()).toEqual([]);
    release();
    await waiting;
  });

  test('what is written while it is read is no damage', async () => {
    const store = memoryUpper();
    let reads = 0;
    let change: () => Promise<void> = async () => undefined;
    const readChunks = async (ids: readonly number[]): Promise<(Uint8Array | undefined)[]> => {
      reads++;
      await change();
      return store.readChunks(ids);
    };
    const { name } = store;
    const upper = { name, load: () => store.load(), commit: store.commit.bind(store), close: () => store.close(), readChunks };
    const bench = await Bench.mount([], { upper });
    await bench.fs.writeFile('/a', new Uint8Array(900_000));
    await bench.fs.writeFile('/b', 'B');
    change = async () => {
      await bench.fs.writeFile('/a', 'shorter');
      await bench.fs.unlink('/b');
      await bench.fs.writeFile('/c', 'C');
    };
    expect(await bench.overlay.verify()).toEqual([]);
    expect(reads).toBe(1);
    change = async () => undefined;
    expect(await bench.overlay.verify()).toEqual([]);
  });
});

describe('while it runs', () => {
  const half = noise(40_000, 5).map((byte) => byte & 15);
  const content = Buffer.concat(Array.from({ length: 8 }, () => half));
  const archive = zipArchive(Array.from({ length: 200 }, (_, i) => ({ name: `f${i}`, content, deflate: true })));

  test('progress is in bytes of content, rises to the total, and others have their turn', async () => {
    const bench = await Bench.mount([await openLayer(archive)]);
    await bench.fs.writeFile('/mine', new Uint8Array(500_000));
    const told: WorkProgress[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    expect(await bench.overlay.verify({ onProgress: (progress) => told.push(progress) })).toEqual([]);
    clearInterval(timer);
    const total = 500_000 + 200 * content.length;
    expect(told[0]).toEqual({ loaded: 0, total });
    expect(told.at(-1)).toEqual({ loaded: total, total });
    expect(told.map(({ loaded }) => loaded)).toEqual(told.map(({ loaded }) => loaded).sort((a, b) => a - b));
    expect(told.length).toBeGreaterThan(3);
    expect(turns).toBeGreaterThan(3);
  });

  test('a signal ends it with an AbortError, and a closed workspace with EIO', async () => {
    const bench = await Bench.mount([await openLayer(archive)]);
    const abort = new AbortController();
    const onProgress = ({ loaded }: WorkProgress): void => {
      if (loaded > 0) abort.abort();
    };
    await expect(bench.overlay.verify({ signal: abort.signal, onProgress })).rejects.toMatchObject({ name: 'AbortError' });
    await expect(bench.overlay.verify({ signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' });
    const verifying = bench.overlay.verify();
    await bench.overlay.close();
    await expect(verifying).rejects.toMatchObject({ code: 'EIO' });
  });
});
