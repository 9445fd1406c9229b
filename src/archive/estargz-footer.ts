/*
 * The end of an eStargz archive: an empty gzip member whose extra field says where the table of contents starts
 * (stargz-snapshotter, docs/estargz.md, "Footer"), and the form that stargz had before, whose extra field has no header.
 */

import { type Place, damaged } from './damage.ts';

/** A gzip header with an extra field, and nothing else: the time is 0, the two bytes behind it differ from writer to writer. */
const GZIP_START = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0];
const XLEN_AT = 10;
const EXTRA_AT = 12;
/** An empty stored block that is the last, and the CRC-32 and length of nothing. */
const EMPTY_STREAM = [1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
/** 'S', 'G' and the length of what follows, in an extra field that RFC 1952 allows. */
const SUBFIELD = [0x53, 0x47, 22, 0];
/** Sixteen hexadecimal digits and 'STARGZ'. */
const OFFSET_SIZE = 22;

/** What stands before the offset in the extra field: now, and in stargz. */
const FORMS = [SUBFIELD, []];

/** Where the table of contents of an archive is. */
export interface TocPlace {
  readonly start: number;
  /** Where the footer starts. */
  readonly end: number;
}

/**
 * Finds the table of contents by the last bytes of an archive of `size` bytes: `undefined` when they are no footer.
 *
 * @throws {FsError} EIO when they are one and point outside the archive.
 */
export function findEstargzToc({ bytes, size }: { readonly bytes: Uint8Array; readonly size: number }, place: Place): TocPlace | undefined {
  for (const form of FORMS) {
    const length = EXTRA_AT + form.length + OFFSET_SIZE + EMPTY_STREAM.length;
    const offset = bytes.length < length ? undefined : readOffset(bytes.subarray(bytes.length - length), form);
    if (offset === undefined) continue;
    const end = size - length;
    if (offset >= end) throw damaged(place, `its footer says that the table of contents is at byte ${offset} of ${size}`);
    return { start: offset, end };
  }
  return undefined;
}

function readOffset(footer: Uint8Array, form: readonly number[]): number | undefined {
  const extra = form.length + OFFSET_SIZE;
  const isFooter =
    has(footer, 0, GZIP_START) &&
    has(footer, XLEN_AT, [extra, 0]) &&
    has(footer, EXTRA_AT, form) &&
    has(footer, EXTRA_AT + extra, EMPTY_STREAM);
  if (!isFooter) return undefined;
  const text = String.fromCharCode(...footer.subarray(EXTRA_AT + form.length, EXTRA_AT + extra));
  return /^[0-9a-f]{16}STARGZ$/i.test(text) ? Number.parseInt(text, 16) : undefined;
}

const has = (bytes: Uint8Array, at: number, expected: readonly number[]): boolean => expected.every((byte, i) => bytes[at + i] === byte);

/** The footer of an archive whose table of contents starts at `offset`. */
export function estargzFooter(offset: number): Uint8Array<ArrayBuffer> {
  const text = `${offset.toString(16).padStart(16, '0')}STARGZ`;
  const unknownSystem = [0, 0xff];
  const digits = Array.from(text, (character) => character.charCodeAt(0));
  return Uint8Array.of(...GZIP_START, ...unknownSystem, SUBFIELD.length + OFFSET_SIZE, 0, ...SUBFIELD, ...digits, ...EMPTY_STREAM);
}
