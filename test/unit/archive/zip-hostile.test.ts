/* Zip archives that are cut short, lie or attack. Each kind of bad input has its name here. */

import { describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { zipArchive, type ZipArchive, type ZipFile } from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';

const open = (files: readonly ZipFile[], archive?: ZipArchive) => openLayer(zipArchive(files, archive), { name: 'bad.zip' });
const text = 'some content '.repeat(50);
const good: ZipFile = { name: 'good.txt', content: text, deflate: true };
const broken = (detail: RegExp) => expect.objectContaining({ code: 'EIO', detail: expect.stringMatching(detail) as string }) as Error;

/** The archive opens, the good file can be read, and reading the bad one says what is wrong with it. */
async function expectBadContent(bad: ZipFile, detail: RegExp): Promise<void> {
  const layer = await open([good, bad, { name: 'last', content: 'z' }]);
  expect(await textAt(layer, '/good.txt')).toBe(text);
  await expect(textAt(layer, '/bad.txt')).rejects.toEqual(broken(detail));
  const entry = entryAt(layer, '/bad.txt');
  expect(() => layer.peek(entry, 0, 1)).toThrow(broken(detail));
  expect(await textAt(layer, '/last')).toBe('z');
}

/** The archive opens without the bad file, and a warning names it and says why. */
async function expectSkipped(bad: ZipFile, message: RegExp): Promise<void> {
  const layer = await open([good, bad]);
  expect([...(await dumpLayer(layer)).keys()]).toEqual(['/good.txt']);
  expect(layer.warnings).toEqual([{ entry: bad.name, message: expect.stringMatching(message) as string }]);
}

describe('a truncated zip', () => {
  const whole = zipArchive([good, { name: 'b', content: text }], { comment: 'a comment' });

  test('without its end record is an error that says so', async () => {
    await expect(openLayer(whole.subarray(0, 100), { name: 'bad.zip' })).rejects.toEqual(broken(/^bad\.zip: cut short/));
  });

  test('at any length is an error, or lacks nothing but its comment', async () => {
    let opened = 0;
    for (let length = 0; length < whole.length; length++) {
      const result = await openLayer(whole.slice(0, length)).then(
        () => 'opened',
        (e: Error & { code: string }) => e.code,
      );
      expect(['EIO', 'EINVAL', 'opened']).toContain(result);
      if (result === 'opened') opened++;
    }
    expect(opened).toBe(0);
  });

  test('that lost its beginning has an end that does not fit', async () => {
    await expect(openLayer(whole.subarray(50), { name: 'bad.zip' })).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('a central directory that lies', () => {
  test.each<[string, readonly ZipFile[], ZipArchive, RegExp]>([
    ['about its number of entries', [good], { lie: { entries: 2 } }, /has 1 entries, its end record says 2/],
    [
      'about its number of entries, with ZIP64',
      [good],
      { zip64: true, lie: { entries: 65_537 } },
      /has 1 entries, its end record says 65537/,
    ],
    ['about its size, too much', [good], { lie: { directorySize: 1000 } }, /does not fit|no header of entry/],
    ['about its size, too little', [good], { lie: { directorySize: 20 } }, /no header of entry 1/],
    ['about its size, more than the file has', [good], { lie: { directorySize: 0xfffffff0 } }, /does not fit/],
    ['about its place, beyond the end', [good], { lie: { directoryOffset: 0x7fffffff } }, /does not fit/],
    ['about its place, with ZIP64, beyond all numbers', [good], { zip64: true, lie: { directoryOffset: 2 ** 60 } }, /a size or offset of/],
    ['about being in one piece', [good], { lie: { disk: 3 } }, /split/],
  ])('%s', async (_, files, archive, detail) => {
    await expect(open(files, archive)).rejects.toEqual(broken(detail));
  });

  test('about a signature in it', async () => {
    const bytes = zipArchive([good, { name: 'b', content: 'x' }]);
    bytes[bytes.lastIndexOf(0x01, bytes.length - 30)] = 9;
    await expect(openLayer(bytes)).rejects.toMatchObject({ code: 'EIO' });
  });

  test('about where a content is: beyond the file', () =>
    expectBadContent(
      { name: 'bad.txt', content: 'x', lie: { offset: 0x7ffffff0 } },
      /^bad\.zip: '\/bad\.txt': its 1 bytes from .* run into/,
    ));
  test('about where a content is: in the central directory', () =>
    expectBadContent({ name: 'bad.txt', content: 'x', lie: { offset: 700 } }, /run into|no local header/));
  test('about where a content is: where no local header is', () =>
    expectBadContent({ name: 'bad.txt', content: 'x', lie: { offset: 3 } }, /no local header at byte 3/));
  test('about whose content it is', () =>
    expectBadContent({ name: 'bad.txt', content: 'x', lie: { offset: 0 } }, /compression method|another entry/));
  test('about the size, too large', () =>
    expectBadContent({ name: 'bad.txt', content: text, deflate: true, lie: { size: text.length + 1 } }, /bad\.txt/));
  test('about the size, too small', () =>
    expectBadContent({ name: 'bad.txt', content: text, deflate: true, lie: { size: text.length - 1 } }, /bad\.txt/));
  test('about the stored size', () =>
    expectBadContent({ name: 'bad.txt', content: text, deflate: true, lie: { stored: 20 } }, /cannot be inflated/));
  test('about the checksum', () =>
    expectBadContent({ name: 'bad.txt', content: text, lie: { crc: 0x12345678 } }, /its CRC-32 is 0x[0-9a-f]{8}, should be 0x12345678/));
});

describe('a local header that disagrees', () => {
  test('about the name', () =>
    expectBadContent({ name: 'bad.txt', content: 'x', localLie: { name: 'evil.exe' } }, /names another entry, 'evil\.exe'/));
  test('about the method', () =>
    expectBadContent({ name: 'bad.txt', content: 'x', localLie: { method: 8 } }, /compression method 0 in the central directory, 8/));
  test('about encryption', () => expectBadContent({ name: 'bad.txt', content: 'x', localLie: { flags: 1 } }, /encrypted/));
  test('about being one', () =>
    expectBadContent({ name: 'bad.txt', content: 'x', localLie: { signature: 0x04034b51 } }, /no local header/));
});

describe('an entry that cannot be served is skipped and reported', () => {
  test('encrypted', () => expectSkipped({ name: 'secret', content: 'x', flags: 1 }, /^skipped: encrypted/));
  test('compressed by an unknown method', () =>
    expectSkipped({ name: 'f', content: 'x', lie: { method: 14 } }, /^skipped: compression method 14/));
  test('a zip bomb: more bytes than its compressed bytes can hold', () =>
    expectSkipped(
      { name: 'bomb', content: 'x'.repeat(1000), deflate: true, lie: { size: 0x7fffffff } },
      /^skipped: claims 2147483647 bytes/,
    ));
  test('stored, with two sizes', () =>
    expectSkipped({ name: 'f', content: 'xyz', lie: { size: 1_000_000_000 } }, /^skipped: stored as it is/));
  test('a device', () => expectSkipped({ name: 'null', mode: 0o020666 }, /^skipped: a device/));
  test('in another part of a split archive', () => expectSkipped({ name: 'f', content: 'x', lie: { disk: 2 } }, /^skipped: .* split/));

  test('a symbolic link to nothing, or to more than a path can be', async () => {
    await expectSkipped({ name: 'l', mode: 0o120777 }, /^skipped: a symbolic link whose target has 0 bytes/);
    await expectSkipped({ name: 'l', mode: 0o120777, content: 'x'.repeat(5000) }, /^skipped: a symbolic link whose target has 5000 bytes/);
  });
});

test('a zip bomb: entries that overlap are reported, and the true one is served', async () => {
  const layer = await open([
    { name: 'a', content: 'x'.repeat(5000), lie: { stored: 5100, size: 5100 } },
    { name: 'b', content: 'yyy' },
  ]);
  expect(layer.warnings).toEqual([{ entry: 'b', message: "its content overlaps with that of 'a'" }]);
  expect(await textAt(layer, '/b')).toBe('yyy');
  await expect(textAt(layer, '/a')).rejects.toMatchObject({ code: 'EIO' });
});

test('a file larger than what is allowed is refused before it is inflated', async () => {
  const layer = await openLayer(zipArchive([{ name: 'big', content: new Uint8Array(100_000), deflate: true }]), { maxBytes: 50_000 });
  await expect(textAt(layer, '/big')).rejects.toMatchObject({ code: 'EFBIG' });
});

test('a ZIP64 field that is too short is an error naming the entry', async () => {
  const bytes = zipArchive([{ name: 'f', content: 'x' }]);
  const size = Buffer.from(bytes).lastIndexOf(Uint8Array.of(0x50, 0x4b, 1, 2)) + 24;
  new DataView(bytes.buffer).setUint32(size, 0xffffffff, true);
  await expect(openLayer(bytes, { name: 'bad.zip' })).rejects.toEqual(broken(/^bad\.zip: 'f': its ZIP64 field/));
});
