/*
 * A SquashFS image as a layer. Opening reads its superblock and its tables, which stand together at its end; content is read by
 * blocks and fragments when it is asked for, and what was unpacked last is kept.
 */

import { concatBytes, ownBytes } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';
import { type Place, tooLarge } from '../archive/damage.ts';
import { assertContentSize, assertEntrySize, contentLimit, entryLimit } from '../archive/limits.ts';
import { readSquashfs } from '../archive/squashfs.ts';
import { type Part, type SquashfsContent, SquashfsParts, cutPart, unpackPart } from '../archive/squashfs-content.ts';
import { SquashfsMetadata } from '../archive/squashfs-metadata.ts';
import { SUPERBLOCK_SIZE, readSuperblock } from '../archive/squashfs-superblock.ts';
import { type Unpack, unpackerOf } from '../archive/squashfs-unpack.ts';
import { loadCodec } from '../codec/codec.ts';
import { loadZstd } from '../codec/zstd.ts';
import { TableBuilder } from '../layer/build-table.ts';
import type { Layer, LayerStats, LayerWarning, PrefetchOptions, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import { isFile } from '../base/mode.ts';
import { Blocks } from './blocks.ts';
import { layerDigest } from './digest.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import { verifySquashfs } from './squashfs-verify.ts';
import { filesOf } from './table-paths.ts';

/** Unpacked blocks and fragments to keep: a fragment holds many small files. */
const UNPACKED_LIMIT = 32 << 20;
/** Bytes of the image that are held packed at a time, for each of the requests that may run. */
const RUN_LIMIT = 4 << 20;

/**
 * Opens the image that starts with `head` and ends with `tail`.
 *
 * @throws {FsError} EIO when it is damaged or contradicts itself, EFBIG when it is beyond a limit, ENOTSUP for another version or
 *   compression.
 */
export async function openSquashfsLayer(head: Uint8Array, tail: Uint8Array, opening: Opening): Promise<Layer> {
  const { source, size, limits, maxBytes, signal } = opening;
  const place: Place = { archive: source.name };
  const superblock = readSuperblock(head, size, place);
  const { inodeTable, end, compressor } = superblock;
  if (end - inodeTable > maxBytes)
    throw tooLarge(place, `${end - inodeTable} bytes of metadata, more than the ${maxBytes} that are allowed`);
  const tailStart = size - tail.length;
  const rest = inodeTable < tailStart ? await source.read(inodeTable, Math.min(tailStart, end), signal) : undefined;
  const last = tail.subarray(Math.max(0, inodeTable - tailStart), Math.max(0, end - tailStart));
  const bytes = rest === undefined ? last : concatBytes([rest, last]);
  const unpack = await unpackerFor(compressor, opening);
  const limit = Math.min(maxBytes, contentLimit(limits, bytes.length));
  const builder = new TableBuilder(opening.table, { archive: source.name, entries: entryLimit(limits, size) });
  const metadata = new SquashfsMetadata(bytes, inodeTable, { place, unpack, limit });
  const { content, size: contentSize } = readSquashfs(superblock, metadata, builder, entryLimit(limits, size));
  assertContentSize(limits, contentSize, size, place);
  // The tables have no checksums of content, so that they tell two images apart only mostly (decision 0019).
  const digest = await layerDigest(opening.whole ?? concatBytes([head.subarray(0, SUPERBLOCK_SIZE), bytes]), opening.table);
  return new SquashfsLayer({ ...builder.build(), digest, content, opening, unpack });
}

/** Makes the layer again of which `index` is, without reading anything. */
export async function restoreSquashfsLayer({ table, warnings, digest, state }: LayerIndex, opening: Opening): Promise<Layer> {
  const content = state as SquashfsContent;
  return new SquashfsLayer({ table, warnings, digest, content, opening, unpack: await unpackerFor(content.compressor, opening) });
}

const unpackerFor = async (compressor: SquashfsContent['compressor'], { source, limits }: Opening): Promise<Unpack> =>
  unpackerOf(loadCodec(), compressor === 'zstd' ? await loadZstd(source.name) : undefined, limits.window);

interface SquashfsLayerParts {
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly digest: string;
  readonly content: SquashfsContent;
  readonly opening: Opening;
  readonly unpack: Unpack;
}

class SquashfsLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly #opening: Opening;
  readonly #unpacker: Unpack;
  readonly #parts: SquashfsParts;
  readonly #blocks: Blocks;
  readonly #unpacked = new Lru<number, Uint8Array>(UNPACKED_LIMIT, (content) => content.length);

  constructor({ table, warnings, digest, content, opening, unpack }: SquashfsLayerParts) {
    this.name = opening.source.name;
    this.digest = digest;
    this.at = opening.table.at ?? '/';
    this.table = table;
    this.warnings = warnings;
    this.#opening = opening;
    this.#unpacker = unpack;
    this.#parts = new SquashfsParts(content);
    this.#blocks = new Blocks(opening.source, { end: content.contentEnd });
  }

  /** What `restoreSquashfsLayer` needs. */
  get index(): LayerIndex {
    const { table, digest, warnings } = this;
    return { format: 'squashfs', table, digest, warnings, state: this.#parts.content };
  }

  get stats(): LayerStats {
    return this.#opening.source.stats;
  }

  async prefetch(paths: readonly string[] | 'all', options?: PrefetchOptions): Promise<void> {
    if (paths === 'all') return this.#blocks.prefetch([[0, this.#parts.content.contentEnd]], options);
    const ranges: (readonly [start: number, end: number])[] = [];
    for (const entry of filesOf(this.table, paths)) {
      const whole = this.#partsOf(entry, 0, isFile(this.table.mode(entry)) ? this.table.size(entry) : 0);
      for (const { start, end } of runsOf(whole)) ranges.push([start, end]);
    }
    return this.#blocks.prefetch(ranges, options);
  }

  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    return verifySquashfs({
      table: this.table,
      parts: this.#parts,
      source: this.#opening.source,
      signal,
      partsOf: (entry, start, end) => this.#partsOf(entry, start, end),
      unpack: (part, bytes, entry) => this.#unpack(part, bytes, entry),
      assertHeld: (part, content, entry) => void cutPart(part, content, [0, 0], this.#placeOf(entry)),
    });
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    return this.#gather(entry, start, end, (part) => this.#blocks.peek(part.start, part.end));
  }

  readSync(entry: number, start: number, end: number): Uint8Array | undefined {
    return this.#gather(entry, start, end, (part) => this.#blocks.readSync(part.start, part.end));
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    // Held here, because a small budget may drop the first ones before the last ones come.
    const contents = new Map<Part, Uint8Array>();
    const missing: Part[] = [];
    for (const part of this.#partsOf(entry, start, end)) {
      const kept = this.#unpacked.get(part.key);
      if (kept === undefined) missing.push(part);
      else contents.set(part, kept);
    }
    const reads = runsOf(missing).map(async ({ start: from, end: to, parts }) => {
      const bytes = await this.#blocks.read(from, to, signal);
      for (const part of parts)
        // Raced with another reader of the same block: one decoding is enough.
        contents.set(part, this.#unpacked.get(part.key) ?? this.#keep(part, bytes.subarray(part.start - from, part.end - from), entry));
    });
    await Promise.all(reads);
    return this.#assemble(contents, [start, end], entry);
  }

  async close(): Promise<void> {
    this.#unpacked.clear();
    this.#blocks.close();
    this.#opening.source.close();
  }

  /** Content of which every part is had at once, else `undefined`. */
  #gather(entry: number, start: number, end: number, read: (part: Part) => Uint8Array | undefined): Uint8Array | undefined {
    const contents = new Map<Part, Uint8Array>();
    for (const part of this.#partsOf(entry, start, end)) {
      let content = this.#unpacked.get(part.key);
      if (content === undefined) {
        const bytes = read(part);
        if (bytes === undefined) return undefined;
        content = this.#keep(part, bytes, entry);
      }
      contents.set(part, content);
    }
    return this.#assemble(contents, [start, end], entry);
  }

  #partsOf(entry: number, start: number, end: number): Part[] {
    const size = this.table.size(entry);
    const place = this.#placeOf(entry);
    assertEntrySize(this.#opening.limits.entrySize, size, place);
    return start < end ? [...this.#parts.find(this.table.extent(entry), size, [start, end], place)] : [];
  }

  #keep(part: Part, bytes: Uint8Array, entry: number): Uint8Array {
    let content = this.#unpack(part, bytes, entry);
    // Of an image in memory a view costs nothing; of a page it would keep the page alive.
    if (!part.isPacked && this.#opening.source.peek(0, 1) === undefined) content = ownBytes(content);
    this.#unpacked.set(part.key, content);
    return content;
  }

  #unpack(part: Part, bytes: Uint8Array, entry: number): Uint8Array {
    return unpackPart(part, bytes, this.#parts.content, this.#unpacker, this.#placeOf(entry));
  }

  /** A range of a file out of what its parts hold. Where there are none, there is a hole. */
  #assemble(contents: ReadonlyMap<Part, Uint8Array>, range: readonly [number, number], entry: number): Uint8Array {
    const place = this.#placeOf(entry);
    const [start, end] = range;
    const cuts = Array.from(contents, ([part, content]) => ({ at: part.position - start, bytes: cutPart(part, content, range, place) }));
    // Fast path: all of it is in one part.
    if (cuts[0]?.bytes.length === end - start) return cuts[0].bytes;
    const whole = new Uint8Array(Math.max(0, end - start));
    for (const { at, bytes } of cuts) whole.set(bytes, Math.max(0, at));
    return whole;
  }

  #placeOf(entry: number): Place {
    return { archive: this.name, entry: this.table.path(entry) };
  }
}

/** Parts that follow each other in the image, as far as one request goes. */
interface Run {
  readonly start: number;
  end: number;
  readonly parts: Part[];
}

function runsOf(parts: readonly Part[]): Run[] {
  const runs: Run[] = [];
  for (const part of parts) {
    const last = runs.at(-1);
    if (last?.end === part.start && part.end - last.start <= RUN_LIMIT) {
      last.parts.push(part);
      last.end = part.end;
    } else runs.push({ start: part.start, end: part.end, parts: [part] });
  }
  return runs;
}
