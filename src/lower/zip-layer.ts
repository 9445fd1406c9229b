/*
 * A zip archive as a layer. Opening reads the end of the archive and its central directory, at most two reads; content is
 * read, verified and decoded when it is asked for, and what was decoded last is kept.
 */

import { concatBytes, ownBytes } from '../base/bytes.ts';
import { Lru } from '../base/lru.ts';
import { type Place, damaged, tooLarge } from '../archive/damage.ts';
import { assertEntrySize, entryLimit } from '../archive/limits.ts';
import { LOCAL_HEADER_SIZE, STORED, type ZipContents, type ZipDirectory, readZipDirectory } from '../archive/zip.ts';
import {
  LOCAL_HEADER_GUESS,
  type ZipDecoders,
  type ZipEntry,
  decodeZipContent,
  findZipContent,
  zipHeaderSize,
} from '../archive/zip-content.ts';
import type { ZipEnd } from '../archive/zip-end.ts';
import { compileZipKernel, readPlainZip } from '../archive/zip-plain.ts';
import { loadCodec } from '../codec/codec.ts';
import { loadZstd } from '../codec/zstd.ts';
import { TableBuilder, type TableOptions, layerPath } from '../layer/build-table.ts';
import type { Layer, LayerStats, LayerWarning, PrefetchOptions, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import { Blocks } from './blocks.ts';
import { layerDigest } from './digest.ts';
import type { LayerIndex } from './layer-index.ts';
import type { Opening } from './opening.ts';
import { goesOut } from './turn.ts';
import { Sweep, sweepFiles } from './sweep.ts';
import { filesOf } from './table-paths.ts';

/** Decoded content to keep: a few thousand source files, or one large one that is read chunk by chunk. */
const DECODED_LIMIT = 32 << 20;

/**
 * Opens the archive whose end was found in `tail`.
 *
 * @throws {FsError} EIO when it is damaged
 */
export async function openZipLayer(end: ZipEnd, tail: Uint8Array, opening: Opening): Promise<Layer> {
  const { source, size, limits, maxBytes, signal } = opening;
  const codec = loadCodec();
  const place: Place = { archive: source.name };
  const directorySize = end.directoryEnd - end.directoryStart;
  if (directorySize > maxBytes)
    throw tooLarge(place, `a central directory of ${directorySize} bytes, more than the ${maxBytes} that are allowed`);
  const tailStart = size - tail.length;
  const reading = end.directoryStart < tailStart ? source.read(end.directoryStart, tailStart, signal) : undefined;
  if (reading !== undefined) await goesOut(reading);
  compileZipKernel(codec); // while the directory is on its way
  const pieces = reading === undefined ? [tail.subarray(end.directoryStart - tailStart)] : [await reading, tail];
  // The size stands for the bytes in front: with the checksums of the central directory it tells two archives apart.
  const bytes = concatBytes([...pieces, numberBytes(size)]);
  const digesting = layerDigest(bytes, opening.table);
  digesting.catch(() => undefined); // what is wrong with the directory is told first
  const objects = entryLimit(limits, size);
  const directory: ZipDirectory = { bytes: bytes.subarray(0, directorySize), end, place, codec, limits };
  const plain = readPlainZip(directory, opening.table, objects);
  const { table, warnings, hasZstd } = plain === undefined ? readOther(directory, opening.table, objects) : { ...plain, warnings: [] };
  return new ZipLayer({
    table,
    warnings,
    digest: await digesting,
    contentEnd: end.directoryStart,
    opening,
    decoders: await loadDecoders(opening, hasZstd),
  });
}

/** Reads a directory that is not plain. */
function readOther(directory: ZipDirectory, options: TableOptions, objects: number): ZipContents & ReturnType<TableBuilder['build']> {
  const { end, place } = directory;
  const builder = new TableBuilder(options, { archive: place.archive, entries: objects });
  const contents = readZipDirectory(directory, builder);
  if (end.suffix > 0) builder.warn('', `${end.suffix} bytes behind the end of the archive are left out`);
  return { ...contents, ...builder.build() };
}

/** What of a zip archive is not in its table. */
interface ZipState {
  readonly contentEnd: number;
  readonly hasZstd: boolean;
}

/** Makes the layer again of which `index` is, without reading anything. */
export async function restoreZipLayer({ table, warnings, digest, state }: LayerIndex, opening: Opening): Promise<Layer> {
  const { contentEnd, hasZstd } = state as ZipState;
  return new ZipLayer({ table, warnings, digest, contentEnd, opening, decoders: await loadDecoders(opening, hasZstd) });
}

async function loadDecoders({ source, limits }: Opening, hasZstd: boolean): Promise<ZipDecoders> {
  return { codec: loadCodec(), zstd: hasZstd ? await loadZstd(source.name) : undefined, window: limits.window };
}

function numberBytes(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

interface ZipLayerParts {
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly digest: string;
  /** Where content ends and the central directory starts. */
  readonly contentEnd: number;
  readonly opening: Opening;
  readonly decoders: ZipDecoders;
}

class ZipLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly #opening: Opening;
  readonly #decoders: ZipDecoders;
  readonly #blocks: Blocks;
  readonly #contentEnd: number;
  readonly #decoded = new Lru<number, Uint8Array>(DECODED_LIMIT, (content) => content.length);
  /** The last content that is over the budget, so that reading it chunk by chunk does not decode it for each. */
  #large: { readonly entry: number; readonly content: Uint8Array } | undefined;

  constructor({ table, warnings, digest, contentEnd, opening, decoders }: ZipLayerParts) {
    this.name = opening.source.name;
    this.digest = digest;
    this.at = opening.table.at ?? '/';
    this.table = table;
    this.warnings = warnings;
    this.#opening = opening;
    this.#decoders = decoders;
    this.#contentEnd = contentEnd;
    this.#blocks = new Blocks(opening.source, { end: contentEnd });
  }

  /** What `restoreZipLayer` needs. */
  get index(): LayerIndex {
    const { table, digest, warnings } = this;
    const state: ZipState = { contentEnd: this.#contentEnd, hasZstd: this.#decoders.zstd !== undefined };
    return { format: 'zip', table, digest, warnings, state };
  }

  get stats(): LayerStats {
    return this.#opening.source.stats;
  }

  async prefetch(paths: readonly string[] | 'all', options?: PrefetchOptions): Promise<void> {
    if (paths === 'all') return this.#blocks.prefetch([[0, this.#contentEnd]], options);
    const ranges = Array.from(filesOf(this.table, paths), (entry) => {
      const zipEntry = this.#entry(entry);
      return [zipEntry.extent.offset, this.#guessEnd(zipEntry)] as const;
    });
    return this.#blocks.prefetch(ranges, options);
  }

  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    const sweep = new Sweep(this.#opening.source, this.#contentEnd, signal);
    const check = async (entry: number): Promise<void> => {
      const zipEntry = this.#entry(entry);
      const { offset } = zipEntry.extent;
      const guessed = await sweep.read(offset, this.#guessEnd(zipEntry));
      const end = this.#endOf(zipEntry, guessed);
      const bytes = end <= offset + guessed.length ? guessed : await sweep.read(offset, end);
      decodeZipContent(this.#storedIn(bytes, zipEntry), zipEntry, this.#decoders);
    };
    return sweepFiles(this.table, check, signal);
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    const kept = this.#kept(entry);
    if (kept !== undefined) return kept.subarray(start, end);
    const zipEntry = this.#entry(entry);
    const bytes = this.#wholeAtOnce(zipEntry, (from, to) => this.#blocks.peek(from, to));
    return bytes && this.#keep(entry, bytes, zipEntry).subarray(start, end);
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const atHand = this.peek(entry, start, end);
    if (atHand !== undefined) return atHand;
    const zipEntry = this.#entry(entry);
    const { offset } = zipEntry.extent;
    let bytes = await this.#blocks.read(offset, this.#guessEnd(zipEntry), signal);
    const to = this.#endOf(zipEntry, bytes);
    if (to > offset + bytes.length) bytes = await this.#blocks.read(offset, to, signal);
    // Raced with another reader of the same file: one decoding is enough.
    return (this.#kept(entry) ?? this.#keep(entry, bytes, zipEntry)).subarray(start, end);
  }

  readSync(entry: number, start: number, end: number): Uint8Array | undefined {
    const atHand = this.peek(entry, start, end);
    if (atHand !== undefined) return atHand;
    const zipEntry = this.#entry(entry);
    const bytes = this.#wholeAtOnce(zipEntry, (from, to) => this.#blocks.readSync(from, to));
    return bytes && this.#keep(entry, bytes, zipEntry).subarray(start, end);
  }

  async close(): Promise<void> {
    this.#decoded.clear();
    this.#large = undefined;
    this.#blocks.close();
    this.#opening.source.close();
  }

  #kept(entry: number): Uint8Array | undefined {
    return this.#large?.entry === entry ? this.#large.content : this.#decoded.get(entry);
  }

  /** @param bytes from the entry's local header to the end of its content, or more */
  #keep(entry: number, bytes: Uint8Array, zipEntry: ZipEntry): Uint8Array {
    let content = decodeZipContent(this.#storedIn(bytes, zipEntry), zipEntry, this.#decoders);
    // Of an archive in memory a view costs nothing; of a page it would keep the page alive.
    if (zipEntry.extent.method === STORED && this.#opening.source.peek(0, 1) === undefined) content = ownBytes(content);
    if (content.length > DECODED_LIMIT) this.#large = { entry, content };
    else this.#decoded.set(entry, content);
    return content;
  }

  #entry(entry: number): ZipEntry {
    const path = this.table.path(entry);
    const size = this.table.size(entry);
    const place: Place = { archive: this.name, entry: path };
    // All of it will be in memory.
    assertEntrySize(Math.min(this.#opening.limits.entrySize, this.#opening.maxBytes), size, place);
    const extent = this.table.extent(entry);
    if (extent.offset + LOCAL_HEADER_SIZE + extent.stored > this.#contentEnd) {
      throw damaged(place, `its ${extent.stored} bytes from ${extent.offset} run into the central directory or beyond the archive`);
    }
    return { place, extent, size, isNamed: (name) => layerPath(name, this.#opening.table) === path };
  }

  /** Where a read of local header and content probably ends. */
  #guessEnd({ extent }: ZipEntry): number {
    return Math.min(extent.offset + LOCAL_HEADER_GUESS + extent.stored, this.#contentEnd);
  }

  /** Where the content ends, by the local header with which `bytes` starts: name and extra fields may be longer than was guessed. */
  #endOf(entry: ZipEntry, bytes: Uint8Array): number {
    const end = entry.extent.offset + zipHeaderSize(bytes, entry) + entry.extent.stored;
    if (end > this.#contentEnd) throw damaged(entry.place, 'its content runs into the central directory');
    return end;
  }

  /** Local header and content by a way of reading that does not wait, and may have nothing. */
  #wholeAtOnce(entry: ZipEntry, read: (start: number, end: number) => Uint8Array | undefined): Uint8Array | undefined {
    const { offset } = entry.extent;
    const guessed = read(offset, this.#guessEnd(entry));
    if (guessed === undefined) return undefined;
    const end = this.#endOf(entry, guessed);
    return end <= offset + guessed.length ? guessed : read(offset, end);
  }

  /** The content as it is stored. */
  #storedIn(bytes: Uint8Array, entry: ZipEntry): Uint8Array {
    const from = findZipContent(bytes, entry, this.#decoders.codec);
    return bytes.subarray(from, from + entry.extent.stored);
  }
}
