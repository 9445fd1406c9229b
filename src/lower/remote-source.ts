/* A source that is somewhere else and may change there: the contract. http-source.ts has archives, oci-blob.ts blobs of images. */

import type { Version } from './http-answer.ts';
import type { Source } from './source.ts';

/** Which archive a server had, at one time. */
export interface ArchiveVersion extends Version {
  readonly size: number;
}

/** A source that may change on its server, which its readers must never notice by getting some of each. */
export interface RemoteSource extends Source {
  readonly url: URL;
  /** What was opened; `undefined` before the size is known. */
  readonly version: ArchiveVersion | undefined;
  /** Takes it for known that the server has this version: it is not asked, and what it sends is compared. */
  pin(version: ArchiveVersion): void;
  /** Does without what arrives: it is there already. */
  leave?(): void;
  /**
   * Asks whether the server still has this version: one small request, not repeated. *unreachable* indicates that there was no
   * answer in so many milliseconds, or one that may be another the next time. Therefore nothing is known.
   * @throws {FsError} EIO when the server refuses
   */
  compare(version: ArchiveVersion, timeout: number, signal?: AbortSignal): Promise<'same' | 'changed' | 'unreachable'>;
}
