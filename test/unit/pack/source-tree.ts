/* A folder with one of everything, and its listing, for comparing what comes out of an archive. */

import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Layer } from '../../../src/layer/layer.ts';
import { dumpLayer } from '../../support/dump-layer.ts';

/** Path -> type and permissions, time in seconds, content or target. */
export type Listing = Map<string, string>;

/** Content that does not shrink. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24);
}

/** Makes the folder. `order` says in which order: what is packed must not depend on it. */
export function makeTree(root: string, { reverse = false }: { reverse?: boolean } = {}): void {
  const steps: (() => void)[] = [
    () => writeFileSync(join(root, 'a.txt'), 'first '.repeat(50)),
    () => writeFileSync(join(root, 'empty'), ''),
    () => writeFileSync(join(root, 'large.bin'), noise(300_000, 7)),
    () => writeFileSync(join(root, 'repeated.txt'), 'all the same '.repeat(90_000)),
    () => writeFileSync(join(root, 'src', 'main.ts'), 'export {};\n'.repeat(30)),
    () => writeFileSync(join(root, 'src', 'späť 日本.ts'), 'name'),
    () => writeFileSync(join(root, 'src', `${'long-name-'.repeat(14)}.txt`), 'long'),
    () => symlinkSync('src/main.ts', join(root, 'link')),
    () => symlinkSync(`../${'far/'.repeat(40)}away`, join(root, 'dangling')),
    () => mkdirSync(join(root, 'void')),
    () => writeFileSync(join(root, '__proto__'), 'a name like others'),
    () => writeFileSync(join(root, 'src.old'), 'sorts between src and what is in it'),
  ];
  mkdirSync(join(root, 'src', 'deep', ...Array.from({ length: 9 }, (_, i) => `a-rather-long-component-${i}`)), { recursive: true });
  for (const step of reverse ? steps.toReversed() : steps) step();
  const deep = readdirSync(join(root, 'src', 'deep'), { recursive: true, encoding: 'utf8' }).sort((a, b) => b.length - a.length)[0]!;
  writeFileSync(join(root, 'src', 'deep', deep, 'deep.txt'), 'deep');
  const names = reverse ? (['tool-hard', 'tool'] as const) : (['tool', 'tool-hard'] as const);
  writeFileSync(join(root, names[0]), '#!/bin/sh\n');
  linkSync(join(root, names[0]), join(root, names[1]));
  chmodSync(join(root, 'tool'), 0o4755);
  chmodSync(join(root, 'void'), 0o700);
  const all = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort((a, b) => b.length - a.length);
  for (const [i, name] of all.sort().toReversed().entries()) {
    const time = 1_600_000_000 + 60 * i;
    if (lstatSync(join(root, name)).isSymbolicLink()) lutimesSync(join(root, name), time, time);
    else utimesSync(join(root, name), time, time);
  }
}

const line = (mode: number, mtimeMs: number, content: string): string => `${mode.toString(8)} ${Math.floor(mtimeMs / 1000)} ${content}`;

export function listFolder(root: string): Listing {
  const listing: Listing = new Map();
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, name);
    const stats = lstatSync(path);
    const content = stats.isSymbolicLink() ? readlinkSync(path) : stats.isFile() ? readFileSync(path, 'latin1') : '';
    listing.set(`/${name}`, line(stats.mode, stats.mtimeMs, content));
  }
  return listing;
}

export async function listLayer(layer: Layer): Promise<Listing> {
  const listing: Listing = new Map();
  for (const [path, { mode, mtime, content, target }] of await dumpLayer(layer))
    listing.set(path, line(mode, mtime, target ?? Buffer.from(content ?? []).toString('latin1')));
  return listing;
}

/** What differs, without megabytes of it. */
export function differences(actual: Listing, expected: Listing): string[] {
  const paths = [...new Set([...actual.keys(), ...expected.keys()])].sort();
  return paths
    .filter((path) => actual.get(path) !== expected.get(path))
    .map((path) => `${path}: ${actual.get(path)?.slice(0, 60) ?? 'missing'} instead of ${expected.get(path)?.slice(0, 60) ?? 'nothing'}`);
}
