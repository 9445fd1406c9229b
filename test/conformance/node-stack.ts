/* Node's own file system as a stack: the reference that the suites themselves are tested against. */

import * as nodeFs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { FsPromises, FsSync } from '../../src/fs/api.ts';
import { writeTree } from '../support/write-tree.ts';
import type { Feature, Stack } from './scene.ts';
import { syncAsPromises } from './sync-face.ts';

const LACKS: readonly Feature[] = ['exists', 'mknod', 'xattr', 'rename-flags', 'watch-recursive', 'recursive-names'];

/** A fresh directory of the real disk for each scene, through the promises or the synchronous calls of `node:fs`. */
export function nodeStack(form: 'promises' | 'sync'): Stack {
  const promises = nodeFs.promises as unknown as FsPromises;
  const fs = form === 'promises' ? promises : syncAsPromises(nodeFs as unknown as FsSync, promises);
  return {
    name: `node:fs, ${form}`,
    lacks:
      form === 'promises' ? LACKS : [...LACKS.filter((feature) => feature !== 'exists'), 'sync-handles', 'abort-signal', 'opendir-path'],
    async open(seed) {
      const root = await mkdtemp(join(tmpdir(), 'stratafs-'));
      await writeTree(promises, root, seed);
      return {
        fs,
        at: (path = '') => (path === '' ? root : `${root}/${path}`),
        close: () => rm(root, { recursive: true, force: true }),
      };
    },
  };
}
