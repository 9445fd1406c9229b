/* Files with holes, in the four ways in which tar writes them: what is stored is where it belongs, everything else is zeros. */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { oldSparseFile, paxHeader, tarArchive, type TarFile } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { hasTool } from '../../support/tools.ts';

const open = (files: readonly TarFile[]) => openLayer(tarArchive(files), { name: 'test.tar' });
const text = (file: string): string => file.replaceAll('.', '\0');
const after: TarFile = { name: 'after', content: 'found' };

/** Version 1.0: the map in front of the content, in whole blocks. */
const mapAhead = (numbers: readonly number[], content: string): string =>
  numbers
    .map((number) => `${number}\n`)
    .join('')
    .padEnd(512, '\0') + content;

const PIECES = [
  [2, 3],
  [10, 2],
] as const;
const WHOLE = text('..abc.....de...');
const files: readonly (readonly [string, readonly TarFile[]])[] = [
  ['in the header, as GNU tar does', [oldSparseFile('s', PIECES, { size: 15, content: 'abcde' })]],
  [
    'in repeated pax records (0.0)',
    [
      // A record a key is what the writer of these tests can do: the second pair comes in a second header's place.
      {
        name: 'x',
        type: 'x',
        content: pax(
          'GNU.sparse.size=15',
          'GNU.sparse.numblocks=2',
          'GNU.sparse.offset=2',
          'GNU.sparse.numbytes=3',
          'GNU.sparse.offset=10',
          'GNU.sparse.numbytes=2',
        ),
      },
      { name: 's', content: 'abcde' },
    ],
  ],
  [
    'in one pax record (0.1)',
    [
      paxHeader({ 'GNU.sparse.size': '15', 'GNU.sparse.numblocks': '2', 'GNU.sparse.map': '2,3,10,2', 'GNU.sparse.name': 's' }),
      { name: 'GNUSparseFile.0/s', content: 'abcde' },
    ],
  ],
  [
    'in front of the content (1.0)',
    [
      paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '15' }),
      { name: 'GNUSparseFile.0/s', content: mapAhead([2, 2, 3, 10, 2], 'abcde') },
    ],
  ],
];

function pax(...records: readonly string[]): string {
  return records
    .map((record) => {
      const rest = ` ${record}\n`;
      const length = rest.length + 2;
      return `${length}${rest}`;
    })
    .join('');
}

describe.each(files)('a map %s', (_, sparse) => {
  test('puts every piece where it belongs, and what follows is found', async () => {
    const layer = await open([...sparse, after]);
    expect(layer.warnings).toEqual([]);
    expect(await textAt(layer, '/s')).toBe(WHOLE);
    expect(await textAt(layer, '/after')).toBe('found');
    expect(layer.table.length).toBe(3);
  });

  test('gives any part of the file', async () => {
    const layer = await openLayer(new Uint8Array(gzipSync(tarArchive([...sparse, after]))));
    const entry = entryAt(layer, '/s');
    for (let start = 0; start <= 15; start++)
      for (let end = start; end <= 15; end++) expect(Buffer.from(layer.peek(entry, start, end)!).toString()).toBe(WHOLE.slice(start, end));
  });
});

test('a file of nothing but a hole has no piece', async () => {
  const layer = await open([oldSparseFile('s', [[1e9, 0]], { size: 1e9, content: '' }), after]);
  expect(layer.table.size(entryAt(layer, '/s'))).toBe(1e9);
  expect(Buffer.from(layer.peek(entryAt(layer, '/s'), 999_999_998, 1e9)!)).toEqual(Buffer.alloc(2));
  expect(await textAt(layer, '/after')).toBe('found');
});

test('a hundred pieces stand in blocks behind the header', async () => {
  const map = Array.from({ length: 100 }, (_, i) => [i * 10, 1] as const);
  const layer = await open([oldSparseFile('s', map, { size: 1000, content: 'x'.repeat(100) }), after]);
  expect(await textAt(layer, '/s')).toBe(text('x.........').repeat(100));
  expect(await textAt(layer, '/after')).toBe('found');
});

describe('a map that lies', () => {
  test.each<[string, readonly TarFile[], RegExp]>([
    [
      'about overlapping pieces',
      [
        oldSparseFile(
          's',
          [
            [0, 3],
            [2, 2],
          ],
          { size: 9, content: 'abcde' },
        ),
      ],
      /'s': its sparse map has a piece of 2 bytes at 2/,
    ],
    ['about pieces beyond the file', [oldSparseFile('s', [[7, 3]], { size: 9, content: 'abc' })], /a piece of 3 bytes at 7/],
    ['about how much is stored', [oldSparseFile('s', [[0, 3]], { size: 9, content: 'abcde' })], /have 3 bytes, 5 are stored/],
    ['about a number', [paxHeader({ 'GNU.sparse.map': '0,x', 'GNU.sparse.size': '9' }), { name: 's' }], /says 'x'/],
    ['without a length', [paxHeader({ 'GNU.sparse.map': '0', 'GNU.sparse.size': '9' }), { name: 's' }], /without a length/],
    ['without a size', [paxHeader({ 'GNU.sparse.map': '0,1' }), { name: 's', content: 'x' }], /a sparse file of undefined bytes/],
    [
      'about its own end',
      [paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' }), { name: 's', content: mapAhead([9, 0, 1], 'x') }],
      /sparse map|cut short/,
    ],
    [
      'about its content',
      [paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' }), { name: 's', content: mapAhead([1, 0, 5], 'x') }],
      /have 5 bytes, 1 are stored/,
    ],
    [
      'with a line that does not end',
      [paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' }), { name: 's', content: '1'.repeat(9000) }],
      /a line that is too long/,
    ],
  ])('%s is an error naming the file', async (_, sparse, detail) => {
    await expect(open([...sparse, after])).rejects.toMatchObject({ code: 'EIO', detail: expect.stringMatching(detail) as string });
  });

  test('and never ends is refused after 4 MiB', async () => {
    const content = encodeUtf8(`${9e15}\n${'1\n'.repeat(3_000_000)}`);
    await expect(open([paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' }), { name: 's', content }])).rejects.toMatchObject({
      code: 'EIO',
      detail: expect.stringMatching(/without an end/) as string,
    });
  });
});

describe("as the system's tar writes it", () => {
  const folder = mkdtempSync(join(tmpdir(), 'sparse-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const size = 40 << 20;
  const path = join(folder, 'holes');
  const file = openSync(path, 'w');
  for (let i = 0; i < 40; i++) writeSync(file, `piece ${i}`, (i << 20) + 5000);
  closeSync(file);
  truncateSync(path, size);

  test.runIf(hasTool('tar'))('every version gives the same file', async () => {
    for (const options of [
      ['--format=gnu'],
      ['--format=pax', '--sparse-version=0.0'],
      ['--format=pax', '--sparse-version=0.1'],
      ['--format=pax', '--sparse-version=1.0'],
    ]) {
      execFileSync('tar', [...options, '--sparse', '-cf', 'x.tar', 'holes'], { cwd: folder });
      const archive = readFileSync(join(folder, 'x.tar'));
      expect(archive.length).toBeLessThan(1 << 20);
      const layer = await openLayer(archive);
      const entry = entryAt(layer, '/holes');
      expect(layer.table.size(entry)).toBe(size);
      expect(Buffer.from(await layer.read(entry, 0, size)).equals(readFileSync(path))).toBe(true);
      expect(layer.warnings).toEqual([]);
    }
  });
});
