/* Several owners over one database, in whatever order they come. Runs over the global `indexedDB`, in Node and in the browser. */

import { expect, test } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import type { UpperStore } from '../../../src/layer/upper.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import type { VersionedStore } from '../../../src/upper/versioned-store.ts';
import { dumpDatabase } from '../../fixtures/schema/recording.ts';
import { uniqueName } from './idb-cases.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

const takenOver = (e: unknown): boolean => isFsError(e, 'ESTALE') && e.message.includes('taken over by another tab');

/** A store that has loaded what is there. */
async function ownerOf(name: string): Promise<VersionedStore> {
  const store = await idbUpper(name);
  await store.load();
  return store;
}

const sized = (size: number) => commitOf({ records: [[5, inode({ size })]] });

async function sizeIn(name: string): Promise<number | undefined> {
  const store = await idbUpper(name);
  const record = (await store.load()).records.get(5);
  await store.close();
  return record !== undefined && 'size' in record ? record.size : undefined;
}

const closeAll = (...stores: UpperStore[]): Promise<unknown> => Promise.all(stores.map((store) => store.close()));

export function fenceCases(): void {
  test('the version is that of the last commit: nothing at first, then one more each, the same for the next owner', async () => {
    const name = uniqueName();
    const store = await ownerOf(name);
    expect(store.version).toBeUndefined();
    await store.commit(sized(1));
    const { generation } = store.version!;
    expect(store.version).toEqual({ generation, sequence: 1 });
    await Promise.all([store.commit(sized(2)), store.commit(sized(3))]);
    expect(store.version).toEqual({ generation, sequence: 3 });
    await store.close();
    const next = await idbUpper(name);
    expect(next.version).toEqual({ generation, sequence: 3 });
    expect(generation).toMatch(/^[0-9a-f-]{32,36}$/);
    await next.close();
  });

  test('of two owners that loaded the same, the one that commits first stays; the other writes and reads nothing any more', async () => {
    const name = uniqueName();
    const [first, second] = [await ownerOf(name), await ownerOf(name)];
    await first.commit(sized(1));
    await expect(second.commit(sized(2))).rejects.toSatisfy(takenOver);
    await expect(second.commit(sized(3))).rejects.toSatisfy(takenOver);
    await expect(second.load()).rejects.toSatisfy(takenOver);
    await expect(second.readChunks([1])).rejects.toSatisfy(takenOver);
    await first.commit(sized(4));
    expect(await sizeIn(name)).toBe(4);
    await closeAll(first, second);
  });

  test('an owner that slept through many commits of another writes nothing, at once and queued', async () => {
    const name = uniqueName();
    const sleeper = await ownerOf(name);
    for (let size = 1; size <= 3; size++) await sleeper.commit(sized(size));
    const other = await ownerOf(name);
    for (let size = 10; size < 160; size++) await other.commit(sized(size));
    const results = await Promise.allSettled([sleeper.commit(sized(1000)), sleeper.commit(sized(1001))]);
    expect(results.map((result) => result.status === 'rejected' && takenOver(result.reason))).toEqual([true, true]);
    expect(await sizeIn(name)).toBe(159);
    await closeAll(sleeper, other);
  });

  test.each([0, 1, 2, 63, 64, 65, 66, 130])('an owner that only loaded, after %i commits of another, writes nothing', async (commits) => {
    const name = uniqueName();
    const other = await ownerOf(name);
    await other.commit(sized(0));
    for (let n = 0; n < commits; n++) await other.commit(sized(n));
    const sleeper = await ownerOf(name);
    for (let n = 0; n < 130; n++) await other.commit(sized(n));
    await expect(sleeper.commit(sized(1000))).rejects.toSatisfy(takenOver);
    expect(await sizeIn(name)).toBe(129);
    await closeAll(sleeper, other);
  });

  test('an owner that slept through many owners writes nothing', async () => {
    const name = uniqueName();
    const sleepers: VersionedStore[] = [];
    for (let n = 0; n < 12; n++) {
      const owner = await ownerOf(name);
      for (let size = 0; size < n * 7; size++) await owner.commit(sized(size));
      sleepers.push(owner);
    }
    const last = sleepers.pop();
    await last?.commit(sized(77));
    for (const sleeper of sleepers) await expect(sleeper.commit(sized(1000))).rejects.toSatisfy(takenOver);
    expect(await sizeIn(name)).toBe(77);
    await closeAll(...sleepers, ...(last === undefined ? [] : [last]));
  });

  test('a commit in flight when another takes over is acknowledged and there, or neither', async () => {
    for (let round = 0; round < 5; round++) {
      const name = uniqueName();
      const first = await ownerOf(name);
      await first.commit(sized(1));
      const second = await ownerOf(name);
      const [ours, theirs] = await Promise.allSettled([first.commit(sized(2)), second.commit(sized(3))]);
      expect([ours.status, theirs.status].sort()).toEqual(['fulfilled', 'rejected']);
      expect(await sizeIn(name)).toBe(ours.status === 'fulfilled' ? 2 : 3);
      await closeAll(first, second);
    }
  });

  test('an owner that was overtaken takes over again by closing and loading', async () => {
    const name = uniqueName();
    const [first, second] = [await ownerOf(name), await ownerOf(name)];
    await second.commit(sized(1));
    await expect(first.commit(sized(2))).rejects.toSatisfy(takenOver);
    await first.close();
    await first.load();
    await first.commit(sized(3));
    await expect(second.commit(sized(4))).rejects.toSatisfy(takenOver);
    expect(await sizeIn(name)).toBe(3);
    await closeAll(first, second);
  });

  test('rows of turns do not pile up: two an owner and those since the last tidying', async () => {
    const name = uniqueName();
    for (let n = 0; n < 3; n++) {
      const owner = await ownerOf(name);
      for (let size = 0; size < 150; size++) await owner.commit(sized(size));
      await owner.close();
    }
    const { turns } = (await dumpDatabase(name)).stores;
    expect(turns!.length).toBeLessThanOrEqual(2 * 2 + 66);
    expect(turns!.map(([turn]) => turn).filter((turn) => Number(turn) <= 301)).toEqual([1, 150, 151, 300, 301]);
  });

  test('a restored upper is what the parts say, with the version given, and goes on from there', async () => {
    const name = uniqueName();
    const store = await ownerOf(name);
    await store.commit(commitOf({ records: [[5, inode()]], chunks: [[1, bytes(1)]], superblock: { format: 1, lowers: [] } }));
    async function* parts() {
      yield commitOf({ records: [[6, inode({ size: 6 })]], superblock: { format: 1, lowers: [] } });
      await Promise.resolve();
      yield commitOf({ chunks: [[2, bytes(2)]] });
    }
    await store.restore({ generation: 'kept elsewhere', sequence: 41 }, parts());
    expect(store.version).toEqual({ generation: 'kept elsewhere', sequence: 41 });
    const image = await store.load();
    expect([...image.records.keys()]).toEqual([6]);
    expect(await store.readChunks([1, 2])).toEqual([undefined, bytes(2)]);
    await store.commit(sized(7));
    await store.close();
    const next = await ownerOf(name);
    expect(next.version).toEqual({ generation: 'kept elsewhere', sequence: 42 });
    await next.close();
  });

  test('a restoring that was killed leaves an empty upper without a version, and the next commit clears what it left', async () => {
    const name = uniqueName();
    const store = await ownerOf(name);
    function* killed() {
      yield commitOf({ records: [[6, inode()]], chunks: [[2, bytes(2)]], superblock: { format: 1, lowers: [] } });
      throw new Error('killed');
    }
    await expect(store.restore({ generation: 'g', sequence: 9 }, killed())).rejects.toThrow('killed');
    await store.close();
    const next = await idbUpper(name);
    expect(next.version).toBeUndefined();
    expect(await next.load()).toEqual({ superblock: undefined, records: new Map() });
    await next.commit(sized(1));
    expect([...(await next.load()).records.keys()]).toEqual([5]);
    expect(await next.readChunks([2])).toEqual([undefined]);
    expect(next.version?.sequence).toBe(1);
    await next.close();
  });

  test('an owner that slept through a restoring writes nothing', async () => {
    const name = uniqueName();
    const sleeper = await ownerOf(name);
    await sleeper.commit(sized(1));
    const other = await ownerOf(name);
    const { generation } = sleeper.version!;
    await other.restore({ generation, sequence: 1 }, [sized(2)]);
    await expect(sleeper.commit(sized(3))).rejects.toSatisfy(takenOver);
    expect(await sizeIn(name)).toBe(2);
    await closeAll(sleeper, other);
  });

  test('a generation has 128 random bits where there is no randomUUID', async () => {
    const { randomUUID } = crypto;
    Object.defineProperty(crypto, 'randomUUID', { value: undefined, configurable: true, writable: true });
    try {
      const store = await ownerOf(uniqueName());
      await store.commit(sized(1));
      expect(store.version?.generation).toMatch(/^[0-9a-f]{32}$/);
      await store.close();
    } finally {
      Object.defineProperty(crypto, 'randomUUID', { value: randomUUID, configurable: true, writable: true });
    }
  });
}
