/*
 * Where chunks stand: in a row of their own, or in a run. A run holds small chunks with consecutive ids of one commit, their bytes one behind the
 * other in one row. Beside it stands a row with their lengths, so that it is known at the load what is where, and no bytes are read for that.
 *
 * A chunk that is removed from a run is marked there; its bytes go when half of the run's bytes count no more. So runs take twice the room of what is
 * in them, at most.
 */

import { ownBytes } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';
import type { Commit } from '../layer/upper.ts';
import type { LayoutSettings, PlanOptions } from './layout.ts';
import type { Plan, ReadRows, RowChange } from './stored-rows.ts';

/** Bytes of a chunk that may stand in a run. */
const SMALL = 16 << 10;

/** Bytes of a run. Chromium keeps values over 64 KiB in files of their own, which take longer to read. */
const RUN_SIZE = 60 << 10;

/** Chunks in a run, at most: their lengths are written anew when one of them goes. */
const RUN_LENGTH = 256;

/** Bytes of runs that stay in memory after they were read: files that were written together are often read together. */
const KEPT = 1 << 20;

/** Never changed in place. */
interface Run {
  /** Id of its first chunk, and the key of its lengths. The bytes stand among the chunks under its negative. */
  readonly first: number;
  /** Bytes of each chunk; of one that is gone `-1 - bytes`, with the bytes that are there still. */
  readonly lengths: readonly number[];
}

/** Where a chunk may be read: the run that it stands in. `undefined`: a row of its own. */
export type ChunkPlace = Run | undefined;

export type Chunks = Commit['chunks'];

export const bytesKey = ({ first }: Pick<Run, 'first'>): number => -first;

/** The lengths of a stored run, or `undefined` where the value is none. */
export function decodeLengths(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isSafeInteger) ? (value as number[]) : undefined;
}

/** A chunk of a run that was read, as a view; `undefined` where it is not there, `null` where the run is damaged. */
export function chunkOf(id: number, first: number, lengths: readonly number[], bytes: unknown): Uint8Array | undefined | null {
  const length = lengths[id - first];
  if (length === undefined || length < 0) return undefined;
  if (!(bytes instanceof Uint8Array) || bytes.length !== roomOf(lengths)) return null;
  const at = roomOf(lengths.slice(0, id - first));
  return bytes.subarray(at, at + length);
}

const isEmpty = ({ lengths }: Run): boolean => !lengths.some((length) => length >= 0);
const room = (length: number): number => (length < 0 ? -1 - length : length);
const roomOf = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + room(length), 0);
const liveOf = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + Math.max(0, length), 0);

export class ChunkRuns {
  /** By their first ids, rising. */
  #runs: readonly Run[] = [];
  /** Bytes of runs. A run that changes is another one, so that nothing outdated is found here. */
  readonly #kept = new Lru<Run, Uint8Array>(KEPT, (bytes) => bytes.length);

  constructor(private readonly settings: LayoutSettings) {}

  /** Tells of the runs that are there, in the order of their keys. */
  found(runs: readonly Run[]): void {
    this.#runs = runs;
  }

  /** The run that a chunk stands in. */
  placeOf(id: number): ChunkPlace {
    const run = this.#runs[lastAtMost(this.#runs, id)];
    const length = run?.lengths[id - run.first];
    return length === undefined || length < 0 ? undefined : run;
  }

  /** A copy of a chunk whose run was read lately. */
  peek(id: number): Uint8Array | undefined {
    const run = this.placeOf(id);
    const bytes = run && this.#kept.get(run);
    return (run && bytes && chunkOf(id, run.first, run.lengths, bytes)?.slice()) ?? undefined;
  }

  /** Keeps the bytes of a run for a while, if they are the ones that it has now. */
  keep(run: Run, lengths: readonly number[], bytes: Uint8Array): void {
    if (lengths.length === run.lengths.length && lengths.every((length, i) => length === run.lengths[i])) this.#kept.set(run, bytes);
  }

  /** What a commit of these chunks changes. */
  async plan(chunks: Chunks, { bare, read }: PlanOptions): Promise<Plan> {
    const changes: RowChange[] = [];
    const gone = new Map<Run, number[]>();
    for (const [id, bytes] of chunks) {
      const run = this.placeOf(id);
      if (run !== undefined) gone.set(run, [...(gone.get(run) ?? []), id]);
      else if (bytes === undefined) changes.push({ store: 'chunks', key: id, value: undefined });
    }
    const marked = Array.from(gone, ([run, ids]) => withoutChunks(run, ids));
    const changed = gone.size === 0 ? [] : await this.#renew(marked, bare, read, changes);
    const kept = this.#runs.filter((run) => !gone.has(run));
    const made: Run[] = [];
    for (const row of this.#rowsOf(chunks, [...kept, ...changed])) {
      if (row.length > 1) made.push(putRun(row, changes));
      else changes.push({ store: 'chunks', key: row[0]![0], value: ownBytes(row[0]![1]) });
    }
    const apply = (): void => {
      if (made.length > 0 || gone.size > 0) this.#runs = [...kept, ...changed, ...made].sort((a, b) => a.first - b.first);
    };
    return { changes, isMore: changed.some(({ lengths }) => lengths.includes(-1)), apply };
  }

  /** Puts runs that have lost chunks: marked, written anew, or not any more. Gives those that are left. */
  async #renew(marked: readonly Run[], bare: boolean, read: ReadRows, changes: RowChange[]): Promise<Run[]> {
    const wasteful = bare ? [] : marked.filter((run) => !isEmpty(run) && 2 * liveOf(run.lengths) < roomOf(run.lengths));
    const keys = wasteful.map(bytesKey);
    const bytes = keys.length === 0 ? [] : await read('chunks', keys);
    const left: Run[] = [];
    for (const run of marked) {
      const key = bytesKey(run);
      const found = bytes[keys.indexOf(key)];
      const renewed = found instanceof Uint8Array ? compacted(run, found) : undefined;
      const lengths = isEmpty(run) ? undefined : (renewed?.lengths ?? run.lengths);
      changes.push({ store: 'runs', key: run.first, value: lengths });
      if (lengths === undefined || renewed !== undefined) changes.push({ store: 'chunks', key, value: renewed?.bytes });
      if (lengths !== undefined) left.push({ first: run.first, lengths });
    }
    return left;
  }

  /** The new chunks as rows: several that make a run, or one. */
  #rowsOf(chunks: Chunks, runs: readonly Run[]): NewChunk[][] {
    const rows: NewChunk[][] = [];
    for (const sequence of sequencesOf(chunks)) {
      const first = sequence[0]![0];
      const isRun = sequence.length >= this.settings.runFrom && isFree(first, first + sequence.length - 1, runs);
      if (isRun) rows.push(...cut(sequence));
      else for (const chunk of sequence) rows.push([chunk]);
    }
    return rows;
  }
}

type NewChunk = readonly [id: number, bytes: Uint8Array<ArrayBuffer>];

/** New chunks in sequences of small ones with consecutive ids; larger ones by themselves. */
function sequencesOf(chunks: Chunks): NewChunk[][] {
  const sequences: NewChunk[][] = [];
  let sequence: NewChunk[] = [];
  let last: NewChunk | undefined;
  for (const [id, bytes] of [...chunks].sort(([a], [b]) => a - b)) {
    if (bytes === undefined) continue;
    const follows = last !== undefined && last[0] === id - 1 && last[1].length <= SMALL && bytes.length <= SMALL;
    if (!follows) sequences.push((sequence = []));
    sequence.push((last = [id, bytes]));
  }
  return sequences;
}

/** A sequence in pieces of at most RUN_SIZE bytes. */
function cut(sequence: readonly NewChunk[]): NewChunk[][] {
  const pieces: NewChunk[][] = [];
  let piece: NewChunk[] = [];
  let size = Infinity;
  for (const chunk of sequence) {
    size += chunk[1].length;
    if (size > RUN_SIZE || piece.length === RUN_LENGTH) {
      pieces.push((piece = []));
      size = chunk[1].length;
    }
    piece.push(chunk);
  }
  return pieces;
}

/** Whether no chunk of a run that is there has an id from `first` to `last`: which run an id belongs to is told by the first ids alone. */
function isFree(first: number, last: number, runs: readonly Run[]): boolean {
  return first > 0 && !runs.some((run) => run.first <= last && run.first + run.lengths.findLastIndex((length) => length >= 0) >= first);
}

function putRun(row: readonly NewChunk[], changes: RowChange[]): Run {
  const run: Run = { first: row[0]![0], lengths: row.map(([, bytes]) => bytes.length) };
  const all = new Uint8Array(roomOf(run.lengths));
  let at = 0;
  for (const [, bytes] of row) {
    all.set(bytes, at);
    at += bytes.length;
  }
  // Chunks that nobody knew of any more may stand under these ids.
  changes.push({ store: 'chunks', from: run.first, to: run.first + row.length - 1 });
  changes.push({ store: 'chunks', key: bytesKey(run), value: all });
  changes.push({ store: 'runs', key: run.first, value: run.lengths });
  return run;
}

function withoutChunks({ first, lengths }: Run, ids: readonly number[]): Run {
  const marked = [...lengths];
  for (const id of ids) marked[id - first] = -1 - marked[id - first]!;
  return { first, lengths: marked };
}

/** A run without the bytes of what is gone; `undefined` where the bytes are not what they should be: reading them tells of that. */
function compacted({ first, lengths }: Run, bytes: Uint8Array): (Run & { readonly bytes: Uint8Array }) | undefined {
  if (bytes.length !== roomOf(lengths)) return undefined;
  const rest = new Uint8Array(liveOf(lengths));
  let [from, to] = [0, 0];
  for (const length of lengths) {
    if (length > 0) rest.set(bytes.subarray(from, from + length), to);
    to += Math.max(0, length);
    from += room(length);
  }
  return { first, lengths: lengths.map((length) => Math.max(-1, length)), bytes: rest };
}

/** Position of the last run whose first id is at most `id`; -1 where there is none. */
function lastAtMost(runs: readonly Run[], id: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.first <= id) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
