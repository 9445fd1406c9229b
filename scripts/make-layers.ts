/*
 * Makes the archives that the demo mounts, from what npm installed: a zip of thousands of files, a tarball as `npm pack`
 * writes it, and a zip of the small project in web/template. The same packages give the same bytes, because a workspace
 * remembers its lowers by digest and refuses others.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import type { Zippable } from 'fflate';

/** One archive as the page mounts it. The manifest lists them topmost first. */
export interface LayerFile {
  /** File name in the folder of the manifest. */
  readonly url: string;
  readonly at: string;
  readonly strip: number;
  /** Regular files in it. */
  readonly files: number;
  /** Size of the archive. */
  readonly bytes: number;
}

interface Manifest {
  /** Digest of everything that the archives are made from. */
  readonly stamp: string;
  readonly layers: readonly LayerFile[];
}

/** Counts up when this script makes other archives of the same packages. */
const VERSION = 1;
const MANIFEST = 'layers.json';
/** Packages in library.zip. Enough files that listing them one by one would show. */
const LIBRARY = ['date-fns', 'lodash-es', 'typescript', 'comlink'];
const PACKED = 'react';
const TEMPLATE = fileURLToPath(new URL('../web/template', import.meta.url));
/** Links of the template: name to target. They are made here because not every checkout can hold symbolic links. */
const TEMPLATE_LINKS: readonly (readonly [name: string, target: string])[] = [['docs/start-here.md', '../README.md']];
/** The moment that npm gives every file of a tarball. Zip keeps local time, so the parts are what makes it reproducible. */
const MOMENT = new Date(1985, 9, 26, 8, 15, 0);

const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const UNIX = 3;

/**
 * Makes the archives and their manifest `layers.json` in `outDir`, unless they are there and up to date.
 *
 * @example
 * await makeLayers('web/public/layers');
 */
export async function makeLayers(outDir: string): Promise<LayerFile[]> {
  const stamp = await stampOf();
  const present = await readManifest(outDir);
  if (present !== undefined && present.stamp === stamp && (await allThere(outDir, present.layers))) return [...present.layers];

  // Made elsewhere and moved: whoever serves the folder meanwhile, or makes the same, has whole files at any time.
  await mkdir(outDir, { recursive: true });
  const making = await mkdtemp(join(outDir, '.making-'));
  try {
    const layers = [await makeTemplate(making), await makeTarball(making), await makeLibrary(making)];
    for (const { url } of layers) await rename(join(making, url), join(outDir, url));
    await writeFile(join(making, MANIFEST), `${JSON.stringify({ stamp, layers } satisfies Manifest, null, 2)}\n`);
    await rename(join(making, MANIFEST), join(outDir, MANIFEST));
    await removeOthers(outDir, layers);
    return layers;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Removes what an earlier version left. */
async function removeOthers(outDir: string, layers: readonly LayerFile[]): Promise<void> {
  const wanted = new Set([MANIFEST, ...layers.map(({ url }) => url)]);
  for (const name of await readdir(outDir)) {
    if (!wanted.has(name) && !name.startsWith('.making-')) await rm(join(outDir, name), { recursive: true, force: true });
  }
}

async function readManifest(outDir: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(outDir, MANIFEST), 'utf8')) as Manifest;
  } catch {
    return undefined; // Missing or half written: they are made again.
  }
}

async function allThere(outDir: string, layers: readonly LayerFile[]): Promise<boolean> {
  const names = new Set(await readdir(outDir));
  return layers.every((layer) => names.has(layer.url));
}

async function stampOf(): Promise<string> {
  const hash = createHash('sha256').update(`${VERSION}\n`);
  for (const name of [...LIBRARY, PACKED]) hash.update(`${name}@${await versionOf(name)}\n`);
  for (const file of await filesBelow(TEMPLATE)) hash.update(`${file}\n`).update(await readFile(join(TEMPLATE, file)));
  return hash.digest('hex');
}

function folderOf(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

async function versionOf(name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(folderOf(name), 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** Regular files below a folder, by name in code unit order, with `/` between components. */
async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return files.map((file) => file.split(sep).join('/')).sort();
}

function zipEntry(content: Uint8Array, mode: number): Zippable[string] {
  return [content, { level: 6, mtime: MOMENT, os: UNIX, attrs: mode * 0x10000 }];
}

/** Scripts and commands can be executed, as in the package that npm would unpack. */
function modeOf(name: string): number {
  return S_IFREG | (/\.sh$|\/bin\/|\/cli\.c?js$/.test(name) ? 0o755 : 0o644);
}

async function writeLayer(outDir: string, layer: Omit<LayerFile, 'bytes'>, bytes: Uint8Array): Promise<LayerFile> {
  await writeFile(join(outDir, layer.url), bytes);
  return { ...layer, bytes: bytes.length };
}

async function makeTemplate(outDir: string): Promise<LayerFile> {
  const files = await filesBelow(TEMPLATE);
  const entries: Zippable = {};
  for (const file of files) entries[file] = zipEntry(await readFile(join(TEMPLATE, file)), modeOf(file));
  for (const [name, target] of TEMPLATE_LINKS) entries[name] = zipEntry(new TextEncoder().encode(target), S_IFLNK | 0o777);
  return writeLayer(outDir, { url: 'template.zip', at: '/', strip: 0, files: files.length }, zipSync(entries));
}

async function makeLibrary(outDir: string): Promise<LayerFile> {
  const entries: Zippable = {};
  let files = 0;
  for (const name of LIBRARY) {
    const folder = folderOf(name);
    for (const file of await filesBelow(folder)) {
      const path = `${name}/${file}`;
      entries[path] = zipEntry(await readFile(join(folder, file)), modeOf(path));
      files++;
    }
  }
  return writeLayer(outDir, { url: 'library.zip', at: '/node_modules', strip: 0, files }, zipSync(entries));
}

async function makeTarball(outDir: string): Promise<LayerFile> {
  const folder = folderOf(PACKED);
  const url = `${PACKED}-${await versionOf(PACKED)}.tgz`;
  const files = (await filesBelow(folder)).length;
  const layer = { url, at: `/node_modules/${PACKED}`, strip: 1, files };
  if (await packWithNpm(folder, outDir, url)) return { ...layer, bytes: (await readFile(join(outDir, url))).length };
  return writeLayer(outDir, layer, gzipSync(await tarOf(folder), { level: 9 }));
}

/** False where there is no npm to run, which is no reason to have no demo. */
async function packWithNpm(folder: string, outDir: string, url: string): Promise<boolean> {
  const args = ['pack', folder, '--pack-destination', outDir, '--ignore-scripts', '--json', '--offline', '--loglevel=error'];
  try {
    const run = promisify(execFile);
    const { stdout } = await run('npm', args, { shell: process.platform === 'win32', timeout: 60_000 });
    const name = (JSON.parse(stdout) as { filename: string }[])[0]?.filename ?? url;
    if (name !== url) await rename(join(outDir, name), join(outDir, url));
    return true;
  } catch {
    return false;
  }
}

const BLOCK = 512;

/** The folder as npm would write it: POSIX ustar, names below `package/`. */
async function tarOf(folder: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const file of await filesBelow(folder)) {
    const content = await readFile(join(folder, file));
    parts.push(tarHeader(`package/${file}`, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** A header of POSIX.1-1988 "ustar": offsets and widths as in its table of fields. */
function tarHeader(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`a name too long for a ustar header without prefix: ${name}`);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => {
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'latin1');
  };
  header.write(name, 0);
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(Math.floor(Date.UTC(1985, 9, 26, 8, 15) / 1000), 136, 11);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header.write(' ', 155);
  return header;
}
