/*
 * eStargz (stargz-snapshotter, docs/estargz.md): a tar.gz whose files are gzip members of their own, with a table of contents at
 * its end. This file takes the table of contents out of the archive and turns it into entries of a layer's table and chunks.
 * Nothing that it says is believed before it was compared with what else it says; content is verified when it is read.
 */

import { encodeUtf8, toHex } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../base/mode.ts';
import type { Codec } from '../codec/codec.ts';
import type { TableBuilder } from '../layer/build-table.ts';
import { type Place, damaged, hex32, tooLarge } from './damage.ts';
import { type Chunk, type ChunkColumns, packChunks, parseDigest } from './estargz-chunks.ts';
import { type TocEntry, parseToc } from './estargz-json.ts';
import { gzipHeaderEnd, isGzip } from './gzip-header.ts';
import { deviceNumber, idOf } from './tar-entry.ts';
import { TAR_BLOCK, isTarHeader, readTarHeader } from './tar-header.ts';

/** The name of the table of contents in the tar. */
export const TOC_NAME = 'stargz.index.json';
/** Says where the files end that a recorded run read, and that no run was recorded. */
export const PREFETCH_LANDMARK = '.prefetch.landmark';
export const NO_PREFETCH_LANDMARK = '.no.prefetch.landmark';

const GZIP_TRAILER = 8;

const TYPE_BITS = {
  dir: S_IFDIR,
  reg: S_IFREG,
  symlink: S_IFLNK,
  hardlink: S_IFREG,
  char: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
} as const;

export interface TocOptions {
  readonly place: Place;
  readonly codec: Codec;
  /** Bytes that the table of contents may have; beyond: EFBIG. */
  readonly limit: number;
  /** `sha256:HEX` that it must have. */
  readonly digest?: string | undefined;
}

/**
 * Takes the JSON out of the gzip member that holds the tar entry of the table of contents.
 *
 * @throws {FsError} EIO when it is damaged or has another digest, EFBIG when it is larger than `limit`.
 */
export function unpackToc(member: Uint8Array, { place, codec, limit, digest }: TocOptions): Uint8Array {
  const tar = inflateMember(member, { place, codec, limit });
  if (tar.length < TAR_BLOCK || !isTarHeader(tar.subarray(0, TAR_BLOCK)))
    throw damaged(place, 'no tar header where its table of contents should be');
  const { size } = readTarHeader(tar, 0, place);
  if (TAR_BLOCK + size > tar.length) throw damaged(place, `its table of contents is cut short: ${tar.length - TAR_BLOCK} of ${size} bytes`);
  const json = tar.subarray(TAR_BLOCK, TAR_BLOCK + size);
  if (digest !== undefined) {
    const found = `sha256:${toHex(codec.sha256(json))}`;
    if (found !== digest) throw damaged(place, `the digest of its table of contents is ${found}, should be ${digest}`);
  }
  return json;
}

/**
 * Decodes the gzip member at the start of `bytes`, and checks it.
 *
 * @throws {FsError} EIO, EFBIG
 */
export function inflateMember(bytes: Uint8Array, { place, codec, limit }: Omit<TocOptions, 'digest'>): Uint8Array {
  const start = isGzip(bytes) ? gzipHeaderEnd(bytes, 0, { place, codec }) : undefined;
  if (start === undefined) throw damaged(place, 'no gzip member where one should start');
  let inflated: ReturnType<Codec['inflateStream']>;
  try {
    inflated = codec.inflateStream(bytes.subarray(start), limit);
  } catch (e) {
    if (e instanceof FsError && e.code === 'EFBIG')
      throw tooLarge(place, `a gzip member inflates to more than the ${limit} bytes that are allowed`);
    throw cannotInflate(e, place);
  }
  const trailer = start + inflated.consumed;
  if (trailer + GZIP_TRAILER > bytes.length) throw damaged(place, 'cut short: a gzip member without its trailer');
  const expected = new DataView(bytes.buffer, bytes.byteOffset + trailer, 4).getUint32(0, true);
  const crc = codec.crc32(inflated.output);
  if (crc !== expected) throw damaged(place, `the CRC-32 of a gzip member is ${hex32(crc)}, should be ${hex32(expected)}`);
  return inflated.output;
}

/** The error of a stream that the codec refused, or of memory that there is not. */
export function cannotInflate(e: unknown, place: Place): unknown {
  if (e instanceof FsError) return damaged({ ...place, cause: e }, `cannot be inflated: ${e.detail ?? e.message}`);
  if (e instanceof RangeError) return tooLarge(place, 'inflates to more than there is memory for');
  return e;
}

/** What a table of contents says, beside the entries. */
export interface TocContent {
  readonly chunks: ChunkColumns;
  /** Bytes of all files. */
  readonly size: number;
  /** Where the files end that a recorded run read first; 0 where none was recorded. */
  readonly startupEnd: number;
}

/**
 * Adds every entry to a table. An entry's extent says which chunks it has: `offset` is the number of the first, `stored` how many.
 *
 * @throws {FsError} EIO when the table of contents contradicts itself or the archive, whose content ends at `contentEnd`.
 */
export function readToc(json: Uint8Array, contentEnd: number, place: Place, builder: TableBuilder): TocContent {
  const chunks: Chunk[] = [];
  const links = new LaterLinks(place, builder);
  let startupEnd = 0;
  let size = 0;
  const entries = parseToc(json, place);
  for (let i = 0; i < entries.length;) {
    const entry = entries[i]!;
    let end = i + 1;
    while (entries[end]?.type === 'chunk') end++;
    const name = entry.name.replace(/^(?:\.?\/)+/, '');
    if (name === PREFETCH_LANDMARK) startupEnd = Math.min(entry.offset, contentEnd);
    else if (name !== NO_PREFETCH_LANDMARK && name !== TOC_NAME) {
      const first = chunks.length;
      // Not spread: a call takes some 100,000 arguments, and a large file has more chunks.
      for (const chunk of chunksOf(entry, entries.slice(i + 1, end), place)) chunks.push(chunk);
      size += entry.type === 'reg' ? entry.size : 0;
      addEntry(entry, { offset: first, stored: chunks.length - first, method: 0, crc: 0 }, links, builder);
    }
    i = end;
  }
  links.finish();
  return { chunks: packChunks(chunks, contentEnd, place), size, startupEnd };
}

function addEntry(
  entry: TocEntry,
  extent: { offset: number; stored: number; method: number; crc: number },
  links: LaterLinks,
  builder: TableBuilder,
): void {
  const { name, type, mtime, linkName } = entry;
  if (type === 'chunk') return;
  const common = {
    path: name,
    mode: TYPE_BITS[type] | (entry.mode & 0o7777),
    uid: idOf(entry.uid),
    gid: idOf(entry.gid),
    mtime,
    xattrs: entry.xattrs,
  };
  links.seen(name);
  if (type === 'hardlink') links.add({ ...common, link: linkName });
  else if (type === 'symlink') builder.add({ ...common, target: linkName, size: encodeUtf8(linkName).length });
  else if (type === 'reg') builder.add({ ...common, size: entry.size, extent });
  else if (type === 'char' || type === 'block')
    builder.add({ ...common, rdev: deviceNumber({ deviceMajor: entry.devMajor, deviceMinor: entry.devMinor }) });
  else builder.add(common);
}

/** The chunks of a file: its own entry is the first. @throws {FsError} EIO when they are not all of it. */
function chunksOf(entry: TocEntry, more: readonly TocEntry[], archive: Place): Chunk[] {
  const place = { ...archive, entry: entry.name };
  if (entry.type !== 'reg') {
    if (more.length > 0)
      throw damaged(
        place,
        `the table of contents has chunks of it, though it is a ${entry.type === 'chunk' ? 'chunk without a file' : entry.type}`,
      );
    if (entry.type === 'chunk') throw damaged(place, 'the table of contents has a chunk of it in front of it');
    return [];
  }
  if (entry.size === 0 && more.length === 0) return [];
  const chunks: Chunk[] = [];
  let at = 0;
  for (const [i, part] of [entry, ...more].entries()) {
    const { chunkOffset, offset, innerOffset } = part;
    if (part.name !== entry.name) throw damaged(place, `a chunk of '${part.name}' follows it in the table of contents`);
    const size = part.chunkSize === 0 ? entry.size - chunkOffset : part.chunkSize;
    if (chunkOffset !== at || size <= 0)
      throw damaged(place, `chunk ${i + 1} of it is the ${size} bytes from ${chunkOffset}, should start at ${at}`);
    chunks.push({ name: entry.name, offset, innerOffset, start: at, size, digest: digestOf(part, more.length === 0, place) });
    at += size;
  }
  if (at !== entry.size) throw damaged(place, `its chunks have ${at} bytes, and it has ${entry.size}`);
  return chunks;
}

/** Where the file is one chunk, the digest of the file is as good. */
function digestOf({ chunkDigest, digest }: TocEntry, isWhole: boolean, place: Place): Uint8Array | undefined {
  const text = chunkDigest === '' && isWhole ? digest : chunkDigest;
  if (text === '') return undefined;
  const bytes = parseDigest(text);
  if (bytes === undefined) throw damaged(place, `its digest is none: '${text.slice(0, 80)}'`);
  return bytes;
}

type Link = Parameters<TableBuilder['add']>[0] & { readonly link: string };

/** Hard links may stand in front of what they link to; a table wants them behind. */
class LaterLinks {
  readonly #place: Place;
  readonly #builder: TableBuilder;
  readonly #seen = new Set<string>();
  readonly #later = new Map<string, Link>();

  constructor(place: Place, builder: TableBuilder) {
    this.#place = place;
    this.#builder = builder;
  }

  seen(name: string): void {
    this.#seen.add(plain(name));
  }

  add(link: Link): void {
    const target = plain(link.link);
    if (target !== plain(link.path) && this.#seen.has(target) && !this.#later.has(target)) this.#builder.add(link);
    else this.#later.set(plain(link.path), link);
  }

  /** @throws {FsError} EIO when links lead to one another and to no file. */
  finish(): void {
    const done = new Set<string>();
    for (const first of this.#later.values()) {
      const chain: Link[] = [];
      const inChain = new Set<Link>();
      for (let at: Link | undefined = first; at !== undefined && !done.has(plain(at.path)); at = this.#later.get(plain(at.link))) {
        if (inChain.has(at)) throw damaged({ ...this.#place, entry: first.path }, 'a hard link that leads back to itself');
        inChain.add(at);
        chain.push(at);
      }
      for (const link of chain.toReversed()) {
        this.#builder.add(link);
        done.add(plain(link.path));
      }
    }
  }
}

/** A name as it counts. */
const plain = (name: string): string =>
  name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
