/*
 * What a table is built from: the entries that an archive reader reports, and the tree that they make. An object of the tree is a row of
 * columns that grow, and no object of JavaScript: making some for each entry is what building a table took longest for.
 */

import { S_IFDIR, S_IFMT, S_IFREG } from '../base/mode.ts';
import { type Extent, TableFlags } from './table.ts';

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

/** What few entries have. */
export type RareParts = Pick<LayerEntry, 'target' | 'rdev' | 'xattrs' | 'redirect' | 'pieces'>;

const { WHITEOUT, OPAQUE, IMPLIED } = TableFlags;
/** Rows for which there is room at first. */
const FIRST_ROOM = 1024;

export type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** The rows of a table that is being built. The columns are those of a table (table.ts), with more room than `length`. */
export class TableRows {
  length = 0;
  mode = new Uint16Array(FIRST_ROOM);
  flags = new Uint8Array(FIRST_ROOM);
  method = new Uint8Array(FIRST_ROOM);
  crc = new Uint32Array(FIRST_ROOM);
  mtime = new Float64Array(FIRST_ROOM);
  uid = new Float64Array(FIRST_ROOM);
  gid = new Float64Array(FIRST_ROOM);
  size = new Float64Array(FIRST_ROOM);
  offset = new Float64Array(FIRST_ROOM);
  stored = new Float64Array(FIRST_ROOM);
  /** Of directories: the rows in them, by name. Hard links: one row below several names. */
  readonly children: (Map<string, number> | undefined)[] = [];
  readonly rare = new Map<number, RareParts>();
  /** Rows that have, or had, more than one name. */
  readonly linked = new Set<number>();

  /** Adds a directory of which no entry says anything, yet. */
  addDirectory(): number {
    return this.#add(S_IFDIR | 0o755, IMPLIED, new Map());
  }

  /** Adds a whiteout that no entry describes. */
  addWhiteout(): number {
    return this.#add(S_IFREG, WHITEOUT, undefined);
  }

  /** Adds what an entry describes: whatever is no directory. */
  addFile(entry: LayerEntry): number {
    const row = this.#add(0, 0, undefined);
    this.describe(row, entry);
    if (entry.mark === 'whiteout') this.flags[row]! |= WHITEOUT;
    return row;
  }

  /** Takes over what an entry says of a row. Of the entry itself nothing is kept. */
  describe(row: number, entry: LayerEntry): void {
    const { mode, mtime, uid = 0, gid = 0, size = 0, extent } = entry;
    const isDirectory = this.children[row] !== undefined;
    this.mode[row] = (mode & S_IFMT) === 0 ? mode | S_IFREG : mode;
    this.mtime[row] = mtime;
    this.uid[row] = uid;
    this.gid[row] = gid;
    this.size[row] = isDirectory ? 0 : size;
    this.offset[row] = extent === undefined ? 0 : extent.offset;
    this.stored[row] = extent === undefined ? 0 : extent.stored;
    this.method[row] = extent === undefined ? 0 : extent.method;
    this.crc[row] = extent === undefined ? 0 : extent.crc;
    this.flags[row]! &= ~IMPLIED;
    if (isDirectory && entry.mark === 'opaque') this.flags[row]! |= OPAQUE;
    this.#noteRare(row, entry);
  }

  #noteRare(row: number, { target, rdev, xattrs, redirect, pieces }: LayerEntry): void {
    const isRare = target !== undefined || rdev !== undefined || xattrs !== undefined || redirect !== undefined || pieces !== undefined;
    if (isRare) this.rare.set(row, { target, rdev, xattrs, redirect, pieces });
    else if (this.rare.size > 0) this.rare.delete(row);
  }

  /** An implied directory is as new as the newest of what is in it. */
  touch(directory: number, mtime: number): void {
    if (this.has(directory, IMPLIED)) this.mtime[directory] = Math.max(this.mtime[directory]!, mtime);
  }

  has(row: number, flag: number): boolean {
    return (this.flags[row]! & flag) !== 0;
  }

  mark(row: number, flag: number): void {
    this.flags[row]! |= flag;
  }

  /** Makes room for so many rows. */
  #grow(room: number): void {
    this.mode = grown(this.mode, room);
    this.flags = grown(this.flags, room);
    this.method = grown(this.method, room);
    this.crc = grown(this.crc, room);
    this.mtime = grown(this.mtime, room);
    this.uid = grown(this.uid, room);
    this.gid = grown(this.gid, room);
    this.size = grown(this.size, room);
    this.offset = grown(this.offset, room);
    this.stored = grown(this.stored, room);
  }

  #add(mode: number, flags: number, children: Map<string, number> | undefined): number {
    const row = this.length++;
    if (row === this.mode.length) this.#grow(row * 2);
    this.mode[row] = mode;
    this.flags[row] = flags;
    this.children.push(children);
    return row;
  }
}

function grown<T extends Numbers>(column: T, room: number): T {
  const larger = new (column.constructor as new (length: number) => T)(room);
  larger.set(column);
  return larger;
}
