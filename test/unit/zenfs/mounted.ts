/* A union mounted in ZenFS for one test, with everything that the tests of this folder look at. */

import { fs, vfs } from '@zenfs/core';
import { onTestFinished } from 'vitest';

import { Overlay } from '../../../src/fs/overlay.ts';
import type { Layer } from '../../../src/layer/layer.ts';
import type { Commit, UpperStore } from '../../../src/layer/upper.ts';
import { memoryUpper } from '../../../src/upper/memory-store.ts';
import { OverlayFS } from '../../../src/zenfs/overlay-fs.ts';

export interface Mounted {
  readonly zen: typeof fs;
  readonly overlay: Overlay;
  readonly mounted: OverlayFS;
  /** Every commit so far. */
  readonly commits: Commit[];
  /** Lets the next commit fail. */
  failNextCommit(reason: Error): void;
}

/** Mounts at '/', and unmounts when the test is over. The union rules must hold then. */
export async function mountUnion(...lower: Layer[]): Promise<Mounted> {
  const commits: Commit[] = [];
  let failure: Error | undefined;
  const store = memoryUpper();
  const commit = store.commit.bind(store);
  const upper: UpperStore = Object.assign(store, {
    async commit(what: Commit): Promise<void> {
      const reason = failure;
      failure = undefined;
      if (reason !== undefined) throw reason;
      commits.push(what);
      await commit(what);
    },
  });
  const overlay = await Overlay.mount({ lower, upper });
  const mounted = new OverlayFS(overlay);
  vfs.umount('/');
  vfs.mount('/', mounted);
  onTestFinished(async () => {
    const violations = await overlay.check();
    vfs.umount('/');
    await overlay.close();
    if (violations.length > 0) throw new Error(JSON.stringify(violations));
  });
  await overlay.flush();
  commits.length = 0;
  return { zen: fs, overlay, mounted, commits, failNextCommit: (reason) => (failure = reason) };
}

/** What a call threw. */
export function thrownBy(call: () => unknown): Error & { code?: string; errno?: number; path?: string; cause?: unknown } {
  try {
    call();
  } catch (e) {
    return e as Error;
  }
  throw new Error('the call should have thrown');
}

/** Lets what goes on in the background finish. */
export const settle = (milliseconds = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
