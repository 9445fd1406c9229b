/* The engine behind ZenFS as a stack: every call goes through ZenFS's own `fs`, and the union is checked after each. */

import { fs as zenfs, vfs } from '@zenfs/core';

import type { FsPromises, FsSync } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { OverlayFS } from '../../src/zenfs/overlay-fs.ts';
import { ViolationError } from '../support/checked.ts';
import { treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import { type Tree, below } from '../support/tree.ts';
import type { Feature, Scene, Stack } from './scene.ts';
import { syncAsPromises } from './sync-face.ts';

type Form = 'promises' | 'sync';

/** What ZenFS itself has not, or loses before it asks a backend. */
const LACKS: readonly Feature[] = [
  'mknod', // no such call
  'xattr', // of another interface; test/unit/zenfs tests it
  'rename-flags', // no such argument
  'append', // takes the position of a write before it waits for the file
  'symlinked-parents', // unlink, rename and link hand over paths unresolved
  'short-errors', // positive errno, other syscalls and paths
  'abort-signal', // ignores signals
  'watch', // its iterator ignores signals, and tells of calls made through ZenFS alone
  'watch-recursive',
];

/** Where the seed is: no mount point, so that the root is tested as a directory like any other. */
const ROOT = '/w';

/** Stacks of one and of three lowers, lazy and at hand. */
export function zenfsStacks(): Stack[] {
  const lazy = (seed: Tree) => spread(below(ROOT, seed), 3).map((part) => treeLayer(part, { lazy: 'until-read', targets: 'content' }));
  return [
    zenfsStack('one lower', 'promises', (seed) => [treeLayer(below(ROOT, seed))]),
    zenfsStack('one lower', 'sync', (seed) => [treeLayer(below(ROOT, seed))]),
    zenfsStack('three lazy lowers', 'promises', lazy),
  ];
}

function zenfsStack(name: string, form: Form, lowers: (seed: Tree) => readonly Layer[]): Stack {
  return {
    name: `ZenFS, ${name}, ${form}`,
    lacks: form === 'sync' ? [...LACKS, 'sync-handles', 'opendir-path'] : LACKS,
    async open(seed): Promise<Scene> {
      const overlay = await Overlay.mount({ lower: lowers(seed), upper: memoryUpper() });
      const mounted = new OverlayFS(overlay);
      vfs.umount('/');
      vfs.mount('/', mounted);
      const promises = zenfs.promises as unknown as FsPromises;
      const fs = form === 'promises' ? promises : syncAsPromises(synchronous, promises);
      return {
        fs: checkedAfterCalls(fs, overlay),
        at: (path = '') => (path === '' ? ROOT : `${ROOT}/${path}`),
        close: async () => {
          vfs.umount('/');
          await mounted.close();
          await overlay.close();
        },
      };
    },
  };
}

type Call = (...args: unknown[]) => unknown;

/** ZenFS wants a flag, where 'r' is Node's default. */
const synchronous = {
  ...zenfs,
  openSync: (path: string, flag = 'r', mode?: number) => zenfs.openSync(path, flag, mode),
} as unknown as FsSync;

/** Checks the union rules after each call, whatever its outcome. Handles are not followed: what they change is checked with the next call. */
function checkedAfterCalls(fs: FsPromises, overlay: Overlay): FsPromises {
  return new Proxy(fs, {
    get(target, name) {
      const call = Reflect.get(target, name) as Call | undefined;
      if (typeof call !== 'function' || name === 'watch') return call;
      return async (...args: unknown[]) => {
        const [outcome] = await Promise.allSettled([call.apply(target, args)]);
        const violations = await overlay.check();
        if (violations.length > 0) throw new ViolationError(String(name), violations);
        if (outcome.status === 'rejected') throw outcome.reason;
        return outcome.value;
      };
    },
  });
}
