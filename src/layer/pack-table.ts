/* Packs a tree of nodes into the columns of a `LayerTable`: breadth first, so that the entries of a directory stand together. */

import { encodeUtf8 } from '../base/bytes.ts';
import { type TableNode, nodeMode } from './table-node.ts';
import { type Columns, type Extras, LayerTable, TableFlags } from './table.ts';

/** The nodes of a tree with their names and the positions of their parents, in the order in which they are packed. */
interface Placed {
  readonly nodes: readonly TableNode[];
  readonly names: readonly string[];
  readonly parents: readonly number[];
  readonly firstChild: readonly number[];
}

/** Makes the table of the tree below `root`. */
export function packTable(root: TableNode): LayerTable {
  const placed = place(root);
  const joined = placed.names.join('');
  // Fast path: JavaScript's own order is that of UTF-8, but for surrogates.
  return /[\ud800-\udfff]/.test(joined) ? fill(place(root, compareNames)) : fill(placed, joined);
}

function place(root: TableNode, order?: (a: string, b: string) => number): Placed {
  const nodes = [root];
  const names = [''];
  const parents = [0];
  const firstChild: number[] = [];
  for (let i = 0; i < nodes.length; i++) {
    firstChild.push(nodes.length);
    const { children } = nodes[i]!;
    if (children === undefined) continue;
    for (const name of [...children.keys()].sort(order)) {
      nodes.push(children.get(name)!);
      names.push(name);
      parents.push(i);
    }
  }
  return { nodes, names, parents, firstChild };
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

function newColumns({ nodes, names, parents, firstChild }: Placed, joined: string): Columns {
  const n = nodes.length;
  const bytes = encodeUtf8(joined);
  const isAscii = bytes.length === joined.length;
  const columns: Columns = {
    parent: new Uint32Array(parents),
    nameEnd: new Uint32Array(n),
    names: bytes,
    mode: new Uint16Array(n),
    owner: new Uint16Array(n),
    flags: new Uint8Array(n),
    method: new Uint8Array(n),
    crc: new Uint32Array(n),
    mtime: new Float64Array(n),
    size: new Float64Array(n),
    offset: new Float64Array(n),
    stored: new Float64Array(n),
    firstChild: new Uint32Array(firstChild),
    childCount: new Uint32Array(n),
  };
  let end = 0;
  for (let i = 0; i < n; i++) {
    const node = nodes[i]!;
    const name = names[i]!;
    columns.nameEnd[i] = end += isAscii ? name.length : utf8Length(name);
    columns.mode[i] = nodeMode(node);
    columns.flags[i] = flagsOf(node);
    columns.mtime[i] = node.entry?.mtime ?? node.mtime;
    columns.childCount[i] = node.children?.size ?? 0;
  }
  return columns;
}

/** Bytes of a name in UTF-8. */
function utf8Length(name: string): number {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) >= 0x80) return encodeUtf8(name).length;
  return name.length;
}

function flagsOf({ entry, children, opaque, whiteout }: TableNode): number {
  if (whiteout) return TableFlags.WHITEOUT;
  const implied = children !== undefined && entry === undefined ? TableFlags.IMPLIED : 0;
  return implied | (opaque ? TableFlags.OPAQUE : 0);
}

function fill(placed: Placed, joined = placed.names.join('')): LayerTable {
  const columns = newColumns(placed, joined);
  const owners = new Owners();
  const extras = {
    owners: owners.list,
    targets: new Map<number, string>(),
    links: new Map<number, number>(),
    nlinks: new Map<number, number>(),
    rdevs: new Map<number, number>(),
    xattrs: new Map<number, ReadonlyMap<string, Uint8Array>>(),
    redirects: new Map<number, string>(),
    pieces: new Map<number, Float64Array>(),
  } satisfies Extras;
  const firstName = new Map<TableNode, number>();
  for (let i = 0; i < placed.nodes.length; i++) {
    const node = placed.nodes[i]!;
    const { entry } = node;
    if (entry === undefined) continue;
    const { uid = 0, gid = 0, size = 0, extent } = entry;
    columns.owner[i] = owners.indexOf(uid, gid);
    columns.size[i] = node.children === undefined ? size : 0;
    if (extent !== undefined) {
      columns.offset[i] = extent.offset;
      columns.stored[i] = extent.stored;
      columns.method[i] = extent.method;
      columns.crc[i] = extent.crc;
    }
    noteExtras(extras, i, node);
    if (node.linked) noteLink(extras, firstName, node, i);
  }
  return new LayerTable(columns, extras);
}

/** Owners are few: an entry holds a 16-bit position. Beyond 65,536 different ones the rest belongs to root. */
class Owners {
  readonly list: [uid: number, gid: number][] = [[0, 0]];
  readonly #known = new Map<string, number>([['0:0', 0]]);
  /** The one that was asked for last, which is mostly the next one too. */
  #last = 0;

  indexOf(uid: number, gid: number): number {
    const last = this.list[this.#last]!;
    if (last[0] !== uid || last[1] !== gid) this.#last = this.#find(uid, gid);
    return this.#last;
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

function noteExtras(
  extras: {
    targets: Map<number, string>;
    rdevs: Map<number, number>;
    xattrs: Map<number, ReadonlyMap<string, Uint8Array>>;
    redirects: Map<number, string>;
    pieces: Map<number, Float64Array>;
  },
  i: number,
  { entry }: TableNode,
): void {
  if (entry?.target !== undefined) extras.targets.set(i, entry.target);
  if (entry?.rdev) extras.rdevs.set(i, entry.rdev);
  if (entry?.xattrs !== undefined && entry.xattrs.size > 0) extras.xattrs.set(i, entry.xattrs);
  if (entry?.redirect !== undefined) extras.redirects.set(i, entry.redirect);
  if (entry?.pieces !== undefined) extras.pieces.set(i, entry.pieces);
}

function noteLink(
  extras: { links: Map<number, number>; nlinks: Map<number, number> },
  firstName: Map<TableNode, number>,
  node: TableNode,
  i: number,
): void {
  const first = firstName.get(node);
  if (first === undefined) {
    firstName.set(node, i);
    return;
  }
  extras.links.set(i, first);
  extras.nlinks.set(first, (extras.nlinks.get(first) ?? 1) + 1);
}
