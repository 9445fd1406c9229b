import 'fake-indexeddb/auto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { fenceCases } from './fence-cases.ts';
import { idbCases, makeStore, uniqueName } from './idb-cases.ts';
import { packCases } from './pack-cases.ts';
import { schemaCases } from './schema-cases.ts';
import { silenceCases } from './silence-cases.ts';
import { storeCases } from './store-cases.ts';

describe('upper in Firefox, where a transaction that was told to commit completes though a request of it fails', () => {
  const { commit } = IDBTransaction.prototype;

  beforeAll(() => {
    vi.stubGlobal('navigator', { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0' });
    IDBTransaction.prototype.commit = function () {
      this.addEventListener('error', (event) => event.preventDefault());
      commit.call(this);
    };
  });

  afterAll(() => {
    IDBTransaction.prototype.commit = commit;
    vi.unstubAllGlobals();
  });

  fenceCases();
});

describe('upper in IndexedDB (in memory)', () => {
  storeCases({ make: makeStore, reopen: (store) => idbUpper(store.name) });
  idbCases();
  fenceCases();
  silenceCases();
  packCases();
  schemaCases([1, 2, 3, 4].map((schema) => readFileSync(new URL(`../../fixtures/schema/schema-${schema}.json`, import.meta.url), 'utf8')));

  describe('where everything is packed', () => {
    const layout = { packFrom: 1, packSize: 2, turns: 2, gathered: 0, large: 40, atOnce: 2, slack: 0, runFrom: 1 };
    storeCases({ make: () => idbUpper(uniqueName(), { layout }), reopen: (store) => idbUpper(store.name, { layout }) });
  });

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
