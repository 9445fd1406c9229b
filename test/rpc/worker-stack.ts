/* The stack of the page's face: each scene a workspace of its own, all in one worker. */

import { open } from '../../src/index.ts';
import type { Scene, Stack } from '../conformance/scene.ts';
import { writeTree } from '../support/write-tree.ts';

/** `upper`: in memory, or in IndexedDB under a name of its own, without a guard: making its files takes longer than a test. */
export function workerStack(name: string, start: () => Worker, upper: 'memory' | 'indexeddb' = 'memory'): Stack {
  let worker: Worker | undefined;
  return {
    name,
    async open(seed): Promise<Scene> {
      worker ??= start();
      const ws = await open({
        lower: [],
        worker,
        ...(upper === 'indexeddb' && { name: `conformance-${crypto.randomUUID()}`, guard: false }),
      });
      await writeTree(ws.fs, '', seed);
      return {
        fs: ws.fs,
        at: (path = '') => `/${path}`,
        async close() {
          const violations = await ws.check();
          await ws.close();
          if (violations.length > 0) throw new Error(`union rules violated: ${JSON.stringify(violations)}`);
        },
      };
    },
  };
}
