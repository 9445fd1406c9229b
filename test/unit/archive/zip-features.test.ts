/* What well-formed zip archives hold, and what comes of it. */

import { describe, expect, test } from 'vitest';
import { concatBytes, encodeUtf8 } from '../../../src/base/bytes.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { type Source, bytesSource } from '../../../src/lower/source.ts';
import {
  extraField,
  ownerField,
  timestampField,
  unicodePathField,
  zipArchive,
  type ZipArchive,
  type ZipFile,
} from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';

const open = (files: readonly ZipFile[], archive?: ZipArchive) => openLayer(zipArchive(files, archive), { name: 'test.zip' });
/** A source of so many bytes that are no archive, and then these. */
const behind = (gap: number, bytes: Uint8Array): Source => ({
  ...bytesSource(bytes, 'far.zip'),
  size: async () => gap + bytes.length,
  peek: () => undefined,
  read: async (start, end) => {
    const part = new Uint8Array(end - start).fill(0x4d);
    const first = Math.max(start, gap);
    if (first < end) part.set(bytes.subarray(first - gap, end - gap), first - start);
    return part;
  },
});
const text = 'a text that is worth compressing: '.repeat(100);

describe('content', () => {
  test.each([
    ['stored', {}],
    ['deflated', { deflate: true }],
    ['deflated, with a data descriptor', { deflate: true, descriptor: true }],
    ['stored, with a data descriptor', { descriptor: true }],
    ['with its sizes in a ZIP64 field', { deflate: true, zip64: true }],
    [
      'with more extra fields in the local header than a guess covers',
      { deflate: true, localExtra: extraField(0xcafe, new Uint8Array(5000)) },
    ],
  ])('%s is read back', async (_, how: Partial<ZipFile>) => {
    const layer = await open([
      { name: 'before', content: 'x' },
      { name: 'dir/file.txt', content: text, ...how },
      { name: 'behind', content: 'y' },
    ]);
    expect(await textAt(layer, '/dir/file.txt')).toBe(text);
    expect(layer.warnings).toEqual([]);
  });

  test('a small file with a name longer than a guess covers is read, asynchronously, at once and by verify()', async () => {
    const name = Array.from({ length: 16 }, (_, i) => String(i % 10).repeat(250)).join('/');
    const layer = await open([
      { name, content: 'tiny' },
      { name: 'behind', content: text },
    ]);
    expect(await textAt(layer, `/${name}`)).toBe('tiny');
    const verified: unknown[] = [];
    for await (const { error } of layer.verify!()) verified.push(error);
    expect(verified).toEqual([undefined, undefined]);
  });

  test('a name in the Unicode field behind many others is found in the local header too', async () => {
    const raw = Uint8Array.of(0x80, 0x81);
    const extra = concatBytes([extraField(0xcafe, new Uint8Array(1000)), unicodePathField('ж', raw)]);
    const layer = await open([
      { name: raw, content: 'tiny', host: 0, extra },
      { name: 'behind', content: text },
    ]);
    expect(await textAt(layer, '/ж')).toBe('tiny');
  });

  test('a part of a file is that part', async () => {
    const layer = await open([{ name: 'f', content: text, deflate: true }]);
    const entry = entryAt(layer, '/f');
    expect(Buffer.from(await layer.read(entry, 10, 20)).toString()).toBe(text.slice(10, 20));
    expect(Buffer.from(layer.peek(entry, 30, 41)!).toString()).toBe(text.slice(30, 41));
  });

  test('content behind four gigabytes is found: by a ZIP64 offset, and by offsets that do not count what is in front', async () => {
    const gap = 5e9;
    const offset = new DataView(new ArrayBuffer(8));
    offset.setBigUint64(0, BigInt(gap), true);
    const extra = extraField(1, new Uint8Array(offset.buffer));
    const file: ZipFile = { name: 'far', content: text, deflate: true };
    const plain = zipArchive([file]);
    const local = new DataView(plain.buffer).getUint32(plain.length - 6, true);
    const zip64 = zipArchive([{ ...file, extra, localExtra: new Uint8Array(), lie: { offset: 0xffffffff } }], {
      zip64: true,
      lie: { directoryOffset: gap + local },
    });
    for (const archive of [zip64, plain]) {
      const layer = await openLayer(behind(gap, archive));
      expect(await textAt(layer, '/far')).toBe(text);
      expect(layer.table.extent(entryAt(layer, '/far')).offset).toBe(gap);
    }
  });

  test('an empty file is empty, stored or deflated', async () => {
    const layer = await open([{ name: 'stored' }, { name: 'deflated', deflate: true }]);
    expect(await textAt(layer, '/stored')).toBe('');
    expect(await textAt(layer, '/deflated')).toBe('');
  });
});

describe('attributes', () => {
  test('content that came from a pipe is a file, a pipe without content is a pipe', async () => {
    const tree = await dumpLayer(
      await open([
        { name: '-', content: 'piped', mode: 0o010600, descriptor: true },
        { name: 'pipe', mode: 0o010600 },
      ]),
    );
    expect([tree.get('/-')?.mode, tree.get('/pipe')?.mode]).toEqual([0o100600, 0o010600]);
  });

  test('unix modes are kept, type and permissions', async () => {
    const layer = await open([
      { name: 'tool', content: '#!', mode: 0o100755 },
      { name: 'set', mode: 0o104711 },
      { name: 'd/', mode: 0o040700 },
      { name: 'link', content: 'd/target', mode: 0o120777 },
      { name: 'pipe', mode: 0o010600 },
    ]);
    const modes = [...(await dumpLayer(layer))].map(([path, { mode }]) => `${path} ${mode.toString(8)}`);
    expect(modes).toEqual(['/d 40700', '/link 120777', '/pipe 10600', '/set 104711', '/tool 100755']);
    expect((await dumpLayer(layer)).get('/link')?.target).toBe('d/target');
  });

  test('entries made elsewhere get the usual modes, and read-only files stay read-only', async () => {
    const layer = await open([
      { name: 'f', host: 0 },
      { name: 'ro', host: 0, attributes: 1 },
      { name: 'd/', host: 0 },
      { name: 'dosdir', host: 0, attributes: 0x10 },
    ]);
    const modes = [...(await dumpLayer(layer))].map(([path, { mode }]) => `${path} ${mode.toString(8)}`);
    expect(modes).toEqual(['/d 40755', '/dosdir 40755', '/f 100644', '/ro 100444']);
  });

  test('the time is that of the timestamp field, of the NTFS field, or of DOS taken as UTC', async () => {
    const ntfs = new Uint8Array(32);
    const view = new DataView(ntfs.buffer);
    view.setUint16(4, 1, true);
    view.setUint16(6, 24, true);
    view.setBigUint64(8, (1_600_000_000_500n + 11_644_473_600_000n) * 10_000n, true);
    const dosTime = [((2001 - 1980) << 9) | (2 << 5) | 3, (4 << 11) | (5 << 5) | 3] as const;
    const layer = await open([
      { name: 'dos', dosTime },
      { name: 'ntfs', dosTime, extra: extraField(10, ntfs) },
      { name: 'unix', dosTime, extra: timestampField(1_234_567_890) },
      { name: 'old', dosTime, extra: timestampField(-86_400) },
    ]);
    const { table } = layer;
    expect(table.mtime(entryAt(layer, '/dos'))).toBe(Date.UTC(2001, 1, 3, 4, 5, 6));
    expect(table.mtime(entryAt(layer, '/ntfs'))).toBe(1_600_000_000_500);
    expect(table.mtime(entryAt(layer, '/unix'))).toBe(1_234_567_890_000);
    expect(table.mtime(entryAt(layer, '/old'))).toBe(-86_400_000);
  });

  test('owners come from the Unix field, else from root', async () => {
    const layer = await open([{ name: 'mine', extra: ownerField(1000, 70_000) }, { name: 'whose' }]);
    expect((await dumpLayer(layer)).get('/mine')?.owner).toBe('1000:70000');
    expect((await dumpLayer(layer)).get('/whose')?.owner).toBe('0:0');
  });
});

describe('names', () => {
  const raw = Uint8Array.of(0x81, 0x2e, 0x74); // 'ü.t' in code page 437

  test.each([
    ['flagged UTF-8', { name: 'ü/日本.txt' }, '/ü/日本.txt'],
    ['UTF-8 without the flag, made on Unix', { name: encodeUtf8('ü.t') }, '/ü.t'],
    ['code page 437, made on DOS', { name: raw, host: 0 }, '/ü.t'],
    ['code page 437, made on Unix, since it is no UTF-8', { name: raw }, '/ü.t'],
    ['what the Unicode path field says', { name: raw, host: 0, extra: unicodePathField('日本.t', raw) }, '/日本.t'],
    [
      'not what a Unicode path field of another name says',
      { name: raw, host: 0, extra: unicodePathField('日本.t', encodeUtf8('other')) },
      '/ü.t',
    ],
    ["DOS's backslashes as slashes", { name: 'a\\b.txt', host: 0 }, '/a/b.txt'],
    ["Unix's backslashes as characters of a name", { name: 'a\\b.txt' }, '/a\\b.txt'],
  ])('%s', async (_, file: ZipFile, path) => {
    expect(await textAt(await open([{ ...file, content: 'here' }]), path)).toBe('here');
  });

  test('all 256 characters of code page 437 are told apart', async () => {
    // In two names: all of them in UTF-8 are more than the 255 bytes that one may have.
    const half = (from: number): ZipFile => ({ name: Uint8Array.from({ length: 64 }, (_, i) => i + from), host: 0 });
    const names = (await Promise.all([half(128), half(192)].map((file) => open([file])))).map(({ table }) => table.name(1));
    const characters = names.join('').split('');
    expect(new Set(characters).size).toBe(128);
    // The code page as every decoder has it, at places that are easy to mistake.
    expect(characters.filter((_, i) => [0, 27, 97, 99, 127].includes(i)).join('')).toBe('Ç¢ßπ\u00a0');
  });

  test('directories without an entry of their own exist, and say that they are implied', async () => {
    const { table } = await open([
      { name: 'a/b/c', content: 'x' },
      { name: 'a/', mode: 0o040700 },
    ]);
    const a = table.lookup(0, 'a');
    expect([table.isImplied(a), table.isImplied(table.lookup(a, 'b'))]).toEqual([false, true]);
  });

  test('`at` and `strip` mount a part of an archive elsewhere, and its content is still found', async () => {
    const bytes = zipArchive([
      { name: 'package/lib/a.js', content: 'a', deflate: true },
      { name: 'package/', mode: 0o040755 },
      { name: 'top', content: 't' },
    ]);
    const layer = await openLayer(bytes, { at: '/node_modules/x', strip: 1 });
    expect([...(await dumpLayer(layer)).keys()]).toEqual([
      '/node_modules',
      '/node_modules/x',
      '/node_modules/x/lib',
      '/node_modules/x/lib/a.js',
    ]);
    expect(await textAt(layer, '/node_modules/x/lib/a.js')).toBe('a');
    expect(layer.digest).toMatch(/^sha256-[0-9a-f]{64};at=\/node_modules\/x;strip=1$/);
  });
});

describe('the archive as a whole', () => {
  const files: readonly ZipFile[] = [
    { name: 'a', content: 'alpha' },
    { name: 'b/c', content: text, deflate: true },
  ];

  test.each<[string, ZipArchive]>([
    ['with a comment', { comment: 'hello' }],
    ['with the longest comment there can be', { comment: new Uint8Array(65_535).fill(0x50) }],
    ['with a comment that looks like an end record', { comment: Uint8Array.of(0x50, 0x4b, 5, 6, ...new Uint8Array(40)) }],
    ['with a program in front of it', { prefix: encodeUtf8('#!/bin/sh\nexec unzip "$0"\n') }],
    ['with a program in front of it that its offsets count', { prefix: encodeUtf8('#!/bin/sh\n'), adjusted: true }],
    ['with ZIP64 end records', { zip64: true }],
    ['with ZIP64 end records, a comment and something in front', { zip64: true, comment: 'hi', prefix: encodeUtf8('MZ') }],
  ])('%s', async (_, archive) => {
    const layer = await open(files, archive);
    expect(await textAt(layer, '/a')).toBe('alpha');
    expect(await textAt(layer, '/b/c')).toBe(text);
    expect(layer.warnings).toEqual([]);
  });

  test('bytes behind its end are left out and reported', async () => {
    const layer = await open(files, { suffix: encodeUtf8('\n\n') });
    expect(await textAt(layer, '/a')).toBe('alpha');
    expect(layer.warnings).toEqual([{ entry: '', message: '2 bytes behind the end of the archive are left out' }]);
  });

  test('an archive of nothing is an empty layer', async () => {
    expect((await open([])).table.length).toBe(1);
  });

  test('more than 65,535 entries are read, with ZIP64 and, as Info-ZIP writes them, counted modulo 65,536', async () => {
    const many = Array.from({ length: 65_540 }, (_, i) => ({ name: `f${i}` }));
    expect((await open(many, { zip64: true })).table.length).toBe(65_541);
    expect((await open(many)).table.length).toBe(65_541);
  });

  test('two archives differ in their digests, and the same one twice does not', async () => {
    const [a, b, c] = [await open(files), await open(files), await open([...files, { name: 'd' }])];
    expect(a.digest).toBe(b.digest);
    expect(a.digest).not.toBe(c.digest);
  });
});
