/* The entries of a directory are in the order of their names' bytes, whatever characters these have. */

import { expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { TableBuilder } from '../../../src/layer/build-table.ts';
import type { LayerTable } from '../../../src/layer/table.ts';

/** From every range that UTF-8 and UTF-16 order differently, or encode in another number of units. */
const NAMES = ['a', 'z', 'é', '￿', '\ue000', '😀', '𐀀', '一', '퟿', 'a😀', 'a￿', 'aé', 'aa', '😀a', '-'];

function tableOf(names: readonly string[]): LayerTable {
  const builder = new TableBuilder();
  for (const path of names) builder.add({ path, mode: 0o100644, mtime: 0, size: 0 });
  return builder.build().table;
}

test('names are sorted by their bytes in UTF-8, and every one is found', () => {
  const table = tableOf(NAMES);
  const listed = Array.from({ length: NAMES.length }, (_, i) => table.name(i + 1));
  const byBytes = NAMES.toSorted((a, b) => Buffer.compare(encodeUtf8(a), encodeUtf8(b)));
  expect(listed).toEqual(byBytes);
  for (const [i, name] of listed.entries()) expect(table.lookup(0, name)).toBe(i + 1);
});

test('a surrogate that stands alone is U+FFFD, and does not join with that of the next name', () => {
  const table = tableOf(['a\ud83d', '\ude00b', 'z']);
  expect([1, 2, 3].map((entry) => table.name(entry))).toEqual(['a\ufffd', 'z', '\ufffdb']);
  expect(table.lookup(0, 'a\ud83d')).toBe(1);
  expect(table.lookup(0, '\ufffdb')).toBe(3);
});
