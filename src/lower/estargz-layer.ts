/*
 * An eStargz archive as a layer. Opening reads its footer and its table of contents and nothing else; content is read by gzip
 * members when it is asked for, and every chunk is compared with its SHA-256 before a byte of it is served.
 */

import { concatBytes, ownBytes, toHex } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';
import { type Place, damaged, tooLarge } from '../archive/damage.ts';
import { type TocContent, cannotInflate, inflateMember, readToc, unpackToc } from '../archive/estargz.ts';
import { chunkDigest } from '../archive/estargz-chunks.ts';
import type { TocPlace } from '../archive/estargz-footer.ts';
import { gzipHeaderEnd, isGzip } from '../archive/gzip-header.ts';
import { assertContentSize, assertEntrySize } from '../archive/limits.ts';
import { type Codec, STREAM_START, loadCodec } from '../codec/codec.ts';
import { isFile } from '../base/mode.ts';
import { TableBuilder } from '../layer/build-table.ts';
import type { Layer, LayerStats, LayerWarning, PrefetchOptions, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import { Blocks } from './blocks.ts';
import { layerDigest, subtleCrypto } from './digest.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import { Sweep, sweepFiles } from './sweep.ts';
import { filesOf } from './table-paths.ts';

/** Decoded content to keep. */
const DECODED_LIMIT = 32 << 20;
/** Members up to this size are kept decoded while neighbours of what was read may follow: our own packer's have 64 KiB. */
const MEMBER_LIMIT = 1 << 20;
/** Bytes from which on `crypto.subtle` is the faster SHA-256: decision 0018. Below it, asking takes longer than hashing. */
const NATIVE_HASH = 8 << 10;
/** Bytes of a table of contents: a million entries have about as many. */
const TOC_LIMIT = 256 << 20;

/**
 * Opens the archive whose table of contents is at `toc`. `tail` is the archive's end. With `tocDigest`, everything that is ever
 * read of it is covered by that digest.
 *
 * @throws {FsError} EIO when it is damaged, contradicts itself or has another digest; EFBIG when it is beyond a limit.
 */
export async function openEstargzLayer(toc: TocPlace, tail: Uint8Array, opening: Opening, tocDigest?: string): Promise<Layer> {
  const { source, size, limits, maxBytes, signal } = opening;
  const place: Place = { archive: source.name };
  const codec = loadCodec();
  const limit = Math.min(TOC_LIMIT, maxBytes);
  if (toc.end - toc.start > limit)
    throw tooLarge(place, `a table of contents of ${toc.end - toc.start} bytes, more than the ${limit} that are allowed`);
  const tailStart = size - tail.length;
  const rest = toc.start < tailStart ? await source.read(toc.start, tailStart, signal) : undefined;
  const bytes =
    rest === undefined
      ? tail.subarray(toc.start - tailStart, toc.end - tailStart)
      : concatBytes([rest, tail.subarray(0, toc.end - tailStart)]);
  const json = unpackToc(bytes, { place, codec, limit, digest: tocDigest });
  const builder = new TableBuilder(opening.table, { archive: source.name, entries: limits.entries });
  const blocks = new Blocks(source, { end: toc.start });
  const onStartup = (end: number): void => {
    // Whoever needs a file that could not be fetched ahead asks for it again, and hears of the failure.
    if (opening.startup === true && source.peek(0, 1) === undefined) blocks.prefetch([[0, end]], { signal }).catch(() => undefined);
  };
  const content = readToc(json, { contentEnd: toc.start, place, onStartup }, builder);
  assertContentSize(limits, content.size, size, place);
  if (tocDigest !== undefined && content.chunks.hasDigest.includes(0))
    throw damaged(place, 'its table of contents has no digests of some chunks, so that the given digest does not cover them');
  const digest = await layerDigest(json, opening.table);
  return new EstargzLayer({ ...builder.build(), content, contentEnd: toc.start, digest, codec, opening, blocks });
}

/** What of an eStargz archive is not in its table. */
interface EstargzState {
  readonly content: TocContent;
  readonly contentEnd: number;
}

/** Makes the layer again of which `index` is, without reading anything; `undefined` when `tocDigest` is of another archive. */
export function restoreEstargzLayer(
  { table, warnings, digest, state }: LayerIndex,
  opening: Opening,
  tocDigest?: string,
): Layer | undefined {
  const { content, contentEnd } = state as EstargzState;
  const isPinned = digest.split(';')[0] === tocDigest?.replace(':', '-') && !content.chunks.hasDigest.includes(0);
  if (tocDigest !== undefined && !isPinned) return undefined;
  const blocks = new Blocks(opening.source, { end: contentEnd });
  return new EstargzLayer({ table, warnings, digest, content, contentEnd, codec: loadCodec(), opening, blocks });
}

/** What `restoreEstargzLayer` needs; `undefined` of a layer of another format. */
export function indexOfEstargz(layer: Layer): LayerIndex | undefined {
  return layer instanceof EstargzLayer ? layer.index : undefined;
}

/** What a gzip member holds, and where it starts. */
interface Member {
  readonly offset: number;
  readonly content: Uint8Array;
}

interface EstargzParts {
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly content: TocContent;
  /** Where the table of contents starts. */
  readonly contentEnd: number;
  readonly digest: string;
  readonly codec: Codec;
  readonly opening: Opening;
  readonly blocks: Blocks;
}

class EstargzLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly startup: readonly [start: number, end: number] | undefined;
  readonly #parts: EstargzParts;
  readonly #blocks: Blocks;
  /** Verified chunks. */
  readonly #decoded = new Lru<number, Uint8Array>(DECODED_LIMIT, (content) => content.length);
  /** What the member that was decoded last holds; not verified. */
  #member: Member | undefined;

  constructor(parts: EstargzParts) {
    const { opening, digest, table, warnings, content } = parts;
    this.name = opening.source.name;
    this.digest = digest;
    this.at = opening.table.at ?? '/';
    this.table = table;
    this.warnings = warnings;
    this.startup = content.startupEnd === 0 ? undefined : [0, content.startupEnd];
    this.#parts = parts;
    this.#blocks = parts.blocks;
  }

  get index(): LayerIndex {
    const { table, digest, warnings } = this;
    const { content, contentEnd } = this.#parts;
    return { format: 'estargz', table, digest, warnings, state: { content, contentEnd } satisfies EstargzState };
  }

  get stats(): LayerStats {
    return this.#parts.opening.source.stats;
  }

  async prefetch(paths: readonly string[] | 'all', options?: PrefetchOptions): Promise<void> {
    if (paths === 'all') return this.#blocks.prefetch([[0, this.#parts.contentEnd]], options);
    const { offset, memberEnd } = this.#parts.content.chunks;
    const ranges: [start: number, end: number][] = [];
    for (const entry of filesOf(this.table, paths)) {
      const { offset: first, stored: count } = this.table.extent(entry);
      for (let chunk = first; chunk < first + count; chunk++) ranges.push([offset[chunk]!, memberEnd[chunk]!]);
    }
    return this.#blocks.prefetch(ranges, options);
  }

  async prefetchStartup(options?: PrefetchOptions): Promise<void> {
    const isAtHand = this.#parts.opening.source.peek(0, 1) !== undefined;
    if (this.startup !== undefined && !isAtHand) await this.#blocks.prefetch([this.startup], options);
  }

  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    const { opening, contentEnd, content } = this.#parts;
    const { offset, memberEnd } = content.chunks;
    const sweep = new Sweep(opening.source, contentEnd, signal);
    // Small files stand together in one member.
    let member: Member | undefined;
    const check = async (entry: number): Promise<void> => {
      if (!isFile(this.table.mode(entry))) return;
      const { offset: first, stored: count } = this.table.extent(entry);
      for (let chunk = first; chunk < first + count; chunk++) {
        if (member?.offset !== offset[chunk]) {
          const bytes = await sweep.read(offset[chunk]!, memberEnd[chunk]!);
          member = { offset: offset[chunk]!, content: this.#inflate(chunk, bytes, entry) };
        }
        await this.#verifyLater(chunk, member!.content, entry);
      }
    };
    return sweepFiles(this.table, check, signal);
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    const pieces: Uint8Array[] = [];
    for (const chunk of this.#chunksOf(entry, start, end)) {
      const content = this.#kept(chunk, entry) ?? this.#peekChunk(chunk, entry);
      if (content === undefined) return undefined;
      pieces.push(this.#cut(content, chunk, start, end));
    }
    return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const pieces = this.#chunksOf(entry, start, end).map(async (chunk) => {
      const content = this.#kept(chunk, entry) ?? (await this.#readChunk(chunk, entry, signal));
      return this.#cut(content, chunk, start, end);
    });
    const cut = await Promise.all(pieces);
    return cut.length === 1 ? cut[0]! : concatBytes(cut);
  }

  readSync(entry: number, start: number, end: number): Uint8Array | undefined {
    const { offset, memberEnd } = this.#parts.content.chunks;
    const pieces: Uint8Array[] = [];
    for (const chunk of this.#chunksOf(entry, start, end)) {
      let content = this.#kept(chunk, entry);
      if (content === undefined) {
        const bytes = this.#blocks.readSync(offset[chunk]!, memberEnd[chunk]!);
        if (bytes === undefined) return undefined;
        content = this.#decode(chunk, bytes, entry);
      }
      pieces.push(this.#cut(content, chunk, start, end));
    }
    return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
  }

  async close(): Promise<void> {
    this.#decoded.clear();
    this.#member = undefined;
    this.#blocks.close();
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

  /** Gives a chunk that was decoded, verified now if it was not yet. */
  #kept(chunk: number, entry: number): Uint8Array | undefined {
    const kept = this.#decoded.get(chunk);
    if (kept !== undefined) return kept;
    const { offset } = this.#parts.content.chunks;
    return this.#member?.offset === offset[chunk] ? this.#keep(chunk, this.#member!.content, entry) : undefined;
  }

  #peekChunk(chunk: number, entry: number): Uint8Array | undefined {
    const { offset, memberEnd } = this.#parts.content.chunks;
    const bytes = this.#blocks.peek(offset[chunk]!, memberEnd[chunk]!);
    return bytes && this.#decode(chunk, bytes, entry);
  }

  async #readChunk(chunk: number, entry: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { offset, memberEnd } = this.#parts.content.chunks;
    const bytes = await this.#blocks.read(offset[chunk]!, memberEnd[chunk]!, signal);
    // Raced with another reader of the same chunk or member: one decoding is enough.
    return this.#kept(chunk, entry) ?? this.#decode(chunk, bytes, entry);
  }

  #decode(chunk: number, bytes: Uint8Array, entry: number): Uint8Array {
    const { chunks } = this.#parts.content;
    const content = this.#inflate(chunk, bytes, entry);
    if (chunkDigest(chunks, chunk) !== undefined && content.length <= MEMBER_LIMIT)
      this.#member = { offset: chunks.offset[chunk]!, content };
    return this.#keep(chunk, content, entry);
  }

  /** What the member of a chunk holds. */
  #inflate(chunk: number, bytes: Uint8Array, entry: number): Uint8Array {
    const { codec, content: toc, opening } = this.#parts;
    const place = this.#placeOf(entry);
    const size = toc.chunks.memberSize[chunk]!;
    if (size > opening.maxBytes) throw tooLarge(place, `${size} bytes in one piece, more than the ${opening.maxBytes} that are allowed`);
    if (chunkDigest(toc.chunks, chunk) === undefined) {
      // stargz had no digests: the CRC-32 of the whole member says whether it is right.
      return inflateMember(bytes, { place, codec, limit: opening.maxBytes });
    }
    const start = isGzip(bytes) ? gzipHeaderEnd(bytes, toc.chunks.offset[chunk]!, { place, codec }) : undefined;
    if (start === undefined) throw damaged(place, `no gzip member at byte ${toc.chunks.offset[chunk]!}`);
    try {
      return codec.inflateRange(bytes.subarray(start), STREAM_START, 0, size);
    } catch (e) {
      throw cannotInflate(e, place);
    }
  }

  /** Takes a chunk out of what its member holds, verifies it and keeps it. */
  #keep(chunk: number, member: Uint8Array, entry: number): Uint8Array {
    const own = ownBytes(this.#verified(chunk, member, entry));
    this.#decoded.set(chunk, own);
    return own;
  }

  #verified(chunk: number, member: Uint8Array, entry: number): Uint8Array {
    const content = this.#contentOf(chunk, member, entry);
    if (chunkDigest(this.#parts.content.chunks, chunk) !== undefined) this.#assertDigest(chunk, this.#parts.codec.sha256(content), entry);
    return content;
  }

  /** The same where nobody waits for the bytes: by the platform's SHA-256 where that is the faster one. */
  async #verifyLater(chunk: number, member: Uint8Array, entry: number): Promise<void> {
    const content = this.#contentOf(chunk, member, entry);
    if (content.length < NATIVE_HASH || chunkDigest(this.#parts.content.chunks, chunk) === undefined) this.#verified(chunk, member, entry);
    else this.#assertDigest(chunk, new Uint8Array(await subtleCrypto().digest('SHA-256', ownBytes(content))), entry);
  }

  /** What a member holds of a chunk. */
  #contentOf(chunk: number, member: Uint8Array, entry: number): Uint8Array {
    const { innerOffset, size } = this.#parts.content.chunks;
    const from = innerOffset[chunk]!;
    const content = member.subarray(from, from + size[chunk]!);
    const missing = size[chunk]! - content.length;
    if (missing > 0) throw damaged(this.#placeOf(entry), `its gzip member ends ${missing} bytes before it does`);
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
