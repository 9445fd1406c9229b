/* The checker has its own test: a fault is planted in the records of an upper, and the alarm is expected. */

import { describe, expect, onTestFinished, test } from 'vitest';

import { S_IFDIR, S_IFREG } from '../../src/base/mode.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { InodeRecord, UpperRecord, UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { ViolationError, checked } from '../support/checked.ts';
import { imageOf } from '../support/dump-upper.ts';
import { type MemoryLayer, lower } from '../support/memory-layer.ts';
import { SEED_TIME, dir, file } from '../support/tree.ts';

/** Record ids that nothing uses yet. */
const [NEW, OTHER] = [0x9000_0000, 0x9000_0001] as const;

const FRESH: InodeRecord = {
  names: [],
  mode: S_IFREG | 0o644,
  uid: 0,
  gid: 0,
  rdev: 0,
  nlink: 1,
  atimeMs: SEED_TIME,
  mtimeMs: SEED_TIME,
  ctimeMs: SEED_TIME,
  birthtimeMs: SEED_TIME,
  size: 0,
  originSize: 0,
  chunks: [],
};
const DIRECTORY: InodeRecord = { ...FRESH, mode: S_IFDIR | 0o755, opaque: true };

/** Inode numbers of what the healthy upper has. */
interface Known {
  readonly root: number;
  /** A lower directory that was copied up, a lower file that was copied up, a directory and a file made by the upper. */
  readonly d: number;
  readonly a: number;
  readonly made: number;
  readonly f: number;
}

interface Fault {
  readonly rule: `I${number}`;
  readonly name: string;
  readonly plant: (known: Known, records: ReadonlyMap<number, UpperRecord>) => Iterable<readonly [number, UpperRecord | undefined]>;
}

const inode = (records: ReadonlyMap<number, UpperRecord>, id: number): InodeRecord => records.get(id) as InodeRecord;

const FAULTS: readonly Fault[] = [
  { rule: 'I1', name: 'an inode number that no lower has', plant: ({ root }) => [[500_000, { ...FRESH, names: [[root, 'x']] }]] },
  {
    rule: 'I1',
    name: 'an origin outside its layer',
    plant: ({ a }, records) => [[a, { ...inode(records, a), origin: { layer: 0, entry: 99 } }]],
  },
  { rule: 'I1', name: 'an origin in no layer', plant: ({ a }, records) => [[a, { ...inode(records, a), origin: { layer: 7, entry: 1 } }]] },
  {
    rule: 'I3',
    name: 'a new directory over a lower one that is not opaque',
    plant: ({ root }) => [[NEW, { ...FRESH, mode: S_IFDIR | 0o755, names: [[root, 'lowerdir']] }]],
  },
  { rule: 'I4', name: 'a whiteout in an opaque directory', plant: ({ made }) => [[NEW, { names: [[made, 'w']], whiteout: true }]] },
  { rule: 'I5', name: 'a name in a directory that is not there', plant: () => [[NEW, { ...FRESH, names: [[OTHER, 'x']] }]] },
  { rule: 'I5', name: 'a name in a file', plant: ({ f }) => [[NEW, { ...FRESH, names: [[f, 'x']] }]] },
  {
    rule: 'I5',
    name: 'a name in a whiteout',
    plant: ({ root }) => [
      [NEW, { ...FRESH, names: [[OTHER, 'x']] }],
      [OTHER, { names: [[root, 'b']], whiteout: true }],
    ],
  },
  {
    rule: 'I5',
    name: 'a name below a lower directory that was not copied up',
    plant: ({ d }, records) => [
      [d, undefined],
      [NEW, { ...FRESH, names: [[d, 'x']] }],
      ...[...records].filter(([, { names }]) => names.some(([directory]) => directory === d)).map(([id]) => [id, undefined] as const),
    ],
  },
  {
    rule: 'I5',
    name: 'directories that stand in each other',
    plant: () => [
      [NEW, { ...DIRECTORY, names: [[OTHER, 'x']] }],
      [OTHER, { ...DIRECTORY, names: [[NEW, 'y']] }],
    ],
  },
  {
    rule: 'I5',
    name: 'a directory with two names',
    plant: ({ root }) => [
      [
        NEW,
        {
          ...DIRECTORY,
          names: [
            [root, 'x'],
            [root, 'y'],
          ],
        },
      ],
    ],
  },
  { rule: 'I6', name: 'chunks beyond the end', plant: ({ root }) => [[NEW, { ...FRESH, names: [[root, 'x']], size: 1, chunks: [0, 0] }]] },
  {
    rule: 'I6',
    name: 'more of the origin than the size',
    plant: ({ a }, records) => [[a, { ...inode(records, a), size: 1, originSize: 2 }]],
  },
  {
    rule: 'I6',
    name: 'more of the origin than it has',
    plant: ({ a }, records) => [[a, { ...inode(records, a), size: 100, originSize: 100, chunks: [] }]],
  },
  {
    rule: 'I6',
    name: 'content of an origin without one',
    plant: ({ root }) => [[NEW, { ...FRESH, names: [[root, 'x']], size: 2, originSize: 2 }]],
  },
  { rule: 'I7', name: 'a whiteout that hides nothing', plant: ({ root }) => [[NEW, { names: [[root, 'nothing']], whiteout: true }]] },
  {
    rule: 'I8',
    name: 'two directories with one redirect',
    plant: ({ root }) => [
      [NEW, { ...DIRECTORY, opaque: undefined, redirect: '/lowerdir', names: [[root, 'x']] }],
      [OTHER, { ...DIRECTORY, opaque: undefined, redirect: '/lowerdir', names: [[root, 'y']] }],
    ],
  },
  {
    rule: 'I8',
    name: 'a redirect to nothing',
    plant: ({ root }) => [[NEW, { ...DIRECTORY, opaque: undefined, redirect: '/no/such', names: [[root, 'x']] }]],
  },
  {
    rule: 'I8',
    name: 'an opaque directory with a redirect',
    plant: ({ root }) => [[NEW, { ...DIRECTORY, redirect: '/lowerdir', names: [[root, 'x']] }]],
  },
  { rule: 'I8', name: 'a file that is opaque', plant: ({ root }) => [[NEW, { ...FRESH, opaque: true, names: [[root, 'x']] }]] },
  {
    rule: 'I9',
    name: 'two records with one name',
    plant: ({ root }) => [
      [NEW, { ...FRESH, names: [[root, 'x']] }],
      [OTHER, { ...FRESH, names: [[root, 'x']] }],
    ],
  },
  {
    rule: 'I9',
    name: 'a number of links that is not that of the names',
    plant: ({ root }) => [[NEW, { ...FRESH, nlink: 3, names: [[root, 'x']] }]],
  },
  ...['', '.', '..', 'a/b', 'nul\0', 'x'.repeat(256)].map((name): Fault => ({
    rule: 'I10',
    name: `the name ${JSON.stringify(name.slice(0, 10))}`,
    plant: ({ root }) => [[NEW, { ...FRESH, names: [[root, name]] }]],
  })),
];

/** An upper with something of everything, over a lower. */
async function healthy(): Promise<{ upper: UpperStore; layer: MemoryLayer; known: Known }> {
  const layer = lower(dir('d', file('x', 'X')), file('a', 'content'), file('b', 'B'), dir('lowerdir', file('y', 'Y')));
  const upper = memoryUpper();
  const { fs, close } = checked(await Overlay.mount({ lower: [layer], upper }));
  const { promises } = fs;
  await promises.writeFile('/d/new', 'N');
  await promises.chmod('/a', 0o600);
  await promises.mkdir('/made');
  await promises.writeFile('/made/f', 'F');
  const ino = async (path: string): Promise<number> => (await promises.stat(path)).ino;
  const known = { root: await ino('/'), d: await ino('/d'), a: await ino('/a'), made: await ino('/made'), f: await ino('/made/f') };
  await close();
  return { upper, layer, known };
}

async function mountWith(fault: Fault): Promise<Overlay> {
  const { upper, layer, known } = await healthy();
  const { records } = await imageOf(upper);
  await upper.load();
  await upper.commit({ records: new Map(fault.plant(known, records)), chunks: new Map(), durability: 'strict' });
  await upper.close();
  const overlay = await Overlay.mount({ lower: [layer], upper });
  onTestFinished(() => overlay.close());
  return overlay;
}

describe('checker', () => {
  test('a healthy upper has no violation', async () => {
    const { upper, layer } = await healthy();
    await using overlay = await Overlay.mount({ lower: [layer], upper });
    expect(await overlay.check()).toEqual([]);
  });

  for (const fault of FAULTS) {
    test(`${fault.rule}: ${fault.name} raises the alarm`, async () => {
      const violations = await (await mountWith(fault)).check();
      expect(
        violations.map(({ rule }) => rule),
        JSON.stringify(violations),
      ).toContain(fault.rule);
    });
  }

  test.each([
    ['an owner', { uid: 7 }],
    ['a name', { names: [[1, 'other']] }],
    ['no name', { names: [] }],
    ['a chunk', { chunks: [77] }],
    ['no chunks', { chunks: [] }],
    ['an xattr', { xattrs: new Map([['user.a', Uint8Array.of(1)]]) }],
    ['an origin', { origin: { layer: 0, entry: 3 } }],
    ['a field that says something', { chunkSize: 1 << 20 }],
  ] as const satisfies [string, Partial<InodeRecord>][])(
    'a record that differs from the one in the store raises the alarm: %s',
    async (_, change) => {
      const { upper, layer, known } = await healthy();
      await using overlay = await Overlay.mount({ lower: [layer], upper });
      const { records } = await imageOf(upper);
      await upper.load();
      await upper.commit({
        records: new Map([[known.f, { ...inode(records, known.f), ...change }]]),
        chunks: new Map(),
        durability: 'strict',
      });
      expect(await overlay.check()).toMatchObject([{ rule: 'I9', path: '/made/f', message: 'is another record in the store' }]);
      await upper.commit({
        records: new Map([[known.f, { ...inode(records, known.f), xattrs: new Map(), target: undefined }]]),
        chunks: new Map(),
        durability: 'strict',
      });
      expect(await overlay.check()).toEqual([]);
    },
  );

  // I2 cannot be planted in records: a record is either a whiteout or something to show. It guards what is kept in memory.
  test('faults of every rule that records can break are planted', () => {
    expect(new Set(FAULTS.map(({ rule }) => rule))).toEqual(new Set(['I1', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10']));
  });
});

describe('repair', () => {
  /** Faults that cannot be mended without guessing what was meant. */
  const UNSAFE = new Set([
    'an inode number that no lower has',
    'an origin outside its layer',
    'an origin in no layer',
    'two directories with one redirect',
  ]);

  for (const fault of FAULTS) {
    test(`${fault.rule}: ${fault.name} is ${UNSAFE.has(fault.name) ? 'left alone' : 'mended, and stays so'}`, async () => {
      const { upper, layer, known } = await healthy();
      const { records } = await imageOf(upper);
      await upper.load();
      await upper.commit({ records: new Map(fault.plant(known, records)), chunks: new Map(), durability: 'strict' });
      await upper.close();
      for (const time of ['at once', 'after a remount']) {
        await using overlay = await Overlay.mount({ lower: [layer], upper });
        const violations = await overlay.check({ repair: true });
        const left = await overlay.check();
        if (UNSAFE.has(fault.name)) {
          expect(
            left.map(({ rule }) => rule),
            time,
          ).toContain(fault.rule);
          continue;
        }
        expect(left, JSON.stringify(violations)).toEqual([]);
        if (time === 'at once')
          expect(
            violations.some(({ repair }) => repair !== undefined),
            JSON.stringify(violations),
          ).toBe(true);
        const content = async (...paths: string[]): Promise<string> => {
          for (const path of paths) if (await overlay.fs.promises.exists(path)) return overlay.fs.promises.readFile(path, 'utf8');
          return 'lost';
        };
        expect(await content(`/made/f`, `/lost+found/#${known.f}`, `/lost+found/#${known.made}/f`), time).toBe('F');
      }
    });
  }
});

describe('checked overlay', () => {
  const fault = FAULTS.find(({ rule }) => rule === 'I7')!;

  test('the first asynchronous call after a fault fails, and names call and rule', async () => {
    const { fs } = checked(await mountWith(fault));
    const error = await fs.promises.writeFile('/z', '').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ViolationError);
    expect(String(error)).toMatch(/writeFile\("\/z", ""\)[^]*I7: \/nothing/);
  });
  test('a call that fails by itself is checked as well', async () => {
    const { fs } = checked(await mountWith(fault));
    await expect(fs.promises.readFile('/no')).rejects.toBeInstanceOf(ViolationError);
  });
  test('calls on handles are checked', async () => {
    const { upper, layer } = await healthy();
    const overlay = await Overlay.mount({ lower: [layer], upper });
    onTestFinished(() => overlay.close());
    const handle = await checked(overlay).fs.promises.open('/a', 'r+');
    overlay.check = async () => [{ rule: 'I9', path: '/a', id: 2, message: 'planted' }];
    await expect(handle.write('x')).rejects.toBeInstanceOf(ViolationError);
    await expect(handle.close()).rejects.toThrow(/close\(\) of open\("\/a", "r\+"\)/);
  });
  test('a synchronous call is found out when the checks are awaited', async () => {
    const { fs, settled } = checked(await mountWith(fault));
    fs.writeFileSync('/z', '');
    await expect(settled()).rejects.toBeInstanceOf(ViolationError);
  });
  test('calls as another user are checked', async () => {
    const { as } = checked(await mountWith(fault));
    await expect(as({ uid: 1, gid: 1 }).promises.stat('/')).rejects.toBeInstanceOf(ViolationError);
  });
});
