/*
 * One inode of a SquashFS image ("Squashfs Binary Format", section 5): fourteen kinds, seven types in a basic and an extended form.
 * Numbers are taken as they are; what they mean for the rest of the image is judged where they are used.
 */

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../base/mode.ts';
import { damaged } from './damage.ts';
import type { MetadataCursor, SquashfsMetadata } from './squashfs-metadata.ts';

/** No fragment, no xattrs: an index that no table has. */
export const NONE = 0xffffffff;

/** Type bits of the basic kinds, from 1 on; the extended ones follow in the same order. */
const TYPES = [S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK] as const;
const HEADER_SIZE = 16;
/** Linux takes 4,095 bytes; a longer target that the image still has is told as what it is, elsewhere. */
const TARGET_LIMIT = 0xffff;

/** What the kinds have in common. */
interface InodeBase {
  /** Type and permission bits. */
  readonly mode: number;
  /** Positions in the id table. */
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly number: number;
  readonly xattrs: number;
}

export interface DirectoryInode extends InodeBase {
  readonly kind: 'directory';
  /** Where its list is, from the start of the directory table. */
  readonly block: number;
  readonly offset: number;
  /** Bytes of the list. */
  readonly size: number;
}

export interface FileInode extends InodeBase {
  readonly kind: 'file';
  readonly links: number;
  /** Where its first block is in the image. */
  readonly start: number;
  readonly size: number;
  /** Number of the fragment that holds its end, and where it starts in there. */
  readonly fragment: number;
  readonly offset: number;
  /** Reads the sizes of its blocks, which follow. */
  readonly blocks: MetadataCursor;
}

export interface OtherInode extends InodeBase {
  readonly kind: 'other';
  readonly links: number;
  /** Of a symbolic link. */
  readonly target: Uint8Array | undefined;
  readonly device: number;
}

export type Inode = DirectoryInode | FileInode | OtherInode;

/** The number by which a list of a directory calls the type of an inode: always that of the basic kind. */
export const basicType = (mode: number): number => TYPES.findIndex((type) => type === (mode & 0o170000)) + 1;

/** Reads the inode at a place of the metadata. @throws {FsError} EIO, EFBIG */
export function readInode(metadata: SquashfsMetadata, position: number, offset: number): Inode {
  const cursor = metadata.cursor(position, offset);
  const view = cursor.view(HEADER_SIZE);
  const kind = view.getUint16(0, true);
  const type = TYPES[(kind - 1) % TYPES.length];
  if (type === undefined || kind > 2 * TYPES.length) throw damaged(metadata.place, `an inode of the unknown kind ${kind}`);
  const base = {
    mode: type | (view.getUint16(2, true) & 0o7777),
    uid: view.getUint16(4, true),
    gid: view.getUint16(6, true),
    mtime: view.getUint32(8, true),
    number: view.getUint32(12, true),
    xattrs: NONE,
  };
  const isExtended = kind > TYPES.length;
  if (type === S_IFDIR) return readDirectory(base, cursor, isExtended);
  if (type === S_IFREG) return readFile(base, cursor, isExtended, metadata);
  return readOther(base, cursor, isExtended, metadata);
}

function readDirectory(base: InodeBase, cursor: MetadataCursor, isExtended: boolean): DirectoryInode {
  const view = cursor.view(isExtended ? 24 : 16);
  const [size, block, offset] = isExtended
    ? [view.getUint32(4, true), view.getUint32(8, true), view.getUint16(18, true)]
    : [view.getUint16(8, true), view.getUint32(0, true), view.getUint16(10, true)];
  // Three bytes stand for the entries '.' and '..'.
  return { ...base, kind: 'directory', block, offset, size: Math.max(0, size - 3), xattrs: isExtended ? view.getUint32(20, true) : NONE };
}

function readFile(base: InodeBase, cursor: MetadataCursor, isExtended: boolean, metadata: SquashfsMetadata): FileInode {
  if (!isExtended) {
    const view = cursor.view(16);
    const [start, fragment, offset, size] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [number, number, number, number];
    return { ...base, kind: 'file', links: 1, start, size, fragment, offset, blocks: cursor };
  }
  const view = cursor.view(40);
  const [start, size] = [Number(view.getBigUint64(0, true)), Number(view.getBigUint64(8, true))];
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(start))
    throw damaged(metadata.place, `${size} bytes of content from ${start} on`);
  const [links, fragment, offset, xattrs] = [24, 28, 32, 36].map((at) => view.getUint32(at, true)) as [number, number, number, number];
  return { ...base, kind: 'file', links, start, size, fragment, offset, xattrs, blocks: cursor };
}

/** Symbolic links, devices, fifos and sockets. */
function readOther(base: InodeBase, cursor: MetadataCursor, isExtended: boolean, metadata: SquashfsMetadata): OtherInode {
  const links = cursor.view(4).getUint32(0, true);
  const type = base.mode & 0o170000;
  let target: Uint8Array | undefined;
  let device = 0;
  if (type !== S_IFIFO && type !== S_IFSOCK) device = cursor.view(4).getUint32(0, true);
  if (type === S_IFLNK) {
    if (device > TARGET_LIMIT) throw damaged(metadata.place, `a symbolic link with a target of ${device} bytes`);
    target = cursor.bytes(device);
    device = 0;
  }
  return { ...base, kind: 'other', links, target, device, xattrs: isExtended ? cursor.view(4).getUint32(0, true) : NONE };
}
