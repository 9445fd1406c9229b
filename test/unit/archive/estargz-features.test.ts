/* What eStargz archives may contain, and what is read of them when. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { glanceAtStartup } from '../../../src/archive/toc.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import type { Source } from '../../../src/lower/source.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';
import { type EstargzFile, estargzArchive, landmark } from '../../support/estargz.ts';

const files: EstargzFile[] = [
  { name: 'bin/', type: 'dir', mode: 0o755, modtime: '2024-02-03T04:05:06Z' },
  {
    name: 'bin/tool',
    content: 'tool '.repeat(100),
    mode: 0o4755,
    uid: 1000,
    gid: 70_000,
    modtime: '2020-01-01T00:00:00Z',
    xattrs: { 'user.a': 'b\0c', 'user.empty': '' },
  },
  { name: 'bin/same', type: 'hardlink', link: 'bin/tool' },
  { name: 'link', type: 'symlink', link: '../out/side' },
  { name: 'empty', content: '' },
  landmark(),
  { name: 'large', content: 'abcdefghij'.repeat(1000) },
  { name: 'grün/日本', content: 'name' },
  { name: 'dev/null', type: 'char', device: [1, 3] },
  { name: 'dev/sda', type: 'block', device: [8, 300] },
  { name: 'pipe', type: 'fifo' },
];

/** A source that is not at hand, and tells what was read of it. */
function watched(bytes: Uint8Array): { source: Source; reads: [start: number, end: number][] } {
  const reads: [number, number][] = [];
  const source: Source = {
    name: 'watched.esgz',
    stats: { requests: 0, bytes: 0 },
    size: async () => bytes.length,
    read: async (start, end) => {
      reads.push([start, end]);
      return bytes.slice(start, end);
    },
    peek: () => undefined,
    close: () => undefined,
  };
  return { source, reads };
}

/** Content that does not shrink, so that an archive is larger than what is fetched whole. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24);
}

describe.each([
  ['a member for each file', {}],
  ['chunks', { chunkSize: 999 }],
  ['files that share a member', { group: 3 }],
  ['the footer of stargz', { legacy: true }],
  ['no digests, as stargz', { legacy: true, noDigests: true, chunkSize: 4000 }],
])('with %s', (_, archive) => {
  test('every entry has its type, attributes and content', async () => {
    const { bytes } = estargzArchive(files, archive);
    const layer = await openLayer(bytes, { name: 'test.esgz' });
    expect(layer.warnings).toEqual([]);
    const dump = await dumpLayer(layer);
    expect([...dump.keys()].sort()).toEqual([
      '/bin',
      '/bin/same',
      '/bin/tool',
      '/dev',
      '/dev/null',
      '/dev/sda',
      '/empty',
      '/grün',
      '/grün/日本',
      '/large',
      '/link',
      '/pipe',
    ]);
    expect(dump.get('/bin')).toMatchObject({ mode: 0o040755, mtime: Date.UTC(2024, 1, 3, 4, 5, 6) });
    expect(dump.get('/bin/tool')).toMatchObject({ mode: 0o104755, owner: '1000:70000', mtime: Date.UTC(2020, 0, 1) });
    expect(await textAt(layer, '/bin/same')).toBe('tool '.repeat(100));
    expect(layer.table.nlink(entryAt(layer, '/bin/same'))).toBe(2);
    expect(await textAt(layer, '/large')).toBe('abcdefghij'.repeat(1000));
    expect(await textAt(layer, '/grün/日本')).toBe('name');
    expect(dump.get('/link')).toMatchObject({ target: '../out/side' });
    expect(layer.table.rdev(entryAt(layer, '/dev/null'))).toBe(0x103);
    expect(layer.table.mode(entryAt(layer, '/dev/sda')) & 0o170000).toBe(0o060000);
    expect(layer.table.rdev(entryAt(layer, '/dev/sda'))).toBe(((300 & 0xff) | (8 << 8) | ((300 & ~0xff) << 12)) >>> 0);
    expect(layer.table.mode(entryAt(layer, '/pipe')) & 0o170000).toBe(0o010000);
    const xattrs = layer.table.xattrs(entryAt(layer, '/bin/tool'));
    expect(Buffer.from(xattrs!.get('user.a')!).toString()).toBe('b\0c');
    expect(xattrs!.get('user.empty')).toHaveLength(0);
  });

  test('any range of a file is right', async () => {
    const layer = await openLayer(estargzArchive(files, archive).bytes);
    const entry = entryAt(layer, '/large');
    const whole = Buffer.from('abcdefghij'.repeat(1000));
    for (const [start, end] of [
      [0, 1],
      [998, 1000],
      [999, 1998],
      [0, 10_000],
      [5000, 9999],
      [9999, 10_000],
      [7, 7],
    ] as const)
      expect(Buffer.from(layer.peek(entry, start, end)!).equals(whole.subarray(start, end))).toBe(true);
  });

  test('GNU tar unpacks it', ({ skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'estargz-'));
    try {
      writeFileSync(
        join(folder, 'a.tgz'),
        estargzArchive(
          files.filter(({ type }) => type !== 'char' && type !== 'block'),
          archive,
        ).bytes,
      );
      try {
        execFileSync('tar', ['--version']);
      } catch {
        skip('no tar');
      }
      execFileSync('tar', ['xzf', 'a.tgz'], { cwd: folder });
      expect(readFileSync(join(folder, 'large'), 'utf8')).toBe('abcdefghij'.repeat(1000));
      expect(readFileSync(join(folder, 'bin/same'), 'utf8')).toBe('tool '.repeat(100));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('the landmarks and the table of contents are no files, and what stands before the landmark is the startup range', async () => {
  const { bytes, toc } = estargzArchive(files);
  const layer = await openLayer(bytes);
  const { offset } = (JSON.parse(toc) as { entries: { name: string; offset: number }[] }).entries.find(
    ({ name }) => name === '.prefetch.landmark',
  )!;
  expect(layer.startup).toEqual([0, offset]);
  expect((await openLayer(estargzArchive([landmark('.no.prefetch.landmark'), { name: 'a', content: 'a' }]).bytes)).startup).toBeUndefined();
});

test.each<[what: string, text: string, end: number]>([
  ['as packers write it', '{"version":1,"entries":[{"name":"a","size":3},{"name":".prefetch.landmark","type":"reg","offset":4711}]}', 4711],
  ['with a path in front, and spaces', '{ "entries": [ { "offset": 12, "name": "./.prefetch.landmark" } ] }', 12],
  ['of another name', '{"entries":[{"name":"a/x.prefetch.landmark","offset":4711}]}', 0],
  ['below a directory', '{"entries":[{"name":"a/.prefetch.landmark","offset":4711}]}', 0],
  ['with something nested', '{"entries":[{"name":".prefetch.landmark","xattrs":{"a":"YQ=="},"offset":4711}]}', 0],
  ['as the target of a link', '{"entries":[{"name":"l","linkName":".prefetch.landmark","offset":4711}]}', 0],
  ['with an offset that is none', '{"entries":[{"name":".prefetch.landmark","offset":"4711"}]}', 0],
  ['with one in front of the archive', '{"entries":[{"name":".prefetch.landmark","offset":-5}]}', 0],
  ['cut short', '{"entries":[{"name":".prefetch.landmark","offset":47', 0],
  ['not there', '{"entries":[]}', 0],
])('a glance at a landmark %s', (_, text, end) => {
  expect(glanceAtStartup(text)).toBe(end);
});

test('opening reads the end of the archive and nothing of its content; a file is one read', async () => {
  const { bytes } = estargzArchive([
    { name: 'a', content: noise(900_000, 1) },
    { name: 'b', content: 'b'.repeat(500) },
    { name: 'c', content: noise(900_000, 2) },
  ]);
  const { source, reads } = watched(bytes);
  const layer = await openLayer(source);
  expect(reads.every(([start]) => start >= bytes.length - (65 << 10))).toBe(true);
  reads.length = 0;
  expect(layer.peek(entryAt(layer, '/b'), 0, 500)).toBeUndefined();
  expect(await textAt(layer, '/b')).toBe('b'.repeat(500));
  expect(reads).toHaveLength(1);
  expect(reads[0]![1] - reads[0]![0]).toBeLessThan(100_000);
  expect(Buffer.from(layer.peek(entryAt(layer, '/b'), 1, 3)!).toString()).toBe('bb');
});

test('a table of contents longer than the end that was read is read on', async () => {
  const many = Array.from({ length: 4000 }, (_, i): EstargzFile => ({ name: `f${i}`, content: noise(300, i + 1) }));
  const { bytes } = estargzArchive(many);
  const { source, reads } = watched(bytes);
  const layer = await openLayer(source);
  expect(layer.table.length).toBe(4001);
  expect(reads).toHaveLength(2);
  expect(Buffer.from(await layer.read(entryAt(layer, '/f77'), 0, 300)).equals(noise(300, 78))).toBe(true);
});

test('the digest of the table of contents pins the archive', async () => {
  const { bytes, tocDigest } = estargzArchive(files);
  expect(await textAt(await openLayer(bytes, { tocDigest }), '/large')).toHaveLength(10_000);
  const other = `sha256:${'0'.repeat(64)}`;
  await expect(openLayer(bytes, { tocDigest: other, name: 'a.esgz' })).rejects.toMatchObject({
    code: 'EIO',
    detail: `a.esgz: the digest of its table of contents is ${tocDigest}, should be ${other}`,
  });
  await expect(openLayer(bytes, { tocDigest: 'sha256-abc' })).rejects.toThrow(TypeError);
  const plain = estargzArchive(files, { noDigests: true });
  await expect(openLayer(plain.bytes, { tocDigest: plain.tocDigest })).rejects.toMatchObject({ code: 'EIO', detail: /no digests/ });
});

test('an archive without a table of contents is not what a digest of one pins', async () => {
  const { tocDigest } = estargzArchive(files);
  const { tarArchive } = await import('../../support/archives.ts');
  await expect(openLayer(tarArchive([{ name: 'a', content: 'a' }]), { tocDigest })).rejects.toMatchObject({
    code: 'EIO',
    detail: /no table of contents/,
  });
});

test('hard links may stand before what they link to, and link to one another', async () => {
  const layer = await openLayer(
    estargzArchive([
      { name: 'one', type: 'hardlink', link: 'two' },
      { name: 'two', type: 'hardlink', link: './file' },
      { name: 'file', content: 'text' },
    ]).bytes,
  );
  expect(await textAt(layer, '/one')).toBe('text');
  expect(layer.table.nlink(entryAt(layer, '/two'))).toBe(3);
});

test('options of a layer count: at, strip, whiteouts', async () => {
  const { bytes } = estargzArchive([
    { name: 'package/', type: 'dir', mode: 0o755 },
    { name: 'package/a', content: 'a' },
    { name: 'package/.wh.gone', content: '' },
  ]);
  const layer = await openLayer(bytes, { at: '/x/y', strip: 1, whiteouts: 'oci' });
  expect(await textAt(layer, '/x/y/a')).toBe('a');
  expect(layer.table.isWhiteout(entryAt(layer, '/x/y/gone'))).toBe(true);
  expect(layer.digest).not.toBe((await openLayer(bytes)).digest);
});

test('every reader of a shared member gets verified bytes, whoever came first', async () => {
  const many = Array.from({ length: 20 }, (_, i): EstargzFile => ({ name: `f${i}`, content: `content of ${i} `.repeat(50) }));
  const { bytes } = estargzArchive(many, { group: 7 });
  const { source } = watched(bytes);
  const layer = await openLayer(source);
  const texts = await Promise.all(many.map(({ name }) => textAt(layer, `/${name}`)));
  expect(texts).toEqual(many.map(({ content }) => content));
});
