/* zstd:chunked by its manifest: what it says, what it may not say, and that content is what its digests say. */

import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';
import type { EstargzFile, TestTocEntry } from '../../support/estargz.ts';
import { noise } from '../../support/noise.ts';
import { hasTool } from '../../support/tools.ts';
import { type ZstdChunkedArchive, zstdChunkedArchive } from '../../support/zstd-chunked.ts';

const sparse = concatBytes([noise(1000, 1), new Uint8Array(2000), noise(700, 2)]);
const files: EstargzFile[] = [
  { name: 'dir/', type: 'dir', mode: 0o750, uid: 1, gid: 2, modtime: '2020-01-02T03:04:05Z' },
  { name: 'dir/small', content: 'small', mode: 0o4755, xattrs: { 'user.a': 'b' } },
  { name: 'dir/empty' },
  { name: 'sparse', content: sparse },
  { name: 'link', type: 'symlink', link: 'dir/small' },
  { name: 'hard', type: 'hardlink', link: 'dir/small' },
  { name: 'tty', type: 'char', device: [4, 1] },
  { name: 'pipe', type: 'fifo' },
  { name: 'stargz.index.json', content: 'an ordinary name here' },
  { name: '.prefetch.landmark', content: 'and so is this' },
];

const open = (archive: ZstdChunkedArchive = {}, options?: OpenLayerOptions) =>
  openLayer(zstdChunkedArchive(files, { chunkSize: 1000, ...archive }).bytes, { name: 'x.tar.zst', ...options });
const broken = (detail: RegExp, code = 'EIO') =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) as string }) as Error;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const sizes = (layer: Awaited<ReturnType<typeof open>>, path: string): number => layer.table.extent(entryAt(layer, path)).stored;

/** Changes the entry of a name. */
const change =
  (name: string, fields: TestTocEntry, number = 0) =>
  (entries: TestTocEntry[]): void => {
    Object.assign(entries.filter((entry) => entry['name'] === name)[number]!, fields);
  };

describe('what a manifest says', () => {
  test.each([
    ['with tar-split', {}],
    ['as it was before tar-split', { legacy: true }],
    ['of one chunk a file', { chunkSize: Infinity }],
  ] satisfies [string, ZstdChunkedArchive][])('is the tree of the tar inside, %s', async (_, archive) => {
    const layer = await open(archive);
    expect(layer.warnings).toEqual([]);
    const dump = await dumpLayer(layer);
    expect([...dump.keys()].sort()).toEqual([
      '/.prefetch.landmark',
      '/dir',
      '/dir/empty',
      '/dir/small',
      '/hard',
      '/link',
      '/pipe',
      '/sparse',
      '/stargz.index.json',
      '/tty',
    ]);
    expect(dump.get('/dir')).toMatchObject({ mode: 0o040750, owner: '1:2', mtime: Date.parse('2020-01-02T03:04:05Z') });
    expect(dump.get('/dir/small')).toMatchObject({ mode: 0o104755, content: bytesOf('small') });
    expect(layer.table.xattrs(entryAt(layer, '/dir/small'))?.get('user.a')).toEqual(bytesOf('b'));
    expect(dump.get('/sparse')?.content).toEqual(sparse);
    expect(dump.get('/link')?.target).toBe('dir/small');
    expect(layer.table.nlink(dump.get('/hard')!.entry)).toBe(2);
    expect(layer.table.rdev(dump.get('/tty')!.entry)).toBe(0x401);
    expect(await textAt(layer, '/stargz.index.json')).toBe('an ordinary name here');
    expect(layer.startup).toBeUndefined();
    // The same tar without its manifest: nothing is different but how much has to be fetched.
    const plain = await open({ ...archive, noFooter: true });
    expect(new Map([...(await dumpLayer(plain))].map(([path, { content, mode, target }]) => [path, { content, mode, target }]))).toEqual(
      new Map([...dump].map(([path, { content, mode, target }]) => [path, { content, mode, target }])),
    );
  });

  test('several chunks of a file are read where they are wanted, and a hole from nowhere', async () => {
    const layer = await open();
    const entry = entryAt(layer, '/sparse');
    expect(sizes(layer, '/sparse')).toBe(4);
    for (const [start, end] of [
      [0, 3700],
      [990, 1010],
      [1500, 2500],
      [2999, 3001],
      [3699, 3700],
      [5, 5],
    ] as const) {
      expect(await layer.read(entry, start, end)).toEqual(sparse.subarray(start, end));
      expect(layer.peek(entry, start, end)).toEqual(sparse.subarray(start, end));
      expect(layer.readSync!(entry, start, end)).toEqual(sparse.subarray(start, end));
    }
    for await (const { error } of layer.verify!()) expect(error).toBeUndefined();
  });

  test('of nothing, as Go writes it, is an empty tree', async () => {
    expect((await open({ json: '{"version":1,"entries":null}' })).table.length).toBe(1);
  });

  test('a hole that claims terabytes costs nothing until it is read, and then what is allowed', async () => {
    const lie = (entries: TestTocEntry[]): TestTocEntry[] => [
      { ...entries.find(({ name }) => name === 'sparse'), size: 2 ** 42, chunkSize: 2 ** 42, chunkType: 'zeros' },
    ];
    const layer = await open({ lie });
    await expect(layer.read(entryAt(layer, '/sparse'), 0, 10)).rejects.toEqual(broken(/4398046511104 bytes, more than/, 'EFBIG'));
    const more = await open({ lie }, { limits: { entrySize: 2 ** 43 } });
    expect(await more.read(entryAt(more, '/sparse'), 2 ** 41, 2 ** 41 + 3)).toEqual(new Uint8Array(3));
  });
});

describe('a given digest', () => {
  const written = zstdChunkedArchive(files, { chunkSize: 1000 });
  const tocDigest = written.annotations['manifest-checksum'];
  test('is that of the manifest as it is stored', async () => {
    expect(await textAt(await openLayer(written.bytes, { tocDigest }), '/dir/small')).toBe('small');
    await expect(openLayer(written.bytes, { tocDigest: `sha256:${'ab'.repeat(32)}` })).rejects.toEqual(
      broken(/^archive: the digest of its manifest is sha256:[0-9a-f]{64}, should be sha256:(ab){32}$/),
    );
  });
  test('and position, as annotations have them, do without a footer', async () => {
    const { bytes, annotations } = zstdChunkedArchive(files, { chunkSize: 1000, noFooter: true });
    const layer = await openLayer(bytes, {
      tocDigest: annotations['manifest-checksum'],
      manifestPosition: annotations['manifest-position'],
    });
    expect(await textAt(layer, '/dir/small')).toBe('small');
    await expect(openLayer(bytes, { tocDigest, manifestPosition: '100000:5:5:1' })).rejects.toEqual(
      broken(/its manifest is said to be at the bytes 100000 to 100005/),
    );
    await expect(openLayer(bytes, { manifestPosition: '1:2:3' })).rejects.toThrow(TypeError);
  });
});

describe('what is refused', () => {
  test.each([
    ['a chunk without its file', (entries: TestTocEntry[]) => entries.slice(4), /chunk/],
    ['a file without a digest', change('dir/small', { digest: '' }), /'dir\/small': its content from 0 on has no digest/],
    ['a chunk without a digest', change('sparse', { chunkDigest: '' }, 3), /'sparse': its content from 3000 on has no digest/],
    [
      'the same in front, where the file has one',
      change('sparse', { chunkDigest: '' }, 0),
      /'sparse': its content from 0 on has no digest/,
    ],
    ['what is no digest', change('dir/small', { digest: 'sha256:zz' }), /'dir\/small': its digest is none: 'sha256:zz'/],
    ['content that is nowhere', change('dir/small', { endOffset: 0 }), /said to be at the bytes \d+ to 0/],
    ['content behind the manifest', change('dir/small', { endOffset: 1_000_000 }), /at the bytes \d+ to 1000000 of/],
    ['chunks that go back', change('sparse', { offset: 0 }, 1), /said to be at the bytes \d+ to 0/],
    ['chunks that leave something out', change('sparse', { chunkOffset: 1001 }, 1), /chunk 2 of it is the 1000 bytes from 1001/],
    ['chunks that are more than the file', change('sparse', { size: 3600 }), /its chunks have 3700 bytes, and it has 3600/],
    ['a chunk of an unknown type', change('sparse', { chunkType: 'holes' }, 1), /has chunkType: "holes"/],
    ['an end that is no number', change('sparse', { endOffset: '9' }), /has endOffset: "9"/],
    ['hard links in a circle', change('hard', { linkName: 'hard' }), /leads back to itself/],
  ])('%s', async (_, lie, detail) => {
    await expect(open({ lie })).rejects.toEqual(broken(detail));
  });

  test.each([
    ['a manifest behind the end', (numbers: bigint[]) => void (numbers[0] = 2n ** 60n), /said to be at the bytes/, 'EIO'],
    ['a manifest of nothing', (numbers: bigint[]) => void (numbers[1] = 0n), /said to be at the bytes/, 'EIO'],
    ['a manifest of another size', (numbers: bigint[]) => void numbers[2]!--, /cannot be decoded: more than/, 'EIO'],
    ['a manifest of all memory', (numbers: bigint[]) => void (numbers[2] = 2n ** 40n), /a table of contents of 1099511627776/, 'EFBIG'],
    ['a manifest of another type', (numbers: bigint[]) => void (numbers[3] = 2n), /manifest of type 2/, 'ENOTSUP'],
    ['a manifest that is somewhere else', (numbers: bigint[]) => void numbers[0]!--, /no zstd frame where one should start/, 'EIO'],
  ])('%s', async (_, footer, detail, code) => {
    await expect(open({ footer })).rejects.toEqual(broken(detail, code));
  });

  test('a manifest that is no JSON, or of a version to come', async () => {
    await expect(open({ json: '{' })).rejects.toEqual(broken(/not JSON/));
    await expect(open({ json: '{"version":2,"entries":[]}' })).rejects.toEqual(broken(/version 2, should be 1/));
  });

  test('more content than such an archive may have', async () => {
    await expect(open({ lie: change('dir/small', { size: 2 ** 35 }) })).rejects.toEqual(broken(/claim 34359740103 bytes/, 'EFBIG'));
  });

  test('a changed byte of content, when it is read, and nothing else', async () => {
    const bytes = zstdChunkedArchive(files, { chunkSize: 1000 }).bytes.slice();
    const at = Buffer.from(bytes).indexOf(noise(1000, 1));
    bytes[at + 10]! ^= 1;
    const layer = await openLayer(bytes, { name: 'x.tar.zst' });
    const entry = entryAt(layer, '/sparse');
    await expect(layer.read(entry, 0, 10)).rejects.toEqual(broken(/^x\.tar\.zst: '\/sparse': the SHA-256 of its bytes from 0 on is/));
    expect(() => layer.peek(entry, 0, 10)).toThrow(broken(/SHA-256/));
    expect(await layer.read(entry, 3000, 3700)).toEqual(sparse.subarray(3000));
    const damaged: string[] = [];
    for await (const { entry, error } of layer.verify!()) if (error !== undefined) damaged.push(layer.table.path(entry));
    expect(damaged).toEqual(['/sparse']);
  });

  test('a frame that holds less or more than it should', async () => {
    for (const size of [4, 6]) {
      const layer = await open({ lie: change('dir/small', { size }) });
      await expect(textAt(layer, '/dir/small')).rejects.toEqual(broken(/its zstd frame cannot be decoded/));
    }
  });

  test('a window beyond the limit', async () => {
    await expect(open({}, { limits: { window: 1 } })).rejects.toEqual(broken(/needs a window of \d+ bytes, more than the 1/, 'ENOTSUP'));
  });
});

test.runIf(hasTool('zstd'))("frames of the system's zstd", async () => {
  const compress = (input: Uint8Array): Uint8Array => execFileSync('zstd', ['-q', '-c', '-19'], { input });
  const text = 'the quick brown fox jumps over the lazy dog. '.repeat(200);
  const { bytes } = zstdChunkedArchive([{ name: 'text', content: text }, ...files], { chunkSize: 4000, compress });
  const layer = await openLayer(bytes);
  expect(await textAt(layer, '/text')).toBe(text);
  expect(sizes(layer, '/text')).toBe(3);
});
