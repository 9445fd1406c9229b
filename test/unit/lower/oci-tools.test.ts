/* Images that other tools made or unpack: umoci and skopeo, where they are. What we mount is what they unpack, entry by entry. */

import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import nodeFs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { Overlay, memoryUpper } from '../../../src/engine.ts';
import type { FsPromises } from '../../../src/fs/api.ts';
import { openImage } from '../../../src/lower/oci-image.ts';
import { type TarFile, paxHeader, tarArchive } from '../../support/archives.ts';
import { entryAt } from '../../support/dump-layer.ts';
import { DOCKER, ImageFolder, OCI, named } from '../../support/images.ts';
import { noise } from '../../support/noise.ts';
import { startRangeServer } from '../../support/range-server.ts';
import { findRegistry, startRegistry } from '../../support/registry.ts';
import { snapshotTree } from '../../support/snapshot-tree.ts';
import { hasTool } from '../../support/tools.ts';

const hasUmoci = hasTool('umoci');
const hasSkopeo = hasTool('skopeo');
const isRoot = process.getuid?.() === 0;
const registryCommand = findRegistry();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'images-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (tool: string, ...args: string[]): string => execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const umoci = (...args: string[]): string => run('umoci', ...args);
const rootless = isRoot ? [] : ['--rootless'];

function write(images: ImageFolder, at: string): string {
  for (const [path, bytes] of images.files) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), bytes);
  }
  return at;
}

/** Mounts an image out of a folder that a server gives file by file. */
async function mounted(at: string, ref: string): Promise<string[]> {
  await using host = await startRangeServer({ files: at });
  const image = await openImage({ oci: host.url, ref });
  const overlay = await Overlay.mount({ lower: image.layers, upper: memoryUpper() });
  try {
    for (const { warnings } of overlay.layers) expect(warnings).toEqual([]);
    return owned(await snapshotTree(overlay.fs.promises, '/', { with: ['mtime'] }));
  } finally {
    await overlay.close();
  }
}

async function unpacked(at: string, ref: string): Promise<string[]> {
  const bundle = mkdtempSync(join(folder, 'bundle-'));
  umoci('unpack', ...rootless, '--image', `${at}:${ref}`, join(bundle, 'b'));
  return owned(await snapshotTree(nodeFs as unknown as FsPromises, join(bundle, 'b/rootfs'), { with: ['mtime'] }));
}

/** Whoever is not root cannot give files away. */
const owned = (lines: readonly string[]): string[] => lines.map((line) => (isRoot ? line : line.replace(/ \d+:\d+ /, ' ')));

const time = 1_500_000_000;
const file = (name: string, content: string | Uint8Array, more: Partial<TarFile> = {}): TarFile => ({
  name,
  content,
  mtime: time,
  ...more,
});
const directory = (name: string, more: Partial<TarFile> = {}): TarFile => ({
  name: `${name}/`,
  type: '5',
  mode: 0o755,
  mtime: time,
  ...more,
});
const symlink = (name: string, link: string): TarFile => ({ name, type: '2', link, mode: 0o777, mtime: time });
const hardLink = (name: string, link: string): TarFile => ({ name, type: '1', link, mtime: time });
const mark = (name: string): TarFile => ({ name, mode: 0, mtime: time });

const LAYERS: readonly (readonly TarFile[])[] = [
  [
    directory('.'),
    directory('etc'),
    file('etc/deleted', '1'),
    file('etc/kept', '1', { mode: 0o640, uid: 1000, gid: 100 }),
    file('etc/becomes-dir', '1'),
    directory('etc/becomes-file'),
    file('etc/becomes-file/inner', '1'),
    directory('etc/becomes-link'),
    file('etc/becomes-link/inner', '1'),
    directory('var', { mode: 0o1777 }),
    directory('var/opaque'),
    file('var/opaque/old', '1'),
    directory('var/opaque/dir'),
    file('var/opaque/dir/old', '1'),
    directory('var/deleted'),
    file('var/deleted/old', '1'),
    directory('var/recreated'),
    file('var/recreated/old', '1'),
    directory('bin'),
    file('bin/one', '#!one', { mode: 0o4755 }),
    hardLink('bin/two', 'bin/one'),
    directory('usr'),
    hardLink('usr/three', 'bin/one'),
    symlink('lib', 'usr/lib'),
    { name: 'pipe', type: '6', mode: 0o600, mtime: time },
    file('merged', '1'),
    paxHeader({ path: `${'long-'.repeat(40)}name`, mtime: '1500000000' }),
    file('x', 'pax'),
  ],
  [
    mark('etc/.wh.deleted'),
    directory('etc/becomes-dir'),
    file('etc/becomes-dir/inner', '2'),
    file('etc/becomes-file', '2'),
    symlink('etc/becomes-link', 'kept'),
    directory('var', { mode: 0o700 }),
    directory('var/opaque'),
    file('var/opaque/before', '2'),
    mark('var/opaque/.wh..wh..opq'),
    file('var/opaque/after', '2'),
    mark('var/.wh.deleted'),
    mark('var/.wh.recreated'),
    directory('bin'),
    file('bin/four', '#!four', { mode: 0o755 }),
    hardLink('bin/five', 'bin/four'),
    mark('bin/.wh.two'),
  ],
  [],
  [
    directory('var'),
    directory('var/recreated', { mode: 0o711 }),
    file('var/recreated/new', '4'),
    directory('var/opaque'),
    mark('var/opaque/.wh.before'),
    directory('etc'),
    mark('etc/.wh.becomes-dir'),
    directory('etc/becomes-file'),
    file('etc/becomes-file/inner', '4'),
    file('merged', '4', { mode: 0o600 }),
    file('lib', 'no link any more'),
  ],
];

/** A directory that one layer touches and another describes has its time from whoever unpacked last: not compared. */
const withoutDirectoryTimes = (lines: readonly string[]): string[] =>
  lines.map((line) => (/ directory /.test(line) ? line.replace(/ mtime=.*/, '') : line));

/** A file has as many links as its layer gave it, also when a layer above deleted one of the names: as in the kernel's overlayfs. */
const countedByLayer = (line: string): string => (/^\/(bin\/one|usr\/three) /.test(line) ? line.replace('nlink=2', 'nlink=3') : line);

describe.skipIf(!hasUmoci)('umoci', () => {
  test('unpacks our image to what we mount', async () => {
    const images = new ImageFolder();
    const at = write(images.layout([named(images.image({ layers: LAYERS }), 'latest')]), join(folder, 'ours'));
    const ours = await mounted(at, 'latest');
    const theirs = (await unpacked(at, 'latest')).map(countedByLayer);
    expect(withoutDirectoryTimes(ours)).toEqual(withoutDirectoryTimes(theirs));
    expect(ours.length).toBeGreaterThan(15);
  });

  test('makes images, in two steps, that we mount as it unpacks them', { timeout: 60_000 }, async () => {
    const at = join(folder, 'theirs');
    umoci('init', '--layout', at);
    umoci('new', '--image', `${at}:a`);
    const edit = (from: string, to: string, change: (root: string) => void): void => {
      const bundle = join(mkdtempSync(join(folder, 'edit-')), 'b');
      umoci('unpack', ...rootless, '--image', `${at}:${from}`, bundle);
      change(join(bundle, 'rootfs'));
      umoci('repack', '--image', `${at}:${to}`, bundle);
    };
    edit('a', 'b', (root) => {
      for (const name of ['src/deep/er', 'gone/with', 'moved']) mkdirSync(join(root, name), { recursive: true });
      for (const name of ['src/a', 'src/b', 'src/deep/c', 'src/deep/er/d', 'gone/e', 'gone/with/f', 'moved/g', 'name', 'dir-to-be'])
        writeFileSync(join(root, name), name.repeat(100));
      linkSync(join(root, 'src/a'), join(root, 'src/deep/linked'));
      symlinkSync('../name', join(root, 'src/link'));
    });
    edit('b', 'c', (root) => {
      rmSync(join(root, 'gone'), { recursive: true });
      rmSync(join(root, 'src/deep/c'));
      rmSync(join(root, 'dir-to-be'));
      mkdirSync(join(root, 'dir-to-be'));
      writeFileSync(join(root, 'dir-to-be/inner'), 'inner');
      renameSync(join(root, 'moved'), join(root, 'src/moved'));
      writeFileSync(join(root, 'src/b'), 'other');
      linkSync(join(root, 'name'), join(root, 'src/another-name'));
      rmSync(join(root, 'src/deep/er'), { recursive: true });
      writeFileSync(join(root, 'src/deep/er'), 'a file now');
      utimesSync(join(root, 'src/link'), time, time);
    });
    for (const ref of ['b', 'c']) expect(await mounted(at, ref)).toEqual(await unpacked(at, ref));
    expect((await mounted(at, 'c')).some((line) => line.startsWith('/gone'))).toBe(false);
    const refs = await mounted(at, 'd').catch((e: unknown) => (e as Error).message);
    expect(refs).toContain("no image 'd'; there is a, b, c");
  });
});

describe.skipIf(!hasSkopeo)('skopeo', () => {
  const insecure = ['--insecure-policy', 'copy', '--quiet'];
  test('compresses with zstd what we mount as before', async () => {
    const images = new ImageFolder();
    const layers = LAYERS.map((files) => images.blob(tarArchive(files), OCI.tar));
    const at = write(images.layout([named(images.image({ layers }), 'latest')]), join(folder, 'tar'));
    const to = join(folder, 'zstd');
    run('skopeo', ...insecure, '--dest-compress', '--dest-compress-format', 'zstd', `oci:${at}:latest`, `oci:${to}:z`);
    const index = JSON.parse(readFileSync(join(to, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
    const manifest = readFileSync(join(to, 'blobs', index.manifests[0]!.digest.replace(':', '/')), 'utf8');
    expect(manifest).toContain('+zstd');
    expect(await mounted(to, 'z')).toEqual(await mounted(at, 'latest'));
  });

  test('writes zstd:chunked, which we read by its manifest, to the same tree', async () => {
    const images = new ImageFolder();
    const large = [file('large', noise(700_000, 1)), file('holes', concatBytes([noise(99, 2), new Uint8Array(300_000), noise(99, 3)]))];
    const layers = [...LAYERS, large].map((files) => images.blob(tarArchive(files), OCI.tar));
    const at = write(images.layout([named(images.image({ layers }), 'latest')]), join(folder, 'plain'));
    const to = join(folder, 'chunked');
    run('skopeo', ...insecure, '--dest-compress', '--dest-compress-format', 'zstd:chunked', `oci:${at}:latest`, `oci:${to}:z`);
    expect(await mounted(to, 'z')).toEqual(await mounted(at, 'latest'));
    await using host = await startRangeServer({ files: to });
    const image = await openImage({ oci: host.url, ref: 'z' });
    const [top] = image.layers;
    expect(top!.table.extent(entryAt(top!, '/large')).stored).toBeGreaterThan(3);
    // The content of one chunk, and not the 700 KB.
    host.reset();
    const entry = entryAt(top!, '/holes');
    expect(Buffer.from(await top!.read(entry, 100, 200_000)).every((byte) => byte === 0)).toBe(true);
    expect(host.requests).toEqual([]);
    await image.close();
  });

  test.skipIf(registryCommand === undefined)('pushes to a registry, as Docker does it, what we pull', { timeout: 60_000 }, async () => {
    const images = new ImageFolder();
    const at = write(images.layout([named(images.image({ layers: LAYERS }), 'latest')]), join(folder, 'pushed'));
    await using registry = await startRegistry(registryCommand!);
    const to = `${registry.url.slice(7)}/team/tool:v1`;
    run('skopeo', ...insecure, '--dest-tls-verify=false', '--format', 'v2s2', `oci:${at}:latest`, `docker://${to}`);
    const image = await openImage({ image: to });
    const answer = await fetch(`${registry.url}/v2/team/tool/manifests/${image.digest}`, { headers: { accept: DOCKER.manifest } });
    expect(answer.headers.get('content-type')).toBe(DOCKER.manifest);
    const overlay = await Overlay.mount({ lower: image.layers, upper: memoryUpper() });
    expect(owned(await snapshotTree(overlay.fs.promises, '/', { with: ['mtime'] }))).toEqual(await mounted(at, 'latest'));
    await overlay.close();
  });
});
