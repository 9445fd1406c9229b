/*
 * What the upper takes: which records hold which chunk, and how many bytes that is. A chunk is new, or held by inodes, or kept by the
 * history of snapshots, or both. It goes when nobody holds it any more; whoever changes a record need not think of it.
 */

import { type HistoryRecord, type LiveRecord, contentOf, isWhiteout } from '../layer/upper.ts';
import { bytesAt } from '../layer/chunk-size.ts';
import { FIRST_UPPER_INO } from './ino.ts';

/** What an object takes beside its content, in bytes, rounded up: a name, numbers, what the store adds. */
const OBJECT_SIZE = 256;

/** A chunk that history holds. */
interface KeptChunk {
  /** How many history records hold it. */
  uses: number;
  /** No inode holds it. Therefore its bytes count as history's. */
  isAlone: boolean;
  /** As its first history record has it. */
  readonly bytes: number;
}

export class Space {
  /** Chunks that more than one inode holds, with how many do. */
  readonly shared = new Map<number, number>();
  /** Chunks that history holds. */
  readonly kept = new Map<number, KeptChunk>();
  /** New chunks that no record holds yet. */
  readonly #unheld = new Set<number>();
  #nextChunk = 1;
  #used = 0;

  constructor(
    /** Hears of each chunk that nobody holds any more. */
    private readonly onGone: (chunk: number) => void,
  ) {}

  /** Bytes: `usedBy` of the inodes, content that several of them share counting for each, and what history alone holds. */
  get used(): number {
    return this.#used;
  }

  /** The number of the next new chunk. */
  get nextChunk(): number {
    return this.#nextChunk;
  }

  /** Gives no number below this one to a new chunk: lower ones may be somebody else's. */
  startAt(chunk: number): void {
    this.#nextChunk = Math.max(this.#nextChunk, chunk);
  }

  /** The number for a new chunk, which a record has to hold before anything is committed. */
  newChunk(): number {
    this.#unheld.add(this.#nextChunk);
    return this.#nextChunk++;
  }

  /** Counts everything anew. A mount does this for every record, in code that has just been loaded. */
  derive(records: ReadonlyMap<number, LiveRecord>, history: ReadonlyMap<number, HistoryRecord>): void {
    this.shared.clear();
    this.kept.clear();
    this.#unheld.clear();
    this.#used = 0;
    const held = new Set<number>();
    records.forEach((record, id) => {
      if (isWhiteout(record)) return;
      this.#used += usedBy(id, record);
      for (const chunk of record.chunks) if (chunk !== 0) this.#count(chunk, held);
    });
    for (const record of history.values()) {
      for (const chunk of this.keep(record)) {
        if (chunk >= this.#nextChunk) this.#nextChunk = chunk + 1;
        if (!held.has(chunk)) this.#leaveAlone(chunk);
      }
    }
  }

  #count(chunk: number, held: Set<number>): void {
    if (chunk >= this.#nextChunk) this.#nextChunk = chunk + 1;
    if (held.has(chunk)) this.shared.set(chunk, (this.shared.get(chunk) ?? 1) + 1);
    else held.add(chunk);
  }

  /** Follows the change of a record; `undefined`: there was none, or there is none any more. */
  change(id: number, before: LiveRecord | undefined, after: LiveRecord | undefined): void {
    this.#used += usedBy(id, after) - usedBy(id, before);
    const [old, now] = [chunksOf(before), chunksOf(after)];
    if (old === now) return;
    // First what is held, so that what both hold never goes.
    for (let i = 0; i < now.length; i++) if (now[i] !== 0 && now[i] !== old[i]) this.#hold(now[i]!);
    for (let i = 0; i < old.length; i++) if (old[i] !== 0 && old[i] !== now[i]) this.#release(old[i]!);
  }

  #hold(chunk: number): void {
    if (this.#unheld.delete(chunk)) return;
    const kept = this.kept.get(chunk);
    if (kept?.isAlone === true) {
      kept.isAlone = false;
      this.#used -= kept.bytes;
    } else this.shared.set(chunk, (this.shared.get(chunk) ?? 1) + 1);
  }

  #release(chunk: number): void {
    const uses = this.shared.get(chunk);
    if (uses !== undefined && uses > 2) this.shared.set(chunk, uses - 1);
    else if (uses !== undefined) this.shared.delete(chunk);
    else if (this.kept.has(chunk)) this.#leaveAlone(chunk);
    else this.onGone(chunk);
  }

  #leaveAlone(chunk: number): void {
    const kept = this.kept.get(chunk)!;
    if (kept.isAlone) return;
    kept.isAlone = true;
    this.#used += kept.bytes;
  }

  /** Follows the making of a history record, while an inode still has its chunks. Gives these. */
  keep({ record }: HistoryRecord): readonly number[] {
    const inode = contentOf(record);
    for (const [i, chunk] of chunksOf(inode).entries()) {
      if (chunk === 0) continue;
      const kept = this.kept.get(chunk);
      if (kept === undefined) this.kept.set(chunk, { uses: 1, isAlone: false, bytes: bytesAt(inode!, i) });
      else kept.uses++;
    }
    return chunksOf(inode).filter((chunk) => chunk !== 0);
  }

  /** Follows the removal of a history record. */
  drop({ record }: HistoryRecord): void {
    for (const chunk of chunksOf(record)) {
      const kept = this.kept.get(chunk);
      if (kept === undefined || --kept.uses > 0) continue;
      this.kept.delete(chunk);
      if (!kept.isAlone) continue;
      this.#used -= kept.bytes;
      this.onGone(chunk);
    }
  }
}

const NONE: readonly number[] = [];

const chunksOf = (record: LiveRecord | undefined): readonly number[] => (record === undefined || isWhiteout(record) ? NONE : record.chunks);

/**
 * What a record takes, in bytes: the chunks that it holds and, where the upper made the object, the object itself. Whiteouts and
 * copied-up attributes count nothing, so that what a lower has can be deleted, whatever the quota.
 */
function usedBy(id: number, record: LiveRecord | undefined): number {
  if (record === undefined || isWhiteout(record)) return 0;
  const { chunks } = record;
  let used = id < FIRST_UPPER_INO ? 0 : OBJECT_SIZE;
  for (let i = 0; i < chunks.length; i++) if (chunks[i] !== 0) used += bytesAt(record, i);
  return used;
}
