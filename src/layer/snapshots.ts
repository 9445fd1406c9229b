/*
 * What a snapshot shows, as a pure function of the upper's records. As in ZFS, nothing is copied when a snapshot is taken: each version of a
 * record knows after which snapshot it was made (`since`), and one that is replaced is kept while a snapshot between its making and its
 * end shows it (docs/decisions/0026).
 *
 *     snapshots             1         2         3
 *     version A   ●─────────┼─────────┼──●                  since 0, until 2: shown by 1 and 2
 *     version B                          ●────┼────→        since 2, current: shown by 3 and now
 */

import { type HistoryRecord, type LiveRecord, type Snapshots, type UpperRecord, isHistory, isWhiteout } from './upper.ts';

/** Of an upper that no snapshot was taken of. */
export const NO_SNAPSHOTS: Snapshots = { list: [], next: 1 };

/** The newest snapshot's id; 0 where there is none. */
export const newestOf = ({ list }: Snapshots): number => list.at(-1)?.id ?? 0;

/** Tells whether a snapshot shows a version of a record that was replaced. */
export function isShownAt({ record, until }: HistoryRecord, snapshot: number): boolean {
  return (record.since ?? 0) < snapshot && snapshot <= until;
}

/**
 * The records as they were when a snapshot was taken, under the ids that they had then, without what snapshots need of them. Files that
 * were open then and had no name any more are not among them.
 *
 * Precondition: the upper has the snapshot.
 */
export function recordsAt(stored: Iterable<readonly [number, UpperRecord]>, snapshot: number): Map<number, LiveRecord> {
  const records = new Map<number, LiveRecord>();
  for (const [id, record] of stored) {
    if (isHistory(record)) {
      if (isShownAt(record, snapshot)) records.set(record.was, withoutSince(record.record));
    } else if ((record.since ?? 0) < snapshot && !isOrphan(record)) records.set(id, withoutSince(record));
  }
  return records;
}

function withoutSince(record: LiveRecord): LiveRecord {
  if (record.since === undefined) return record;
  const { since: _, ...rest } = record;
  return rest;
}

/** A file without a name, which goes when it is closed. No snapshot shows it. */
export const isOrphan = (record: LiveRecord): boolean => !isWhiteout(record) && record.nlink === 0;
