/* Databases of every version that was ever written, as they were recorded. Runs over the global `indexedDB`, in Node and in the browser. */

import { describe, expect, test } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import { Overlay } from '../../../src/fs/overlay.ts';
import { encodeText } from '../../../src/base/encoding.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import { decodePack } from '../../../src/upper/record-pack.ts';
import {
  type Recording,
  dumpDatabase,
  openDatabase,
  parseRecording,
  printRecording,
  restoreDatabase,
} from '../../fixtures/schema/recording.ts';
import { sceneLower } from '../../fixtures/schema/scene.ts';
import { snapshotTree } from '../../support/snapshot-tree.ts';
import { uniqueName } from './idb-cases.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

const mount = async (name: string, options: Parameters<typeof idbUpper>[1] = {}): Promise<Overlay> =>
  Overlay.mount({ lower: [sceneLower()], upper: await idbUpper(name, options) });

const treeOf = (overlay: Overlay): Promise<string[]> => snapshotTree(overlay.fs.promises, '/', { with: ['ino', 'mtime'] });

/** Everything in a database as text, which is compared in no time. */
const contentOf = async (name: string): Promise<string> => printRecording({ ...(await dumpDatabase(name)), note: '', tree: [] });

/** Puts a recording back under a new name, changed as told. */
async function restored(recording: Recording, change: Partial<Recording> = {}): Promise<string> {
  const name = uniqueName();
  await restoreDatabase(name, { ...recording, ...change });
  return name;
}

/** The records of a recording, xattrs as in rows: of packs, of turns, then of rows. */
function recordsIn({ stores }: Recording): ReadonlyMap<number, object> {
  const ofTurns = ((stores['turns'] ?? []) as [number, { records?: unknown }][]).flatMap(([, { records }]) => records ?? []);
  const packed = [...(stores['packs'] ?? []).map(([, value]) => value), ...ofTurns].flatMap((value) => decodePack(value)!);
  const records = new Map<number, object>();
  for (const [id, stored] of [...packed, ...(stores['records'] as [number, object | null][])]) {
    const { xattrs } = (stored ?? {}) as { xattrs?: [string, string][] | Map<string, Uint8Array> };
    if (stored === null) records.delete(id);
    else if (!Array.isArray(xattrs)) records.set(id, stored);
    else records.set(id, { ...stored, xattrs: new Map(xattrs.map(([name, text]) => [name, encodeText(text, 'base64')])) });
  }
  return records;
}

export function schemaCases(texts: readonly string[]): void {
  for (const recording of texts.map(parseRecording)) {
    describe(`a database of schema ${recording.schema}`, () => {
      test('shows the tree that was recorded, with every byte, passes the checker, and can be written to', async () => {
        const name = await restored(recording);
        const overlay = await mount(name);
        expect(await treeOf(overlay)).toEqual(recording.tree);
        expect(await overlay.check()).toEqual([]);
        const { promises: fs } = overlay.fs;
        await fs.writeFile('/added', 'by the version of today');
        await fs.appendFile('/shared', 'more');
        await fs.rm('/left', { recursive: true });
        const changed = await treeOf(overlay);
        await overlay.close();
        const again = await mount(name);
        expect(await treeOf(again)).toEqual(changed);
        expect(await again.check()).toEqual([]);
        await again.close();
      });

      test('keeps its records as they were, xattrs included, and has a version afterwards', async () => {
        const name = await restored(recording);
        const store = await idbUpper(name);
        const { records } = await store.load();
        const recorded = recordsIn(recording);
        expect([...records.keys()]).toEqual([...recorded.keys()].sort((a, b) => a - b));
        for (const [id, value] of recorded) expect(records.get(id)).toMatchObject(value);
        const { version } = store;
        expect(version?.generation).toMatch(/./);
        expect(version?.sequence).toBeGreaterThanOrEqual(0);
        await store.close();
        const next = await idbUpper(name);
        expect(next.version).toEqual(version);
        await next.close();
      });
    });
  }

  const latest = parseRecording(texts[texts.length - 1]!);

  test('the latest recording is of the schema that is written today', async () => {
    const store = await idbUpper(uniqueName());
    const { name } = store;
    await store.close();
    expect((await dumpDatabase(name)).schema).toBe(latest.schema);
  });

  test('a database of a newer schema is refused with what to do, and stays as it is', async () => {
    const name = await restored(latest, { schema: 99, stores: { ...latest.stores, novelties: [[1, 'new']] } });
    const before = await contentOf(name);
    await expect(mount(name)).rejects.toSatisfy(
      (e) => isFsError(e, 'ENOTSUP') && [name, 'newer version', 'load that version'].every((words) => e.message.includes(words)),
    );
    expect(await contentOf(name)).toBe(before);
  });

  test('records of a newer format are refused, and stay as they are', async () => {
    const name = await restored(latest, { stores: { ...latest.stores, superblock: [[0, { format: 99, lowers: [] }]] } });
    const before = await contentOf(name);
    await expect(mount(name)).rejects.toSatisfy(
      (e) => isFsError(e, 'ENOTSUP') && [name, 'format 99'].every((words) => e.message.includes(words)),
    );
    expect(await contentOf(name)).toBe(before);
  });

  test.each([
    ['a file that was copied up', 4, '/big'],
    ['a file of the upper', 2147483649, '/chunked'],
    ['a directory', 8, '/left'],
    ['an opaque directory', 2147483654, '/cleared'],
    ['a whiteout', 2147483652, '/doomed'],
    ['the root', 1, '/'],
  ])('one damaged record is EIO; set aside, the workspace can be mounted, mended and used: %s', async (_what, id) => {
    const others = latest.stores['records']!.filter(([key]) => key !== id);
    const name = await restored(latest, { stores: { ...latest.stores, records: [...others, [id, 'ruin']] } });
    const before = await contentOf(name);
    await expect(mount(name)).rejects.toSatisfy(
      (e) => isFsError(e, 'EIO') && [name, `record ${id}`, 'set-aside'].every((words) => e.message.includes(words)),
    );
    expect(await contentOf(name)).toBe(before);
    const overlay = await mount(name, { damaged: 'set-aside' });
    expect(await overlay.check()).toContainEqual(expect.objectContaining({ id, message: `record ${id} is damaged and was set aside` }));
    for (let round = 0; round < 3; round++) await overlay.check({ repair: true });
    const left = await overlay.check();
    expect(left).toEqual([expect.objectContaining({ id })]);
    await overlay.fs.promises.writeFile('/after', 'works');
    const tree = await treeOf(overlay);
    await overlay.close();
    const again = await mount(name);
    expect(await treeOf(again)).toEqual(tree);
    expect(await again.check()).toEqual([]);
    await again.close();
    const kept = (await dumpDatabase(name)).stores['superblock']!.filter(
      ([key]) => typeof key === 'string' && key.startsWith(`damaged record ${id},`),
    );
    expect(kept.map(([, value]) => value)).toEqual(['ruin']);
  });

  test('who wrote last, damaged or gone, is EIO and named', async () => {
    const damaged = await restored(latest, { stores: { ...latest.stores, turns: [[7, 'ruin']] } });
    await expect(idbUpper(damaged)).rejects.toSatisfy((e) => isFsError(e, 'EIO') && e.message.includes(`'${damaged}': who wrote last`));
    const gone = await restored(latest, { stores: { ...latest.stores, turns: [] } });
    await expect(mount(gone)).rejects.toSatisfy((e) => isFsError(e, 'EIO') && e.message.includes(`'${gone}': who wrote last`));
  });

  test('an empty database of schema 1 gets its version with the first commit', async () => {
    const name = uniqueName();
    await restoreDatabase(name, { schema: 1, stores: { records: [], chunks: [], superblock: [] } });
    const store = await idbUpper(name);
    expect(store.version).toBeUndefined();
    await store.load();
    await store.commit(commitOf({ records: [[5, inode()]], chunks: [[1, bytes(1)]], superblock: { format: 1, lowers: [] } }));
    expect(store.version?.sequence).toBe(1);
    await store.close();
  });

  test('of two that open a database of schema 1 at the same time, both get the same version', async () => {
    const first = texts.map(parseRecording)[0]!;
    const name = await restored(first);
    const [one, other] = await Promise.all([idbUpper(name), idbUpper(name)]);
    expect(one.version).toEqual(other.version);
    await Promise.all([one.close(), other.close()]);
    (await openDatabase(name)).close();
  });
}
