/*
 * What has a table of contents (eStargz, zstd:chunked, a directory on a host) as a layer. Content is read by members (of gzip, frames
 * of zstd, files) when it is asked for, and every chunk is compared with its SHA-256 before a byte of it is served. How members are had
 * and decoded, estargz-layer.ts, zstd-chunked-layer.ts and directory-layer.ts know; open-toc.ts opens.
 */

import { concatBytes, ownBytes, toHex } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';
import { isFile } from '../base/mode.ts';
import { type Place, damaged, tooLarge } from '../archive/damage.ts';
import { assertEntrySize } from '../archive/limits.ts';
import type { TocContent, TocFormat } from '../archive/toc.ts';
import { chunkDigest, isHole } from '../archive/toc-chunks.ts';
import type { Codec } from '../codec/codec.ts';
import type { Layer, LayerStats, LayerWarning, PrefetchOptions, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import type { Blocks } from './blocks.ts';
import { subtleCrypto } from './digest.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import type { Source } from './source.ts';
import { Sweep, sweepFiles } from './sweep.ts';
import { filesOf } from './table-paths.ts';

/** Decoded content to keep. */
const DECODED_LIMIT = 32 << 20;
/** Members up to this size are kept decoded while neighbours of what was read may follow: our own packer's have 64 KiB. */
const MEMBER_LIMIT = 1 << 20;
/** Bytes from which on `crypto.subtle` is the faster SHA-256: decision 0018. Below it, asking takes longer than hashing. */
const NATIVE_HASH = 8 << 10;
/** The same for a reader, who would wait for another thread: where processors are busy, it is seldom that one's turn. */
const NATIVE_HASH_OF_READER = 1 << 20;

/** A member that is to be decoded. */
export interface Member {
  /** Where it starts in the archive. */
  readonly offset: number;
  /** How much of what it holds is needed. */
  readonly size: number;
  /** Whether what it holds is compared with digests afterwards. */
  readonly hasDigest: boolean;
  /** Whose content it is. */
  readonly place: Place;
}

/** Gets and keeps members as they are stored. */
export type MemberReader = Pick<Blocks, 'peek' | 'read' | 'readSync' | 'prefetch' | 'close'>;

/** Decodes the members of one format. */
export interface MemberDecoder {
  readonly format: TocFormat;
  /** What a member is in words. */
  readonly member: string;
  readonly codec: Codec;
  /** What gets members, where neighbours are not to come with them. */
  readonly reader?: (source: Source) => MemberReader;
  /** Decodes a member that starts with `bytes` and may end before them. @throws {FsError} EIO, ENOTSUP */
  decode(bytes: Uint8Array, member: Member): Uint8Array;
}

/** What of an archive with a table of contents is not in its table. */
export interface TocState {
  readonly content: TocContent;
  readonly contentEnd: number;
}

/** What a member holds, and where it starts. */
interface Decoded {
  readonly offset: number;
  readonly content: Uint8Array;
}

interface TocParts {
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly content: TocContent;
  /** Where the table of contents starts. */
  readonly contentEnd: number;
  readonly digest: string;
  readonly decoder: MemberDecoder;
  readonly reader: MemberReader;
  readonly opening: Opening;
}

export class TocLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly startup: readonly [start: number, end: number] | undefined;
  readonly #parts: TocParts;
  readonly #reader: MemberReader;
  /** Verified chunks. */
  readonly #decoded = new Lru<number, Uint8Array>(DECODED_LIMIT, (content) => content.length);
  /** Chunks that the platform is hashing for a reader. */
  readonly #verifying = new Map<number, Promise<Uint8Array>>();
  /** What the member that was decoded last holds; not verified. */
  #member: Decoded | undefined;

  constructor(parts: TocParts) {
    const { opening, digest, table, warnings, content } = parts;
    this.name = opening.source.name;
    this.digest = digest;
    this.at = opening.table.at ?? '/';
    this.table = table;
    this.warnings = warnings;
    this.startup = content.startupEnd === 0 ? undefined : [0, content.startupEnd];
    this.#parts = parts;
    this.#reader = parts.reader;
  }

  get content(): TocContent {
    return this.#parts.content;
  }

  /** Whether what stands side by side is had together. */
  get #isOneArchive(): boolean {
    return this.#parts.decoder.reader === undefined;
  }

  /** What `restoreTocLayer` needs. */
  get index(): LayerIndex {
    const { table, digest, warnings } = this;
    const { content, contentEnd, decoder } = this.#parts;
    return { format: decoder.format, table, digest, warnings, state: { content, contentEnd } satisfies TocState };
  }

  get stats(): LayerStats {
    return this.#parts.opening.source.stats;
  }

  async prefetch(paths: readonly string[] | 'all', options?: PrefetchOptions): Promise<void> {
    if (paths === 'all' && this.#isOneArchive) return this.#reader.prefetch([[0, this.#parts.contentEnd]], options);
    const { offset, memberEnd } = this.#parts.content.chunks;
    const ranges: [start: number, end: number][] = [];
    for (const entry of filesOf(this.table, paths)) {
      const { offset: first, stored: count } = this.table.extent(entry);
      for (let chunk = first; chunk < first + count; chunk++) ranges.push([offset[chunk]!, memberEnd[chunk]!]);
    }
    return this.#reader.prefetch(ranges, options);
  }

  async prefetchStartup(options?: PrefetchOptions): Promise<void> {
    const isAtHand = this.#parts.opening.source.peek(0, 1) !== undefined;
    if (this.startup !== undefined && !isAtHand) await this.#reader.prefetch([this.startup], options);
  }

  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    const { opening, contentEnd, content } = this.#parts;
    const { offset } = content.chunks;
    const sweep = this.#isOneArchive ? new Sweep(opening.source, contentEnd, signal) : undefined;
    // Small files stand together in one member.
    let member: Decoded | undefined;
    const check = async (entry: number): Promise<void> => {
      if (!isFile(this.table.mode(entry))) return;
      const { offset: first, stored: count } = this.table.extent(entry);
      for (let chunk = first; chunk < first + count; chunk++) {
        if (isHole(content.chunks, chunk)) continue;
        if (member?.offset !== offset[chunk]) {
          const range = this.#memberOf(chunk, entry);
          const bytes = await (sweep?.read(...range) ?? opening.source.read(...range, signal));
          member = { offset: offset[chunk]!, content: this.#inflate(chunk, bytes, entry) };
        }
        if (this.#hasDigestOf(chunk, NATIVE_HASH)) await this.#verifiedLater(chunk, member!.content, entry);
        else this.#verified(chunk, member!.content, entry);
      }
    };
    return sweepFiles(this.table, check, signal);
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    const pieces: Uint8Array[] = [];
    for (const chunk of this.#chunksOf(entry, start, end)) {
      const zeros = this.#zeros(chunk, start, end);
      const content = zeros ?? this.#kept(chunk, entry) ?? this.#peekChunk(chunk, entry);
      if (content === undefined) return undefined;
      pieces.push(zeros ?? this.#cut(content, chunk, start, end));
    }
    return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const pieces = this.#chunksOf(entry, start, end).map(async (chunk) => {
      const zeros = this.#zeros(chunk, start, end);
      if (zeros !== undefined) return zeros;
      const content = this.#kept(chunk, entry) ?? (await this.#readChunk(chunk, entry, signal));
      return this.#cut(content, chunk, start, end);
    });
    const cut = await Promise.all(pieces);
    return cut.length === 1 ? cut[0]! : concatBytes(cut);
  }

  readSync(entry: number, start: number, end: number): Uint8Array | undefined {
    const pieces: Uint8Array[] = [];
    for (const chunk of this.#chunksOf(entry, start, end)) {
      const zeros = this.#zeros(chunk, start, end);
      let content = zeros ?? this.#kept(chunk, entry);
      if (content === undefined) {
        const bytes = this.#reader.readSync(...this.#memberOf(chunk, entry));
        if (bytes === undefined) return undefined;
        content = this.#decode(chunk, bytes, entry);
      }
      pieces.push(zeros ?? this.#cut(content, chunk, start, end));
    }
    return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
  }

  async close(): Promise<void> {
    this.#decoded.clear();
    this.#member = undefined;
    this.#reader.close();
    this.#parts.opening.source.close();
  }

  /** The numbers of the chunks that hold [start, end) of a file. */
  #chunksOf(entry: number, start: number, end: number): number[] {
    const file = this.table.canonical(entry);
    assertEntrySize(this.#parts.opening.limits.entrySize, this.table.size(file), this.#placeOf(entry));
    if (start >= end) return [];
    const { offset: first, stored: count } = this.table.extent(file);
    const { start: starts } = this.#parts.content.chunks;
    let low = first;
    for (let high = first + count - 1; low < high;) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= start) low = middle;
      else high = middle - 1;
    }
    const chunks: number[] = [];
    for (let chunk = low; chunk < first + count && starts[chunk]! < end; chunk++) chunks.push(chunk);
    return chunks;
  }

  #cut(content: Uint8Array, chunk: number, start: number, end: number): Uint8Array {
    const from = this.#parts.content.chunks.start[chunk]!;
    return content.subarray(Math.max(0, start - from), end - from);
  }

  /** What of a hole is in [start, end); `undefined` of a chunk that is none. */
  #zeros(chunk: number, start: number, end: number): Uint8Array | undefined {
    const { chunks } = this.#parts.content;
    if (!isHole(chunks, chunk)) return undefined;
    const from = chunks.start[chunk]!;
    return new Uint8Array(Math.min(end, from + chunks.size[chunk]!) - Math.max(start, from));
  }

  /** Where the member of a chunk is. @throws {FsError} EFBIG when it takes more memory than is allowed */
  #memberOf(chunk: number, entry: number): readonly [start: number, end: number] {
    const { content, opening } = this.#parts;
    const { offset, memberEnd, memberSize } = content.chunks;
    const [start, end] = [offset[chunk]!, memberEnd[chunk]!];
    const size = Math.max(memberSize[chunk]!, end - start);
    if (size > opening.maxBytes)
      throw tooLarge(this.#placeOf(entry), `${size} bytes in one piece, more than the ${opening.maxBytes} that are allowed`);
    return [start, end];
  }

  /** Gives a chunk that was decoded, verified now if it was not yet. */
  #kept(chunk: number, entry: number): Uint8Array | undefined {
    const kept = this.#decoded.get(chunk);
    if (kept !== undefined) return kept;
    const { offset } = this.#parts.content.chunks;
    return this.#member?.offset === offset[chunk] ? this.#keep(chunk, this.#member!.content, entry) : undefined;
  }

  #peekChunk(chunk: number, entry: number): Uint8Array | undefined {
    const bytes = this.#reader.peek(...this.#memberOf(chunk, entry));
    return bytes && this.#decode(chunk, bytes, entry);
  }

  async #readChunk(chunk: number, entry: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const bytes = await this.#reader.read(...this.#memberOf(chunk, entry), signal);
    // Raced with another reader of the same chunk or member: one decoding is enough.
    return this.#kept(chunk, entry) ?? this.#verifying.get(chunk) ?? this.#decodeLater(chunk, bytes, entry);
  }

  #decode(chunk: number, bytes: Uint8Array, entry: number): Uint8Array {
    return this.#keep(chunk, this.#unpack(chunk, bytes, entry), entry);
  }

  /** The same for a reader who can wait. */
  #decodeLater(chunk: number, bytes: Uint8Array, entry: number): Uint8Array | Promise<Uint8Array> {
    const member = this.#unpack(chunk, bytes, entry);
    if (!this.#hasDigestOf(chunk, NATIVE_HASH_OF_READER)) return this.#keep(chunk, member, entry);
    const verifying = this.#verifiedLater(chunk, member, entry)
      .then((content) => this.#keepVerified(chunk, content))
      .finally(() => this.#verifying.delete(chunk));
    this.#verifying.set(chunk, verifying);
    return verifying;
  }

  /** What the member of a chunk holds, noted for its neighbours. */
  #unpack(chunk: number, bytes: Uint8Array, entry: number): Uint8Array {
    const { chunks } = this.#parts.content;
    const content = this.#inflate(chunk, bytes, entry);
    if (chunkDigest(chunks, chunk) !== undefined && content.length <= MEMBER_LIMIT)
      this.#member = { offset: chunks.offset[chunk]!, content };
    return content;
  }

  /** What the member of a chunk holds. */
  #inflate(chunk: number, bytes: Uint8Array, entry: number): Uint8Array {
    const { content, decoder } = this.#parts;
    const { offset, memberSize } = content.chunks;
    const hasDigest = chunkDigest(content.chunks, chunk) !== undefined;
    return decoder.decode(bytes, { offset: offset[chunk]!, size: memberSize[chunk]!, hasDigest, place: this.#placeOf(entry) });
  }

  /** Takes a chunk out of what its member holds, verifies it and keeps it. */
  #keep(chunk: number, member: Uint8Array, entry: number): Uint8Array {
    return this.#keepVerified(chunk, this.#verified(chunk, member, entry));
  }

  #keepVerified(chunk: number, content: Uint8Array): Uint8Array {
    const own = ownBytes(content);
    this.#decoded.set(chunk, own);
    return own;
  }

  /** Tells whether a chunk has a digest, which is of at least so many bytes. */
  #hasDigestOf(chunk: number, bytes: number): boolean {
    const { chunks } = this.#parts.content;
    return chunkDigest(chunks, chunk) !== undefined && chunks.size[chunk]! >= bytes;
  }

  #verified(chunk: number, member: Uint8Array, entry: number): Uint8Array {
    const { content: toc, decoder } = this.#parts;
    const content = this.#contentOf(chunk, member, entry);
    if (chunkDigest(toc.chunks, chunk) !== undefined) this.#assertDigest(chunk, decoder.codec.sha256(content), entry);
    return content;
  }

  /** The same by the platform's SHA-256, which wants bytes of their own. */
  async #verifiedLater(chunk: number, member: Uint8Array, entry: number): Promise<Uint8Array> {
    const content = ownBytes(this.#contentOf(chunk, member, entry));
    this.#assertDigest(chunk, new Uint8Array(await subtleCrypto().digest('SHA-256', content)), entry);
    return content;
  }

  /** What a member holds of a chunk. */
  #contentOf(chunk: number, member: Uint8Array, entry: number): Uint8Array {
    const { content: toc, decoder } = this.#parts;
    const { innerOffset, size } = toc.chunks;
    const from = innerOffset[chunk]!;
    const content = member.subarray(from, from + size[chunk]!);
    const missing = size[chunk]! - content.length;
    if (missing > 0) throw damaged(this.#placeOf(entry), `its ${decoder.member} ends ${missing} bytes before it does`);
    return content;
  }

  #assertDigest(chunk: number, digest: Uint8Array, entry: number): void {
    const { chunks } = this.#parts.content;
    const [found, should] = [toHex(digest), toHex(chunkDigest(chunks, chunk)!)];
    if (found !== should)
      throw damaged(this.#placeOf(entry), `the SHA-256 of its bytes from ${chunks.start[chunk]!} on is ${found}, should be ${should}`);
  }

  #placeOf(entry: number): Place {
    return { archive: this.name, entry: this.table.path(entry) };
  }
}
