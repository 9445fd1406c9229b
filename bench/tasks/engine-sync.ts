/* Synchronous calls of the engine over 100,000 lower entries, five deep: against a `Map` of full paths, which is the limit, and memfs. */

import { memfs } from 'memfs';
import { Overlay, memoryUpper } from '../../src/engine.ts';
import type { Layer } from '../../src/engine.ts';
import type { FsSync } from '../../src/fs/api.ts';
import { treeLayer } from '../../test/support/memory-layer.ts';
import { dir, file, tree, whiteout } from '../../test/support/tree.ts';
import type { TreeItem } from '../../test/support/tree.ts';
import { randomBytes, randomNumbers } from '../harness/content.ts';
import type { Contestant, Scenario, Suite } from '../harness/suite.ts';

const WIDTH = 10;
const DEPTH = 5;
const CALLS = 20_000;
const digits = Array.from({ length: WIDTH }, (_, i) => i);

function branch(depth: number): TreeItem[] {
  return digits.map((i) => (depth === 1 ? file(`file${i}.ts`, 'x') : dir(`directory${i}`, ...branch(depth - 1))));
}

function pathsOf(depth: number): string[] {
  if (depth === 1) return digits.map((i) => `/file${i}.ts`);
  const below = pathsOf(depth - 1);
  return digits.flatMap((i) => below.map((path) => `/directory${i}${path}`));
}

const paths = pathsOf(DEPTH);
/** One directory of 100 names in three layers, with whiteouts in the topmost around it and in it. */
const merged = (layer: number): TreeItem[] => [
  dir('merged', ...Array.from({ length: 50 }, (_, i) => file(`name${(i + layer * 25) % 100}.ts`, 'y'))),
];
const whiteouts = Array.from({ length: 1000 }, (_, i) => whiteout(`gone${i}`));

const bottom = treeLayer(tree(...branch(DEPTH), ...merged(0)));
const middle = treeLayer(tree(...merged(1)), { name: 'middle' });
const top = treeLayer(tree(...merged(2), dir('around', ...whiteouts), dir('directory0', ...whiteouts)), { name: 'top' });

async function mount(...lower: Layer[]): Promise<FsSync> {
  const { fs } = await Overlay.mount({ lower, upper: memoryUpper() });
  return fs;
}

const one = await mount(bottom);
const three = await mount(top, middle, bottom);
const content = randomBytes(4096);
const map = new Map<string, Uint8Array>(paths.map((path) => [path, content]));
const { fs: memory } = memfs(Object.fromEntries(paths.map((path) => [path, 'x'])));
memory.mkdirSync('/merged');
for (let i = 0; i < 100; i++) memory.writeFileSync(`/merged/name${i}.ts`, 'y');
memory.writeFileSync('/resident.bin', content);
one.writeFileSync('/resident.bin', content);
three.writeFileSync('/resident.bin', content);

const next = randomNumbers(3);
const hits = Array.from({ length: CALLS }, () => paths[Math.floor(next() * paths.length)]!);
/** Every path once, in no order: what a walk costs that was not made before. */
const shuffled = paths
  .map((path) => ({ path, place: next() }))
  .sort((a, b) => a.place - b.place)
  .map(({ path }) => path);
const misses = hits.map((path) => path.replace('file', 'none'));
const namesOfMerged = Array.from({ length: 100 }, (_, i) => `name${i}.ts`);

/** So that nothing is optimised away. */
let sink: unknown;

/** A task of its own for each kind of call. */
function calls(kinds: Record<string, (i: number) => unknown>): Contestant {
  return () =>
    Object.fromEntries(
      Object.entries(kinds).map(([task, call]) => {
        const start = performance.now();
        for (let i = 0; i < CALLS; i++) sink = call(i);
        return [`${CALLS} × ${task}`, performance.now() - start];
      }),
    );
}

function statOrError(fs: Pick<FsSync, 'statSync'>, path: string): unknown {
  try {
    return fs.statSync(path);
  } catch (error) {
    return error;
  }
}

function ofFs(fs: Pick<FsSync, 'existsSync' | 'statSync' | 'readdirSync' | 'readFileSync'>): Contestant {
  let walked = 0;
  return calls({
    'statSync, path after path': () => fs.statSync(shuffled[walked++ % shuffled.length]!),
    'existsSync, hit': (i) => fs.existsSync(hits[i]!),
    'existsSync, miss': (i) => fs.existsSync(misses[i]!),
    'statSync, hit': (i) => fs.statSync(hits[i]!),
    'statSync, miss': (i) => statOrError(fs, misses[i]!),
    'readdirSync of 100 names': () => fs.readdirSync('/merged'),
    'readFileSync of 4 KiB': () => fs.readFileSync('/resident.bin'),
  });
}

let looked = 0;
const limit = calls({
  'statSync, path after path': () => map.get(shuffled[looked++ % shuffled.length]!),
  'existsSync, hit': (i) => map.get(hits[i]!),
  'existsSync, miss': (i) => map.get(misses[i]!),
  'statSync, hit': (i) => map.get(hits[i]!),
  'statSync, miss': (i) => map.get(misses[i]!),
  'readdirSync of 100 names': () => [...namesOfMerged],
  'readFileSync of 4 KiB': (i) => map.get(hits[i]!)!.slice(),
});

const target = (task: string, atMost: number) => [`${CALLS} × ${task}`, { against: 'Map', atMost }] as const;

const scenario: Scenario = {
  name: '100,000 entries, depth 5',
  contestants: {
    'stratafs, three lowers': ofFs(three),
    'stratafs, one lower': ofFs(one),
    memfs: ofFs(memory as unknown as FsSync),
    Map: limit,
  },
  ours: 'stratafs, three lowers',
  limit: 'Map',
  targets: Object.fromEntries([
    target('existsSync, hit', 4),
    target('existsSync, miss', 4),
    target('statSync, hit', 10),
    target('statSync, path after path', 10),
    target('statSync, miss', 10),
    target('readdirSync of 100 names', 3),
    target('readFileSync of 4 KiB', 3),
  ]),
};

export const suite: Suite = { name: 'engine-sync', where: 'node', scenarios: [scenario] };

/** The last value that a call gave. */
export const lastValue = (): unknown => sink;
