/* Detaching a branch, from its first copy to the commit that makes it a workspace of its own. */

import type { WorkOptions } from '../base/progress.ts';
import { ROOT } from '../overlay/call.ts';
import { detachSome, inheritedChunks } from '../overlay/detach.ts';
import type { Engine } from '../overlay/engine.ts';
import type { Definition } from './operations.ts';
import { perform } from './perform.ts';

const step: Definition<[], number> = { syscall: 'detach', paths: 0, run: detachSome, isUnrecorded: true };

/** Others are served between its steps, each of which is a commit. @throws {AbortError} when the signal fires @throws {FsError} as `overlay.detach` */
export async function detach(engine: Engine, { signal, onProgress }: WorkOptions): Promise<void> {
  const { tree } = engine;
  if (tree.firstChunk === undefined) return;
  let total = 0;
  for (const bytes of inheritedChunks(tree).values()) total += bytes;
  let loaded = 0;
  for (let copied: number | undefined; copied !== 0; loaded += copied) {
    onProgress?.({ loaded, total: Math.max(loaded, total) });
    copied = await perform({ engine, user: ROOT }, step, [], signal);
  }
  // The last step was its leaving.
  tree.firstChunk = undefined;
}
