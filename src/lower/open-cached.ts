/* Opening a layer through the block cache: with a kept index nothing is parsed, and nothing but "is it still the same?" is asked. */

import { isFsError } from '../base/errors.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { Layer, PrefetchOptions } from '../layer/layer.ts';
import type { BlockCache, Revalidate } from './block-cache.ts';
import { CachedSource } from './cached-source.ts';
import type { RemoteSource } from './http-source.ts';
import { type LayerIndex, indexName, indexOf, packIndex, unpackIndex } from './layer-index.ts';
import type { Source } from './source.ts';
import { coversAll } from './open-toc.ts';
import { indexOfTar } from './tar-layer.ts';

export interface CachedLayerOptions {
  /** Keeps what is fetched, for later sessions and without a network. Default: nothing is kept. */
  readonly cache?: BlockCache | undefined;
  /** Whether a kept archive is compared with the server's when it is opened. Default: open. */
  readonly revalidate?: Revalidate | undefined;
  /**
   * Files to fetch at once when the layer is opened: what `recordAccess()` gave the last time. Nobody waits for them. Default: what the
   * archive says that a program opens first (the landmark of eStargz).
   */
  readonly prefetch?: readonly string[] | undefined;
  /** Fetches everything else too, a request at a time, unless the user's browser is told to save data. Default: false. */
  readonly background?: boolean | undefined;
}

/** How an archive becomes a layer. */
export interface CachedOpening {
  readonly table: TableOptions;
  /** Reads the table of contents. */
  readonly open: (source: Source) => Promise<Layer>;
  /** Makes the layer from what `open` learned before; `undefined` where it has to be learned anew. */
  readonly restore: (index: LayerIndex, source: Source) => Promise<Layer | undefined>;
}

interface ThroughCacheOptions extends CachedLayerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly integrity?: string | undefined;
  /** Gives the name of the index that will be asked for. */
  readonly index?: (() => string) | undefined;
}

/** The same archive with the cache in front of it, where there is one. @throws {FsError} EIO when the server refuses the archive */
export async function throughCache(source: Source, { cache, revalidate, integrity, index, signal }: ThroughCacheOptions): Promise<Source> {
  if (cache === undefined || !('compare' in source)) return source;
  return cache.open(source as RemoteSource, { revalidate, integrity, index, signal });
}

/** @throws {FsError} as `openLayer` */
export async function openThroughCache(source: Source, opening: CachedOpening, options: ThroughCacheOptions): Promise<Layer> {
  // Where all of it is to be read and verified every time, an index would save nothing.
  const index = options.integrity === undefined ? () => indexName(opening.table) : undefined;
  const cached = await throughCache(source, { ...options, index });
  try {
    const layer = cached instanceof CachedSource ? await openCached(cached, opening, index?.()) : await opening.open(cached);
    return fillAhead(layer, options);
  } catch (e) {
    cached.close();
    throw e;
  }
}

/** @param name of the index; `undefined` where there is to be none */
async function openCached(source: CachedSource, opening: CachedOpening, name: string | undefined): Promise<Layer> {
  const kept = name === undefined ? undefined : await source.index(name);
  const restored = kept === undefined ? undefined : await restoreFrom(kept, opening, source);
  if (restored !== undefined) return restored;
  let layer: Layer;
  source.holdBack();
  try {
    layer = await opening.open(source);
  } catch (e) {
    // What is kept is no archive, or not what `integrity` says (a login page, for one): the next opening is to get it anew.
    if ((isFsError(e, 'EINVAL') || isFsError(e, 'EIO')) && !source.hasFailed) await source.discard();
    throw e;
  } finally {
    source.goOn();
  }
  if (name === undefined) return layer;
  const index = indexOf(layer);
  const makeIndex = index === undefined ? indexOfTar(layer) : async () => index;
  const keeping = makeIndex && source.keepIndex(name, provenDigest(layer, index), async () => packIndex(await makeIndex()));
  // The same content may be on another shelf already. Of a tar nothing more is fetched, so that nobody has to know.
  if (index !== undefined) await keeping;
  return layer;
}

/**
 * A digest of the content, whichever way it is mounted: `undefined` where the layer's own does not prove the content. That of a zip has
 * CRC-32s, which anybody can forge, and that of a SquashFS image nothing: what is kept of one archive must not pass for another.
 */
function provenDigest({ digest }: Layer, index: LayerIndex | undefined): string | undefined {
  const isProof = index === undefined || (index.format !== 'zip' && index.format !== 'squashfs' && coversAll(index));
  return isProof ? digest.split(';')[0] : undefined;
}

/** The bytes have their checksum. What is none all the same is of another version of this library, and counts as missing. */
async function restoreFrom(kept: Uint8Array<ArrayBuffer>, { restore }: CachedOpening, source: CachedSource): Promise<Layer | undefined> {
  let index: LayerIndex;
  try {
    index = unpackIndex(kept);
  } catch (e) {
    if (e instanceof SyntaxError || e instanceof RangeError || e instanceof TypeError) return undefined;
    throw e;
  }
  return restore(index, source);
}

/** Starts what is to be fetched before it is asked for, and ends it with the layer. */
function fillAhead(layer: Layer, { prefetch, background = false }: CachedLayerOptions): Layer {
  const wanted = background && !savesData();
  const hasStartup = prefetch === undefined && layer.startup !== undefined;
  if (layer.prefetch === undefined || (!hasStartup && (prefetch ?? []).length === 0 && !wanted)) return layer;
  const closing = new AbortController();
  const options: PrefetchOptions = { signal: closing.signal };
  const fill = async (): Promise<void> => {
    if (hasStartup) await layer.prefetchStartup?.(options);
    else await layer.prefetch!(prefetch ?? [], options);
    if (wanted) await layer.prefetch!('all', { ...options, parallel: 1 });
  };
  // Whoever needs a file that could not be fetched ahead asks for it again, and hears of the failure.
  fill().catch(() => undefined);
  const close = layer.close.bind(layer);
  layer.close = () => {
    closing.abort();
    return close();
  };
  return layer;
}

/** https://wicg.github.io/savedata/ : Chromium has it. */
function savesData(): boolean {
  const { connection } = (globalThis.navigator ?? {}) as { readonly connection?: { readonly saveData?: boolean } };
  return connection?.saveData === true;
}
