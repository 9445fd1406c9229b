/*
 * When a log is to be written anew: when it takes more than twice what the upper takes, and some slack. A log that has grown because the upper
 * has is as small as it can be, and writing it anew would only write everything once more.
 */

import { bytesAt } from '../layer/chunk-size.ts';
import { type Commit, type UpperRecord, contentOf } from '../layer/upper.ts';
import type { GuardLog } from './guard-log.ts';

/** The upper is looked at anew when so large a part of its records may have changed: looking takes a moment for each of them. */
const SHARE = 1 / 8;

export class GuardGrowth {
  /** Of the upper when it was last looked at. */
  #bytes = 0;
  /** Records and chunks that have changed since. */
  #changes = Infinity;
  /** Of the log at that time; the next log is smaller. */
  #size = 0;

  constructor(private readonly limits: { readonly slack: number; readonly frames: number }) {}

  applied({ records, chunks }: Commit): void {
    this.#changes += records.size + chunks.size;
  }

  /** Tells whether most of a log is outdated. Seldom looks at each record; `#changes` says when. */
  isOvergrown(log: Pick<GuardLog, 'frames' | 'imageSize' | 'size'>, records: ReadonlyMap<number, UpperRecord>): boolean {
    const { slack, frames } = this.limits;
    if (log.frames > 2 * records.size + frames) return true; // opening looks at each frame
    if (log.size <= 2 * log.imageSize + slack) return false;
    if (this.#changes >= records.size * SHARE || Math.abs(log.size - this.#size) >= slack) {
      this.#bytes = contentBytes(records);
      this.#changes = 0;
      this.#size = log.size;
    }
    return log.size > 2 * this.#bytes + slack;
  }
}

/** Bytes of all chunks that the records have, each once. */
function contentBytes(records: ReadonlyMap<number, UpperRecord>): number {
  const seen = new Set<number>();
  let bytes = 0;
  for (const record of records.values()) {
    const content = contentOf(record);
    if (content === undefined) continue;
    for (const [i, chunk] of content.chunks.entries()) {
      if (chunk === 0 || seen.has(chunk)) continue;
      seen.add(chunk);
      bytes += bytesAt(content, i);
    }
  }
  return bytes;
}
