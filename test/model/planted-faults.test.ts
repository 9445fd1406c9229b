/* The model is of use only if it finds something: engines that are broken on purpose must be caught. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { Overlay } from '../../src/fs/overlay.ts';
import type { Fs } from '../../src/fs/api.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { anyAction, anyCall, wholeTree } from './arbitraries.ts';
import { Machine } from './machine.ts';

type Mount = (lower: readonly Layer[], upper: UpperStore) => Promise<Overlay>;

/** Mounts an overlay whose synchronous calls are changed. */
function withSync(change: (fs: Fs) => Partial<Fs>): Mount {
  return async (lower, upper) => {
    const overlay = await Overlay.mount({ lower, upper });
    const fs = Object.assign(Object.create(overlay.fs) as Fs, change(overlay.fs));
    return new Proxy(overlay, {
      get: (target, name) => {
        if (name === 'fs') return fs;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
      },
    });
  };
}

/** An upper that forgets something of every commit. */
const withUpper =
  (change: (upper: UpperStore) => Partial<UpperStore>): Mount =>
  (lower, upper) =>
    Overlay.mount({ lower, upper: Object.assign(Object.create(upper) as UpperStore, { name: upper.name }, bound(upper), change(upper)) });

const bound = (upper: UpperStore): Omit<UpperStore, 'name' | 'peekChunk'> => ({
  load: () => upper.load(),
  commit: (commit) => upper.commit(commit),
  readChunks: (ids) => upper.readChunks(ids),
  close: () => upper.close(),
});

const isWhiteout = (record: object | undefined): boolean => record !== undefined && 'whiteout' in record;

const broken: readonly (readonly [what: string, Mount])[] = [
  ['an unlink that succeeds and does nothing', withSync((fs) => ({ unlinkSync: (path) => void fs.lstatSync(path) }))],
  ['a rename that leaves the old name', withSync((fs) => ({ renameSync: (from, to, flags) => (flags ? fs.renameSync(from, to, flags) : fs.linkSync(from, to)) }))],
  ['an append that overwrites', withSync((fs) => ({ appendFileSync: (path, data) => fs.writeFileSync(path, data) }))],
  ['a copy that is a hard link', withSync((fs) => ({ copyFileSync: (from, to) => fs.linkSync(from, to) }))],
  ['a wrong error code', withSync((fs) => ({ mkdirSync: (path, options) => fs.mkdirSync(`${String(path)}/`.slice(0, -1).replace('/a/', '/b/'), options) }))],
  [
    'whiteouts that are lost on the way to the store',
    withUpper((upper) => ({
      commit: (commit) => upper.commit({ ...commit, records: new Map([...commit.records].filter(([, record]) => !isWhiteout(record))) }),
    })),
  ],
  [
    'removed records that come back after a remount',
    withUpper((upper) => ({
      commit: (commit) => upper.commit({ ...commit, records: new Map([...commit.records].filter(([, record]) => record !== undefined)) }),
    })),
  ],
];

describe('the model finds', () => {
  test.each(broken)('%s', { timeout: 60_000 }, async (_what, mount) => {
    const property = fc.asyncProperty(wholeTree, fc.constantFrom(1, 2, 5), fc.array(anyAction, { minLength: 1, maxLength: 40 }), async (tree, layers, actions) => {
      const machine = await Machine.start({ tree, layers, face: 'sync', mount });
      try {
        for (const action of actions) await machine.step(action);
        await machine.assertSame('the last action');
        await machine.remount();
      } finally {
        await machine.close();
      }
    });
    const { failed } = await fc.check(property, { numRuns: 200, endOnFailure: true });
    expect(failed).toBe(true);
  });

  test('acknowledgements without a commit', { timeout: 60_000 }, async () => {
    const calls = fc.array(anyCall, { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(wholeTree, calls, async (tree, actions) => {
      const machine = await Machine.start({ tree, layers: 2, face: 'promises', mount: withUpper(() => ({ commit: () => Promise.resolve() })) });
      try {
        await machine.batch(actions);
        await machine.remount();
      } finally {
        await machine.close();
      }
    });
    expect((await fc.check(property, { numRuns: 100, endOnFailure: true })).failed).toBe(true);
  });
});
