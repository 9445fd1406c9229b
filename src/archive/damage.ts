/* Errors of archives: each names the archive and, where there is one, the entry. */

import { FsError } from '../base/errors.ts';

/** What an archive reader was looking at. */
export interface Place {
  /** The archive's URL or file name. */
  readonly archive: string;
  readonly entry?: string | undefined;
  readonly cause?: unknown;
}

/** The error of an archive that is not what it should be. */
export function damaged({ archive, entry, cause }: Place, what: string): FsError {
  return new FsError('EIO', { detail: `${archive}: ${entry === undefined ? '' : `'${entry}': `}${what}`, cause });
}

/** The error of content beyond what the caller wants to hold in memory. */
export function tooLarge({ archive, entry }: Place, what: string): FsError {
  return new FsError('EFBIG', { detail: `${archive}: ${entry === undefined ? '' : `'${entry}': `}${what}` });
}

/** A CRC-32 as people write it. */
export const hex32 = (crc: number): string => `0x${crc.toString(16).padStart(8, '0')}`;
