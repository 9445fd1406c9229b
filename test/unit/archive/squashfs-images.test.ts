/*
 * SquashFS images of mksquashfs: recorded ones, which every machine has, and new ones where the tools are, compared entry by entry and
 * byte by byte with what unsquashfs extracts.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { gzipImage, listing, manyLine, manyNames, storedImageGzipped, zstdImage } from '../../fixtures/squashfs-1.ts';
import { type Listing, listFolder, listLayer } from '../../support/list-entries.ts';
import { noise } from '../../support/noise.ts';
import { hasTool } from '../../support/tools.ts';

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/** Compares without printing megabytes when something differs. */
function expectSame(actual: Listing, expected: Listing): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  const different = [...expected]
    .filter(([path, line]) => actual.get(path) !== line)
    .map(([path, line]) => `${path}: ${actual.get(path)} instead of ${line}`);
  expect(different.slice(0, 10)).toEqual([]);
}

describe('a recorded image is read as its tree was', () => {
  const many = manyNames.map((path) => [path, manyLine] as const);
  test.each([
    ['gzip', bytesOf(gzipImage), [...listing, ...many]],
    ['zstd', bytesOf(zstdImage), [...listing, ...many]],
    ['stored', new Uint8Array(gunzipSync(bytesOf(storedImageGzipped))), listing.filter(([path]) => path !== '/many')],
  ])('%s', async (_, bytes, expected) => {
    const layer = await openLayer(bytes);
    expectSame(await listLayer(layer, true), new Map(expected));
    expect(layer.warnings).toEqual([]);
    const verified: number[] = [];
    for await (const { entry, error } of layer.verify!()) {
      expect(error).toBeUndefined();
      verified.push(entry);
    }
    const directories = expected.filter(([, line]) => line.startsWith('4')).length;
    // One of the files has two names.
    expect(new Set(verified).size).toBe(expected.length - directories - 1);
    expect(verified.length).toBe(new Set(verified).size);
  });
});

const modules = join(import.meta.dirname, '../../../node_modules');
const hasTools = hasTool('mksquashfs') && hasTool('unsquashfs');
const isRoot = process.getuid?.() === 0;
const withXattrs = hasTools && isRoot && hasTool('getfattr') && hasTool('setfattr');

describe.runIf(hasTools)('what unsquashfs extracts is what the layer has', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'squashfs-'));
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    for (const name of ['comlink', 'react']) cpSync(join(modules, name), join(tree, name), { recursive: true, preserveTimestamps: true });
    mkdirSync(join(tree, 'empty'), { mode: 0o700 });
    writeFileSync(join(tree, 'noise'), noise(1_500_000));
    writeFileSync(join(tree, 'blocks'), noise(1 << 20, 3));
    writeFileSync(join(tree, 'short'), noise(4097, 2));
    writeFileSync(join(tree, 'holes'), noise(5000, 5));
    truncateSync(join(tree, 'holes'), 3_000_000);
    writeFileSync(join(tree, 'zeros'), new Uint8Array(1 << 20));
    writeFileSync(join(tree, 'nothing'), '', { mode: 0o755 });
    writeFileSync(join(tree, 'noise copied'), noise(1_500_000));
    linkSync(join(tree, 'noise'), join(tree, 'noise-hard'));
    symlinkSync('noise', join(tree, 'link'));
    linkSync(join(tree, 'link'), join(tree, 'link-hard'));
    symlinkSync('x'.repeat(3000), join(tree, 'long link'));
    writeFileSync(join(tree, 'n'.repeat(255)), 'long');
    if (!withXattrs) return;
    for (let i = 0; i < 12; i++) {
      writeFileSync(join(tree, `xattr-${i}`), `${i}`);
      execFileSync('setfattr', ['-n', 'user.number', '-v', `${i}`, join(tree, `xattr-${i}`)]);
      execFileSync('setfattr', ['-n', 'trusted.long', '-v', 'v'.repeat(2000), join(tree, `xattr-${i}`)]);
    }
    execFileSync('setfattr', ['-n', 'security.x', '-v', 's', join(tree, 'empty')]);
    execFileSync('setfattr', ['-h', '-n', 'trusted.x', '-v', 's', join(tree, 'link')]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const pseudoFile = (lines: readonly string[]): string => {
    const at = join(folder, 'pseudo');
    writeFileSync(at, lines.join('\n'));
    return at;
  };
  const SPECIAL = ['whiteout c 0 0 0 0 0', 'block b 660 0 6 259 70000', 'pipe i 600 0 0 f', 'socket i 600 0 0 s'];

  const make = (name: string, options: readonly string[], tree = 'tree'): Uint8Array => {
    const image = join(folder, name);
    execFileSync('mksquashfs', [join(folder, tree), image, '-noappend', '-quiet', '-no-progress', ...options], { stdio: 'ignore' });
    return readFileSync(image);
  };

  test.each([
    ['gzip', ['-comp', 'gzip']],
    ['gzip in blocks of 4 KiB', ['-comp', 'gzip', '-b', '4096']],
    ['gzip with all ends in fragments', ['-comp', 'gzip', '-b', '65536', '-always-use-fragments', '-nopad']],
    ['gzip with strategies', ['-comp', 'gzip', '-Xcompression-level', '1', '-Xwindow-size', '9', '-Xstrategy', 'huffman_only,fixed']],
    ['not compressed', ['-comp', 'gzip', '-noI', '-noD', '-noF', '-noX', '-noId', '-no-exports']],
    ['zstd without fragments', ['-comp', 'zstd', '-no-fragments']],
    ['zstd in blocks of 1 MiB', ['-comp', 'zstd', '-Xcompression-level', '3', '-b', '1048576', '-always-use-fragments']],
    ['zstd in blocks of 4 KiB without duplicates', ['-comp', 'zstd', '-b', '4096', '-no-duplicates', '-no-sparse']],
  ])('%s', async (name, options) => {
    const pseudo = isRoot ? ['-pf', pseudoFile(SPECIAL)] : [];
    const bytes = make('image', [...options, ...pseudo]);
    const extracted = join(folder, name);
    execFileSync('unsquashfs', ['-quiet', '-no-progress', '-d', extracted, join(folder, 'image')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const layer = await openLayer(bytes);
    expect(layer.warnings).toEqual([]);
    const expected = listFolder(extracted, withXattrs);
    expect(expected.size).toBeGreaterThan(80);
    const actual = await listLayer(layer, withXattrs);
    expectSame(isRoot ? actual : withoutOwners(actual), isRoot ? expected : withoutOwners(expected));
    rmSync(extracted, { recursive: true });
  });

  /** Whoever is not root cannot give files away. */
  const withoutOwners = (all: Listing): Listing => new Map([...all].map(([path, line]) => [path, line.replace(/ \d+:\d+ /, ' ')]));

  test('5,000 devices of 2,500 owners in one directory', async () => {
    const devices = Array.from({ length: 5000 }, (_, i) => ({ uid: i % 2500, gid: 100_000 + (i % 7), major: i % 4000, minor: i * 50 }));
    const lines = devices.map(({ uid, gid, major, minor }, i) => `many/device-number-${i} c 600 ${uid} ${gid} ${major} ${minor}`);
    const { table } = await openLayer(make('many', ['-comp', 'gzip', '-pf', pseudoFile(['many d 755 1 1', ...lines])], 'tree/react'));
    const many = table.lookup(0, 'many');
    const [first, end] = table.children(many);
    expect([end - first, table.uid(many)]).toEqual([5000, 1]);
    const found = devices.map((_, i) => {
      const entry = table.lookup(many, `device-number-${i}`);
      const rdev = table.rdev(entry);
      return { uid: table.uid(entry), gid: table.gid(entry), major: (rdev >> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
    });
    expect(found).toEqual(devices);
  });

  test('an image that was appended to', async () => {
    make('twice', ['-comp', 'gzip']);
    const more = join(folder, 'more');
    mkdirSync(more);
    writeFileSync(join(more, 'added'), 'later');
    execFileSync('mksquashfs', [more, join(folder, 'twice'), '-quiet', '-no-progress'], { stdio: 'ignore' });
    const layer = await openLayer(readFileSync(join(folder, 'twice')));
    const names = [...(await listLayer(layer)).keys()];
    expect(names).toContain('/added');
    expect(names).toContain('/react/package.json');
  });

  test.each(['xz', 'lzo', 'lz4', 'lzma'])('%s is refused by name', async (compressor) => {
    await expect(openLayer(make(compressor, ['-comp', compressor], 'tree/react'), { name: 'x.sqfs' })).rejects.toMatchObject({
      code: 'ENOTSUP',
      detail: `x.sqfs: a SquashFS image compressed with ${compressor}; gzip and zstd are supported`,
    });
  });
});
