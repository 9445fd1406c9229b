/* Packs rows into the columns of a `LayerTable`: breadth first, so that the entries of a directory stand together. */

import { encodeUtf8 } from '../base/bytes.ts';
import type { Numbers, RareParts, TableRows } from './table-rows.ts';
import { type Column, type Columns, type Extras, LayerTable } from './table.ts';

/** Milliseconds. */
export const SECOND = 1000;

/** The rows of a tree in the order in which they are packed, with their names. */
interface Placed {
  readonly rows: readonly number[];
  readonly names: readonly string[];
  readonly firstChild: readonly number[];
}

/** Makes the table of the tree below row 0. */
export function packTable(rows: TableRows): LayerTable {
  const placed = place(rows);
  const joined = placed.names.join('');
  // Fast path: JavaScript's own order is that of UTF-8, but for surrogates.
  return /[\ud800-\udfff]/.test(joined) ? fill(rows, place(rows, compareNames)) : fill(rows, placed, joined);
}

function place({ children }: TableRows, order?: (a: string, b: string) => number): Placed {
  const rows = [0];
  const names = [''];
  const firstChild: number[] = [];
  for (let i = 0; i < rows.length; i++) {
    firstChild.push(rows.length);
    const directory = children[rows[i]!];
    if (directory === undefined) continue;
    for (const name of [...directory.keys()].sort(order)) {
      rows.push(directory.get(name)!);
      names.push(name);
    }
  }
  firstChild.push(rows.length);
  return { rows, names, firstChild };
}

/** Orders names by the bytes of their UTF-8: UTF-16 has the same order, but for the surrogates, which stand for what comes last. */
function compareNames(a: string, b: string): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const one = a.charCodeAt(i);
    const other = b.charCodeAt(i);
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

/** Moves surrogates behind everything else. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

function fill(rows: TableRows, { rows: order, names, firstChild }: Placed, joined = names.join('')): LayerTable {
  const bytes = encodeUtf8(joined);
  const owners = new Owners();
  const columns: Columns = {
    firstChild: new Uint32Array(firstChild),
    nameEnd: nameEnds(names, bytes.length === joined.length),
    names: bytes,
    mode: columnOf(inOrder(rows.mode, order)),
    owner: columnOf(owners.positionsOf(rows, order)),
    flags: columnOf(inOrder(rows.flags, order)),
    method: columnOf(inOrder(rows.method, order)),
    crc: columnOf(inOrder(rows.crc, order)),
    ...timesOf(inOrder(rows.mtime, order)),
    size: columnOf(inOrder(rows.size, order)),
    offset: columnOf(inOrder(rows.offset, order)),
    stored: columnOf(inOrder(rows.stored, order)),
  };
  return new LayerTable(columns, { owners: owners.list, ...extrasOf(rows, order) });
}

/** Where each name ends. */
function nameEnds(names: readonly string[], isAscii: boolean): Uint32Array {
  const ends = new Uint32Array(names.length);
  let end = 0;
  for (let i = 0; i < names.length; i++) ends[i] = end += isAscii ? names[i]!.length : utf8Length(names[i]!);
  return ends;
}

/** Bytes of a name in UTF-8. */
function utf8Length(name: string): number {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) >= 0x80) return encodeUtf8(name).length;
  return name.length;
}

/** The numbers of rows in the order of the table. */
function inOrder<T extends Numbers>(values: T, order: readonly number[]): T {
  const ordered = new (values.constructor as new (length: number) => T)(order.length);
  for (let i = 0; i < order.length; i++) ordered[i] = values[order[i]!]!;
  return ordered;
}

/** A column of these numbers: one where all are the same, and of 32 bits where they fit. */
function columnOf(values: Numbers): Column {
  const first = values[0]!;
  let same = 0;
  while (same < values.length && values[same] === first) same++;
  if (same === values.length) return first;
  if (!(values instanceof Float64Array)) return values;
  const small = new Uint32Array(values);
  for (let i = 0; i < values.length; i++) if (values[i] !== small[i]) return values;
  return small;
}

/** Times in seconds, where all are whole ones and would take more than 32 bits otherwise. */
function timesOf(times: Float64Array): Pick<Columns, 'mtime' | 'mtimeUnit'> {
  const column = columnOf(times);
  if (!(column instanceof Float64Array)) return { mtime: column, mtimeUnit: 1 };
  const seconds = new Float64Array(times.length);
  for (let i = 0; i < times.length; i++) {
    const second = Math.floor(times[i]! / SECOND);
    if (second * SECOND !== times[i]) return { mtime: column, mtimeUnit: 1 };
    seconds[i] = second;
  }
  return { mtime: columnOf(seconds), mtimeUnit: SECOND };
}

/** Owners are few: an entry holds a 16-bit position. Beyond 65,536 different ones the rest belongs to root. */
class Owners {
  readonly list: [uid: number, gid: number][] = [[0, 0]];
  readonly #known = new Map<string, number>([['0:0', 0]]);

  positionsOf({ uid, gid }: TableRows, order: readonly number[]): Uint16Array {
    const positions = new Uint16Array(order.length);
    // The owner of one entry is mostly that of the next one too.
    let [lastUid, lastGid, last] = [0, 0, 0];
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!;
      if (uid[row] !== lastUid || gid[row] !== lastGid) last = this.#find((lastUid = uid[row]!), (lastGid = gid[row]!));
      positions[i] = last;
    }
    return positions;
  }

  #find(uid: number, gid: number): number {
    const key = `${uid}:${gid}`;
    const index = this.#known.get(key);
    if (index !== undefined) return index;
    if (this.list.length > 0xffff) return 0;
    this.#known.set(key, this.list.length);
    return this.list.push([uid, gid]) - 1;
  }
}

/** What few entries have, of a table where none has it. */
export const noExtras = () =>
  ({
    targets: new Map<number, string>(),
    links: new Map<number, number>(),
    nlinks: new Map<number, number>(),
    rdevs: new Map<number, number>(),
    xattrs: new Map<number, ReadonlyMap<string, Uint8Array>>(),
    redirects: new Map<number, string>(),
    pieces: new Map<number, Float64Array>(),
  }) satisfies Omit<Extras, 'owners'>;

function extrasOf({ rare, linked }: TableRows, order: readonly number[]): Omit<Extras, 'owners'> {
  const extras = noExtras();
  if (rare.size === 0 && linked.size === 0) return extras;
  const firstName = new Map<number, number>();
  for (const [i, row] of order.entries()) {
    const { target, rdev, xattrs, redirect, pieces } = rare.get(row) ?? NOTHING_RARE;
    if (target !== undefined) extras.targets.set(i, target);
    if (rdev) extras.rdevs.set(i, rdev);
    if (xattrs !== undefined && xattrs.size > 0) extras.xattrs.set(i, xattrs);
    if (redirect !== undefined) extras.redirects.set(i, redirect);
    if (pieces !== undefined) extras.pieces.set(i, pieces);
    if (!linked.has(row)) continue;
    const first = firstName.get(row);
    if (first === undefined) {
      firstName.set(row, i);
      continue;
    }
    extras.links.set(i, first);
    extras.nlinks.set(first, (extras.nlinks.get(first) ?? 1) + 1);
  }
  return extras;
}

const NOTHING_RARE: RareParts = {};
