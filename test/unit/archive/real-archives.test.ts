/*
 * Real packages, packed by this repository's own writer, which every machine has, and by the system's tools where they are:
 * compared entry by entry with the folder that they came from.
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Layer } from '../../../src/layer/layer.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { paxHeader, tarArchive, type TarFile, timestampField, zipArchive, type ZipFile } from '../../support/archives.ts';
import { dumpLayer, entryAt } from '../../support/dump-layer.ts';
import { hasTool } from '../../support/tools.ts';

const modules = join(import.meta.dirname, '../../../node_modules');

/** Path -> type and permissions, time in seconds, content or target. */
type Listing = Map<string, string>;

const line = (mode: number, mtimeMs: number, content: string): string => `${mode.toString(8)} ${Math.floor(mtimeMs / 1000)} ${content}`;

function listFolder(root: string): Listing {
  const listing: Listing = new Map();
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, name);
    const { mode, mtimeMs, ...stats } = lstatSync(path);
    let content = '';
    if ((mode & 0o170000) === 0o120000) content = readlinkSync(path);
    else if ((mode & 0o170000) === 0o100000) content = readFileSync(path, 'latin1');
    else if ((mode & 0o170000) !== 0o040000) continue;
    expect(stats.size).toBeGreaterThanOrEqual(0);
    listing.set(`/${name}`, line(mode, mtimeMs, content));
  }
  return listing;
}

async function listLayer(layer: Layer): Promise<Listing> {
  const listing: Listing = new Map();
  for (const [path, { mode, mtime, content, target }] of await dumpLayer(layer)) {
    listing.set(path, line(mode, mtime, target ?? Buffer.from(content ?? []).toString('latin1')));
  }
  return listing;
}

/** Compares without printing megabytes when something differs. */
function expectSame(actual: Listing, expected: Listing): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  const different = [...expected]
    .filter(([path, text]) => actual.get(path) !== text)
    .map(([path, text]) => `${path}: ${actual.get(path)?.slice(0, 60)} instead of ${text.slice(0, 60)}`);
  expect(different.slice(0, 10)).toEqual([]);
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'archives-'));
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  for (const name of ['lodash-es', 'react', 'comlink'])
    cpSync(join(modules, name), join(tree, name), { recursive: true, preserveTimestamps: true });
  symlinkSync('lodash-es/add.js', join(tree, 'link'));
  symlinkSync('../outside', join(tree, 'dangling'));
  mkdirSync(join(tree, 'empty'), { mode: 0o700 });
  writeFileSync(join(tree, 'nothing'), '');
  writeFileSync(join(tree, 'grün und 日本'), 'name');
  const deep = join(tree, ...Array.from({ length: 12 }, (_, i) => `a-rather-long-component-${i}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'deep.txt'), 'deep');
  writeFileSync(join(tree, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
  chmodSync(join(tree, 'tool'), 0o4755);
  linkSync(join(tree, 'tool'), join(tree, 'tool-hard'));
  utimesSync(join(tree, 'nothing'), 86_400, 86_400);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("packed by this repository's writer", () => {
  test('as a zip, every entry is as it was', async () => {
    const source = listFolder(join(folder, 'tree'));
    const files = [...source.keys()].map((name): ZipFile => {
      const path = join(folder, 'tree', name);
      const { mode, mtimeMs } = lstatSync(path);
      const type = mode & 0o170000;
      const content = type === 0o120000 ? readlinkSync(path) : type === 0o100000 ? readFileSync(path) : '';
      return {
        name: `${name.slice(1)}${type === 0o040000 ? '/' : ''}`,
        mode,
        content,
        deflate: content.length > 100,
        extra: timestampField(Math.floor(mtimeMs / 1000)),
      };
    });
    expectSame(await listLayer(await openLayer(zipArchive(files))), source);
  });

  test('as npm packs, every file is as it was', async () => {
    const root = join(modules, 'date-fns');
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => lstatSync(join(root, name)).isFile());
    const files = names.flatMap((name): TarFile[] => {
      const path = `package/${name}`;
      const file = { name: path.slice(-100), content: readFileSync(join(root, name)), mode: 0o644, mtime: 499_162_500 };
      return path.length > 100 ? [paxHeader({ path }), file] : [file];
    });
    const layer = await openLayer(new Uint8Array(gzipSync(tarArchive(files))), { strip: 1 });
    const found = new Map([...(await dumpLayer(layer))].filter(([, { content }]) => content !== undefined));
    expect([...found.keys()].sort()).toEqual(names.map((name) => `/${name}`).sort());
    expect(names.filter((name) => !readFileSync(join(root, name)).equals(found.get(`/${name}`)!.content!))).toEqual([]);
    expect(layer.warnings).toEqual([]);
  });
});

const PYTHON = `
import os, sys, zipfile
with zipfile.ZipFile('out.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
  for at, folders, files in os.walk('tree'):
    for name in files:
      path = os.path.join(at, name)
      if not os.path.islink(path) and os.path.getsize(path): archive.write(path, os.path.relpath(path, 'tree'))
`;

describe("packed by the system's tools", () => {
  const pack = (tool: string, args: readonly string[], file: string, cwd = 'tree'): Uint8Array => {
    execFileSync(tool, args, { cwd: join(folder, cwd), stdio: ['ignore', 'ignore', 'inherit'] });
    return readFileSync(join(folder, file));
  };
  const compare = async (bytes: Uint8Array): Promise<void> => {
    const layer = await openLayer(bytes);
    expectSame(await listLayer(layer), listFolder(join(folder, 'tree')));
    expect(layer.warnings).toEqual([]);
  };

  test.runIf(hasTool('zip'))('zip', async () => {
    await compare(pack('zip', ['-qry', '../deflated.zip', '.'], 'deflated.zip'));
    await compare(pack('zip', ['-qry0', '../stored.zip', '.'], 'stored.zip'));
    execFileSync('zip', ['-qz', '../deflated.zip'], { cwd: join(folder, 'tree'), input: 'a comment\n' });
    await compare(readFileSync(join(folder, 'deflated.zip')));
  });

  // Without symbolic links: zip stores those, and cannot store anything to a pipe.
  test.runIf(hasTool('zip'))('zip to a pipe, which needs data descriptors', async () => {
    const layer = await openLayer(pack('sh', ['-c', 'zip -qr - lodash-es | cat > ../piped.zip'], 'piped.zip'));
    const source = [...listFolder(join(folder, 'tree'))].filter(([path]) => path.startsWith('/lodash-es'));
    expectSame(await listLayer(layer), new Map(source));
  });

  test.runIf(hasTool('tar'))('tar, in every format that can hold the tree', async () => {
    for (const format of ['gnu', 'pax', 'posix'])
      await compare(pack('tar', [`--format=${format}`, '-cf', `../${format}.tar`, '.'], `${format}.tar`));
    const layer = await openLayer(pack('tar', ['-czf', '../x.tgz', '.'], 'x.tgz'));
    expectSame(await listLayer(layer), listFolder(join(folder, 'tree')));
    const hard = [...(await dumpLayer(layer))]
      .filter(([path]) => path.startsWith('/tool'))
      .map(([, { entry }]) => layer.table.canonical(entry));
    expect(new Set(hard).size).toBe(1);
  });

  test.runIf(hasTool('gzip') && hasTool('tar'))('tar and gzip, in two members', async () => {
    const whole = pack('tar', ['--format=gnu', '-cf', '../two.tar', '.'], 'two.tar');
    const members = [whole.subarray(0, 100_001), whole.subarray(100_001)].map((part) =>
      execFileSync('gzip', ['-9'], { input: part, maxBuffer: 1 << 28 }),
    );
    await compare(Buffer.concat(members));
  });

  test.runIf(hasTool('zstd') && hasTool('tar'))('tar and zstd, in one frame and in several', async () => {
    await compare(pack('tar', ['--zstd', '-cf', '../x.tar.zst', '.'], 'x.tar.zst'));
    const whole = pack('tar', ['--format=pax', '-cf', '../frames.tar', '.'], 'frames.tar');
    const frames = [whole.subarray(0, 300_001), whole.subarray(300_001, 1_500_000), whole.subarray(1_500_000)].map((part) =>
      execFileSync('zstd', ['-q', '-c', '-19'], { input: part, maxBuffer: 1 << 28 }),
    );
    await compare(Buffer.concat(frames));
  });

  test.runIf(hasTool('tar'))('tar, with extended attributes, fifos and holes', async () => {
    const tree = join(folder, 'special');
    mkdirSync(tree);
    execFileSync('mkfifo', [join(tree, 'fifo')]);
    writeFileSync(join(tree, 'file'), 'x');
    truncateSync(join(tree, 'file'), 3_000_000);
    // Extended attributes as tar would find them on a file system that has some.
    const attribute = '--pax-option=SCHILY.xattr.user.note:=from tar';
    const layer = await openLayer(
      pack('tar', ['--format=pax', '--sparse', attribute, '-cf', '../special.tar', '.'], 'special.tar', 'special'),
    );
    expect(layer.warnings).toEqual([]);
    const file = entryAt(layer, '/file');
    expect(layer.table.xattrs(file)).toEqual(new Map([['user.note', Uint8Array.from(Buffer.from('from tar'))]]));
    expect(Buffer.from(await layer.read(file, 0, 3_000_000)).equals(readFileSync(join(tree, 'file')))).toBe(true);
    expect(layer.table.mode(entryAt(layer, '/fifo')) & 0o170000).toBe(0o010000);
  });

  test.runIf(hasTool('python3'))("Python's zipfile", async () => {
    const layer = await openLayer(pack('python3', ['-c', PYTHON], 'out.zip', '.'));
    const source = listFolder(join(folder, 'tree'));
    for (const [path, { content }] of await dumpLayer(layer))
      if (content !== undefined) expect(source.get(path)?.endsWith(Buffer.from(content).toString('latin1'))).toBe(true);
    expect([...(await dumpLayer(layer)).values()].filter(({ content }) => content !== undefined).length).toBeGreaterThan(600);
  });
});
