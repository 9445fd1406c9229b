/* Extended headers of pax archives (POSIX.1-2001, pax, "pax Extended Header"): records "LENGTH KEY=VALUE\n". */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { type Place, damaged } from './damage.ts';

/** Values as bytes: names need not be UTF-8 (`hdrcharset=BINARY`), and xattrs are not text. An empty value takes the key back. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>;

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;
/** More digits than any length has. */
const LENGTH_DIGITS = 12;

/**
 * Reads the records of one extended header.
 *
 * @throws {FsError} EIO when they are malformed.
 */
export function readPaxRecords(bytes: Uint8Array, place: Place): PaxRecords {
  const records = new Map<string, Uint8Array>();
  const sparse: string[] = [];
  for (let at = 0; at < bytes.length;) {
    // Some writers pad the last block within the recorded size.
    if (bytes[at] === 0) break;
    const space = bytes.indexOf(SPACE, at);
    const length = space < 0 || space - at > LENGTH_DIGITS ? '' : decodeUtf8(bytes.subarray(at, space));
    const end = at + Number(length);
    if (!/^\d+$/.test(length) || end > bytes.length || end <= space + 1 || bytes[end - 1] !== NEWLINE) {
      throw damaged(place, 'a pax header of it is malformed');
    }
    const equals = bytes.indexOf(EQUALS, space);
    if (equals < 0 || equals >= end) throw damaged(place, 'a pax header of it has a record without a value');
    const key = decodeUtf8(bytes.subarray(space + 1, equals));
    const value = bytes.subarray(equals + 1, end - 1);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') sparse.push(decodeUtf8(value));
    else records.set(key, value);
    at = end;
  }
  // Version 0.0 repeats two keys, which no other record does. Version 0.1 says the same in one record.
  if (sparse.length > 0) records.set('GNU.sparse.map', encodeUtf8(sparse.join(',')));
  return records;
}

/** A number of a record, fractions allowed: `undefined` where there is none. */
export function paxNumber(records: PaxRecords, key: string, place: Place): number | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  const text = decodeUtf8(value);
  const number = Number(text);
  if (!/^-?\d+(\.\d*)?$/.test(text) || Math.abs(number) > Number.MAX_SAFE_INTEGER)
    throw damaged(place, `its pax header says ${key}=${text.slice(0, 40)}`);
  return number;
}

/** The bytes of a name: `undefined` where there is none. */
export function paxName(records: PaxRecords, key: string): Uint8Array | undefined {
  const value = records.get(key);
  return value === undefined || value.length === 0 ? undefined : value;
}

const XATTR = 'SCHILY.xattr.';

/** A key ends at the first '=' (POSIX, pax): in archives of GNU tar, that and '%' are as in a URL. */
export const paxXattrKey = (name: string): string => XATTR + name.replaceAll('%', '%25').replaceAll('=', '%3D');

const xattrName = (key: string): string => key.slice(XATTR.length).replaceAll('%3D', '=').replaceAll('%25', '%');

/** The extended attributes, as star, GNU tar and libarchive write them. */
export function paxXattrs(records: PaxRecords): ReadonlyMap<string, Uint8Array> | undefined {
  let xattrs: Map<string, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (key.startsWith(XATTR) && key.length > XATTR.length) (xattrs ??= new Map()).set(xattrName(key), value.slice());
  }
  return xattrs;
}
