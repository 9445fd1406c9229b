/* What an archive may cost. Hostile archives claim or hold far more than they weigh; the defaults leave room for everything honest. */

import type { Place } from './damage.ts';
import { tooLarge } from './damage.ts';

/** Limits of one archive. Whatever is beyond them is refused with EFBIG before it is decoded or kept. */
export interface ArchiveLimits {
  /** Objects in its tree, directories that only names imply included. Default: 1,000,000. */
  readonly entries?: number | undefined;
  /** Bytes of content that all of it may have: of a zip all its files, of a compressed tar what is inside. Default: 4 GiB. */
  readonly size?: number | undefined;
  /** Bytes of content for one byte of archive, once the content is beyond 64 MiB; an object counts for 1 KiB. Default: 256. */
  readonly ratio?: number | undefined;
  /** Bytes of one file, holes included; a larger one is listed and cannot be read. Default: 4 GiB. */
  readonly entrySize?: number | undefined;
  /** Bytes of a zstd frame's window: memory that decoding takes. Default: 128 MiB, as for the `zstd` command; the decoder takes no more. */
  readonly window?: number | undefined;
}

export type Limits = { readonly [K in keyof ArchiveLimits]-?: number };

/** What half a second of decoding gives on a slow machine: below it no ratio is suspicious. An archive of zeros has 1,032 to 1. */
const RATIO_FREE = 64 << 20;

const DEFAULTS: Limits = { entries: 1_000_000, size: 2 ** 32, ratio: 256, entrySize: 2 ** 32, window: 128 << 20 };

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} when a limit is no number
 */
export function resolveLimits(limits: ArchiveLimits = {}): Limits {
  const given = new Map<string, unknown>(Object.entries(limits));
  const limit = (name: keyof Limits): number => {
    const value = given.get(name) ?? DEFAULTS[name];
    if (typeof value !== 'number' || !(value >= 0)) throw new TypeError(`The limit '${name}' must be a number from 0 on`);
    return value;
  };
  return {
    entries: limit('entries'),
    size: limit('size'),
    ratio: limit('ratio'),
    entrySize: limit('entrySize'),
    window: limit('window'),
  };
}

/** Bytes of content that an archive of `stored` bytes may have. */
export const contentLimit = ({ size, ratio }: Limits, stored: number): number => Math.min(size, Math.max(RATIO_FREE, ratio * stored));

/**
 * Bytes that an object counts for beside its content, where a ratio is suspicious: what it takes in memory while a table is built. The
 * shortest header of an honest archive takes more than four of its bytes, compressed; names alone can make thousands of directories.
 */
const ENTRY_COST = 1 << 10;

/** Objects that an archive of `stored` bytes may have: 65,536, and more where it has four bytes for each. */
export const entryLimit = ({ entries, ratio }: Limits, stored: number): number =>
  Math.min(entries, Math.floor(Math.max(RATIO_FREE, ratio * stored) / ENTRY_COST));

/** @throws {FsError} EFBIG when an archive of `stored` bytes claims more content than it may have. */
export function assertContentSize(limits: Limits, size: number, stored: number, place: Place): void {
  const limit = contentLimit(limits, stored);
  if (size <= limit) return;
  const why = limit < limits.size ? `, ${limits.ratio} for each of its own bytes` : '';
  throw tooLarge(place, `its files claim ${size} bytes, more than the ${limit} that are allowed${why}`);
}

/** @throws {FsError} EFBIG when one file is larger than is allowed. */
export function assertEntrySize(limit: number, size: number, place: Place): void {
  if (size > limit) throw tooLarge(place, `${size} bytes, more than the ${limit} that are allowed`);
}
