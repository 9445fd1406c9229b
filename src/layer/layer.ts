/* The contract between the engine and a lower layer: an immutable table of contents, and content that may have to be fetched. */

import type { LayerTable } from './table.ts';

/** Something in an archive that was left out or mended, and that the user should hear of. */
export interface LayerWarning {
  /** The name as the archive has it. */
  readonly entry: string;
  readonly message: string;
}

/** An immutable tree. */
export interface Layer {
  /** For messages: the archive's URL or file name. */
  readonly name: string;
  /** Identifies the content and the way it is mounted (`at`, `strip`, …). Equal digests mean equal trees. */
  readonly digest: string;
  /** Where it is mounted: the option `at`, '/' without it. */
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  /**
   * Gives the bytes [start, end) of a regular file's or symbolic link's content when they can be had without waiting,
   * else `undefined`. `end` is at most the entry's size. The caller must not change the bytes, nor keep them
   * after it returns to the event loop.
   * @throws {FsError} EIO when the content is damaged.
   */
  peek(entry: number, start: number, end: number): Uint8Array | undefined;
  /**
   * Fetches, decodes and verifies the same bytes. The caller must not change them.
   * @throws {FsError} EIO with the cause when they cannot be fetched or are not what the archive promised.
   */
  read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Bytes of the archive that hold what a recorded run read first, where the archive has a record: one range to fetch ahead. */
  readonly startup?: readonly [start: number, end: number] | undefined;
  close(): Promise<void>;
}
