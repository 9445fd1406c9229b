/*
 * `npm run build`: the kernels, the bundles and the declarations in dist/.
 *
 *   index.js            the page's client. Holds the literal `new Worker(new URL('./worker.js', import.meta.url), …)` that bundlers know.
 *   worker.js           the packaged worker: one self-contained, minified file, dependencies included, no ZenFS.
 *   formats.js, writers.js, zstd.js: readers of rare formats, the writer of archives, and the zstd decoder as text: beside the worker, which loads
 *                       them when it needs them.
 *   serve.js            `stratafs/worker`, for an application's own worker.
 *   pack.js, cli.js     `stratafs/pack` and the `stratafs` command: for Node.
 *   engine.js, zenfs.js and the chunks that the entry points share. Dependencies stay imports.
 *   types/              declarations.
 */

import { existsSync, readFileSync } from 'node:fs';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'rolldown';
import type { OutputChunk, Plugin, RolldownOutput } from 'rolldown';
import { assertBudgets, bundleSizes } from './bundle-sizes.ts';
import { root } from './entries.ts';
import { assertSelfContained, lazyFiles } from './lazy-files.ts';
import { runTool } from './run-tool.ts';
import type { Tool } from './run-tool.ts';

const dist = join(root, 'dist');

/** Where the packaged worker starts. Not an entry point: applications refer to dist/worker.js. */
const workerScript = 'src/rpc/worker-script.ts';

/** What the packaged worker loads when it needs it: module to file. */
const lazyParts = new Map([
  ['formats', 'formats.js'],
  ['writers', 'writers.js'],
  ['zstd-wasm', 'zstd.js'],
]);

/** Where the `stratafs` command starts. */
const commandScript = 'src/cli/bin.ts';

/** How a page starts the packaged worker, as bundlers recognise it. */
const workerLiteral = `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`;

function run(title: string, tool: Tool, args: readonly string[]): void {
  if (runTool(tool, args) !== 0) throw new Error(`${title} failed`);
}

/** In the sources the page's client names the worker's TypeScript, so that a dev server finds it; in dist it is its neighbour. */
function namePackagedWorker(): Plugin {
  return {
    name: 'name-packaged-worker',
    transform(code, id) {
      if (!id.includes('/src/rpc/')) return null;
      const named = code.replace(
        /new URL\((['"`])\.\/worker-script\.ts\1, import\.meta\.url\)/g,
        `new URL('./worker.js', import.meta.url)`,
      );
      return named === code ? null : { code: named, map: null };
    },
  };
}

function chunksOf(output: RolldownOutput): OutputChunk[] {
  return output.output.filter((part): part is OutputChunk => part.type === 'chunk');
}

async function buildEntries(): Promise<void> {
  const output = await build({
    cwd: root,
    input: {
      index: 'src/index.ts',
      serve: 'src/worker.ts',
      engine: 'src/engine.ts',
      zenfs: 'src/zenfs.ts',
      pack: 'src/pack.ts',
      cli: commandScript,
    },
    platform: 'browser',
    external: /^[^./]/,
    plugins: [namePackagedWorker()],
    output: { dir: dist, format: 'esm', sourcemap: true, entryFileNames: '[name].js', chunkFileNames: 'shared-[name]-[hash].js' },
  });
  const page = chunksOf(output).find((chunk) => chunk.fileName === 'index.js');
  if (page === undefined || !collapse(page.code).includes(collapse(workerLiteral))) {
    throw new Error(`dist/index.js does not hold ${workerLiteral}: no bundler would find the worker`);
  }
}

/** Without white space and kinds of quotes: what a code printer may change in a literal. */
function collapse(code: string): string {
  return code.replace(/\s+/g, '').replace(/[`"]/g, "'");
}

async function buildWorker(): Promise<void> {
  const output = await build({
    cwd: root,
    input: { worker: workerScript },
    platform: 'browser',
    plugins: [namePackagedWorker(), lazyFiles(lazyParts)],
    output: { dir: dist, entryFileNames: '[name].js', format: 'esm', sourcemap: true, minify: true },
  });
  const chunks = chunksOf(output);
  assertSelfContained(chunks, lazyParts);
  // Its WebAssembly is in zstd.js, without the rest of it.
  const packages = [...packagesOf(chunks), 'zstddec'];
  if (packages.some((name) => name.startsWith('@zenfs/'))) throw new Error('dist/worker.js contains ZenFS, which is LGPL');
  await writeFile(join(dist, 'worker.js.LICENSES.txt'), licencesOf(packages));
}

/** Names of the packages whose modules are in chunks. */
function packagesOf(chunks: readonly OutputChunk[]): string[] {
  const ids = chunks.flatMap(({ moduleIds }) => moduleIds);
  const names = ids.flatMap((id) => /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(id)?.[1] ?? []);
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));
}

/** The licences that a copy of these packages must be accompanied by. */
function licencesOf(packages: readonly string[]): string {
  const parts = packages.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string; license: string };
    const file = ['LICENSE', 'LICENSE.md', 'LICENCE']
      .map((candidate) => join(folder, candidate))
      .find((candidate) => existsSync(candidate));
    if (file === undefined) throw new Error(`${name} is bundled in dist/worker.js, but ships no licence text`);
    return `${name} ${version} (${license})\n\n${readFileSync(file, 'utf8').trim()}\n`;
  });
  return `dist/worker.js, dist/formats.js, dist/writers.js and dist/zstd.js contain the following packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** Relative imports in declarations end in `.js`, which every version and setting of TypeScript resolves. */
async function buildDeclarations(): Promise<void> {
  run('emitting the declarations', 'tsc', ['-p', 'tsconfig.build.json']);
  const types = join(dist, 'types');
  for (const name of await readdir(types, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const text = await readFile(join(types, name), 'utf8');
    await writeFile(join(types, name), text.replace(/((?:from|import\() ?['"]\.{1,2}\/[^'"]*)\.ts(['"])/g, '$1.js$2'));
  }
}

async function main(): Promise<void> {
  run('building the kernels', 'tsx', ['scripts/build-kernels.ts']);
  await rm(dist, { recursive: true, force: true });
  await buildEntries();
  await buildWorker();
  await buildDeclarations();
  const sizes = await bundleSizes(dist);
  assertBudgets(sizes);
  const { page, worker, formats, writers, zstd } = sizes;
  process.stdout.write(
    `gzipped: page ${page} bytes, worker ${worker} bytes; when needed: formats ${formats} bytes, writers ${writers} bytes, zstd ${zstd} bytes\n`,
  );
}

try {
  await main();
} catch (error) {
  process.stderr.write(`The build failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
