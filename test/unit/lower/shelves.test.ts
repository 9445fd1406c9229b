/* The shelves that the other tests of the cache stand on, and where there are none. */

import { expect, test } from 'vitest';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { originShelves, readBlobSync } from '../../../src/storage/shelves.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { shelfCases } from '../../support/shelf-cases.ts';

shelfCases(() => new MemoryShelves());

test('without a Cache API there is no cache, and nothing can be read without waiting', () => {
  expect(originShelves('x')).toBeUndefined();
  expect(openBlockCache()).toBeUndefined();
  expect(readBlobSync(new Blob(['a']))).toBeUndefined();
});
