/* `openLayer`: whatever an archive is and wherever it is, a layer comes of it. Owns how much of an archive to fetch to find out. */

import { HEAD_SIZE, formatOfHead, unknownFormat } from '../archive/detect.ts';
import { damaged, tooLarge } from '../archive/damage.ts';
import { type ArchiveLimits, resolveLimits } from '../archive/limits.ts';
import { findEstargzToc } from '../archive/estargz-footer.ts';
import { parseDigest } from '../archive/toc-chunks.ts';
import { TAIL_SIZE, endsAsZip, findZipEnd } from '../archive/zip-end.ts';
import { type ManifestPlace, findManifest, parseManifestPosition, placeOf } from '../archive/zstd-chunked.ts';
import { loadCodec } from '../codec/codec.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { Layer } from '../layer/layer.ts';
import { openEstargzLayer, restoreEstargzLayer } from './estargz-layer.ts';
import { DEFAULT_MAX_BYTES, type HttpOptions, httpSource } from './http-source.ts';
import { assertIntegrity, parseIntegrity } from './integrity.ts';
import type { LayerIndex } from './layer-index.ts';
import { loadFormats } from './load-formats.ts';
import { type Opening, OpeningProgress } from './opening.ts';
import { type CachedLayerOptions, type CachedOpening, openThroughCache } from './open-cached.ts';
import { type BlobLike, type Source, blobSource, bytesSource, keptSource, residentSource } from './source.ts';
import { openTarLayer, readTar, restoreTarLayer, tarLayerOf } from './tar-layer.ts';
import { type TarPacking, tarPackingOf } from './tar-reading.ts';
import { openZipLayer, restoreZipLayer } from './zip-layer.ts';
import { openZstdChunkedLayer, restoreZstdChunkedLayer } from './zstd-chunked-layer.ts';

/** Up to here a whole archive costs about what the requests for its parts would: 1 MiB is 170 ms at 50 Mbit/s, three round trips of 50 ms. */
const SMALL = 1 << 20;

export interface OpenLayerOptions extends TableOptions, HttpOptions, CachedLayerOptions {
  /** For messages. Default: the URL or the file's name. */
  readonly name?: string | undefined;
  /** Hashes as in HTML's `integrity`. The archive is fetched whole and compared before a byte of it is used. */
  readonly integrity?: string | undefined;
  /**
   * Digest of the table of contents of an eStargz archive, as in the annotation `containerd.io/snapshot/stargz/toc.digest`, or of the
   * manifest of a zstd:chunked one, as in `io.github.containers.zstd-chunked.manifest-checksum`: `sha256:HEX`. Covers everything that
   * is read of it, without fetching it whole.
   */
  readonly tocDigest?: string | undefined;
  /**
   * Where the manifest of a zstd:chunked archive is, as in `io.github.containers.zstd-chunked.manifest-position`. Default: where its
   * footer says.
   */
  readonly manifestPosition?: string | undefined;
  readonly limits?: ArchiveLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a layer can be made of. A string is a URL. */
export type LayerSource = Uint8Array | ArrayBuffer | BlobLike | Source | URL | string;

/**
 * Opens an archive (.zip, .tar, .tar.gz, .tgz, .tar.zst, eStargz, zstd:chunked, SquashFS; told by its content) as a lower layer. Bytes are
 * taken over, not copied.
 * A zip, an eStargz, a zstd:chunked and a SquashFS image are read lazily. Another tar is streamed once and read while it arrives; it stays compressed in
 * memory, or in the cache where there is one, and is opened from there without being read again.
 *
 * @throws {FsError} EINVAL when it is no such archive; EIO with the cause when it is damaged, is not what `integrity` says, or cannot
 *   be fetched; EFBIG when it is beyond one of the `limits` or would take more memory than `maxBytes`; ENOTSUP when something is
 *   needed to decode it that is not there; ESTALE when it changed on the server while it was opened.
 * @example
 * const layer = await openLayer('/npm/react-19.2.0.tgz', { at: '/node_modules/react', strip: 1 });
 */
export async function openLayer(from: LayerSource, options: OpenLayerOptions = {}): Promise<Layer> {
  const progress = new OpeningProgress(options.onProgress);
  const source = sourceOf(from, { ...options, onProgress: progress.onBytes });
  try {
    const opening: CachedOpening = {
      table: tableOptionsOf(options),
      open: (cached) => openSource(cached, options, progress),
      restore: (index, cached) => restoreLayer(index, cached, options),
    };
    const layer = await openThroughCache(source, opening, options);
    progress.finish();
    return layer;
  } catch (e) {
    source.close();
    throw e;
  }
}

const tableOptionsOf = ({ at, strip, whiteouts, include, exclude }: OpenLayerOptions): TableOptions => ({
  at,
  strip,
  whiteouts,
  include,
  exclude,
});

async function restoreLayer(index: LayerIndex, source: Source, options: OpenLayerOptions): Promise<Layer | undefined> {
  const { signal, maxBytes = DEFAULT_MAX_BYTES } = options;
  const limits = resolveLimits(options.limits);
  // Made when more was allowed: the reader is to judge, and to word it.
  if (index.table.length > limits.entries) return undefined;
  const size = await source.size(signal);
  const opening: Opening = { source, size, table: tableOptionsOf(options), limits, maxBytes, signal };
  switch (index.format) {
    case 'zip':
      return options.tocDigest === undefined ? restoreZipLayer(index, opening) : undefined;
    case 'estargz':
      return restoreEstargzLayer(index, opening, options.tocDigest);
    case 'zstd-chunked':
      return restoreZstdChunkedLayer(index, opening, options.tocDigest);
    case 'directory':
      // The same URL was opened as one.
      return undefined;
    case 'squashfs':
      return options.tocDigest === undefined ? (await loadFormats(source.name)).restoreSquashfsLayer(index, opening) : undefined;
    case 'tar':
      return options.tocDigest === undefined ? restoreTarLayer(index, opening) : undefined;
    default:
      // Kept by a later version.
      index.format satisfies never;
      return undefined;
  }
}

/** A source of whatever it is. */
export function sourceOf(from: LayerSource, options: HttpOptions): Source {
  const { name } = options;
  if (typeof from === 'string' || from instanceof URL) return httpSource(from, options);
  // Plain, because Node's Buffer has a `slice` that does not copy.
  if (from instanceof Uint8Array) return bytesSource(new Uint8Array(from.buffer, from.byteOffset, from.length), name);
  if (from instanceof ArrayBuffer) return bytesSource(new Uint8Array(from), name);
  return 'slice' in from ? blobSource(from, name) : from;
}

async function openSource(remote: Source, options: OpenLayerOptions, { onEntries }: OpeningProgress): Promise<Layer> {
  const { signal, maxBytes = DEFAULT_MAX_BYTES } = options;
  const table = tableOptionsOf(options);
  const limits = resolveLimits(options.limits);
  if (options.tocDigest !== undefined && parseDigest(options.tocDigest) === undefined)
    throw new TypeError(`The option 'tocDigest' must be sha256: and 64 hexadecimal digits: ${options.tocDigest}`);
  const expected = options.integrity === undefined ? undefined : parseIntegrity(options.integrity);
  const sizing = remote.size(signal);
  loadCodec(); // compiled while the first answer is on its way
  const size = await sizing;
  let source = remote;
  let whole: Uint8Array | undefined;
  if (expected !== undefined || size <= SMALL) {
    const place = { archive: remote.name };
    if (expected !== undefined && size > maxBytes) throw tooLarge(place, `${size} bytes, more than the ${maxBytes} that are allowed`);
    whole = await remote.read(0, size, signal);
    if (expected !== undefined) await assertIntegrity(whole, expected, place);
    source = residentSource(whole, remote);
  }
  const opening: Opening = { source, size, whole, table, limits, maxBytes, startup: options.prefetch === undefined, signal, onEntries };
  const start =
    source.arrives === true && options.tocDigest === undefined && options.manifestPosition === undefined
      ? source.peek(0, HEAD_SIZE)
      : undefined;
  const packing = start && tarPackingOf(start);
  if (packing !== undefined) return openArriving(opening, packing);
  const tail = await source.read(Math.max(0, size - TAIL_SIZE), size, signal);
  const toc = findEstargzToc({ bytes: tail, size }, { archive: source.name });
  if (toc !== undefined) return openEstargzLayer(toc, tail, opening, options.tocDigest);
  const manifest = manifestOf(tail, opening, options.manifestPosition);
  if (manifest !== undefined) return openZstdChunkedLayer(manifest, tail, opening, options.tocDigest);
  if (options.tocDigest !== undefined)
    throw damaged({ archive: source.name }, `no table of contents, whose digest should be ${options.tocDigest}`);
  const atHand = source.peek(0, Math.min(size, HEAD_SIZE));
  // Fast path: the end of a zip says all that is needed, and saves the request for the start.
  if (atHand === undefined && endsAsZip(tail)) {
    const end = findZipEnd({ bytes: tail, size }, { archive: source.name });
    if (end?.prefix === 0) return openZip(opening, tail);
  }
  const head = atHand ?? (await source.read(0, Math.min(size, HEAD_SIZE), signal));
  const format = formatOfHead(head);
  switch (format) {
    case 'zip':
      return openZip(opening, tail);
    case 'tar':
    case 'gzip':
    case 'zstd':
      return openTarLayer(opening, format);
    case 'squashfs':
      return (await loadFormats(source.name)).openSquashfsLayer(head, tail, opening);
    case undefined:
      // Something in front of a zip, a self-extractor for one. Only where the start is no tar, which may well end with a zip.
      if (endsAsZip(tail)) return openZip(opening, tail);
      throw unknownFormat(head, { archive: source.name });
    default:
      return format satisfies never;
  }
}

/** An archive whose end comes last: only then it can be seen whether it has a table of contents. It seldom has. */
async function openArriving(opening: Opening, packing: TarPacking): Promise<Layer> {
  const { source, size } = opening;
  const read = await readTar(opening, packing);
  const tail = read.bytes.subarray(-TAIL_SIZE);
  const resident = { ...opening, source: keptSource(read.bytes, source) };
  const toc = packing === 'gzip' ? findEstargzToc({ bytes: tail, size }, { archive: source.name }) : undefined;
  if (toc !== undefined) return openEstargzLayer(toc, tail, resident);
  const manifest = packing === 'zstd' ? manifestOf(tail, opening, undefined) : undefined;
  return manifest === undefined ? tarLayerOf(read, opening) : openZstdChunkedLayer(manifest, tail, resident);
}

function manifestOf(bytes: Uint8Array, { source, size }: Opening, position: string | undefined): ManifestPlace | undefined {
  const place = { archive: source.name };
  if (position === undefined) return findManifest({ bytes, size }, place);
  const manifest = parseManifestPosition(position);
  if (manifest === undefined) throw new TypeError(`The option 'manifestPosition' must be OFFSET:LENGTH:SIZE:1: ${position}`);
  return placeOf(manifest, size, place);
}

async function openZip(opening: Opening, tail: Uint8Array): Promise<Layer> {
  const { source, size } = opening;
  const place = { archive: source.name };
  const end = findZipEnd({ bytes: tail, size }, place);
  if (end === undefined) throw damaged(place, 'cut short: a zip archive without its end record');
  return openZipLayer(end, tail, opening);
}
