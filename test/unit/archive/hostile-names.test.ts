/* Names that attack, in every format: no name leaves its layer's root, and none is special to JavaScript. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { paxHeader, tarArchive, type TarFile, zipArchive, zstdFrame } from '../../support/archives.ts';
import { dumpLayer, textAt } from '../../support/dump-layer.ts';

interface Named {
  readonly name: string;
  readonly content?: string;
}

const formats: readonly [string, (files: readonly Named[]) => Uint8Array][] = [
  ['zip', (files) => zipArchive(files)],
  ['tar', (files) => tarOf(files)],
  ['tar.gz', (files) => new Uint8Array(gzipSync(tarOf(files)))],
  ['tar.zst', (files) => zstdFrame(tarOf(files))],
];

/** A tar header has room for 100 bytes, and for no NUL: such names come in a pax header. */
function tarOf(files: readonly Named[]): Uint8Array {
  const isPlain = (name: string): boolean => Buffer.byteLength(name) <= 100 && !name.includes('\0');
  return tarArchive(
    files.flatMap((file): TarFile[] => (isPlain(file.name) ? [file] : [paxHeader({ path: file.name }), { ...file, name: 'short' }])),
  );
}

describe.each(formats)('in a %s', (format, write) => {
  const open = (...files: readonly Named[]) => openLayer(write(files), { name: `evil.${format}` });
  const good = { name: 'good', content: 'good' };

  test.each([
    ['..', "'..'"],
    ['../evil', "'..'"],
    ['a/../../evil', "'..'"],
    ['a/..', "'..'"],
    ['/../evil', "'..'"],
    ['n'.repeat(256), 'over 255 bytes'],
    ['é'.repeat(128), 'over 255 bytes'],
    ['long/'.repeat(900), 'name of 4500 bytes (at most 4095)'],
    ['a\0b', 'NUL in name'],
  ])('the name %s is skipped and reported', async (name, reason) => {
    const layer = await open({ name, content: 'evil' }, good);
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/good']);
    expect(layer.warnings).toEqual([{ entry: name, message: expect.stringContaining(reason) as string }]);
  });

  test('an empty name is skipped and reported', async () => {
    const layer = await open({ name: '', content: 'evil' }, good);
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/good']);
    expect(layer.warnings).toEqual([{ entry: '', message: 'skipped: empty name' }]);
  });

  test('a name that is the root is skipped and reported, also below `at`', async () => {
    for (const at of ['/', '/m']) {
      const layer = await openLayer(write([{ name: './', content: 'evil' }, { name: '.', content: 'evil' }, good]), { at });
      expect(layer.table.isDirectory(0)).toBe(true);
      expect(await textAt(layer, `${at}/good`)).toBe('good');
      expect(layer.warnings.some(({ message }) => /names the root/.test(message))).toBe(true);
    }
  });

  test('an absolute name is taken as relative to the root, and reported', async () => {
    const layer = await open({ name: '/etc/passwd', content: 'x' });
    expect(await textAt(layer, '/etc/passwd')).toBe('x');
    expect(layer.warnings).toMatchObject([{ entry: '/etc/passwd' }]);
  });

  test('of duplicates the last one counts, and they are reported', async () => {
    const layer = await open({ name: 'f', content: 'one' }, { name: './f', content: 'two' }, { name: 'f', content: 'three' });
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/f']);
    expect(await textAt(layer, '/f')).toBe('three');
    expect(layer.warnings).toHaveLength(2);
  });

  test('what needs a directory where a file is, is skipped and reported', async () => {
    const layer = await open({ name: 'f', content: 'file' }, { name: 'f/below', content: 'evil' }, good);
    expect([...(await dumpLayer(layer)).keys()]).toEqual(['/f', '/good']);
    expect(await textAt(layer, '/f')).toBe('file');
    expect(layer.warnings).toMatchObject([{ entry: 'f/below', message: "skipped: 'f' is not a directory" }]);
  });

  test('names of JavaScript are ordinary names', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__proto__2/__proto__', 'length', '0'];
    const layer = await open(...names.map((name) => ({ name, content: `I am ${name}` })));
    for (const name of names) expect(await textAt(layer, name)).toBe(`I am ${name}`);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(layer.table.lookup(0, 'valueOf')).toBe(-1);
    expect(layer.warnings).toEqual([]);
  });

  test('a thousand bad names are reported, and the rest counted', async () => {
    const layer = await open(...Array.from({ length: 1500 }, (_, i) => ({ name: `../${i}` })));
    expect(layer.warnings).toHaveLength(1001);
    expect(layer.warnings.at(-1)?.message).toBe('500 more warnings left out');
  });
});

test('NUL in a name of a zip is skipped and reported', async () => {
  const layer = await openLayer(zipArchive([{ name: 'a\0.txt', content: 'evil' }]));
  expect(layer.table.length).toBe(1);
  expect(layer.warnings).toEqual([{ entry: 'a\0.txt', message: 'skipped: NUL in name' }]);
});

test('`at` cannot lead out of the root', async () => {
  await expect(openLayer(zipArchive([]), { at: '/a/../..' })).rejects.toThrow(TypeError);
});
