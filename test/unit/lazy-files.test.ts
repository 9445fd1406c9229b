/* The packaged worker's lazy parts: a small worker is built as the real one is, and run. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type OutputChunk, build } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assertSelfContained, lazyFiles } from '../../scripts/lazy-files.ts';

const files = new Map([
  ['rare', 'rare.js'],
  ['text', 'words.js'],
]);

const sources = {
  'worker.js': `
    import { Thing, thingOf } from './thing.js';
    globalThis.lazyFiles = {
      Thing,
      loadRare: () => import('./rare.js'),
      loadText: () => import('./text.js'),
      thing: thingOf(1),
    };`,
  'thing.js': `
    export class Thing { constructor(value) { this.value = value; } }
    export const thingOf = (value) => new Thing(value);
    let count = 0;
    export const count$ = () => ++count;`,
  'rare.js': `export { rareThing } from './rare-thing.js';`,
  'rare-thing.js': `
    import { count$, thingOf } from './thing.js';
    export const rareThing = (value) => thingOf(value + count$());`,
  'text.js': `export const text = 'words';`,
};

interface Loaded {
  readonly Thing: new (value: number) => { readonly value: number };
  loadRare(): Promise<{ rareThing(value: number): { readonly value: number } }>;
  loadText(): Promise<{ readonly text: string }>;
}

let folder = '';
let builds = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratafs-lazy-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function buildFiles(changed: Partial<typeof sources> = {}): Promise<OutputChunk[]> {
  const all = new Map(Object.entries({ ...sources, ...changed }).map(([name, code]) => [`/small/${name}`, code]));
  const { output } = await build({
    input: { worker: '/small/worker.js' },
    write: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'small-sources',
        resolveId: (id) => `/small/${id.replace(/.*\//, '')}`,
        load: (id) => all.get(id) ?? null,
      },
      lazyFiles(files),
    ],
    output: { format: 'esm', entryFileNames: '[name].js', minify: true },
  });
  return output.filter((part): part is OutputChunk => part.type === 'chunk');
}

/** Runs the worker of some files. */
async function run(chunks: readonly OutputChunk[]): Promise<Loaded> {
  // Names of its own, as a bundler gives.
  const prefix = `build-${++builds}-`;
  const write = ({ fileName, code }: OutputChunk): Promise<void> =>
    writeFile(join(folder, `${prefix}${fileName}`.replace('.js', '.mjs')), code.replace(/\.\/(\w+)\.js/g, `./${prefix}$1.mjs`));
  await Promise.all(chunks.map(write));
  await import(/* @vite-ignore */ pathToFileURL(join(folder, `${prefix}worker.mjs`)).href);
  return (globalThis as unknown as { lazyFiles: Loaded }).lazyFiles;
}

test("a lazy part has the worker's own classes and state, and not a copy of them", async () => {
  const chunks = await buildFiles();
  assertSelfContained(chunks, files);
  const { Thing, loadRare, loadText } = await run(chunks);
  const { rareThing } = await loadRare();
  expect(rareThing(1)).toBeInstanceOf(Thing);
  expect((await loadRare()).rareThing(1).value).toBe(3);
  expect((await loadText()).text).toBe('words');
});

test('a lazy part of another build is refused', async () => {
  const [ours, theirs] = await Promise.all([buildFiles(), buildFiles({ 'thing.js': sources['thing.js'].replace('++count', 'count--') })]);
  const mixed = ours.map((chunk) => (chunk.fileName === 'rare.js' ? theirs.find(({ fileName }) => fileName === 'rare.js')! : chunk));
  const { loadRare, loadText } = await run(mixed);
  await expect(loadRare()).rejects.toThrow(TypeError);
  expect((await loadText()).text).toBe('words');
});

test('the build fails where the worker imports what should be lazy', async () => {
  const worker = `import { rareThing } from './rare-thing.js'; console.log(rareThing);${sources['worker.js']}`;
  await expect(buildFiles({ 'worker.js': worker })).rejects.toThrow(
    /rare-thing\.js should be in rare\.js, but the worker imports it at once/,
  );
});

test('the build fails where a lazy part would not see a variable change', async () => {
  const thing = sources['thing.js'].replace('let count = 0;', 'export let count = 0;');
  const rare = `import { count, count$, thingOf } from './thing.js';
    export const rareThing = (value) => thingOf(value + count$() + count);`;
  await expect(buildFiles({ 'thing.js': thing, 'rare-thing.js': rare })).rejects.toThrow(/would see one value of count only/);
});

test('files that are missing, or that nobody named, are found', async () => {
  const chunks = await buildFiles();
  expect(() => assertSelfContained(chunks.slice(0, 2), files)).toThrow(/lazy parts/);
  expect(() => assertSelfContained(chunks, new Map([['rare', 'rare.js']]))).toThrow(/lazy parts/);
  const broken = chunks.map((chunk) => (chunk.fileName === 'words.js' ? { ...chunk, code: `import './worker.js';${chunk.code}` } : chunk));
  expect(() => assertSelfContained(broken, files)).toThrow(/words\.js is not self-contained/);
});
