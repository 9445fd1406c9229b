/* `openDirectory`: plain files on a static host, with an index that says what they are, as a layer. docs/FORMAT.md, 4.8, has the index. */

import { damaged, tooLarge } from '../archive/damage.ts';
import { resolveLimits } from '../archive/limits.ts';
import { loadCodec } from '../codec/codec.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { Layer } from '../layer/layer.ts';
import { type DirectoryFiles, DirectorySource } from './directory-source.ts';
import { DEFAULT_MAX_BYTES } from './http-source.ts';
import { assertIntegrity, parseIntegrity } from './integrity.ts';
import type { LayerIndex } from './layer-index.ts';
import { type CachedOpening, openThroughCache } from './open-cached.ts';
import type { OpenLayerOptions } from './open-layer.ts';
import type { Opening } from './opening.ts';
import type { MemberDecoder } from './toc-layer.ts';
import { Pieces } from './pieces.ts';
import type { Source } from './source.ts';
import { contentOf, openTocLayer, restoreTocLayer, tocLimit } from './open-toc.ts';

/** The name of the index where only the directory is named. */
export const INDEX_NAME = 'index.stratafs.json';

/** `integrity` is that of the index, which has the digest of everything else. */
export type DirectoryOptions = Omit<OpenLayerOptions, 'tocDigest' | 'manifestPosition'>;

/**
 * Opens a directory of files on a host as a lower layer. Its index is fetched; files are when they are read, each compared with its
 * digest before a byte of it is served, large ones in parts.
 *
 * @param url the directory, which has the index by the name `index.stratafs.json`; or the index, where the URL ends in `.json`
 * @throws {FsError} EIO with the cause when the index cannot be fetched, is damaged, or is not what `integrity` says; EFBIG when it is
 *   beyond one of the `limits`
 * @example
 * const layer = await openDirectory('/templates/react/', { at: '/project' });
 */
export async function openDirectory(url: string | URL, options: DirectoryOptions = {}): Promise<Layer> {
  const source = new DirectorySource(indexUrl(url), options);
  const { at, strip, whiteouts, include, exclude, integrity } = options;
  const table: TableOptions = { at, strip, whiteouts, include, exclude };
  const expected = integrity === undefined ? undefined : parseIntegrity(integrity);
  const opening: CachedOpening = {
    table,
    async open(cached) {
      const needs = await openingOf(cached, table, options);
      const { size, signal } = needs;
      const place = { archive: source.name };
      tocLimit(size, needs);
      const json = await cached.read(0, size, signal);
      if (expected !== undefined) await assertIntegrity(json, expected, place);
      const layer = await openTocLayer({ json, identity: json, contentEnd: size, pinned: undefined }, plainFiles(), needs);
      return described(layer, source);
    },
    async restore(index: LayerIndex, cached) {
      const needs = await openingOf(cached, table, options);
      if (index.format !== 'directory' || index.table.length > needs.limits.entries) return undefined;
      return described(restoreTocLayer(index, plainFiles(), needs), source);
    },
  };
  try {
    return await openThroughCache(source, opening, options);
  } catch (e) {
    source.close();
    throw e;
  }
}

/** Where the index is. */
function indexUrl(url: string | URL): URL {
  const index = new URL(url, globalThis.location?.href);
  if (index.pathname.endsWith('.json')) return index;
  if (!index.pathname.endsWith('/')) index.pathname += '/';
  index.pathname += INDEX_NAME;
  return index;
}

async function openingOf(
  source: Source,
  table: TableOptions,
  { limits, maxBytes = DEFAULT_MAX_BYTES, signal }: DirectoryOptions,
): Promise<Opening> {
  const size = await source.size(signal);
  if (size > maxBytes) throw tooLarge({ archive: source.name }, `an index of ${size} bytes, more than the ${maxBytes} that are allowed`);
  return { source, size, table, limits: resolveLimits(limits), maxBytes, signal };
}

/** A file is what it is: nothing has to be decoded. */
function plainFiles(): MemberDecoder {
  return {
    format: 'directory',
    member: 'file',
    codec: loadCodec(),
    reader: (source) => new Pieces(source),
    decode: (bytes) => bytes,
  };
}

function described(layer: Layer, source: DirectorySource): Layer {
  const { chunks, names } = contentOf(layer);
  if (names === undefined) throw damaged({ archive: source.name }, 'its index names no files');
  source.describe({ chunks, names } satisfies DirectoryFiles);
  return layer;
}
