/*
 * SquashFS images that lie. Each gives a POSIX error that names the archive, and the entry where there is one, before much time or
 * memory went into it.
 */

import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { textAt } from '../../support/dump-layer.ts';
import { noise } from '../../support/noise.ts';
import { type SquashfsImage, type SquashfsNode, squashfsImage } from '../../support/squashfs.ts';

const NAME = 'bad.sqfs';
const prose = 'the quick brown fox jumps over the lazy dog. '.repeat(300);

const broken = (detail: RegExp, code = 'EIO') =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) as string }) as Error;

/** Milliseconds: a hundred times what is needed, and a hundredth of what the lies ask for. */
const PATIENCE = 10_000;

async function expectRefused(bytes: Uint8Array, detail: RegExp, code?: string, options?: OpenLayerOptions): Promise<void> {
  const before = process.memoryUsage().arrayBuffers;
  await expect(openLayer(bytes, { name: NAME, ...options })).rejects.toEqual(broken(detail, code));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(512 << 20);
}

const files: SquashfsNode[] = [
  { name: 'a', content: prose },
  { name: 'd', children: [{ name: 'b', content: 'beta' }] },
  { name: 'x', xattr: 0, content: 'x' },
];
const xattrs = [[{ type: 0, name: 'note', value: Buffer.from('yes') }]];
const image = (more: SquashfsImage = {}, root?: Partial<SquashfsNode>): Uint8Array =>
  squashfsImage(files, { xattrs, fragments: true, ...more }, root);
const uint32 = (at: number, value: number) => (view: DataView) => view.setUint32(at, value, true);
const uint16 = (at: number, value: number) => (view: DataView) => view.setUint16(at, value, true);
const uint64 = (at: number, value: number) => (view: DataView) => view.setBigUint64(at, BigInt(value), true);

test('what the lies are about is read where nobody lies', async () => {
  const layer = await openLayer(image());
  expect(await textAt(layer, '/a')).toBe(prose);
  expect(layer.warnings).toEqual([]);
});

describe('the superblock', () => {
  const size = image().length;
  test.each<[string, (view: DataView) => void, RegExp, string?]>([
    ['says another version', uint16(28, 3), /^bad\.sqfs: a SquashFS image of version 3\.0, should be 4\.0$/, 'ENOTSUP'],
    ['says xz', uint16(20, 4), /compressed with xz; gzip and zstd are supported$/, 'ENOTSUP'],
    ['says a compression that there is not', uint16(20, 77), /compressed with method 77;/, 'ENOTSUP'],
    ['has blocks of no bytes', uint32(12, 0), /^bad\.sqfs: blocks of 0 bytes, and 2\^12 in its superblock$/],
    ['has blocks of 2 GiB', (view) => (uint32(12, 2 ** 31)(view), uint16(22, 31)(view)), /blocks of 2147483648 bytes/],
    ['has blocks of 512 bytes', (view) => (uint32(12, 512)(view), uint16(22, 9)(view)), /blocks of 512 bytes/],
    ['has blocks of 5000 bytes', uint32(12, 5000), /blocks of 5000 bytes/],
    ['is longer than the file', uint64(40, size + 1), new RegExp(`^bad\\.sqfs: cut short: ${size} of ${size + 1} bytes$`)],
    ['is of 2^63 bytes', uint64(40, 2 ** 63), /cut short/],
    ['has the inode table in the superblock', uint64(64, 95), /^bad\.sqfs: its inode table should be at byte 95 of/],
    ['has the inode table beyond the end', uint64(64, size), /its inode table should be at/],
    ['has the inode table at 2^60', uint64(64, 2 ** 60), /its inode table should be at/],
    ['has the directory table before the inode table', uint64(72, 96), /its directory table should be at byte 96/],
    ['has the id table at the superblock', uint64(48, 0), /its id table should be at byte 0/],
    ['has no id table', uint64(48, -1), /its id table should be at/],
    ['has the list of the id table cut off', uint64(48, size - 4), /8 bytes of metadata at byte \d+, where there are none/],
    ['has the fragment table beyond the end', uint64(80, size + 7), /its fragment table should be at/],
    ['has fragments and no table', uint64(80, -1), /1 fragments, and no table of them/],
    ['has the xattr table beyond the end', uint64(56, 2 ** 40), /its xattr table should be at/],
    ['has the xattr table in the middle of another', uint64(56, size - 16), /where there are none|block of metadata/],
    ['has the export table beyond the end', uint64(88, size + 1), /its export table should be at/],
    ['has 4 billion inodes', uint32(4, 0xffffffff), /4294967295 inodes, more than the 65536 entries/, 'EFBIG'],
    ['has no inodes', uint32(4, 0), /^bad\.sqfs: '\/': inode 5 of 0$/],
    ['has 4 billion fragments', uint32(16, 0xffffffff), /67108864 bytes of metadata at byte \d+, where there are none$/],
    ['has 65,535 ids', uint16(26, 0xffff), /of metadata at byte|block of metadata/],
    ['has no ids', uint16(26, 0), /owner 0 of 0/],
    ['has the root in the middle of an inode', uint64(32, 7), /unknown kind|inode \d+ of 5|the root is no directory/],
    [
      'has the root beyond its block',
      uint64(32, 0xffff),
      /^bad\.sqfs: '\/': byte 65535 of the block of metadata at byte \d+, which has \d+$/,
    ],
    ['has the root beyond the image', uint64(32, 2 ** 63), /where there are none$/],
    ['has a file as the root', uint64(32, 0), /^bad\.sqfs: '\/': the root is no directory$/],
  ])('%s', async (_, superblock, detail, code) => {
    await expectRefused(image({ superblock }), detail, code);
  });

  test('is all there is', async () => {
    await expectRefused(image().subarray(0, 96), /cut short: 96 of/);
    await expectRefused(image().subarray(0, 95), /like SquashFS$/, 'EINVAL');
    await expectRefused(Uint8Array.of(0x73, 0x71, 0x73, 0x68, 0, 0, 0, 0), /like big-endian SquashFS$/, 'EINVAL');
  });
});

describe('metadata', () => {
  const pack = (bytes: Uint8Array, header = bytes.length): Uint8Array => concatBytes([Uint8Array.of(header & 0xff, header >>> 8), bytes]);
  const only = (table: string, packMetadata: (content: Uint8Array) => Uint8Array) =>
    image({ packMetadata: (content, name) => (name === table ? packMetadata(content) : undefined) });

  test.each(['inode', 'directory', 'id', 'fragment', 'keys', 'sets'])('%s: a block that is not what it should be', async (table) => {
    await expectRefused(
      only(table, (content) => pack(content, 0)),
      /a block of metadata of 0 bytes/,
    );
    await expectRefused(
      only(table, (content) => pack(content, 0x7fff)),
      /a block of metadata of 32767 bytes/,
    );
    await expectRefused(
      only(table, (content) => pack(content)),
      /cannot be inflated: no zlib stream/,
    );
    await expectRefused(
      only(table, () => pack(deflateSync(''))),
      /an empty block of metadata/,
    );
    await expectRefused(
      only(table, () => pack(deflateSync(new Uint8Array(8193)))),
      /cannot be inflated: more than 8192 bytes of output/,
    );
    const changed = (content: Uint8Array): Uint8Array => {
      const zlib = deflateSync(content);
      zlib[zlib.length - 1]! ^= 1;
      return pack(zlib);
    };
    await expectRefused(only(table, changed), /the Adler-32 is 0x[0-9a-f]{8}, should be 0x[0-9a-f]{8}$/);
    const longer = (content: Uint8Array): Uint8Array => pack(concatBytes([deflateSync(content), Uint8Array.of(0)]));
    await expectRefused(only(table, longer), /5 bytes behind the zlib stream, should be 4$/);
    await expectRefused(
      only(table, (content) => pack(deflateSync(content).subarray(0, -3))),
      /cannot be inflated/,
    );
  });

  test.each(['inode', 'directory', 'id', 'fragment', 'keys', 'sets'])('%s: a block of zstd that is none, or a bomb', async (table) => {
    const zstd = (packed: Uint8Array) =>
      image({ compressor: 'zstd', packMetadata: (_, name) => (name === table ? pack(packed) : undefined) });
    await expectRefused(zstd(noise(50)), /cannot be inflated/);
    // One block of 8,193 times the same byte, without a size; and a size of a terabyte.
    const header = [0x28, 0xb5, 0x2f, 0xfd];
    const block = (8193 << 3) | 3;
    await expectRefused(
      zstd(Uint8Array.of(...header, 0, 0x50, block & 0xff, (block >> 8) & 0xff, block >> 16, 7)),
      /more than 8192 bytes of output/,
    );
    await expectRefused(zstd(Uint8Array.of(...header, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0)), /needs a window of 1099511627776 bytes/, 'ENOTSUP');
  });

  test('a table whose list leads to itself, or to one block again and again', async () => {
    const bytes = image();
    const view = new DataView(bytes.buffer);
    const ids = Number(view.getBigUint64(48, true));
    view.setBigUint64(ids, BigInt(ids), true);
    await expectRefused(bytes, /block of metadata|cannot be inflated|where there are none|inode|owner/);
  });

  test(
    '4 million fragments in one block of zeros that is listed 8,192 times',
    async () => {
      const zeros = pack(deflateSync(new Uint8Array(8192)));
      const list = new DataView(new ArrayBuffer(8192 * 8));
      const bytes = image();
      for (let i = 0; i < 8192; i++) list.setBigUint64(i * 8, BigInt(bytes.length), true);
      const whole = concatBytes([bytes, zeros, new Uint8Array(list.buffer)]);
      const view = new DataView(whole.buffer);
      uint64(80, bytes.length + zeros.length)(view);
      uint64(40, whole.length)(view);
      uint32(16, 8192 * 512)(view);
      await expectRefused(whole, /its metadata unpacks to more than the 67108864 bytes that are allowed$/, 'EFBIG');
    },
    PATIENCE,
  );

  test('inodes that fill a block each', async () => {
    const children = Array.from({ length: 300 }, (_, i): SquashfsNode => {
      const inode = (view: DataView) => concatBytes([new Uint8Array(view.buffer), new Uint8Array(8192 - view.byteLength)]);
      return { name: `${i}`, kind: 'fifo', inode };
    });
    const bytes = squashfsImage(children);
    expect((await openLayer(bytes)).table.length).toBe(301);
    await expectRefused(bytes, /^bad\.sqfs: '\d+': its metadata unpacks to more than the 1000000 bytes/, 'EFBIG', {
      limits: { size: 1e6 },
    });
  });
});

describe('inodes', () => {
  const withInode = (inode: SquashfsNode['inode'], node: Partial<SquashfsNode> = {}, more: SquashfsImage = {}): Uint8Array =>
    squashfsImage([{ name: 'd', children: [{ name: 'f', content: prose, ...node, inode }] }], { xattrs, ...more });

  test.each<[string, (view: DataView) => Uint8Array | void, Partial<SquashfsNode>, RegExp, string?]>([
    ['of kind 0', uint16(0, 0), {}, /^bad\.sqfs: 'd\/f': an inode of the unknown kind 0$/],
    ['of kind 15', uint16(0, 15), {}, /'d\/f': an inode of the unknown kind 15$/],
    [
      'of another type than the list says',
      uint16(0, 6),
      {},
      /'d\/f': inode 1 of type 2 in the list of its directory, 1 of type 6 where that is$/,
    ],
    ['with another number', uint32(12, 2), {}, /'d\/f': inode 1 of type 2 .*, 2 of type 2/],
    ['with number 0', uint32(12, 0), {}, /'d\/f': inode 0 of 3$/],
    ['with number 4 billion', uint32(12, 0xffffffff), {}, /'d\/f': inode 4294967295 of 3$/],
    ['with an owner that there is not', uint16(4, 9), {}, /'d\/f': owner 9 of 1$/],
    ['with 4 GiB in 4 billion blocks', uint32(28, 0xffffffff), {}, /^bad\.sqfs: '/],
    ['with 2^63 bytes', uint64(24, 2 ** 63), { isExtended: true }, /'d\/f': 9223372036854776000 bytes of content/],
    ['with 2^50 bytes', uint64(24, 2 ** 50), { isExtended: true }, /^bad\.sqfs: '/],
    ['with content from 2^63 on', uint64(16, 2 ** 63), { isExtended: true }, /bytes of content from 9223372036854776000 on/],
    ['with xattrs that there are not', uint32(52, 1), { isExtended: true }, /'d\/f': extended attributes number 1 of 1$/],
    ['with a target of 4 GiB', uint32(20, 0xffffffff), { kind: 'symlink' }, /'d\/f': a symbolic link with a target of 4294967295 bytes$/],
    ['with a target beyond the table', uint32(20, 60_000), { kind: 'symlink' }, /^bad\.sqfs: 'd\/f': /],
  ])(
    '%s',
    async (_, inode, node, detail, code) => {
      await expectRefused(withInode(inode, node), detail, code);
    },
    PATIENCE,
  );

  test('xattrs of an image without a table of them', async () => {
    await expectRefused(squashfsImage([{ name: 'f', xattr: 0 }]), /^bad\.sqfs: 'f': extended attributes number 0 of 0$/);
  });

  test('a symbolic link to nothing, with NUL or too long is left out with a warning', async () => {
    const layer = await openLayer(
      squashfsImage([
        { name: 'a', kind: 'symlink', target: '' },
        { name: 'b', kind: 'symlink', target: 'x\0y' },
        { name: 'c', kind: 'symlink', target: 'x'.repeat(4096) },
      ]),
    );
    expect(layer.table.length).toBe(1);
    expect(layer.warnings.map(({ entry }) => entry)).toEqual(['a', 'b', 'c']);
  });
});

describe('directories', () => {
  test.each([
    ['/', 'a/b'],
    ['an absolute name', '/etc'],
    ["'..'", '..'],
    ["'.'", '.'],
    ['NUL', 'a\0'],
    ['a slash alone', '/'],
  ])('the name %s', async (_, name) => {
    const bytes = squashfsImage([{ name: 'd', children: [{ name, content: 'x' }] }]);
    await expectRefused(
      bytes,
      new RegExp(`^bad\\.sqfs: 'd': its list has the name ${JSON.stringify(name).replaceAll('\\', '\\\\').replaceAll('.', '\\.')}$`),
    );
  });

  test('a name of 256 bytes is left out with a warning, one of 257 is damage', async () => {
    const layer = await openLayer(squashfsImage([{ name: 'n'.repeat(256), content: 'x' }, { name: 'z' }]));
    expect(layer.table.length).toBe(2);
    expect(layer.warnings).toHaveLength(1);
    await expectRefused(squashfsImage([{ name: 'n'.repeat(257), content: 'x' }]), /^bad\.sqfs: '\/': its list has a name of 257 bytes$/);
  });

  test('two entries of one name: the last counts, with a warning', async () => {
    const layer = await openLayer(
      squashfsImage([
        { name: 'a', content: '1' },
        { name: 'a', content: '2' },
      ]),
    );
    expect(await textAt(layer, '/a')).toBe('2');
    expect(layer.warnings).toEqual([{ entry: 'a', message: 'duplicate name: the last entry counts' }]);
  });

  const withList = (list: (view: DataView, bytes: Uint8Array) => Uint8Array | void, more: SquashfsImage = {}): Uint8Array =>
    squashfsImage([{ name: 'd', children: [{ name: 'f', content: 'x' }], list: (bytes) => list(new DataView(bytes.buffer), bytes) }], more);

  test.each<[string, (view: DataView, bytes: Uint8Array) => Uint8Array | void, RegExp]>([
    ['a run of 4 billion', uint32(0, 0xfffffffe), /^bad\.sqfs: 'd': its list has a run of 4294967295 entries$/],
    ['a run of 257', uint32(0, 256), /'d': its list has a run of 257 entries$/],
    ['more entries than it has bytes', uint32(0, 1), /'d': its list has 21 bytes, and ends in the middle of an entry$/],
    ['an inode beyond the table', uint32(4, 0xfffffff), /^bad\.sqfs: 'd\/f': 2 bytes of metadata at byte \d+, where there are none$/],
    ['an inode beyond its block', uint16(12, 8191), /^bad\.sqfs: 'd\/f': byte 8191 of the block of metadata/],
    ['an inode in the middle of another', uint16(12, 3), /^bad\.sqfs: 'd\/f': /],
    ['another number of an inode', uint16(14, 1), /^bad\.sqfs: 'd\/f': inode 2 of type 2/],
    ['a cut header', (_, bytes) => bytes.slice(0, 11), /'d': its list has 11 bytes, and ends/],
    ['a cut name', (_, bytes) => bytes.slice(0, 20), /'d': its list has 20 bytes, and ends/],
  ])('a list with %s', async (_, list, detail) => {
    await expectRefused(withList(list), detail);
  });

  test('a list that is somewhere else, or longer than the table', async () => {
    const withDirectory = (inode: SquashfsNode['inode'], isExtended = false) =>
      squashfsImage([{ name: 'd', children: [{ name: 'f' }], isExtended, inode }]);
    await expectRefused(withDirectory(uint32(16, 0x0fffffff)), /^bad\.sqfs: 'd': 2 bytes of metadata/);
    await expectRefused(withDirectory(uint16(26, 0xffff)), /^bad\.sqfs: 'd': byte 65535 of the block of metadata/);
    await expectRefused(withDirectory(uint16(24, 0xffff)), /^bad\.sqfs: '/);
    await expectRefused(withDirectory(uint32(20, 0xffffffff), true), /^bad\.sqfs: '/);
  });

  test('a directory in itself', async () => {
    // The root's inode is the last one of three, each 32 bytes long.
    const children: SquashfsNode[] = [
      { name: 'f', kind: 'fifo' },
      { name: 'loop', children: [], leadsTo: { block: 0, offset: 20 } },
    ];
    const bytes = squashfsImage(children, { isPlain: true }, { inode: (view) => uint32(12, 2)(view) });
    await expectRefused(bytes, /^bad\.sqfs: 'loop': a directory that is in two places, or in itself$/);
  });

  test('a directory in two places', async () => {
    await expectRefused(
      squashfsImage([
        { name: 'd', children: [] },
        { name: 'e', link: 'd' },
      ]),
      /^bad\.sqfs: 'e': a directory that is in two places/,
    );
  });

  test('2^20 directories made of 20, each of which is in two places', async () => {
    let nodes: SquashfsNode[] = [{ name: 'leaf', kind: 'fifo' }];
    for (let level = 0; level < 20; level++)
      nodes = [
        { name: `a${level}`, children: nodes },
        { name: `b${level}`, link: `a${level}` },
      ];
    await expectRefused(squashfsImage(nodes), /^bad\.sqfs: 'b19': a directory that is in two places, or in itself$/);
  });

  test('more entries than are allowed', async () => {
    const children = Array.from({ length: 300 }, (_, i): SquashfsNode => ({ name: `${i}`, link: i === 0 ? undefined : '0', kind: 'fifo' }));
    await expectRefused(squashfsImage(children), /^bad\.sqfs: '\/': more than the 200 entries that are allowed$/, 'EFBIG', {
      limits: { entries: 200 },
    });
  });

  test('directories so deep that their names are too long are left out, with warnings', async () => {
    let nodes: SquashfsNode[] = [{ name: 'end', content: 'x' }];
    for (let i = 0; i < 100; i++) nodes = [{ name: `${i}`.padEnd(200, 'x'), children: nodes }];
    const layer = await openLayer(squashfsImage(nodes));
    expect(layer.table.length).toBe(21);
    expect(layer.warnings).toHaveLength(1);
    expect(layer.warnings[0]!.message).toMatch(/^skipped: name of \d+ bytes \(at most 4095\)$/);
  });
});

describe('extended attributes', () => {
  const pair = { type: 0, name: 'n', value: Buffer.from('v') };
  const elsewhere = (block: number, offset: number): Uint8Array => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(block) * 65_536n + BigInt(offset));
    return bytes;
  };
  const refused = (more: SquashfsImage, detail: RegExp, code?: string) =>
    expectRefused(squashfsImage([{ name: 'f', content: 'x', xattr: 0 }], { xattrs: [[pair]], ...more }), detail, code);

  test('sets that lie', async () => {
    await refused({ xattrSets: uint32(8, 0xffffffff) }, /^bad\.sqfs: 'f': /);
    await refused({ xattrSets: uint64(0, 0xffff) }, /^bad\.sqfs: 'f': byte 65535 of the block of metadata/);
    await refused({ xattrSets: uint64(0, 2 ** 50) }, /^bad\.sqfs: 'f': 2 bytes of metadata at byte \d+, where there are none$/);
  });

  test('a value that stands elsewhere, and leads nowhere', async () => {
    await refused({ xattrs: [[{ ...pair, type: 0x100, value: elsewhere(2 ** 40, 0) }]] }, /^bad\.sqfs: 'f': 2 bytes of metadata/);
    await refused(
      { xattrs: [[{ ...pair, type: 0x100, value: elsewhere(0, 60_000) }]] },
      /^bad\.sqfs: 'f': byte 60000 of the block of metadata/,
    );
    await refused({ xattrs: [[{ ...pair, type: 0x100 }]] }, /^bad\.sqfs: 'f': a reference of 1 bytes to the value of 'n'$/);
  });

  test('a huge value', async () => {
    // The size of the value is that of the reference's own first four bytes.
    const value = concatBytes([elsewhere(0, 9)]);
    await refused(
      {
        xattrs: [
          [
            { ...pair, value: Buffer.from([0xff, 0xff, 0xff, 0x7f]) },
            { ...pair, type: 0x100, value },
          ],
        ],
      },
      /a value of 2147483647 bytes/,
    );
  });

  test(
    'thousands of sets with one large value',
    async () => {
      const large = { type: 0, name: 'n', value: new Uint8Array(60_000) };
      const set = Array.from({ length: 2000 }, () => ({ type: 0x100, name: 'n', value: elsewhere(0, 5) }));
      await expectRefused(
        squashfsImage(
          [
            { name: 'e', content: 'x', xattr: 0 },
            { name: 'f', content: 'x', xattr: 1 },
          ],
          { xattrs: [[large], set] },
        ),
        /^bad\.sqfs: 'f': its metadata unpacks to more than the 67108864 bytes that are allowed$/,
        'EFBIG',
      );
    },
    PATIENCE,
  );
});

describe('content', () => {
  const refusedToRead = async (bytes: Uint8Array, detail: RegExp, code?: string, path = '/f'): Promise<void> => {
    const layer = await openLayer(bytes, { name: NAME });
    await expect(textAt(layer, path)).rejects.toEqual(broken(detail, code));
    const entry = layer.table.lookup(0, path.slice(1));
    expect(() => layer.peek(entry, 0, layer.table.size(entry))).toThrow(broken(detail, code));
    const errors: unknown[] = [];
    for await (const { entry: verified, error } of layer.verify!()) if (verified === entry) errors.push(error);
    expect(errors).toEqual([broken(detail, code)]);
  };
  const file = (inode: SquashfsNode['inode'], more: SquashfsImage = {}): Uint8Array =>
    squashfsImage(
      [
        { name: 'f', content: prose.slice(0, 5000), inode },
        { name: 'g', content: 'x' },
      ],
      more,
    );

  test.each<[string, (view: DataView) => void, SquashfsImage, RegExp]>([
    ['in the superblock', uint32(16, 95), {}, /^bad\.sqfs: '\/f': its \d+ bytes from 95 are not where content is$/],
    ['in the tables', uint32(16, 300), {}, /'\/f': its \d+ bytes from 300 are not where content is$/],
    ['beyond the image', uint32(16, 0xfffffff0), {}, /'\/f': its \d+ bytes from 4294967280 are not where content is$/],
    ['in a block of 16 MiB', uint32(32, 0xffffff), {}, /'\/f': a block of 16777215 bytes, more than the 4096 of the image$/],
    ['in a block with unknown flags', uint32(32, 0x2000010), {}, /'\/f': a block of 33554448 bytes/],
    ['in the middle of a block', uint32(16, 97), {}, /'\/f': cannot be inflated: /],
    ['in fragment 1 of 1', uint32(20, 1), { fragments: true }, /'\/f': ends in fragment 1 of 1$/],
    ['in fragment 4 billion', uint32(20, 0xfffffffe), { fragments: true }, /'\/f': ends in fragment 4294967294 of 1$/],
    ['behind its fragment', uint32(24, 2), { fragments: true }, /'\/f': 905 bytes in the block at byte \d+, should be 906 or more$/],
    [
      '4 GiB into its fragment',
      uint32(24, 0xffffffff),
      { fragments: true },
      /'\/f': 905 bytes in the block at byte \d+, should be 4294968199 or more$/,
    ],
  ])('%s', async (_, inode, more, detail) => {
    await refusedToRead(file(inode, more), detail);
  });

  test.each<[string, (view: DataView) => void, RegExp]>([
    ['of no bytes', uint32(8, 0), /a block of 0 bytes/],
    ['of 16 MiB', uint32(8, 0x1ffffff), /a block of 33554431 bytes/],
    ['in the superblock', uint64(0, 0), /its \d+ bytes from 0 are not where content is$/],
    ['beyond the image', uint64(0, 2 ** 62), /are not where content is$/],
  ])('a fragment %s', async (_, fragmentTable, detail) => {
    await refusedToRead(file(undefined, { fragments: true, fragmentTable }), detail);
  });

  test('a file that ends in a fragment, where that was kept for another file', async () => {
    const nodes: SquashfsNode[] = [
      { name: 'a', content: 'alpha' },
      { name: 'f', content: 'beta', inode: (view) => uint32(24, 6)(view) },
    ];
    const layer = await openLayer(squashfsImage(nodes, { fragments: true }), { name: NAME });
    expect(await textAt(layer, '/a')).toBe('alpha');
    await expect(textAt(layer, '/f')).rejects.toEqual(broken(/'\/f': 9 bytes in the block at byte 96, should be 10 or more$/));
  });

  test('a block that unpacks to more or to less than it should, or to something else', async () => {
    const packed = (bytes: Uint8Array): Uint8Array =>
      squashfsImage([{ name: 'f', content: prose.slice(0, 4000) }], { packBlock: () => bytes });
    await refusedToRead(packed(deflateSync(new Uint8Array(4001))), /'\/f': cannot be inflated: more than 4000 bytes of output$/);
    await refusedToRead(packed(deflateSync(new Uint8Array(1 << 20))), /more than 4000 bytes of output$/);
    await refusedToRead(packed(deflateSync(new Uint8Array(3999))), /'\/f': 3999 bytes in the block at byte 96, should be 4000$/);
    const changed = deflateSync(Buffer.from(prose.slice(0, 4000)));
    changed[changed.length - 2]! ^= 4;
    await refusedToRead(packed(changed), /'\/f': cannot be inflated: the Adler-32 is/);
  });

  test('a stored block that is shorter or longer than it should be', async () => {
    for (const size of [3999, 4001]) {
      const bytes = squashfsImage([
        { name: 'f', content: noise(4000), inode: (view) => uint32(32, size | (1 << 24))(view) },
        { name: 'g', content: noise(100) },
      ]);
      await refusedToRead(bytes, new RegExp(`'/f': ${size} bytes in the block at byte 96, should be 4000$`));
    }
  });

  test('files that claim more than the image can have', async () => {
    const nodes = Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, content: prose.slice(0, 4096) }));
    await expectRefused(squashfsImage(nodes), /its files claim 163840 bytes, more than the 100000 that are allowed$/, 'EFBIG', {
      limits: { size: 100_000 },
    });
  });

  test('holes are no content, their last part neither', async () => {
    const nodes = [
      { name: 'h', content: new Uint8Array((1 << 20) + 100) },
      { name: 'n', content: noise(200_000) },
    ];
    const options = { limits: { size: 100_000 } };
    await expectRefused(squashfsImage(nodes, { blockSize: 1 << 20 }), /its files claim 200000 bytes/, 'EFBIG', options);
  });

  test('files whose lists of blocks are the inodes of others', async () => {
    const nodes = Array.from({ length: 300 }, (_, i): SquashfsNode => ({ name: `${i}`, isExtended: true, inode: uint64(24, 1500 * 4096) }));
    const detail = /^bad\.sqfs: '\d+': its metadata unpacks to more than the 1000000 bytes/;
    await expectRefused(squashfsImage(nodes, { isPlain: true }), detail, 'EFBIG', { limits: { size: 1e6 } });
  });

  test('a hole of terabytes is listed, and reading it is EFBIG', async () => {
    const blocks = 2 ** 12;
    const sparse = (view: DataView): Uint8Array => {
      uint64(24, blocks * 2 ** 20)(view);
      return concatBytes([new Uint8Array(view.buffer).subarray(0, 56), new Uint8Array(blocks * 4)]);
    };
    const bytes = squashfsImage([{ name: 'f', isExtended: true, inode: sparse }], { blockSize: 1 << 20 });
    const layer = await openLayer(bytes, { name: NAME, limits: { entrySize: 2 ** 31 } });
    expect(layer.table.size(1)).toBe(2 ** 32);
    await expect(layer.read(1, 0, 1)).rejects.toEqual(broken(/^bad\.sqfs: '\/f': 4294967296 bytes, more than the 2147483648/, 'EFBIG'));
    const allowed = await openLayer(bytes);
    expect(await allowed.read(1, 2 ** 31, 2 ** 31 + 3)).toEqual(new Uint8Array(3));
  });
});

test('more metadata than may be held in memory is refused before it is fetched', async () => {
  await expectRefused(image(), /^bad\.sqfs: \d+ bytes of metadata, more than the 100 that are allowed$/, 'EFBIG', { maxBytes: 100 });
});
