/*
 * Tables of contents of archives (toc-json.ts) as entries of a layer's table and chunks of content: that of eStargz, and those of
 * zstd:chunked and of a directory on a host, which differ in how they say where content is. Nothing that they say is believed before
 * it was compared with what else they say; content is verified when it is read.
 */

import { encodeUtf8 } from '../base/bytes.ts';
import type { FsError } from '../base/errors.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../base/mode.ts';
import type { TableBuilder } from '../layer/build-table.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import { NO_PREFETCH_LANDMARK, PREFETCH_LANDMARK, TOC_NAME } from './estargz.ts';
import { deviceNumber, idOf } from './tar-entry.ts';
import { type Chunk, type ChunkColumns, packFrames, packMembers } from './toc-chunks.ts';
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

/** What `readToc` needs to know of an archive. */
export interface TocReading {
  readonly format: TocFormat;
  /** Where content ends; of a directory, where it starts. */
  readonly contentEnd: number;
  /** Records that it may have: files, and the chunks of files that have several. */
  readonly most: number;
  readonly place: Place;
}

/** Names as eStargz compares them with its own: nothing that leads to the root counts. */
const fromRoot = (name: string): string => name.replace(/^(?:\.?\/)+/, '');

/**
 * Where the files end that a recorded run read first, as far as a glance tells: the landmark's entry is looked for in the text, without
 * reading the others. 0 where it is not found so; `readToc` has the last word.
 */
export function glanceAtStartup(text: string): number {
  const at = text.indexOf(`${PREFETCH_LANDMARK}"`);
  if (at < 0) return 0;
  try {
    const entry = JSON.parse(text.slice(text.lastIndexOf('{', at), text.indexOf('}', at) + 1)) as { name?: unknown; offset?: unknown };
    const { name, offset } = entry;
    const isLandmark = typeof name === 'string' && fromRoot(name) === PREFETCH_LANDMARK;
    return isLandmark && typeof offset === 'number' && Number.isSafeInteger(offset) ? Math.max(0, offset) : 0;
  } catch {
    // Written in a way that a glance does not understand.
    return 0;
  }
}

/**
 * Adds every entry to a table. An entry's extent says which chunks it has: `offset` is the number of the first, `stored` how many.
 *
 * @throws {FsError} EIO when the table of contents contradicts itself or the archive; EFBIG when it has more records than may be.
 */
export function readToc(text: string, reading: TocReading, builder: TableBuilder): TocContent {
  const { format, contentEnd, most, place } = reading;
  const isEstargz = format === 'estargz';
  const chunks: Chunk[] = [];
  const links = new LaterLinks(place, builder);
  let startupEnd = 0;
  const add = (entry: TocEntry, more: readonly TocEntry[]): void => {
    const name = fromRoot(entry.name);
    if (isEstargz && name === PREFETCH_LANDMARK) {
      startupEnd = Math.min(entry.offset, contentEnd);
    } else if (!isEstargz || (name !== NO_PREFETCH_LANDMARK && name !== TOC_NAME)) {
      const first = chunks.length;
      addChunks(entry, more, reading, chunks);
      addEntry(entry, { offset: first, stored: chunks.length - first, method: 0, crc: 0 }, links, builder);
    }
  };
  let file: TocEntry | undefined;
  let more: TocEntry[] = [];
  for (const entry of parseToc(text, most, place)) {
    if (entry.type === 'chunk' && file !== undefined) {
      more.push(entry);
      continue;
    }
    if (file !== undefined) add(file, more);
    file = entry;
    if (more.length > 0) more = [];
  }
  if (file !== undefined) add(file, more);
  links.finish();
  const size = chunks.reduce((sum, chunk) => sum + (chunk.end === chunk.offset ? 0 : chunk.size), 0);
  return { ...packed(chunks, reading), size, startupEnd };
}

function packed(chunks: readonly Chunk[], { format, contentEnd, place }: TocReading): Pick<TocContent, 'chunks' | 'names'> {
  if (format === 'estargz') return { chunks: packMembers(chunks, contentEnd, place) };
  if (format === 'zstd-chunked') return { chunks: packFrames(chunks, contentEnd, place) };
  return { chunks: packFrames(inLine(chunks, contentEnd, place), Infinity, place), names: chunks.map(({ name }) => name) };
}

function addEntry(
  entry: TocEntry,
  extent: { offset: number; stored: number; method: number; crc: number },
  links: LaterLinks,
  builder: TableBuilder,
): void {
  const { name: path, type, mtime, linkName, xattrs } = entry;
  if (type === 'chunk') return;
  const common = { path, mode: TYPE_BITS[type] | (entry.mode & 0o7777), uid: idOf(entry.uid), gid: idOf(entry.gid), mtime, xattrs };
  links.seen(path);
  if (type === 'hardlink') links.add({ ...common, link: linkName });
  else if (type === 'symlink') builder.add({ ...common, target: linkName, size: encodeUtf8(linkName).length });
  else if (type === 'reg') builder.add({ ...common, size: entry.size, extent });
  else if (type === 'char' || type === 'block')
    builder.add({ ...common, rdev: deviceNumber({ deviceMajor: entry.devMajor, deviceMinor: entry.devMinor }) });
  else builder.add(common);
}

/** Adds the chunks of a file: its own entry is the first. @throws {FsError} EIO when they are not all of it. */
function addChunks(entry: TocEntry, more: readonly TocEntry[], { format, place: archive }: TocReading, chunks: Chunk[]): void {
  if (entry.type !== 'reg') return assertNoChunks(entry, more, { ...archive, entry: entry.name });
  if (entry.size === 0 && more.length === 0) return;
  const wrong = (what: string): FsError => damaged({ ...archive, entry: entry.name }, what);
  let at = 0;
  for (let i = 0; i <= more.length; i++) {
    const part = i === 0 ? entry : more[i - 1]!;
    const { chunkOffset } = part;
    const size = part.chunkSize === 0 ? entry.size - chunkOffset : part.chunkSize;
    if (part.name !== entry.name) throw wrong(`a chunk of '${part.name}' follows it in the table of contents`);
    if (chunkOffset !== at || size <= 0)
      throw wrong(`chunk ${i + 1} of it is the ${size} bytes from ${chunkOffset}, should start at ${at}`);
    // Where the file is one chunk, the digest of the file is as good.
    const digest = part.chunkDigest === '' && more.length === 0 ? part.digest : part.chunkDigest;
    const next = more[i]?.offset ?? entry.endOffset;
    chunks.push({ name: entry.name, ...placeIn(format, part, { size, next, place: archive }), start: at, size, digest });
    at += size;
  }
  if (at !== entry.size) throw wrong(`its chunks have ${at} bytes, and it has ${entry.size}`);
}

interface ChunkPlace {
  readonly size: number;
  /** Where what follows in the file starts, or what is known of the end of its last frame. */
  readonly next: number;
  readonly place: Place;
}

/** Where a chunk stands, as its format says it. @throws {FsError} EIO when that is nowhere */
function placeIn(format: TocFormat, part: TocEntry, { size, next, place }: ChunkPlace): Pick<Chunk, 'offset' | 'end' | 'innerOffset'> {
  const { name, offset, innerOffset, chunkType } = part;
  if (format === 'estargz') return { offset, end: undefined, innerOffset };
  if (format === 'directory') return { offset: 0, end: chunkType === 'zeros' ? 0 : size, innerOffset: 0 };
  return { offset, end: frameEnd(part, next, { ...place, entry: name }), innerOffset: 0 };
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

/** @throws {FsError} EIO when something that is no file has chunks, or is one */
function assertNoChunks({ type }: TocEntry, more: readonly TocEntry[], place: Place): void {
  if (more.length > 0) {
    const what = type === 'chunk' ? 'chunk without a file' : type;
    throw damaged(place, `the table of contents has chunks of it, though it is a ${what}`);
  }
  if (type === 'chunk') throw damaged(place, 'the table of contents has a chunk of it in front of it');
}

type Link = Parameters<TableBuilder['add']>[0] & { readonly link: string };

/** Hard links may stand in front of what they link to; a table wants them behind. */
class LaterLinks {
  readonly #place: Place;
  readonly #builder: TableBuilder;
  readonly #names: string[] = [];
  /** The names as they count; those since the last link are missing. Most archives have no link, and need none of it. */
  readonly #seen = new Set<string>();
  readonly #later = new Map<string, Link>();

  constructor(place: Place, builder: TableBuilder) {
    this.#place = place;
    this.#builder = builder;
  }

  seen(name: string): void {
    this.#names.push(name);
  }

  add(link: Link): void {
    const target = plain(link.link);
    for (const name of this.#names.splice(0)) this.#seen.add(plain(name));
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
function plain(name: string): string {
  // Fast path: most names are written as simply as they can be.
  if (!/(?:^|\/)\.?(?:\/|$)/.test(name)) return name;
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
