/*
 * Changes of many files at once, and of large ones by little: what an overlay can do without copying. Ours is strict with the guard, as
 * `open()` has it; the others give less (bench/tasks/commits.ts), so that the ratios flatter them.
 */

import { archiveOf, emptyArchive, filesOf, once, tarOf } from '../contestants/archive.ts';
import { lightningFs } from '../contestants/lightning-fs.ts';
import { opfsWorker } from '../contestants/opfs-worker.ts';
import { stratafs } from '../contestants/stratafs.ts';
import { assertNames, contestant, timed } from '../contestants/subject.ts';
import type { Archive, Branch, Mount, Subject } from '../contestants/subject.ts';
import { zenfs } from '../contestants/zenfs.ts';
import { randomBytes } from '../harness/content.ts';
import { commit, withDatabase } from '../harness/idb.ts';
import { time } from '../harness/suite.ts';
import type { Contestant, Measure, Measured, Scenario, Suite, Target } from '../harness/suite.ts';

const MIB = 1 << 20;
const SMALL = randomBytes(100);
const TIMES = 10;
const named = (count: number): string => count.toLocaleString('en');

type Sized = (size: number, turn: number) => Promise<Measure>;

/** Measures something for each size, `turns` times: sizes take turns, so that whatever else the machine does meets all of them. */
async function bySize(sizes: readonly number[], title: (size: number) => string, measure: Sized, turns = 1): Promise<Measured> {
  const measured = new Map<string, Measure>();
  for (let turn = 0; turn < turns; turn++) {
    for (const size of sizes) {
      const before = measured.get(title(size));
      const now = await measure(size, turn);
      measured.set(title(size), before === undefined ? now : sumOf(before, now));
    }
  }
  return Object.fromEntries(measured);
}

function sumOf(one: Measure, other: Measure): Measure {
  if (typeof one === 'number' || typeof other === 'number') return Number(one) + Number(other);
  const counts = Object.entries(one.counts).map(([what, count]): [string, number] => [what, count + (other.counts[what] ?? 0)]);
  return { ms: one.ms + other.ms, counts: Object.fromEntries(counts) };
}

const renamed = (size: number): string => `${TIMES} × rename a lower directory of ${named(size)} files`;
const directories = (sizes: readonly number[]) => once(() => archiveOf(sizes.flatMap((size) => filesOf(`of${size}`, size, SMALL))));

const rename = (mount: Mount, sizes: readonly number[]): Contestant =>
  contestant(mount, directories(sizes), async (subject) => {
    const { calls } = subject;
    const there = async (size: number, turn: number) => {
      const [from, to] = turn % 2 === 0 ? [`/of${size}`, `/moved${size}`] : [`/moved${size}`, `/of${size}`];
      return timed(subject, () => calls.rename(from, to));
    };
    const measured = await bySize(sizes, renamed, there, TIMES);
    for (const size of sizes) await assertNames(calls, `/of${size}`, size);
    return measured;
  });

const renames: Scenario = {
  name: 'rename a lower directory',
  contestants: {
    stratafs: rename(stratafs(), [10, 1000, 10_000]),
    LightningFS: rename(lightningFs, [10, 1000]),
    ZenFS: rename(zenfs, [10]),
  },
  ours: 'stratafs',
  targets: Object.fromEntries(
    [1000, 10_000].map((size) => [
      renamed(size),
      [
        { task: renamed(10), atMost: 1.5 },
        { count: 'records', atMost: 3 * TIMES },
      ],
    ]),
  ),
};

const zenfsIsSlower: Target = { against: 'ZenFS', atMost: 1 / 20 };

/** Ten times as many files. */
const linearInOneCommit = (tenth: string): Target[] => [
  { task: tenth, atMost: 12 },
  { count: 'commits', atMost: 1 },
];

const removed = (size: number): string => `rm -rf of a lower tree of ${named(size)} files`;
const trees = (sizes: readonly number[]) =>
  once(() =>
    archiveOf(sizes.flatMap((size) => Array.from({ length: size / 100 }, (_, i) => filesOf(`of${size}/directory${i}`, 100, SMALL)).flat())),
  );

const removal = (mount: Mount, sizes: readonly number[]): Contestant =>
  contestant(mount, trees(sizes), (subject) =>
    bySize(sizes, removed, async (size) => {
      const took = await timed(subject, () => subject.calls.removeTree(`/of${size}`));
      await assertNames(subject.calls, '/', sizes.filter((other) => other > size).length);
      return took;
    }),
  );

const removals: Scenario = {
  name: 'remove a lower tree',
  contestants: {
    stratafs: removal(stratafs(), [1000, 10_000]),
    LightningFS: removal(lightningFs, [1000]),
    ZenFS: removal(zenfs, [1000]),
  },
  ours: 'stratafs',
  targets: {
    [removed(1000)]: zenfsIsSlower,
    [removed(10_000)]: linearInOneCommit(removed(1000)),
  },
};

const created = (size: number): string => `mkdir -p and ${named(size)} × writeFile of 100 bytes in one directory`;

async function createAll({ calls, batch }: Subject, directory: string, count: number): Promise<void> {
  const create = async ({ mkdir, writeFile }: Pick<Subject['calls'], 'mkdir' | 'writeFile'>): Promise<void> => {
    await mkdir(directory);
    await Promise.all(Array.from({ length: count }, (_, i) => writeFile(`${directory}/file${i}.txt`, SMALL)));
  };
  await (batch === undefined ? create(calls) : batch(create));
}

const creation = (mount: Mount, sizes: readonly number[]): Contestant =>
  contestant(mount, emptyArchive, (subject) =>
    bySize(sizes, created, async (size) => {
      const took = await timed(subject, () => createAll(subject, `/of${size}`, size));
      await assertNames(subject.calls, `/of${size}`, size);
      return took;
    }),
  );

/** The same records, without a file system. */
const bareCreation: Contestant = () =>
  withDatabase(['records', 'chunks'], (database) =>
    bySize([1000, 10_000], created, (size) =>
      time(() =>
        commit(database, ['records', 'chunks'], (transaction) => {
          for (let i = 0; i < size; i++) {
            transaction
              .objectStore('records')
              .put({ names: [[1, `file${i}.txt`]], mode: 0o100644, size: 100, mtimeMs: i, chunks: [i] }, size + i);
            transaction.objectStore('chunks').put(SMALL.slice(), size + i);
          }
        }),
      ),
    ),
  );

const creations: Scenario = {
  name: 'create files in one directory',
  contestants: {
    stratafs: creation(stratafs(), [1000, 10_000]),
    LightningFS: creation(lightningFs, [1000]),
    ZenFS: creation(zenfs, [1000]),
    'opfs-worker': creation(opfsWorker, [1000]),
    'bare IndexedDB, one transaction': bareCreation,
  },
  ours: 'stratafs',
  limit: 'bare IndexedDB, one transaction',
  targets: {
    [created(1000)]: zenfsIsSlower,
    [created(10_000)]: linearInOneCommit(created(1000)),
  },
  note: 'The others get 1,000 files: 10,000 take them minutes. Many files are created in one `batch()`; where there is none, under `Promise.all`.',
};

const LARGE = [1, 64];
const COPIES = 3;
/** Each into another chunk. */
const TOUCHES = 3;
const CHUNK = 256 << 10;
const WARM = ['warm.bin', randomBytes(MIB)] as const;
const large = (): [path: string, bytes: Uint8Array<ArrayBuffer>][] => LARGE.map((size) => [`of${size}.bin`, randomBytes(size * MIB)]);
const inZip = once(() => archiveOf([WARM, ...large()]));
const inTar = once(() => tarOf([WARM, ...large()]));
const touched = (size: number): string => `${TOUCHES} × write one byte into a lower file of ${size} MiB`;
const copied = (size: number): string => `${COPIES} × cp of a lower file of ${size} MiB`;

const touch = (mount: Mount, archive: Archive = inZip): Contestant =>
  contestant(mount, archive, async (subject) => {
    const write = (path: string, position: number) => timed(subject, () => subject.calls.writeAt(path, Uint8Array.of(1), position));
    await write('/warm.bin', 1000);
    return bySize(LARGE, touched, (size, turn) => write(`/of${size}.bin`, turn * CHUNK), TOUCHES);
  });

const touches: Scenario = {
  name: 'one byte into a large lower file',
  contestants: {
    stratafs: touch(stratafs(), inTar),
    'stratafs over a zip': touch(stratafs()),
    LightningFS: touch(lightningFs),
    ZenFS: touch(zenfs),
    'opfs-worker': touch(opfsWorker),
  },
  ours: 'stratafs',
  targets: {
    [touched(64)]: [
      { task: touched(1), atMost: 1.5 },
      { count: 'chunks', atMost: TOUCHES },
      { count: 'bytes of chunks', atMost: TOUCHES * CHUNK },
    ],
  },
  note:
    'LightningFS and opfs-worker have no lowers: for them, it is a file that was written before, of which opfs-worker changes the byte in its place. ' +
    'Ours reads the touched chunk from a tar. A zip has one checksum for all of a file, which has to be computed before any of it is believed.',
};

const copy = (mount: Mount): Contestant =>
  contestant(mount, inZip, async (subject) => {
    const copyFile = (from: string, turn: number) => timed(subject, () => subject.calls.copyFile(from, `${from}.copy${turn}`));
    await copyFile('/warm.bin', 0);
    return bySize(LARGE, copied, (size, turn) => copyFile(`/of${size}.bin`, turn), COPIES);
  });

const copies: Scenario = {
  name: 'copy a large lower file',
  contestants: { stratafs: copy(stratafs()), LightningFS: copy(lightningFs), ZenFS: copy(zenfs), 'opfs-worker': copy(opfsWorker) },
  ours: 'stratafs',
  targets: {
    [copied(64)]: [
      { task: copied(1), atMost: 1.5 },
      { count: 'bytes of chunks', atMost: 0 },
    ],
  },
};

const CHANGED = [10, 10_000];
const snapshotted = (size: number): string => `${TIMES} × snapshot of a workspace of ${named(size)} changed files`;

/** Workspaces of so many changed files, one of each size, because a snapshot is of all of it. */
async function withChanged(work: (of: (size: number) => Subject) => Promise<Measured>): Promise<Measured> {
  const subjects = new Map<number, Subject>();
  try {
    for (const size of CHANGED) {
      const subject = await stratafs()(emptyArchive());
      subjects.set(size, subject);
      await createAll(subject, '/changed', size);
      await subject.snapshot!();
    }
    return await work((size) => subjects.get(size)!);
  } finally {
    for (const subject of subjects.values()) await subject.remove();
  }
}

const snapshot: Contestant = () =>
  withChanged((of) => bySize(CHANGED, snapshotted, (size) => timed(of(size), () => of(size).snapshot!()), TIMES));

const snapshots: Scenario = {
  name: 'snapshot',
  contestants: { stratafs: snapshot },
  ours: 'stratafs',
  targets: {
    [snapshotted(10_000)]: [
      { task: snapshotted(10), atMost: 1.5 },
      { count: 'commits', atMost: TIMES },
      { count: 'records', atMost: 0 },
      { count: 'chunks', atMost: 0 },
    ],
  },
  note: 'None of the others has snapshots.',
};

const branched = (size: number): string => `${TIMES} × branch of a workspace of ${named(size)} changed files`;
const opened = (size: number): string => `open a branch of ${named(size)} files`;
const reopened = (size: number): string => `open a workspace of ${named(size)} files`;

/** Branches stay until the end: removing one is nobody's business here. */
const branch: Contestant = () =>
  withChanged(async (of) => {
    const branches: Branch[] = [];
    const make = (size: number) => timed(of(size), async () => branches.push(await of(size).branch!()));
    const made = await bySize(CHANGED, branched, make, TIMES);
    const subjects: Subject[] = [];
    const open = (size: number) => time(async () => subjects.push(await branches[CHANGED.indexOf(size)]!.mount()));
    const ofBranches = await bySize(CHANGED, opened, open);
    for (const [i, { calls }] of subjects.entries()) await assertNames(calls, '/changed', CHANGED[i]!);
    const again = await bySize(CHANGED, reopened, (size) => time(async () => subjects.push(await of(size).remount!())));
    for (const subject of subjects) await subject.remove();
    for (const { remove } of branches) await remove();
    return { ...made, ...ofBranches, ...again };
  });

const branches: Scenario = {
  name: 'branch',
  contestants: { stratafs: branch },
  ours: 'stratafs',
  targets: {
    [branched(10_000)]: [
      { task: branched(10), atMost: 1.5 },
      { count: 'records', atMost: 0 },
      { count: 'chunks', atMost: 0 },
    ],
    [opened(10_000)]: { task: reopened(10_000), atMost: 1.5 },
  },
  note: 'A branch stores nothing of what it begins with. Opening one reads the records of what it stands on, as opening that does.',
};

/** Seconds. */
const timeout = 90;

export const suite: Suite = {
  name: 'tree',
  where: 'worker',
  scenarios: [renames, removals, creations, touches, copies, snapshots, branches].map((scenario) => ({ ...scenario, timeout })),
};
