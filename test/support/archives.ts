/*
 * Writes archives for tests: deterministic, in memory, and able to lie about everything an archive can lie about. What is
 * said here comes from the format's specification, not from the readers under test.
 */

import { deflateRawSync, gzipSync } from 'node:zlib';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';

const asBytes = (content: string | Uint8Array): Uint8Array => (typeof content === 'string' ? encodeUtf8(content) : content);

/** CRC-32 by the definition, and nobody's but this file's. */
export function slowCrc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Little-endian fields: [bytes, value]. */
function fields(...values: readonly (readonly [width: 1 | 2 | 4 | 8, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of values) {
    if (width === 8) view.setBigUint64(at, BigInt(value), true);
    else if (width === 4) view.setUint32(at, value >>> 0, true);
    else if (width === 2) view.setUint16(at, value & 0xffff, true);
    else view.setUint8(at, value);
    at += width;
  }
  return bytes;
}

/** An extra field of a zip entry. */
export const extraField = (id: number, content: Uint8Array): Uint8Array => concatBytes([fields([2, id], [2, content.length]), content]);
export const timestampField = (seconds: number): Uint8Array => extraField(0x5455, fields([1, 1], [4, seconds]));
export const ownerField = (uid: number, gid: number): Uint8Array => extraField(0x7875, fields([1, 1], [1, 4], [4, uid], [1, 4], [4, gid]));
export const unicodePathField = (name: string, raw: Uint8Array): Uint8Array =>
  extraField(0x7075, concatBytes([fields([1, 1], [4, slowCrc32(raw)]), encodeUtf8(name)]));

export interface ZipFile {
  /** A name as bytes is written as it is. */
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  readonly deflate?: boolean;
  /** Where the content is so large that its checksum takes too long to be made here. */
  readonly crc?: number;
  /** The content as some other method packs it. */
  readonly packed?: { readonly method: number; readonly bytes: Uint8Array };
  /** Type and permission bits. */
  readonly mode?: number;
  /** Upper byte of "version made by". Default: 3, Unix. */
  readonly host?: number;
  readonly attributes?: number;
  readonly flags?: number;
  readonly dosTime?: readonly [date: number, time: number];
  readonly extra?: Uint8Array;
  readonly localExtra?: Uint8Array;
  /** Sizes and offset in the ZIP64 field, even though they would fit. */
  readonly zip64?: boolean;
  /** Sizes and CRC-32 behind the content. */
  readonly descriptor?: boolean;
  /** What the central directory says instead of the truth. */
  readonly lie?: { crc?: number; size?: number; stored?: number; offset?: number; method?: number; disk?: number };
  /** What the local header says instead of the truth. */
  readonly localLie?: { name?: string; method?: number; flags?: number; signature?: number };
}

export interface ZipArchive {
  readonly comment?: string | Uint8Array;
  readonly prefix?: Uint8Array;
  /** Offsets count the prefix too, as after `zip -A`. */
  readonly adjusted?: boolean;
  readonly suffix?: Uint8Array;
  readonly zip64?: boolean;
  readonly lie?: { entries?: number; directorySize?: number; directoryOffset?: number; disk?: number };
}

/** Writes a zip archive. */
export function zipArchive(files: readonly ZipFile[], archive: ZipArchive = {}): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  const shift = archive.adjusted === true ? (archive.prefix?.length ?? 0) : 0;
  let offset = shift;
  for (const file of files) {
    const { local, central } = zipEntry(file, offset);
    pieces.push(local);
    directory.push(central);
    offset += local.length;
  }
  const directoryBytes = concatBytes(directory);
  const { lie = {} } = archive;
  const entries = lie.entries ?? files.length;
  const size = lie.directorySize ?? directoryBytes.length;
  const start = lie.directoryOffset ?? offset;
  const zip64 = archive.zip64 === true;
  if (zip64) {
    directory.push(fields([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, entries], [8, entries], [8, size], [8, start]));
    directory.push(fields([4, 0x07064b50], [4, 0], [8, offset + directoryBytes.length], [4, 1]));
  }
  const comment = asBytes(archive.comment ?? '');
  const count = zip64 ? 0xffff : entries;
  directory.push(
    fields(
      [4, 0x06054b50],
      [2, lie.disk ?? 0],
      [2, 0],
      [2, count],
      [2, count],
      [4, zip64 ? 0xffffffff : size],
      [4, zip64 ? 0xffffffff : start],
      [2, comment.length],
    ),
  );
  return concatBytes([archive.prefix ?? new Uint8Array(), ...pieces, ...directory, comment, archive.suffix ?? new Uint8Array()]);
}

function zipEntry(file: ZipFile, offset: number): { local: Uint8Array; central: Uint8Array } {
  const { lie = {}, localLie = {}, zip64 = false, descriptor = false } = file;
  const name = asBytes(file.name);
  const content = asBytes(file.content ?? '');
  const stored = file.packed?.bytes ?? (file.deflate === true ? deflateRawSync(content) : content);
  const method = file.packed?.method ?? (file.deflate === true ? 8 : 0);
  const isAscii = name.every((byte) => byte < 0x80);
  const flags = (file.flags ?? (typeof file.name === 'string' && !isAscii ? 0x800 : 0)) | (descriptor ? 8 : 0);
  const crc = file.crc ?? slowCrc32(content);
  const [date, time] = file.dosTime ?? [(44 << 9) | (1 << 5) | 1, 0];
  const big = 0xffffffff;
  const localZip64 = zip64 ? extraField(1, fields([8, content.length], [8, stored.length])) : new Uint8Array();
  const localExtra = concatBytes([localZip64, file.localExtra ?? file.extra ?? new Uint8Array()]);
  const localName = localLie.name === undefined ? name : encodeUtf8(localLie.name);
  const local = concatBytes([
    fields(
      [4, localLie.signature ?? 0x04034b50],
      [2, 20],
      [2, localLie.flags ?? flags],
      [2, localLie.method ?? method],
      [2, time],
      [2, date],
    ),
    fields(
      [4, descriptor ? 0 : crc],
      [4, descriptor ? 0 : zip64 ? big : stored.length],
      [4, descriptor ? 0 : zip64 ? big : content.length],
    ),
    fields([2, localName.length], [2, localExtra.length]),
    localName,
    localExtra,
    stored,
    descriptor ? fields([4, 0x08074b50], [4, crc], [4, stored.length], [4, content.length]) : new Uint8Array(),
  ]);
  const size = lie.size ?? content.length;
  const storedSize = lie.stored ?? stored.length;
  const at = lie.offset ?? offset;
  const centralZip64 = zip64 ? extraField(1, fields([8, size], [8, storedSize], [8, at])) : new Uint8Array();
  const extra = concatBytes([centralZip64, file.extra ?? new Uint8Array()]);
  const attributes = file.attributes ?? ((file.mode ?? 0) << 16) >>> 0;
  const central = concatBytes([
    fields(
      [4, 0x02014b50],
      [1, 30],
      [1, file.host ?? 3],
      [2, 20],
      [2, flags],
      [2, lie.method ?? method],
      [2, time],
      [2, date],
      [4, lie.crc ?? crc],
    ),
    fields([4, zip64 ? big : storedSize], [4, zip64 ? big : size], [2, name.length], [2, extra.length], [2, 0], [2, lie.disk ?? 0], [2, 0]),
    fields([4, attributes], [4, zip64 ? big : at]),
    name,
    extra,
  ]);
  return { local, central };
}

export interface TarFile {
  readonly name: string | Uint8Array;
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since the epoch. */
  readonly mtime?: number;
  readonly link?: string;
  readonly device?: readonly [major: number, minor: number];
  readonly prefix?: string;
  /** What the header says instead of the content's length. */
  readonly size?: number;
  /** Default: POSIX. */
  readonly magic?: 'posix' | 'gnu' | 'v7';
  readonly checksum?: 'right' | 'signed' | 'wrong';
  /** Every number in base-256. */
  readonly base256?: boolean;
  /** Written over the header, before its checksum is made. */
  readonly patch?: { readonly at: number; readonly bytes: Uint8Array };
}

const BLOCK = 512;

/** Writes a tar archive, with the two blocks of zeros at its end unless told otherwise. */
export function tarArchive(files: readonly TarFile[], { end = 2 }: { end?: number } = {}): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  for (const file of files) {
    const content = asBytes(file.content ?? '');
    pieces.push(tarHeader(file, content.length), content, new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  return concatBytes([...pieces, new Uint8Array(end * BLOCK)]);
}

function tarHeader(file: TarFile, length: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const number = (at: number, width: number, value: number): void => {
    if (file.base256 !== true && value >= 0) {
      const digits = Math.floor(value)
        .toString(8)
        .padStart(width - 1, '0');
      block.set(encodeUtf8(`${digits}\0`), at);
      return;
    }
    let rest = BigInt(Math.floor(value));
    for (let i = width - 1; i >= 0; i--, rest >>= 8n) block[at + i] = Number(rest & 0xffn);
    block[at] = block[at]! | 0x80;
  };
  block.set(asBytes(file.name).subarray(0, 100), 0);
  number(100, 8, file.mode ?? 0o644);
  number(108, 8, file.uid ?? 0);
  number(116, 8, file.gid ?? 0);
  number(124, 12, file.size ?? length);
  number(136, 12, file.mtime ?? 0);
  block[156] = file.type === '\0' ? 0 : (file.type ?? '0').charCodeAt(0);
  block.set(encodeUtf8(file.link ?? '').subarray(0, 100), 157);
  const magic = { posix: 'ustar\u000000', gnu: 'ustar  \0', v7: '' }[file.magic ?? 'posix'];
  block.set(encodeUtf8(magic), 257);
  if (file.device !== undefined) {
    number(329, 8, file.device[0]);
    number(337, 8, file.device[1]);
  }
  block.set(encodeUtf8(file.prefix ?? ''), 345);
  if (file.patch !== undefined) block.set(file.patch.bytes, file.patch.at);
  block.set(encodeUtf8('        '), 148);
  let sum = 0;
  for (const byte of block) sum += file.checksum === 'signed' && byte > 127 ? byte - 256 : byte;
  block.set(encodeUtf8(`${(file.checksum === 'wrong' ? sum + 1 : sum).toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

/** A sparse entry as GNU tar writes it by itself: the pieces of the map, four in the header and the rest in blocks behind it. */
export function oldSparseFile(
  name: string,
  map: readonly (readonly [at: number, length: number])[],
  { size, content }: { readonly size: number; readonly content: string },
): TarFile {
  const number = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;
  const pieces = map.map(([at, length]) => number(at) + number(length));
  const header = concatBytes([
    encodeUtf8(pieces.slice(0, 4).join('').padEnd(96, '\0')),
    Uint8Array.of(pieces.length > 4 ? 1 : 0),
    encodeUtf8(number(size)),
  ]);
  const blocks: Uint8Array[] = [];
  for (let i = 4; i < pieces.length; i += 21) {
    const more = i + 21 < pieces.length;
    blocks.push(
      encodeUtf8(
        `${pieces
          .slice(i, i + 21)
          .join('')
          .padEnd(504, '\0')}${more ? '\x01' : '\0'}`.padEnd(BLOCK, '\0'),
      ),
    );
  }
  return {
    name,
    type: 'S',
    magic: 'gnu',
    size: content.length,
    content: concatBytes([...blocks, encodeUtf8(content)]),
    patch: { at: 386, bytes: header },
  };
}

/** A pax extended header for the entry behind it, or for all (`g`). */
export function paxHeader(records: Readonly<Record<string, string | Uint8Array>>, type: 'x' | 'g' = 'x'): TarFile {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = concatBytes([encodeUtf8(` ${key}=`), asBytes(value), encodeUtf8('\n')]);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length++;
    return concatBytes([encodeUtf8(String(length)), rest]);
  });
  return { name: 'PaxHeaders/x', type, content: concatBytes(lines) };
}

export interface GzipMember {
  readonly extra?: Uint8Array;
  readonly name?: string;
  readonly comment?: string;
  readonly headerCrc?: 'right' | 'wrong';
}

/** Writes one gzip member with the optional header fields. */
export function gzipMember(content: Uint8Array, { extra, name, comment, headerCrc }: GzipMember = {}): Uint8Array<ArrayBuffer> {
  const flags =
    (headerCrc === undefined ? 0 : 2) | (extra === undefined ? 0 : 4) | (name === undefined ? 0 : 8) | (comment === undefined ? 0 : 16);
  const header = concatBytes([
    Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3),
    extra === undefined ? new Uint8Array() : concatBytes([fields([2, extra.length]), extra]),
    ...[name, comment].map((text) => (text === undefined ? new Uint8Array() : encodeUtf8(`${text}\0`))),
  ]);
  const crc = slowCrc32(header) ^ (headerCrc === 'wrong' ? 1 : 0);
  return concatBytes([header, headerCrc === undefined ? new Uint8Array() : fields([2, crc]), gzipSync(content).subarray(10)]);
}

export interface ZstdFrame {
  /** Bytes of a block. Default: 100,000. */
  readonly block?: number;
  /** Whether the header says the content's size. Default: true. */
  readonly sized?: boolean;
  /** Exponent of the window, from 10 on, where the header says one. */
  readonly windowLog?: number;
  readonly dictionary?: number;
  /** What the header says instead of the content's size. */
  readonly size?: number;
}

/** Writes one zstd frame (RFC 8878): blocks as they are, or of one repeated byte; without a checksum. */
export function zstdFrame(content: Uint8Array, frame: ZstdFrame = {}): Uint8Array<ArrayBuffer> {
  const { block = 100_000, sized = true, windowLog, dictionary, size = content.length } = frame;
  const single = windowLog === undefined && sized;
  const descriptor = (sized ? 0xc0 : 0) | (single ? 0x20 : 0) | (dictionary === undefined ? 0 : 3);
  const pieces: Uint8Array[] = [
    fields([4, 0xfd2fb528], [1, descriptor]),
    single ? new Uint8Array() : fields([1, ((windowLog ?? 20) - 10) << 3]),
    dictionary === undefined ? new Uint8Array() : fields([4, dictionary]),
    sized ? fields([8, size]) : new Uint8Array(),
  ];
  for (let at = 0; at === 0 || at < content.length; at += block) {
    const part = content.subarray(at, at + block);
    const last = at + block >= content.length ? 1 : 0;
    const repeats = part.length > 0 && Buffer.compare(part.subarray(1), part.subarray(0, -1)) === 0;
    const header = (part.length << 3) | (repeats ? 2 : 0) | last;
    pieces.push(fields([2, header & 0xffff], [1, header >>> 16]), repeats ? part.subarray(0, 1) : part);
  }
  return concatBytes(pieces);
}

/** A zstd frame that decoders pass over. */
export const skippableFrame = (content: Uint8Array): Uint8Array => concatBytes([fields([4, 0x184d2a53], [4, content.length]), content]);
