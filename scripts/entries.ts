/* The package's public entry points, and where their sources are: the demo and the tests import them by name. */

import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

function source(path: string): string {
  return fileURLToPath(new URL(`../src/${path}`, import.meta.url));
}

/** Aliases for Vite: a public name to the source that it is built from. Exact matches only, so that `stratafs/x` is never `src/index.ts/x`. */
export const publicEntries = [
  { find: /^stratafs$/, replacement: source('index.ts') },
  { find: /^stratafs\/worker$/, replacement: source('worker.ts') },
  { find: /^stratafs\/engine$/, replacement: source('engine.ts') },
  { find: /^stratafs\/zenfs$/, replacement: source('zenfs.ts') },
  { find: /^stratafs\/pack$/, replacement: source('pack.ts') },
];

/** Modules of packages that a dev server meets first inside a worker, and must optimise beforehand. */
export const workerDependencies = [
  'comlink',
  'fflate',
  'idb-keyval',
  '@zenfs/core',
  '@zenfs/core/vfs/vcache.js',
  '@zenfs/core/vfs/vnode.js',
];
