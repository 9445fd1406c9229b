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
  /** Bytes of the archive that hold what a recorded run read first, where the archive has a record. */
  readonly startup?: readonly [start: number, end: number] | undefined;
  /** Fetches that range. @throws {FsError} as `read` */
  prefetchStartup?(options?: PrefetchOptions): Promise<void>;
  /**
   * The same without returning to the event loop, however long it takes: from what an earlier session kept, else by a synchronous
   * request. `undefined` where the platform cannot do that, or must not.
   * @throws {FsError} as `read`
   */
  readSync?(entry: number, start: number, end: number): Uint8Array | undefined;
  /**
   * Makes sure that the content of files is at hand or kept for a time without a network: of the files at and below some absolute
   * paths of this layer, or of all. Names that do not exist are passed over.
   * @throws {FsError} as `read`
   */
  prefetch?(paths: readonly string[] | 'all', options?: PrefetchOptions): Promise<void>;
  /**
   * Reads all content again and verifies it, in the order in which the archive has it: from where the archive is or is kept, not from
   * memory, which it leaves as it is. Tells of each file when it was read. Rejects with the signal's reason when that fires.
   */
  verify?(signal?: AbortSignal): AsyncIterable<VerifiedFile>;
  /** What was fetched for it so far. */
  readonly stats?: LayerStats;
  close(): Promise<void>;
}

/** A file of which all was read. */
export interface VerifiedFile {
  readonly entry: number;
  /** Why its content cannot be had as the archive promised it. */
  readonly error?: unknown;
}

export interface PrefetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears how much of what was missing has come, in bytes of the archive. */
  readonly onProgress?: ((progress: { readonly loaded: number; readonly total: number }) => void) | undefined;
  /** Requests at a time. Default: 3, which leaves as many to those who read meanwhile. */
  readonly parallel?: number | undefined;
}

/** What a layer cost so far. */
export interface LayerStats {
  readonly requests: number;
  /** Bytes of content received. */
  readonly bytes: number;
  /** Requests for which a synchronous call kept its whole thread waiting. */
  readonly syncRequests?: number;
  /** Bytes that were not fetched, because they were kept from an earlier time. */
  readonly cached?: number;
}
