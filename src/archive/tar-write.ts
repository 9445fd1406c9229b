/*
 * Tar headers as POSIX.1-2001 has them: ustar, with a pax header in front where something does not fit. The same entry gives the
 * same bytes. Content, its padding and the end of the archive are the caller's.
 */

import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { paxXattrKey } from './pax.ts';
import { TAR_BLOCK } from './tar-header.ts';

/** One entry to write. */
export interface TarWriteEntry {
  /** Without '/' in front; of a directory with '/' behind. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'character' | 'block' | 'fifo';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch: whole ones. */
  readonly mtime: number;
  /** Bytes of content. Files only. */
  readonly size?: number | undefined;
  /** Target of a symbolic or hard link. */
  readonly target?: string | undefined;
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

const TYPE_FLAGS = { file: '0', link: '1', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' } as const;
const PAX = 'x';
const NAME_SIZE = 100;
const PREFIX_SIZE = 155;
const SLASH = 0x2f;
/** Names in headers that only pax-aware readers get right hold nothing else. */
const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 0x80);

/** The two blocks of zeros that end an archive. */
export const TAR_END_SIZE = 2 * TAR_BLOCK;

/** How many zeros follow a content. */
export const tarPadding = (size: number): number => (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;

/**
 * The header blocks of an entry.
 *
 * @example
 * const bytes = tarHeader({ name: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 3 });
 */
export function tarHeader(entry: TarWriteEntry): Uint8Array<ArrayBuffer> {
  const { type, mode, size = 0, device } = entry;
  const records = new Map<string, Uint8Array>();
  const block = new Uint8Array(TAR_BLOCK);
  /** Octal digits and a NUL; what has more digits is told by pax, and stands here as nothing. */
  const number = (at: number, width: number, value: number, key?: string): void => {
    const digits = value.toString(8);
    const fits = value >= 0 && digits.length < width;
    if (!fits && key !== undefined) records.set(key, encodeUtf8(String(value)));
    block.set(encodeUtf8(`${(fits ? digits : '0').padStart(width - 1, '0')}\0`), at);
  };
  setName(block, entry.name, records);
  number(100, 8, mode & 0o7777);
  number(108, 8, entry.uid, 'uid');
  number(116, 8, entry.gid, 'gid');
  number(124, 12, size, 'size');
  number(136, 12, entry.mtime, 'mtime');
  block[156] = TYPE_FLAGS[type].charCodeAt(0);
  setTarget(block, entry.target, records);
  if (device !== undefined) {
    number(329, 8, device.major);
    number(337, 8, device.minor);
  }
  for (const [name, value] of entry.xattrs ?? []) records.set(paxXattrKey(name), value);
  const header = finish(block);
  return records.size === 0 ? header : concatBytes([paxHeader(records, entry), header]);
}

function finish(block: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  block.set(encodeUtf8('ustar\u000000'), 257);
  block.set(encodeUtf8('        '), 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(encodeUtf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

/** A long name is divided at a '/', its front in the prefix field, where it can be; else pax tells it, and here stands its start. */
function setName(block: Uint8Array, name: string, records: Map<string, Uint8Array>): void {
  const bytes = encodeUtf8(name);
  const cut = bytes.length <= NAME_SIZE ? 0 : findCut(bytes);
  if (!isAscii(bytes) || cut === undefined) {
    records.set('path', bytes);
    block.set(bytes.subarray(0, NAME_SIZE));
    return;
  }
  block.set(bytes.subarray(cut === 0 ? 0 : cut + 1));
  block.set(bytes.subarray(0, cut), 345);
}

/** The first '/' that leaves a name short enough. */
function findCut(bytes: Uint8Array): number | undefined {
  for (let at = Math.max(1, bytes.length - 1 - NAME_SIZE); at <= Math.min(PREFIX_SIZE, bytes.length - 2); at++)
    if (bytes[at] === SLASH) return at;
  return undefined;
}

function setTarget(block: Uint8Array, target: string | undefined, records: Map<string, Uint8Array>): void {
  if (target === undefined) return;
  const bytes = encodeUtf8(target);
  if (!isAscii(bytes) || bytes.length > NAME_SIZE) records.set('linkpath', bytes);
  block.set(bytes.subarray(0, NAME_SIZE), 157);
}

/** An extended header (POSIX, pax, "pax Extended Header"): its records sorted by their keys. */
function paxHeader(records: ReadonlyMap<string, Uint8Array>, { mtime, uid, gid }: TarWriteEntry): Uint8Array<ArrayBuffer> {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1));
  const content = concatBytes(sorted.map(([key, value]) => paxRecord(key, value)));
  // Owner and time are nobody's here, and only repeated where they fit.
  const own = { uid: Math.min(uid, 0o7777777), gid: Math.min(gid, 0o7777777), mtime: Math.min(Math.max(mtime, 0), 0o77777777777) };
  const header = tarHeader({ ...own, name: 'PaxHeaders/entry', type: 'file', mode: 0o644, size: content.length });
  header[156] = PAX.charCodeAt(0);
  return concatBytes([finish(header), content, new Uint8Array(tarPadding(content.length))]);
}

/** "LENGTH KEY=VALUE\n", where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = concatBytes([encodeUtf8(` ${key}=`), value, encodeUtf8('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return concatBytes([encodeUtf8(String(length)), rest]);
}
