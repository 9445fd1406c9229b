/* What is packed is what was there: read by this package's own reader and unpacked by the system's tools. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { pack } from '../../../src/pack.ts';
import type { PackOptions } from '../../../src/pack.ts';
import type { PackEntry } from '../../../src/pack/entry.ts';
import { packTree } from '../../../src/pack/pack.ts';
import { paxHeader, tarArchive } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { hasTool } from '../../support/tools.ts';
import { differences, listFolder, listLayer, makeTree } from './source-tree.ts';

let folder: string;
let tree: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pack-'));
  tree = join(folder, 'tree');
  mkdirSync(tree);
  makeTree(tree);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const variants: [string, PackOptions][] = [
  ['eStargz', {}],
  ['eStargz without groups', { groupSize: 0 }],
  ['eStargz with small chunks', { chunkSize: 1000, groupSize: 3000 }],
  ['eStargz with a trace', { trace: ['/src/main.ts', './tool-hard', 'gone', 'src/main.ts'] }],
  ['zip', { format: 'zip' }],
  ['zip with a trace', { format: 'zip', trace: ['/src/main.ts', 'tool-hard'] }],
];

describe.each(variants)('as %s', (name, options) => {
  test('a folder comes back: names, types, modes, times, targets and bytes', async () => {
    const { bytes, entries, tocDigest } = await pack(tree, options);
    const layer = await openLayer(bytes, { tocDigest, name: 'packed' });
    expect(layer.warnings).toEqual([]);
    expect(differences(await listLayer(layer), listFolder(tree))).toEqual([]);
    expect(entries).toBe(listFolder(tree).size);
    expect(layer.table.uid(entryAt(layer, '/tool'))).toBe(0);
  });

  test('packed twice, also from a folder that was made in another order, the bytes are the same', async () => {
    const other = mkdtempSync(join(folder, 'other-'));
    makeTree(other, { reverse: true });
    const [one, same, another] = await Promise.all([pack(tree, options), pack(tree, options), pack(other, options)]);
    expect(same.digest).toBe(one.digest);
    expect(another.digest).toBe(one.digest);
  });

  test('packed anew from its own archive, the tree is the same', async () => {
    const { bytes } = await pack(tree, options);
    const again = await pack(bytes, { ...options });
    expect(differences(await listLayer(await openLayer(again.bytes)), listFolder(tree))).toEqual([]);
    if (options.format !== 'zip') expect(again.digest).toBe((await pack(tree, options)).digest);
  });

  test.skipIf(!hasTool(name.startsWith('zip') ? 'unzip' : 'tar'))("the system's tools unpack it", async () => {
    const { bytes } = await pack(tree, options);
    const out = mkdtempSync(join(folder, 'out-'));
    const archive = join(folder, `${name.replaceAll(' ', '-')}.archive`);
    writeFileSync(archive, bytes);
    if (options.format === 'zip') {
      execFileSync('unzip', ['-tqq', archive]);
      execFileSync('unzip', ['-qqXK', archive, '-d', out], { env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    } else {
      execFileSync('tar', ['xzpf', archive, '--delay-directory-restore', '-C', out]);
      for (const own of ['stargz.index.json', '.prefetch.landmark', '.no.prefetch.landmark']) rmSync(join(out, own), { force: true });
    }
    const [actual, expected] = [listFolder(out), listFolder(tree)];
    // unzip does not keep the times of symbolic links.
    if (options.format === 'zip')
      for (const path of ['/link', '/dangling']) expect(actual.delete(path) && expected.delete(path)).toBe(true);
    expect(differences(actual, expected)).toEqual([]);
  });
});

test('bytes do not depend on the order of extended attributes', async () => {
  const tar = (names: readonly string[]): Uint8Array =>
    tarArchive([paxHeader(Object.fromEntries(names.map((name) => [`SCHILY.xattr.user.${name}`, name]))), { name: 'f', content: 'f' }]);
  expect((await pack(tar(['b', 'a', 'c']))).digest).toBe((await pack(tar(['a', 'b', 'c']))).digest);
});

test('a large file has gzip members of its own, small ones share theirs', async () => {
  const { bytes } = await pack(tree);
  const toc = Number.parseInt(Buffer.from(bytes.subarray(-35, -19)).toString(), 16);
  const tar = gunzipSync(bytes.subarray(toc, bytes.length - 51)).subarray(512);
  const json = tar.subarray(0, tar.indexOf(0)).toString();
  const { entries } = JSON.parse(json) as {
    entries: { name: string; type: string; offset?: number; innerOffset?: number; size?: number }[];
  };
  const contents = entries.filter(({ offset }) => offset !== undefined);
  for (const { name, innerOffset, size } of contents) if ((size ?? 0) >= 65_536) expect([name, innerOffset]).toEqual([name, undefined]);
  expect(contents.filter(({ type }) => type === 'chunk').map(({ name }) => name)).toEqual(['repeated.txt']);
  expect(contents.filter(({ innerOffset }) => innerOffset !== undefined).length).toBeGreaterThan(5);
});

test('bytes do not depend on the time zone or the locale', async () => {
  const digest = async (): Promise<string> => (await pack(tree, { format: 'zip' })).digest;
  const here = await digest();
  const zone = process.env.TZ;
  process.env.TZ = 'Pacific/Kiritimati';
  try {
    expect(await digest()).toBe(here);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

describe('a trace', () => {
  test('puts its files in front, in its order, in one range that ends at the landmark', async () => {
    const trace = ['/repeated.txt', '/src/main.ts', '/a.txt'];
    const packed = await pack(tree, { trace });
    expect(packed.prefetched).toBe(4); // with the directory src
    const layer = await openLayer(new Blob([packed.bytes]));
    const [start, end] = layer.startup!;
    expect(start).toBe(0);
    expect(end).toBeLessThan(packed.bytes.length / 3);
    // Whoever has that range and the table of contents has these files: what is between them is gone.
    const cut = packed.bytes.slice();
    const toc = Number.parseInt(Buffer.from(cut.subarray(-35, -19)).toString(), 16);
    cut.fill(0, end, toc);
    const partial = await openLayer(cut, { tocDigest: packed.tocDigest });
    for (const path of trace) expect(await textAt(partial, path)).toBe(readFileSync(join(tree, path), 'utf8'));
    await expect(textAt(partial, '/large.bin')).rejects.toMatchObject({ code: 'EIO' });
  });

  test('without one there is no startup range', async () => {
    expect((await openLayer((await pack(tree)).bytes)).startup).toBeUndefined();
  });
});

describe('options', () => {
  test('exclude leaves out what matches and what is below; a hard link whose file is left out becomes the file', async () => {
    const packed = await pack(tree, { exclude: ['src/deep', '*.bin', 'tool'] });
    const layer = await openLayer(packed.bytes);
    for (const path of ['/src/deep', '/large.bin', '/tool']) expect(() => entryAt(layer, path)).toThrow();
    expect(await textAt(layer, '/tool-hard')).toBe('#!/bin/sh\n');
    expect(layer.table.nlink(entryAt(layer, '/tool-hard'))).toBe(1);
  });

  test.each(['estargz', 'zip'] as const)(
    '%s: a time beyond all dates is packed as the latest, and what is packed can be read',
    async (format) => {
      const tar = tarArchive([paxHeader({ mtime: '9007199254740991' }), { name: 'f', content: 'f' }]);
      const layer = await openLayer((await pack(tar, { format })).bytes);
      const latest = format === 'zip' ? 0x7fffffff : Date.parse('9999-12-31T23:59:59Z') / 1000;
      expect(layer.table.mtime(entryAt(layer, '/f'))).toBe(latest * 1000);
    },
  );

  test('names and targets that are not UTF-8 are left out with a warning, and the rest is packed', async () => {
    const odd = mkdtempSync(join(folder, 'odd-'));
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/lat`), Buffer.of(0xe9)]), 'x');
    symlinkSync(Buffer.of(0xe9), join(odd, 'link'));
    writeFileSync(join(odd, 'plain'), 'x');
    const { bytes, warnings } = await pack(odd);
    expect(warnings).toEqual([
      { path: 'lat\ufffd', message: 'left out: its name is not UTF-8' },
      { path: 'link', message: 'left out: its target is not UTF-8' },
    ]);
    expect(await textAt(await openLayer(bytes), '/plain')).toBe('x');
  });

  test('latest clamps times, owner sets owners or keeps them', async () => {
    const layer = await openLayer((await pack(tree, { latest: 1_600_000_100, owner: { uid: 12, gid: 3_000_000 } })).bytes);
    for (let entry = 1; entry < layer.table.length; entry++) {
      expect(layer.table.mtime(entry)).toBeLessThanOrEqual(1_600_000_100_000);
      expect([layer.table.uid(entry), layer.table.gid(entry)]).toEqual([12, 3_000_000]);
    }
    const tar = tarArchive([
      paxHeader({ 'SCHILY.xattr.user.a': 'x\0y' }),
      { name: 'f', content: 'f', uid: 7, gid: 8, mtime: 5 },
      { name: 'null', type: '3', device: [1, 3] },
    ]);
    const kept = await openLayer((await pack(tar)).bytes);
    expect([kept.table.uid(entryAt(kept, '/f')), kept.table.gid(entryAt(kept, '/f')), kept.table.mtime(entryAt(kept, '/f'))]).toEqual([
      7, 8, 5000,
    ]);
    expect(Buffer.from(kept.table.xattrs(entryAt(kept, '/f'))!.get('user.a')!).toString()).toBe('x\0y');
    expect(kept.table.rdev(entryAt(kept, '/null'))).toBe(0x103);
    const zipped = await pack(tar, { format: 'zip' });
    expect(zipped.warnings.map(({ path }) => path)).toEqual(['f', 'null']);
  });

  test.each([
    [{ level: 10 }, TypeError],
    [{ groupSize: -1 }, TypeError],
    [{ chunkSize: 0 }, TypeError],
    [{ format: 'rar' as 'zip' }, TypeError],
    [{ exclude: [''] }, TypeError],
    [{ strip: 1 }, TypeError],
  ])('%j is refused', async (options, error) => {
    await expect(pack(tree, options)).rejects.toThrow(error);
  });

  test('names that the format has for itself are refused', async () => {
    await expect(pack(tarArchive([{ name: 'stargz.index.json', content: '{}' }]))).rejects.toMatchObject({
      code: 'EINVAL',
      path: 'stargz.index.json',
    });
    expect((await pack(tarArchive([{ name: 'sub/stargz.index.json', content: '{}' }]))).entries).toBe(1);
  });

  test('what is no archive is told', async () => {
    await expect(pack(new TextEncoder().encode('no archive'))).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(pack(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('an empty folder is an archive of nothing', async () => {
  const empty = mkdtempSync(join(folder, 'empty-'));
  for (const format of ['estargz', 'zip'] as const) expect((await openLayer((await pack(empty, { format })).bytes)).table.length).toBe(1);
});

const many = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, read: () => new Uint8Array() } as const;

test('more than 65,535 entries are counted by ZIP64', async () => {
  const tree = { entries: Array.from({ length: 65_600 }, (_, i): PackEntry => ({ ...many, path: `d${i % 100}/f${i}` })), warnings: [] };
  const { bytes, entries } = await packTree(tree, { format: 'zip', level: 0 });
  expect(entries).toBe(65_600);
  expect((await openLayer(bytes, { maxBytes: 1e9 })).table.length).toBe(65_701);
});

describe.skipIf(!hasTool('npm'))('a tarball of npm', () => {
  test.each(['estargz', 'zip'] as const)(
    'packed as %s holds what the package has',
    async (format) => {
      const out = mkdtempSync(join(folder, 'npm-'));
      execFileSync('npm', ['pack', '--silent', '--ignore-scripts', join(import.meta.dirname, '../../../node_modules/react')], {
        cwd: out,
        stdio: 'ignore',
      });
      const tarball = readdirSync(out)[0]!;
      copyFileSync(join(out, tarball), join(out, 'in.tgz'));
      const { bytes } = await pack(join(out, 'in.tgz'), { format, strip: 1 });
      const packed = await listLayer(await openLayer(bytes));
      expect(packed.size).toBeGreaterThan(20);
      expect(differences(packed, await listLayer(await openLayer(readFileSync(join(out, 'in.tgz')), { strip: 1 })))).toEqual([]);
    },
    60_000,
  );
});
