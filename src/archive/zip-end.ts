/*
 * Where a zip archive ends and where its central directory stands: the end-of-central-directory record, with a comment of
 * up to 64 KiB behind it and the ZIP64 records before it (APPNOTE.TXT 4.3.14 to 4.3.16). Pure functions of the last bytes.
 */

import { type Place, damaged } from './damage.ts';

const END = 0x06054b50;
const END_SIZE = 22;
const ZIP64_LOCATOR = 0x07064b50;
const ZIP64_LOCATOR_SIZE = 20;
const ZIP64_END = 0x06064b50;
const ZIP64_END_SIZE = 56;

/** Value of a field whose real value stands in a ZIP64 record. */
export const IN_ZIP64 = 0xffffffff;
const COUNT_IN_ZIP64 = 0xffff;

/** Enough for the end record, its longest comment and both ZIP64 records (65,633 bytes), in whole KiB. */
export const TAIL_SIZE = 65 << 10;

/** The last bytes of an archive. */
export interface Tail {
  readonly bytes: Uint8Array;
  /** Bytes of the whole archive. */
  readonly size: number;
}

export interface ZipEnd {
  /** Entries of the central directory; modulo 65,536 where there is no ZIP64 record. */
  readonly entries: number;
  readonly zip64: boolean;
  /** The central directory is [directoryStart, directoryEnd) of the archive. */
  readonly directoryStart: number;
  readonly directoryEnd: number;
  /** Bytes in front of the archive proper (a self-extractor): what recorded offsets have to be moved by. */
  readonly prefix: number;
  /** Bytes behind the archive proper. */
  readonly suffix: number;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Finds the end record. `tail` holds the last `TAIL_SIZE` bytes, or the whole archive where that is shorter.
 * Gives `undefined` where there is none.
 *
 * @throws {FsError} EIO when the record contradicts itself or the archive's size.
 */
export function findZipEnd(tail: Tail, place: Place): ZipEnd | undefined {
  const view = viewOf(tail.bytes);
  const at = locateEnd(view);
  return at === undefined ? undefined : readEnd(view, at, tail, place);
}

/** Tells whether an end record stands exactly where it belongs: then this is a zip beyond doubt. */
export function endsAsZip(tail: Uint8Array): boolean {
  const view = viewOf(tail);
  const at = locateEnd(view);
  return at !== undefined && at + END_SIZE + view.getUint16(at + 20, true) === view.byteLength;
}

/** A comment may hold anything, a signature too: a record that reaches exactly to the end of the archive wins over one that does not. */
function locateEnd(view: DataView): number | undefined {
  let loose: number | undefined;
  for (let at = view.byteLength - END_SIZE; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const end = at + END_SIZE + view.getUint16(at + 20, true);
    if (end === view.byteLength) return at;
    if (end < view.byteLength) loose ??= at;
  }
  return loose;
}

function readEnd(view: DataView, at: number, { size }: Tail, place: Place): ZipEnd {
  const tailStart = size - view.byteLength;
  const disk = view.getUint16(at + 4, true);
  if (disk !== 0 && disk !== COUNT_IN_ZIP64) throw damaged(place, 'one part of an archive that was split over several files');
  let entries = view.getUint16(at + 10, true);
  let directorySize = view.getUint32(at + 12, true);
  let directoryOffset = view.getUint32(at + 16, true);
  let recordStart = at;
  const zip64At = locateZip64(view, at, tailStart);
  if (zip64At !== undefined) {
    recordStart = zip64At;
    entries = readUint64(view, zip64At + 32, place);
    directorySize = readUint64(view, zip64At + 40, place);
    directoryOffset = readUint64(view, zip64At + 48, place);
  } else if (directoryOffset === IN_ZIP64 || directorySize === IN_ZIP64) {
    throw damaged(place, 'the ZIP64 end record, to which the end record refers, is missing');
  }
  const directoryEnd = tailStart + recordStart;
  const directoryStart = directoryEnd - directorySize;
  const prefix = directoryStart - directoryOffset;
  if (prefix < 0) {
    throw damaged(
      place,
      `the central directory (${directorySize} bytes from ${directoryOffset}) does not fit before its end at ${directoryEnd}`,
    );
  }
  const suffix = view.byteLength - (at + END_SIZE + view.getUint16(at + 20, true));
  return { entries, zip64: zip64At !== undefined, directoryStart, directoryEnd, prefix, suffix };
}

/** The ZIP64 end record stands before its locator; where something pads the two, the locator says where, not counting a prefix. */
function locateZip64(view: DataView, endAt: number, tailStart: number): number | undefined {
  const locator = endAt - ZIP64_LOCATOR_SIZE;
  if (locator < 0 || view.getUint32(locator, true) !== ZIP64_LOCATOR) return undefined;
  const recorded = Number(view.getBigUint64(locator + 8, true)) - tailStart;
  for (const at of [locator - ZIP64_END_SIZE, recorded]) {
    if (at >= 0 && at <= locator - ZIP64_END_SIZE && view.getUint32(at, true) === ZIP64_END) return at;
  }
  return undefined;
}

/**
 * Reads a 64-bit number.
 *
 * @throws {FsError} EIO beyond 2^53: no archive is that long.
 */
export function readUint64(view: DataView, at: number, place: Place): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw damaged(place, `a size or offset of ${value}`);
  return value;
}
