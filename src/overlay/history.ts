/* The snapshots of a tree, and the versions of records that only they show. What is noted in `Changes` is the tree's affair. */

import { NO_SNAPSHOTS, isOrphan, newestOf } from '../layer/snapshots.ts';
import { FIRST_HISTORY_ID, type HistoryRecord, type LiveRecord, type Snapshots } from '../layer/upper.ts';

export class History {
  readonly records = new Map<number, HistoryRecord>();
  snapshots: Snapshots = NO_SNAPSHOTS;
  #nextId = FIRST_HISTORY_ID;

  /** Takes over what was kept before. */
  set(id: number, record: HistoryRecord): void {
    this.records.set(id, record);
    this.#nextId = Math.max(this.#nextId, id + 1);
  }

  /** Keeps a version that is about to be replaced. Gives the id that it has from now on; `undefined` where no snapshot shows it. */
  keep(was: number, record: LiveRecord | undefined): number | undefined {
    const until = newestOf(this.snapshots);
    if (record === undefined || (record.since ?? 0) >= until || isOrphan(record)) return undefined;
    this.records.set(this.#nextId, { names: [], was, until, record });
    return this.#nextId++;
  }

  /** A record as it is when it is made now: after the newest snapshot. */
  dated(record: LiveRecord): LiveRecord {
    const newest = newestOf(this.snapshots);
    return (record.since ?? 0) === newest ? record : { ...record, since: newest === 0 ? undefined : newest };
  }
}
