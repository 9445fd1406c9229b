/* What every upper store must do, as tests over a store that the caller makes. `reopen` gives the store that finds what the first one left. */

import { expect, test } from 'vitest';
import { isFsError } from '../../../src/base/errors.ts';
import {
  type Commit,
  FIRST_HISTORY_ID,
  type InodeRecord,
  type UpperRecord,
  type UpperStore,
  type WhiteoutRecord,
  contentOf,
} from '../../../src/layer/upper.ts';

export interface StoreUnderTest {
  make(): Promise<UpperStore>;
  /** Another store over the same content, after `store` was closed. */
  reopen(store: UpperStore): Promise<UpperStore>;
}

export const inode = (fields: Partial<InodeRecord> = {}): InodeRecord => ({
  names: [[1, 'a.txt']],
  mode: 0o100644,
  uid: 0,
  gid: 0,
  rdev: 0,
  nlink: 1,
  size: 0,
  originSize: 0,
  chunks: [],
  atimeMs: 1,
  mtimeMs: 1.5,
  ctimeMs: 2,
  birthtimeMs: 0,
  ...fields,
});

export const whiteout = (directory: number, name: string): WhiteoutRecord => ({ names: [[directory, name]], whiteout: true });

export interface CommitParts {
  readonly records?: Iterable<readonly [number, UpperRecord | undefined]>;
  readonly chunks?: Iterable<readonly [number, Uint8Array<ArrayBuffer> | undefined]>;
  readonly superblock?: Commit['superblock'];
  readonly durability?: Commit['durability'];
}

export const commitOf = ({ records = [], chunks = [], superblock, durability = 'relaxed' }: CommitParts): Commit => ({
  records: new Map(records),
  chunks: new Map(chunks),
  superblock,
  durability,
});

export const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);

/** Nothing but what says something, so that absent and `undefined` fields compare as equal. */
const FULL = inode({
  names: [
    [1, '__proto__'],
    [7, 'constructor'],
    [7, '\uD800 lone'],
  ],
  rdev: 5,
  size: 300_000,
  originSize: 12,
  chunks: [0, 9, 0, 11],
  xattrs: new Map([['user.x', bytes(1, 2, 3)]]),
  origin: { layer: 0, entry: 42 },
});

export function storeCases({ make, reopen }: StoreUnderTest): void {
  test('a new store holds nothing', async () => {
    const store = await make();
    const image = await store.load();
    expect(image.superblock).toBeUndefined();
    expect(image.records.size).toBe(0);
    expect(await store.readChunks([1])).toEqual([undefined]);
    await store.close();
  });

  test('what was committed is found again after the store was closed', async () => {
    const store = await make();
    await store.load();
    const list = [
      { id: 3, label: 'before', timeMs: 1.5 },
      { id: 7, timeMs: 2 },
    ];
    const superblock = { format: 1, lowers: [{ digest: 'sha256-aa;at=/x', inoBase: 2, entries: 3 }], snapshots: { list, next: 9 } };
    const directory = inode({ mode: 0o40755, opaque: true, redirect: '/old/place' });
    const link = inode({ mode: 0o120777, target: '../x', size: 4 });
    const records: [number, UpperRecord][] = [
      [5, FULL],
      [4_294_967_295, whiteout(1, 'gone')],
      [6, directory],
      [7, link],
      [8, { ...whiteout(1, 'gone too'), since: 3 }],
      [FIRST_HISTORY_ID, { names: [], was: 5, until: 3, record: { ...FULL, since: 2 } }],
      [FIRST_HISTORY_ID + 1, { names: [], was: 9, until: 7, record: whiteout(1, 'was gone') }],
    ];
    await store.commit(commitOf({ records, chunks: [[9, bytes(1, 2, 3)]], superblock, durability: 'strict' }));
    await store.close();

    const again = await reopen(store);
    const image = await again.load();
    expect(image.superblock).toEqual(superblock);
    expect(new Map(image.records)).toEqual(new Map(records));
    expect(await again.readChunks([9])).toEqual([bytes(1, 2, 3)]);
    await again.close();
  });

  test('undefined removes records and chunks, and removing what is not there does nothing', async () => {
    const store = await make();
    await store.load();
    await store.commit(commitOf({ records: [[5, FULL]], chunks: [[9, bytes(1)]] }));
    await store.commit(
      commitOf({
        records: [
          [5, undefined],
          [6, undefined],
        ],
        chunks: [
          [9, undefined],
          [10, undefined],
        ],
      }),
    );
    expect((await store.load()).records.size).toBe(0);
    expect(await store.readChunks([9])).toEqual([undefined]);
    await store.close();
  });

  test('a commit without a superblock leaves the superblock alone', async () => {
    const store = await make();
    await store.load();
    await store.commit(commitOf({ superblock: { format: 1, lowers: [] } }));
    await store.commit(commitOf({ records: [[5, FULL]] }));
    expect((await store.load()).superblock).toEqual({ format: 1, lowers: [] });
    await store.close();
  });

  test('chunks come in the order in which they were asked for, missing and repeated ones included', async () => {
    const store = await make();
    await store.load();
    const chunks = Array.from({ length: 20 }, (_, i) => [i + 1, bytes(i)] as const);
    await store.commit(commitOf({ chunks }));
    expect(await store.readChunks([20, 99, 1, 10, 20])).toEqual([bytes(19), undefined, bytes(0), bytes(9), bytes(19)]);
    expect(await store.readChunks([])).toEqual([]);
    await store.close();
  });

  test('the last of several commits made at once wins', async () => {
    const store = await make();
    await store.load();
    const sizes = Array.from({ length: 30 }, (_, i) => i);
    await Promise.all(sizes.map((size) => store.commit(commitOf({ records: [[5, inode({ size })]], chunks: [[1, bytes(size)]] }))));
    expect((await store.load()).records.get(5)).toMatchObject({ size: 29 });
    expect(await store.readChunks([1])).toEqual([bytes(29)]);
    await store.close();
  });

  test('a commit made just before close() is kept', async () => {
    const store = await make();
    await store.load();
    const committed = Promise.all([store.commit(commitOf({ records: [[5, FULL]] })), store.commit(commitOf({ records: [[6, FULL]] }))]);
    await store.close();
    await committed;
    const again = await reopen(store);
    expect([...(await again.load()).records.keys()]).toEqual([5, 6]);
    await again.close();
  });

  test('changing bytes after they were committed, or those that were read, changes nothing in the store', async () => {
    const store = await make();
    await store.load();
    const committed = bytes(1, 2, 3);
    const xattr = bytes(7);
    await store.commit(commitOf({ chunks: [[1, committed]], records: [[5, inode({ xattrs: new Map([['user.x', xattr]]) })]] }));
    committed.fill(9);
    xattr.fill(9);
    const [first] = await store.readChunks([1]);
    first?.fill(8);
    expect(await store.readChunks([1])).toEqual([bytes(1, 2, 3)]);
    expect((await store.load()).records.get(5)).toMatchObject({ xattrs: new Map([['user.x', bytes(7)]]) });
    await store.close();
  });

  test('a view of a large buffer is stored without the buffer, and what is read owns its buffer', async () => {
    const store = await make();
    await store.load();
    const large = new Uint8Array(1 << 20).fill(5);
    await store.commit(
      commitOf({ chunks: [[1, large.subarray(100, 110)]], records: [[5, inode({ xattrs: new Map([['user.x', large.subarray(0, 3)]]) })]] }),
    );
    const [chunk] = await store.readChunks([1]);
    expect(chunk).toEqual(new Uint8Array(10).fill(5));
    expect(chunk?.buffer.byteLength).toBe(10);
    const record = (await store.load()).records.get(5);
    const xattr = record && contentOf(record)?.xattrs?.get('user.x');
    expect([xattr?.length, xattr?.buffer.byteLength]).toEqual([3, 3]);
    await store.close();
  });

  test('a value that cannot be stored leaves nothing of its commit', async () => {
    const store = await make();
    await store.load();
    await store.commit(commitOf({ records: [[5, FULL]] }));
    const detached = bytes(1, 2, 3);
    structuredClone(detached, { transfer: [detached.buffer] });
    const unfit = new Map([['user.x', (() => 0) as unknown as Uint8Array]]);
    const failing = store.commit(
      commitOf({
        superblock: { format: 2, lowers: [] },
        chunks: [[1, bytes(1)]],
        records: [
          [5, undefined],
          [6, inode()],
          [7, inode({ xattrs: unfit })],
        ],
      }),
    );
    await expect(failing).rejects.toThrow();
    const image = await store.load();
    expect([...image.records.keys()]).toEqual([5]);
    expect(image.superblock).toBeUndefined();
    expect(await store.readChunks([1])).toEqual([undefined]);
    await store.close();
  });

  test('after close() commits and reads are refused, until load() opens the store again', async () => {
    const store = await make();
    await store.load();
    await store.close();
    const refused = (e: unknown): boolean => isFsError(e, 'EIO') && e.message.includes(store.name);
    await expect(store.commit(commitOf({}))).rejects.toSatisfy(refused);
    await expect(store.readChunks([1])).rejects.toSatisfy(refused);
    await store.load();
    await store.commit(commitOf({ chunks: [[1, bytes(1)]] }));
    expect(await store.readChunks([1])).toEqual([bytes(1)]);
    await store.close();
  });
}
