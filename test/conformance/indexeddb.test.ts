/* The conformance suite over the engine with its IndexedDB upper, on an IndexedDB in memory. The real one is tested in browsers. */

import { IDBFactory } from 'fake-indexeddb';

import { idbUpper } from '../../src/upper/idb-store.ts';
import { conformance } from './all.ts';
import { engineStacks } from './engine-stacks.ts';

let workspaces = 0;
const newUpper = () => idbUpper(`conformance-${workspaces++}`, { factory: new IDBFactory() });

for (const stack of engineStacks({}, newUpper)) {
  // What the layers are makes no difference to the store: one stack that starts empty, one that was mounted before.
  if (/^(three lowers|renamed and remounted),/.test(stack.name)) conformance({ ...stack, name: `IndexedDB upper, ${stack.name}` });
}
