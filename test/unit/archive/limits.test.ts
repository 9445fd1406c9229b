/* What an archive may cost: bombs are refused before they go off, with the archive's name and the limit. */

import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { oldSparseFile, paxHeader, tarArchive, type TarFile, zipArchive, type ZipFile, zstdFrame } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { estargzArchive } from '../../support/estargz.ts';

const open = (bytes: Uint8Array, options: OpenLayerOptions = {}) => openLayer(bytes, { name: 'bomb', ...options });
const tooLarge = (detail: RegExp) => expect.objectContaining({ code: 'EFBIG', detail: expect.stringMatching(detail) as string }) as Error;
const MIB = 1 << 20;

type AnyFile = TarFile & ZipFile;
const packedX = { method: 8, bytes: deflateRawSync('x') };
const filesOf = (count: number): AnyFile[] =>
  Array.from({ length: count }, (_, i) => ({ name: `d${i % 100}/f${i}`, content: 'x', packed: packedX }));
const many = filesOf(50_000);
let tarOfMany: Uint8Array | undefined;
/** The large one is made once, for all that pack it. */
const tarOf = (files: readonly AnyFile[]): Uint8Array => (files === many ? (tarOfMany ??= tarArchive(files)) : tarArchive(files));

const writers: readonly (readonly [string, (files: readonly AnyFile[]) => Uint8Array])[] = [
  ['zip', (files) => zipArchive(files.map((file) => ({ ...file, deflate: true })))],
  ['tar', tarOf],
  ['tar.gz', (files) => new Uint8Array(gzipSync(tarOf(files), { level: files === many ? 1 : 6 }))],
  ['tar.zst', (files) => zstdFrame(tarOf(files), { block: 128 << 10 })],
];

describe.each(writers)('a %s', (format, write) => {
  test('of 50,000 entries is opened', async () => {
    const layer = await open(write(many));
    expect(layer.table.length).toBe(50_101);
    expect(await textAt(layer, '/d99/f49999')).toBe('x');
  });

  test('of more entries than are allowed is refused; directories that names imply count', async () => {
    await expect(open(write(filesOf(1000)), { limits: { entries: 1099 } })).rejects.toEqual(tooLarge(/^bomb: more than the 1099 entries/));
    expect((await open(write(filesOf(1000)), { limits: { entries: 1100 } })).table.length).toBe(1101);
  });

  test('of one name with many components has as many entries', async () => {
    const deep = write([{ name: 'a/'.repeat(45) + 'f' }]);
    await expect(open(deep, { limits: { entries: 45 } })).rejects.toEqual(tooLarge(/more than the 45 entries/));
    expect((await open(deep, { limits: { entries: 46 } })).table.length).toBe(47);
  });

  test('with a file that is too large lists it, and refuses to read it', async () => {
    const layer = await open(
      write([
        { name: 'big', content: 'x'.repeat(2000) },
        { name: 'small', content: 'y' },
      ]),
      { limits: { entrySize: 1999 } },
    );
    expect(layer.table.size(entryAt(layer, '/big'))).toBe(2000);
    await expect(textAt(layer, '/big')).rejects.toEqual(tooLarge(/^bomb: '\/big': 2000 bytes, more than the 1999/));
    expect(await textAt(layer, '/small')).toBe('y');
  });

  // A tar that is not compressed has no ratio.
  if (format !== 'tar')
    test('with a ratio that no honest archive has is refused, unless that is allowed', async () => {
      const zeros = write([{ name: 'zeros', content: new Uint8Array(80 * MIB), crc: 0 }]);
      expect(zeros.length).toBeLessThan(MIB / 4);
      const start = performance.now();
      await expect(open(zeros)).rejects.toEqual(tooLarge(/^bomb: .*more than the 67108864 (bytes )?that are allowed/));
      expect(performance.now() - start).toBeLessThan(5000);
      const layer = await open(zeros, { limits: { ratio: 1e6 } });
      expect(layer.table.size(entryAt(layer, '/zeros'))).toBe(80 * MIB);
    });

  test('with more content than is allowed is refused', async () => {
    // A tar that is not compressed has as many bytes as it has: only its memory counts.
    const bytes = write(Array.from({ length: 20 }, (_, i) => ({ name: `f${i}`, content: `${i}`.repeat(5000) })));
    const options = format === 'tar' ? { maxBytes: 50_000 } : { limits: { size: 50_000 } };
    await expect(open(bytes, options)).rejects.toEqual(tooLarge(/^bomb: .*more than the 50000 (bytes )?that are allowed/));
  });
});

describe('a zip bomb', () => {
  test('whose entries all mean one content is refused: together they claim more than so many bytes hold', async () => {
    const packed = { method: 8, bytes: deflateRawSync(new Uint8Array(MIB)) };
    const files = Array.from({ length: 500 }, (_, i): ZipFile => ({ name: `f${i}`, packed, lie: { size: MIB, offset: 0 } }));
    await expect(open(zipArchive(files))).rejects.toEqual(tooLarge(/its files claim 524288000 bytes, .* 256 for each of its own bytes/));
  });

  test('that claims a number of entries that cannot be is refused by its number', async () => {
    const bytes = zipArchive([{ name: 'a', content: 'x' }], { zip64: true, lie: { entries: 1_000_001 } });
    await expect(open(bytes)).rejects.toEqual(tooLarge(/more than the 1000000 entries/));
  });

  test('with a central directory larger than memory is refused', async () => {
    const bytes = zipArchive(Array.from({ length: 100 }, (_, i): ZipFile => ({ name: `f${i}` })));
    await expect(open(bytes, { maxBytes: 3000 })).rejects.toEqual(tooLarge(/a central directory of \d+ bytes/));
  });
});

describe('an eStargz bomb', () => {
  const toc = (entries: string) => estargzArchive([{ name: 'f', content: 'x' }], { json: `{"version":1,"entries":[${entries}]}` }).bytes;

  test('whose table of contents repeats one record is refused before it takes memory', async () => {
    const bytes = toc(`${'{"name":"a","type":"dir"},'.repeat(70_000)}{"name":"a","type":"dir"}`);
    expect(bytes.length).toBeLessThan(16 << 10);
    await expect(open(bytes)).rejects.toEqual(tooLarge(/^bomb: 70001 records in its table of contents, more than the 65536/));
  });

  test('whose table of contents inflates to far more than the archive has is refused', async () => {
    await expect(open(toc(' '.repeat(70 * MIB)))).rejects.toEqual(tooLarge(/^bomb: a gzip member inflates to more than the 67108864/));
  });
});

describe('a tar bomb', () => {
  test('with a hole of gigabytes takes no memory, and is not read whole', async () => {
    const bytes = tarArchive([oldSparseFile('hole', [[1e9, 1]], { size: 6e9, content: 'x' })]);
    const layer = await open(bytes);
    expect(layer.table.size(entryAt(layer, '/hole'))).toBe(6e9);
    expect(() => layer.peek(entryAt(layer, '/hole'), 0, 10)).toThrow(expect.objectContaining({ code: 'EFBIG' }) as Error);
    const allowed = await open(bytes, { limits: { entrySize: 1e10 } });
    expect(Buffer.from(allowed.peek(entryAt(allowed, '/hole'), 1e9 - 1, 1e9 + 2)!).toString()).toBe('\0x\0');
  });

  test('with an extended header of gigabytes is refused before it is read', async () => {
    await expect(open(tarArchive([{ ...paxHeader({ path: 'x' }), size: 2 ** 31 }, { name: 'f' }]))).rejects.toMatchObject({
      code: 'EIO',
      detail: 'bomb: an extended header of 2147483648 bytes at byte 0',
    });
  });

  test('of a few KB whose names make a million directories is refused before they take memory', async () => {
    const name = (i: number) => `${i}/${'a/'.repeat(2040)}f`;
    const bytes = gzipSync(tarArchive(Array.from({ length: 480 }, (_, i) => [paxHeader({ path: name(i) }), { name: 'x' }]).flat()));
    expect(bytes.length).toBeLessThan(16 << 10);
    await expect(open(bytes)).rejects.toEqual(tooLarge(/^bomb: more than the 65536 entries/));
  });

  test('in gzip members that are each harmless is refused by their sum', async () => {
    const member = gzipSync(new Uint8Array(MIB));
    const start = gzipSync(tarArchive([{ name: 'f', content: 'x' }], { end: 0 }));
    await expect(open(concatBytes([start, ...Array.from({ length: 100 }, () => member)]))).rejects.toEqual(
      tooLarge(/inflates to more than the 67108864/),
    );
  });

  test('of hard links in a circle has none of them', async () => {
    const layer = await open(
      tarArchive([
        { name: 'a', type: '1', link: 'b' },
        { name: 'b', type: '1', link: 'c' },
        { name: 'c', type: '1', link: 'a' },
        { name: 'self', type: '1', link: 'self' },
        { name: 'f', content: 'x' },
      ]),
    );
    expect(layer.table.length).toBe(2);
    expect(layer.warnings.map(({ entry }) => entry)).toEqual(['a', 'b', 'c', 'self']);
  });
});

test.each([[{ entries: -1 }], [{ size: Number.NaN }], [{ ratio: 'many' as unknown as number }]])(
  'the limits %o are a mistake of the caller',
  async (limits) => {
    await expect(open(tarArchive([{ name: 'f' }]), { limits })).rejects.toThrow(TypeError);
  },
);
