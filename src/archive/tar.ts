/*
 * Tar archives: a whole archive in memory -> entries of a layer's table. Content stays where it is: an extent says where.
 * What does not follow from header to header is an error, because nothing behind it can be found; what is merely
 * unsupported is left out, with a warning.
 */

import { decodeUtf8, decodeUtf8Strict, encodeUtf8 } from '../base/bytes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../base/mode.ts';
import type { LayerEntry, TableBuilder } from '../layer/build-table.ts';
import { type Place, damaged } from './damage.ts';
import { type PaxRecords, isPaxSparse, paxName, paxNumber, paxXattrs, readPaxRecords } from './pax.ts';
import { TAR_BLOCK, type TarHeader, isTarHeader, readTarHeader, upToZero } from './tar-header.ts';

/** Type flags that name the next entry or describe it, and are none themselves. */
const PAX = 'x';
const PAX_SOLARIS = 'X';
const PAX_GLOBAL = 'g';
const GNU_LONG_NAME = 'L';
const GNU_LONG_LINK = 'K';
const GNU_SPARSE = 'S';
const HARD_LINK = '1';

/** Type flag -> type bits. What is not here and no vendor's is a regular file (POSIX: pax, "ustar Interchange Format"). */
const TYPES = new Map([
  ['2', S_IFLNK],
  ['3', S_IFCHR],
  ['4', S_IFBLK],
  ['5', S_IFDIR],
  ['6', S_IFIFO],
]);

/** What headers in front of an entry say of it. */
interface Pending {
  pax: PaxRecords;
  longName: Uint8Array | undefined;
  longLink: Uint8Array | undefined;
}

/** A header with what belongs to it. */
interface Found {
  readonly header: TarHeader;
  readonly pending: Pending;
  /** Where its content starts. */
  readonly start: number;
  readonly size: number;
}

/**
 * Adds every entry of an archive to a table. Extents count from the start of `bytes`.
 *
 * @throws {FsError} EIO when it is damaged or cut short, with the offset.
 */
export function readTar(bytes: Uint8Array, place: Place, builder: TableBuilder): void {
  const global = new Map<string, Uint8Array>();
  const noneAhead = (): Pending => ({ pax: global, longName: undefined, longLink: undefined });
  let pending = noneAhead();
  let at = 0;
  while (at < bytes.length && !isEnd(bytes, at, place)) {
    if (!isTarHeader(bytes.subarray(at, at + TAR_BLOCK))) throw damaged(place, `the tar header at byte ${at} has a wrong checksum`);
    const header = readTarHeader(bytes, at, place);
    const found = locate(bytes, at, header, pending, place);
    const content = bytes.subarray(found.start, found.start + found.size);
    at = found.start + Math.ceil(found.size / TAR_BLOCK) * TAR_BLOCK;
    switch (header.type) {
      case PAX_GLOBAL:
        for (const [key, value] of readPaxRecords(content, place)) global.set(key, value);
        break;
      case PAX:
      case PAX_SOLARIS:
        pending.pax = new Map([...global, ...readPaxRecords(content, place)]);
        break;
      case GNU_LONG_NAME:
        pending.longName = upToZero(content);
        break;
      case GNU_LONG_LINK:
        pending.longLink = upToZero(content);
        break;
      default:
        addEntry(found, place, builder);
        pending = noneAhead();
    }
  }
}

/** Two blocks of zeros end an archive; one does for most writers, and so does the end of the file. */
function isEnd(bytes: Uint8Array, at: number, place: Place): boolean {
  const block = bytes.subarray(at, at + TAR_BLOCK);
  for (const byte of block) {
    if (byte === 0) continue;
    if (block.length < TAR_BLOCK) throw damaged(place, `cut short in the tar header at byte ${at}`);
    return false;
  }
  return true;
}

/** Finds the content of an entry. Only files and extended headers have one: links and directories may say a size and have none. */
function locate(bytes: Uint8Array, at: number, header: TarHeader, pending: Pending, place: Place): Found {
  let start = at + TAR_BLOCK;
  if (header.type === GNU_SPARSE) start = skipSparseMap(bytes, at, place);
  const isMeta = [PAX, PAX_SOLARIS, PAX_GLOBAL, GNU_LONG_NAME, GNU_LONG_LINK].includes(header.type);
  const declared = (isMeta ? undefined : paxNumber(pending.pax, 'size', place)) ?? header.size;
  const size = TYPES.has(header.type) || header.type === HARD_LINK ? 0 : declared;
  if (!Number.isSafeInteger(size) || size < 0) throw damaged(place, `the tar entry at byte ${at} has a size of ${size}`);
  if (start + size > bytes.length) {
    throw damaged(
      { ...place, entry: entryName({ header, pending }).text },
      `cut short: ${size} bytes from ${start}, and the archive has ${bytes.length}`,
    );
  }
  return { header, pending, start, size };
}

/** GNU's old sparse form: further blocks of the map stand in front of the content. */
function skipSparseMap(bytes: Uint8Array, at: number, place: Place): number {
  let next = at + TAR_BLOCK;
  for (let more = bytes[at + 482]; more !== 0; more = bytes[next - TAR_BLOCK + 504]) {
    next += TAR_BLOCK;
    if (next > bytes.length) throw damaged(place, `cut short in the sparse map at byte ${at}`);
  }
  return next;
}

interface Name {
  readonly text: string;
  /** Set where the bytes are no UTF-8. */
  readonly garbled: boolean;
}

function decodeName(bytes: Uint8Array): Name {
  const text = decodeUtf8Strict(bytes);
  return text === undefined ? { text: decodeUtf8(bytes), garbled: true } : { text, garbled: false };
}

const entryName = ({ header, pending }: Pick<Found, 'header' | 'pending'>): Name =>
  decodeName(paxName(pending.pax, 'path') ?? pending.longName ?? header.name);

function addEntry(found: Found, place: Place, builder: TableBuilder): void {
  const { header, pending, start, size } = found;
  const { text: path, garbled } = entryName(found);
  const here = { ...place, entry: path };
  if (garbled) builder.warn(path, 'its name is not UTF-8: what cannot be read of it is shown as U+FFFD');
  const problem = problemOf(header, pending.pax);
  if (problem !== undefined) {
    builder.warn(path, `skipped: ${problem}`);
    return;
  }
  const type = typeOf(header, path);
  const entry: LayerEntry = {
    path,
    mode: type | header.mode,
    uid: idOf(paxNumber(pending.pax, 'uid', here) ?? header.uid),
    gid: idOf(paxNumber(pending.pax, 'gid', here) ?? header.gid),
    mtime: (paxNumber(pending.pax, 'mtime', here) ?? header.mtime) * 1000,
    xattrs: paxXattrs(pending.pax),
  };
  const target = decodeName(paxName(pending.pax, 'linkpath') ?? pending.longLink ?? header.linkName).text;
  if (header.type === HARD_LINK) builder.add({ ...entry, link: target });
  else if (type === S_IFLNK) builder.add({ ...entry, target, size: encodeUtf8(target).length });
  else if (type === S_IFREG) builder.add({ ...entry, size, extent: { offset: start, stored: size, method: 0, crc: 0 } });
  else builder.add({ ...entry, rdev: deviceNumber(header) });
}

/** Says why an entry cannot be served, or `undefined`. */
function problemOf({ type }: TarHeader, pax: PaxRecords): string | undefined {
  if (type === GNU_SPARSE || isPaxSparse(pax)) return 'sparse files are not supported';
  if (type >= 'A' && type <= 'Z') return `entries of type '${type}' are not supported`;
  return undefined;
}

/** V7 had no directories: a name that ends in '/' is one. */
function typeOf({ type }: TarHeader, path: string): number {
  return TYPES.get(type) ?? (path.endsWith('/') ? S_IFDIR : S_IFREG);
}

/** Ids beyond 32 bits, and negative ones, are nobody's that we could name: root's, as where none is recorded. */
const idOf = (id: number): number => (Number.isInteger(id) && id >= 0 && id < 2 ** 32 ? id : 0);

/** As `makedev` of glibc, for numbers of 32 bits. */
function deviceNumber({ deviceMajor, deviceMinor }: TarHeader): number {
  return ((deviceMinor & 0xff) | ((deviceMajor & 0xfff) << 8) | ((deviceMinor & ~0xff) << 12)) >>> 0;
}
