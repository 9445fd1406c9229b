/* What a mounted workspace does with its snapshots for its clients, beyond what the engine does: views that stay open, and branches. */

import { FsError } from '../base/errors.ts';
import type { Overlay } from '../fs/overlay.ts';
import type { Snapshot } from '../layer/upper.ts';
import type { Branches } from './branches.ts';
import { SnapshotViews } from './snapshot-views.ts';

export class HostedSnapshots {
  readonly views: SnapshotViews;

  constructor(
    private readonly overlay: Pick<Overlay, 'openSnapshot' | 'removeSnapshot'>,
    private readonly branches: Branches | undefined,
  ) {
    this.views = new SnapshotViews(overlay);
  }

  /** @throws {FsError} as `ws.branch` */
  async branch(name: string, options: { readonly snapshot?: number } = {}): Promise<Snapshot> {
    if (this.branches === undefined) throw new FsError('ENOTSUP', { detail: 'a workspace in memory has no branches' });
    return this.branches.make(name, options.snapshot);
  }

  /** @throws {FsError} as `ws.removeSnapshot` */
  async removeSnapshot(id: number): Promise<void> {
    await this.views.release(id);
    await this.branches?.forget(id);
    await this.overlay.removeSnapshot(id);
  }

  close(): Promise<void> {
    return this.views.close();
  }
}
