/* The kernel that reads plain directories: the same table as JavaScript's where it takes a directory for plain, and nothing else for plain. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { type ArchiveLimits, resolveLimits } from '../../../src/archive/limits.ts';
import { findZipEnd } from '../../../src/archive/zip-end.ts';
import { type PlainZip, readPlainZip } from '../../../src/archive/zip-plain.ts';
import { loadCodec } from '../../../src/codec/codec.ts';
import type * as codecModule from '../../../src/codec/module.ts';
import { TableBuilder, type TableOptions } from '../../../src/layer/build-table.ts';
import { LayerTable } from '../../../src/layer/table.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import {
  type ZipArchive,
  type ZipFile,
  extraField,
  ownerField,
  timestampField,
  unicodePathField,
  zipArchive,
} from '../../support/archives.ts';
import { dumpLayer } from '../../support/dump-layer.ts';
import { mutate, randomNumbers, sampleArchives } from '../../support/mutate-archives.ts';
import { assertSameReading, compareZipReaders, randomZip } from '../../support/zip-readers.ts';

const SEED = 20_261_129;
const RANDOM = 600;

const isPlain = (files: readonly ZipFile[], options: TableOptions = {}, limits: ArchiveLimits = {}, archive: ZipArchive = {}): boolean =>
  compareZipReaders(zipArchive(files, archive), options, resolveLimits(limits));

const file = (name: ZipFile['name'], rest: Partial<ZipFile> = {}): ZipFile => ({ name, content: 'content', mode: 0o100644, ...rest });
const long = (length: number): string => 'x'.repeat(length);

describe('plain, and the same table, is', () => {
  // prettier-ignore
  const cases: readonly (readonly [string, readonly ZipFile[], TableOptions?, ArchiveLimits?])[] = [
    ['nothing', []],
    ['nothing, below a directory', [], { at: '/a/b' }],
    ['a file', [file('f')]],
    ['names in UTF-8, by the flag and of Unix', [file('é/ж', { host: 0 }), file('é/𝄞'), file('é/\uffee'), file(Uint8Array.of(0xc3, 0xa4), { host: 3 })]],
    ['what old names were decoded to', [file('ä.txt'), file('b.txt', { host: 0 }), file('c.txt', { host: 1 })]],
    ['directories that are described late, or never', [file('a/b/c/f'), { name: 'a/b/', mode: 0o040700 }, file('a/d/f'), { name: 'x/y/', mode: 0o040711 }]],
    ['a directory without a slash, by its mode and of DOS', [{ name: 'd', mode: 0o040755 }, file('d/f'), { name: 'e', host: 0, attributes: 0x10 }, file('e/f')]],
    ['siblings whose order is not that of their paths', ['a-b', 'a/b', 'a.b', 'a/a', 'ab', 'aa/b', 'a0'].map((name) => file(name))],
    ['an order from behind', Array.from({ length: 300 }, (_, i) => file(`${String(999 - i)}/${String(i % 7)}/f`))],
    ['times of DOS with too large numbers', [file('a', { dosTime: [(8 << 9) | (15 << 5) | 31, 0xffff] }), file('b', { dosTime: [0, 0] })]],
    ['times that are all the same', [file('a', { extra: timestampField(7) }), file('b/c', { extra: timestampField(7) })]],
    ['owners', [1, 2, 1, 0, 0xffffffff].map((uid, i) => file(`${9 - i}/f`, { extra: ownerField(uid, i % 2) }))],
    ['links, and permissions', [file('l', { mode: 0o120777 }), file('s', { mode: 0o104711 }), file('n', { mode: 0 }), file('p', { mode: 0o600 })]],
    ['what is stored, deflated and packed by zstd', [file('s'), file('d', { deflate: true }), file('z', { packed: { method: 93, bytes: Uint8Array.of(1) } })]],
    ['the longest names', [file(`${long(255)}/${'é'.repeat(127)}`), file(Array.from({ length: 2047 }, () => 'y').join('/'))]],
    ['dots that lead nowhere', [file('.a'), file('..a/.b'), file('...'), file('a./b..')]],
    ['a backslash of Unix', [file('a\\b')]],
    ['extra fields that are cut short', [file('f', { extra: concatBytes([timestampField(5), Uint8Array.of(0x55, 0x54, 9, 0, 1)]) })]],
    ['an entry that is left out', [{ name: 'package/', mode: 0o040755 }, file('package/f'), file('package/d/f')], { at: 'node_modules/é', strip: 1 }],
    ['the deepest tree', [file(`${'y/'.repeat(2047)}y`)], { at: 'y/'.repeat(2047) }],
    ['as many entries as are allowed', [file('a/f'), file('b')], {}, { entries: 3 }],
  ];
  for (const [what, files, options, limits] of cases) {
    test(what, () => {
      expect(isPlain(files, options, limits)).toBe(true);
    });
  }

  test('an archive with ZIP64 records at its end', () => {
    expect(isPlain([file('f')], {}, {}, { zip64: true })).toBe(true);
  });
});

describe('left to JavaScript is', () => {
  // prettier-ignore
  const cases: readonly (readonly [string, readonly ZipFile[], TableOptions?, ArchiveLimits?, ZipArchive?])[] = [
    ['an empty name', [file('')]],
    ['an absolute name', [file('/f')]],
    ['a name with .', [file('a/./f')]],
    ['a name with ..', [file('a/../f')]],
    ['a name that is .', [{ name: './', mode: 0o040755 }]],
    ['a name with an empty component', [file('a//f')]],
    ['a name that is a slash', [file('/')]],
    ['a name with NUL', [file('a\0b')]],
    ['a backslash of DOS', [file('a\\b', { host: 0 })]],
    ['a component that is too long', [file(`a/${long(256)}/b`)]],
    ['a last component that is too long', [file(`a/${'é'.repeat(128)}`)]],
    ['a path that is too long', [file(Array.from({ length: 2049 }, () => 'y').join('/'))]],
    ['a name in code page 437', [file(Uint8Array.of(0x80), { host: 0 })]],
    ['what is no UTF-8', [file(Uint8Array.of(0x61, 0xc3))]],
    ['what is no UTF-8 alone, but with the name behind it', [file(Uint8Array.of(0x61, 0xc3)), file(Uint8Array.of(0xa4))]],
    ['UTF-8 that is longer than need be', [file(Uint8Array.of(0xc0, 0xaf))]],
    ['a surrogate in UTF-8', [file(Uint8Array.of(0xed, 0xa0, 0x80))]],
    ['a non-ASCII name that is left out in part', [file('é/f')], { strip: 1 }],
    ['a Unicode path', [file(Uint8Array.of(0x80), { host: 0, extra: unicodePathField('ж', Uint8Array.of(0x80)) })]],
    ['a name that is there twice', [file('f'), file('g'), file('f')]],
    ['a directory that is there twice', [{ name: 'd/', mode: 0o040755 }, { name: 'd/', mode: 0o040755 }]],
    ['a file and a directory of one name', [file('f'), { name: 'f/', mode: 0o040755 }]],
    ['a file that is used as a directory', [file('f'), file('f/g')]],
    ['a name that is there twice without what is left out', [file('a/f'), file('b/f')], { strip: 1 }],
    ['a device', [file('f', { mode: 0o020644 })]],
    ['a pipe', [file('f', { mode: 0o010644 })]],
    ['a link to nothing', [file('l', { mode: 0o120777, content: '' })]],
    ['a link to far too long a name', [file('l', { mode: 0o120777, content: long(4096) })]],
    ['an encrypted file', [file('f', { flags: 1 })]],
    ['a file that is encrypted together with the directory', [file('f', { flags: 0x2000 })]],
    ['a method that is not supported', [file('f', { lie: { method: 12 } })]],
    ['two sizes of what is stored', [file('f', { lie: { size: 8 } })]],
    ['more than deflate can pack', [file('f', { deflate: true, lie: { size: 1e6 } })]],
    ['more than zstd can pack', [file('f', { packed: { method: 93, bytes: Uint8Array.of(1) }, lie: { size: 32769 } })]],
    ['another part of a split archive', [file('f', { lie: { disk: 1 } })]],
    ['contents that overlap', [file('a'), file('b', { lie: { offset: 5 } })]],
    ['contents in another order', [file('a', { lie: { offset: 50 } }), file('b', { lie: { offset: 0 } })]],
    ['numbers in a ZIP64 field', [file('f', { zip64: true })]],
    ['an owner of 16 bits', [file('f', { extra: extraField(0x7875, Uint8Array.of(1, 2, 1, 0, 2, 1, 0)) })]],
    ['more owners than are remembered', Array.from({ length: 64 }, (_, i) => file(String(i), { extra: ownerField(i + 1, 0) }))],
    ['a time of NTFS', [file('f', { extra: extraField(0x000a, new Uint8Array(32)) })]],
    ['a time before 1970', [file('f', { extra: timestampField(-1) })]],
    ['a time of DOS after 2038', [file('f', { dosTime: [59 << 9, 0] })]],
    ['a time of DOS after 2106', [file('f', { dosTime: [127 << 9, 0] })]],
    ['different times of the first weeks of 1970', [file('a', { extra: timestampField(1) }), file('b', { extra: timestampField(2) })]],
    ['names that are filtered', [file('f')], { include: ['f'] }],
    ['names that are filtered out', [file('f')], { exclude: ['g'] }],
    ['marks of OCI', [file('f')], { whiteouts: 'oci' }],
    ['a directory above all that is too deep', [file('f')], { at: long(4096) }],
    ['a tree that is too deep', [file(`${'y/'.repeat(2047)}y`)], { at: 'y/'.repeat(2048) }],
    ['more entries than are allowed', [file('a'), file('b')], {}, { entries: 1 }],
    ['more implied directories than are allowed', [file('a/b/c')], {}, { entries: 2 }],
    ['more content than is allowed', [file('a')], {}, { size: 6 }],
    ['another number of entries than is said', [file('a')], {}, {}, { lie: { entries: 2 } }],
    ['something behind the archive', [file('a')], {}, {}, { suffix: new Uint8Array(9) }],
    ['something in front of the archive', [file('a')], {}, {}, { prefix: new Uint8Array(9) }],
  ];
  for (const [what, files, options, limits, archive] of cases) {
    test(what, () => {
      expect(isPlain(files, options, limits, archive)).toBe(false);
    });
  }

  test.each([{ at: '/a/..' }, { strip: -1 }, { strip: 0.5 }, { strip: NaN }])('options that are wrong: %j', (options) => {
    expect(() => isPlain([file('a')], options)).not.toThrow();
    expect(isPlain([file('a')], options)).toBe(false);
  });

  test('a directory that is cut short, or is none, wherever it is cut', () => {
    const archive = zipArchive([file('directory/file', { extra: timestampField(5) }), file('g')]);
    const end = archive.length - 22;
    const start = new DataView(archive.buffer).getUint32(end + 16, true);
    for (let size = 1; size < end - start; size++) {
      const cut = concatBytes([archive.subarray(0, start + size), archive.subarray(end)]);
      new DataView(cut.buffer).setUint32(start + size + 12, size, true);
      expect(compareZipReaders(cut)).toBe(false);
    }
    for (let at = start; at < start + 4; at++) expect(compareZipReaders(archive.with(at, 0))).toBe(false);
  });
});

describe(`at random, with the seed ${SEED}`, () => {
  test('both readers agree, of whole archives and of changed ones, wherever they are mounted', () => {
    const random = randomNumbers(SEED);
    const samples = sampleArchives().filter(({ kind }) => kind === 'zip');
    let plain = 0;
    let changed = 0;
    for (let i = 0; i < RANDOM; i++) {
      const options = i % 3 === 0 ? { at: ['/', '/x/y', 'z', 'é'][i % 4]!, strip: i % 2 } : {};
      const bytes = i % 8 === 0 ? samples[i % samples.length]!.bytes : randomZip(random);
      if (compareZipReaders(bytes, options)) plain++;
      if (compareZipReaders(mutate(bytes, random), options)) changed++;
    }
    // A test that sees nothing plain, or nothing else, does not test.
    expect(plain).toBeGreaterThan(RANDOM / 3);
    expect(plain).toBeLessThan(RANDOM);
    expect(changed).toBeGreaterThan(RANDOM / 20);
  });

  test('a planted fault is seen', () => {
    const builder = new TableBuilder();
    for (const path of ['a/b', 'c']) builder.add({ path, mode: 0o100644, mtime: 1e12, size: path.length, uid: path.length });
    const { table } = builder.build();
    const { columns, extras } = table.parts;
    const reading = { table, hasZstd: false, warnings: [] };
    const plain = (changed: object, hasZstd = false): PlainZip => ({ table: new LayerTable({ ...columns, ...changed }, extras), hasZstd });
    expect(() => assertSameReading(plain({}), reading)).not.toThrow();
    const faults = [{ mtimeUnit: 1000 }, { size: 0 }, { names: Uint8Array.of(1) }, { mode: new Uint16Array(4) }, { owner: 1 }];
    for (const fault of faults) expect(() => assertSameReading(plain(fault), reading)).toThrow(`another ${Object.keys(fault)[0]}`);
    expect(() => assertSameReading(plain({}, true), reading)).toThrow('zstd');
    const others = { table: new LayerTable(columns, { ...extras, owners: [[0, 0]] }), hasZstd: false };
    expect(() => assertSameReading(others, reading)).toThrow('another owners');
    expect(() => assertSameReading(plain({}), { ...reading, warnings: ['a warning'] })).toThrow('warned of');
  });
});

test('the worst orders and names take the time of their bytes, and not that squared', () => {
  const count = 4000;
  const prefix = `${long(200)}/`.repeat(5);
  const worst = [
    (i: number) => `${prefix}${1e6 - i}`,
    (i: number) => `${prefix}${((i * 7919) % 10_007) + 1e6}`,
    (i: number) => `${prefix.slice(i % 200)}${i}`,
    (i: number) => `${'d/'.repeat(i % 1000)}${i}`,
    (i: number) => `${i % 2}${prefix}${1e6 - i}`,
  ];
  for (const nameOf of worst) {
    const bytes = zipArchive(Array.from({ length: count }, (_, i) => ({ name: nameOf(i), mode: 0o100644 })));
    const end = findZipEnd({ bytes, size: bytes.length }, { archive: 'worst' })!;
    const place = { archive: 'worst' };
    const limits = resolveLimits();
    const directory = { bytes: bytes.subarray(end.directoryStart, end.directoryEnd), end, place, codec: loadCodec(), limits };
    const start = process.cpuUsage();
    expect(readPlainZip(directory, {}, 1e6)?.table.length).toBeGreaterThan(count);
    // It takes some tens of milliseconds; comparing each with each other would take tens of seconds.
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(1000);
  }
});

describe('where the kernel cannot be used, JavaScript reads', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.doUnmock('../../../src/codec/module.ts');
    vi.resetModules();
  });

  const archive = zipArchive([file('a/b', { deflate: true }), file('c')]);

  /** Opens the archive with modules that are loaded anew. */
  async function openAfresh(): Promise<unknown> {
    vi.resetModules();
    const { openLayer: openAnew } = await import('../../../src/lower/open-layer.ts');
    return [...(await dumpLayer(await openAnew(archive)))];
  }

  test('because there is no WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect(await openAfresh()).toEqual([...(await dumpLayer(await openLayer(archive)))]);
  });

  test.each([
    ['because it traps', new WebAssembly.RuntimeError('unreachable')],
    ['because there is no memory for it', new RangeError('no memory')],
  ])('%s', async (_, error) => {
    let failed = 0;
    vi.doMock('../../../src/codec/module.ts', async (original: () => Promise<typeof codecModule>) => {
      const real = await original();
      const compileModule: typeof real.compileModule = (bytes, imports) => {
        const instantiate = real.compileModule(bytes, imports)!;
        return () => {
          const exports = instantiate() as Record<string, unknown>;
          const fail = (): never => {
            failed++;
            throw error;
          };
          return 'reserve' in exports ? { ...exports, read: fail } : exports;
        };
      };
      return { ...real, compileModule };
    });
    expect(await openAfresh()).toEqual([...(await dumpLayer(await openLayer(archive)))]);
    expect(failed).toBe(1);
  });

  test('but a defect is told', () => {
    expect(() => readPlainZip(undefined as never, {}, 1)).toThrow(TypeError);
  });
});
