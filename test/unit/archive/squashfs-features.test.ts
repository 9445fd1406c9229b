/* What a SquashFS image can say, kind by kind, on images that are written for the purpose. */

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { adler32 } from '../../../src/archive/zlib.ts';
import { Overlay } from '../../../src/engine.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';
import { noise } from '../../support/noise.ts';
import { type SquashfsNode, squashfsImage } from '../../support/squashfs.ts';

const KINDS = [
  ['file', 0o100000],
  ['symlink', 0o120000],
  ['block', 0o060000],
  ['character', 0o020000],
  ['fifo', 0o010000],
  ['socket', 0o140000],
] as const;

test('basic and extended inodes of every kind', async () => {
  const children = KINDS.flatMap(([kind]): SquashfsNode[] => [
    { name: `${kind}-basic`, kind, content: 'content', mode: 0o4711, uid: 7, gid: 4_000_000_000, mtime: 3_000_000_000 },
    { name: `${kind}-extended`, kind, content: 'content', xattr: 0 },
  ]);
  const xattrs = [[{ type: 0, name: 'note', value: Buffer.from('yes') }]];
  const layer = await openLayer(
    squashfsImage(
      [
        { name: 'directory-basic', children },
        { name: 'directory-extended', children, xattr: 0 },
        { name: 'empty', children: [] },
        { name: 'empty-extended', children: [], isExtended: true },
      ],
      { xattrs },
      { xattr: 0 },
    ),
  );
  const { table } = layer;
  const note = new Map([['user.note', Uint8Array.from(Buffer.from('yes'))]]);
  expect(table.xattrs(0)).toEqual(note);
  expect(table.xattrs(entryAt(layer, '/directory-extended'))).toEqual(note);
  for (const directory of ['/directory-basic', '/directory-extended']) {
    for (const [kind, type] of KINDS) {
      const [basic, extended] = [entryAt(layer, `${directory}/${kind}-basic`), entryAt(layer, `${directory}/${kind}-extended`)];
      expect([table.mode(basic), table.uid(basic), table.gid(basic)]).toEqual([type | 0o4711, 7, 4_000_000_000]);
      expect(table.mtime(basic)).toBe(3e12);
      expect([table.xattrs(basic), table.xattrs(extended)]).toEqual([undefined, note]);
      for (const entry of [basic, extended]) {
        if (kind === 'file') expect(await textAt(layer, table.path(entry))).toBe('content');
        expect(table.target(entry)).toBe(kind === 'symlink' ? 'target' : undefined);
        expect(table.rdev(entry)).toBe(kind === 'block' || kind === 'character' ? 0x103 : 0);
      }
    }
  }
  expect((await dumpLayer(layer)).size).toBe(4 + 4 * KINDS.length);
  expect(layer.warnings).toEqual([]);
});

test('mounted, the root and special files are what the image says', async () => {
  const image = squashfsImage(
    [
      { name: 's', kind: 'socket' },
      { name: 'f', content: 'x', links: 2 },
      { name: 'g', link: 'f' },
    ],
    {},
    { mode: 0o1777, uid: 5 },
  );
  await using overlay = await Overlay.mount({ lower: [await openLayer(image)] });
  const fs = overlay.fs.promises;
  expect((await fs.stat('/')).mode).toBe(0o041777);
  expect((await fs.stat('/')).uid).toBe(5);
  expect((await fs.stat('/s')).isSocket()).toBe(true);
  expect([(await fs.stat('/f')).nlink, (await fs.stat('/g')).ino]).toEqual([2, (await fs.stat('/f')).ino]);
  expect(await overlay.check()).toEqual([]);
});

test.each([
  ['gzip', false, 4096],
  ['gzip', true, 65_536],
  ['zstd', false, 8192],
  ['zstd', true, 4096],
] as const)(
  '%s: blocks, holes, fragments and stored blocks are put together, whichever part is read',
  async (compressor, fragments, blockSize) => {
    const prose = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(400));
    const contents = new Map<string, Uint8Array>([
      ['prose', prose],
      ['noise', noise(3 * blockSize + 100, 2)],
      ['whole', noise(2 * blockSize, 3)],
      ['holes', Buffer.concat([Buffer.alloc(blockSize), noise(blockSize, 4), Buffer.alloc(2 * blockSize), prose.subarray(0, 77)])],
      ['hole', Buffer.alloc(3 * blockSize)],
      ['nothing', Buffer.alloc(0)],
      ['one', Buffer.from('1')],
    ]);
    const children = [...contents].map(([name, content]) => ({ name, content, isExtended: name < 'n' }));
    const bytes = squashfsImage(children, { compressor, fragments, blockSize });
    for (const from of [bytes, new Blob([Uint8Array.from(bytes), new Uint8Array(2 << 20)])]) {
      const layer = await openLayer(from);
      for (const [name, content] of contents) {
        const entry = entryAt(layer, `/${name}`);
        expect(layer.table.size(entry)).toBe(content.length);
        for (const start of [0, 1, blockSize - 1, blockSize, 2 * blockSize, content.length]) {
          for (const end of [start, start + 1, start + blockSize, content.length]) {
            if (end < start || end > content.length) continue;
            const found = await layer.read(entry, start, end);
            if (!Buffer.from(content.subarray(start, end)).equals(found)) expect.unreachable(`${name} ${start} ${end}`);
          }
        }
      }
      // From the end to the start: what is known of where blocks are goes forward only.
      const entry = entryAt(layer, '/noise');
      for (let block = 3; block >= 0; block--)
        expect((await layer.read(entry, block * blockSize, block * blockSize + 1))[0]).toBe(contents.get('noise')![block * blockSize]);
    }
  },
);

test('names of one file are one file, and names alike are not', async () => {
  const layer = await openLayer(
    squashfsImage([
      { name: 'a', content: 'alpha', links: 3 },
      { name: 'b', link: 'a' },
      {
        name: 'd',
        children: [
          { name: 'c', link: 'a' },
          { name: 'l', kind: 'symlink', links: 2 },
        ],
      },
      { name: 'm', link: 'l' },
      { name: 'other', content: 'alpha', links: 3 },
    ]),
  );
  const { table } = layer;
  const at = (path: string): number => table.canonical(entryAt(layer, path));
  expect(new Set(['/a', '/b', '/d/c'].map(at)).size).toBe(1);
  expect([table.nlink(at('/b')), table.nlink(at('/m')), table.nlink(at('/other'))]).toEqual([3, 2, 1]);
  expect(at('/m')).toBe(at('/d/l'));
  for (const path of ['/a', '/b', '/d/c', '/other']) expect(await textAt(layer, path)).toBe('alpha');
});

test('extended attributes: all prefixes, values that stand elsewhere, and an unknown kind that is left out', async () => {
  const value = Buffer.from('a value');
  const elsewhere = Buffer.alloc(8);
  // Behind the key of the first one: its header and its name.
  elsewhere.writeBigUInt64LE(BigInt(4 + 3));
  const xattrs = [
    [{ type: 0, name: 'one', value }],
    [
      { type: 1, name: 'two', value: Buffer.from('2') },
      { type: 0x102, name: 'three', value: elsewhere },
      { type: 0x101, name: 'four', value: elsewhere },
      { type: 3, name: 'unknown', value },
      { type: 0, name: 'empty', value: Buffer.alloc(0) },
    ],
  ];
  const layer = await openLayer(
    squashfsImage(
      [
        { name: 'a', xattr: 1 },
        { name: 'b', xattr: 0 },
      ],
      { xattrs },
    ),
  );
  expect(layer.table.xattrs(entryAt(layer, '/a'))).toEqual(
    new Map([
      ['trusted.two', Uint8Array.of(0x32)],
      ['security.three', Uint8Array.from(value)],
      ['trusted.four', Uint8Array.from(value)],
      ['user.empty', new Uint8Array()],
    ]),
  );
  expect(layer.warnings).toEqual([{ entry: 'a', message: "an extended attribute of the unknown kind 3 is left out: 'unknown'" }]);
});

test("overlayfs's own marks are ordinary files and attributes, as in a tar, and `.wh.` names are marks where that is asked for", async () => {
  const image = squashfsImage(
    [
      { name: '.wh.gone', content: '' },
      { name: 'dir', children: [{ name: '.wh..wh..opq', content: '' }], xattr: 0 },
      { name: 'whiteout', kind: 'character', device: 0, mode: 0 },
    ],
    { xattrs: [[{ type: 1, name: 'overlay.opaque', value: Buffer.from('y') }]] },
  );
  const plain = await openLayer(image);
  const at = (path: string): number => entryAt(plain, path);
  expect(plain.table.isWhiteout(at('/whiteout'))).toBe(false);
  expect(plain.table.mode(at('/whiteout'))).toBe(0o020000);
  expect(plain.table.isOpaque(at('/dir'))).toBe(false);
  expect([...plain.table.xattrs(at('/dir'))!.keys()]).toEqual(['trusted.overlay.opaque']);
  expect(plain.table.isWhiteout(at('/.wh.gone'))).toBe(false);
  const marked = await openLayer(image, { whiteouts: 'oci' });
  expect(marked.table.isWhiteout(entryAt(marked, '/gone'))).toBe(true);
  expect(marked.table.isOpaque(entryAt(marked, '/dir'))).toBe(true);
  expect(marked.table.isWhiteout(entryAt(marked, '/whiteout'))).toBe(false);
});

test('at, strip, include and exclude', async () => {
  const image = squashfsImage([
    {
      name: 'package',
      children: [
        { name: 'a', content: 'alpha' },
        { name: 'test', children: [{ name: 'b', content: 'beta', links: 2 }] },
        { name: 'c', link: 'b' },
      ],
    },
  ]);
  const stripped = await openLayer(image, { strip: 1, at: '/x' });
  expect([...(await dumpLayer(stripped)).keys()].sort()).toEqual(['/x', '/x/a', '/x/c', '/x/test', '/x/test/b']);
  const some = await openLayer(image, { include: ['package'], exclude: ['**/test'] });
  expect([...(await dumpLayer(some)).keys()].sort()).toEqual(['/package', '/package/a', '/package/c']);
  expect(await textAt(some, '/package/c')).toBe('beta');
});

test('a directory of 3,000 files whose inodes fill several blocks of metadata', async () => {
  const children = Array.from({ length: 3000 }, (_, i) => ({
    name: `file ${String(i).padStart(5, '0')}`,
    content: `${i}`,
    uid: i % 9,
    mtime: i,
  }));
  const image = squashfsImage([{ name: 'd', children, isExtended: true }], { fragments: true });
  const layer = await openLayer(image);
  const dump = await dumpLayer(layer);
  const found = children.map(({ name }) => {
    const { content, owner, mtime } = dump.get(`/d/${name}`)!;
    return { name, content: Buffer.from(content!).toString(), uid: Number.parseInt(owner, 10), mtime: mtime / 1000 };
  });
  expect(found).toEqual(children);
});

test('names that are no UTF-8 are shown as well as can be, with a warning', async () => {
  const layer = await openLayer(squashfsImage([{ name: Buffer.from([0x61, 0xff]), content: 'x' }]));
  expect(await textAt(layer, '/a\ufffd')).toBe('x');
  expect(layer.warnings).toEqual([{ entry: 'a\ufffd', message: 'its name is not UTF-8: what cannot be read of it is shown as U+FFFD' }]);
});

test('what an image is, its content tells, and what is behind its end does not matter', async () => {
  const image = squashfsImage([{ name: 'a', content: 'alpha' }]);
  const padded = Buffer.concat([image, Buffer.alloc(100_000), Buffer.from('anything')]);
  expect(await textAt(await openLayer(padded, { name: 'x.zip' }), '/a')).toBe('alpha');
});

test('the digest is of all of a small image and of one with `integrity`, and of the tables of others', async () => {
  const image = (seed: number, size: number) => squashfsImage([{ name: 'a', content: noise(size, seed) }]);
  const integrityOf = (bytes: Uint8Array) => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;
  const digestOf = async (bytes: Uint8Array, integrity?: string) => (await openLayer(bytes, { integrity })).digest;
  // Stored blocks: the images differ in content and in nothing else.
  expect(await digestOf(image(1, 4096))).not.toBe(await digestOf(image(2, 4096)));
  const [one, other] = [image(1, 2 << 20), image(2, 2 << 20)];
  expect(await digestOf(one, integrityOf(one))).not.toBe(await digestOf(other, integrityOf(other)));
  expect(await digestOf(one)).toBe(await digestOf(other));
  expect(await digestOf(one)).not.toBe(await digestOf(squashfsImage([{ name: 'b', content: noise(2 << 20) }])));
  expect((await openLayer(one, { strip: 1 })).digest).toBe(`${await digestOf(one)};strip=1`);
});

test('integrity covers what no checksum of the format does', async () => {
  const image = squashfsImage([{ name: 'a', content: noise(4096) }]);
  const integrity = `sha256-${createHash('sha256').update(image).digest('base64')}`;
  const changed = image.slice();
  changed[100] = changed[100]! ^ 1;
  expect(Buffer.from(await (await openLayer(image, { integrity })).read(1, 0, 4096)).equals(noise(4096))).toBe(true);
  // A stored block has no checksum: this is what docs/FORMAT.md warns of.
  expect(Buffer.from(await (await openLayer(changed)).read(1, 0, 4096)).equals(noise(4096))).toBe(false);
  await expect(openLayer(changed, { integrity })).rejects.toMatchObject({ code: 'EIO' });
});

test('Adler-32 is what zlib says', () => {
  // RFC 1950 has no examples; these are of zlib's own `adler32`.
  expect(adler32(new Uint8Array())).toBe(1);
  expect(adler32(Buffer.from('Wikipedia'))).toBe(0x11e60398);
  // The largest sums that there can be.
  expect(adler32(new Uint8Array(1 << 20).fill(255))).toBe(0x8e88ef11);
});
