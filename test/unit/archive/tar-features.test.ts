/* What well-formed tar archives hold, and what comes of it. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { gzipMember, paxHeader, tarArchive, type TarFile } from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';

const open = (files: readonly TarFile[], options?: { end?: number }) => openLayer(tarArchive(files, options), { name: 'test.tar' });
const longName = `${'long/'.repeat(28)}name.txt`;

describe('content and attributes', () => {
  test('files, directories, links and devices are what they were', async () => {
    const layer = await open([
      { name: 'd/', type: '5', mode: 0o750, uid: 1000, gid: 100, mtime: 1_234_567_890 },
      { name: 'd/file', content: 'hello', mode: 0o4755 },
      { name: 'd/hard', type: '1', link: 'd/file' },
      { name: 'd/soft', type: '2', link: '../d/file', mode: 0o777 },
      { name: 'fifo', type: '6' },
      { name: 'null', type: '3', device: [1, 3], mode: 0o666 },
      { name: 'disk', type: '4', device: [259, 1000], mode: 0o660 },
    ]);
    const lines = [...(await dumpLayer(layer))].map(([path, { mode, owner }]) => `${path} ${mode.toString(8)} ${owner}`);
    expect(lines).toEqual([
      '/d 40750 1000:100',
      '/disk 60660 0:0',
      '/fifo 10644 0:0',
      '/null 20666 0:0',
      '/d/file 104755 0:0',
      '/d/hard 104755 0:0',
      '/d/soft 120777 0:0',
    ]);
    expect(layer.table.mtime(entryAt(layer, '/d'))).toBe(1_234_567_890_000);
    expect([await textAt(layer, '/d/file'), await textAt(layer, '/d/hard')]).toEqual(['hello', 'hello']);
    expect([layer.table.nlink(entryAt(layer, '/d/file')), layer.table.nlink(entryAt(layer, '/d/hard'))]).toEqual([2, 2]);
    expect(layer.table.target(entryAt(layer, '/d/soft'))).toBe('../d/file');
    expect(layer.table.rdev(entryAt(layer, '/null'))).toBe(0x103);
    expect(layer.table.rdev(entryAt(layer, '/disk'))).toBe(((1000 & 0xff) | (259 << 8) | ((1000 & ~0xff) << 12)) >>> 0);
    expect(layer.warnings).toEqual([]);
  });

  test('a part of a file is that part', async () => {
    const layer = await open([{ name: 'f', content: '0123456789' }]);
    expect(Buffer.from(layer.peek(entryAt(layer, '/f'), 3, 6)!).toString()).toBe('345');
    expect(Buffer.from(await layer.read(entryAt(layer, '/f'), 8, 10)).toString()).toBe('89');
  });

  test.each<[string, readonly TarFile[]]>([
    ['a prefix field', [{ name: 'name.txt', prefix: longName.slice(0, -'/name.txt'.length), content: 'long' }]],
    ['a pax path', [paxHeader({ path: longName }), { name: 'short', content: 'long' }]],
    [
      'a GNU long name',
      [
        { name: '././@LongLink', type: 'L', content: `${longName}\0` },
        { name: 'short', content: 'long', magic: 'gnu' },
      ],
    ],
  ])('a long name in %s', async (_, files) => {
    expect(await textAt(await open(files), longName)).toBe('long');
  });

  test.each<[string, readonly TarFile[]]>([
    ['pax', [paxHeader({ linkpath: longName }), { name: 'l', type: '2', link: 'short' }]],
    [
      'GNU',
      [
        { name: '././@LongLink', type: 'K', content: `${longName}\0` },
        { name: 'l', type: '2', link: 'short' },
      ],
    ],
  ])('a long target, as %s writes it', async (_, files) => {
    const layer = await open(files);
    expect(layer.table.target(entryAt(layer, '/l'))).toBe(longName);
  });

  test('GNU keeps times where POSIX keeps a prefix: they are no part of the name', async () => {
    const layer = await open([{ name: 'f', prefix: '14371025764', magic: 'gnu', content: 'x' }]);
    expect(await textAt(layer, '/f')).toBe('x');
  });

  test('V7 archives have no magic, NUL for a file, and directories by their slash', async () => {
    const layer = await open([
      { name: 'd/', magic: 'v7', type: '\0' },
      { name: 'd/f', magic: 'v7', type: '\0', content: 'seven' },
    ]);
    expect(layer.table.isDirectory(entryAt(layer, '/d'))).toBe(true);
    expect(await textAt(layer, '/d/f')).toBe('seven');
  });

  test('checksums of signed bytes are checksums', async () => {
    const layer = await open([{ name: 'grün', content: 'x', checksum: 'signed' }]);
    expect(await textAt(layer, '/grün')).toBe('x');
  });

  test('numbers may be in base 256, and times before 1970', async () => {
    const layer = await open([
      { name: 'f', content: 'x', base256: true, uid: 3_000_000_000, mtime: 5 },
      { name: 'old', mtime: -100 },
    ]);
    expect((await dumpLayer(layer)).get('/f')?.owner).toBe('3000000000:0');
    expect(layer.table.mtime(entryAt(layer, '/old'))).toBe(-100_000);
    expect(await textAt(layer, '/f')).toBe('x');
  });

  test('a directory of a GNU incremental archive is one, and the list that it holds is passed over', async () => {
    const layer = await open([
      { name: 'd/', type: 'D', mode: 0o700, content: 'Yf\0\0' },
      { name: 'd/f', content: 'x' },
    ]);
    const tree = await dumpLayer(layer);
    expect(tree.get('/d')?.mode).toBe(0o040700);
    expect(await textAt(layer, '/d/f')).toBe('x');
    expect(layer.warnings).toEqual([]);
  });

  test('a time that no date can be is the latest or the earliest that can, with a warning', async () => {
    const layer = await open([
      paxHeader({ mtime: '9007199254740991' }),
      { name: 'late' },
      paxHeader({ mtime: '-9007199254740991' }),
      { name: 'early' },
    ]);
    const time = (name: string): string => new Date(layer.table.mtime(entryAt(layer, name))).toISOString();
    expect([time('/late'), time('/early')]).toEqual(['9999-12-31T23:59:59.000Z', '0001-01-01T00:00:00.000Z']);
    expect(layer.warnings.map(({ entry }) => entry)).toEqual(['late', 'early']);
  });
});

describe('pax headers', () => {
  test('say time with its fraction, owner, size and extended attributes', async () => {
    const value = Uint8Array.of(0, 255, 10, 61);
    const layer = await open([
      paxHeader({
        mtime: '1600000000.250',
        uid: '70000',
        gid: '80000',
        size: '5',
        'SCHILY.xattr.user.x': value,
        'SCHILY.xattr.user.a=b': 'c',
      }),
      { name: 'f', content: 'hello', size: 0 },
      { name: 'next', content: 'y' },
    ]);
    const entry = entryAt(layer, '/f');
    expect(await textAt(layer, '/f')).toBe('hello');
    expect(layer.table.mtime(entry)).toBe(1_600_000_000_250);
    expect((await dumpLayer(layer)).get('/f')?.owner).toBe('70000:80000');
    expect(layer.table.xattrs(entry)?.get('user.x')).toEqual(value);
    expect(layer.table.xattrs(entryAt(layer, '/next'))).toBeUndefined();
  });

  test('of all entries count until an entry has its own, and an empty value takes one back', async () => {
    const layer = await open([
      paxHeader({ uid: '7' }, 'g'),
      { name: 'all' },
      paxHeader({ uid: '8' }),
      { name: 'own' },
      paxHeader({ uid: '' }),
      { name: 'none', uid: 9 },
      { name: 'again' },
    ]);
    const owners = [...(await dumpLayer(layer))].map(([path, { owner }]) => `${path} ${owner}`);
    expect(owners).toEqual(['/again 7:0', '/all 7:0', '/none 9:0', '/own 8:0']);
  });
});

describe('the archive as a whole', () => {
  test.each([0, 1, 2, 20])('ends with %i blocks of zeros', async (end) => {
    expect(await textAt(await open([{ name: 'f', content: 'x' }], { end }), '/f')).toBe('x');
  });

  test('an archive of nothing but zeros is an empty layer', async () => {
    expect((await open([], { end: 20 })).table.length).toBe(1);
  });

  test('an npm tarball is mounted without its leading component', async () => {
    const tgz = gzipSync(
      tarArchive([
        { name: 'package/package.json', content: '{}' },
        { name: 'package/lib/a.js', content: 'a' },
      ]),
    );
    const layer = await openLayer(new Uint8Array(tgz), { at: '/node_modules/p', strip: 1 });
    expect(await textAt(layer, '/node_modules/p/package.json')).toBe('{}');
    expect(await textAt(layer, '/node_modules/p/lib/a.js')).toBe('a');
  });

  test('hard links are found with `strip` and `at`', async () => {
    const layer = await openLayer(
      tarArchive([
        { name: 'p/a', content: 'x' },
        { name: 'p/b', type: '1', link: 'p/a' },
      ]),
      { at: '/m', strip: 1 },
    );
    expect(await textAt(layer, '/m/b')).toBe('x');
  });

  test('what AUFS kept below a mark is no part of an OCI layer, and hard links to it are files', async () => {
    const layer = await openLayer(
      tarArchive([
        { name: '.wh..wh.plnk/', type: '5' },
        { name: '.wh..wh.plnk/12.34', content: 'shared' },
        { name: '.wh.gone/below', content: 'x' },
        { name: 'a', type: '1', link: '.wh..wh.plnk/12.34' },
        { name: 'd/b', type: '1', link: '.wh..wh.plnk/12.34' },
      ]),
      { whiteouts: 'oci' },
    );
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/a', '/d', '/d/b']);
    expect([await textAt(layer, '/d/b'), layer.table.nlink(entryAt(layer, '/a'))]).toEqual(['shared', 2]);
  });

  test('an OCI layer has whiteouts where it is asked for them, and ordinary names where it is not', async () => {
    const bytes = tarArchive([{ name: 'd/.wh.gone' }, { name: 'o/.wh..wh..opq' }]);
    const marked = await openLayer(bytes, { whiteouts: 'oci' });
    expect(marked.table.isWhiteout(entryAt(marked, '/d/gone'))).toBe(true);
    expect(marked.table.isOpaque(entryAt(marked, '/o'))).toBe(true);
    const plain = await openLayer(bytes);
    expect([...(await dumpLayer(plain)).keys()]).toEqual(['/d', '/o', '/d/.wh.gone', '/o/.wh..wh..opq']);
    expect(plain.digest).not.toBe(marked.digest);
  });

  test('entries of unknown vendors are skipped and reported, and what is behind them is found', async () => {
    const layer = await open([
      { name: 'label', type: 'V', content: 'x' },
      { name: 'f', content: 'x' },
    ]);
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/f']);
    expect(layer.warnings.map(({ entry }) => entry)).toEqual(['label']);
  });

  test('a tar that ends with a zip is a tar', async () => {
    const zipEnd = concatBytes([Uint8Array.of(0x50, 0x4b, 5, 6), new Uint8Array(18)]);
    const content = concatBytes([new Uint8Array(512 - zipEnd.length), zipEnd]);
    expect([...(await dumpLayer(await open([{ name: 'inner.zip', content }], { end: 0 }))).keys()]).toEqual(['/inner.zip']);
  });
});

test('a gzip stream of several members with every header field is one tar', async () => {
  const tar = tarArchive([{ name: 'f', content: 'x'.repeat(3000) }]);
  const bytes = concatBytes([
    gzipMember(tar.subarray(0, 700), { name: 'a.tar', comment: 'first', extra: Uint8Array.of(1, 2, 3), headerCrc: 'right' }),
    gzipMember(tar.subarray(700)),
    new Uint8Array(1000),
  ]);
  const layer = await openLayer(bytes);
  expect(await textAt(layer, '/f')).toBe('x'.repeat(3000));
  expect(layer.warnings).toEqual([]);
});
