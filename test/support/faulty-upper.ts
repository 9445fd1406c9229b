/* An upper whose commits can be made to fail, to wait and to be counted. */

import { FsError, type ErrorCode } from '../../src/base/errors.ts';
import type { Commit, UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';

export interface FaultyUpper extends UpperStore {
  /** Every commit that succeeded. */
  readonly commits: readonly Commit[];
  /** Makes the next commits fail; without a code mends it. */
  failWith(code: ErrorCode | undefined): void;
  /** Holds commits back until the function that it gives is called. */
  hold(): () => void;
}

export function faultyUpper(store = memoryUpper()): FaultyUpper {
  const commits: Commit[] = [];
  let failure: ErrorCode | undefined;
  let gate: Promise<void> | undefined;
  return {
    name: store.name,
    commits,
    failWith(code) {
      failure = code;
    },
    hold() {
      let open: () => void = () => undefined;
      gate = new Promise((resolve) => (open = resolve));
      return () => {
        gate = undefined;
        open();
      };
    },
    load: () => store.load(),
    async commit(commit) {
      await gate;
      if (failure !== undefined) throw new FsError(failure, { detail: 'planted' });
      await store.commit(commit);
      commits.push(commit);
    },
    readChunks: (ids) => store.readChunks(ids),
    peekChunk: (id) => store.peekChunk?.(id),
    close: () => store.close(),
  };
}
