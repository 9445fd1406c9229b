/* How much a change stores: commits, records and chunks, which do not vary with the machine. What takes time follows from them. */

import { expect, test } from 'vitest';
import { Overlay } from '../../src/engine.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { type FaultyUpper, faultyUpper } from '../support/faulty-upper.ts';
import { lower } from '../support/memory-layer.ts';
import { type TreeItem, dir, file } from '../support/tree.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;

const files = (count: number) => Array.from({ length: count }, (_, i) => file(`file${i}.txt`, 'x'));
const nested = (name: string, count: number) => dir(name, ...Array.from({ length: count / 10 }, (_, i) => dir(`d${i}`, ...files(10))));

/** What was stored by `work`. */
async function stored({ commits }: FaultyUpper, work: () => Promise<unknown>) {
  const before = commits.length;
  await work();
  const made = commits.slice(before);
  const chunks = made.flatMap((commit) => [...commit.chunks.values()].flatMap((bytes) => bytes ?? []));
  return {
    commits: made.length,
    records: made.reduce((sum, { records }) => sum + records.size, 0),
    chunks: chunks.map((bytes) => bytes.length),
  };
}

async function mount(...items: readonly TreeItem[]): Promise<{ overlay: Overlay; fs: FsPromises; upper: FaultyUpper }> {
  const upper = faultyUpper();
  const overlay = await Overlay.mount({ lower: [lower(...items)], upper });
  await overlay.fs.promises.writeFile('/first.txt', ''); // the root is on the upper from here on
  return { overlay, fs: overlay.fs.promises, upper };
}

test('renaming a lower directory stores three records, whatever is in it', async () => {
  const { fs, upper } = await mount(dir('of10', ...files(10)), dir('of1000', ...files(1000)));
  const rename = (size: number) => stored(upper, () => fs.rename(`/of${size}`, `/moved${size}`));
  // The directory, a whiteout where it was, and the root.
  expect(await rename(10)).toEqual({ commits: 1, records: 3, chunks: [] });
  expect(await rename(1000)).toEqual({ commits: 1, records: 3, chunks: [] });
});

test('removing a lower tree stores a whiteout, whatever is in it', async () => {
  const { fs, upper } = await mount(nested('of10', 10), nested('of1000', 1000));
  const remove = (size: number) => stored(upper, () => fs.rm(`/of${size}`, { recursive: true }));
  expect(await remove(10)).toEqual({ commits: 1, records: 2, chunks: [] });
  expect(await remove(1000)).toEqual({ commits: 1, records: 2, chunks: [] });
});

test('many files are one commit, of a record and a chunk each: in a batch, and when they are made together', async () => {
  const { overlay, fs, upper } = await mount();
  const create = (at: Pick<FsPromises, 'mkdir' | 'writeFile'>, directory: string) =>
    Promise.all([at.mkdir(directory), ...files(500).map((_, i) => at.writeFile(`${directory}/file${i}.txt`, 'x'))]);
  const expected = { commits: 1, records: 502, chunks: Array.from({ length: 500 }, () => 1) };
  expect(await stored(upper, () => overlay.batch((within) => create(within, '/batch')))).toEqual(expected);
  expect(await stored(upper, () => create(fs, '/together'))).toEqual(expected);
});

test('one byte into a large lower file stores one chunk', async () => {
  const { fs, upper } = await mount(file('small.bin', new Uint8Array(MIB)), file('large.bin', new Uint8Array(16 * MIB)));
  const write = (path: string) =>
    stored(upper, async () => {
      const handle = await fs.open(path, 'r+');
      await handle.write(Uint8Array.of(1), 0, 1, MIB / 2);
      await handle.close();
    });
  // Opening for writing copies the attributes up; then the chunk comes.
  expect(await write('/small.bin')).toEqual({ commits: 2, records: 2, chunks: [256 * KIB] });
  expect(await write('/large.bin')).toEqual({ commits: 2, records: 2, chunks: [256 * KIB] });
});

test('a copy of a file stores no content, be it a lower file or one of the upper', async () => {
  const { fs, upper } = await mount(file('lower.bin', new Uint8Array(4 * MIB)));
  await fs.writeFile('/upper.bin', new Uint8Array(4 * MIB));
  const copy = (path: string) => stored(upper, () => fs.cp(path, `${path}.copy`));
  expect(await copy('/lower.bin')).toEqual({ commits: 1, records: 2, chunks: [] });
  expect(await copy('/upper.bin')).toEqual({ commits: 1, records: 2, chunks: [] });
});
