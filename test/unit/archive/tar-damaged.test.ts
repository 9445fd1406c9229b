/* Tar and gzip archives that are cut short, damaged or hostile. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { gzipMember, paxHeader, tarArchive, type TarFile } from '../../support/archives.ts';
import { textAt } from '../../support/dump-layer.ts';

const broken = (detail: RegExp) => expect.objectContaining({ code: 'EIO', detail: expect.stringMatching(detail) as string }) as Error;
const openBytes = (bytes: Uint8Array) => openLayer(bytes, { name: 'bad.tar' });
const first: TarFile = { name: 'first', content: 'x'.repeat(600) };

describe('a damaged tar', () => {
  test.each<[string, readonly TarFile[], RegExp]>([
    ['a wrong checksum', [first, { name: 'f', checksum: 'wrong' }], /^bad\.tar: the tar header at byte 1536 has a wrong checksum/],
    ['content beyond the end', [first, { name: 'f', size: 5_000_000 }], /^bad\.tar: 'f': cut short: 5000000 bytes from 2048/],
    ['a negative size', [first, { name: 'f', size: -5 }], /size in the tar header at byte 1536 is negative/],
    [
      'a size beyond all numbers',
      [first, { name: 'f', size: 2 ** 70, base256: true }],
      /size in the tar header at byte 1536 is not a number/,
    ],
    ['a pax header that is none', [{ name: 'p', type: 'x', content: 'nonsense\n' }, first], /pax header/],
    ['a pax record longer than its header', [{ name: 'p', type: 'x', content: '99 path=a\n' }, first], /pax header/],
    ['a pax record of no length', [{ name: 'p', type: 'x', content: '0 path=a\n' }, first], /pax header/],
    ['a pax size that is none', [paxHeader({ size: 'many' }), first], /says size=many/],
    ['a negative pax size', [paxHeader({ size: '-1' }), first], /a size of -1/],
    ['a pax time that is none', [paxHeader({ mtime: 'NaN' }), first], /'first': its pax header says mtime=NaN/],
  ])('%s is an error', async (_, files, detail) => {
    await expect(openBytes(tarArchive(files))).rejects.toEqual(broken(detail));
  });

  test('cut short in a header or a content, it is an error; between two entries nobody can tell', async () => {
    const whole = tarArchive([first, { name: 'second', content: 'y' }]);
    for (const length of [1, 511, 513, 1100])
      await expect(openBytes(whole.subarray(0, length))).rejects.toMatchObject({ code: length < 512 ? 'EINVAL' : 'EIO' });
    for (const length of [1537, 2000, 2047, 2048]) await expect(openBytes(whole.subarray(0, length))).rejects.toEqual(broken(/cut short/));
    expect(await textAt(await openBytes(whole.subarray(0, 2049)), '/second')).toBe('y');
  });

  test('a hard link to nothing, to itself or to a directory is skipped and reported', async () => {
    const layer = await openBytes(
      tarArchive([
        { name: 'd/', type: '5' },
        ...['nothing', 'self', 'd'].map((link): TarFile => ({ name: link === 'd' ? 'dir' : 'self', type: '1', link })),
        first,
      ]),
    );
    expect(layer.warnings.map(({ entry }) => entry)).toEqual(['self', 'self', 'dir']);
    expect(layer.table.length).toBe(3);
  });

  test('a name that is no UTF-8 is kept as far as it can be read, and reported', async () => {
    const layer = await openBytes(tarArchive([{ name: Uint8Array.of(0x61, 0xff), content: 'x' }]));
    expect(await textAt(layer, '/a\ufffd')).toBe('x');
    expect(layer.warnings).toHaveLength(1);
  });
});

describe('a damaged gzip', () => {
  const tar = tarArchive([first]);
  const gz = new Uint8Array(gzipSync(tar));
  const changed = (at: number, value: number): Uint8Array => {
    const copy = gz.slice();
    copy[(at + gz.length) % gz.length] = value;
    return copy;
  };

  test.each<[string, Uint8Array, RegExp]>([
    ['a wrong CRC-32', changed(-8, 0x55), /the CRC-32 of the gzip member at byte 0 is/],
    ['a wrong length', changed(-4, 0x55), /not as many as it says/],
    ['reserved flags', changed(3, 0x80), /of an unknown kind/],
    ['damage in its stream', changed(10, 0xff), /cannot be inflated|CRC-32/],
    ['no trailer', gz.subarray(0, -8), /cut short/],
    ['half a trailer', gz.subarray(0, -3), /cut short/],
    ['half a stream', gz.subarray(0, gz.length >> 1), /cannot be inflated/],
    ['half a header', gz.subarray(0, 7), /cut short in the header/],
    [
      'a name without an end',
      concatBytes([Uint8Array.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3), new Uint8Array(50).fill(65)]),
      /cut short in the header/,
    ],
    ['a wrong header checksum', gzipMember(tar, { name: 'x', headerCrc: 'wrong' }), /wrong checksum/],
    ['a second member that is damaged', concatBytes([gz, changed(-8, 0)]), new RegExp(`member at byte ${gz.length}`)],
  ])('%s is an error', async (_, bytes, detail) => {
    await expect(openBytes(bytes)).rejects.toEqual(broken(detail));
  });

  test('bytes behind the stream are left out and reported, as gunzip does', async () => {
    const layer = await openBytes(concatBytes([gz, Uint8Array.of(1, 2, 3)]));
    expect(await textAt(layer, '/first')).toBe('x'.repeat(600));
    expect(layer.warnings).toEqual([{ entry: '', message: '3 bytes behind the end of the gzip stream are left out' }]);
  });

  test('a bomb is refused at the limit', async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    await expect(openLayer(bomb, { limits: { size: 10_000_000 } })).rejects.toMatchObject({ code: 'EFBIG' });
    await expect(
      openLayer(concatBytes([gzipSync(new Uint8Array(6_000_000)), gzipSync(new Uint8Array(6_000_000))]), { limits: { size: 10_000_000 } }),
    ).rejects.toMatchObject({ code: 'EFBIG' });
  });
});
