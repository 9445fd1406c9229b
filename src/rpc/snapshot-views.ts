/*
 * Snapshots that clients look at. Each call says which snapshot it is about, so that a client holds nothing, and the next owner can
 * answer as well; here the views last used stay open. They never keep a snapshot from being removed but while a call is under way.
 */

import type { Overlay } from '../fs/overlay.ts';

/** Views that stay open: somebody who compares two has both. */
const KEPT = 2;

/** What opens views. */
export type SnapshotSource = Pick<Overlay, 'openSnapshot'>;

interface View {
  readonly opening: Promise<Overlay>;
  /** Calls under way. */
  uses: number;
}

export class SnapshotViews {
  /** By snapshot, the last used last. */
  readonly #views = new Map<number, View>();

  constructor(private readonly overlay: SnapshotSource) {}

  /** Runs `work` on the tree as the snapshot shows it. @throws {FsError} ENOENT where there is no such snapshot */
  async use<T>(id: number, work: (view: Overlay) => Promise<T>): Promise<T> {
    const view = this.#views.get(id) ?? { opening: this.overlay.openSnapshot(id), uses: 0 };
    this.#views.delete(id);
    this.#views.set(id, view);
    view.uses++;
    try {
      return await work(await view.opening);
    } catch (e) {
      if (await failed(view)) this.#views.delete(id);
      throw e;
    } finally {
      view.uses--;
      await this.#closeUnused(KEPT);
    }
  }

  /** Closes the view of a snapshot that is to be removed, unless a call is under way. */
  async release(id: number): Promise<void> {
    const view = this.#views.get(id);
    if (view === undefined || view.uses > 0) return;
    this.#views.delete(id);
    await close(view);
  }

  async close(): Promise<void> {
    const views = [...this.#views.values()];
    this.#views.clear();
    await Promise.all(views.map(close));
  }

  async #closeUnused(kept: number): Promise<void> {
    for (const [id, { uses }] of this.#views) {
      if (this.#views.size <= kept) return;
      if (uses === 0) await this.release(id);
    }
  }
}

const failed = (view: View): Promise<boolean> =>
  view.opening.then(
    () => false,
    () => true,
  );

async function close(view: View): Promise<void> {
  // One that could not be opened needs no closing, and whoever asked for it was told why.
  const overlay = await view.opening.catch(() => undefined);
  await overlay?.close();
}
