/* Tar headers as they are written: what stands in ustar, and what needs pax. */

import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { type TarWriteEntry, tarHeader, tarPadding } from '../../../src/archive/tar-write.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { dumpLayer, entryAt } from '../../support/dump-layer.ts';

const plain = { name: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0 } as const satisfies TarWriteEntry;
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const ustar = (entry: Partial<TarWriteEntry>): boolean => tarHeader({ ...plain, ...entry }).length === 512;

describe('ustar is enough for', () => {
  test.each([
    ['a name of 100 bytes', { name: 'x'.repeat(100) }],
    ['a long name with a slash where it can be divided', { name: `${'d'.repeat(150)}/${'f'.repeat(100)}` }],
    ['a long directory', { name: `${'d'.repeat(100)}/${'f'.repeat(90)}/`, type: 'directory' }],
    ['a target of 100 bytes', { type: 'symlink', target: 't'.repeat(100) }],
    ['an owner of 21 bits', { uid: 0o7777777, gid: 0o7777777 }],
    ['a size of 33 bits', { size: 2 ** 33 - 1 }],
    ['a device', { type: 'character', device: { major: 1, minor: 3 } }],
  ] as const)('%s', (_, entry) => expect(ustar(entry)).toBe(true));
});

describe('pax tells', () => {
  test.each([
    ['a name that cannot be divided', { name: 'x'.repeat(101) }, `105 path=${'x'.repeat(94)}`],
    ['a name that is not ASCII', { name: 'grün' }, '14 path=gr\u00c3\u00bcn\n'],
    ['a long target', { type: 'symlink', target: 't'.repeat(101) }, 'linkpath=ttt'],
    ['a large owner', { uid: 0o10000000 }, '15 uid=2097152\n'],
    ['a large size', { size: 2 ** 33 }, '19 size=8589934592\n'],
    ['one with a name that ends no key', { xattrs: new Map([['user.a=%3D', Uint8Array.of(61)]]) }, '31 SCHILY.xattr.user.a%3D%253D==\n'],
    ['extended attributes', { xattrs: new Map([['user.a', Uint8Array.of(0, 10, 255)]]) }, '27 SCHILY.xattr.user.a=\u0000\n\u00ff\n'],
  ] as const)('%s', (_, entry, record) => {
    expect(ustar(entry)).toBe(false);
    expect(textOf(tarHeader({ ...plain, ...entry }))).toContain(record.slice(4));
  });

  test('with records whose length counts itself, at the edges of its digits', () => {
    for (let length = 101; length < 1100; length++) {
      const text = textOf(tarHeader({ ...plain, name: 'n'.repeat(length) }).subarray(512));
      const [, digits] = /^(\d+) path=/.exec(text)!;
      expect(text.slice(0, Number(digits))).toBe(`${digits!} path=${'n'.repeat(length)}\n`);
    }
  });
});

test('what is written is read: every type and field', async () => {
  const entries: TarWriteEntry[] = [
    { ...plain, name: `${'long/'.repeat(60)}dir/`, type: 'directory', mode: 0o1777, mtime: 2 ** 34 },
    {
      ...plain,
      name: 'sparse äöü',
      size: 3,
      mode: 0o4711,
      uid: 4_000_000_000,
      gid: 5,
      mtime: 1_234_567_890,
      xattrs: new Map([['user.ä', Uint8Array.of(61, 10)]]),
    },
    { ...plain, name: 'hard', type: 'link', target: 'sparse äöü' },
    { ...plain, name: 'sym', type: 'symlink', target: 'grün/'.repeat(50) },
    { ...plain, name: 'dev', type: 'block', device: { major: 8, minor: 17 } },
    { ...plain, name: 'pipe', type: 'fifo' },
  ];
  const pieces = entries.flatMap((entry) => [
    tarHeader(entry),
    ...(entry.size === undefined ? [] : [new Uint8Array(entry.size).fill(65), new Uint8Array(tarPadding(entry.size))]),
  ]);
  const layer = await openLayer(concatBytes([...pieces, new Uint8Array(1024)]));
  expect(layer.warnings).toEqual([]);
  const dump = await dumpLayer(layer);
  expect(dump.get(`/${'long/'.repeat(60)}dir`)).toMatchObject({ mode: 0o041777, mtime: 2 ** 34 * 1000 });
  expect(dump.get('/hard')).toMatchObject({ mode: 0o104711, owner: '4000000000:5', mtime: 1_234_567_890_000 });
  expect(textOf(dump.get('/hard')!.content!)).toBe('AAA');
  expect([...layer.table.xattrs(entryAt(layer, '/hard'))!]).toEqual([['user.ä', Uint8Array.of(61, 10)]]);
  expect(dump.get('/sym')!.target).toBe('grün/'.repeat(50));
  expect(layer.table.rdev(entryAt(layer, '/dev'))).toBe(0x811);
});
