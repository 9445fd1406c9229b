/* File systems of ZenFS as lowers: what they say of themselves, content with and without a synchronous way to it, and bad ones. */

import { type CreationOptions, FileSystem, InMemory, type InodeLike, configure, fs, resolveMountConfig } from '@zenfs/core';
import { describe, expect, test } from 'vitest';
import { Overlay as Union, memoryUpper } from '../../../src/engine.ts';
import { Overlay, openZenfsLayer } from '../../../src/zenfs.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';

/** A file system of ZenFS with a small tree in it. */
async function inMemory(): Promise<FileSystem> {
  const memory = await resolveMountConfig(InMemory);
  await configure({ mounts: { '/': memory } });
  fs.mkdirSync('/dir/empty', { recursive: true });
  fs.writeFileSync('/dir/a', 'alpha', { mode: 0o640 });
  fs.writeFileSync('/big', Buffer.alloc(700_000, 'big '));
  fs.writeFileSync('/none', '');
  fs.symlinkSync('dir/a', '/link');
  fs.linkSync('/dir/a', '/hard');
  fs.chownSync('/dir/a', 7, 8);
  for (const path of ['/dir/a', '/big', '/none']) fs.utimesSync(path, 1_500_000_000, 1_500_000_000);
  return memory;
}

/** One that knows the asynchronous methods only, and what an object says of itself. */
class Slow extends FileSystem {
  asked: string[] = [];
  constructor(protected readonly tree: Map<string, Partial<InodeLike> & { names?: string[]; content?: string }>) {
    super(0x736c6f77, 'slow');
  }
  async stat(path: string): Promise<InodeLike> {
    this.asked.push(path);
    await Promise.resolve();
    const { names, content = '', ...own } = this.#at(path);
    const mode = names === undefined ? 0o100644 : 0o040755;
    const times = { atimeMs: 0, mtimeMs: 5, ctimeMs: 0, birthtimeMs: 0 };
    return { ino: 0, nlink: 1, uid: 0, gid: 0, rdev: 0, mode, size: content.length, ...times, ...own };
  }
  async readdir(path: string): Promise<string[]> {
    return this.#at(path).names ?? [];
  }
  async read(path: string, buffer: Uint8Array, start: number, end: number): Promise<void> {
    buffer.set(new TextEncoder().encode(this.#at(path).content!.slice(start, end)));
  }
  #at(path: string): Partial<InodeLike> & { names?: string[]; content?: string } {
    const found = this.tree.get(path);
    if (found === undefined) throw new DOMException(`no ${path}`, 'NotFoundError');
    return found;
  }
  #no = (): never => {
    throw new Error('it cannot do that');
  };
  statSync = this.#no;
  readdirSync = this.#no;
  readSync = this.#no;
  rename = this.#no;
  renameSync = this.#no;
  touch = this.#no;
  touchSync = this.#no;
  createFile: (path: string, options: CreationOptions) => Promise<InodeLike> = this.#no;
  createFileSync = this.#no;
  unlink = this.#no;
  unlinkSync = this.#no;
  rmdir = this.#no;
  rmdirSync = this.#no;
  mkdir = this.#no;
  mkdirSync = this.#no;
  link = this.#no;
  linkSync = this.#no;
  sync = async (): Promise<void> => undefined;
  syncSync = this.#no;
  write = this.#no;
  writeSync = this.#no;
}
const slow = (entries: Record<string, Partial<InodeLike> & { names?: string[]; content?: string }>): Slow =>
  new Slow(new Map(Object.entries(entries)));
const small = () => slow({ '/': { names: ['b', 'a'] }, '/a': { content: 'alpha' }, '/b': { names: ['c'] }, '/b/c': { content: 'gamma' } });

describe('one in memory', () => {
  test('is what it says of itself', async () => {
    const layer = await openZenfsLayer(await inMemory());
    expect(layer.warnings).toEqual([]);
    const dump = await dumpLayer(layer);
    expect([...dump.keys()].sort()).toEqual(['/big', '/dir', '/dir/a', '/dir/empty', '/hard', '/link', '/none']);
    expect(dump.get('/dir/a')).toMatchObject({ mode: 0o100640, mtime: 1_500_000_000_000, owner: '7:8' });
    expect(dump.get('/link')?.target).toBe('dir/a');
    expect(layer.table.nlink(entryAt(layer, '/hard'))).toBe(2);
    expect(Buffer.from(layer.peek(entryAt(layer, '/big'), 1, 9)!).toString()).toBe('ig big b');
    expect(layer.peek(entryAt(layer, '/none'), 0, 0)).toHaveLength(0);
    for await (const { error } of layer.verify!()) expect(error).toBeUndefined();
    await layer.close();
  });

  test('at, strip, include and exclude count as for archives', async () => {
    const layer = await openZenfsLayer(await inMemory(), { at: '/x', strip: 1, exclude: ['empty'] });
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/x', '/x/a']);
    expect(await textAt(layer, '/x/a')).toBe('alpha');
  });

  test('is a lower of the backend, below an upper, and stays as it is', async () => {
    const memory = await inMemory();
    await configure({ mounts: { '/': { backend: Overlay, lower: [{ fs: memory, at: '/base' }] } } });
    expect(fs.readFileSync('/base/link', 'utf8')).toBe('alpha');
    fs.appendFileSync('/base/dir/a', ' and more');
    fs.rmSync('/base/big');
    await fs.promises.rename('/base/dir', '/moved');
    expect(fs.readFileSync('/moved/a', 'utf8')).toBe('alpha and more');
    expect(fs.readFileSync('/base/hard', 'utf8')).toBe('alpha and more');
    await configure({ mounts: { '/': memory } });
    expect(fs.readFileSync('/dir/a', 'utf8')).toBe('alpha');
    expect(fs.statSync('/big').size).toBe(700_000);
  });

  test('one that was changed under the layer is ESTALE where that can be seen', async () => {
    const layer = await openZenfsLayer(await inMemory());
    fs.writeFileSync('/dir/a', 'al');
    const entry = entryAt(layer, '/dir/a');
    await expect(layer.read(entry, 0, 5)).rejects.toMatchObject({ code: 'ESTALE' });
    expect(() => layer.peek(entry, 0, 5)).toThrow(/ESTALE/);
    fs.unlinkSync('/big');
    await expect(layer.read(entryAt(layer, '/big'), 0, 5)).rejects.toMatchObject({ code: 'EIO', cause: expect.any(Error) as Error });
  });
});

describe('one that is asynchronous only', () => {
  test('is walked once, and read when it is asked for', async () => {
    const source = small();
    const layer = await openZenfsLayer(source);
    expect(source.asked.sort()).toEqual(['/', '/a', '/b', '/b/c']);
    source.asked = [];
    const entry = entryAt(layer, '/b/c');
    expect(layer.peek(entry, 0, 5)).toBeUndefined();
    expect(await layer.read(entry, 1, 3)).toEqual(new TextEncoder().encode('am'));
    expect(source.asked).toEqual(['/b/c']);
  });

  test('is a lower of the engine; a synchronous read of it is EAGAIN', async () => {
    const overlay = await Union.mount({ lower: [await openZenfsLayer(small())], upper: memoryUpper() });
    expect(overlay.fs.readdirSync('/')).toEqual(['a', 'b']);
    expect(() => overlay.fs.readFileSync('/a', 'utf8')).toThrow(/EAGAIN/);
    expect(await overlay.fs.promises.readFile('/b/c', 'utf8')).toBe('gamma');
    await overlay.close();
  });

  test('an upper goes with what it was made over, and `identity` may say that it is that', async () => {
    const upper = memoryUpper();
    const mount = async (mtimeMs: number, identity?: string): Promise<void> => {
      const source = slow({ '/': { names: ['a'] }, '/a': { content: 'a', mtimeMs } });
      const overlay = await Union.mount({ lower: [await openZenfsLayer(source, { identity })], upper });
      await overlay.fs.promises.writeFile('/n', '');
      await overlay.close();
    };
    await mount(1, 'v1');
    await mount(2, 'v1');
    await expect(mount(2, 'v2')).rejects.toMatchObject({ code: 'ESTALE' });
    await expect(mount(2)).rejects.toMatchObject({ code: 'ESTALE' });
    const digests = await Promise.all(
      [1, 2, 1].map(async (mtimeMs) => (await openZenfsLayer(slow({ '/': { names: [], mtimeMs } }))).digest),
    );
    expect(digests[0]).toBe(digests[2]);
    expect(digests[0]).not.toBe(digests[1]);
  });
});

describe('one that is bad', () => {
  test('names that are none are left out, and never asked for', async () => {
    const source = slow({ '/': { names: ['..', '.', '', 'a/b', 'a', 'a', '__proto__', 'x\0y'] }, '/a': {}, '/__proto__': {}, '/x\0y': {} });
    const layer = await openZenfsLayer(source);
    expect([...(await dumpLayer(layer)).keys()].sort()).toEqual(['/__proto__', '/a']);
    expect(layer.warnings).toHaveLength(5);
    expect(source.asked).not.toContain('/a/b');
  });

  test('a directory that holds itself comes to an end', async () => {
    class Deep extends Slow {
      override stat = (path: string): Promise<InodeLike> => (this.tree.set(path, { names: ['d', 'e'] }), super.stat(path));
      override readdir = async (): Promise<string[]> => ['d', 'e'];
    }
    await expect(openZenfsLayer(new Deep(new Map()), { limits: { entries: 500 } })).rejects.toMatchObject({ code: 'EFBIG' });
  });

  test.each([
    ['a size below nothing', { size: -1 }, /'\/a': its size is -1/],
    ['a size that is no number', { size: Number.NaN }, /'\/a': its size is NaN/],
    ['a time that is none', { mtimeMs: Number.NaN }, /'\/a': its mtimeMs is NaN/],
  ])('%s is EIO', async (_, inode, detail) => {
    const opening = openZenfsLayer(slow({ '/': { names: ['a'] }, '/a': inode }));
    await expect(opening).rejects.toMatchObject({ code: 'EIO', detail: expect.stringMatching(detail) as string });
  });

  test('what cannot be listed is EIO with the cause', async () => {
    await expect(openZenfsLayer(slow({ '/': { names: ['gone'] } }))).rejects.toMatchObject({
      code: 'EIO',
      detail: "slow: '/gone': cannot be listed: no /gone",
      cause: expect.any(DOMException) as DOMException,
    });
  });

  test('files that all have one number are files of their own', async () => {
    const layer = await openZenfsLayer(small());
    expect(layer.table.hasHardLinks).toBe(false);
    expect(await textAt(layer, '/a')).toBe('alpha');
    expect(await textAt(layer, '/b/c')).toBe('gamma');
  });

  test('a file beyond the limit is listed, and reading it fails', async () => {
    const layer = await openZenfsLayer(slow({ '/': { names: ['a'] }, '/a': { size: 2 ** 40 } }), { limits: { entrySize: 10 } });
    await expect(layer.read(entryAt(layer, '/a'), 0, 1)).rejects.toMatchObject({ code: 'EFBIG' });
  });

  test('a signal ends the walk', async () => {
    await expect(openZenfsLayer(small(), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
