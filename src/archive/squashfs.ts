/*
 * SquashFS 4.0 images ("Squashfs Binary Format" by Zachary Dremann and David Oberhollenzer): the tree of inodes -> entries of a layer's
 * table, and where their content is. Walks from the root, so that what nothing names costs nothing. What contradicts itself is an
 * error, because a file system has no second opinion; a directory that is in two places is one too, since it may be in itself.
 */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { PATH_MAX } from '../base/mode.ts';
import type { LayerEntry, TableBuilder } from '../layer/build-table.ts';
import { damaged, tooLarge } from './damage.ts';
import { type SquashfsContent, blockCount, isHole } from './squashfs-content.ts';
import { type DirectoryEntry, readDirectoryList } from './squashfs-directory.ts';
import { type DirectoryInode, type FileInode, type Inode, basicType, readInode } from './squashfs-inode.ts';
import type { SquashfsMetadata } from './squashfs-metadata.ts';
import type { Superblock } from './squashfs-superblock.ts';
import { SquashfsXattrs } from './squashfs-xattr.ts';

/** Bytes read at a time of the sizes of a file's blocks. */
const STEP = 8192;
const ID_SIZE = 4;
const FRAGMENT_SIZE = 16;

export interface SquashfsTree {
  readonly content: SquashfsContent;
  /** Bytes of all files, without holes. */
  readonly size: number;
}

/**
 * Adds every entry to a table.
 *
 * @param entries How many are allowed.
 * @throws {FsError} EIO when the image contradicts itself, EFBIG when it has more than is allowed.
 */
export function readSquashfs(superblock: Superblock, metadata: SquashfsMetadata, builder: TableBuilder, entries: number): SquashfsTree {
  const { inodes, compressor, blockSize, inodeTable: contentEnd } = superblock;
  if (inodes > entries) throw tooLarge(metadata.place, `${inodes} inodes, more than the ${entries} entries that are allowed`);
  const fragments = fragmentsOf(superblock, metadata);
  const walk = new Walk(superblock, metadata, builder, entries);
  walk.run();
  return { content: { compressor, blockSize, contentEnd, words: walk.words.finish(), ...fragments }, size: walk.size };
}

function fragmentsOf(
  { fragmentTable, fragments }: Superblock,
  metadata: SquashfsMetadata,
): Pick<SquashfsContent, 'fragmentStart' | 'fragmentSize'> {
  const table = fragments === 0 ? undefined : metadata.lookupTable(fragmentTable!, fragments, FRAGMENT_SIZE);
  const count = table === undefined ? 0 : fragments;
  return {
    fragmentStart: Float64Array.from({ length: count }, (_, i) => Number(table!.getBigUint64(i * FRAGMENT_SIZE, true))),
    fragmentSize: Uint32Array.from({ length: count }, (_, i) => table!.getUint32(i * FRAGMENT_SIZE + 8, true)),
  };
}

/** A directory to read. */
interface Directory {
  /** '' of the root. */
  readonly path: string;
  readonly inode: DirectoryInode;
}

/** One walk through one image. */
class Walk {
  readonly words = new Words();
  size = 0;
  readonly #superblock: Superblock;
  readonly #metadata: SquashfsMetadata;
  readonly #builder: TableBuilder;
  readonly #entries: number;
  readonly #ids: DataView;
  readonly #xattrs: SquashfsXattrs;
  readonly #directories: Directory[] = [];
  /** Inodes of directories that were met, and files with several names -> the first; by where they are. */
  readonly #met = new Set<number>();
  readonly #linked = new Map<number, string>();
  #count = 0;

  constructor(superblock: Superblock, metadata: SquashfsMetadata, builder: TableBuilder, entries: number) {
    this.#superblock = superblock;
    this.#metadata = metadata;
    this.#builder = builder;
    this.#entries = entries;
    this.#ids = metadata.lookupTable(superblock.idTable, superblock.ids, ID_SIZE);
    this.#xattrs = new SquashfsXattrs(metadata, superblock.xattrTable, (message) => builder.warn(metadata.entry ?? '', message));
  }

  run(): void {
    const { root, inodeTable } = this.#superblock;
    this.#metadata.entry = '/';
    const inode = this.#inode(inodeTable + root.block, root.offset);
    if (inode.kind !== 'directory') throw damaged(this.#metadata.place, 'the root is no directory');
    this.#addDirectory('', inode, inodeTable + root.block, root.offset);
    for (let next = this.#directories.pop(); next !== undefined; next = this.#directories.pop()) this.#readDirectory(next);
  }

  #readDirectory({ path, inode: { block, offset, size } }: Directory): void {
    const metadata = this.#metadata;
    const name = path || '/';
    metadata.entry = name;
    for (const entry of readDirectoryList(metadata, this.#superblock.directoryTable + block, offset, size)) {
      if (++this.#count > this.#entries) throw tooLarge(metadata.place, `more than the ${this.#entries} entries that are allowed`);
      metadata.entry = path === '' ? entry.name : `${path}/${entry.name}`;
      this.#add(metadata.entry, entry);
      metadata.entry = name;
    }
  }

  #add(path: string, { block, offset, number, type, isGarbled }: DirectoryEntry): void {
    if (isGarbled) this.#builder.warn(path, 'its name is not UTF-8: what cannot be read of it is shown as U+FFFD');
    const position = this.#superblock.inodeTable + block;
    const inode = this.#inode(position, offset);
    if (number !== inode.number || type !== basicType(inode.mode))
      throw damaged(
        this.#metadata.place,
        `inode ${number} of type ${type} in the list of its directory, ${inode.number} of type ${basicType(inode.mode)} where that is`,
      );
    if (inode.kind === 'directory') {
      this.#addDirectory(path, inode, position, offset);
      return;
    }
    const place = placeNumber(position, offset);
    const link = inode.links > 1 ? this.#linked.get(place) : undefined;
    if (link === undefined && inode.links > 1) this.#linked.set(place, path);
    const common = this.#entry(path, inode);
    if (link !== undefined) this.#builder.add({ ...common, link });
    else if (inode.kind === 'file') this.#addFile(common, inode);
    else if (inode.target !== undefined) this.#addSymlink(common, inode.target);
    else this.#builder.add({ ...common, rdev: inode.device });
  }

  #addDirectory(path: string, inode: DirectoryInode, position: number, offset: number): void {
    const place = placeNumber(position, offset);
    if (this.#met.has(place)) throw damaged(this.#metadata.place, 'a directory that is in two places, or in itself');
    this.#met.add(place);
    this.#builder.add(this.#entry(path === '' ? '.' : path, inode));
    // What is below a path of this length is left out anyway, and a hostile image has no end of it.
    if (encodeUtf8(path).length < PATH_MAX) this.#directories.push({ path, inode });
  }

  #addSymlink(common: LayerEntry, bytes: Uint8Array): void {
    const target = decodeUtf8(bytes);
    this.#builder.add({ ...common, target, size: encodeUtf8(target).length });
  }

  #addFile(common: LayerEntry, inode: FileInode): void {
    const { start: offset, size, fragment } = inode;
    const stored = this.words.length;
    this.words.push(fragment);
    this.words.push(inode.offset);
    const { blockSize } = this.#superblock;
    this.size += size;
    for (let left = blockCount(inode, blockSize), position = 0; left > 0;) {
      const sizes = inode.blocks.view(Math.min(left * 4, STEP));
      this.#metadata.spend(sizes.byteLength);
      for (let at = 0; at < sizes.byteLength; at += 4, left--, position += blockSize) {
        const word = sizes.getUint32(at, true);
        this.words.push(word);
        if (isHole(word)) this.size -= Math.min(blockSize, size - position);
      }
    }
    this.#builder.add({ ...common, size, extent: { offset, stored, method: 0, crc: 0 } });
  }

  #inode(position: number, offset: number): Inode {
    const inode = readInode(this.#metadata, position, offset);
    const { inodes } = this.#superblock;
    if (inode.number < 1 || inode.number > inodes) throw damaged(this.#metadata.place, `inode ${inode.number} of ${inodes}`);
    return inode;
  }

  #entry(path: string, inode: Inode): LayerEntry {
    const { mode, uid, gid, mtime, xattrs } = inode;
    return { path, mode, uid: this.#id(uid), gid: this.#id(gid), mtime: mtime * 1000, xattrs: this.#xattrs.get(xattrs) };
  }

  #id(index: number): number {
    const { ids } = this.#superblock;
    if (index >= ids) throw damaged(this.#metadata.place, `owner ${index} of ${ids}`);
    return this.#ids.getUint32(index * ID_SIZE, true);
  }
}

/** A place in the metadata as one number: a block has at most 2^13 bytes. */
const placeNumber = (position: number, offset: number): number => position * 2 ** 13 + offset;

/** A growing array of numbers of 32 bits. */
class Words {
  #words = new Uint32Array(1024);
  length = 0;

  push(word: number): void {
    if (this.length === this.#words.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[this.length++] = word;
  }

  finish(): Uint32Array {
    return this.#words.slice(0, this.length);
  }
}
