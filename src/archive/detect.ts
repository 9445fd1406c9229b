/* What an archive is, by its content: names and media types lie. */

import { FsError } from '../base/errors.ts';
import { toHex } from '../base/bytes.ts';
import type { Place } from './damage.ts';
import { isGzip } from './gzip-header.ts';
import { TAR_BLOCK, isTarHeader } from './tar-header.ts';
import { isZstd } from './zstd-frame.ts';

export type ArchiveFormat =
  | 'zip'
  /** *gzip* indicates a compressed stream. Therefore what is inside has to be told apart again. */
  | 'gzip'
  /** The same, compressed in another way. */
  | 'zstd'
  | 'tar'
  | 'squashfs';

/** How many of its first bytes tell what an archive is. */
export const HEAD_SIZE = TAR_BLOCK;

/** First bytes of formats that people try, for a better message. */
const OTHERS: readonly (readonly [magic: string, name: string])[] = [
  ['fd377a585a00', 'xz'],
  ['425a68', 'bzip2'],
  ['377abcaf271c', '7-Zip'],
  ['526172211a07', 'RAR'],
  ['68737173', 'SquashFS'],
  ['73717368', 'big-endian SquashFS'],
  ['3c21', 'an HTML page'],
  ['3c68746d6c', 'an HTML page'],
  ['7b22', 'JSON'],
];

/**
 * Tells the format from the first bytes, or `undefined`. A zip may also have something else in front: its end tells
 * (`findZipEnd`), and only where the start does not say that it is a tar or a compressed one, which may well end with a zip.
 */
export function formatOfHead(head: Uint8Array): ArchiveFormat | undefined {
  if (isGzip(head)) return 'gzip';
  if (isZstd(head)) return 'zstd';
  if (isZipStart(head)) return 'zip';
  if (isSquashfs(head)) return 'squashfs';
  if (head.length >= TAR_BLOCK && isTarHeader(head.subarray(0, TAR_BLOCK))) return 'tar';
  // An empty tar archive is nothing but zeros.
  if (head.length >= TAR_BLOCK && head.every((byte) => byte === 0)) return 'tar';
  return undefined;
}

/** `hsqs`: little-endian, with the superblock's 96 bytes. Images before 2009 may be big-endian. */
const isSquashfs = (head: Uint8Array): boolean =>
  head.length >= 96 && new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true) === 0x73717368;

/** A local header, the end record of an empty archive, or the mark of an archive that was to be split. */
function isZipStart(head: Uint8Array): boolean {
  if (head[0] !== 0x50 || head[1] !== 0x4b) return false;
  return (
    (head[2] === 3 && head[3] === 4) ||
    (head[2] === 5 && head[3] === 6) ||
    (head[2] === 7 && head[3] === 8) ||
    (head[2] === 0x30 && head[3] === 0x30)
  );
}

/** The error for bytes that are no archive. */
export function unknownFormat(head: Uint8Array, { archive }: Place): FsError {
  const start = toHex(head.subarray(0, 8));
  const other = OTHERS.find(([magic]) => start.startsWith(magic));
  const found = head.length === 0 ? 'is empty' : `starts with ${quoted(head)}${other === undefined ? '' : `, like ${other[1]}`}`;
  return new FsError('EINVAL', { detail: `${archive}: not a zip, tar, tar.gz, tar.zst or SquashFS archive: ${found}` });
}

/** Printable bytes as text, others in hexadecimal. */
function quoted(head: Uint8Array): string {
  const start = head.subarray(0, 16);
  const printable = start.every((byte) => byte >= 0x20 && byte < 0x7f);
  return printable
    ? `'${String.fromCharCode(...start)}'`
    : `the bytes ${start.length > 8 ? `${toHex(start.subarray(0, 8))}…` : toHex(start)}`;
}
