/* The layers of an image, once its manifest is known: fetched side by side, each blob once, within limits that all of them share. */

import { tooLarge } from '../archive/damage.ts';
import { resolveLimits } from '../archive/limits.ts';
import type { Descriptor } from '../archive/oci.ts';
import { type Digest, digestText, parseDigest } from '../archive/oci-digest.ts';
import { parseManifestPosition } from '../archive/zstd-chunked.ts';
import type { Layer } from '../layer/layer.ts';
import { Gate } from './gate.ts';
import type { HttpOptions } from './http-request.ts';
import { DEFAULT_MAX_BYTES } from './http-source.ts';
import { BlobSource } from './oci-blob.ts';
import type { ImageOptions } from './oci-image.ts';
import { type ImagePlace, blobName } from './oci-place.ts';
import { type OpenLayerOptions, openLayer } from './open-layer.ts';

/** As many as browsers open connections to one host. */
const FETCHED_AT_ONCE = 6;

/** What eStargz's tools write: with it the manifest, and so its digest, covers whatever is read of the layer. */
const TOC_DIGEST = 'containerd.io/snapshot/stargz/toc.digest';
/** The same of zstd:chunked, as it is called now and until 2023. */
const CHUNKED = ['io.github.containers.zstd-chunked', 'io.containers.zstd-chunked'];

/**
 * Opens the layers of these descriptors, in their order.
 *
 * @throws {FsError} as `openImage`
 */
export async function openLayers(place: ImagePlace, descriptors: readonly Descriptor[], options: ImageOptions): Promise<Layer[]> {
  const unique = new Map(descriptors.map((descriptor) => [digestText(descriptor.digest), descriptor]));
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  let total = 0;
  for (const descriptor of unique.values()) if (pinOf(descriptor) === undefined) total += descriptor.size;
  if (total > maxBytes)
    throw tooLarge({ archive: place.name }, `its layers have ${total} bytes, more than the ${maxBytes} that are allowed`);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const gate = new Gate(FETCHED_AT_ONCE);
  const budget = new EntryBudget(place.name, resolveLimits(options.limits).entries);
  const progress = new Progress(total, options.onProgress);
  const opening = new Map(
    [...unique].map(([key, descriptor]) => [
      key,
      gate.pass(async () => {
        const layer = await openLayerOf(place, descriptor, { ...options, signal, onProgress: progress.part(descriptor) });
        try {
          budget.take(layer.table.length);
        } catch (e) {
          await layer.close();
          throw e;
        }
        return layer;
      }, signal),
    ]),
  );
  try {
    await Promise.all(opening.values());
  } catch (e) {
    stop.abort(e);
    const settled = await Promise.allSettled(opening.values());
    await closeLayers(settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
    throw options.signal?.aborted === true ? options.signal.reason : e;
  }
  return Promise.all(descriptors.map(({ digest }) => opening.get(digestText(digest))!));
}

/** What a layer's table of contents must be, where the image's manifest says that. */
function pinOf({ annotations, mediaType }: Descriptor): Pick<OpenLayerOptions, 'tocDigest' | 'manifestPosition'> | undefined {
  const isDigest = (text: string | undefined): boolean => text !== undefined && parseDigest(text)?.algorithm === 'sha256';
  if (!mediaType.endsWith('zstd')) {
    const tocDigest = annotations.get(TOC_DIGEST);
    return isDigest(tocDigest) ? { tocDigest } : undefined;
  }
  for (const name of CHUNKED) {
    const tocDigest = annotations.get(`${name}.manifest-checksum`);
    const manifestPosition = annotations.get(`${name}.manifest-position`);
    if (isDigest(tocDigest) && parseManifestPosition(manifestPosition ?? '') !== undefined) return { tocDigest, manifestPosition };
  }
  return undefined;
}

function openLayerOf(place: ImagePlace, descriptor: Descriptor, options: ImageOptions): Promise<Layer> {
  const { digest, size } = descriptor;
  const { at, include, exclude, limits, maxBytes = DEFAULT_MAX_BYTES, cache, background, signal, onProgress } = options;
  const name = blobName(place, digest);
  const url = place.blobUrl(digest);
  const http: HttpOptions = { ...place.http, name, onProgress, maxBytes };
  const common: OpenLayerOptions = { at, include, exclude, whiteouts: 'oci', limits, maxBytes, cache, background, signal };
  const pin = pinOf(descriptor);
  // What is behind the URL of a digest never changes.
  if (pin !== undefined) return openLayer(url, { ...http, ...common, ...pin, revalidate: 'never' });
  const source = new BlobSource({ url, name, size, limit: maxBytes, digest }, http);
  // Without a cache the source has compared it already.
  return openLayer(source, { ...common, integrity: cache === undefined ? undefined : sriOf(digest) });
}

/** The same digest as HTML writes it. It is what the cache knows content by. */
function sriOf({ algorithm, hex }: Digest): string {
  const bytes = hex.match(/../g)!.map((pair) => Number.parseInt(pair, 16));
  return `${algorithm}-${btoa(String.fromCharCode(...bytes))}`;
}

export async function closeLayers(layers: readonly Layer[]): Promise<void> {
  await Promise.all([...new Set(layers)].map((layer) => layer.close()));
}

/** What is left of the entries that all layers together may have. */
class EntryBudget {
  #taken = 0;

  constructor(
    private readonly name: string,
    private readonly limit: number,
  ) {}

  take(entries: number): void {
    this.#taken += entries;
    if (this.#taken > this.limit) throw tooLarge({ archive: this.name }, `more than the ${this.limit} entries that are allowed`);
  }
}

/** Adds up what the layers report. What is read lazily is expected when it has come. */
class Progress {
  #loaded = 0;
  #total: number;

  constructor(
    total: number,
    private readonly tell: ImageOptions['onProgress'],
  ) {
    this.#total = total;
  }

  part(descriptor: Descriptor): HttpOptions['onProgress'] {
    const { tell } = this;
    if (tell === undefined) return undefined;
    const lazy = pinOf(descriptor) !== undefined;
    let before = 0;
    return ({ loaded }) => {
      this.#loaded += loaded - before;
      if (lazy) this.#total += loaded - before;
      before = loaded;
      tell({ loaded: this.#loaded, total: this.#total });
    };
  }
}
