/* What a table is built from: the entries that an archive reader reports, and the tree that they make. */

import { S_IFDIR, S_IFMT, S_IFREG } from '../base/mode.ts';
import type { Extent } from './table.ts';

/** One entry as an archive has it. */
export interface LayerEntry {
  /** As in the archive, components separated by '/'. */
  readonly path: string;
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  readonly size?: number | undefined;
  readonly extent?: Extent | undefined;
  /**
   * Of a file with holes: for each piece its position in the file, its length, and its position in what is stored. Rising, not
   * overlapping, within the size.
   */
  readonly pieces?: Float64Array | undefined;
  /** Target of a symbolic link, where it is known without reading content. */
  readonly target?: string | undefined;
  /** Path of the earlier entry that this one is a hard link to. */
  readonly link?: string | undefined;
  readonly rdev?: number | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  readonly redirect?: string | undefined;
  readonly mark?: 'whiteout' | 'opaque' | undefined;
}

/** An object while the table is built. Hard links: one node below several names. */
export interface TableNode {
  entry: LayerEntry | undefined;
  children: Map<string, TableNode> | undefined;
  /** Of an implied directory: the latest of what is in it. */
  mtime: number;
  opaque: boolean;
  whiteout: boolean;
  /** It has, or had, more than one name. */
  linked: boolean;
}

/** The mode of a node: directories that no entry describes have the usual one. */
export function nodeMode({ entry, children }: TableNode): number {
  if (entry === undefined) return children === undefined ? S_IFREG : S_IFDIR | 0o755;
  return (entry.mode & S_IFMT) === 0 ? entry.mode | S_IFREG : entry.mode;
}
