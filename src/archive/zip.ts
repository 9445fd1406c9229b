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
import { type MadeOn, zipName } from './zip-name.ts';

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

/** By the upper byte of "version made by": systems of DOS and its kin, Unix and macOS. */
const SYSTEMS: readonly (MadeOn | undefined)[] = Array.from({ length: 20 }, (_, host) =>
  host === 3 || host === 19 ? 'unix' : [0, 10, 11, 14].includes(host) ? 'dos' : undefined,
);
const DOS_READ_ONLY = 0x01;
const DOS_DIRECTORY = 0x10;

/** What the header of an entry says, ZIP64 resolved. */
interface Header {
  readonly flags: number;
  readonly method: number;
  readonly mtime: number;
  readonly crc: number;
  stored: number;
  size: number;
  /** Of the local header, from the start of the file. */
  offset: number;
  readonly disk: number;
  readonly madeOn: MadeOn;
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
  const { end, place, limits } = directory;
  // Without ZIP64 the number is modulo 65,536: then the entries themselves are counted.
  if (end.entries > limits.entries) throw tooManyEntries(limits, place);
  let found = 0;
  for (const _ of findHeaders(directory)) found++;
  const counted = end.zip64 ? found : found & 0xffff;
  if (counted !== end.entries) throw damaged(place, `the central directory has ${found} entries, its end record says ${end.entries}`);
  let content = 0;
  let hasZstd = false;
  let contentEnd = 0;
  let followEachOther = true;
  try {
    for (const header of readHeaders(directory)) {
      content += addEntry(header, builder);
      if (header.method === ZSTD) hasZstd = true;
      if (header.stored === 0) continue;
      // As archivers write contents: then none overlaps.
      if (header.offset < contentEnd) followEachOther = false;
      contentEnd = endOfContent(header);
    }
  } catch (e) {
    // What is damaged is told before what is too much.
    for (const _ of readHeaders(directory));
    throw e;
  }
  assertContentSize(limits, content, end.directoryEnd, place);
  if (!followEachOther) warnOfOverlaps(directory, builder);
  return { hasZstd };
}

/** Finds the headers, each with all that belongs to it. */
function* findHeaders({ bytes, end, place, limits }: ZipDirectory): Generator<DataView> {
  let at = 0;
  for (let entry = 1; at < bytes.length; entry++) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    const signature = view.byteLength < 4 ? 0 : view.getUint32(0, true);
    if (signature === DIGITAL_SIGNATURE) break;
    if (view.byteLength < HEADER_SIZE || signature !== HEADER)
      throw damaged(place, `no header of entry ${entry} in the central directory, at byte ${end.directoryStart + at}`);
    at += HEADER_SIZE + view.getUint16(28, true) + view.getUint16(30, true) + view.getUint16(32, true);
    if (at > bytes.length) throw damaged(place, `entry ${entry} of the central directory is longer than the directory`);
    if (entry > limits.entries) throw tooManyEntries(limits, place);
    yield view;
  }
}

const tooManyEntries = ({ entries }: Limits, place: Place): FsError => tooLarge(place, `more than the ${entries} entries that are allowed`);

/** @throws {FsError} EIO when one of the headers is damaged */
function* readHeaders(directory: ZipDirectory): Generator<Header> {
  for (const view of findHeaders(directory)) yield readHeader(view, directory);
}

function readHeader(view: DataView, { codec, place, end }: ZipDirectory): Header {
  const extraStart = HEADER_SIZE + view.getUint16(28, true);
  const flags = view.getUint16(8, true);
  const extra = readExtraFields(view, extraStart, extraStart + view.getUint16(30, true));
  const madeOn = SYSTEMS[view.getUint8(5)] ?? 'other';
  const bytes = new Uint8Array(view.buffer, view.byteOffset + HEADER_SIZE, extraStart - HEADER_SIZE);
  const header: Header = {
    flags,
    method: view.getUint16(10, true),
    mtime: extra.mtime ?? timeOfDos(view.getUint16(14, true), view.getUint16(12, true)),
    crc: view.getUint32(16, true),
    stored: view.getUint32(20, true),
    size: view.getUint32(24, true),
    disk: view.getUint16(34, true),
    attributes: view.getUint32(38, true),
    offset: view.getUint32(42, true),
    madeOn,
    extra,
    name: zipName({ bytes, flags, extra, madeOn }, codec),
  };
  if (header.size === IN_ZIP64 || header.stored === IN_ZIP64 || header.offset === IN_ZIP64)
    resolveZip64(header, { ...place, entry: header.name });
  header.offset += end.prefix;
  return header;
}

/** The ZIP64 field holds only those values that did not fit, in this order (APPNOTE.TXT 4.5.3). */
function resolveZip64(header: Header, place: Place): void {
  const { zip64 } = header.extra;
  let position = 0;
  const resolve = (value: number): number => {
    if (value !== IN_ZIP64) return value;
    if (zip64 === undefined || position + 8 > zip64.byteLength) throw damaged(place, 'its ZIP64 field is missing or too short');
    position += 8;
    return readUint64(zip64, position - 8, place);
  };
  header.size = resolve(header.size);
  header.stored = resolve(header.stored);
  header.offset = resolve(header.offset);
}

/** DOS has local time and no zone: taken as UTC, so that one archive is one tree everywhere. */
function timeOfDos(date: number, time: number): number {
  const month = Math.max((date >>> 5) & 15, 1);
  return Date.UTC(1980 + (date >>> 9), month - 1, Math.max(date & 31, 1), time >>> 11, (time >>> 5) & 63, (time & 31) * 2);
}

/**
 * Entries whose content starts within that of another: no archiver makes them, and a file of a few MB can claim petabytes with
 * them (a "non-recursive zip bomb"). Which of two lies cannot be told here; each is verified when it is read.
 */
function warnOfOverlaps(directory: ZipDirectory, builder: TableBuilder): void {
  const contents: { readonly name: string; readonly offset: number; readonly end: number }[] = [];
  for (const header of readHeaders(directory)) {
    if (header.stored > 0) contents.push({ name: header.name, offset: header.offset, end: endOfContent(header) });
  }
  contents.sort((a, b) => a.offset - b.offset);
  let longest: (typeof contents)[number] | undefined;
  for (const content of contents) {
    if (longest !== undefined && content.offset < longest.end)
      builder.warn(content.name, `its content overlaps with that of '${longest.name}'`);
    if (longest === undefined || content.end > longest.end) longest = content;
  }
}

const endOfContent = ({ offset, stored }: Header): number => offset + LOCAL_HEADER_SIZE + stored;

/** Adds one entry, unless it cannot be served; gives how many bytes it has. */
function addEntry(header: Header, builder: TableBuilder): number {
  const { name, mtime, extra } = header;
  const mode = modeOf(header);
  const problem = problemOf(header, mode);
  if (problem !== undefined) {
    builder.warn(name, `skipped: ${problem}`);
    return 0;
  }
  const hasContent = isFile(mode) || isSymlink(mode);
  const size = hasContent ? header.size : 0;
  builder.add({ path: name, mode, mtime, uid: extra.uid, gid: extra.gid, size, extent: hasContent ? header : undefined });
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
