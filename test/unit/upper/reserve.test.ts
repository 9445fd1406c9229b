/* The space set aside, on a disk made of a number. What Chromium does with it: test/e2e/quota.test.ts. */

import { describe, expect, test } from 'vitest';
import { FsError } from '../../../src/base/errors.ts';
import type { Commit, UpperRecord } from '../../../src/layer/upper.ts';
import type { HeldSpace } from '../../../src/storage/space.ts';
import { FULL_RESERVE, Reserve, ReservedStore } from '../../../src/upper/reserve.ts';
import type { VersionedStore } from '../../../src/upper/versioned-store.ts';

/** A disk on which a commit takes what it puts, a record 100 bytes, and gives nothing back. */
class Disk {
  held = 0;
  used = 0;
  commits = 0;
  now = 0;
  isBroken = false;
  version: VersionedStore['version'] = { generation: 'g', sequence: 1 };

  constructor(readonly size: number) {}

  get free(): number {
    return this.size - this.used - this.held;
  }

  readonly space: HeldSpace = {
    size: async () => this.held,
    resize: async (size) => {
      if (this.isBroken) throw new DOMException('gone', 'InvalidStateError');
      if (size > this.free + this.held) throw new DOMException('full', 'QuotaExceededError');
      this.held = size;
    },
    release: async () => {
      if (this.isBroken) throw new DOMException('gone', 'InvalidStateError');
      this.held = 0;
    },
  };

  store(
    reserve = new Reserve(
      async () => this.space,
      () => this.now,
    ),
  ): ReservedStore {
    const currentVersion = (): VersionedStore['version'] => this.version;
    const store: VersionedStore = {
      name: 'w',
      get version() {
        return currentVersion();
      },
      load: async () => ({ superblock: undefined, records: new Map() }),
      restore: async () => undefined,
      readChunks: async () => [],
      close: async () => undefined,
      commit: async ({ records, chunks }) => {
        const puts = [...chunks.values()].reduce((sum, bytes) => sum + (bytes?.length ?? 0), 100 * (records.size + 1));
        if (puts > this.free) throw new FsError('ENOSPC');
        this.used += puts;
        this.commits++;
      },
    };
    return new ReservedStore(store, reserve, [1, 1, 1]);
  }
}

const record = { names: [[1, 'x']], whiteout: true } as const satisfies UpperRecord;
const commit = (records: Commit['records'], chunks: Commit['chunks'] = new Map()): Commit => ({ records, chunks, durability: 'strict' });
const NOTHING = commit(new Map());
const removal = commit(new Map([[5, undefined]]), new Map([[7, undefined]]));
const whiteout = commit(new Map([[6, record]]));
const growth = (bytes: number): Commit => commit(new Map([[5, undefined]]), new Map([[8, new Uint8Array(bytes)]]));

/** Nothing but what is set aside is left. */
async function full(): Promise<{ disk: Disk; store: ReservedStore }> {
  const disk = new Disk(4 * FULL_RESERVE);
  const store = disk.store();
  await store.commit(NOTHING);
  await settled();
  expect(disk.held).toBe(FULL_RESERVE);
  disk.used = disk.size - disk.held;
  return { disk, store };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe('on a full disk', () => {
  test.each([
    ['a removal', removal],
    ['a whiteout', whiteout],
    ['a commit of nothing, to reach the disk', NOTHING],
  ])('%s is made, and half of what was set aside stays so', async (_what, asked) => {
    const { disk, store } = await full();
    await store.commit(asked);
    expect(disk.held).toBe(FULL_RESERVE / 2);
  });

  test('what stores content is refused, though it removes something too, and nothing is given up for it', async () => {
    const { disk, store } = await full();
    await expect(store.commit(growth(1))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(disk.held).toBe(FULL_RESERVE);
  });

  test('a new workspace is not begun with it', async () => {
    const { disk, store } = await full();
    disk.version = undefined;
    await expect(store.commit(NOTHING)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(disk.held).toBe(FULL_RESERVE);
  });

  test('hundreds of removals are made, though others took every byte that was given up, four times', async () => {
    const { disk, store } = await full();
    for (let i = 0; i < 4; i++) {
      await store.commit(removal);
      disk.used += disk.free;
    }
    expect(disk.held).toBe(FULL_RESERVE / 16);
    for (let i = 0; i < 500; i++) await store.commit(removal);
  });

  test('a removal is refused where nothing is set aside', async () => {
    const { disk, store } = await full();
    disk.held = 0;
    disk.used = disk.size;
    await expect(store.commit(removal)).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  test('a removal is made as soon as the browser has compacted, though nothing is set aside', async () => {
    const { disk, store } = await full();
    disk.held = 0;
    disk.used = disk.size + 1_000;
    const removed = store.commit(removal);
    await Promise.resolve();
    disk.used = disk.size - 10_000;
    await removed;
    expect(disk.commits).toBeGreaterThan(0);
  });

  test('an error of the reserve does not hide that there is no space', async () => {
    const { disk, store } = await full();
    disk.isBroken = true;
    await expect(store.commit(removal)).rejects.toMatchObject({ code: 'ENOSPC' });
  });

  test('a reserve that never answers holds up neither a removal nor the close', async () => {
    const { disk } = await full();
    const silent = new Reserve(
      () => new Promise<never>(() => undefined),
      () => 0,
      20,
    );
    const store = disk.store(silent);
    await expect(store.commit(removal)).rejects.toMatchObject({ code: 'ENOSPC' });
    await store.close();
  });
});

test('when there is room again the whole reserve is set aside, and not tried at every commit', async () => {
  const { disk, store } = await full();
  await store.commit(removal);
  disk.used = 0;
  await store.commit(removal);
  await settled();
  expect(disk.held).toBe(FULL_RESERVE / 2);
  disk.now += 1_001;
  await store.commit(removal);
  await settled();
  expect(disk.held).toBe(FULL_RESERVE);
});

test('a small disk has a small reserve', async () => {
  const disk = new Disk(FULL_RESERVE / 3);
  const store = disk.store();
  await store.commit(NOTHING);
  await settled();
  expect(disk.held).toBe(FULL_RESERVE / 4);
});
