/*
 * The central directory of a zip archive (APPNOTE.TXT 4.3.12): bytes -> entries of a layer's table. What is wrong with the
 * directory as a whole is an error; what is wrong with one entry leaves that entry out, with a warning, or shows when
 * its content is read (zip-content.ts).
 */

import { PATH_MAX, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, isFile, isSymlink } from '../base/mode.ts';
import type { FsError } from '../base/errors.ts';
import type { Codec } from '../codec/codec.ts';
import type { TableBuilder } from '../layer/build-table.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import { DEFLATE_MAX_RATIO } from './gzip.ts';
import { type Limits, assertContentSize } from './limits.ts';
import { IN_ZIP64, type ZipEnd, readUint64 } from './zip-end.ts';
import { type ExtraFields, readExtraFields } from './zip-extra.ts';
import { type NamePlaces, asciiNames, slashed, zipName } from './zip-name.ts';

const HEADER = 0x02014b50;
const HEADER_SIZE = 46;
/** Of a local header without name and extra fields. */
export const LOCAL_HEADER_SIZE = 30;
const DIGITAL_SIGNATURE = 0x05054b50;

export const STORED = 0;
const DEFLATE = 8;
export const ZSTD = 93;
/** A block of zstd repeats one byte 128 KiB times in four. */
const ZSTD_MAX_RATIO = 32 << 10;
/** General purpose bits 0 and 13: content, or content and directory, are encrypted. */
export const ENCRYPTED = 0x2001;

/** Upper byte of "version made by". */
const HOST_DOS = [0, 10, 11, 14];
const HOST_UNIX = [3, 19];
const DOS_READ_ONLY = 0x01;
const DOS_DIRECTORY = 0x10;

/** What the header of an entry says, ZIP64 resolved. */
interface Header {
  readonly flags: number;
  readonly method: number;
  readonly mtime: number;
  readonly crc: number;
  readonly stored: number;
  readonly size: number;
  /** Of the local header, from the start of the file. */
  readonly offset: number;
  readonly disk: number;
  readonly madeOn: 'unix' | 'dos' | 'other';
  readonly attributes: number;
  readonly extra: ExtraFields;
  readonly name: string;
}

export interface ZipDirectory {
  /** The bytes [end.directoryStart, end.directoryEnd) of the archive. */
  readonly bytes: Uint8Array;
  readonly end: ZipEnd;
  readonly place: Place;
  readonly codec: Codec;
  readonly limits: Limits;
}

/** What a central directory says of the archive as a whole. */
export interface ZipContents {
  readonly hasZstd: boolean;
}

/**
 * Adds every entry of a central directory to a table.
 *
 * @throws {FsError} EFBIG when there are too many entries, or more content than is allowed.
 * @throws {FsError} EIO when it is not a central directory of as many entries as the end record says.
 */
export function readZipDirectory(directory: ZipDirectory, builder: TableBuilder): ZipContents {
  const { bytes, end, place, limits } = directory;
  // Without ZIP64 the number is modulo 65,536: then the entries themselves are counted.
  if (end.entries > limits.entries) throw tooManyEntries(limits, place);
  const starts = findHeaders(directory);
  const counted = end.zip64 ? starts.length : starts.length & 0xffff;
  if (counted !== end.entries)
    throw damaged(place, `the central directory has ${starts.length} entries, its end record says ${end.entries}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names = asciiNames(bytes, namePlaces(view, starts));
  const headers = starts.map((at, i) => readHeader(view, at, names[i], directory));
  let content = 0;
  let hasZstd = false;
  for (const header of headers) {
    content += addEntry(header, builder);
    if (header.method === ZSTD) hasZstd = true;
  }
  assertContentSize(limits, content, end.directoryEnd, place);
  if (!followEachOther(headers)) warnOfOverlaps(headers, builder);
  return { hasZstd };
}

/** Where the headers start, each of them whole. */
function findHeaders({ bytes, end, place, limits }: ZipDirectory): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const signature = at + 4 <= bytes.length ? view.getUint32(at, true) : 0;
    if (signature === DIGITAL_SIGNATURE) break;
    if (at + HEADER_SIZE > bytes.length || signature !== HEADER)
      throw damaged(place, `no header of entry ${starts.length + 1} in the central directory, at byte ${end.directoryStart + at}`);
    const next = at + HEADER_SIZE + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > bytes.length) throw damaged(place, `entry ${starts.length + 1} of the central directory is longer than the directory`);
    starts.push(at);
    if (starts.length > limits.entries) throw tooManyEntries(limits, place);
    at = next;
  }
  return starts;
}

function namePlaces(view: DataView, headers: readonly number[]): NamePlaces {
  const starts = headers.map((at) => at + HEADER_SIZE);
  return { starts, ends: starts.map((start, i) => start + view.getUint16(headers[i]! + 28, true)) };
}

const tooManyEntries = ({ entries }: Limits, place: Place): FsError => tooLarge(place, `more than the ${entries} entries that are allowed`);

/** @param ascii its name, where that is ASCII */
function readHeader(view: DataView, at: number, ascii: string | undefined, { bytes, end, place, codec }: ZipDirectory): Header {
  const nameStart = at + HEADER_SIZE;
  const extraStart = nameStart + view.getUint16(at + 28, true);
  const extra = readExtraFields(view, extraStart, extraStart + view.getUint16(at + 30, true));
  const flags = view.getUint16(at + 8, true);
  const madeOn = systemOf(view.getUint8(at + 5));
  const name =
    ascii === undefined ? zipName({ bytes: bytes.subarray(nameStart, extraStart), flags, extra, madeOn }, codec) : slashed(ascii, madeOn);
  const own = { size: view.getUint32(at + 24, true), stored: view.getUint32(at + 20, true), offset: view.getUint32(at + 42, true) };
  const isLarge = own.size === IN_ZIP64 || own.stored === IN_ZIP64 || own.offset === IN_ZIP64;
  const { size, stored, offset } = isLarge ? resolveZip64(own, extra, { ...place, entry: name }) : own;
  return {
    flags,
    method: view.getUint16(at + 10, true),
    mtime: extra.mtime ?? dosTime(view.getUint16(at + 14, true), view.getUint16(at + 12, true)),
    crc: view.getUint32(at + 16, true),
    disk: view.getUint16(at + 34, true),
    attributes: view.getUint32(at + 38, true),
    size,
    stored,
    offset: offset + end.prefix,
    madeOn,
    extra,
    name,
  };
}

function systemOf(host: number): Header['madeOn'] {
  if (HOST_UNIX.includes(host)) return 'unix';
  return HOST_DOS.includes(host) ? 'dos' : 'other';
}

type Sizes = Pick<Header, 'size' | 'stored' | 'offset'>;

/** The ZIP64 field holds only those values that did not fit, in this order (APPNOTE.TXT 4.5.3). */
function resolveZip64({ size, stored, offset }: Sizes, { zip64 }: ExtraFields, place: Place): Sizes {
  let position = 0;
  const resolve = (value: number): number => {
    if (value !== IN_ZIP64) return value;
    if (zip64 === undefined || position + 8 > zip64.byteLength) throw damaged(place, 'its ZIP64 field is missing or too short');
    position += 8;
    return readUint64(zip64, position - 8, place);
  };
  return { size: resolve(size), stored: resolve(stored), offset: resolve(offset) };
}

/** DOS has local time and no zone: taken as UTC, so that one archive is one tree everywhere. */
function dosTime(date: number, time: number): number {
  const month = Math.max((date >>> 5) & 15, 1);
  return Date.UTC(1980 + (date >>> 9), month - 1, Math.max(date & 31, 1), time >>> 11, (time >>> 5) & 63, (time & 31) * 2);
}

/** Tells whether each content starts behind the one before it, as archivers write them: then none overlaps. */
function followEachOther(headers: readonly Header[]): boolean {
  let end = 0;
  for (const header of headers) {
    if (header.stored === 0) continue;
    if (header.offset < end) return false;
    end = contentEnd(header);
  }
  return true;
}

/**
 * Entries whose content starts within that of another: no archiver makes them, and a file of a few MB can claim petabytes with
 * them (a "non-recursive zip bomb"). Which of two lies cannot be told here; each is verified when it is read.
 */
function warnOfOverlaps(headers: readonly Header[], builder: TableBuilder): void {
  const sorted = headers.filter(({ stored }) => stored > 0);
  // Archivers list entries in the order in which they stand.
  if (sorted.some(({ offset }, i) => i > 0 && offset < sorted[i - 1]!.offset)) sorted.sort((a, b) => a.offset - b.offset);
  let longest: Header | undefined;
  for (const header of sorted) {
    if (longest !== undefined && header.offset < contentEnd(longest))
      builder.warn(header.name, `its content overlaps with that of '${longest.name}'`);
    if (longest === undefined || contentEnd(header) > contentEnd(longest)) longest = header;
  }
}

const contentEnd = ({ offset, stored }: Header): number => offset + LOCAL_HEADER_SIZE + stored;

/** Adds one entry, unless it cannot be served; gives how many bytes it has. */
function addEntry(header: Header, builder: TableBuilder): number {
  const { name, extra, mtime, crc, stored, method, offset } = header;
  const mode = modeOf(header);
  const problem = problemOf(header, mode);
  if (problem !== undefined) {
    builder.warn(name, `skipped: ${problem}`);
    return 0;
  }
  const hasContent = isFile(mode) || isSymlink(mode);
  const size = hasContent ? header.size : 0;
  builder.add({
    path: name,
    mode,
    mtime,
    uid: extra.owner?.uid,
    gid: extra.owner?.gid,
    size,
    extent: hasContent ? { offset, stored, method, crc } : undefined,
  });
  return size;
}

/** Says why an entry cannot be served, or `undefined`. */
function problemOf({ flags, method, stored, size, disk }: Header, mode: number): string | undefined {
  const type = mode & S_IFMT;
  if (type === S_IFCHR || type === S_IFBLK) return 'a device, whose number zip does not record';
  if (type === S_IFDIR) return undefined;
  if ((flags & ENCRYPTED) !== 0) return 'encrypted';
  if (method !== STORED && method !== DEFLATE && method !== ZSTD) return `compression method ${method} is not supported`;
  if (disk !== 0 && disk !== 0xffff) return 'its content is in another part of a split archive';
  if (method === STORED && size !== stored) return `stored as it is, but its sizes differ (${stored} and ${size})`;
  if (type === S_IFLNK && (size === 0 || size >= PATH_MAX)) return `a symbolic link whose target has ${size} bytes`;
  if (method !== STORED && size > stored * (method === DEFLATE ? DEFLATE_MAX_RATIO : ZSTD_MAX_RATIO))
    return `claims ${size} bytes, more than ${stored} compressed bytes can hold`;
  return undefined;
}

function modeOf({ madeOn, attributes, name, size }: Header): number {
  let unix = attributes >>> 16;
  // What `zip` reads from a pipe has content, and the pipe's mode.
  if ((unix & S_IFMT) === S_IFIFO && size > 0) unix = (unix & ~S_IFMT) | S_IFREG;
  const directory = name.endsWith('/') || (unix & S_IFMT) === S_IFDIR || (madeOn === 'dos' && (attributes & DOS_DIRECTORY) !== 0);
  if (madeOn === 'unix' && unix !== 0) {
    const type = directory ? S_IFDIR : unix & S_IFMT || S_IFREG;
    return type | (unix & 0o7777);
  }
  if (directory) return S_IFDIR | 0o755;
  return S_IFREG | ((attributes & DOS_READ_ONLY) === 0 ? 0o644 : 0o444);
}
