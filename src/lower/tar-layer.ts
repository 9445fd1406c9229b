/*
 * A tar archive as a layer, compressed or not. It is read once, while it arrives; what is kept is what was fetched, and content is
 * taken out of that when it is asked for (spans.ts).
 */

import { concatBytes } from '../base/bytes.ts';
import { isFile } from '../base/mode.ts';
import { damaged } from '../archive/damage.ts';
import { HEAD_SIZE, formatOfHead, unknownFormat } from '../archive/detect.ts';
import { GzipReader } from '../archive/gzip.ts';
import { assertEntrySize, contentLimit, entryLimit } from '../archive/limits.ts';
import { type Content, plainContent } from '../archive/spans.ts';
import { TarReader } from '../archive/tar.ts';
import { ZstdReader } from '../archive/zstd.ts';
import { loadCodec } from '../codec/codec.ts';
import { loadZstd } from '../codec/zstd.ts';
import { TableBuilder } from '../layer/build-table.ts';
import type { Layer, LayerWarning, PrefetchOptions, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import { layerDigest } from './digest.ts';
import { type Opening, fetchWhole } from './opening.ts';
import type { Source } from './source.ts';
import { sweepFiles } from './sweep.ts';

/** How a tar archive is compressed. */
export type TarPacking = 'tar' | 'gzip' | 'zstd';

/** Reads an archive that arrives, and gives its content at the end. */
interface Reader {
  advance(available: number): void;
  finish(): Content;
}

/**
 * Fetches a tar archive and makes a layer of it. The source is closed.
 *
 * @throws {FsError} EIO when it is damaged, EFBIG when it is beyond a limit, EINVAL when there is no tar in it, ENOTSUP for frames
 *   of zstd that need more than there is.
 */
export async function openTarLayer(opening: Opening, packing: TarPacking): Promise<Layer> {
  const { source, size, table: tableOptions, limits } = opening;
  const { name } = source;
  const warnings: LayerWarning[] = [];
  const builder = new TableBuilder(tableOptions, { archive: name, entries: entryLimit(limits, size) });
  const makeReader = await readerOf(opening, packing, builder, (message) => warnings.push({ entry: '', message }));
  let reader: Reader | undefined;
  const archive = await fetchWhole(opening, (bytes) => (reader = makeReader(bytes)));
  if (reader === undefined) throw damaged({ archive: name }, 'nothing came');
  const content = reader.finish();
  source.close();
  const digest = await layerDigest(archive, tableOptions);
  const settled = settledOf(source);
  return new TarLayer({ name, digest, at: tableOptions.at ?? '/', settled, ...builder.build() }, content, warnings, limits.entrySize);
}

/** Waits for what a source still keeps. A function of its own, so that the layer holds on to nothing else of the opening. */
function settledOf(source: Source): () => Promise<void> {
  return source.settled?.bind(source) ?? (async () => undefined);
}

async function readerOf(
  { source, size, limits, maxBytes }: Opening,
  packing: TarPacking,
  builder: TableBuilder,
  warn: (message: string) => void,
): Promise<(bytes: Uint8Array) => Reader> {
  const place = { archive: source.name };
  const tar = new TarReader(place, builder);
  if (packing === 'tar') return (bytes) => new PlainReader(bytes, tar);
  const inner = new InnerTar(tar, source.name);
  const finishing = (reader: Reader): Reader => ({
    advance: (available) => reader.advance(available),
    finish: () => {
      const content = reader.finish();
      inner.end();
      return content;
    },
  });
  const limit = contentLimit(limits, size);
  const onOutput = (output: Uint8Array): void => inner.push(output);
  if (packing === 'gzip') return (bytes) => finishing(new GzipReader(bytes, { place, codec: loadCodec(), limit, warn, onOutput }));
  const zstd = await loadZstd(source.name);
  return (bytes) => finishing(new ZstdReader(bytes, { place, zstd, limit, limits, maxBytes, onOutput }));
}

/** Reads a tar that is not compressed. */
class PlainReader implements Reader {
  #at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly tar: TarReader,
  ) {}

  advance(available: number): void {
    this.tar.push(this.bytes.subarray(this.#at, available));
    this.#at = available;
  }

  finish(): Content {
    this.tar.end();
    return plainContent(this.bytes);
  }
}

/** What comes out of a compressed file: it has to be a tar, which its first bytes tell. */
class InnerTar {
  #head: Uint8Array | undefined = new Uint8Array();

  constructor(
    private readonly tar: TarReader,
    private readonly name: string,
  ) {}

  push(bytes: Uint8Array): void {
    if (this.#head === undefined) {
      this.tar.push(bytes);
      return;
    }
    this.#head = concatBytes([this.#head, bytes]);
    if (this.#head.length >= HEAD_SIZE) this.#judge(this.#head);
  }

  end(): void {
    if (this.#head !== undefined) this.#judge(this.#head);
    this.tar.end();
  }

  #judge(head: Uint8Array): void {
    const start = head.subarray(0, HEAD_SIZE);
    if (formatOfHead(start) !== 'tar') throw unknownFormat(start, { archive: `${this.name}, inflated` });
    this.#head = undefined;
    this.tar.push(head);
  }
}

interface TarLayerParts {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly settled: () => Promise<void>;
}

/** Bytes that are verified at a time. */
const STEP = 4 << 20;

class TarLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly #entrySize: number;
  readonly #content: Content;

  readonly #settled: () => Promise<void>;

  constructor(
    { name, digest, at, table, warnings, settled }: TarLayerParts,
    content: Content,
    earlier: readonly LayerWarning[],
    entrySize: number,
  ) {
    this.name = name;
    this.digest = digest;
    this.at = at;
    this.table = table;
    this.warnings = [...earlier, ...warnings];
    this.#content = content;
    this.#settled = settled;
    this.#entrySize = entrySize;
  }

  /** Everything is at hand; resolves when it is kept for a time without a network too. */
  async prefetch(_paths: readonly string[] | 'all', { onProgress }: PrefetchOptions = {}): Promise<void> {
    onProgress?.({ loaded: 0, total: 0 });
    await this.#settled();
  }

  /** What was fetched was verified when it came; now what is kept of it is decoded again. */
  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    const check = async (entry: number): Promise<void> => {
      if (!isFile(this.table.mode(entry))) return;
      const size = this.table.size(entry);
      for (let at = 0; at < size; at += STEP) this.#read(entry, at, Math.min(size, at + STEP));
    };
    return sweepFiles(this.table, check, signal);
  }

  peek(entry: number, start: number, end: number): Uint8Array {
    // A hard link shares the node, so every name has the same extent.
    const file = this.table.canonical(entry);
    return this.#read(file, start, end);
  }

  #read(file: number, start: number, end: number): Uint8Array {
    assertEntrySize(this.#entrySize, this.table.size(file), { archive: this.name, entry: this.table.path(file) });
    const { offset } = this.table.extent(file);
    const pieces = this.table.pieces(file);
    if (pieces === undefined) return this.#content.read(offset + start, offset + end);
    return this.#readPieces(pieces, offset, start, end);
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    return this.peek(entry, start, end);
  }

  /** Everything goes with the layer itself. */
  async close(): Promise<void> {}

  /** Puts the pieces of a file with holes where they belong. */
  #readPieces(pieces: Float64Array, offset: number, start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - start);
    for (let i = firstPiece(pieces, start); i < pieces.length; i += 3) {
      const [at, length, position] = [pieces[i]!, pieces[i + 1]!, pieces[i + 2]!];
      if (at >= end) break;
      const from = Math.max(at, start);
      const to = Math.min(at + length, end);
      if (from < to) bytes.set(this.#content.read(offset + position + from - at, offset + position + to - at), from - start);
    }
    return bytes;
  }
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
