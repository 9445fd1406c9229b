/*
 * What calls cost, in counts that no machine changes: commits, records and bytes that reach the upper, and requests. A regression shows
 * as a different number; one that is meant is written here.
 */

import { describe, expect, test } from 'vitest';

import { Overlay } from '../../src/fs/overlay.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { zipArchive } from '../support/archives.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { noise } from '../support/noise.ts';
import { startRangeServer } from '../support/range-server.ts';
import { dir, file, sparse, symlink } from '../support/tree.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;

/** Commits, records put and removed, chunks stored and removed, and bytes of the chunks. */
type Counts = readonly [commits: number, put: number, removed: number, chunks: number, dropped: number, bytes: number];

const many = (count: number) => Array.from({ length: count }, (_, i) => file(`f${i}`, 'x'));

const base = () =>
  lower(
    file('a', 'from the lower'),
    symlink('l', 'a'),
    sparse('big', 64 * MIB),
    dir('d', file('x', 'X'), dir('e', file('y', 'Y'))),
    dir('hundred', ...many(100)),
    dir('thousand', ...many(1000)),
  );

async function countsOf(
  prepare: (fs: FsPromises) => Promise<unknown>,
  work: (fs: FsPromises, overlay: Overlay) => unknown,
): Promise<Counts> {
  const upper = faultyUpper();
  await using overlay = await Overlay.mount({ lower: [base()], upper });
  // The root is on the upper already, as in every workspace that is in use.
  await overlay.fs.promises.mkdir('/mine');
  await prepare(overlay.fs.promises);
  await overlay.flush();
  const before = upper.commits.length;
  await work(overlay.fs.promises, overlay);
  await overlay.flush();
  let [put, removed, chunks, dropped, bytes] = [0, 0, 0, 0, 0];
  const own = upper.commits.slice(before);
  for (const commit of own) {
    for (const record of commit.records.values()) {
      if (record === undefined) removed++;
      else put++;
    }
    for (const chunk of commit.chunks.values()) {
      if (chunk === undefined) dropped++;
      else {
        chunks++;
        bytes += chunk.length;
      }
    }
  }
  return [own.length, put, removed, chunks, dropped, bytes];
}

const nothing = async (): Promise<void> => undefined;
type Work = (fs: FsPromises, overlay: Overlay) => unknown;
const all = (count: number, work: (i: number) => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

const rows: readonly (readonly [what: string, counts: Counts, work: Work, prepare?: (fs: FsPromises) => Promise<unknown>])[] = [
  [
    'stat, readdir, readFile, readlink',
    [0, 0, 0, 0, 0, 0],
    async (fs) => [await fs.stat('/a'), await fs.readdir('/d'), await fs.readFile('/a'), await fs.readlink('/l')],
  ],
  ['writeFile of a new file', [1, 2, 0, 1, 0, 3], (fs) => fs.writeFile('/n', 'new')],
  ['writeFile of a new empty file', [1, 2, 0, 0, 0, 0], (fs) => fs.writeFile('/n', '')],
  ['writeFile over a lower file', [1, 1, 0, 1, 0, 5], (fs) => fs.writeFile('/a', 'other')],
  ['writeFile over a file of the upper', [1, 1, 0, 1, 1, 5], (fs) => fs.writeFile('/n', 'other'), (fs) => fs.writeFile('/n', 'new')],
  ['chmod of a lower file', [1, 1, 0, 0, 0, 0], (fs) => fs.chmod('/a', 0o600)],
  ['chmod of a file two lower directories down', [1, 3, 0, 0, 0, 0], (fs) => fs.chmod('/d/e/y', 0o600)],
  ['unlink of a lower file', [1, 2, 0, 0, 0, 0], (fs) => fs.unlink('/a')],
  ['unlink of a file of the upper', [1, 1, 1, 0, 1, 0], (fs) => fs.unlink('/n'), (fs) => fs.writeFile('/n', 'new')],
  ['rename of a lower file', [1, 3, 0, 0, 0, 0], (fs) => fs.rename('/a', '/b')],
  ['rename of a lower directory of 100', [1, 3, 0, 0, 0, 0], (fs) => fs.rename('/hundred', '/b')],
  ['rename of a lower directory of 1,000', [1, 3, 0, 0, 0, 0], (fs) => fs.rename('/thousand', '/b')],
  ['rm -r of a lower directory of 100', [1, 2, 0, 0, 0, 0], (fs) => fs.rm('/hundred', { recursive: true })],
  ['rm -r of a lower directory of 1,000', [1, 2, 0, 0, 0, 0], (fs) => fs.rm('/thousand', { recursive: true })],
  ['cp -r of a lower directory of 100', [1, 102, 0, 0, 0, 0], (fs) => fs.cp('/hundred', '/b', { recursive: true })],
  ['copyFile of 64 MiB', [1, 2, 0, 0, 0, 0], (fs) => fs.copyFile('/big', '/b')],
  ['mkdir -p, three deep', [1, 4, 0, 0, 0, 0], (fs) => fs.mkdir('/p/q/r', { recursive: true })],
  ['1,000 writeFile under Promise.all', [1, 1001, 0, 1000, 0, 1000], (fs) => all(1000, (i) => fs.writeFile(`/mine/f${i}`, 'x'))],
  [
    'ten files in a batch',
    [1, 11, 0, 10, 0, 10],
    (_, overlay) => overlay.batch(async (fs) => void (await all(10, (i) => fs.writeFile(`/mine/f${i}`, 'x')))),
  ],
  [
    'one byte into a lower file of 64 MiB',
    [2, 2, 0, 1, 0, 256 * KIB], // opening for writing copies up, as the kernel does
    async (fs) => {
      await using handle = await fs.open('/big', 'r+');
      await handle.write(new Uint8Array(1), 0, 1, 5 * MIB);
    },
  ],
];

describe('what reaches the upper', () => {
  for (const [what, counts, work, prepare = nothing] of rows) {
    test(what, async () => expect(await countsOf(prepare, work)).toEqual(counts));
  }
});

test('a cold open of a zip, and one file of it, are three requests for its index and the file', async () => {
  // Stored noise: what is asked for can be counted in bytes.
  const archive = zipArchive(Array.from({ length: 2000 }, (_, i) => ({ name: `d${i % 20}/f${i}`, content: noise(2 * KIB, i + 1) })));
  await using server = await startRangeServer({ files: new Map([['base.zip', archive]]) });
  await using overlay = await Overlay.mount({ lower: [await openLayer(`${server.url}/base.zip`)] });
  await overlay.fs.promises.readFile('/d1/f1');
  expect([server.requests.length, server.bytes]).toEqual([3, 140680]);
  server.reset();
  await overlay.fs.promises.readFile('/d1/f1');
  expect(server.requests).toEqual([]);
});

test('looking synchronously asks for no time, and what it changes all the same is stamped with its own', async () => {
  let asked = 0;
  const overlay = await Overlay.mount({ lower: [base()], upper: faultyUpper(), clock: () => ++asked });
  const { fs } = overlay;
  asked = 0;
  for (let i = 0; i < 3; i++) {
    expect(fs.existsSync('/a')).toBe(true);
    expect(fs.readdirSync('/d')).toEqual(['e', 'x']);
    expect(fs.statSync('/none', { throwIfNoEntry: false })).toBeUndefined();
    expect(() => fs.statSync('/none')).toThrow('ENOENT');
    expect(fs.readFileSync('/d/x', 'utf8')).toBe('X');
  }
  expect(asked).toBe(0);
  fs.writeFileSync('/a', 'changed');
  expect(fs.statSync('/a').mtimeMs).toBe(1);
  await overlay.close();
});
