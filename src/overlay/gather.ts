/*
 * Gather, then apply. An operation is written as one synchronous function. Where it needs bytes that are not in memory it throws
 * `NotResident` before it has changed anything; the asynchronous driver fetches them and runs the operation again from its
 * beginning, so that the run that succeeds sees one consistent tree and changes it in one go. The synchronous driver
 * turns the same into EAGAIN where a layer cannot give them at once. So both forms of a call are one implementation.
 */

import { FsError } from '../base/errors.ts';
import type { CommitQueue } from './commit.ts';
import type { MountedLayer } from './ino.ts';

/** Thrown by an operation that needs bytes which have to be fetched first. Never leaves the engine. */
export class NotResident extends Error {}

interface LowerRange {
  readonly layer: number;
  readonly entry: number;
  readonly start: number;
  readonly end: number;
}

const rangeKey = ({ layer, entry, start, end }: LowerRange): string => `${layer}:${entry}:${start}:${end}`;

/** The bytes gathered for one operation. They stay until it ends, whatever the caches drop. */
export class Gathered {
  // Most operations gather nothing: what they do not need is not made.
  #chunks: Map<number, Uint8Array | undefined> | undefined;
  #ranges: Map<string, Uint8Array> | undefined;
  #wantedChunks: Set<number> | undefined;
  #wantedRanges: Map<string, LowerRange> | undefined;

  constructor(
    private readonly layers: readonly MountedLayer[],
    private readonly commits: CommitQueue,
    /** What is read of lowers counts as accessed. */
    private readonly isRecorded = true,
  ) {}

  /** A chunk of the upper; `undefined` when it has to be fetched, which is then noted. */
  chunk(id: number): Uint8Array | undefined {
    const bytes = this.commits.peekChunk(id) ?? this.#chunks?.get(id);
    if (bytes !== undefined) return bytes;
    if (this.#chunks?.has(id) === true) throw new FsError('EIO', { detail: `the upper has lost chunk ${id}` });
    (this.#wantedChunks ??= new Set()).add(id);
    return undefined;
  }

  /** Bytes of a lower's content; `undefined` when they have to be fetched, which is then noted. */
  lower(layer: number, entry: number, start: number, end: number): Uint8Array | undefined {
    const range = { layer, entry, start, end };
    if (this.isRecorded) this.layers[layer]!.accessed.add(entry);
    const bytes = this.layers[layer]!.layer.peek(entry, start, end) ?? this.#ranges?.get(rangeKey(range));
    if (bytes === undefined) (this.#wantedRanges ??= new Map()).set(rangeKey(range), range);
    return bytes;
  }

  /**
   * Ends the run if anything was found missing.
   * Preconditions: the operation has changed nothing yet.
   */
  assertResident(): void {
    if (this.#wantedChunks !== undefined || this.#wantedRanges !== undefined) throw new NotResident();
  }

  /** Takes over what another operation gathered, of chunks those with an id below `end`. */
  adopt(other: Gathered, end = Infinity): void {
    for (const [key, bytes] of other.#ranges ?? []) (this.#ranges ??= new Map()).set(key, bytes);
    for (const [id, bytes] of other.#chunks ?? []) if (id < end) (this.#chunks ??= new Map()).set(id, bytes);
  }

  /** Gets what was found missing without returning to the event loop; false where something of it has to be waited for. */
  loadSync(): boolean {
    // The upper's database cannot be read so.
    if (this.#wantedChunks !== undefined) return false;
    const ranges = (this.#ranges ??= new Map<string, Uint8Array>());
    for (const [key, { layer, entry, start, end }] of this.#wantedRanges ?? []) {
      const bytes = this.layers[layer]!.layer.readSync?.(entry, start, end);
      if (bytes === undefined) return false;
      ranges.set(key, bytes);
    }
    this.#wantedRanges = undefined;
    return true;
  }

  /** Fetches everything that was found missing. */
  async load(signal?: AbortSignal): Promise<void> {
    const ids = [...(this.#wantedChunks ?? [])];
    const wanted = [...(this.#wantedRanges ?? [])];
    this.#wantedChunks = undefined;
    this.#wantedRanges = undefined;
    const ranges = (this.#ranges ??= new Map<string, Uint8Array>());
    const chunks = (this.#chunks ??= new Map<number, Uint8Array | undefined>());
    const reads = wanted.map(async ([key, { layer, entry, start, end }]) => {
      ranges.set(key, await this.layers[layer]!.layer.read(entry, start, end, signal));
    });
    const [found] = await Promise.all([ids.length === 0 ? [] : this.commits.readChunks(ids), ...reads]);
    for (const [i, id] of ids.entries()) chunks.set(id, found[i]);
  }
}
