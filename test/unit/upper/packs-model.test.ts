/*
 * Packs and runs against two maps: random commits, loads, closings and full disks, with settings so small that all of it is folded, overruled and
 * written anew all the time. After each step the store must have exactly what the maps have, and its waste must be bounded.
 */

import 'fake-indexeddb/auto';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { UpperRecord } from '../../../src/layer/upper.ts';
import { ChunkRuns } from '../../../src/upper/chunk-runs.ts';
import { idbUpper } from '../../../src/upper/idb-store.ts';
import type { LayoutSettings } from '../../../src/upper/layout.ts';
import { decodePack } from '../../../src/upper/record-pack.ts';
import { RecordPlaces } from '../../../src/upper/record-places.ts';
import type { VersionedStore } from '../../../src/upper/versioned-store.ts';
import { dumpDatabase } from '../../fixtures/schema/recording.ts';
import { abortCommits, putRaw, uniqueName } from './idb-cases.ts';
import { bytes, commitOf, inode } from './store-cases.ts';

const LAYOUT: LayoutSettings = { packFrom: 5, packSize: 3, turns: 4, gathered: 6, large: 200, atOnce: 8, slack: 4, runFrom: 2 };

/** Ids of records: copied up, made by the upper, and beyond inode numbers. */
const RECORD_IDS = [1, 2, 3, 9, ...Array.from({ length: 12 }, (_, i) => 2 ** 31 + i), 2 ** 32 + 1, 2 ** 32 + 2];
const CHUNK_IDS = Array.from({ length: 24 }, (_, i) => i + 1);

/** What is put, with its size or length, and what is removed. */
interface CommitStep {
  readonly do: 'commit';
  readonly records: readonly (readonly [id: number, size: number | undefined])[];
  readonly chunks: readonly (readonly [first: number, count: number, length: number | undefined])[];
}
type Step = CommitStep | { readonly do: 'load' } | { readonly do: 'reopen' } | { readonly do: 'full disk' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      records: fc.array(fc.tuple(fc.constantFrom(...RECORD_IDS), fc.option(fc.nat(999), { nil: undefined })), { maxLength: 9 }),
      chunks: fc.array(fc.tuple(fc.constantFrom(...CHUNK_IDS), fc.integer({ min: 1, max: 6 }), fc.option(fc.nat(9), { nil: undefined })), {
        maxLength: 3,
      }),
    }),
  },
  { weight: 3, arbitrary: fc.constantFrom<Step>({ do: 'load' }, { do: 'reopen' }, { do: 'full disk' }) },
);

/** What a version that had small records in rows has left. */
const OLD_ROWS = RECORD_IDS.slice(3, 13).map((id, i) => [id, 11 * i] as const);

/** The chunks of a large record. */
const LONG = Array.from({ length: 40 }, (_, i) => i + 1);

const recordOf = (id: number, size: number): UpperRecord =>
  inode({
    size,
    names: [[1, `f${id}`]],
    ...(size % 7 === 0 && { xattrs: new Map([['user.x', bytes(size % 256)]]) }),
    ...(size % 5 === 0 && { chunks: LONG }),
  });

class Model {
  readonly records = new Map<number, UpperRecord>();
  readonly chunks = new Map<number, Uint8Array>();
  #serial = 0;

  /** What a step commits. */
  commit(one: CommitStep) {
    const records = new Map(one.records.map(([id, size]) => [id, size === undefined ? undefined : recordOf(id, size)]));
    const chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
    for (const [first, count, length] of one.chunks) {
      for (let id = first; id < first + count; id++) {
        chunks.set(id, length === undefined ? undefined : new Uint8Array(length).fill(++this.#serial));
      }
    }
    return commitOf({ records, chunks });
  }

  apply({ records, chunks }: ReturnType<typeof commitOf>): void {
    for (const [id, record] of records) putOrDelete(this.records, id, record);
    for (const [id, value] of chunks) putOrDelete(this.chunks, id, value);
  }
}

function putOrDelete<T>(map: Map<number, T>, id: number, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}

const ALL_CHUNKS = Array.from({ length: 32 }, (_, i) => i);

async function assertSame(store: VersionedStore, model: Model, when: string): Promise<void> {
  const found = await store.readChunks(ALL_CHUNKS);
  for (const id of ALL_CHUNKS)
    if (!isSame(found[id], model.chunks.get(id))) throw new Error(`${when}: chunk ${id} is ${found[id]?.join()}`);
  for (const [id, value] of model.chunks)
    if (!isSame((await store.readChunks([id]))[0], value)) throw new Error(`${when}: chunk ${id} by itself`);
  const { records } = await store.load();
  expect(new Map(records), when).toEqual(model.records);
  expect([...records.keys()], when).toEqual([...records.keys()].sort((a, b) => a - b));
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean => a?.join() === b?.join();

/** What takes space and says nothing is bounded, and nothing stands in two places. */
async function assertTidy({ name }: VersionedStore, model: Model): Promise<void> {
  const { stores } = await dumpDatabase(name);
  const entries = stores['packs']!.flatMap(([, value]) => decodePack(value)!);
  // Commits that are not packed overrule entries, and tidy nothing: so many rows at most.
  expect(entries.length).toBeLessThanOrEqual(2 * (model.records.size + stores['records']!.length) + LAYOUT.slack + LAYOUT.atOnce);
  const turns = stores['turns'] as [number, { owner: string; first: number; records?: unknown }][];
  const owner = turns.at(-1)?.[1].owner;
  expect(turns.filter(([turn, row]) => row.owner === owner && turn > row.first).length).toBeLessThanOrEqual(LAYOUT.turns);
  for (const [turn, row] of turns) if (row.owner !== owner || turn === row.first) expect(row.records).toBeUndefined();
  const chunks = new Map(stores['chunks'] as [number, Uint8Array][]);
  for (const [first, value] of stores['runs'] as [number, number[]][]) {
    const live = value.reduce((sum, length) => sum + Math.max(0, length), 0);
    expect(value.some((length) => length >= 0)).toBe(true);
    expect(chunks.get(-first)!.length).toBeLessThanOrEqual(2 * live);
    value.forEach((length, i) => length >= 0 && expect(chunks.has(first + i)).toBe(false));
    chunks.delete(-first);
  }
  for (const id of chunks.keys()) expect(model.chunks.has(id)).toBe(true);
}

/** Plays steps upon a store and two maps. @throws where they differ */
async function play(steps: readonly Step[]): Promise<void> {
  const model = new Model();
  const name = uniqueName();
  let store = await idbUpper(name, { layout: LAYOUT });
  for (const [id, size] of OLD_ROWS) await putRaw(name, 'records', id, recordOf(id, size));
  for (const [id, size] of OLD_ROWS) model.records.set(id, recordOf(id, size));
  await store.load();
  let wasFull = false;
  for (const [i, one] of steps.entries()) {
    if (one.do === 'full disk') {
      vi.restoreAllMocks();
      abortCommits('QuotaExceededError', 1);
      wasFull = true;
    } else if (one.do === 'reopen') {
      await store.close();
      store = await idbUpper(name, { layout: LAYOUT });
      await store.load();
    } else if (one.do === 'load') await store.load();
    else {
      const commit = model.commit(one);
      await store.commit(commit).then(
        () => model.apply(commit),
        (e: unknown) => expect(e).toHaveProperty('code', 'ENOSPC'),
      );
      vi.restoreAllMocks();
      await assertSame(store, model, `step ${i}`);
      if (!wasFull) await assertTidy(store, model);
    }
  }
  vi.restoreAllMocks();
  await store.close();
  const again = await idbUpper(name, { layout: LAYOUT });
  await again.load();
  await assertSame(again, model, 'at the end');
  await again.close();
}

const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), play);

afterEach(() => {
  vi.restoreAllMocks();
});

test('a store with packs and runs has what two maps have, and bounded waste', { timeout: 60_000 }, async () => {
  await fc.assert(property, { seed: 20261129, numRuns: 80, endOnFailure: true });
});

/** A method of a class, replaced for as long as a test takes. */
const spoil = (of: object, method: string, by: (original: (...args: never[]) => unknown) => (...args: never[]) => unknown): void => {
  const original = Reflect.get(of, method) as (...args: never[]) => unknown;
  vi.spyOn(of as Record<string, () => unknown>, method).mockImplementation(by(original));
};

describe('the alarm is raised over', () => {
  const raises = async (): Promise<void> => {
    const plain = fc.array(step, { minLength: 8, maxLength: 14 }).map((steps) => steps.filter((one) => one.do !== 'full disk'));
    const result = await fc.check(fc.asyncProperty(plain, playSpoiled), { seed: 1, numRuns: 60, endOnFailure: true });
    expect(result.failed).toBe(true);
  };
  let plant: () => void = () => undefined;
  const playSpoiled = async (steps: readonly Step[]): Promise<void> => {
    const restore = vi.restoreAllMocks;
    const kept = vi.spyOn(vi, 'restoreAllMocks').mockImplementation(() => vi);
    plant();
    try {
      await play(steps);
    } finally {
      kept.mockRestore();
      restore();
    }
  };

  test('rows that are forgotten', async () => {
    plant = () => spoil(RecordPlaces.prototype, 'foundRow', () => () => undefined);
    await raises();
  });

  test('packs that are forgotten', async () => {
    plant = () => spoil(RecordPlaces.prototype, 'foundPack', () => () => undefined);
    await raises();
  });

  test('runs that are forgotten', async () => {
    plant = () => spoil(ChunkRuns.prototype, 'found', () => () => undefined);
    await raises();
  });

  test('a run that is kept in memory after it has changed', async () => {
    let remembered = new Map<number, unknown>();
    const peekOnce = (peek: (id: never) => unknown) =>
      function (this: ChunkRuns, id: never): unknown {
        const found = remembered.get(id) ?? peek.call(this, id);
        if (found !== undefined) remembered.set(id, found);
        return found;
      };
    plant = () => {
      remembered = new Map();
      spoil(ChunkRuns.prototype, 'peek', peekOnce);
    };
    await raises();
  });
});
