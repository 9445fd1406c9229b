/* The import table of the sources, and that its checker sees planted faults. */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkDemoImports, checkImports } from '../../scripts/check-imports.ts';
import { root } from '../../scripts/entries.ts';

/** The TypeScript modules below a folder of the repository. Generated and foreign sources are left out. */
function readSources(folder: string, leaveOut: readonly string[] = []): Map<string, string> {
  const sources = new Map<string, string>();
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
    const path = `${folder}/${name.replaceAll('\\', '/')}`;
    if (!path.endsWith('.ts') || path.endsWith('.d.ts') || leaveOut.some((prefix) => path.startsWith(prefix))) continue;
    sources.set(path, readFileSync(join(root, path), 'utf8'));
  }
  return sources;
}

test('every folder of src imports only what the table allows', () => {
  const sources = readSources('src', ['src/codec/assembly/', 'src/archive/assembly/']);
  expect(sources.size).toBeGreaterThan(10);
  expect(checkImports(sources)).toEqual([]);
});

test('the demo imports public entry points only', () => {
  expect(checkDemoImports(readSources('web', ['web/dist/', 'web/public/', 'web/template/']))).toEqual([]);
});

describe('a planted fault is reported', () => {
  const sound: readonly (readonly [string, string])[] = [
    ['src/base/errors.ts', 'export class FsError extends Error {}'],
    ['src/layer/layer.ts', "import { FsError } from '../base/errors.ts'; export interface Layer { error: FsError }"],
    ['src/overlay/tree.ts', "import type { Layer } from '../layer/layer.ts'; export const tree = (layer: Layer) => layer;"],
    ['src/lower/http.ts', 'export const get = (url: string) => fetch(url); // indexedDB in a comment'],
    [
      'src/rpc/client.ts',
      "import { wrap } from 'comlink'; import type { Layer } from '../layer/layer.ts'; export const open = (x: Layer) => wrap(x);",
    ],
    ['src/index.ts', "export { open } from './rpc/client.ts'; export type { Layer } from './layer/layer.ts';"],
  ];

  const faultsWith = (path: string, text: string): string[] => checkImports(new Map([...sound, [path, text]]));

  test('and a sound tree gives none', () => {
    expect(checkImports(new Map(sound))).toEqual([]);
  });

  test.each([
    [
      'a lower folder imports a higher one',
      'src/base/stats.ts',
      "import type { Layer } from '../layer/layer.ts';",
      'src/base may not import types',
    ],
    ['a module that is not there is imported', 'src/overlay/x.ts', "export * from '../upper/idb.ts';", 'which does not exist'],
    [
      'the engine imports a lower',
      'src/overlay/x.ts',
      "const p = import('../lower/http.ts');",
      'src/overlay may not import values of src/lower',
    ],
    [
      'a type is imported inline',
      'src/base/x.ts',
      "let x: import('../layer/layer.ts').Layer;",
      'src/base may not import types of src/layer',
    ],
    ['a folder is not in the table', 'src/utils/x.ts', 'export const x = 1;', 'not in the import table'],
    ['the extension is missing', 'src/overlay/x.ts', "import { tree } from './tree';", 'without the extension'],
    ['ZenFS is imported elsewhere', 'src/fs/x.ts', "import { fs } from '@zenfs/core/vfs';", 'imports the package @zenfs/core'],
    ['comlink is imported elsewhere', 'src/fs/x.ts', "import { wrap } from 'comlink';", 'imports the package comlink'],
    ['a module of Node is imported', 'src/archive/x.ts', "import { inflateRawSync } from 'node:zlib';", 'a module of Node'],
    ['a private name is imported', 'src/zenfs/x.ts', "import { _mount } from '@zenfs/core';", 'imports _mount'],
    ['an entry point has code', 'src/engine.ts', 'export const version = 1;', 'does more than re-export'],
    ['an entry point is imported', 'src/zenfs/x.ts', "import { open } from '../index.ts';", 'imports the entry point'],
    ['the engine fetches', 'src/overlay/x.ts', 'export const x = fetch;', 'src/overlay/x.ts says fetch'],
    ['the engine fetches from the global object', 'src/overlay/x.ts', 'export const x = globalThis.fetch;', 'src/overlay/x.ts says fetch'],
    ['a second file fetches', 'src/lower/other.ts', "export const x = fetch('/');", 'say fetch'],
    ['IndexedDB is opened outside the upper', 'src/rpc/x.ts', "indexedDB.open('x');", 'says indexedDB'],
    [
      'a message is posted outside rpc',
      'src/upper/x.ts',
      'export const x = (port: MessagePort) => port.postMessage(1);',
      'says postMessage',
    ],
    ['WebAssembly is used outside the codec', 'src/archive/x.ts', 'export type X = WebAssembly.Module;', 'says WebAssembly'],
    [
      'the page reaches the engine',
      'src/rpc/client.ts',
      "import '../overlay/tree.ts'; export const open = 1;",
      'src/index.ts → src/rpc/client.ts → src/overlay/tree.ts',
    ],
  ])('when %s', (_fault, path, text, message) => {
    expect(faultsWith(path, text).join('\n')).toContain(message);
  });

  test('and names of properties are not the platform', () => {
    expect(faultsWith('src/archive/x.ts', 'export const x = (o: { fetch?: () => void }) => o.fetch?.();')).toEqual([]);
  });

  test('when the demo reaches into the sources', () => {
    const sources = new Map([['web/main.ts', "import { tree } from '../src/overlay/tree.ts'; import 'stratafs/overlay';"]]);
    expect(checkDemoImports(sources)).toHaveLength(2);
  });
});
