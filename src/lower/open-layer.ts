/* `openLayer`: whatever an archive is and wherever it is, a layer comes of it. Owns how much of an archive to fetch to find out. */

import { HEAD_SIZE, formatOfHead, unknownFormat } from '../archive/detect.ts';
import { damaged, tooLarge } from '../archive/damage.ts';
import { gunzip } from '../archive/gzip.ts';
import { TAIL_SIZE, endsAsZip, findZipEnd } from '../archive/zip-end.ts';
import { loadCodec } from '../codec/codec.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { Layer, LayerWarning } from '../layer/layer.ts';
import { DEFAULT_MAX_BYTES, type HttpOptions, httpSource } from './http-source.ts';
import { type BlobLike, type Source, blobSource, bytesSource, residentSource } from './source.ts';
import { tarLayer } from './tar-layer.ts';
import { type CachedLayerOptions, type CachedOpening, openThroughCache } from './open-cached.ts';
import type { LayerIndex } from './layer-index.ts';
import { openZipLayer, restoreZipLayer } from './zip-layer.ts';

/** Up to here a whole archive costs about what the requests for its parts would: 1 MiB is 170 ms at 50 Mbit/s, three round trips of 50 ms. */
const SMALL = 1 << 20;

export interface OpenLayerOptions extends TableOptions, HttpOptions, CachedLayerOptions {
  /** For messages. Default: the URL or the file's name. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a layer can be made of. A string is a URL. */
export type LayerSource = Uint8Array | ArrayBuffer | BlobLike | Source | URL | string;

/**
 * Opens an archive (.zip, .tar, .tar.gz, .tgz; told by its content) as a lower layer. Bytes are taken over, not copied.
 * A zip is read lazily; a tar is fetched whole.
 *
 * @throws {FsError} EINVAL when it is no such archive; EIO with the cause when it is damaged or cannot be fetched; EFBIG when it
 *   would take more memory than `maxBytes`; ESTALE when it changed on the server while it was opened.
 * @example
 * const layer = await openLayer('/npm/react-19.2.0.tgz', { at: '/node_modules/react', strip: 1 });
 */
export async function openLayer(from: LayerSource, options: OpenLayerOptions = {}): Promise<Layer> {
  const source = sourceOf(from, options);
  try {
    const { at, strip, whiteouts } = options;
    const opening: CachedOpening = {
      table: { at, strip, whiteouts },
      open: (cached) => openSource(cached, options),
      restore: (index, cached) => restoreLayer(index, cached, options),
    };
    return await openThroughCache(source, opening, options);
  } catch (e) {
    source.close();
    throw e;
  }
}

function restoreLayer(index: LayerIndex, source: Source, { maxBytes = DEFAULT_MAX_BYTES, at, strip, whiteouts }: OpenLayerOptions): Layer {
  switch (index.format) {
    case 'zip':
      return restoreZipLayer(index, { source, codec: loadCodec(), table: { at, strip, whiteouts }, maxBytes });
    default:
      return index.format satisfies never;
  }
}

function sourceOf(from: LayerSource, options: OpenLayerOptions): Source {
  const { name } = options;
  if (typeof from === 'string' || from instanceof URL) return httpSource(from, options);
  // Plain, because Node's Buffer has a `slice` that does not copy.
  if (from instanceof Uint8Array) return bytesSource(new Uint8Array(from.buffer, from.byteOffset, from.length), name);
  if (from instanceof ArrayBuffer) return bytesSource(new Uint8Array(from), name);
  return 'slice' in from ? blobSource(from, name) : from;
}

async function openSource(remote: Source, options: OpenLayerOptions): Promise<Layer> {
  const { signal, maxBytes = DEFAULT_MAX_BYTES, at, strip, whiteouts } = options;
  const table: TableOptions = { at, strip, whiteouts };
  const size = await remote.size(signal);
  const source = size <= SMALL ? residentSource(await remote.read(0, size, signal), remote) : remote;
  const opening: Opening = { source, size, table, maxBytes, signal };
  const tail = await source.read(Math.max(0, size - TAIL_SIZE), size, signal);
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
      return openTar(opening, format);
    case undefined:
      // Something in front of a zip, a self-extractor for one. Only where the start is no tar, which may well end with a zip.
      if (endsAsZip(tail)) return openZip(opening, tail);
      throw unknownFormat(head, { archive: source.name });
    default:
      return format satisfies never;
  }
}

interface Opening {
  readonly source: Source;
  readonly size: number;
  readonly table: TableOptions;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

async function openZip({ source, size, table, maxBytes, signal }: Opening, tail: Uint8Array): Promise<Layer> {
  const place = { archive: source.name };
  const end = findZipEnd({ bytes: tail, size }, place);
  if (end === undefined) throw damaged(place, 'cut short: a zip archive without its end record');
  return openZipLayer(end, tail, { source, codec: loadCodec(), table, maxBytes, signal });
}

async function openTar({ source, size, table, maxBytes, signal }: Opening, format: 'tar' | 'gzip'): Promise<Layer> {
  const place = { archive: source.name };
  if (size > maxBytes) throw tooLarge(place, `${size} bytes, more than the ${maxBytes} that are allowed`);
  const archive = await source.read(0, size, signal);
  const warnings: LayerWarning[] = [];
  let tar = archive;
  if (format === 'gzip') {
    tar = gunzip(archive, { place, codec: loadCodec(), limit: maxBytes, warn: (message) => warnings.push({ entry: '', message }) });
    if (formatOfHead(tar.subarray(0, HEAD_SIZE)) !== 'tar')
      throw unknownFormat(tar.subarray(0, HEAD_SIZE), { archive: `${source.name}, inflated` });
  }
  const layer = await tarLayer(tar, { name: source.name, archive, table, warnings });
  source.close();
  return layer;
}
