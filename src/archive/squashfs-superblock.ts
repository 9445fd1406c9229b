/*
 * The superblock of a SquashFS image ("Squashfs Binary Format" by Zachary Dremann and David Oberhollenzer, section 3): 96 bytes that
 * say where everything is. Nothing that they say is believed before it was compared with the size of the image.
 */

import { FsError } from '../base/errors.ts';
import { type Place, damaged } from './damage.ts';

export const SUPERBLOCK_SIZE = 96;

/** Where a table should be that the image does not have. */
const ABSENT = 2n ** 64n - 1n;

/** By number. */
const COMPRESSORS = ['none', 'gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'] as const;

export interface Superblock {
  readonly inodes: number;
  /** Bytes of a block of content. */
  readonly blockSize: number;
  readonly fragments: number;
  readonly compressor: 'gzip' | 'zstd';
  readonly ids: number;
  /** Bytes of the image, without what was added to fill its last sector. */
  readonly end: number;
  /** Reference to the root's inode: where its block starts in the inode table, and where it starts in the block. */
  readonly root: InodeReference;
  /** Where tables start in the image. */
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly idTable: number;
  readonly fragmentTable: number | undefined;
  readonly xattrTable: number | undefined;
}

/** Where something is in metadata: where the block starts, from where its table does, and where it starts in what the block holds. */
export interface InodeReference {
  readonly block: number;
  readonly offset: number;
}

/** Takes a reference of 64 bits apart. */
export const referenceOf = (value: bigint): InodeReference => ({ block: Number(value >> 16n), offset: Number(value & 0xffffn) });

/**
 * Reads the superblock at the start of `head`.
 *
 * @param size Bytes of the file.
 * @throws {FsError} EIO when it contradicts itself or the size; ENOTSUP for other versions and compressors.
 */
export function readSuperblock(head: Uint8Array, size: number, place: Place): Superblock {
  const view = new DataView(head.buffer, head.byteOffset, SUPERBLOCK_SIZE);
  const [major, minor] = [view.getUint16(28, true), view.getUint16(30, true)];
  if (major !== 4 || minor !== 0) throw unsupported(place, `of version ${major}.${minor}, should be 4.0`);
  const compressor = COMPRESSORS[view.getUint16(20, true)] ?? `method ${view.getUint16(20, true)}`;
  if (compressor !== 'gzip' && compressor !== 'zstd')
    throw unsupported(place, `compressed with ${compressor}; gzip and zstd are supported`);
  const blockSize = view.getUint32(12, true);
  const log = view.getUint16(22, true);
  if (log < 12 || log > 20 || blockSize !== 2 ** log) throw damaged(place, `blocks of ${blockSize} bytes, and 2^${log} in its superblock`);
  const end = Number(view.getBigUint64(40, true));
  if (end > size) throw damaged(place, `cut short: ${size} of ${end} bytes`);
  const tables = tablesOf(view, end, place);
  const fragments = view.getUint32(16, true);
  if (fragments > 0 && tables.fragmentTable === undefined) throw damaged(place, `${fragments} fragments, and no table of them`);
  return {
    inodes: view.getUint32(4, true),
    blockSize,
    fragments,
    compressor,
    ids: view.getUint16(26, true),
    end,
    root: referenceOf(view.getBigUint64(32, true)),
    ...tables,
  };
}

/** @throws {FsError} EIO when tables are not where every writer puts them, and the kernel wants them: behind the content, in order. */
function tablesOf(view: DataView, end: number, place: Place) {
  const wrong = (what: string, at: number | bigint): never => {
    throw damaged(place, `its ${what} table should be at byte ${at} of ${end}`);
  };
  const positionOf = (what: string, field: number, from: number): number => {
    const at = Number(view.getBigUint64(field, true));
    return at >= from && at < end ? at : wrong(what, at);
  };
  const inodeTable = positionOf('inode', 64, SUPERBLOCK_SIZE);
  const directoryTable = positionOf('directory', 72, inodeTable);
  const optional = (what: string, field: number): number | undefined =>
    view.getBigUint64(field, true) === ABSENT ? undefined : positionOf(what, field, directoryTable);
  return {
    inodeTable,
    directoryTable,
    idTable: positionOf('id', 48, directoryTable),
    fragmentTable: optional('fragment', 80),
    xattrTable: optional('xattr', 56),
    exportTable: optional('export', 88),
  };
}

const unsupported = ({ archive }: Place, what: string): FsError =>
  new FsError('ENOTSUP', { detail: `${archive}: a SquashFS image ${what}` });
