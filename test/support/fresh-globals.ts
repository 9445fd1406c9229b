/*
 * Before each file of the unit project: nothing that the one before left in the globals, and databases in memory of its own. Files run one after
 * the other in one process, so that the engine is loaded once. Modules that a file mocks and environment variables it gives back itself.
 */

import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';

vi.useRealTimers();
vi.unstubAllGlobals();
globalThis.indexedDB = new IDBFactory();
