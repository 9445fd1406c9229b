/*
 * Tables of contents of archives (toc-json.ts) as entries of a layer's table and chunks of content: that of eStargz, and those of
 * zstd:chunked and of a directory on a host, which differ in how they say where content is. Nothing that they say is believed before
 * it was compared with what else they say; content is verified when it is read.
 */

import { encodeUtf8 } from '../base/bytes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../base/mode.ts';
import type { TableBuilder } from '../layer/build-table.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import { NO_PREFETCH_LANDMARK, PREFETCH_LANDMARK, TOC_NAME } from './estargz.ts';
import { deviceNumber, idOf } from './tar-entry.ts';
import { type Chunk, type ChunkColumns, packFrames, packMembers, parseDigest } from './toc-chunks.ts';
import { type TocEntry, parseToc } from './toc-json.ts';

export type TocFormat = 'estargz' | 'zstd-chunked' | 'directory';

const TYPE_BITS = {
  dir: S_IFDIR,
  reg: S_IFREG,
  symlink: S_IFLNK,
  hardlink: S_IFREG,
  char: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
} as const;

/** What a table of contents says, beside the entries. */
export interface TocContent {
  readonly chunks: ChunkColumns;
  /** Bytes of all files, without holes. */
  readonly size: number;
  /** Of a directory the name of the file of each chunk. */
  readonly names?: readonly string[] | undefined;
  /** Where the files end that a recorded run read first; 0 where none was recorded. */
  readonly startupEnd: number;
}

/**
 * Adds every entry to a table. An entry's extent says which chunks it has: `offset` is the number of the first, `stored` how many.
 *
 * @throws {FsError} EIO when the table of contents contradicts itself or the archive, whose content ends at `contentEnd`.
 */
export function readToc(
  json: Uint8Array,
  { format, contentEnd, place }: { readonly format: TocFormat; readonly contentEnd: number; readonly place: Place },
  builder: TableBuilder,
): TocContent {
  const isEstargz = format === 'estargz';
  const chunks: Chunk[] = [];
  const links = new LaterLinks(place, builder);
  let startupEnd = 0;
  const entries = parseToc(json, place);
  for (let i = 0; i < entries.length;) {
    const entry = entries[i]!;
    let end = i + 1;
    while (entries[end]?.type === 'chunk') end++;
    const name = entry.name.replace(/^(?:\.?\/)+/, '');
    if (isEstargz && name === PREFETCH_LANDMARK) startupEnd = Math.min(entry.offset, contentEnd);
    else if (!isEstargz || (name !== NO_PREFETCH_LANDMARK && name !== TOC_NAME)) {
      const first = chunks.length;
      for (const chunk of chunksOf(entry, entries.slice(i + 1, end), format, place)) chunks.push(chunk);
      addEntry(entry, { offset: first, stored: chunks.length - first, method: 0, crc: 0 }, links, builder);
    }
    i = end;
  }
  links.finish();
  const size = chunks.reduce((sum, chunk) => sum + (chunk.end === chunk.offset ? 0 : chunk.size), 0);
  if (isEstargz) return { chunks: packMembers(chunks, contentEnd, place), size, startupEnd };
  if (format === 'zstd-chunked') return { chunks: packFrames(chunks, contentEnd, place), size, startupEnd };
  return {
    chunks: packFrames(inLine(chunks, contentEnd, place), Infinity, place),
    names: chunks.map(({ name }) => name),
    size,
    startupEnd,
  };
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
function chunksOf(entry: TocEntry, more: readonly TocEntry[], format: TocFormat, archive: Place): Chunk[] {
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
  const parts = [entry, ...more];
  for (const [i, part] of parts.entries()) {
    const { chunkOffset } = part;
    if (part.name !== entry.name) throw damaged(place, `a chunk of '${part.name}' follows it in the table of contents`);
    const size = part.chunkSize === 0 ? entry.size - chunkOffset : part.chunkSize;
    if (chunkOffset !== at || size <= 0)
      throw damaged(place, `chunk ${i + 1} of it is the ${size} bytes from ${chunkOffset}, should start at ${at}`);
    const chunk = { name: entry.name, offset: part.offset, start: at, size, digest: digestOf(part, more.length === 0, place) };
    if (format === 'estargz') chunks.push({ ...chunk, innerOffset: part.innerOffset });
    else if (format === 'directory') chunks.push({ ...chunk, innerOffset: 0, offset: 0, end: part.chunkType === 'zeros' ? 0 : size });
    else chunks.push({ ...chunk, innerOffset: 0, end: frameEnd(part, parts[i + 1]?.offset ?? entry.endOffset, place) });
    at += size;
  }
  if (at !== entry.size) throw damaged(place, `its chunks have ${at} bytes, and it has ${entry.size}`);
  return chunks;
}

/** Puts chunks behind each other, from byte `start` on: they are in no archive. @throws {FsError} EFBIG when there is no number for that. */
function inLine(chunks: readonly Chunk[], start: number, place: Place): Chunk[] {
  let offset = start;
  return chunks.map((chunk) => {
    const end = offset + chunk.end!;
    if (!Number.isSafeInteger(end)) throw tooLarge(place, 'its files have more bytes than can be counted');
    const placed = { ...chunk, offset, end };
    offset = end;
    return placed;
  });
}

/** Where the frame of a chunk ends: at the latest where the next one of the file starts. @throws {FsError} EIO when that is nowhere. */
function frameEnd({ offset, chunkType, chunkOffset }: TocEntry, end: number, place: Place): number {
  if (chunkType === 'zeros') return offset;
  if (end <= offset) throw damaged(place, `its content from ${chunkOffset} on is said to be at the bytes ${offset} to ${end}`);
  return end;
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
