import { describe } from 'vitest';
import { memoryUpper } from '../../../src/upper/memory-store.ts';
import { storeCases } from './store-cases.ts';

describe('memory upper', () => {
  storeCases({ make: () => Promise.resolve(memoryUpper('memory-test')), reopen: (store) => Promise.resolve(store) });
});
