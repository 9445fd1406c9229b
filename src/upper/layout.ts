/*
 * Where the content of one upper stands in the database, and what a commit makes of it: which records stand in packs and which are rows, which
 * chunks are rows and which stand in runs. Known in memory from the load on; changes when a write is complete.
 */

import { isFsError } from '../base/errors.ts';
import type { Commit } from '../layer/upper.ts';
import { SUPERBLOCK } from './connection.ts';
import { ChunkRuns } from './chunk-runs.ts';
import { RecordPlaces } from './record-places.ts';
import type { Plan, ReadRows } from './stored-rows.ts';

/** When records and chunks are packed. For tests smaller. */
export interface LayoutSettings {
  /** Records from which on a pack is not small. A commit of so many folds the small ones. */
  readonly packFrom: number;
  /** Records in one pack, at most. */
  readonly packSize: number;
  /** Turns from one folding to the next, at most: a load reads the row of each. */
  readonly turns: number;
  /** Entries of small packs, and rows of small records, that may gather before they are folded: what is folded at once. */
  readonly gathered: number;
  /** Bytes of a record, about, beyond which it stands in a row. */
  readonly large: number;
  /** Rows that are folded at once, and records of outdated packs that are written anew at once, at most: each some milliseconds. */
  readonly atOnce: number;
  /** Entries of packs that may say nothing any more, beyond as many as there are records in them. */
  readonly slack: number;
  /** Small chunks in a row from which on they make a run. */
  readonly runFrom: number;
}

/** docs/decisions/0024 and 0029 have the measurements. */
export const LAYOUT: LayoutSettings = {
  packFrom: 64,
  packSize: 512,
  turns: 100,
  gathered: 500,
  large: 4096,
  atOnce: 4096,
  slack: 1024,
  runFrom: 16,
};

/** How a commit is laid out. */
export interface PlanOptions {
  /** Nothing but what has to be: there is no room for more. */
  readonly bare: boolean;
  /** What stands in rows of turns has to be folded: another owner begins. */
  readonly fold: boolean;
  readonly read: ReadRows;
}

export class Layout {
  readonly records: RecordPlaces;
  readonly chunks: ChunkRuns;

  constructor(settings: LayoutSettings) {
    this.records = new RecordPlaces(settings);
    this.chunks = new ChunkRuns(settings);
  }

  /** What a commit changes in the database. Reads, where something old is to be written anew; what cannot be read stays as it is. */
  async plan(commit: Commit, options: PlanOptions): Promise<Plan> {
    try {
      return await this.#plan(commit, options);
    } catch (e) {
      if (options.bare || !isFsError(e, 'EIO')) throw e;
      return this.#plan(commit, { ...options, bare: true });
    }
  }

  async #plan({ superblock, records, chunks }: Commit, options: PlanOptions): Promise<Plan> {
    const ofRecords = await this.records.plan(records, options);
    const ofChunks = await this.chunks.plan(chunks, options);
    const changes = [...ofRecords.changes, ...ofChunks.changes];
    if (superblock !== undefined) changes.push({ store: 'superblock', key: SUPERBLOCK, value: superblock });
    return {
      ...ofRecords,
      changes,
      isMore: ofRecords.isMore || ofChunks.isMore,
      apply: () => {
        ofRecords.apply();
        ofChunks.apply();
      },
    };
  }
}
