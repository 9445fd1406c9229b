/*
 * The trees that benchmarks pack: real ones, of packages from npm, laid out on the disk, and synthetic ones of so many entries. The
 * same lock file gives the same trees.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isFile } from '../../src/base/mode.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import type { PackEntry, PackTree } from '../../src/pack/entry.ts';
import { root } from '../../scripts/entries.ts';
import { sourceText } from '../harness/content.ts';

/** The compiler in JavaScript, which reads its files as a program in a browser would. The one in node_modules is a native program. */
const TYPESCRIPT = 'typescript@5.9.3';

/** What a program in the browser has below it: some 7,500 files, 105 MB. */
const BASE = [
  'date-fns',
  'lodash-es',
  'react',
  'react-dom',
  '@types/react',
  '@types/node',
  'prettier',
  'playwright-core',
  'playwright',
  'assemblyscript',
  'browserfs',
  'fast-check',
  '@codemirror',
  '@lezer',
  '@isomorphic-git',
  'undici-types',
  'comlink',
  'vite',
  'rolldown',
  'tsx',
  'ws',
  'chai',
  'fflate',
  'idb-keyval',
  'memfs',
  'unionfs',
  '@vitest',
  'vitest',
  'buffer',
  'pako',
] as const;

/** More than 10,000 files and 100 MB. */
const REAL = [...BASE, 'lodash', '@jsonjoy.com', '@zenfs', 'utilium', 'kerium', 'typescript', 'zstddec', 'magic-string'] as const;

export const REAL_TREES = { base: BASE, real: REAL } as const;
export type RealTree = keyof typeof REAL_TREES;

/** Lays a real tree out below `folder`, as `node_modules`. */
export async function layOut(tree: RealTree, folder: string, cache: string): Promise<void> {
  const modules = join(folder, 'node_modules');
  for (const name of REAL_TREES[tree]) {
    const from = join(root, 'node_modules', name);
    if (!existsSync(from)) continue; // an optional package of another platform
    // Programs for this machine are not the same everywhere.
    cpSync(from, join(modules, name), { recursive: true, filter: (path) => !/\.(?:node|exe|dylib|so)$/.test(path) });
  }
  await unpack(packed(TYPESCRIPT, cache), join(modules, 'typescript'));
}

/** A package's tarball, fetched once by npm. */
function packed(specifier: string, cache: string): string {
  const file = join(cache, `${specifier.replace('@', '-')}.tgz`);
  if (!existsSync(file)) execFileSync('npm', ['pack', specifier, '--silent', '--pack-destination', cache], { cwd: root });
  return file;
}

async function unpack(file: string, folder: string): Promise<void> {
  const layer = await openLayer(new Uint8Array(readFileSync(file)), { strip: 1 });
  for (let entry = 1; entry < layer.table.length; entry++) {
    if (!isFile(layer.table.mode(entry))) continue;
    const path = join(folder, layer.table.path(entry));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await layer.read(entry, 0, layer.table.size(entry)));
  }
  await layer.close();
}

/** Files in a directory of a synthetic tree, and directories in a directory. */
const WIDTH = 20;

/** A tree of `count` entries, small files in directories of twenty, four deep at a hundred thousand. */
export function syntheticTree(count: number): PackTree {
  const entries: PackEntry[] = [];
  const common = { uid: 0, gid: 0, mtime: 0 };
  const fill = (directory: string, wanted: number): void => {
    const files = Math.min(WIDTH, wanted);
    for (let i = 0; i < files; i++) {
      const path = `${directory}file${i}.ts`;
      const seed = entries.length;
      entries.push({ ...common, path, type: 'file', mode: 0o644, read: () => sourceText(100 + (seed % 7) * 60, seed) });
    }
    const left = wanted - files;
    for (let i = 0; i < WIDTH; i++) {
      const share = Math.floor((left * (i + 1)) / WIDTH) - Math.floor((left * i) / WIDTH);
      if (share === 0) continue;
      const path = `${directory}directory${i}`;
      entries.push({ ...common, path, type: 'directory', mode: 0o755 });
      if (share > 1) fill(`${path}/`, share - 1);
    }
  };
  fill('', count);
  return { entries, warnings: [] };
}
