/* The columns of a table take as few bytes as their numbers, whatever these are, and say the same after they were stored. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LayerEntry, TableBuilder } from '../../../src/layer/build-table.ts';
import type { LayerTable } from '../../../src/layer/table.ts';
import { packIndex, unpackIndex } from '../../../src/lower/layer-index.ts';

const TIME = 1_700_000_000_000;
const file = (path: string, rest: Partial<LayerEntry> = {}): LayerEntry => ({ path, mode: 0o100644, mtime: TIME, ...rest });
const extentAt = (offset: number): LayerEntry['extent'] => ({ offset, stored: 1, method: 8, crc: 0xffffffff });

function tableOf(entries: readonly LayerEntry[]): LayerTable {
  const builder = new TableBuilder();
  for (const entry of entries) builder.add(entry);
  return builder.build().table;
}

function columnsOf(entries: readonly LayerEntry[]): Readonly<Record<string, unknown>> {
  return { ...tableOf(entries).parts.columns };
}

test('numbers that are all the same are one', () => {
  const { mtime, mtimeUnit, owner, size } = columnsOf([file('a'), file('b'), file('c')]);
  expect({ mtime, mtimeUnit, owner, size }).toEqual({ mtime: TIME, mtimeUnit: 1, owner: 0, size: 0 });
});

test('numbers that fit are stored in 32 bits, and others as they are', () => {
  const small = columnsOf([file('a', { extent: extentAt(0xffffffff), size: 5 })]);
  expect([small['offset'], small['size']]).toEqual([new Uint32Array([0, 0xffffffff]), new Uint32Array([0, 5])]);
  const large = columnsOf([file('a', { extent: extentAt(2 ** 32), size: 0.5 })]);
  expect([large['offset'], large['size']]).toEqual([new Float64Array([0, 2 ** 32]), new Float64Array([0, 0.5])]);
});

test('times are stored as seconds where all are whole ones and differ', () => {
  const whole = columnsOf([file('a'), file('b', { mtime: 1000 })]);
  expect([whole['mtime'], whole['mtimeUnit']]).toEqual([new Uint32Array([TIME / 1000, TIME / 1000, 1]), 1000]);
  const broken = columnsOf([file('a'), file('b', { mtime: 1500.25 })]);
  expect([broken['mtime'], broken['mtimeUnit']]).toEqual([new Float64Array([TIME, TIME, 1500.25]), 1]);
  const early = columnsOf([file('a'), file('b', { mtime: -1000 })]);
  expect([early['mtime'], early['mtimeUnit']]).toEqual([new Float64Array([TIME / 1000, TIME / 1000, -1]), 1000]);
});

test('of an entry that is added nothing is kept: the next one may be the same object', () => {
  const entry = { path: 'd/a', mode: 0o100644, mtime: 1, size: 1, target: 'x' as string | undefined };
  const builder = new TableBuilder({ exclude: ['d/left-out'] });
  builder.add(entry);
  builder.add(Object.assign(entry, { path: 'd/left-out', mode: 0o040711, target: undefined }));
  builder.add(Object.assign(entry, { path: 'd/left-out/../b', mode: 0o100600, mtime: 2, size: 2 }));
  builder.add(Object.assign(entry, { path: 'd/b' }));
  const { table } = builder.build();
  const [a, b] = ['a', 'b'].map((name) => table.lookup(table.lookup(0, 'd'), name)) as [number, number];
  expect([table.mtime(a), table.size(a), table.target(a), table.mtime(b), table.size(b), table.target(b)]).toEqual([
    1,
    1,
    'x',
    2,
    2,
    undefined,
  ]);
});

const number = fc.oneof(fc.constantFrom(0, 1, 0xffffffff, 2 ** 32, 2 ** 50), fc.nat());
const entries = fc.uniqueArray(
  fc.record({
    path: fc.array(fc.constantFrom('a', 'b', 'c', 'é'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
    mode: fc.constantFrom(0o100644, 0o100755, 0o040755),
    mtime: fc.oneof(
      fc.constantFrom(0, TIME, TIME + 1, -1000),
      fc.double({ min: -1e12, max: 1e13, noNaN: true }).map((time) => time + 0),
    ),
    uid: fc.constantFrom(0, 0, 1000),
    gid: fc.constantFrom(0, 0, 1000),
    size: number,
    extent: fc.record({ offset: number, stored: number, method: fc.constantFrom(0, 8), crc: fc.nat() }),
  }),
  { selector: ({ path }) => path, maxLength: 12 },
);

test('a table that was stored says the same, and each entry is a child of its parent', () => {
  fc.assert(
    fc.property(entries, (added) => {
      const table = tableOf(added);
      const stored = unpackIndex(packIndex({ format: 'zip', digest: '', warnings: [], table, state: {} })).table;
      expect(stored.parts).toEqual(table.parts);
      for (let directory = 0; directory < table.length; directory++) {
        const [first, end] = table.children(directory);
        for (let child = first; child < end; child++) expect(table.parent(child)).toBe(directory);
      }
      for (const { path, mode, mtime, uid, gid, size, extent } of added) {
        const entry = path.split('/').reduce((at, name) => table.lookup(at, name), 0);
        // Something else may stand in its way, or have taken its place.
        if (entry < 0 || table.mode(entry) !== mode || mode === 0o040755) continue;
        expect([table.mtime(entry), table.uid(entry), table.gid(entry), table.size(entry)]).toEqual([mtime, uid, gid, size]);
        expect(table.extent(entry)).toEqual(extent);
      }
    }),
    { numRuns: 300, seed: 11 },
  );
});
