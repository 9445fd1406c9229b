/*
 * Entries that stand beside the one before them take a shorter way into the table. It leads to the same place: what a filter judges,
 * be it one that lets everything through, never goes that way.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../../src/base/mode.ts';
import { type LayerEntry, TableBuilder, type TableOptions } from '../../../src/layer/build-table.ts';

const component = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b') },
  { weight: 2, arbitrary: fc.constantFrom('', '.', '.wh.a', '.wh..wh..opq') },
  { weight: 1, arbitrary: fc.constantFrom('..', 'é', '\ud83d', 'x'.repeat(256), '\0') },
);
const name = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const plain = {
  path: name,
  mode: fc.constantFrom(S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFLNK),
  mtime: fc.integer({ min: -100, max: 100 }),
};
const entry: fc.Arbitrary<LayerEntry> = fc.oneof(
  { weight: 6, arbitrary: fc.record(plain) },
  { weight: 1, arbitrary: fc.record({ ...plain, link: name }) },
  { weight: 1, arbitrary: fc.record({ ...plain, target: fc.constantFrom('a', '') }) },
  { weight: 1, arbitrary: fc.record({ ...plain, mark: fc.constantFrom('whiteout' as const, 'opaque' as const) }) },
);
const options: fc.Arbitrary<TableOptions> = fc.record({
  at: fc.constantFrom(undefined, '/x/y'),
  strip: fc.constantFrom(0, 1, 2),
  whiteouts: fc.constantFrom(undefined, 'oci'),
});

function tableOf(entries: readonly LayerEntry[], of: TableOptions): object {
  const builder = new TableBuilder(of);
  for (const one of entries) builder.add(one);
  const { table, warnings } = builder.build();
  return { parts: table.parts, warnings };
}

test('a table is the same whichever way its entries take', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), options, (entries, of) => {
      expect(tableOf(entries, of)).toEqual(tableOf(entries, { ...of, include: ['**'] }));
    }),
    { numRuns: 500, seed: 7 },
  );
});
