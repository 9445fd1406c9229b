/*
 * Writing the image of a mounted upper into a new guard file, in the background, while commits go on. Used for a guard that is missing
 * or behind, and to make one small again that has grown.
 *
 * Commits are appended to the new file as they come, among the parts of the image. What a part says is what stands in the upper at the
 * moment when it is appended, and no part says anything of a chunk that a commit since has put or removed. So whoever reads the file in order
 * ends with the upper as it is after the last commit.
 */

import { type Commit, type Superblock, type UpperRecord, contentOf } from '../layer/upper.ts';
import type { GuardLog } from './guard-log.ts';

/** The upper whose image is written. */
export interface ImageSource {
  readonly superblock: Superblock | undefined;
  /** As of the last commit. */
  readonly records: ReadonlyMap<number, UpperRecord>;
  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]>;
  /** Runs `work` when no commit is under way, and before the next one. */
  inTurn<T>(work: () => T): Promise<T>;
  /** Waits until something more important has had its turn. */
  pause(): Promise<void>;
}

/** Parts of the image: at most so many records, and about so many bytes of chunks. Each is one task of some milliseconds. */
const RECORDS_AT_ONCE = 500;
const BYTES_AT_ONCE = 1 << 20;
/** Chunks read at once, whatever their size. */
const CHUNKS_AT_ONCE = 64;

/** What a build that was stopped rejects with. */
export class BuildStopped extends Error {}

export class GuardBuild {
  /** Chunks that commits have put or removed since the build began. */
  readonly #touched = new Set<number>();
  readonly #seen = new Set<number>();
  #stopped = false;

  constructor(
    readonly log: GuardLog,
    private readonly source: ImageSource,
  ) {}

  /** Tells the build of a commit that has just succeeded. */
  applied({ chunks }: Commit): void {
    for (const id of chunks.keys()) this.#touched.add(id);
  }

  /** Makes `run()` reject at its next step. */
  stop(): void {
    this.#stopped = true;
  }

  /** Writes the image. The log is not complete afterwards: that is the caller's. @throws BuildStopped, DOMException, FsError */
  async run(): Promise<void> {
    const { source, log } = this;
    const ids = [...source.records.keys()];
    await this.#inTurn(() => log.appendImage({ superblock: source.superblock, records: new Map(), chunks: new Map() }));
    for (let at = 0; at < ids.length; at += RECORDS_AT_ONCE) {
      const wanted = await this.#inTurn(() => this.#appendRecords(ids.slice(at, at + RECORDS_AT_ONCE)));
      for (const batch of batches(wanted)) await this.#copyChunks(batch);
    }
    // An owner that was overtaken learns it here at the latest: its image is of no use to anybody.
    await source.readChunks([]);
  }

  /** Gives the chunks that the records need, with an upper bound of their bytes. */
  #appendRecords(ids: readonly number[]): Wanted[] {
    const part = new Map<number, UpperRecord>();
    const wanted: Wanted[] = [];
    for (const id of ids) {
      const record = this.source.records.get(id);
      if (record === undefined) continue;
      part.set(id, record);
      const content = contentOf(record);
      if (content === undefined) continue;
      for (const chunk of content.chunks) {
        if (chunk === 0 || this.#seen.has(chunk)) continue;
        this.#seen.add(chunk);
        wanted.push({ id: chunk, size: content.size });
      }
    }
    this.log.appendImage({ records: part, chunks: new Map() });
    return wanted;
  }

  async #copyChunks(ids: readonly number[]): Promise<void> {
    await this.source.pause();
    const found = await this.source.readChunks(ids);
    await this.#inTurn(() => {
      const chunks = new Map<number, Uint8Array<ArrayBuffer>>();
      for (const [i, bytes] of found.entries()) {
        const id = ids[i]!;
        if (bytes !== undefined && !this.#touched.has(id)) chunks.set(id, bytes as Uint8Array<ArrayBuffer>);
      }
      if (chunks.size > 0) this.log.appendImage({ records: new Map(), chunks });
    });
  }

  #inTurn<T>(work: () => T): Promise<T> {
    return this.source.inTurn(() => {
      if (this.#stopped) throw new BuildStopped('the building of a guard was stopped');
      return work();
    });
  }
}

interface Wanted {
  readonly id: number;
  readonly size: number;
}

/** Bytes of the largest chunk: docs/FORMAT.md, 1.3. */
const CHUNK_SIZE = 1 << 20;

function* batches(wanted: readonly Wanted[]): Generator<number[]> {
  let ids: number[] = [];
  let bytes = 0;
  for (const { id, size } of wanted) {
    ids.push(id);
    bytes += Math.min(size, CHUNK_SIZE);
    if (bytes < BYTES_AT_ONCE && ids.length < CHUNKS_AT_ONCE) continue;
    yield ids;
    ids = [];
    bytes = 0;
  }
  if (ids.length > 0) yield ids;
}
