/*
 * The packed table of contents of one layer: typed arrays, a few tens of bytes an entry, and no object or string an entry.
 * Entry 0 is the root. The entries of a directory stand together, sorted by the bytes of their names, so that a lookup is a
 * binary search. What few entries have (symlink targets, hard links, xattrs, …) stands in maps beside the columns.
 */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { isDirectory } from '../base/mode.ts';

/** Where an archive keeps the content of one entry. What the numbers mean is the archive reader's affair. */
export interface Extent {
  /** Bytes from the start of the archive (zip: to the local header; tar: to the content). */
  readonly offset: number;
  /** Bytes that the content takes in the archive. */
  readonly stored: number;
  /** Compression, in zip's numbers: 0 stored, 8 deflate. */
  readonly method: number;
  /** CRC-32 of the content, 0 where the format has none. */
  readonly crc: number;
}

/** The name does not exist in this layer nor in those below. */
const WHITEOUT = 1;
/** The directory is not merged with those below. */
const OPAQUE = 2;
/** No entry of the archive describes this directory, only paths through it. Therefore its attributes come from below. */
const IMPLIED = 4;

/** A number an entry, or one for all of them where all have the same. */
export type Column = number | Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** The columns, each as narrow as its numbers allow. */
export interface Columns {
  /**
   * Where the children of each entry start; they end where those of the next entry start, and those of the last one at the number that
   * stands behind it. Of what is no directory there are none.
   */
  readonly firstChild: Uint32Array;
  /** Where the entry's name ends in `names`; it starts where the one before ends. */
  readonly nameEnd: Uint32Array;
  readonly names: Uint8Array;
  readonly mode: Column;
  /** Position in `owners`. */
  readonly owner: Column;
  readonly flags: Column;
  readonly method: Column;
  readonly crc: Column;
  /** In units of `mtimeUnit` milliseconds since the epoch. */
  readonly mtime: Column;
  readonly mtimeUnit: number;
  readonly size: Column;
  readonly offset: Column;
  readonly stored: Column;
}

const valueOf = (column: Column, entry: number): number => (typeof column === 'number' ? column : column[entry]!);

/** What only few entries have, by entry. */
export interface Extras {
  readonly owners: readonly (readonly [uid: number, gid: number])[];
  readonly targets: ReadonlyMap<number, string>;
  /** Further names of a hard-linked file -> its first. */
  readonly links: ReadonlyMap<number, number>;
  /** First name of a hard-linked file -> how many it has. */
  readonly nlinks: ReadonlyMap<number, number>;
  readonly rdevs: ReadonlyMap<number, number>;
  readonly xattrs: ReadonlyMap<number, ReadonlyMap<string, Uint8Array>>;
  readonly redirects: ReadonlyMap<number, string>;
  /** Files with holes -> position in the file, length and position in what is stored of each piece. */
  readonly pieces: ReadonlyMap<number, Float64Array>;
}

export class LayerTable {
  readonly #columns: Columns;
  readonly #extras: Extras;

  /** Takes over the arrays. `buildTable` makes them. */
  constructor(columns: Columns, extras: Extras) {
    this.#columns = columns;
    this.#extras = extras;
  }

  /** What the table is made of, for storing it; the same made into a table again is the same table. */
  get parts(): { readonly columns: Columns; readonly extras: Extras } {
    return { columns: this.#columns, extras: this.#extras };
  }

  /** Number of entries, the root included. */
  get length(): number {
    return this.#columns.nameEnd.length;
  }

  /** Bytes of memory that the columns take. */
  get byteLength(): number {
    let bytes = 0;
    for (const column of Object.values(this.#columns) as Column[]) if (typeof column !== 'number') bytes += column.byteLength;
    return bytes;
  }

  /** Looks a name up in a directory: the entry, or -1. */
  lookup(directory: number, name: string): number {
    return this.lookupBytes(directory, encodeUtf8(name));
  }

  /** The same for a name that is UTF-8 already. */
  lookupBytes(directory: number, name: Uint8Array): number {
    const { firstChild } = this.#columns;
    let low = firstChild[directory] ?? 0;
    let high = (firstChild[directory + 1] ?? 0) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compareName(middle, name);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #compareName(entry: number, name: Uint8Array): number {
    const { names } = this.#columns;
    const start = this.#nameStart(entry);
    const length = this.#columns.nameEnd[entry]! - start;
    const common = Math.min(length, name.length);
    for (let i = 0; i < common; i++) {
      const difference = names[start + i]! - name[i]!;
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }

  #nameStart(entry: number): number {
    return entry === 0 ? 0 : this.#columns.nameEnd[entry - 1]!;
  }

  name(entry: number): string {
    return decodeUtf8(this.#columns.names.subarray(this.#nameStart(entry), this.#columns.nameEnd[entry]));
  }

  /** The entries of a directory are [first, end). */
  children(directory: number): readonly [first: number, end: number] {
    const { firstChild } = this.#columns;
    return [firstChild[directory]!, firstChild[directory + 1]!];
  }

  /** The last entry whose children start at `entry` or before it: the entries between two directories have none. */
  parent(entry: number): number {
    const { firstChild } = this.#columns;
    let low = 0;
    let high = entry;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (firstChild[middle]! <= entry) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The absolute path of an entry in its layer; of a hard-linked file, one of them. */
  path(entry: number): string {
    let path = '';
    for (let at = entry; at !== 0; at = this.parent(at)) path = `/${this.name(at)}${path}`;
    return path || '/';
  }

  mode(entry: number): number {
    return valueOf(this.#columns.mode, entry);
  }
  isDirectory(entry: number): boolean {
    return isDirectory(this.mode(entry)) && !this.isWhiteout(entry);
  }
  isWhiteout(entry: number): boolean {
    return (valueOf(this.#columns.flags, entry) & WHITEOUT) !== 0;
  }
  isOpaque(entry: number): boolean {
    return (valueOf(this.#columns.flags, entry) & OPAQUE) !== 0;
  }
  /** Tells whether the archive says nothing of this directory but that something is in it. */
  isImplied(entry: number): boolean {
    return (valueOf(this.#columns.flags, entry) & IMPLIED) !== 0;
  }
  uid(entry: number): number {
    return this.#extras.owners[valueOf(this.#columns.owner, entry)]![0];
  }
  gid(entry: number): number {
    return this.#extras.owners[valueOf(this.#columns.owner, entry)]![1];
  }
  mtime(entry: number): number {
    const { mtime, mtimeUnit } = this.#columns;
    return valueOf(mtime, entry) * mtimeUnit;
  }
  size(entry: number): number {
    return valueOf(this.#columns.size, entry);
  }
  extent(entry: number): Extent {
    const { offset, stored, method, crc } = this.#columns;
    return {
      offset: valueOf(offset, entry),
      stored: valueOf(stored, entry),
      method: valueOf(method, entry),
      crc: valueOf(crc, entry),
    };
  }
  /** Of a file with holes: position in the file, length and position in what is stored of each piece, one after another. */
  pieces(entry: number): Float64Array | undefined {
    return this.#extras.pieces.get(entry);
  }

  /** The target of a symbolic link, where the table of contents has it; zip keeps it as the entry's content. */
  target(entry: number): string | undefined {
    return this.#extras.targets.get(entry);
  }
  /** The entry that stands for a file whichever of its names is meant. */
  canonical(entry: number): number {
    return this.#extras.links.get(entry) ?? entry;
  }
  /** The entries that are names of one file: of a hard-linked one several. */
  aliases(entry: number): number[] {
    const first = this.canonical(entry);
    const aliases = [first];
    for (const [alias, canonical] of this.#extras.links) if (canonical === first) aliases.push(alias);
    return aliases;
  }
  /** Names of a file within this layer. */
  nlink(entry: number): number {
    return this.#extras.nlinks.get(this.canonical(entry)) ?? 1;
  }
  get hasHardLinks(): boolean {
    return this.#extras.links.size > 0;
  }
  rdev(entry: number): number {
    return this.#extras.rdevs.get(entry) ?? 0;
  }
  xattrs(entry: number): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#extras.xattrs.get(entry);
  }
  /** Where to look below for the rest of a renamed directory: an absolute path of the layers below. */
  redirect(entry: number): string | undefined {
    return this.#extras.redirects.get(entry);
  }
}

export const TableFlags = { WHITEOUT, OPAQUE, IMPLIED } as const;
