/*
 * A fence between an engine and its store: an owner that learns that another has taken over lowers it, and nothing is committed
 * from then on. The store has a fence of its own for what happens before the owner learns it, and may be the one who tells.
 */

import { FsError, isFsError } from '../base/errors.ts';
import type { Commit, UpperStore } from '../layer/upper.ts';

export class Fence {
  #isLowered = false;

  /** @param onOvertaken called when the store says that somebody else has committed */
  constructor(private readonly onOvertaken: () => void) {}

  /** From now on nothing is committed. */
  lower(): void {
    this.#isLowered = true;
  }

  /** Passes on what the store answers; the owner hears of it before anybody else does when it was overtaken. */
  async heed<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (e) {
      if (isFsError(e, 'ESTALE') && !this.#isLowered) this.onOvertaken();
      throw e;
    }
  }

  /** The same store behind this fence. */
  around<T extends UpperStore>(store: T): T {
    const overrides: Pick<UpperStore, 'load' | 'commit' | 'readChunks'> = {
      load: () => this.heed(store.load()),
      readChunks: (ids) => this.heed(store.readChunks(ids)),
      commit: async (change: Commit) => {
        if (this.#isLowered) throw new FsError('ESTALE', { detail: `workspace '${store.name}' was taken over by another tab or worker` });
        await this.heed(store.commit(change));
      },
    };
    // A proxy, and not a copy, because stores have private state and members of their own.
    return new Proxy(store, {
      get(target, key) {
        const value = Reflect.get(key in overrides ? overrides : target, key) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }
}
