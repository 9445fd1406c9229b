/*
 * Whole trees on the engine with a memory upper: removing, making, renaming and copying them, and mounting. How cost grows with the
 * number of files is the target; the limit, where there is one, is a `Map` of paths. What IndexedDB adds is in other suites.
 */

import { Zip } from '@zenfs/archives';
import { CopyOnWrite, InMemory, configureSingle, fs as zenFs, resolveMountConfig, umount } from '@zenfs/core';
import { Overlay, memoryUpper, openLayer } from '../../src/engine.ts';
import { archiveOf, filesOf, once } from '../contestants/archive.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Measured, Scenario, Suite, Target } from '../harness/suite.ts';

const SIZES = [10, 1_000, 10_000] as const;
const LARGE = 10_000;
const byte = new Uint8Array([120]);

/** One directory `t<size>` of each size. */
const trees = once(() => archiveOf(SIZES.flatMap((size) => filesOf(`t${size}`, size, byte))));
const layer = once(() => openLayer(trees()));

const files = (count: number): string => `${count.toLocaleString('en')} files`;
const tasks = {
  rm: (size: number) => `rm -r of a lower directory of ${files(size)}`,
  rename: (size: number) => `rename of a lower directory of ${files(size)}`,
  cp: (size: number) => `cp -r of a lower directory of ${files(size)}`,
  create: (size: number) => `mkdir -p and ${files(size)} written in it, one after another`,
  mount: (size: number) => `mount of a zip of ${size.toLocaleString('en')} entries, in memory already`,
};

async function withUnion(work: (overlay: Overlay) => Promise<Measured>): Promise<Measured> {
  await using overlay = await Overlay.mount({ lower: [await layer()], upper: memoryUpper() });
  return await work(overlay);
}

/** Several small ones, so that what is measured is longer than the clock's tick; each on a union of its own. */
const repetitions = (size: number): number => Math.max(1, 100 / size);

/** Of a rename, which is over in less than that whatever the size. */
const RENAMES = 20;

async function each(count: number, work: (overlay: Overlay) => Promise<unknown>): Promise<number> {
  let total = 0;
  for (let i = 0; i < count; i++) {
    await withUnion(async (overlay) => {
      total += await time(() => work(overlay));
      return {};
    });
  }
  return total / count;
}

const ours: Contestant = async () => {
  const measured: Record<string, number> = {};
  for (const size of SIZES) {
    const count = repetitions(size);
    measured[tasks.rm(size)] = await each(count, ({ fs }) => fs.promises.rm(`/t${size}`, { recursive: true }));
    measured[tasks.rename(size)] = await each(RENAMES, ({ fs }) => fs.promises.rename(`/t${size}`, '/renamed'));
    measured[tasks.cp(size)] = await each(count, ({ fs }) => fs.promises.cp(`/t${size}`, '/copy', { recursive: true }));
    measured[tasks.create(size)] = await each(count, ({ fs }) => write(fs.promises, size));
  }
  return measured;
};

interface Writes {
  mkdir(path: string, options: { readonly recursive: true }): Promise<unknown>;
  writeFile(path: string, bytes: Uint8Array): Promise<unknown>;
}

async function write(fs: Writes, count: number): Promise<void> {
  await fs.mkdir('/made/deep/down', { recursive: true });
  await Promise.all(Array.from({ length: count }, (_, i) => fs.writeFile(`/made/deep/down/file${i}.txt`, byte)));
}

const zenfs: Contestant = async () => {
  const size = 1_000;
  const measured: Record<string, number> = {};
  const on = async (work: () => Promise<unknown>): Promise<number> => {
    const readable = await resolveMountConfig({ backend: Zip, data: trees().buffer });
    await configureSingle({ backend: CopyOnWrite, readable, writable: await resolveMountConfig({ backend: InMemory }) });
    try {
      return await time(async () => void (await work()));
    } finally {
      umount('/');
    }
  };
  measured[tasks.create(size)] = await on(() => write(zenFs.promises, size));
  measured[tasks.rename(size)] = await on(() => zenFs.promises.rename(`/t${size}`, '/renamed'));
  measured[tasks.rm(size)] = await on(() => zenFs.promises.rm(`/t${size}`, { recursive: true }));
  return measured;
};

const map: Contestant = async () =>
  Object.fromEntries(
    await Promise.all(
      SIZES.map(async (size): Promise<[string, number]> => {
        const made = new Map<string, Uint8Array>();
        const create = await time(() => {
          for (let i = 0; i < size; i++) made.set(`/made/deep/down/file${i}.txt`, byte.slice());
        });
        return [tasks.create(size), create];
      }),
    ),
  );

const ZENFS = 'ZenFS CopyOnWrite over Zip';

/** Ten times the files may take ten times as long; half as much again is noise. */
const growth = (of: (size: number) => string): [string, readonly Target[]][] => [
  [of(LARGE), [{ task: of(1_000), atMost: 15 }]],
  [of(1_000), [{ against: ZENFS, atMost: 1 / 20 }]],
];

const changes: Scenario = {
  name: 'trees',
  contestants: { stratafs: ours, [ZENFS]: zenfs, Map: map },
  ours: 'stratafs',
  limit: 'Map',
  targets: Object.fromEntries([
    ...growth(tasks.rm),
    ...growth(tasks.create),
    [tasks.cp(LARGE), [{ task: tasks.cp(1_000), atMost: 15 }]],
    [
      tasks.rename(1_000),
      [
        { task: tasks.rename(10), atMost: 2 },
        { against: ZENFS, atMost: 1 / 20 },
      ],
    ],
    [tasks.rename(LARGE), [{ task: tasks.rename(10), atMost: 2 }]],
  ]),
  timeout: 120,
  note: 'The engine and a memory upper; each call awaited. ZenFS has an InMemory upper, and does the trees of 1,000 files only.',
};

const MOUNTS = [1_000, 10_000, 100_000] as const;
/** A hundred files in each directory. */
const archive = (size: number) =>
  archiveOf(
    Array.from({ length: size / 100 }, (_, d) => filesOf(`d${d}`, 99, byte)).flatMap((some, d) => [
      [`d${d}/`, new Uint8Array(0)] as const,
      ...some,
    ]),
  );
const archives = once(() => new Map(MOUNTS.map((size) => [size, archive(size)])));

const mountOurs: Contestant = async () => {
  const measured: Record<string, number> = {};
  for (const size of MOUNTS) {
    const bytes = archives().get(size)!;
    measured[tasks.mount(size)] = await time(async () => {
      const overlay = await Overlay.mount({ lower: [await openLayer(bytes)], upper: memoryUpper() });
      overlay.fs.statSync('/d0/file0.txt');
    });
  }
  return measured;
};

const mountZenfs: Contestant = async () => {
  const measured: Record<string, number> = {};
  for (const size of MOUNTS) {
    const data = archives().get(size)!.buffer;
    measured[tasks.mount(size)] = await time(async () => {
      const readable = await resolveMountConfig({ backend: Zip, data });
      await configureSingle({ backend: CopyOnWrite, readable, writable: await resolveMountConfig({ backend: InMemory }) });
      zenFs.statSync('/d0/file0.txt');
    });
    umount('/');
  }
  return measured;
};

const mounts: Scenario = {
  name: 'mounting',
  contestants: { stratafs: mountOurs, [ZENFS]: mountZenfs },
  ours: 'stratafs',
  targets: {
    [tasks.mount(10_000)]: { task: tasks.mount(1_000), atMost: 15 },
    [tasks.mount(100_000)]: { task: tasks.mount(10_000), atMost: 15 },
  },
  timeout: 120,
};

export const suite: Suite = { name: 'engine-tree', where: 'worker', scenarios: [changes, mounts] };
