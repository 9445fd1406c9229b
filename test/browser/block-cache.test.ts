/* The block cache's shelves in Chromium's own Cache API: the same cases as in Node. */

import { describe, expect, test } from 'vitest';
import { openBlockCache } from '../../src/lower/block-cache.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { originShelves, readBlobSync } from '../../src/storage/shelves.ts';
import { shelfCases } from '../support/shelf-cases.ts';

describe('shelves in the Cache API', () => {
  shelfCases(() => originShelves(`test:${crypto.randomUUID()}:`)!);

  test('a document cannot read without waiting', () => {
    expect(readBlobSync(new Blob(['a']))).toBeUndefined();
  });

  test('shelves of another prefix are not seen', async () => {
    const [mine, other] = ['mine', 'other'].map((name) => originShelves(`test:${name}:${crypto.randomUUID()}:`)!);
    await mine!.open('a');
    expect(await other!.names()).toEqual([]);
    expect(await mine!.names()).toEqual(['a']);
  });
});

test('what has no version to compare, a blob: URL for one, is opened and not kept', async () => {
  const cache = openBlockCache({ shelves: originShelves(`test:${crypto.randomUUID()}:`) })!;
  // An empty zip archive: its end record alone.
  const empty = new Uint8Array(22);
  empty.set([0x50, 0x4b, 5, 6]);
  const layer = await openLayer(URL.createObjectURL(new Blob([empty])), { cache });
  expect(layer.table.length).toBe(1);
  await layer.close();
  expect(await cache.usage()).toBe(0);
});
