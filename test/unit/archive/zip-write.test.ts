/* Zips that are written piece by piece: read by this package's own reader and by the system's tools, in bounded memory, and given up halfway. */

import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ZIP_DEFLATED, ZIP_STORED, type ZipWriteEntry, ZipWriter } from '../../../src/archive/zip-write.ts';
import { concatBytes, encodeUtf8 } from '../../../src/base/bytes.ts';
import { loadCodec } from '../../../src/codec/codec.ts';
import { Overlay, openLayer } from '../../../src/engine.ts';
import { hasTool } from '../../support/tools.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Content = readonly Bytes[];

const KIB = 1 << 10;
const MIB = 1 << 20;
const DOS_START = Date.UTC(1980, 0) / 1000;
const plain = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000 } as const;
const text = (content: string): Content => [encodeUtf8(content)];
/** Content that does not shrink, in pieces: the numbers of xorshift. */
function random(pieces: number, size: number): Bytes[] {
  const numbers = new Uint32Array(Math.ceil((pieces * size) / 4));
  let state = 2_463_534_242;
  for (let i = 0; i < numbers.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    numbers[i] = state;
  }
  return Array.from({ length: pieces }, (_, i) => new Uint8Array(numbers.buffer, i * size, size));
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'zip-write-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** What somebody who streams has: that it ended, or was let go of, is seen. */
class Stream implements AsyncIterable<Bytes> {
  /** Bytes that were asked for. */
  read = 0;
  isOpen = false;

  constructor(
    private readonly pieces: Iterable<Bytes>,
    private readonly failure?: Error,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Bytes, void, undefined> {
    this.isOpen = true;
    try {
      for (const piece of this.pieces) {
        await Promise.resolve();
        this.read += piece.length;
        yield piece;
      }
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.isOpen = false;
    }
  }
}

async function gather(pieces: AsyncIterable<Bytes>): Promise<Bytes[]> {
  const gathered: Bytes[] = [];
  for await (const piece of pieces) gathered.push(piece);
  return gathered;
}

async function zipOf(entries: Iterable<readonly [ZipWriteEntry, Content]>): Promise<Bytes> {
  const zip = new ZipWriter();
  const pieces: Bytes[] = [];
  for (const [entry, content] of entries) pieces.push(...(await gather(zip.add(entry, new Stream(content)))));
  return concatBytes([...pieces, ...zip.end()]);
}

/** The archive as a file system. */
async function mount(zip: Bytes): Promise<Overlay['fs']['promises']> {
  const layer = await openLayer(zip, { maxBytes: 1e9 });
  expect(layer.warnings).toEqual([]);
  return (await Overlay.mount({ lower: [layer] })).fs.promises;
}

/** What the first local header says, and what stands behind its content of `stored` bytes. */
function firstOf(zip: Bytes, stored = 0): { flags: number; method: number; sizes: number[]; behind: number[] } {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  const numbers = (at: number, count: number): number[] => Array.from({ length: count }, (_, i) => view.getUint32(at + 4 * i, true));
  const behind = 30 + view.getUint16(26, true) + view.getUint16(28, true) + stored;
  return { flags: view.getUint16(6, true), method: view.getUint16(8, true), sizes: numbers(14, 3), behind: numbers(behind, 4) };
}

/** CRC-32, stored size and size of the first header of the central directory. */
function firstInDirectory(zip: Bytes): number[] {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  const at = view.getUint32(zip.length - 6, true);
  expect(view.getUint32(at, true)).toBe(0x02014b50);
  return [16, 20, 24].map((field) => view.getUint32(at + field, true));
}

function fileWith(zip: Bytes): string {
  const path = join(folder, 'archive.zip');
  writeFileSync(path, zip);
  return path;
}

const tool = (name: string, ...args: string[]): string =>
  execFileSync(name, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' }, maxBuffer: 64 * MIB });

const large = random(200, 15_000);
const tree: (readonly [ZipWriteEntry, Content])[] = [
  [{ ...plain, name: 'src/', type: 'directory', mode: 0o1755, uid: 7, mtime: 1_600_000_001 }, []],
  [{ ...plain, name: 'src/späť 日本 😀.ts', mode: 0o640, uid: 1000, gid: 4_000_000_000 }, text('export {};\n'.repeat(3000))],
  [{ ...plain, name: 'src/empty', mtime: -86_400 }, []],
  [{ ...plain, name: 'hollow' }, [new Uint8Array(), new Uint8Array()]],
  [{ ...plain, name: 'tool', mode: 0o4711, mtime: 2 ** 31 - 1 }, [new Uint8Array(), ...text('#!/bin/sh'), new Uint8Array(), ...text('\n')]],
  [{ ...plain, name: 'link', type: 'symlink', mode: 0o777 }, [...text('src/späť'), ...text(' 日本 😀.ts')]],
  [{ ...plain, name: '__proto__' }, text('a name like others')],
  [{ ...plain, name: 'large.bin' }, large],
];
const pathOf = (name: string): string => `/${name.replace(/\/$/, '')}`;
const modes = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

describe.each(['compressed by the platform', 'where the platform cannot compress'])('%s', (platform) => {
  const cannot = platform.startsWith('where');
  beforeEach(() => {
    if (cannot) vi.stubGlobal('CompressionStream', undefined);
  });

  test('what is written is read: names, types, modes, owners, times and content', async () => {
    const fs = await mount(await zipOf(tree));
    for (const [{ name, type, mode, uid, gid, mtime }, content] of tree) {
      const path = pathOf(name);
      const stats = await fs.lstat(path);
      expect([path, stats.mode, stats.uid, stats.gid, stats.mtimeMs]).toEqual([path, modes[type] | mode, uid, gid, mtime * 1000]);
      if (type === 'symlink') expect(await fs.readlink(path)).toBe(Buffer.concat(content).toString());
      if (type === 'file') expect(Buffer.compare(await fs.readFile(path), Buffer.concat(content))).toBe(0);
    }
    expect((await fs.readdir('/')).length + (await fs.readdir('/src')).length).toBe(tree.length);
  });

  test.skipIf(!hasTool('unzip'))("the system's unzip finds no fault, and unpacks it", async () => {
    const path = fileWith(await zipOf(tree));
    expect(tool('unzip', '-t', path)).toContain('No errors detected in compressed data');
    const out = mkdtempSync(join(folder, 'out-'));
    tool('unzip', '-qqK', path, '-d', out);
    for (const [{ name, type, mode, mtime }, content] of tree) {
      const unpacked = join(out, name);
      const stats = lstatSync(join(out, pathOf(name)));
      // unzip keeps neither modes nor times of symbolic links, and takes DOS's first time for one before 1970.
      if (type === 'symlink') expect(readlinkSync(unpacked)).toBe(Buffer.concat(content).toString());
      else expect([name, stats.mode, stats.mtimeMs]).toEqual([name, modes[type] | mode, (mtime < 0 ? DOS_START : mtime) * 1000]);
      if (type === 'file') expect(Buffer.compare(readFileSync(unpacked), Buffer.concat(content))).toBe(0);
    }
  });

  test.skipIf(!hasTool('zipinfo'))('zipinfo lists type and mode, the method, and descriptors where sizes were not known', async () => {
    const lines = tool('zipinfo', fileWith(await zipOf(tree))).split('\n');
    const listed = (name: string): string => lines.find((line) => line.endsWith(` ${name}`)) ?? `no '${name}'`;
    // Behind the letter for binary or text: x is extra fields, X is extra fields and a descriptor.
    expect(listed('src/späť 日本 😀.ts')).toMatch(cannot ? /^-rw-r----- .* bx stor / : /^-rw-r----- .* bX defN /);
    expect(listed('tool')).toMatch(cannot ? /^-rws--x--x .* bx stor / : /^-rws--x--x .* bX defN /);
    expect(listed('src/empty')).toMatch(/^-rw-r--r-- .* bx stor /);
    expect(listed('hollow')).toMatch(/^-rw-r--r-- .* bx stor /);
    expect(listed('src/')).toMatch(/^drwxr-xr-t .* bx stor /);
    expect(listed('link')).toMatch(/^lrwxrwxrwx .* bx stor /);
  });
});

describe('the local header', () => {
  const content = 'all the same '.repeat(1000);

  test('of a compressed file says that a descriptor follows, which says what the directory says', async () => {
    const zip = await zipOf([[{ ...plain, name: 'ä' }, text(content)]]);
    const [crc, stored, size] = firstInDirectory(zip) as [number, number, number];
    expect([crc, size]).toEqual([loadCodec().crc32(encodeUtf8(content)), content.length]);
    expect(stored).toBeLessThan(200);
    expect(firstOf(zip, stored)).toEqual({
      flags: 0x0808,
      method: ZIP_DEFLATED,
      sizes: [0, 0, 0],
      behind: [0x08074b50, crc, stored, size],
    });
  });

  test.each([
    ['an empty file', { ...plain, name: 'a' }, ''],
    ['a directory', { ...plain, type: 'directory', name: 'a/' }, ''],
    ['a symbolic link', { ...plain, type: 'symlink', name: 'a' }, 'b'.repeat(300)],
  ] as const)('of %s has its sizes, and nothing follows', async (_, entry, target) => {
    const zip = await zipOf([[entry, target === '' ? [] : text(target)]]);
    const sizes = [loadCodec().crc32(encodeUtf8(target)), target.length, target.length];
    const { behind, ...header } = firstOf(zip, target.length);
    expect(header).toEqual({ flags: 0x0800, method: ZIP_STORED, sizes });
    expect([behind[0], firstInDirectory(zip)]).toEqual([0x02014b50, sizes]);
  });

  test('of a file that the platform cannot compress has its sizes, and nothing follows', async () => {
    vi.stubGlobal('CompressionStream', undefined);
    const zip = await zipOf([[{ ...plain, name: 'a' }, text(content)]]);
    const sizes = [loadCodec().crc32(encodeUtf8(content)), content.length, content.length];
    const { behind, ...header } = firstOf(zip, content.length);
    expect(header).toEqual({ flags: 0x0800, method: ZIP_STORED, sizes });
    expect([behind[0], firstInDirectory(zip)]).toEqual([0x02014b50, sizes]);
  });
});

test('the content of a directory is not read', async () => {
  const content = new Stream(text('x'));
  await gather(new ZipWriter().add({ ...plain, name: 'd/', type: 'directory' }, content));
  expect(content.read).toBe(0);
});

test('an archive of nothing is read', async () => {
  expect(await (await mount(await zipOf([]))).readdir('/')).toEqual([]);
});

describe('entries are counted', () => {
  const isZip64 = (zip: Bytes): boolean => new DataView(zip.buffer).getUint32(zip.length - 42, true) === 0x07064b50;

  test('by ZIP64 from 65,535 on', () => {
    const zip = new ZipWriter();
    for (let i = 0; i < 65_534; i++) zip.addWhole({ ...plain, name: `f${i}` }, { method: ZIP_STORED, crc: 0, size: 0, pieces: [] });
    expect(isZip64(concatBytes(zip.end()))).toBe(false);
    zip.addWhole({ ...plain, name: 'last' }, { method: ZIP_STORED, crc: 0, size: 0, pieces: [] });
    expect(isZip64(concatBytes(zip.end()))).toBe(true);
  });

  test('and found, when there are more than 16 bits can count', async () => {
    const count = 65_600;
    const zip = await zipOf(Array.from({ length: count }, (_, i) => [{ ...plain, name: `f${i}` }, []] as const));
    expect(isZip64(zip)).toBe(true);
    expect((await openLayer(zip, { maxBytes: 1e9 })).table.length).toBe(count + 1);
    if (hasTool('zipinfo')) expect(tool('zipinfo', '-t', fileWith(zip))).toContain(`${count} files, 0 bytes uncompressed`);
  });
});

describe('memory', () => {
  /** Beyond what the platform keeps for itself: zlib 256 KiB, and streams a few pieces. */
  const BOUND = 512 * KIB;

  test('content is not read faster than its pieces are taken', async () => {
    const content = new Stream(random(600, 16 * KIB));
    let [taken, ahead, pieces] = [0, 0, 0];
    for await (const piece of new ZipWriter().add({ ...plain, name: 'a' }, content)) {
      taken += piece.length;
      ahead = Math.max(ahead, content.read - taken);
      if (pieces++ % 100 !== 3) continue;
      const { read } = content;
      await pause(20);
      // Nobody waits for a piece.
      expect(content.read).toBe(read);
    }
    expect(ahead).toBeLessThan(BOUND);
    expect([content.read, taken > content.read]).toEqual([600 * 16 * KIB, true]);
  });

  test('no more output is made than the platform has room for', async () => {
    let made = 0;
    stubPlatform((piece, controller) => {
      // As a platform that makes much of little.
      for (let i = 0; i < 4; i++) controller.enqueue(piece.slice());
      made += 4 * piece.length;
    });
    let [taken, ahead] = [0, 0];
    for await (const piece of new ZipWriter().add({ ...plain, name: 'a' }, new Stream(random(50, KIB)))) {
      taken += piece.length;
      await pause(0);
      ahead = Math.max(ahead, made - taken);
    }
    expect(made).toBe(200 * KIB);
    expect(ahead).toBeLessThan(8 * KIB);
  });
});

type Controller = TransformStreamDefaultController<Bytes>;

/** A platform as browsers have it, a TransformStream without room for output. */
function stubPlatform(transform: (piece: Bytes, controller: Controller) => void, flush = (_: Controller): void => undefined): void {
  vi.stubGlobal('CompressionStream', function () {
    return new TransformStream<Bytes, Bytes>({ transform, flush });
  });
}

/** Counts the platform's compressors, and those that somebody lets go of. */
function watchPlatform(): { made: number; cancelled: number } {
  const seen = { made: 0, cancelled: 0 };
  const Platform = CompressionStream;
  vi.stubGlobal('CompressionStream', function (format: CompressionFormat) {
    seen.made++;
    const { readable, writable } = new Platform(format);
    const getReader = (): object => {
      const reader = readable.getReader();
      const cancel = (): Promise<void> => {
        seen.cancelled++;
        return reader.cancel();
      };
      return { read: () => reader.read(), cancel };
    };
    return { writable, readable: { getReader } };
  });
  return seen;
}

describe('an entry that is not finished', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    await pause(20);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  /** Takes `count` pieces of an entry, then leaves. */
  async function take(pieces: AsyncIterable<Bytes>, count: number): Promise<Bytes[]> {
    const taken: Bytes[] = [];
    for await (const piece of pieces) {
      taken.push(piece);
      if (taken.length === count) break;
    }
    return taken;
  }

  /** Adds one more entry and ends: only that is in the archive. */
  async function assertGoesOn(zip: ZipWriter, before: Bytes[]): Promise<void> {
    const whole = concatBytes([
      ...before,
      ...(await gather(zip.add({ ...plain, name: 'next' }, new Stream(text('all of it'))))),
      ...zip.end(),
    ]);
    const fs = await mount(whole);
    expect(await fs.readdir('/')).toEqual(['next']);
    expect(await fs.readFile('/next', 'utf8')).toBe('all of it');
  }

  test.each([1, 2, 5, 100])('since its consumer stops after piece %i: content and compressor are let go of', async (count) => {
    const platform = watchPlatform();
    const content = new Stream(large);
    const zip = new ZipWriter();
    const taken = await take(zip.add({ ...plain, name: 'a' }, content), count);
    expect([taken.length, content.isOpen]).toEqual([count, false]);
    // The local header comes before there is anything to compress with.
    expect(platform).toEqual(count === 1 ? { made: 0, cancelled: 0 } : { made: 1, cancelled: 1 });
    expect(content.read).toBeLessThan(large.length * 15_000);
    await assertGoesOn(zip, taken);
  });

  test('since its consumer stops before the first piece: content was not touched', async () => {
    const content = new Stream(large);
    const zip = new ZipWriter();
    await zip.add({ ...plain, name: 'a' }, content).return();
    expect(content.read).toBe(0);
    await assertGoesOn(zip, []);
  });

  test('since its consumer stops while output waits in a browser', async () => {
    stubPlatform((piece, controller) => {
      for (let i = 0; i < 4; i++) controller.enqueue(piece);
    });
    const content = new Stream(large);
    const taken = await take(new ZipWriter().add({ ...plain, name: 'a' }, content), 3);
    expect([taken.length, content.isOpen]).toEqual([3, false]);
  });

  test.each([
    ['at once', 0, 'file'],
    ['behind its first piece', 1, 'file'],
    ['in the middle', 100, 'file'],
    ['of a link', 1, 'symlink'],
  ] as const)('since its content fails %s: the error is told, the compressor is let go of', async (_, count, type) => {
    const platform = watchPlatform();
    const failure = new Error('no more of it');
    const zip = new ZipWriter();
    const taken: Bytes[] = [];
    const adding = async (): Promise<void> => {
      for await (const piece of zip.add({ ...plain, name: 'a', type }, new Stream(large.slice(0, count), failure))) taken.push(piece);
    };
    await expect(adding()).rejects.toBe(failure);
    const used = type === 'file' && count > 0 ? 1 : 0;
    expect(platform).toEqual({ made: used, cancelled: used });
    await assertGoesOn(zip, taken);
  });

  test('since the platform fails: the error is told, and content is let go of', async () => {
    const failure = new TypeError('out of memory');
    let pieces = 0;
    stubPlatform(() => {
      if (++pieces === 3) throw failure;
    });
    const content = new Stream(large);
    await expect(gather(new ZipWriter().add({ ...plain, name: 'a' }, content))).rejects.toBe(failure);
    expect([content.isOpen, content.read]).toEqual([false, 3 * 15_000]);
  });

  test('since its consumer stops, or the platform fails, when all content was read', async () => {
    const failure = new TypeError('out of memory');
    let isFailing = false;
    stubPlatform(
      () => undefined,
      (controller) => {
        if (isFailing) throw failure;
        for (let i = 0; i < 4; i++) controller.enqueue(new Uint8Array(10));
      },
    );
    const zip = new ZipWriter();
    expect(await take(zip.add({ ...plain, name: 'a' }, new Stream(large)), 3)).toHaveLength(3);
    isFailing = true;
    await expect(gather(zip.add({ ...plain, name: 'a' }, new Stream(large)))).rejects.toBe(failure);
    expect(zip.end()[0]).toHaveLength(0);
  });

  test.skipIf(!hasTool('unzip'))('is passed over by unzip', async () => {
    const zip = new ZipWriter();
    const taken = await take(zip.add({ ...plain, name: 'a' }, new Stream(large)), 4);
    const next = await gather(zip.add({ ...plain, name: 'next' }, new Stream(text('all of it'))));
    expect(tool('unzip', '-p', fileWith(concatBytes([...taken, ...next, ...zip.end()])))).toBe('all of it');
  });
});

describe('4 GiB', () => {
  /** Never read or written, only counted. */
  const block = new Uint8Array(64 * MIB);
  const LIMIT = 2 ** 32 - 1;
  const detail = expect.stringContaining('tar has no such limit') as string;

  /** One file after the other, of so many bytes; gives how many bytes the archive has so far. */
  async function add(zip: ZipWriter, name: string, size: number): Promise<number> {
    const pieces = function* (): Generator<Bytes> {
      for (let rest = size; rest > 0; rest -= block.length) yield rest < block.length ? block.subarray(0, rest) : block;
    };
    let taken = 0;
    for await (const piece of zip.add({ ...plain, name }, new Stream(pieces()))) taken += piece.length;
    return taken;
  }

  beforeEach(() => {
    vi.spyOn(loadCodec(), 'crc32').mockReturnValue(0);
  });

  test('a file of it is refused, however small it becomes', async () => {
    stubPlatform(() => undefined);
    const zip = new ZipWriter();
    await expect(add(zip, 'large', LIMIT)).rejects.toMatchObject({ code: 'EFBIG', path: 'large', detail });
    await add(zip, 'largest', LIMIT - 1);
    expect(new DataView(zip.end()[0]!.buffer).getUint32(24, true)).toBe(LIMIT - 1);
  });

  test('an archive of it is refused, at the entry with which it would be that', async () => {
    stubPlatform((piece, controller) => controller.enqueue(piece));
    const zip = new ZipWriter();
    await add(zip, 'first', 2 ** 31);
    await expect(add(zip, 'second', 2 ** 31)).rejects.toMatchObject({ code: 'EFBIG', path: 'second', detail });
  });

  test('an archive is refused that is too large with its directory, and not one byte earlier', async () => {
    stubPlatform((piece, controller) => controller.enqueue(piece));
    // Headers, extra fields, descriptor; the same in the directory; the end record.
    const around = 30 + 1 + 24 + 16 + (46 + 1 + 24) + 22;
    const largest = new ZipWriter();
    expect(await add(largest, 'a', LIMIT - 1 - around)).toBe(LIMIT - 1 - (46 + 1 + 24) - 22);
    expect(largest.end().map(({ length }) => length)).toEqual([46 + 1 + 24, 22]);
    const larger = new ZipWriter();
    await add(larger, 'a', LIMIT - around);
    expect(() => larger.end()).toThrow(expect.objectContaining({ code: 'EFBIG', detail }));
  });
});
