/* `include` and `exclude`: which names of an archive count. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { pathFilter } from '../../../src/layer/path-filter.ts';
import { type OpenLayerOptions, openLayer } from '../../../src/lower/open-layer.ts';
import { tarArchive, type TarFile, zipArchive } from '../../support/archives.ts';
import { dumpLayer, entryAt, textAt } from '../../support/dump-layer.ts';

describe('a pattern', () => {
  test.each<[pattern: string, matching: readonly string[], others: readonly string[]]>([
    ['src', ['src', 'src/a', 'src/a/b'], ['srcs', 'a/src', 'sr']],
    ['/src/', ['src', 'src/a'], ['a/src']],
    ['./a//b', ['a/b', 'a/b/c'], ['a', 'a/c']],
    ['*.js', ['a.js', '.js', 'a.js/b'], ['a.ts', 'd/a.js', 'a.jsx']],
    ['**/*.js', ['a.js', 'd/a.js', 'd/e/a.js'], ['a.ts', 'd']],
    ['**', ['a', 'a/b'], []],
    ['src/**', ['src', 'src/a', 'src/a/b'], ['a']],
    ['src/**/test', ['src/test', 'src/a/test', 'src/a/b/test/c'], ['src', 'src/a', 'test']],
    ['a/*/c', ['a/b/c', 'a/x/c/d'], ['a/c', 'a/b/b/c']],
    ['?', ['a', 'é', 'a/b'], ['', 'ab']],
    ['a?c*', ['abc', 'abcd', 'axc'], ['ac', 'xabc']],
    ['*a*b*', ['ab', 'xaxbx', 'aab'], ['ba', 'a']],
    ['**/a/**/b', ['a/b', 'x/a/b', 'x/a/y/z/b', 'a/a/b/b'], ['b', 'b/a', 'x/b']],
    ['a**b', ['ab', 'axb'], ['a/b']],
    ['[a]', ['[a]'], ['a']],
    ['a.c', ['a.c'], ['abc']],
    ['constructor', ['constructor'], ['toString']],
  ])('%s', (pattern, matching, others) => {
    const counts = pathFilter({ include: [pattern] })!;
    const not = pathFilter({ exclude: [pattern] })!;
    const partsOf = (path: string): string[] => path.split('/');
    expect(matching.filter((path) => !counts(partsOf(path)))).toEqual([]);
    expect(others.filter((path) => counts(partsOf(path)))).toEqual([]);
    expect(matching.filter((path) => not(partsOf(path)))).toEqual([]);
    expect(others.filter((path) => !not(partsOf(path)))).toEqual([]);
  });

  test.each([[''], ['/'], ['a/../b'], ['..']])("'%s' is a mistake of the caller", (pattern) => {
    expect(() => pathFilter({ include: [pattern] })).toThrow(TypeError);
    expect(() => pathFilter({ exclude: [pattern] })).toThrow(TypeError);
  });

  test('takes time in proportion, whatever it is', () => {
    const counts = pathFilter({ include: [`${'**/a*a*a*a*a*a*a*b/'.repeat(20)}x`] })!;
    const path = Array.from({ length: 1000 }, () => 'a'.repeat(200));
    const start = performance.now();
    expect(counts(path)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('without patterns everything counts; an empty list of included ones means nothing', () => {
    expect(pathFilter({})).toBeUndefined();
    expect(pathFilter({ exclude: [] })).toBeUndefined();
    expect(pathFilter({ include: [] })!(['a'])).toBe(false);
  });
});

const files: readonly TarFile[] = [
  { name: 'package/', type: '5', mode: 0o750 },
  { name: 'package/dist/', type: '5', mode: 0o711 },
  { name: 'package/dist/index.js', content: 'code' },
  { name: 'package/dist/index.js.map', content: 'map' },
  { name: 'package/test/', type: '5' },
  { name: 'package/test/a.test.js', content: 'test' },
  { name: 'package/package.json', content: '{}' },
];

describe.each([
  ['tar.gz', new Uint8Array(gzipSync(tarArchive(files)))],
  [
    'zip',
    zipArchive(
      files.map(({ name, content, type, mode = 0o644 }) => ({
        name,
        ...(content !== undefined && { content }),
        mode: (type === '5' ? 0o040000 : 0o100000) | mode,
      })),
    ),
  ],
])('a %s', (_, bytes) => {
  const names = async (options: OpenLayerOptions): Promise<string[]> =>
    [...(await dumpLayer(await openLayer(bytes, options))).keys()].sort();

  test('shows what is included, directories on the way with their attributes, and none that leads nowhere', async () => {
    expect(await names({ strip: 1, include: ['**/*.js'] })).toEqual(['/dist', '/dist/index.js', '/test', '/test/a.test.js']);
    expect(await names({ strip: 1, include: ['package.json', 'dist'] })).toEqual([
      '/dist',
      '/dist/index.js',
      '/dist/index.js.map',
      '/package.json',
    ]);
    const layer = await openLayer(bytes, { include: ['package/dist/*.js'] });
    expect(layer.table.mode(entryAt(layer, '/package')) & 0o777).toBe(0o750);
    expect(layer.table.mode(entryAt(layer, '/package/dist')) & 0o777).toBe(0o711);
    expect(layer.table.isImplied(entryAt(layer, '/package/dist'))).toBe(false);
  });

  test('hides what is excluded, also where it is included; patterns count from `strip` on, below `at`', async () => {
    expect(await names({ strip: 1, at: '/m', include: ['dist', 'test'], exclude: ['**/*.map', 'test'] })).toEqual([
      '/m',
      '/m/dist',
      '/m/dist/index.js',
    ]);
    expect(await names({ strip: 1, exclude: ['m', 'package'], at: '/m' })).toHaveLength(7);
  });

  test('has another digest, whatever the order of the patterns', async () => {
    const digest = async (options: OpenLayerOptions): Promise<string> => (await openLayer(bytes, options)).digest;
    const digests = await Promise.all(
      [
        {},
        { include: ['a', 'b'] },
        { exclude: ['a', 'b'] },
        { include: ['a,b'] },
        { include: ['a;exclude=b'] },
        { include: ['a'], exclude: ['b'] },
        { include: [] },
      ].map(digest),
    );
    expect(new Set(digests).size).toBe(digests.length);
    expect(await digest({ include: ['b', 'a'] })).toBe(digests[1]);
    expect(await digest({ exclude: [] })).toBe(digests[0]);
  });
});

test('a hard link whose first name is left out is the file all the same', async () => {
  const layer = await openLayer(
    tarArchive([
      { name: 'a/file', content: 'linked' },
      { name: 'a/second', type: '1', link: 'a/file' },
      { name: 'b/one', type: '1', link: 'a/file' },
      { name: 'b/two', type: '1', link: 'a/second' },
    ]),
    { exclude: ['a'] },
  );
  expect(layer.warnings).toEqual([]);
  expect([...(await dumpLayer(layer)).keys()]).toEqual(['/b', '/b/one', '/b/two']);
  expect(await textAt(layer, '/b/two')).toBe('linked');
  expect(layer.table.nlink(entryAt(layer, '/b/one'))).toBe(2);
  expect(layer.table.canonical(entryAt(layer, '/b/two'))).toBe(entryAt(layer, '/b/one'));
});

test('marks of an OCI layer go with the name that they are about', async () => {
  const bytes = tarArchive([{ name: 'a/.wh.gone' }, { name: 'a/.wh.kept' }, { name: 'b/.wh..wh..opq' }, { name: 'b/f', content: 'x' }]);
  const layer = await openLayer(bytes, { whiteouts: 'oci', exclude: ['a/gone'] });
  expect(layer.table.isWhiteout(entryAt(layer, '/a/kept'))).toBe(true);
  expect(layer.table.lookup(entryAt(layer, '/a'), 'gone')).toBe(-1);
  expect(layer.table.isOpaque(entryAt(layer, '/b'))).toBe(true);
  const without = await openLayer(bytes, { whiteouts: 'oci', exclude: ['b'] });
  expect(without.table.lookup(0, 'b')).toBe(-1);
});

test('what is left out counts against the limit all the same', async () => {
  const bytes = tarArchive(Array.from({ length: 100 }, (_, i) => ({ name: `f${i}` })));
  await expect(openLayer(bytes, { exclude: ['*'], limits: { entries: 99 } })).rejects.toMatchObject({ code: 'EFBIG' });
});
