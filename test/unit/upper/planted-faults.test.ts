/* What fault-injection.test.ts would miss is worth nothing: engines and stores with a fault of their own must not get through it. */

import 'fake-indexeddb/auto';
import { describe, expect, test, vi } from 'vitest';
import type { UpperStore } from '../../../src/layer/upper.ts';
import { Tree } from '../../../src/overlay/tree.ts';
import { type Rig, playWithFault } from './fault-session.ts';
import type { FaultKind } from './faults.ts';

/** A store that differs from `store` in how it commits. */
const committing = (store: UpperStore, commit: UpperStore['commit']): UpperStore => ({
  name: store.name,
  load: () => store.load(),
  commit,
  readChunks: (ids) => store.readChunks(ids),
  close: () => store.close(),
});

/** Acknowledges before the transaction is complete. */
const acknowledgesEarly = (store: UpperStore): UpperStore =>
  committing(store, (commit) => {
    store.commit(commit).catch(() => undefined);
    return Promise.resolve();
  });

/** Writes content and records in a transaction each. */
const splits = (store: UpperStore): UpperStore =>
  committing(store, async (commit) => {
    await store.commit({ ...commit, records: new Map() });
    await store.commit({ ...commit, superblock: undefined, chunks: new Map() });
  });

/** Writes records one by one. */
const splitsRecords = (store: UpperStore): UpperStore =>
  committing(store, async (commit) => {
    await store.commit({ ...commit, records: new Map() });
    for (const record of commit.records)
      await store.commit({ ...commit, superblock: undefined, chunks: new Map(), records: new Map([record]) });
  });

/** Tells of every failure of the store as if it were a success. */
const hidesFailures = (store: UpperStore): UpperStore => committing(store, (commit) => store.commit(commit).catch(() => undefined));

/** Tells what the session reports, of whichever place of the fault that is the first to show it. */
async function alarmOf(kind: FaultKind, rig: Rig, plantMore: () => void = () => undefined): Promise<string> {
  for (let at = 0; at < 40; at++) {
    plantMore();
    const alarm = await playWithFault({ kind, at, times: 2 }, rig).then(
      () => undefined,
      (e: unknown) => (e as Error).message,
    );
    vi.restoreAllMocks();
    if (alarm !== undefined) return alarm;
  }
  return 'none';
}

describe('the session with faults raises the alarm over', () => {
  test.each([
    ['a store that acknowledges before the commit', { wrap: acknowledgesEarly }],
    ['a store that makes two transactions of one commit: content', { wrap: splits }],
    ['a store that makes a transaction of each record', { wrap: splitsRecords }],
    ['a store that hides failures', { wrap: hidesFailures }],
  ])('%s', { timeout: 60_000 }, async (_what, rig) => {
    expect(await alarmOf('QuotaExceededError', rig)).not.toBe('none');
  });

  test('an engine that keeps its tree as it is after a commit failed', { timeout: 60_000 }, async () => {
    const keepDirty = (): void => void vi.spyOn(Tree.prototype, 'undo').mockImplementation(() => undefined);
    expect(await alarmOf('QuotaExceededError', {}, keepDirty)).not.toBe('none');
  });
});
