/* Writing into the cache is held back while an archive arrives fast, and not for long. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadCodec } from '../../../src/codec/codec.ts';
import { ArchiveShelf } from '../../../src/lower/archive-shelf.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';

const MIB = 1 << 20;

let shelves: MemoryShelves;
let shelf: ArchiveShelf;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  shelves = new MemoryShelves();
  shelf = new ArchiveShelf({
    shelf: shelves.open('a'),
    codec: loadCodec(),
    reserve: () => Promise.resolve(),
    makeRoom: () => Promise.resolve(false),
  });
});
afterEach(() => vi.useRealTimers());

/** Lets everything happen that waits for nothing. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const put = (start: number, length: number): void => shelf.put(start, new Uint8Array(length));
const kept = async (): Promise<number> => {
  await nextTurn();
  return shelves.shelves.get('a')!.size;
};

test('what is put meanwhile is written when writing goes on, and counts as coming before', async () => {
  shelf.holdBack();
  put(0, 10);
  expect(await kept()).toBe(0);
  expect(shelf.isComing(0, 10)).toBe(true);
  shelf.goOn();
  await shelf.settled();
  expect(await kept()).toBe(1);
  expect(shelf.holds(0, 10)).toBe(true);
});

test('what takes longer than a second is written as it comes', async () => {
  shelf.holdBack();
  put(0, 10);
  vi.advanceTimersByTime(999);
  expect(await kept()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(await kept()).toBe(1);
  put(10, 10);
  expect(await kept()).toBe(2);
});

test('what is more than 64 MiB is written as it comes', async () => {
  shelf.holdBack();
  for (let at = 0; at < 64; at += 4) put(at * MIB, 4 * MIB);
  expect(await kept()).toBe(0);
  put(64 * MIB, 1);
  await shelf.settled();
  expect(await kept()).toBe(17);
});

test('what was put is written though the shelf is closed', async () => {
  shelf.holdBack();
  put(0, 10);
  shelf.close();
  await shelf.settled();
  expect(await kept()).toBe(1);
});
