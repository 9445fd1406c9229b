/*
 * The archives that benchmarks open, by name, in a folder that git ignores. Made when first asked for; made anew when the packages or
 * what makes them change.
 *
 *     real.zip  real.tar.gz  real.tar.zst  real.esgz      more than 10,000 files and 100 MB of packages
 *     base.zip  base.esgz                                 what a compiler starts over
 *     base-traced.zip  base-traced.esgz                   the same, with what the compiler reads in front
 *     entries-1000.zip  entries-10000.zip …               synthetic
 *     real.json  base.json                                what is in them: `TreeContent`
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { TAR_END_SIZE, tarHeader, tarPadding } from '../../src/archive/tar-write.ts';
import { arrange } from '../../src/pack/entry.ts';
import type { PackTree } from '../../src/pack/entry.ts';
import { readFolder } from '../../src/pack/folder.ts';
import { packTree } from '../../src/pack/pack.ts';
import { root } from '../../scripts/entries.ts';
import { traceCompiler } from './trace.ts';
import { REAL_TREES, layOut, syntheticTree } from './trees.ts';
import type { RealTree } from './trees.ts';

/** What of a tree benchmarks have to know. */
export interface TreeContent {
  readonly files: number;
  readonly bytes: number;
  /** Paths that a start of the compiler reads, in order, with a '/' in front. */
  readonly trace: readonly string[];
}

/** Everything has the same time: that of files in npm's tarballs. */
const TIME = 499_162_500;
/** Of compression: 9 takes three times as long, and what is measured hears nothing of it. */
const LEVEL = 6;
const SYNTHETIC = /^entries-(\d+)\.zip$/;

/** Names that can be asked for on this machine: without the command `zstd`, there is no tar.zst. */
export const hasZstd = (): boolean => spawnSync('zstd', ['--version']).status === 0;

/** Makes what is missing of these archives, and gives the folder with them. */
export async function makeArchives(names: readonly string[]): Promise<string> {
  const cache = join(root, '.cache/bench');
  const folder = join(cache, stamp());
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(cache))
    if (/^[0-9a-f]{16}$/.test(old) && old !== basename(folder)) rmSync(join(cache, old), { recursive: true });
  for (const name of names) {
    const file = join(folder, name);
    if (existsSync(file) || (name.endsWith('.zst') && !hasZstd())) continue;
    process.stdout.write(`making ${name}\n`);
    const bytes = await make(name, folder, cache);
    // At once, so that one that was interrupted is made again.
    writeFileSync(`${file}.part`, bytes);
    renameSync(`${file}.part`, file);
  }
  return folder;
}

/** Of everything that decides on what is made. */
function stamp(): string {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { readonly packages: object };
  const names = Object.values(REAL_TREES).flat();
  const isOurs = (path: string): boolean => names.some((name) => `${path}/`.startsWith(`node_modules/${name}/`));
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(packages).filter(([path]) => isOurs(path))));
  const here = dirname(fileURLToPath(import.meta.url));
  for (const name of ['archives.ts', 'trace.ts', 'trees.ts']) hash.update(readFileSync(join(here, name)));
  return hash.digest('hex').slice(0, 16);
}

async function make(name: string, folder: string, cache: string): Promise<Uint8Array> {
  const count = SYNTHETIC.exec(name)?.[1];
  if (count !== undefined) return (await packTree(syntheticTree(Number(count)), { format: 'zip', level: LEVEL })).bytes;
  const [, tree = '', isTraced, format = ''] = /^([a-z]+)(-traced)?\.(.+)$/.exec(name) ?? [];
  if (!(tree in REAL_TREES)) throw new Error(`no archive is called ${name}`);
  const source = join(folder, tree);
  if (!existsSync(source)) {
    rmSync(`${source}.part`, { recursive: true, force: true });
    await layOut(tree as RealTree, `${source}.part`, cache);
    renameSync(`${source}.part`, source);
  }
  if (format === 'json') return Buffer.from(JSON.stringify(contentOf(source)));
  const content = readFolder(source);
  const trace = isTraced === undefined ? undefined : traceCompiler(source);
  switch (format) {
    case 'zip':
    case 'esgz':
      return (await packTree(content, { format: format === 'zip' ? 'zip' : 'estargz', level: LEVEL, latest: TIME, trace, owner: ROOT }))
        .bytes;
    case 'tar.gz':
      return gzipSync(await writeTar(content), { level: LEVEL });
    case 'tar.zst':
      return execFileSync('zstd', ['-q', '-c', '-3'], { input: await writeTar(content), maxBuffer: 2 ** 30 });
    default:
      throw new Error(`no archive is called ${name}`);
  }
}

const ROOT = { uid: 0, gid: 0 };

function contentOf(folder: string): TreeContent {
  const sizes = readFolder(folder).entries.flatMap(({ read }) => (read === undefined ? [] : [(read() as Uint8Array).length]));
  const trace = traceCompiler(folder).map((path) => `/${path}`);
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0), trace };
}

async function writeTar(tree: PackTree): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (const entry of arrange(tree, { latest: TIME, owner: ROOT }).rest) {
    const content = (await entry.read?.()) ?? new Uint8Array();
    const name = entry.type === 'directory' ? `${entry.path}/` : entry.path;
    pieces.push(tarHeader({ ...entry, name, size: content.length }), content, new Uint8Array(tarPadding(content.length)));
  }
  return Buffer.concat([...pieces, new Uint8Array(TAR_END_SIZE)]);
}
