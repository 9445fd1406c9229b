/*
 * Synchronous calls of the engine over 100,000 lower entries, five deep. The limit is a `Map` of full paths; for what throws, the same
 * with an error made where nothing is.
 */

import { Zip } from '@zenfs/archives';
import { CopyOnWrite, InMemory, configureSingle, fs as zenFs, resolveMountConfig } from '@zenfs/core';
import { Overlay, memoryUpper, openLayer } from '../../src/engine.ts';
import type { Layer } from '../../src/engine.ts';
import type { FsSync } from '../../src/fs/api.ts';
import { once } from '../contestants/archive.ts';
import { randomNumbers } from '../harness/content.ts';
import type { Contestant, Scenario, Target } from '../harness/suite.ts';
import { FILE_SIZE, MERGED_DIRECTORY, RESIDENT, archive, content, layersAbove, mergedNames, paths } from './deep-tree.ts';

const CALLS = 20_000;
/** What is much slower is called less often, and its time multiplied. */
const FEW = 100;

const names = [
  'existsSync, hit',
  'existsSync, miss',
  'existsSync, miss of a directory',
  'statSync, hit',
  'statSync, each path for the first time',
  'statSync, miss, throwIfNoEntry: false',
  'statSync, miss, an error',
  'readdirSync of 100 names',
  'readFileSync of 4 KiB',
] as const;
type Name = (typeof names)[number];
type Calls = Readonly<Record<Name, (i: number) => unknown>>;

const taskOf = (name: Name): string => `${CALLS} × ${name}`;

type Subject = Pick<FsSync, 'existsSync' | 'statSync' | 'readdirSync' | 'readFileSync'>;

interface Paths {
  readonly hits: readonly string[];
  readonly misses: readonly string[];
  readonly deepMisses: readonly string[];
}

const asked = once((): Paths => {
  const next = randomNumbers(3);
  const all = paths();
  const hits = Array.from({ length: CALLS }, () => all[Math.floor(next() * all.length)]!);
  return {
    hits,
    misses: hits.map((path) => path.replace('file', 'none')),
    deepMisses: hits.map((path) => path.replace('/file', '/node_modules/file')),
  };
});

/** So that nothing is optimised away. */
let sink: unknown;
export const lastValue = (): unknown => sink;

function measure(calls: Calls, divisor: number): Record<string, number> {
  return Object.fromEntries(
    names.map((name) => {
      const call = calls[name];
      const start = performance.now();
      for (let i = 0; i < CALLS / divisor; i++) sink = call(i);
      return [taskOf(name), (performance.now() - start) * divisor];
    }),
  );
}

/** Every path once, in no order, new strings each time; begins where it ended. */
function strangers(): () => string {
  const all = paths();
  let at = 0;
  return () => `${all[(at++ * 7919) % all.length]!.slice(0, -1)}s`;
}

function statOrError(statSync: (path: string) => unknown, path: string): unknown {
  try {
    return statSync(path);
  } catch (error) {
    return error;
  }
}

function callsOf(fs: Subject): Calls {
  const { hits, misses, deepMisses } = asked();
  const stranger = strangers();
  const stat = (path: string): unknown => fs.statSync(path);
  return {
    'existsSync, hit': (i) => fs.existsSync(hits[i]!),
    'existsSync, miss': (i) => fs.existsSync(misses[i]!),
    'existsSync, miss of a directory': (i) => fs.existsSync(deepMisses[i]!),
    'statSync, hit': (i) => fs.statSync(hits[i]!),
    'statSync, each path for the first time': () => fs.statSync(stranger()),
    'statSync, miss, throwIfNoEntry: false': (i) => fs.statSync(misses[i]!, { throwIfNoEntry: false }),
    'statSync, miss, an error': (i) => statOrError(stat, misses[i]!),
    'readdirSync of 100 names': () => fs.readdirSync(MERGED_DIRECTORY),
    'readFileSync of 4 KiB': () => fs.readFileSync(RESIDENT),
  };
}

function mapCalls(): Calls {
  const { hits, misses, deepMisses } = asked();
  const map = new Map(paths().map((path) => [path, content]));
  const stranger = strangers();
  const orError = (path: string): unknown => {
    const found = map.get(path);
    if (found === undefined) throw new Error(`ENOENT: no such file or directory, stat '${path}'`);
    return found;
  };
  return {
    'existsSync, hit': (i) => map.get(hits[i]!),
    'existsSync, miss': (i) => map.get(misses[i]!),
    'existsSync, miss of a directory': (i) => map.get(deepMisses[i]!),
    'statSync, hit': (i) => map.get(hits[i]!),
    'statSync, each path for the first time': () => map.get(stranger()),
    'statSync, miss, throwIfNoEntry: false': (i) => map.get(misses[i]!),
    'statSync, miss, an error': (i) => statOrError(orError, misses[i]!),
    'readdirSync of 100 names': () => mergedNames.slice(),
    'readFileSync of 4 KiB': () => content.slice(0, FILE_SIZE),
  };
}

/** Prepared by the first call, which is thrown away. */
function prepared(prepare: () => Promise<Calls> | Calls, divisor = 1): Contestant {
  const calls = once(async () => prepare());
  return async () => measure(await calls(), divisor);
}

async function union(above: readonly Layer[]): Promise<Calls> {
  const overlay = await Overlay.mount({ lower: [...above, await openLayer(archive())], upper: memoryUpper() });
  await overlay.fs.promises.readFile(RESIDENT);
  return callsOf(overlay.fs);
}

async function copyOnWrite(): Promise<Calls> {
  const readable = await resolveMountConfig({ backend: Zip, data: archive().buffer });
  const writable = await resolveMountConfig({ backend: InMemory });
  await configureSingle({ backend: CopyOnWrite, readable, writable });
  return callsOf(zenFs as unknown as Subject);
}

const OURS = 'stratafs, 3 lowers';
const ONE = 'stratafs, 1 lower';
const LIMIT = 'Map';
const ZENFS = 'ZenFS CopyOnWrite over Zip';
const MEMFS = 'memfs';

function targetsOf(memfs: boolean): Record<string, readonly Target[]> {
  const target = (name: Name, atMost: number, ofZenFs: number): [string, readonly Target[]] => [
    taskOf(name),
    [
      { against: LIMIT, atMost },
      { against: ZENFS, atMost: 1 / ofZenFs },
      ...(memfs ? [{ against: MEMFS, atMost: 1 }] : []),
      // Whatever the layers: what is left is noise.
      { against: ONE, atMost: 1.5 },
    ],
  ];
  return Object.fromEntries([
    target('existsSync, hit', 4, 10),
    target('existsSync, miss', 4, 10),
    target('existsSync, miss of a directory', 4, 10),
    target('statSync, hit', 10, 10),
    target('statSync, each path for the first time', 10, 10),
    target('statSync, miss, throwIfNoEntry: false', 10, 10),
    [
      taskOf('statSync, miss, an error'),
      [
        { against: LIMIT, atMost: 4 },
        { against: ZENFS, atMost: 1 },
      ],
    ],
    target('readdirSync of 100 names', 3, 100),
    target('readFileSync of 4 KiB', 3, 1),
  ]);
}

/** `memfs` where it runs: it makes a file system of texts by path. */
export function syncCalls(memfs?: (files: Record<string, string>) => Pick<FsSync, 'writeFileSync'> & Subject): Scenario {
  const ofMemfs = (): Calls => {
    const files = [...paths(), ...mergedNames.map((name) => `${MERGED_DIRECTORY}/${name}`)];
    const fs = memfs!(Object.fromEntries(files.map((path) => [path, 'x'])));
    fs.writeFileSync(RESIDENT, content);
    return callsOf(fs);
  };
  return {
    name: '100,000 files, five deep',
    contestants: {
      [OURS]: prepared(() => union(layersAbove())),
      [ONE]: prepared(() => union([])),
      ...(memfs !== undefined && { [MEMFS]: prepared(ofMemfs) }),
      [ZENFS]: prepared(copyOnWrite, FEW),
      [LIMIT]: prepared(mapCalls),
    },
    ours: OURS,
    limit: LIMIT,
    targets: targetsOf(memfs !== undefined),
    timeout: 180,
    note:
      `Over the same zip archive of 100,000 files, five deep; "3 lowers" has two more layers above it, with 1,000 whiteouts in each of three directories. ` +
      `ZenFS has an InMemory upper, and was called ${CALLS / FEW} times. For "an error" the Map throws an \`Error\` where it has nothing.`,
  };
}
