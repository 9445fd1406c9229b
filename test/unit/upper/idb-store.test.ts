import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { idbCases, makeStore } from './idb-cases.ts';
import { storeCases } from './store-cases.ts';

describe('upper in IndexedDB (in memory)', () => {
  storeCases({ make: makeStore, reopen: (store) => idbUpper(store.name) });
  idbCases();

  test('without IndexedDB the upper is refused with ENOTSUP', async () => {
    const { indexedDB } = globalThis;
    Reflect.deleteProperty(globalThis, 'indexedDB');
    try {
      await expect(idbUpper('x')).rejects.toSatisfy((e) => isFsError(e, 'ENOTSUP'));
    } finally {
      globalThis.indexedDB = indexedDB;
    }
  });
});
