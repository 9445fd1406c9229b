/*
 * Records what this version writes into IndexedDB, as a fixture that every later version must be able to read:
 * `npx tsx scripts/record-schema.ts` once for each version of the database. It refuses to write over a recording.
 */

import 'fake-indexeddb/auto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Overlay } from '../src/fs/overlay.ts';
import { idbUpper } from '../src/upper/idb-store.ts';
import { dumpDatabase, printRecording } from '../test/fixtures/schema/recording.ts';
import { SCENE_TIME, playBulk, playScene, sceneLower } from '../test/fixtures/schema/scene.ts';
import { snapshotTree } from '../test/support/snapshot-tree.ts';
import { root } from './entries.ts';

const name = 'recorded';
const overlay = await Overlay.mount({ lower: [sceneLower()], upper: await idbUpper(name), clock: () => SCENE_TIME });
await playScene(overlay.fs.promises);
await playBulk(overlay.fs.promises);
const tree = await snapshotTree(overlay.fs.promises, '/', { with: ['ino', 'mtime'] });
await overlay.close();
const { schema, stores } = await dumpDatabase(name);
const note = `What a version with database schema ${schema} wrote. Never to be edited: scripts/record-schema.ts recorded it.`;
const file = join(root, `test/fixtures/schema/schema-${schema}.json`);
await writeFile(file, printRecording({ note, schema, stores, tree }), { flag: 'wx' });
