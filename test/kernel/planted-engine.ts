/* Engines that are broken on purpose: what finds differences must find these. */

import type { Fs } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Commit, UpperStore } from '../../src/layer/upper.ts';
import type { Mount } from './engine-machine.ts';

/** Mounts an overlay some of whose synchronous calls are replaced. */
export function withCalls(change: (fs: Fs) => Partial<Fs>): Mount {
  return async (lower, upper) => {
    const overlay = await Overlay.mount({ lower, upper });
    const replaced = (fs: Fs): Fs => Object.assign(Object.create(fs) as Fs, change(fs));
    const root = replaced(overlay.fs);
    return new Proxy(overlay, {
      get(target, name) {
        if (name === 'fs') return root;
        if (name === 'as') return (...args: Parameters<Overlay['as']>) => replaced(target.as(...args));
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
      },
    });
  };
}

/** Mounts an overlay whose commits reach the store changed. */
export const withCommits =
  (change: (commit: Commit) => Commit): Mount =>
  (lower, upper) => {
    if (upper === undefined) return Overlay.mount({ lower });
    const store: UpperStore = {
      name: upper.name,
      load: () => upper.load(),
      commit: (commit) => upper.commit(change(commit)),
      readChunks: (ids) => upper.readChunks(ids),
      close: () => upper.close(),
    };
    return Overlay.mount({ lower, upper: store });
  };

const isWhiteout = (record: object | undefined): boolean => record !== undefined && 'whiteout' in record;

/** What is broken, by name. */
export const brokenEngines: readonly (readonly [what: string, Mount])[] = [
  ['an unlink that succeeds and does nothing', withCalls((fs) => ({ unlinkSync: (path) => void fs.lstatSync(path) }))],
  [
    'a rename that leaves the old name',
    withCalls((fs) => ({ renameSync: (from, to, flags) => (flags ? fs.renameSync(from, to, flags) : fs.linkSync(from, to)) })),
  ],
  ['a truncate that keeps what it should cut', withCalls((fs) => ({ truncateSync: (path) => void fs.readFileSync(path) }))],
  ['a chmod that forgets a bit', withCalls((fs) => ({ chmodSync: (path, mode) => fs.chmodSync(path, Number(mode) & ~0o200) }))],
  [
    'whiteouts that are lost on the way to the store',
    withCommits((commit) => ({ ...commit, records: new Map([...commit.records].filter(([, record]) => !isWhiteout(record))) })),
  ],
  [
    'removed records that come back after a remount',
    withCommits((commit) => ({ ...commit, records: new Map([...commit.records].filter(([, record]) => record !== undefined)) })),
  ],
];
