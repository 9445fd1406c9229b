/* What a view of a snapshot stands on: an upper that holds what the snapshot shows, and reads the content through the workspace. */

import { FsError } from '../base/errors.ts';
import { recordsAt } from '../layer/snapshots.ts';
import type { UpperImage, UpperStore } from '../layer/upper.ts';
import type { CommitQueue } from './commit.ts';

export class SnapshotStore implements UpperStore {
  readonly name: string;

  constructor(
    private readonly snapshot: number,
    /** The workspace's own. */
    private readonly store: UpperStore,
    private readonly commits: CommitQueue,
    private readonly onClose: () => void,
  ) {
    this.name = `snapshot ${snapshot} of ${store.name}`;
  }

  async load(): Promise<UpperImage> {
    const { superblock, records } = await this.store.load();
    return { superblock: superblock && { ...superblock, snapshots: undefined }, records: recordsAt(records, this.snapshot) };
  }

  commit(): Promise<void> {
    return Promise.reject(new FsError('EROFS'));
  }

  peekChunk(id: number): Uint8Array | undefined {
    return this.commits.peekChunk(id);
  }

  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.commits.readStored(ids);
  }

  close(): Promise<void> {
    this.onClose();
    return Promise.resolve();
  }
}
