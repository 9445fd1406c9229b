/*
 * Where the content of an archive with a table of contents is: chunks of files, packed into columns. In eStargz several chunks may
 * stand in one gzip member (`innerOffset`); how long a member is nobody says, but it ends where the next one that is named starts at
 * the latest. In zstd:chunked a chunk is a frame, whose end is known, or a hole, which has none.
 */

import { type Place, damaged } from './damage.ts';
import { DEFLATE_MAX_RATIO } from './gzip.ts';

/** One chunk as the table of contents has it. */
export interface Chunk {
  /** The name of the file, for messages. */
  readonly name: string;
  /** Where its member (a gzip member, or a zstd frame) starts in the archive. */
  readonly offset: number;
  /** Where its member ends, where that is known. Where it starts: a hole. */
  readonly end?: number | undefined;
  /** Where it starts in what the member holds. */
  readonly innerOffset: number;
  /** Where it starts in its file. */
  readonly start: number;
  readonly size: number;
  /** SHA-256 of it, as `sha256:HEX`; '' where the archive has none. */
  readonly digest: string;
}

/** The columns, one element a chunk, in the order of the table of contents: the chunks of a file stand together. */
export interface ChunkColumns {
  readonly offset: Float64Array;
  /** Where the member ends in the archive, at the latest; of a hole, where it starts. */
  readonly memberEnd: Float64Array;
  /** Bytes of what the member holds, up to the end of its last chunk. */
  readonly memberSize: Float64Array;
  readonly innerOffset: Float64Array;
  readonly start: Float64Array;
  readonly size: Float64Array;
  /** 32 bytes each. */
  readonly digests: Uint8Array;
  /** 1 where there is a digest. */
  readonly hasDigest: Uint8Array;
}

const DIGEST_SIZE = 32;

function columnsOf(chunks: readonly Chunk[], archive: Place): ChunkColumns {
  const column = (value: (chunk: Chunk) => number): Float64Array => {
    const values = new Float64Array(chunks.length);
    for (let i = 0; i < values.length; i++) values[i] = value(chunks[i]!);
    return values;
  };
  const columns: ChunkColumns = {
    offset: column(({ offset }) => offset),
    memberEnd: column(({ end }) => end ?? 0),
    memberSize: column(({ size }) => size),
    innerOffset: column(({ innerOffset }) => innerOffset),
    start: column(({ start }) => start),
    size: column(({ size }) => size),
    digests: new Uint8Array(chunks.length * DIGEST_SIZE),
    hasDigest: new Uint8Array(chunks.length),
  };
  for (let i = 0; i < chunks.length; i++) {
    const { digest, name } = chunks[i]!;
    if (digest === '') continue;
    columns.hasDigest[i] = 1;
    if (readDigest(digest, columns.digests, i * DIGEST_SIZE)) continue;
    throw damaged({ ...archive, entry: name }, `its digest is none: '${digest.slice(0, 80)}'`);
  }
  return columns;
}

/**
 * Packs chunks that are zstd frames of an archive whose content ends at `contentEnd`.
 *
 * @throws {FsError} EIO when one is outside the archive, or has no digest.
 */
export function packFrames(chunks: readonly Chunk[], contentEnd: number, archive: Place): ChunkColumns {
  for (const { name, offset, end = 0, start, digest } of chunks) {
    const place = { ...archive, entry: name };
    if (end > contentEnd) throw damaged(place, `its content from ${start} on is at the bytes ${offset} to ${end} of ${contentEnd}`);
    // Frames need not have a checksum of their own.
    if (end > offset && digest === '') throw damaged(place, `its content from ${start} on has no digest`);
  }
  const columns = columnsOf(chunks, archive);
  // What is not stored needs none.
  columns.hasDigest.fill(1);
  return columns;
}

/**
 * Packs chunks that stand in gzip members of an archive whose content ends at `contentEnd`.
 *
 * @throws {FsError} EIO when they overlap, are outside the archive, or are more than their compressed bytes can hold.
 */
export function packMembers(chunks: readonly Chunk[], contentEnd: number, archive: Place): ChunkColumns {
  const columns = columnsOf(chunks, archive);
  for (const members of membersOf(chunks)) {
    const end = members.next ?? contentEnd;
    const size = measureMember(chunks, members.chunks, end, archive);
    for (const i of members.chunks) {
      columns.memberEnd[i] = end;
      columns.memberSize[i] = size;
    }
  }
  return columns;
}

interface Member {
  /** Numbers of its chunks, by their place in it. */
  readonly chunks: readonly number[];
  /** Where the next member starts. */
  readonly next: number | undefined;
}

function* membersOf(chunks: readonly Chunk[]): Generator<Member> {
  const order = chunks.map((_, i) => i);
  const compare = (a: number, b: number): number =>
    chunks[a]!.offset - chunks[b]!.offset || chunks[a]!.innerOffset - chunks[b]!.innerOffset || a - b;
  // Packers list chunks in the order in which they stand.
  if (order.some((i) => i > 0 && compare(i - 1, i) > 0)) order.sort(compare);
  for (let first = 0; first < order.length;) {
    const { offset } = chunks[order[first]!]!;
    let end = first + 1;
    while (end < order.length && chunks[order[end]!]!.offset === offset) end++;
    yield { chunks: order.slice(first, end), next: end < order.length ? chunks[order[end]!]!.offset : undefined };
    first = end;
  }
}

/** Gives how much a member holds. */
function measureMember(chunks: readonly Chunk[], numbers: readonly number[], end: number, archive: Place): number {
  let size = 0;
  let before: Chunk | undefined;
  for (const i of numbers) {
    const chunk = chunks[i]!;
    const place = { ...archive, entry: chunk.name };
    if (chunk.offset >= end) throw damaged(place, `its content is at byte ${chunk.offset}, behind the last of the archive's content`);
    if (chunk.innerOffset < size && before !== undefined)
      throw damaged(place, `its content overlaps with that of '${before.name}' in the gzip member at byte ${chunk.offset}`);
    size = chunk.innerOffset + chunk.size;
    before = chunk;
  }
  const last = before!;
  if (size > (end - last.offset) * DEFLATE_MAX_RATIO) {
    throw damaged(
      { ...archive, entry: last.name },
      `its table of contents claims ${size} bytes in the gzip member at byte ${last.offset}, whose ${end - last.offset} bytes cannot hold them`,
    );
  }
  return size;
}

/** Tells whether a chunk is all zeros, and nothing is stored of it. */
export const isHole = ({ offset, memberEnd }: ChunkColumns, chunk: number): boolean => memberEnd[chunk] === offset[chunk];

/** The digest of a chunk, or `undefined`. */
export function chunkDigest({ digests, hasDigest }: ChunkColumns, chunk: number): Uint8Array | undefined {
  return hasDigest[chunk] === 1 ? digests.subarray(chunk * DIGEST_SIZE, (chunk + 1) * DIGEST_SIZE) : undefined;
}

const DIGEST_PREFIX = 'sha256:';

/** Reads `sha256:HEX`: `undefined` for anything else. */
export function parseDigest(text: string): Uint8Array | undefined {
  const digest = new Uint8Array(DIGEST_SIZE);
  return readDigest(text, digest, 0) ? digest : undefined;
}

/** Writes the bytes of `sha256:HEX` to where they belong; false where the text is something else. */
function readDigest(text: string, into: Uint8Array, at: number): boolean {
  if (text.length !== DIGEST_PREFIX.length + DIGEST_SIZE * 2 || !text.startsWith(DIGEST_PREFIX)) return false;
  for (let i = 0; i < DIGEST_SIZE; i++) {
    const place = DIGEST_PREFIX.length + i * 2;
    const high = hexDigit(text.charCodeAt(place));
    const low = hexDigit(text.charCodeAt(place + 1));
    if (high < 0 || low < 0) return false;
    into[at + i] = high * 16 + low;
  }
  return true;
}

/** The value of a hexadecimal digit, lower case as OCI demands; -1 for anything else. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
