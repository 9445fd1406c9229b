/*
 * Writes zip (APPNOTE.TXT), as Info-ZIP does on Unix: names in UTF-8, modes and symbolic links in the external attributes, times as
 * extended timestamps (DOS times are UTC here, and the same everywhere), owners as unix ids. No hard links, devices or xattrs: the
 * format has none. Content is compressed while it arrives and its sizes follow it, so that memory holds none of it, and of the
 * archive only the central directory.
 */

import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../base/mode.ts';
import { loadCodec } from '../codec/codec.ts';
import { deflateStream } from '../codec/deflate.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Pieces = AsyncGenerator<Bytes, void, undefined>;

/** One entry to write. */
export interface ZipWriteEntry {
  /** Without '/' in front; of a directory with '/' behind. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch: whole ones. */
  readonly mtime: number;
}

/** What headers say of a content. */
interface ContentFields {
  readonly method: typeof ZIP_STORED | typeof ZIP_DEFLATED;
  readonly crc: number;
  /** Bytes in the archive, and of the content itself. */
  readonly stored: number;
  readonly size: number;
  /** The local header could not say so yet: a data descriptor behind the content does. */
  readonly described?: boolean;
}

/** A content that is at hand. */
export interface ZipContent {
  readonly method: typeof ZIP_STORED | typeof ZIP_DEFLATED;
  /** Of the content itself, however it is stored. */
  readonly crc: number;
  readonly size: number;
  /** As it is stored. */
  readonly pieces: readonly Uint8Array[];
}

export const ZIP_STORED = 0;
export const ZIP_DEFLATED = 8;
const VERSION = 20;
const VERSION_ZIP64 = 45;
const UNIX = 3;
const UTF8_NAME = 0x0800;
/** General purpose bit 3 (APPNOTE.TXT 4.4.4). */
const DESCRIBED = 0x0008;
/** Sizes and offsets have 32 bits, and all ones mean that ZIP64 tells: the first number that is not written here. */
const SIZE_LIMIT = 0xffffffff;
const COUNT_LIMIT = 0xffff;
const NOTHING: ZipContent = { method: ZIP_STORED, crc: 0, size: 0, pieces: [] };

/**
 * Writes an archive piece by piece, one entry after the other: the pieces of one are taken to their end before the next is added. An entry
 * that failed or was given up is not in the directory. What was taken of it stays in the archive and belongs to nothing: readers that go by
 * the directory pass over it, those that read from the front do not.
 *
 * @example
 * const zip = new ZipWriter();
 * for (const { entry, content } of entries) for await (const piece of zip.add(entry, content)) await file.write(piece);
 * for (const piece of zip.end()) await file.write(piece);
 */
export class ZipWriter {
  readonly #directory: Bytes[] = [];
  /** Bytes of the archive so far. */
  #offset = 0;

  /**
   * The pieces of one entry: local header, content, data descriptor. `content` of a symlink is its target, of a directory it is not read.
   * It is read no faster than the pieces are taken, and belongs to the writer: whoever fills a piece anew spoils the archive. Where the
   * platform cannot compress, all of it is gathered, and stored as it is.
   *
   * @throws {FsError} EFBIG when the archive, or the file, would be 4 GiB or more; and whatever `content` throws
   */
  async *add(entry: ZipWriteEntry, content: AsyncIterable<Bytes>): Pieces {
    if (entry.type === 'directory') {
      yield concatBytes(this.addWhole(entry, NOTHING));
      return;
    }
    const tally = new Tally(entry.name);
    const pieces = tally.count(content);
    try {
      const first = await pieces.next();
      const rest = first.done === true ? pieces : putBack(first.value, pieces);
      const deflated = first.done === true || entry.type === 'symlink' ? undefined : deflateStream(rest);
      if (deflated !== undefined) return yield* this.#addDeflated(entry, deflated, tally);
      const gathered: Bytes[] = [];
      for await (const piece of rest) gathered.push(piece);
      const { crc, size } = tally;
      // One piece: what is taken is all that is counted.
      yield concatBytes(this.addWhole(entry, { method: ZIP_STORED, crc, size, pieces: gathered }));
    } finally {
      await pieces.return();
    }
  }

  /**
   * The pieces of an entry whose content is at hand: local header and content.
   *
   * @throws {FsError} EFBIG as `add`
   */
  addWhole(entry: ZipWriteEntry, { method, crc, size, pieces }: ZipContent): Uint8Array[] {
    const fields = { method, crc, size, stored: pieces.reduce((sum, piece) => sum + piece.length, 0) };
    assertSize(size, 'a file', entry.name);
    const offset = this.#offset;
    const local = localHeader(entry, fields);
    this.#grow(local.length + fields.stored, entry.name);
    this.#directory.push(centralHeader(entry, fields, offset));
    return [local, ...pieces];
  }

  async *#addDeflated(entry: ZipWriteEntry, deflated: Pieces, tally: Tally): Pieces {
    const offset = this.#offset;
    const give = (piece: Bytes): Bytes => {
      this.#grow(piece.length, entry.name);
      return piece;
    };
    yield give(localHeader(entry, { method: ZIP_DEFLATED, described: true, crc: 0, stored: 0, size: 0 }));
    let stored = 0;
    for await (const piece of deflated) {
      stored += piece.length;
      yield give(piece);
    }
    const fields = { method: ZIP_DEFLATED, described: true, crc: tally.crc, stored, size: tally.size } as const;
    const descriptor = give(record([4, 0x08074b50], ...sizesOf(fields)));
    this.#directory.push(centralHeader(entry, fields, offset));
    yield descriptor;
  }

  /** Central directory and end records. @throws {FsError} EFBIG when the archive would be 4 GiB or more */
  end(): Bytes[] {
    const directory = concatBytes(this.#directory);
    const records = endRecords(this.#directory.length, directory.length, this.#offset);
    assertSize(this.#offset + directory.length + records.length, 'a zip');
    return [directory, records];
  }

  #grow(length: number, path: string): void {
    assertSize(this.#offset + length, 'a zip', path);
    this.#offset += length;
  }
}

function assertSize(size: number, what: 'a file' | 'a zip', path?: string): void {
  if (size >= SIZE_LIMIT) throw new FsError('EFBIG', { path, detail: `${what} of 4 GiB or more; tar has no such limit, nor has eStargz` });
}

/** Counts what passes. */
class Tally {
  crc = 0;
  size = 0;

  constructor(private readonly path: string) {}

  async *count(content: AsyncIterable<Bytes>): Pieces {
    for await (const piece of content) {
      if (piece.length === 0) continue;
      this.size += piece.length;
      assertSize(this.size, 'a file', this.path);
      this.crc = loadCodec().crc32(piece, this.crc);
      yield piece;
    }
  }
}

async function* putBack(first: Bytes, rest: Pieces): Pieces {
  yield first;
  yield* rest;
}

type Field = readonly [width: 1 | 2 | 4 | 8, value: number];

/** A fixed layout of little-endian numbers, as [bytes, value]. */
function record(...numbers: readonly Field[]): Bytes {
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

const sizesOf = ({ crc, stored, size }: ContentFields): Field[] => [
  [4, crc],
  [4, stored],
  [4, size],
];

function localHeader(entry: ZipWriteEntry, fields: ContentFields): Bytes {
  const name = encodeUtf8(entry.name);
  const extra = extraFields(entry);
  return concatBytes([record([4, 0x04034b50], ...commonFields(entry, fields, name.length), [2, extra.length]), name, extra]);
}

function centralHeader(entry: ZipWriteEntry, fields: ContentFields, offset: number): Bytes {
  const name = encodeUtf8(entry.name);
  const extra = extraFields(entry);
  const type = { file: S_IFREG, directory: S_IFDIR, symlink: S_IFLNK }[entry.type];
  const attributes = (((type | entry.mode) << 16) | (entry.type === 'directory' ? 0x10 : 0)) >>> 0;
  const made = record([4, 0x02014b50], [1, VERSION], [1, UNIX], ...commonFields(entry, fields, name.length), [2, extra.length]);
  return concatBytes([made, record([2, 0], [2, 0], [2, 0], [4, attributes], [4, offset]), name, extra]);
}

/** What stands in both headers. */
function commonFields({ mtime }: ZipWriteEntry, fields: ContentFields, nameSize: number): Field[] {
  const flags = UTF8_NAME | (fields.described === true ? DESCRIBED : 0);
  return [[2, VERSION], [2, flags], [2, fields.method], ...dosTime(mtime), ...sizesOf(fields), [2, nameSize]];
}

/** Info-ZIP's extrafld.txt: extended timestamp (modification only), unix owner. The same in both headers. */
function extraFields({ mtime, uid, gid }: ZipWriteEntry): Bytes {
  const time = Math.min(Math.max(mtime, -0x80000000), 0x7fffffff);
  return record([2, 0x5455], [2, 5], [1, 1], [4, time], [2, 0x7875], [2, 11], [1, 1], [1, 4], [4, uid], [1, 4], [4, gid]);
}

/** Two seconds a step, from 1980 to 2107. */
function dosTime(mtime: number): Field[] {
  const time = new Date(Math.min(Math.max(mtime, Date.UTC(1980, 0) / 1000), Date.UTC(2107, 11, 31) / 1000) * 1000);
  return [
    [2, (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)],
    [2, ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate()],
  ];
}

/** Those of ZIP64 too where there are more entries than 16 bits count. */
function endRecords(count: number, size: number, offset: number): Bytes {
  const shown = Math.min(count, COUNT_LIMIT);
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, shown], [2, shown], [4, size], [4, offset], [2, 0]);
  if (count < COUNT_LIMIT) return end;
  const versions: Field[] = [
    [1, VERSION_ZIP64],
    [1, UNIX],
    [2, VERSION_ZIP64],
  ];
  const zip64 = record([4, 0x06064b50], [8, 44], ...versions, [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, offset]);
  return concatBytes([zip64, record([4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]), end]);
}
