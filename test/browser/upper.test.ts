/* The upper over Chromium's own IndexedDB: the same cases as in Node. */

import { describe } from 'vitest';
import { idbUpper } from '../../src/upper/idb-store.ts';
import { idbCases, makeStore } from '../unit/upper/idb-cases.ts';
import { storeCases } from '../unit/upper/store-cases.ts';

describe('upper in IndexedDB', () => {
  storeCases({ make: makeStore, reopen: (store) => idbUpper(store.name) });
  idbCases();
});
