/*
 * Reading an archive again from its start to its end, to see whether it is what it should be. Reads past what a layer keeps in
 * memory and leaves that alone; of the archive it holds one piece at a time.
 */

import { concatBytes } from '../base/bytes.ts';
import type { VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import type { Source } from './source.ts';
import { filesOf } from './table-paths.ts';

/** Bytes of a piece: few enough to be held beside everything else, enough for a request to be worth it. */
const PIECE = 4 << 20;

/** A range that could not be read, and why. */
interface Failed {
  readonly start: number;
  readonly end: number;
  readonly reason: unknown;
}

/** Reads ranges of a source that mostly follow each other, each byte once. */
export class Sweep {
  #piece = new Uint8Array();
  #start = 0;
  #failed: Failed | undefined;

  /** @param end where content ends */
  constructor(
    private readonly source: Source,
    private readonly end: number,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /**
   * Gives the bytes [start, end), which lie before the end. The caller must not keep them.
   * @throws {FsError} what the source throws; what could not be read with one file is not asked for again for the next
   */
  async read(start: number, end: number): Promise<Uint8Array> {
    const failed = this.#failed;
    if (failed !== undefined && failed.start <= start && end <= failed.end) throw failed.reason;
    if (start < this.#start || end > this.#start + this.#piece.length) await this.#advance(start, end);
    return this.#piece.subarray(start - this.#start, end - this.#start);
  }

  async #advance(start: number, end: number): Promise<void> {
    const last = this.#start + this.#piece.length;
    const kept = start >= this.#start && start < last ? this.#piece.subarray(start - this.#start) : new Uint8Array();
    const from = start + kept.length;
    const ahead = Math.max(end, Math.min(from + PIECE, this.end));
    // What is kept must not fail for what is not, where there is no network.
    const to = this.source.holds?.(from, end) === true && !this.source.holds(from, ahead) ? end : ahead;
    try {
      const bytes = await this.source.read(from, to, this.signal);
      this.#piece = concatBytes([kept, bytes]);
      this.#start = start;
    } catch (reason) {
      this.#failed = { start: from, end: to, reason };
      throw reason;
    }
  }
}

/** Checks all files of a table, in the order in which the archive has them. */
export async function* sweepFiles(
  table: LayerTable,
  check: (entry: number) => Promise<void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<VerifiedFile> {
  const places = Array.from(filesOf(table, 'all'), (entry) => ({ entry, offset: table.extent(entry).offset }));
  for (const { entry } of places.sort((a, b) => a.offset - b.offset)) {
    signal?.throwIfAborted();
    try {
      await check(entry);
      yield { entry };
    } catch (error) {
      signal?.throwIfAborted();
      yield { entry, error };
    }
  }
}
