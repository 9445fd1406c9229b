/* zstd around a tar and in a zip: whole or in frames, with and without sizes, damaged, hostile. */

import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../../../scripts/entries.ts';
import { zstdSource } from '../../../scripts/build-zstd.ts';
import { concatBytes } from '../../../src/base/bytes.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { skippableFrame, tarArchive, type TarFile, zipArchive, zstdFrame } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { randomNumbers } from '../../support/mutate-archives.ts';
import { hasTool } from '../../support/tools.ts';

const random = randomNumbers(93);
const noise = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => Math.floor(random() * 64) + 32);
const files = Array.from({ length: 12 }, (_, i): TarFile & { content: Uint8Array } => ({
  name: `f${i}`,
  content: concatBytes([noise(200_000 + i), new Uint8Array(1_000_000), noise(1000)]),
}));
const tar = tarArchive(files);
const small = tarArchive([{ name: 'a', content: 'alpha' }]);
const open = (bytes: Uint8Array, options?: OpenLayerOptions) => openLayer(bytes, { name: 'x.tar.zst', ...options });
const pieces = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

test('the committed decoder is the one of the package', async () => {
  expect(await readFile(join(root, 'src/codec/zstd-wasm.ts'), 'utf8')).toBe(await zstdSource());
});

async function expectFiles(bytes: Uint8Array): Promise<void> {
  const layer = await open(bytes);
  expect(layer.warnings).toEqual([]);
  for (const { name, content } of files) {
    const entry = entryAt(layer, name as string);
    expect(Buffer.from(await layer.read(entry, 0, content.length)).equals(content)).toBe(true);
    for (const at of [0, 150_000, 1_200_000])
      expect(Buffer.from(layer.peek(entry, at, at + 999)!).equals(content.subarray(at, at + 999))).toBe(true);
  }
}

describe('a tar.zst', () => {
  test('of one frame, larger than what is decoded again', () => expectFiles(zstdFrame(tar)));
  test('of one frame that does not say its size', () => expectFiles(zstdFrame(tar, { sized: false })));
  test('of frames of a megabyte, with others between them', () =>
    expectFiles(
      concatBytes(pieces(tar, 1_000_003).flatMap((part, i) => [skippableFrame(noise(i)), zstdFrame(part), zstdFrame(new Uint8Array())])),
    ));
  test('of frames of a megabyte without sizes', () =>
    expectFiles(concatBytes(pieces(tar, 1_000_003).map((part) => zstdFrame(part, { sized: false })))));
  test('of small and large frames', () =>
    expectFiles(
      concatBytes([
        zstdFrame(tar.subarray(0, 5_000)),
        zstdFrame(tar.subarray(5_000, 12_000_000), { sized: false }),
        zstdFrame(tar.subarray(12_000_000)),
      ]),
    ));
});

describe.runIf(hasTool('zstd'))("as the system's zstd writes it", () => {
  const zstd = (args: readonly string[], input: Uint8Array): Uint8Array =>
    execFileSync('zstd', ['-q', '-c', ...args], { input, maxBuffer: 1 << 28 });

  test.each([['-1'], ['-3'], ['-19'], ['--ultra', '-22'], ['--long=27'], ['--no-check'], ['-T2', '-B1MiB'], ['--rsyncable']])(
    '%s %s',
    async (...args) => {
      await expectFiles(zstd(args, tar));
    },
  );

  test('in several frames', async () => {
    await expectFiles(concatBytes(pieces(tar, 3_000_001).map((part) => zstd(['-3'], part))));
  });

  test('a changed byte anywhere is an error or changes nothing', async () => {
    const bytes = Buffer.from(zstd(['-19'], tar.subarray(0, 3_000_000)));
    const good = concatBytes([bytes, zstd(['-1'], tar.subarray(3_000_000))]);
    for (let i = 0; i < 40; i++) {
      const changed = good.slice();
      changed[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
      await expectFiles(changed).catch((e: unknown) =>
        expect(e).toMatchObject({ code: expect.stringMatching(/^(EIO|EINVAL|ENOTSUP|EFBIG)$/) as string }),
      );
    }
  });

  test('a wrong checksum says so, and where', async () => {
    const bytes = Buffer.from(zstd([], small));
    bytes[bytes.length - 1]! ^= 1;
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'EIO',
      detail: 'x.tar.zst: the zstd frame at byte 0 cannot be decoded: a wrong checksum',
    });
  });

  test('a window beyond the limit is refused before anything is decoded', async () => {
    const bytes = zstd(['--long=31', '--ultra', '-1', '--zstd=wlog=31'], tar);
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'ENOTSUP',
      detail:
        'x.tar.zst: the zstd frame at byte 0 needs a window of 2147483648 bytes, more than the 134217728 that are allowed (option limits.window)',
    });
  });

  test('members of a zip', async () => {
    const layer = await openLayer(
      zipArchive(files.map(({ name, content }) => ({ name, content, packed: { method: 93, bytes: zstd(['-3'], content) } }))),
    );
    expect(layer.warnings).toEqual([]);
    for (const { name, content } of files)
      expect(Buffer.from(layer.peek(entryAt(layer, name as string), 0, content.length)!).equals(content)).toBe(true);
  });
});

test.runIf(hasTool('zstd') && hasTool('tar'))('tar --zstd', async () => {
  const bytes = execFileSync('tar', ['--zstd', '-c', 'src/archive'], { cwd: root, maxBuffer: 1 << 28 });
  expect(await textAt(await open(bytes), '/src/archive/zstd.ts')).toBe(await readFile(join(root, 'src/archive/zstd.ts'), 'utf8'));
});

describe('a zip with zstd members', () => {
  const content = new TextEncoder().encode('zstd in a zip');
  const zip = (bytes: Uint8Array, size = content.length): Uint8Array =>
    zipArchive([{ name: 'a', content, packed: { method: 93, bytes }, lie: { size } }]);
  const openZip = (bytes: Uint8Array, options?: OpenLayerOptions) => openLayer(bytes, { name: 'x.zip', ...options });

  test('is read, in one frame or several', async () => {
    expect(await textAt(await openZip(zip(zstdFrame(content))), '/a')).toBe('zstd in a zip');
    const several = concatBytes([
      zstdFrame(content.subarray(0, 4)),
      skippableFrame(content),
      zstdFrame(content.subarray(4), { sized: false }),
    ]);
    expect(await textAt(await openZip(zip(several)), '/a')).toBe('zstd in a zip');
  });

  test.each<[string, Uint8Array, number, RegExp]>([
    ['that is something else', content, 13, /'\/?a': cannot be inflated: no zstd frame/],
    ['that is cut short', zstdFrame(content).subarray(0, -3), 13, /ends before its end mark/],
    ['that is longer than the directory says', zstdFrame(content), 12, /more than 12 bytes of output/],
    ['that is shorter', zstdFrame(content), 14, /13 bytes of output, should be 14/],
    ['with something behind it', concatBytes([zstdFrame(content), content]), 13, /cannot be inflated/],
  ])('%s is an error naming archive and entry', async (_, bytes, size, detail) => {
    const layer = await openZip(zip(bytes, size));
    await expect(textAt(layer, '/a')).rejects.toMatchObject({ code: 'EIO', detail: expect.stringMatching(detail) as string });
    await expect(textAt(layer, '/a')).rejects.toMatchObject({ detail: expect.stringMatching(/^x\.zip: '\/a': /) as string });
  });

  test('with a window beyond the limit is refused when it is read', async () => {
    const layer = await openZip(zip(zstdFrame(content, { windowLog: 28 })));
    await expect(textAt(layer, '/a')).rejects.toMatchObject({
      code: 'ENOTSUP',
      detail:
        "x.zip: '/a': the zstd frame needs a window of 268435456 bytes, more than the 134217728 that are allowed (option limits.window)",
    });
  });
});

describe('a zstd file that is damaged or hostile', () => {
  const frame = zstdFrame(small);
  test.each<[string, Uint8Array, string, RegExp]>([
    ['cut short in its frame', frame.subarray(0, -5), 'EIO', /^x\.tar\.zst: cut short in the zstd frame at byte 0/],
    ['cut short in a header', concatBytes([frame, frame.subarray(0, 7)]), 'EIO', /cut short in the header of the zstd frame at byte \d+/],
    [
      'cut short in a skippable frame',
      concatBytes([frame, skippableFrame(small).subarray(0, 99)]),
      'EIO',
      /cut short in the skippable frame at byte/,
    ],
    [
      'with a skippable frame of 4 GiB',
      concatBytes([frame, Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255)]),
      'EIO',
      /cut short in the skippable/,
    ],
    ['with something behind its frames', concatBytes([frame, small]), 'EIO', /no zstd frame at byte/],
    [
      'with a size that is too large',
      zstdFrame(small, { size: small.length + 1 }),
      'EIO',
      /^x\.tar\.zst: the zstd frame at byte 0 cannot be decoded/,
    ],
    [
      'with a size beyond all limits',
      zstdFrame(small, { size: 2 ** 52, windowLog: 20 }),
      'EFBIG',
      /inflates to more than the 67108864 bytes/,
    ],
    [
      'with a window beyond the limit',
      zstdFrame(small, { windowLog: 28 }),
      'ENOTSUP',
      /needs a window of 268435456 bytes, more than the 134217728/,
    ],
    ['with a single segment beyond the limit', zstdFrame(small, { size: 2 ** 28 }), 'ENOTSUP', /needs a window of 268435456 bytes/],
    ['with a dictionary', zstdFrame(small, { dictionary: 7 }), 'ENOTSUP', /needs the dictionary 7/],
    ['of something that is no tar', zstdFrame(noise(3000)), 'EINVAL', /^x\.tar\.zst, inflated: not a zip, tar/],
    ['of nothing', zstdFrame(new Uint8Array()), 'EINVAL', /inflated: .* is empty/],
    ['of skippable frames only', skippableFrame(small), 'EINVAL', /inflated: .* is empty/],
  ])('%s is refused', async (_, bytes, code, detail) => {
    await expect(open(bytes)).rejects.toMatchObject({ code, detail: expect.stringMatching(detail) as string });
  });

  test('a bomb of blocks that repeat one byte is refused at the limit, in no time', async () => {
    const bomb = zstdFrame(new Uint8Array(200 << 20), { sized: false, block: 128 << 10 });
    expect(bomb.length).toBeLessThan(10_000);
    const start = performance.now();
    await expect(open(bomb)).rejects.toMatchObject({
      code: 'EFBIG',
      detail: expect.stringMatching(/more than the 67108864 bytes/) as string,
    });
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test('after damage the decoder works again', async () => {
    await expect(open(concatBytes([frame.subarray(0, 700), noise(1000)]))).rejects.toMatchObject({ code: 'EIO' });
    expect(await textAt(await open(frame), '/a')).toBe('alpha');
  });

  test('content that has to be kept decoded counts against maxBytes', async () => {
    await expect(open(zstdFrame(tar, { sized: false }), { maxBytes: 10_000_000 })).rejects.toMatchObject({ code: 'EFBIG' });
    const layer = await open(concatBytes(pieces(tar, 1_000_003).map((part) => zstdFrame(part))), { maxBytes: 10_000_000 });
    expect(layer.table.length).toBe(13);
  });
});
