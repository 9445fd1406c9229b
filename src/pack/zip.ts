/*
 * Writes zip (APPNOTE.TXT), as Info-ZIP does on Unix: names in UTF-8, modes and symbolic links in the external attributes, times as
 * extended timestamps (DOS times are UTC here, and the same everywhere), owners as unix ids. No hard links, devices or xattrs: the
 * format has none.
 */

import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../base/mode.ts';
import { loadCodec } from '../codec/codec.ts';
import { type Level, deflate } from './compress.ts';
import type { Arranged, PackEntry, PackWarning } from './entry.ts';

const VERSION = 20;
const VERSION_ZIP64 = 45;
const UNIX = 3;
const UTF8_NAME = 0x0800;
const STORED = 0;
const DEFLATED = 8;
/** Zip counts in 32 bits; sizes beyond would need more of ZIP64 than is written here. */
const SIZE_LIMIT = 0xffffffff;
const COUNT_LIMIT = 0xffff;

/** A fixed layout of little-endian numbers, as [bytes, value]. */
function record(...numbers: readonly (readonly [width: 1 | 2 | 4 | 8, value: number])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(numbers.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of numbers) {
    if (width === 8) view.setBigUint64(at, BigInt(value), true);
    else if (width === 4) view.setUint32(at, value, true);
    else if (width === 2) view.setUint16(at, value, true);
    else view.setUint8(at, value);
    at += width;
  }
  return bytes;
}

export interface WrittenZip {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly warnings: readonly PackWarning[];
}

/**
 * Writes an archive; what a trace named stands in front.
 *
 * @throws {FsError} EFBIG when it, or a file in it, would be 4 GiB or more
 */
export async function writeZip({ first, rest }: Arranged, level: Level): Promise<WrittenZip> {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  const warnings: PackWarning[] = [];
  const entries = [...first, ...rest];
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  let offset = 0;
  for (const entry of entries) {
    const warning = lossOf(entry);
    if (warning !== undefined) warnings.push({ path: entry.path, message: warning });
    const content = await contentOf(entry, byPath);
    if (content === undefined) continue;
    const { local, central } = pack(entry, content, { offset, level });
    pieces.push(...local);
    directory.push(central);
    offset += local.reduce((sum, piece) => sum + piece.length, 0);
    if (offset > SIZE_LIMIT) throw new FsError('EFBIG', { path: entry.path, detail: 'a zip of 4 GiB or more; eStargz has no such limit' });
  }
  return { bytes: concatBytes([...pieces, ...directory, endOf(directory, offset)]), warnings };
}

/** What zip cannot say of an entry. */
function lossOf({ type, xattrs }: PackEntry): string | undefined {
  if (type === 'character' || type === 'block' || type === 'fifo')
    return `left out: zip has no entries for a ${type === 'fifo' ? 'fifo' : 'device'}`;
  if (type === 'link') return 'a hard link: stored as a file of its own';
  return xattrs !== undefined && xattrs.size > 0 ? 'its extended attributes are left out: zip has none' : undefined;
}

async function contentOf(entry: PackEntry, byPath: ReadonlyMap<string, PackEntry>): Promise<Uint8Array | undefined> {
  if (entry.type === 'directory') return new Uint8Array();
  if (entry.type === 'symlink') return encodeUtf8(entry.target ?? '');
  if (entry.type === 'link') return byPath.get(entry.target ?? '')?.read?.();
  return entry.read?.();
}

function pack(
  entry: PackEntry,
  content: Uint8Array,
  { offset, level }: { offset: number; level: Level },
): { local: Uint8Array[]; central: Uint8Array } {
  const isDirectory = entry.type === 'directory';
  const name = encodeUtf8(isDirectory ? `${entry.path}/` : entry.path);
  const deflated = content.length === 0 || entry.type === 'symlink' ? content : deflate(content, level);
  const isSmaller = deflated.length < content.length;
  const stored = isSmaller ? deflated : content;
  if (content.length > SIZE_LIMIT) throw new FsError('EFBIG', { path: entry.path, detail: 'a file of 4 GiB or more' });
  const common = concatBytes([
    record([2, VERSION], [2, UTF8_NAME], [2, isSmaller ? DEFLATED : STORED]),
    dosTime(entry.mtime),
    record([4, loadCodec().crc32(content)], [4, stored.length], [4, content.length], [2, name.length]),
  ]);
  const extra = extraFields(entry);
  const local = [record([4, 0x04034b50]), common, record([2, extra.length]), name, extra, stored];
  const type = isDirectory ? S_IFDIR : entry.type === 'symlink' ? S_IFLNK : S_IFREG;
  const attributes = (((type | entry.mode) << 16) | (isDirectory ? 0x10 : 0)) >>> 0;
  const central = concatBytes([
    record([4, 0x02014b50], [1, VERSION], [1, UNIX]),
    common,
    record([2, extra.length], [2, 0], [2, 0], [2, 0], [4, attributes], [4, offset]),
    name,
    extra,
  ]);
  return { local, central };
}

/** Info-ZIP's extrafld.txt: extended timestamp (modification only), unix owner. The same in both headers. */
function extraFields({ mtime, uid, gid }: PackEntry): Uint8Array {
  return record(
    [2, 0x5455],
    [2, 5],
    [1, 1],
    [4, Math.min(mtime, 0x7fffffff)],
    [2, 0x7875],
    [2, 11],
    [1, 1],
    [1, 4],
    [4, uid],
    [1, 4],
    [4, gid],
  );
}

/** Two seconds a step, from 1980 to 2107. */
function dosTime(mtime: number): Uint8Array {
  const time = new Date(Math.min(Math.max(mtime, Date.UTC(1980, 0) / 1000), Date.UTC(2107, 11, 31) / 1000) * 1000);
  return record(
    [2, (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)],
    [2, ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate()],
  );
}

/** The end records: those of ZIP64 where there are more entries than 16 bits count. */
function endOf(directory: readonly Uint8Array[], offset: number): Uint8Array {
  const size = directory.reduce((sum, piece) => sum + piece.length, 0);
  const count = directory.length;
  if (offset + size > SIZE_LIMIT) throw new FsError('EFBIG', { detail: 'a zip of 4 GiB or more; eStargz has no such limit' });
  const shown = Math.min(count, COUNT_LIMIT);
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, shown], [2, shown], [4, size], [4, offset], [2, 0]);
  if (count < COUNT_LIMIT) return end;
  const zip64 = record(
    [4, 0x06064b50],
    [8, 44],
    [1, VERSION_ZIP64],
    [1, UNIX],
    [2, VERSION_ZIP64],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, offset],
  );
  return concatBytes([zip64, record([4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]), end]);
}
