/* The stack of a tab that does not have the engine: each scene a workspace that another tab owns. */

import { open } from '../../src/index.ts';
import type { Scene, Stack } from '../conformance/scene.ts';
import { writeTree } from '../support/write-tree.ts';

/** @param start starts a worker; the first one owns all workspaces, the second relays to it */
export function relayedStack(name: string, start: () => Worker): Stack {
  let workers: [owner: Worker, relay: Worker] | undefined;
  return {
    name,
    async open(seed): Promise<Scene> {
      workers ??= [start(), start()];
      // Without a guard: its files cost a test more than the test does.
      const options = { lower: [], name: `relayed-${crypto.randomUUID()}`, guard: false };
      const owner = await open({ ...options, worker: workers[0] });
      const relay = await open({ ...options, worker: workers[1] });
      await writeTree(owner.fs, '', seed);
      return {
        fs: relay.fs,
        at: (path = '') => `/${path}`,
        async close() {
          const violations = await relay.check();
          await relay.close();
          await owner.close();
          if (violations.length > 0) throw new Error(`union rules violated: ${JSON.stringify(violations)}`);
        },
      };
    },
  };
}
