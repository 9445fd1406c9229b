/*
 * A tar archive as a layer, compressed or not. It is read once, while it arrives; what that teaches is where the content is, and
 * content is taken out of the archive's bytes when it is asked for. These are in memory until a cache has all of them, and an
 * archive that was kept is opened again without reading anything.
 */

import { type Asking, run, runNow } from '../base/asking.ts';
import { isFile } from '../base/mode.ts';
import { damaged } from '../archive/damage.ts';
import { GzipSpans, type StoredGzipSpans } from '../archive/gzip-spans.ts';
import { assertEntrySize, contentLimit, entryLimit } from '../archive/limits.ts';
import { type Content, SpanContent, plainContent } from '../archive/spans.ts';
import { FRAME_LIMIT, type StoredZstdSpans, ZstdSpans } from '../archive/zstd-spans.ts';
import { loadCodec } from '../codec/codec.ts';
import { deflateByPlatform } from '../codec/deflate.ts';
import { loadZstd } from '../codec/zstd.ts';
import { TableBuilder } from '../layer/build-table.ts';
import type { Layer, LayerStats, LayerWarning, PrefetchOptions, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import { Blocks } from './blocks.ts';
import { layerDigest } from './digest.ts';
import type { LayerIndex } from './layer-index.ts';
import { type Opening, arrivalOf } from './opening.ts';
import { keptSource } from './source.ts';
import { Sweep, sweepFiles } from './sweep.ts';
import { filesOf } from './table-paths.ts';
import { type Reading, type TarPacking, type TarSpans, tarReadingOf } from './tar-reading.ts';

/** Decoded frames of zstd to keep: two of the largest that are decoded again. */
const FRAMES = { whole: FRAME_LIMIT, decoded: 2 * FRAME_LIMIT };
/** Bytes that are verified at a time. */
const STEP = 4 << 20;

/** A tar archive that was read to its end. */
export interface ReadTar {
  /** All of it, as it was served. */
  readonly bytes: Uint8Array;
  readonly spans: TarSpans;
  readonly builder: TableBuilder;
}

/**
 * Fetches a tar archive, reads it while it arrives, and makes a layer of it.
 *
 * @throws {FsError} EIO when it is damaged, EFBIG when it is beyond a limit, EINVAL when there is no tar in it, ENOTSUP for frames
 *   of zstd that need more than there is.
 */
export async function openTarLayer(opening: Opening, packing: TarPacking): Promise<Layer> {
  return tarLayerOf(await readTar(opening, packing), opening);
}

/** Does the first part of that. */
export async function readTar(opening: Opening, packing: TarPacking): Promise<ReadTar> {
  const { source, size, table, limits, onEntries } = opening;
  const builder = new TableBuilder(table, { archive: source.name, entries: entryLimit(limits, size) });
  const makeReading = await tarReadingOf(opening, packing, builder);
  let bytes: Uint8Array = new Uint8Array();
  let reading: Reading | undefined;
  for await (const arrived of arrivalOf(opening)) {
    ({ bytes } = arrived);
    reading ??= makeReading(bytes);
    reading.advance(arrived.available);
    onEntries?.(builder.entries);
  }
  if (reading === undefined) throw damaged({ archive: source.name }, 'nothing came');
  return { bytes, spans: reading.finish(), builder };
}

/** Does the rest of it. */
export async function tarLayerOf({ bytes, spans, builder }: ReadTar, opening: Opening): Promise<Layer> {
  const { source, size, table, onEntries } = opening;
  // Elsewhere, while the table is built here.
  const digesting = layerDigest(bytes, table);
  digesting.catch(() => undefined);
  const built = builder.build();
  onEntries?.(built.table.length - 1);
  const resident = keptSource(bytes, source);
  return new TarLayer({ ...built, digest: await digesting, size, spans, opening: { ...opening, source: resident } });
}

/** What of a tar archive is not in its table. */
type TarState =
  | { readonly packing: 'tar' }
  | { readonly packing: 'gzip'; readonly spans: StoredGzipSpans }
  | { readonly packing: 'zstd'; readonly spans: StoredZstdSpans };

/** Makes the layer again of which `index` is, without reading anything; `undefined` where it was made when more was allowed. */
export async function restoreTarLayer({ table, warnings, digest, state }: LayerIndex, opening: Opening): Promise<Layer | undefined> {
  const { limits, size, source, maxBytes } = opening;
  const stored = state as TarState;
  if (stored.packing !== 'tar' && stored.spans.size > contentLimit(limits, size)) return undefined;
  if (stored.packing === 'zstd' && stored.spans.window > limits.window) return undefined;
  const place = { archive: source.name };
  let spans: TarSpans;
  if (stored.packing === 'tar') spans = stored;
  else if (stored.packing === 'gzip') spans = { packing: 'gzip', spans: new GzipSpans(stored.spans, { place, codec: loadCodec() }) };
  else spans = { packing: 'zstd', spans: new ZstdSpans(stored.spans, { place, zstd: await loadZstd(source.name), maxBytes }) };
  return new TarLayer({ table, warnings, digest, size, spans, opening });
}

/**
 * What `restoreTarLayer` needs, to be made when it is written; `undefined` of a layer of another format, and of one whose content
 * cannot be decoded again.
 */
export function indexOfTar(layer: Layer): (() => Promise<LayerIndex>) | undefined {
  return layer instanceof TarLayer && layer.isStorable ? () => layer.index() : undefined;
}

interface TarLayerParts {
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly digest: string;
  /** Bytes of the archive. */
  readonly size: number;
  readonly spans: TarSpans;
  readonly opening: Opening;
}

class TarLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly #parts: TarLayerParts;
  readonly #content: Content;
  readonly #blocks: Blocks;

  constructor(parts: TarLayerParts) {
    const { table, warnings, digest, size, spans, opening } = parts;
    this.name = opening.source.name;
    this.digest = digest;
    this.at = opening.table.at ?? '/';
    this.table = table;
    this.warnings = warnings;
    this.#parts = parts;
    this.#content = contentOf(spans);
    this.#blocks = new Blocks(opening.source, { end: size });
  }

  get isStorable(): boolean {
    const { spans } = this.#parts;
    return spans.packing !== 'gzip' || spans.spans.isStorable;
  }

  async index(): Promise<LayerIndex> {
    const { table, digest, warnings } = this;
    return { format: 'tar', table, digest, warnings, state: await stateOf(this.#parts.spans) };
  }

  get stats(): LayerStats {
    return this.#parts.opening.source.stats;
  }

  async prefetch(paths: readonly string[] | 'all', options?: PrefetchOptions): Promise<void> {
    if (paths === 'all') return this.#blocks.prefetch([[0, this.#parts.size]], options);
    const ranges = Array.from(filesOf(this.table, paths), (entry) => {
      const { offset, stored } = this.table.extent(entry);
      return this.#content.range(offset, offset + stored);
    });
    return this.#blocks.prefetch(ranges, options);
  }

  /** Beside the content that readers use: a sweep would take out of memory what they need. */
  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    const { opening, size, spans } = this.#parts;
    const sweep = new Sweep(opening.source, size, signal);
    const content = contentOf(spans);
    const check = async (entry: number): Promise<void> => {
      if (!isFile(this.table.mode(entry))) return;
      const length = this.table.size(entry);
      for (let at = 0; at < length; at += STEP) {
        const asking = this.#read(content, entry, at, Math.min(length, at + STEP));
        await run(asking, (start, end) => sweep.read(start, end));
      }
    };
    return sweepFiles(this.table, check, signal);
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    return runNow(this.#access(entry, start, end), (from, to) => this.#blocks.peek(from, to));
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    return run(this.#access(entry, start, end), (from, to) => this.#blocks.read(from, to, signal));
  }

  readSync(entry: number, start: number, end: number): Uint8Array | undefined {
    return runNow(this.#access(entry, start, end), (from, to) => this.#blocks.readSync(from, to));
  }

  async close(): Promise<void> {
    this.#blocks.close();
    this.#parts.opening.source.close();
  }

  #access(entry: number, start: number, end: number): Asking<Uint8Array> {
    // A hard link shares the node, so every name has the same extent.
    const file = this.table.canonical(entry);
    return this.#read(this.#content, file, start, end);
  }

  *#read(content: Content, file: number, start: number, end: number): Asking<Uint8Array> {
    assertEntrySize(this.#parts.opening.limits.entrySize, this.table.size(file), { archive: this.name, entry: this.table.path(file) });
    const { offset } = this.table.extent(file);
    const pieces = this.table.pieces(file);
    if (pieces === undefined) return yield* content.read(offset + start, offset + end);
    // Puts the pieces of a file with holes where they belong.
    const bytes = new Uint8Array(end - start);
    for (let i = firstPiece(pieces, start); i < pieces.length; i += 3) {
      const [at, length, position] = [pieces[i]!, pieces[i + 1]!, pieces[i + 2]!];
      if (at >= end) break;
      const from = Math.max(at, start);
      const to = Math.min(at + length, end);
      if (from < to) bytes.set(yield* content.read(offset + position + from - at, offset + position + to - at), from - start);
    }
    return bytes;
  }
}

function contentOf(spans: TarSpans): Content {
  switch (spans.packing) {
    case 'tar':
      return plainContent;
    case 'gzip':
      return new SpanContent(spans.spans);
    case 'zstd':
      return new SpanContent(spans.spans, FRAMES);
    default:
      return spans satisfies never;
  }
}

async function stateOf(spans: TarSpans): Promise<TarState> {
  if (spans.packing === 'tar') return spans;
  if (spans.packing === 'zstd') return { packing: 'zstd', spans: spans.spans.stored };
  return { packing: 'gzip', spans: await spans.spans.pack(deflateByPlatform) };
}

/** Where the last piece stands that begins at or before `start`, or the first one. */
function firstPiece(pieces: Float64Array, start: number): number {
  let low = 0;
  let high = pieces.length / 3 - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (pieces[middle * 3]! <= start) low = middle;
    else high = middle - 1;
  }
  return low * 3;
}
