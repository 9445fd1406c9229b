/* The upper over Chromium's own IndexedDB: the same cases as in Node. */

import { describe } from 'vitest';
import schema1 from '../fixtures/schema/schema-1.json';
import schema2 from '../fixtures/schema/schema-2.json';
import schema3 from '../fixtures/schema/schema-3.json';
import schema4 from '../fixtures/schema/schema-4.json';
import { idbUpper } from '../../src/upper/idb-store.ts';
import { fenceCases } from '../unit/upper/fence-cases.ts';
import { idbCases, makeStore } from '../unit/upper/idb-cases.ts';
import { packCases } from '../unit/upper/pack-cases.ts';
import { schemaCases } from '../unit/upper/schema-cases.ts';
import { silenceCases } from '../unit/upper/silence-cases.ts';
import { storeCases } from '../unit/upper/store-cases.ts';

describe('upper in IndexedDB', () => {
  storeCases({ make: makeStore, reopen: (store) => idbUpper(store.name) });
  idbCases();
  fenceCases();
  silenceCases();
  packCases();
  schemaCases([schema1, schema2, schema3, schema4].map((recording) => JSON.stringify(recording)));
});
