/* Content of a lower is fetched when it is needed, and no more of it than is needed. */

import { describe, expect, test } from 'vitest';

import { FsError } from '../../src/base/errors.ts';
import { Bench } from '../support/bench.ts';
import { type MemoryLayer, treeLayer } from '../support/memory-layer.ts';
import { dir, file, hardLink, sparse, symlink, tree } from '../support/tree.ts';

const MIB = 1 << 20;
const CHUNK = 256 << 10;
const SIZE = 64 * MIB;

const lazyLayer = (): MemoryLayer =>
  treeLayer(tree(sparse('big', SIZE), dir('d', file('x', 'X'), file('y', 'Y')), file('small', 'content')), { lazy: 'until-read' });

const bytesRead = (layer: MemoryLayer): number => layer.reads.reduce((sum, { start, end }) => sum + end - start, 0);

describe('a lazy lower', () => {
  test('one byte written into a large file stores one chunk and reads at most one', async () => {
    const layer = lazyLayer();
    const bench = await Bench.mount([layer]);
    const handle = await bench.fs.open('/big', 'r+');
    await handle.write(new Uint8Array([7]), 0, 1, 33 * MIB + 5);
    await handle.close();
    expect(bytesRead(layer)).toBeLessThanOrEqual(CHUNK);
    const { records } = await bench.image();
    const stored = [...records.values()].flatMap((record) => ('chunks' in record ? record.chunks.filter((chunk) => chunk !== 0) : []));
    expect(stored.length).toBe(1);
    const around = new Uint8Array(4);
    const reader = await bench.fs.open('/big');
    await reader.read(around, 0, 4, 33 * MIB + 3);
    await reader.close();
    expect([...around]).toEqual([0, 0, 7, 0]);
    expect((await bench.fs.stat('/big')).size).toBe(SIZE);
  });

  test('appending and cutting a large file reads at most one chunk', async () => {
    const layer = lazyLayer();
    const bench = await Bench.mount([layer]);
    await bench.fs.appendFile('/big', 'end');
    await bench.fs.truncate('/big', 10 * MIB + 3);
    await bench.fs.truncate('/big', 20 * MIB);
    await bench.fs.truncate('/big', 0);
    expect(bytesRead(layer)).toBeLessThanOrEqual(CHUNK);
  });

  test('attributes, names and replaced content are never read', async () => {
    const layer = lazyLayer();
    const bench = await Bench.mount([layer]);
    await bench.fs.chmod('/big', 0o600);
    await bench.fs.rename('/big', '/moved');
    await bench.fs.link('/moved', '/twin');
    await bench.fs.copyFile('/moved', '/copy');
    await bench.fs.writeFile('/small', 'replaced');
    await bench.fs.rename('/d', '/e');
    await bench.fs.unlink('/e/x');
    await bench.fs.rm('/e', { recursive: true });
    await bench.fs.readdir('/', { withFileTypes: true });
    expect(layer.reads).toEqual([]);
  });

  test('a read of a part reads no more than the chunks it touches', async () => {
    const layer = lazyLayer();
    const bench = await Bench.mount([layer]);
    const handle = await bench.fs.open('/big');
    await handle.read(new Uint8Array(10), 0, 10, 5 * MIB);
    await handle.close();
    expect(bytesRead(layer)).toBeGreaterThanOrEqual(10);
    expect(bytesRead(layer)).toBeLessThanOrEqual(CHUNK);
  });

  test('a synchronous call is EAGAIN until the content is there, and says what to do', async () => {
    const bench = await Bench.mount([lazyLayer()]);
    expect(bench.sync.statSync('/small').size).toBe(7);
    let error: unknown;
    try {
      bench.sync.readFileSync('/small');
    } catch (e) {
      error = e;
    }
    expect(error).toMatchObject({ code: 'EAGAIN', syscall: 'open', path: '/small' });
    expect(String(error)).toMatch(/asynchronous/);
    await bench.fs.readFile('/small');
    expect(bench.sync.readFileSync('/small', 'utf8')).toBe('content');
  });

  test('a failed fetch is EIO with the cause, changes nothing, and can be tried again', async () => {
    const layer = lazyLayer();
    const bench = await Bench.mount([layer]);
    const before = await bench.fs.stat('/small');
    layer.failWith(new FsError('EIO', { detail: 'the server is gone', cause: new Error('connection reset') }));
    for (const call of [() => bench.fs.readFile('/small'), () => bench.fs.appendFile('/small', '+'), () => bench.fs.readFile('/big')]) {
      await expect(call()).rejects.toMatchObject({ code: 'EIO', cause: { message: 'connection reset' } });
    }
    expect(await bench.fs.stat('/small')).toEqual(before);
    layer.failWith(undefined);
    expect(await bench.fs.readFile('/small', 'utf8')).toBe('content');
  });

  test('targets of links are fetched before anything changes, also where a tree is removed', async () => {
    const seed = tree(
      dir('d', file('a', 'A'), dir('e', symlink('l', 'target')), hardLink('m', 'd/e/l')),
      hardLink('b', 'd/a'),
      hardLink('n', 'd/e/l'),
    );
    const bench = await Bench.mount([treeLayer(seed, { lazy: 'always', targets: 'content' })]);
    await bench.fs.rm('/d', { recursive: true });
    expect([await bench.fs.readlink('/n'), (await bench.fs.lstat('/n')).nlink]).toEqual(['target', 1]);
    await bench.settledTree();
    await bench.fs.rename('/n', '/o');
    await bench.settledTree();
    expect(await bench.fs.readlink('/o')).toBe('target');
  });

  test('content that is fetched while the tree changes is that of the tree as it is then', async () => {
    const bench = await Bench.mount([lazyLayer()]);
    const [one, , two] = await Promise.all([
      bench.fs.readFile('/d/x', 'utf8'),
      bench.fs.rename('/d/y', '/d/x'),
      bench.fs.readFile('/d/x', 'utf8'),
    ]);
    expect(['X', 'Y']).toContain(one);
    expect(two).toBe('Y');
  });
});
