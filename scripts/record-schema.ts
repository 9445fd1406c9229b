/*
 * Records what this version writes into IndexedDB, as a fixture that every later version must be able to read:
 * `npx tsx scripts/record-schema.ts` once for each version of the database, `npx tsx scripts/record-schema.ts snapshots` for format 3 of the
 * records. It refuses to write over a recording.
 */

import 'fake-indexeddb/auto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Overlay } from '../src/fs/overlay.ts';
import { idbUpper } from '../src/upper/idb-store.ts';
import { dumpDatabase, printRecording } from '../test/fixtures/schema/recording.ts';
import { SCENE_TIME, playBulk, playMany, playScene, playSnapshots, sceneLower } from '../test/fixtures/schema/scene.ts';
import { snapshotTree } from '../test/support/snapshot-tree.ts';
import { root } from './entries.ts';

const withSnapshots = process.argv[2] === 'snapshots';
const name = 'recorded';
const overlay = await Overlay.mount({ lower: [sceneLower()], upper: await idbUpper(name), clock: () => SCENE_TIME });
const treeOf = ({ fs }: Overlay): Promise<string[]> => snapshotTree(fs.promises, '/', { with: ['ino', 'mtime'] });
await playScene(overlay.fs.promises);
await playBulk(overlay.fs.promises);
if (withSnapshots) await playSnapshots(overlay);
else await playMany(overlay.fs.promises);
const tree = await treeOf(overlay);
const snapshots: [number, string[]][] = [];
for (const { id } of overlay.snapshots()) {
  await using view = await overlay.openSnapshot(id);
  snapshots.push([id, await treeOf(view)]);
}
await overlay.close();
const { schema, stores } = await dumpDatabase(name);
const what = withSnapshots ? 'format-3' : `schema-${schema}`;
const note = `What a version with database schema ${schema} wrote. Never to be edited: scripts/record-schema.ts recorded it.`;
const recording = { note, schema, stores, tree, ...(withSnapshots && { snapshots }) };
await writeFile(join(root, `test/fixtures/schema/${what}.json`), printRecording(recording), { flag: 'wx' });
