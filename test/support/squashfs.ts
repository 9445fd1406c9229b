/*
 * Writes SquashFS images for tests, as "Squashfs Binary Format" describes them, and lets a test change every part before it is
 * written. Independent of the reader.
 */

import { deflateSync } from 'node:zlib';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { zstdFrame } from './archives.ts';

const KINDS = ['directory', 'file', 'symlink', 'block', 'character', 'fifo', 'socket'] as const;

export interface SquashfsNode {
  readonly name: string | Uint8Array;
  readonly kind?: (typeof KINDS)[number];
  /** The kind of inode that also has xattrs. */
  readonly isExtended?: boolean;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly children?: readonly SquashfsNode[];
  readonly content?: string | Uint8Array;
  readonly target?: string;
  readonly device?: number;
  /** Number of a set of `xattrs`. */
  readonly xattr?: number;
  /** Name of an earlier file of this image that it is another name of. */
  readonly link?: string | undefined;
  /** Names of it. */
  readonly links?: number;
  /** Changes its inode before it is written. */
  readonly inode?: ((view: DataView) => Uint8Array | void) | undefined;
  /** Changes the list of a directory. */
  readonly list?: (list: Uint8Array) => Uint8Array | void;
  /** Where a name of a directory leads to instead, as a reference into the inode table. */
  readonly leadsTo?: { readonly block: number; readonly offset: number };
}

/** A key: its number in the format with its name, and a value, or the reference that stands for one. */
export interface SquashfsXattr {
  readonly type: number;
  readonly name: string;
  readonly value: Uint8Array;
}

export interface SquashfsImage {
  readonly compressor?: 'gzip' | 'zstd';
  /** Metadata is not compressed. */
  readonly isPlain?: boolean;
  readonly blockSize?: number;
  /** Ends of files are in fragments. */
  readonly fragments?: boolean;
  readonly xattrs?: readonly (readonly SquashfsXattr[])[];
  /** Changes the entries of the xattr sets. */
  readonly xattrSets?: (view: DataView) => void;
  readonly fragmentTable?: (view: DataView) => void;
  /** Packs a block of metadata, header included, in another way. */
  readonly packMetadata?: (content: Uint8Array, table: string) => Uint8Array | undefined;
  /** Packs a block of content in another way. */
  readonly packBlock?: (content: Uint8Array) => Uint8Array | undefined;
  readonly superblock?: (view: DataView) => void;
}

type Field = readonly [size: 1 | 2 | 4 | 8, value: number];

function fields(...list: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(list.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of list) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, value, true);
    else if (size === 2) view.setUint16(at, value, true);
    else view.setUint8(at, value);
    at += size;
  }
  return bytes;
}

const asBytes = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? encodeUtf8(content) : content);
const NONE = 0xffffffff;
const STORED_BLOCK = 1 << 24;

interface Reference {
  readonly block: number;
  readonly offset: number;
}

/** A stream of records in blocks of 8 KiB. */
class Metadata {
  readonly blocks: number[] = [];
  #pieces: Uint8Array[] = [];
  #size = 0;
  #open = new Uint8Array();

  constructor(
    private readonly pack: (content: Uint8Array) => Uint8Array,
    private readonly start = 0,
  ) {}

  push(bytes: Uint8Array): Reference {
    const reference = { block: this.#size, offset: this.#open.length };
    this.#open = concatBytes([this.#open, bytes]);
    while (this.#open.length >= 8192) {
      this.#flush(this.#open.subarray(0, 8192));
      this.#open = this.#open.slice(8192);
    }
    return reference;
  }

  #flush(content: Uint8Array): void {
    this.blocks.push(this.start + this.#size);
    const packed = this.pack(content);
    this.#pieces.push(packed);
    this.#size += packed.length;
  }

  finish(): Uint8Array {
    if (this.#open.length > 0) this.#flush(this.#open);
    this.#open = new Uint8Array();
    return concatBytes(this.#pieces);
  }
}

/** An inode that was written. */
interface Written {
  readonly reference: Reference;
  readonly number: number;
  readonly kind: number;
}

class Writer {
  readonly #image: SquashfsImage;
  readonly blockSize: number;
  /** Content, from behind the superblock on. */
  readonly #content: Uint8Array[] = [];
  #at = 96;
  readonly inodes: Metadata;
  readonly directories: Metadata;
  readonly ids: number[] = [];
  readonly #written = new Map<string, Written>();
  #fragment: Uint8Array = new Uint8Array();
  readonly fragments: Uint8Array[] = [];
  count = 0;

  constructor(image: SquashfsImage) {
    this.#image = image;
    this.blockSize = image.blockSize ?? 4096;
    this.inodes = new Metadata((content) => this.metadata(content, 'inode'));
    this.directories = new Metadata((content) => this.metadata(content, 'directory'));
  }

  compress(content: Uint8Array): Uint8Array {
    return this.#image.compressor === 'zstd' ? zstdFrame(content) : deflateSync(content);
  }

  metadata(content: Uint8Array, table: string): Uint8Array {
    const other = this.#image.packMetadata?.(content, table);
    if (other !== undefined) return other;
    const packed = this.compress(content);
    if (this.#image.isPlain === true || packed.length >= content.length)
      return concatBytes([fields([2, content.length | 0x8000]), content]);
    return concatBytes([fields([2, packed.length]), packed]);
  }

  /** Writes a block; gives its size as an inode has it. */
  #block(content: Uint8Array): number {
    const packed = this.#image.packBlock?.(content) ?? this.compress(content);
    const isStored = packed.length >= content.length;
    const bytes = isStored ? content : packed;
    this.#content.push(bytes);
    this.#at += bytes.length;
    return isStored ? bytes.length | STORED_BLOCK : bytes.length;
  }

  #flushFragment(): void {
    if (this.#fragment.length === 0) return;
    const start = this.#at;
    this.fragments.push(fields([8, start], [4, this.#block(this.#fragment)], [4, 0]));
    this.#fragment = new Uint8Array();
  }

  finishContent(): Uint8Array {
    this.#flushFragment();
    return concatBytes(this.#content);
  }

  #id(id: number): number {
    const index = this.ids.indexOf(id);
    return index >= 0 ? index : this.ids.push(id) - 1;
  }

  node(node: SquashfsNode): Written {
    const { link } = node;
    if (link !== undefined) return this.#written.get(link)!;
    const kind = KINDS.indexOf(node.kind ?? (node.children === undefined ? 'file' : 'directory')) + 1;
    const children = node.children?.map((child) => ({ child, written: this.node(child) }));
    const list = children && this.#list(node, children);
    const number = ++this.count;
    const isExtended = node.isExtended ?? (node.xattr !== undefined || node.links !== undefined);
    const { mode = 0o644, uid = 0, gid = 0, mtime = 1e9 } = node;
    const header = fields([2, kind + (isExtended ? 7 : 0)], [2, mode], [2, this.#id(uid)], [2, this.#id(gid)], [4, mtime], [4, number]);
    const bytes = concatBytes([header, this.#body(node, kind, isExtended, list)]);
    const inode = node.inode?.(new DataView(bytes.buffer)) ?? bytes;
    const written = { reference: node.leadsTo ?? this.inodes.push(inode), number, kind };
    if (typeof node.name === 'string') this.#written.set(node.name, written);
    return written;
  }

  #body(node: SquashfsNode, kind: number, isExtended: boolean, list: (Reference & { size: number }) | undefined): Uint8Array {
    const { links = 1, xattr = NONE, target = 'target', device = 0x103 } = node;
    const end = isExtended ? fields([4, xattr]) : new Uint8Array();
    if (kind === 1) {
      const { block, offset, size } = list!;
      return isExtended
        ? fields([4, 2], [4, size + 3], [4, block], [4, 0], [2, 0], [2, offset], [4, xattr])
        : fields([4, block], [4, 2], [2, size + 3], [2, offset], [4, 0]);
    }
    if (kind === 2) return this.#file(node, isExtended);
    if (kind === 3) return concatBytes([fields([4, links], [4, encodeUtf8(target).length]), encodeUtf8(target), end]);
    return concatBytes([kind <= 5 ? fields([4, links], [4, device]) : fields([4, links]), end]);
  }

  #file({ content = '', links = 1, xattr = NONE }: SquashfsNode, isExtended: boolean): Uint8Array {
    const bytes = asBytes(content);
    const start = this.#at;
    const sizes: Field[] = [];
    let fragment = NONE;
    let offset = 0;
    for (let at = 0; at < bytes.length; at += this.blockSize) {
      const block = bytes.subarray(at, at + this.blockSize);
      if (block.length < this.blockSize && this.#image.fragments === true) {
        if (this.#fragment.length + block.length > this.blockSize) this.#flushFragment();
        [fragment, offset] = [this.fragments.length, this.#fragment.length];
        this.#fragment = concatBytes([this.#fragment, block]);
      } else sizes.push([4, block.every((byte) => byte === 0) ? 0 : this.#block(block)]);
    }
    return isExtended
      ? fields([8, start], [8, bytes.length], [8, 0], [4, links], [4, fragment], [4, offset], [4, xattr], ...sizes)
      : fields([4, start], [4, fragment], [4, offset], [4, bytes.length], ...sizes);
  }

  #list(node: SquashfsNode, children: readonly { child: SquashfsNode; written: Written }[]): Reference & { size: number } {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < children.length;) {
      const { reference, number } = children[at]!.written;
      let end = at + 1;
      while (end < children.length && end - at < 256 && children[end]!.written.reference.block === reference.block) end++;
      pieces.push(fields([4, end - at - 1], [4, reference.block], [4, number]));
      for (const { child, written } of children.slice(at, end)) {
        const name = asBytes(child.name);
        pieces.push(
          fields([2, written.reference.offset], [2, (written.number - number) & 0xffff], [2, written.kind], [2, name.length - 1]),
          name,
        );
      }
      at = end;
    }
    const bytes = concatBytes(pieces);
    const list = node.list?.(bytes) ?? bytes;
    return { ...this.directories.push(list), size: list.length };
  }
}

/** A lookup table at `start`: its blocks, then the list of them, which is what the superblock points at. */
function lookupTable(
  writer: Writer,
  bytes: Uint8Array,
  start: number,
  name: string,
): { readonly bytes: Uint8Array; readonly list: number } {
  const table = new Metadata((content) => writer.metadata(content, name), start);
  table.push(bytes);
  const blocks = table.finish();
  return { bytes: concatBytes([blocks, fields(...table.blocks.map((at): Field => [8, at]))]), list: start + blocks.length };
}

/** Keys and values, the sets that they make, and what the superblock points at. */
function xattrTable(writer: Writer, image: SquashfsImage, start: number): { readonly bytes: Uint8Array; readonly list: number } {
  const keys = new Metadata((content) => writer.metadata(content, 'keys'), start);
  const sets: Uint8Array[] = [];
  for (const set of image.xattrs ?? []) {
    const pairs = concatBytes(
      set.map(({ type, name, value }) =>
        concatBytes([fields([2, type], [2, encodeUtf8(name).length]), encodeUtf8(name), fields([4, value.length]), value]),
      ),
    );
    const { block, offset } = keys.push(pairs);
    sets.push(fields([8, block * 65_536 + offset], [4, set.length], [4, pairs.length]));
  }
  const blocks = keys.finish();
  const setBytes = concatBytes(sets);
  image.xattrSets?.(new DataView(setBytes.buffer));
  const table = new Metadata((content) => writer.metadata(content, 'sets'), start + blocks.length);
  table.push(setBytes);
  const setBlocks = table.finish();
  const list = start + blocks.length + setBlocks.length;
  const header = fields([8, start], [4, sets.length], [4, 0], ...table.blocks.map((at): Field => [8, at]));
  return { bytes: concatBytes([blocks, setBlocks, header]), list };
}

/**
 * Makes an image of a tree below its root.
 *
 * @example
 * const image = squashfsImage([{ name: 'a', content: 'alpha' }], { compressor: 'zstd' });
 */
export function squashfsImage(
  children: readonly SquashfsNode[],
  image: SquashfsImage = {},
  rootNode: Partial<SquashfsNode> = {},
): Uint8Array {
  const writer = new Writer(image);
  const root = writer.node({ name: '', mode: 0o755, children, ...rootNode });
  const pieces = [writer.finishContent()];
  let end = 96 + pieces[0]!.length;
  const append = (bytes: Uint8Array): number => {
    pieces.push(bytes);
    end += bytes.length;
    return end - bytes.length;
  };
  const inodeTable = append(writer.inodes.finish());
  const directoryTable = append(writer.directories.finish());
  const table = (bytes: Uint8Array, name: string): number => {
    const made = lookupTable(writer, bytes, end, name);
    append(made.bytes);
    return made.list;
  };
  const fragmentBytes = concatBytes(writer.fragments);
  image.fragmentTable?.(new DataView(fragmentBytes.buffer));
  const fragmentTable = writer.fragments.length === 0 ? -1 : table(fragmentBytes, 'fragment');
  const idTable = table(fields(...writer.ids.map((id): Field => [4, id])), 'id');
  const xattrs = image.xattrs === undefined ? undefined : xattrTable(writer, image, end);
  if (xattrs !== undefined) append(xattrs.bytes);
  const superblock = fields(
    ...([
      [4, 0x73717368],
      [4, writer.count],
      [4, 1e9],
      [4, writer.blockSize],
      [4, writer.fragments.length],
      [2, image.compressor === 'zstd' ? 6 : 1],
      [2, Math.log2(writer.blockSize)],
      [2, 0],
      [2, writer.ids.length],
      [2, 4],
      [2, 0],
      [8, root.reference.block * 65_536 + root.reference.offset],
      [8, end],
      [8, idTable],
      [8, xattrs?.list ?? -1],
      [8, inodeTable],
      [8, directoryTable],
      [8, fragmentTable],
      [8, -1],
    ] as const),
  );
  image.superblock?.(new DataView(superblock.buffer));
  return concatBytes([superblock, ...pieces]);
}
