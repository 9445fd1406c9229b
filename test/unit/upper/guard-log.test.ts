/* The guard's file: what goes in comes out, what is torn or damaged is found, opening reads no content. */

import { describe, expect, test } from 'vitest';
import type { Commit } from '../../../src/layer/upper.ts';
import type { SyncFile } from '../../../src/storage/opfs.ts';
import { GuardLog } from '../../../src/upper/guard-log.ts';
import { World } from './guard-world.ts';
import { FIRST_HISTORY_ID } from '../../../src/layer/upper.ts';
import { bytes, commitOf, inode, whiteout } from './store-cases.ts';

const VERSION = { generation: 'a8098c1a-f86e-11da-bd1a-00112444be1e', sequence: 7 };

async function makeFile(world = new World(), name = 'guard.0'): Promise<SyncFile> {
  return world.folder().open(name);
}

/** A complete log of an image and three commits, and where each frame ends. */
function fill(file: SyncFile): { log: GuardLog; ends: number[]; commits: Commit[] } {
  const log = GuardLog.create(file, VERSION);
  log.appendImage({ superblock: { format: 1, lowers: [] }, records: new Map([[1, inode({ names: [] })]]), chunks: new Map() });
  log.appendImage({ records: new Map(), chunks: new Map([[3, bytes(1, 2, 3)]]) });
  log.complete();
  const commits = [8, 9, 10].map((id) => commitOf({ records: [[id, inode({ mtimeMs: id })]], chunks: [[id, bytes(id, id)]] }));
  const ends = [log.size];
  for (const [i, commit] of commits.entries()) {
    log.append(8 + i, commit);
    log.flush();
    ends.push(log.size);
  }
  return { log, ends, commits };
}

const plain = (commit: Commit | undefined): unknown => structuredClone([commit?.superblock, commit?.records, commit?.chunks]);

/** The same, with a changed content. */
async function changed(file: SyncFile, change: (content: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>): Promise<SyncFile> {
  const content = new Uint8Array(file.size());
  file.read(content, 0);
  const world = new World();
  world.put('guard.0', change(content));
  return makeFile(world);
}

const flip = (at: number) => (content: Uint8Array<ArrayBuffer>) => content.map((byte, i) => (i === at ? byte ^ 0x10 : byte));

describe('what goes in comes out', () => {
  test('records of every kind, removals, superblock, large and empty chunks', async () => {
    const file = await makeFile();
    const log = GuardLog.create(file, VERSION);
    log.complete();
    const commit = commitOf({
      superblock: { format: 1, lowers: [{ digest: 'sha256-aa;at=/x', inoBase: 2, entries: 9 }] },
      records: [
        [
          5,
          inode({
            names: [
              [1, '__proto__'],
              [7, '\uD800 lone'],
              [7, 'ünïcode \u0000"'],
            ],
            rdev: 5,
            size: 300_000,
            originSize: 12,
            chunks: [0, 9, 0, 11],
            xattrs: new Map([
              ['user.x', bytes(1, 2, 255)],
              ['__proto__', bytes()],
            ]),
            origin: { layer: 0, entry: 42 },
            mtimeMs: -1.25,
          }),
        ],
        [6, inode({ mode: 0o120777, target: '../a\nb' })],
        [7, inode({ mode: 0o40755, opaque: true })],
        [8, inode({ mode: 0o40755, redirect: '/old' })],
        [9, whiteout(1, 'gone')],
        [10, undefined],
        [FIRST_HISTORY_ID, { names: [], was: 5, until: 3, record: inode({ xattrs: new Map([['user.x', bytes(1, 255)]]), since: 2 }) }],
      ],
      chunks: [
        [1, new Uint8Array(300_000).map((_, i) => i)],
        [2, bytes()],
        [3, undefined],
        [4, bytes(9)],
      ],
    });
    log.append(8, commit);
    log.flush();
    const opened = GuardLog.open(file);
    expect(opened?.version).toEqual({ generation: VERSION.generation, sequence: 8 });
    const [found] = [...opened!.commits(7)];
    expect(found?.sequence).toBe(8);
    expect(plain(found?.commit)).toEqual(plain(commit));
  });

  test('image and commits in order, or the commits behind one', async () => {
    const file = await makeFile();
    const { commits } = fill(file);
    const log = GuardLog.open(file)!;
    expect(log.base).toBe(7);
    expect([...log.everything(10)].length).toBe(5);
    expect([...log.everything(9)].length).toBe(4);
    expect([...log.commits(8)].map(({ sequence, commit }) => [sequence, plain(commit)])).toEqual([
      [9, plain(commits[1])],
      [10, plain(commits[2])],
    ]);
    expect(() => [...log.commits(6)]).toThrow(RangeError);
    expect(log.reach()).toEqual({ sequence: 10, image: true, whole: true });
  });

  test('what was taken back is gone, and the next commit takes its place', async () => {
    const file = await makeFile();
    const { log, ends, commits } = fill(file);
    log.takeBack();
    expect(file.size()).toBe(ends[2]);
    expect(() => log.takeBack()).toThrow(RangeError);
    expect(GuardLog.open(file)?.version.sequence).toBe(9);
    log.append(10, commits[0]!);
    expect(plain([...GuardLog.open(file)!.commits(9)][0]?.commit)).toEqual(plain(commits[0]));
  });
});

describe('damage', () => {
  test('a tail cut anywhere is cut off to the frame before it', async () => {
    const { log, ends } = fill(await makeFile());
    const file = await makeFile();
    fill(file);
    for (let length = ends[0]!; length < log.size; length++) {
      const opened = GuardLog.open(await changed(file, (content) => content.slice(0, length)));
      expect(opened?.version.sequence).toBe(6 + ends.filter((end) => end <= length).length);
    }
  });

  test('a bit that is wrong anywhere in the last frame takes that frame away', async () => {
    const file = await makeFile();
    const { ends } = fill(file);
    for (let at = ends[2]!; at < ends[3]!; at++) expect(GuardLog.open(await changed(file, flip(at)))?.version.sequence).toBe(9);
  });

  test('a bit that is wrong anywhere else never gives a wrong commit', async () => {
    const file = await makeFile();
    const { ends, commits } = fill(file);
    for (let at = 0; at < ends[2]!; at++) {
      const log = GuardLog.open(await changed(file, flip(at)));
      if (log === undefined) continue;
      const reach = log.reach();
      if (at < 128) expect(reach).toEqual({ sequence: 10, image: true, whole: true });
      else if (at < ends[0]!) expect(reach.image).toBe(false);
      else expect(reach.sequence).toBe(at < ends[1]! ? 7 : 8);
      for (const { sequence, commit } of log.commits(7)) expect(plain(commit)).toEqual(plain(commits[sequence - 8]));
    }
  });

  test('a file that is empty, cut in its header, unfinished, or of another format is no guard', async () => {
    const file = await makeFile();
    fill(file);
    for (const length of [0, 1, 127]) expect(GuardLog.open(await changed(file, (content) => content.slice(0, length)))).toBeUndefined();
    expect(GuardLog.open(await changed(file, flip(4)))).toBeUndefined();
    const unfinished = await makeFile();
    GuardLog.create(unfinished, VERSION).appendImage({ records: new Map(), chunks: new Map() });
    expect(GuardLog.open(unfinished)).toBeUndefined();
    expect(GuardLog.readHeader(unfinished)?.complete).toBe(false);
  });

  test('what follows an end that was never flushed is looked at', async () => {
    const world = new World();
    const file = await makeFile(world);
    const { log, ends } = fill(file);
    const commit = commitOf({ chunks: [[50, new Uint8Array(5000).fill(7)]] });
    for (const sequence of [11, 12, 13]) log.append(sequence, commit);
    // The second of three that were not flushed did not reach the disk, the third did.
    const second = log.size - 2 * ((log.size - ends[3]!) / 3);
    const holed = await changed(file, (content) => content.map((byte, at) => (at >= second + 100 && at < second + 4000 ? 0 : byte)));
    expect(GuardLog.open(holed)?.version.sequence).toBe(11);
  });
});

test('opening reads no content: a hundred megabytes of it cost what their frames cost', async () => {
  const file = await makeFile();
  const log = GuardLog.create(file, VERSION);
  log.complete();
  const chunk = new Uint8Array(1 << 20);
  for (let i = 1; i <= 8; i++) {
    log.append(7 + i, commitOf({ chunks: [[i, chunk]] }));
    log.flush();
  }
  let read = 0;
  const counting: SyncFile = {
    ...file,
    read: (into, at) => {
      const bytesRead = file.read(into, at);
      read += bytesRead;
      return bytesRead;
    },
  };
  expect(GuardLog.open(counting)?.version.sequence).toBe(15);
  // One window, the fixed parts, and the content of the last frame.
  expect(read).toBeLessThan((1 << 20) + 70_000);
});
