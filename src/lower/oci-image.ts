/* `openImage`: an image, wherever it is, as lowers. Owns the way from a reference to layers, and what an image may cost. */

import { ArgumentError, FsError } from '../base/errors.ts';
import { damaged } from '../archive/damage.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import {
  type Descriptor,
  type ImageConfig,
  type ImageDocument,
  type Platform,
  parseImageConfig,
  parseImageDocument,
} from '../archive/oci.ts';
import { choosePlatform, parsePlatform, platformText, suits } from '../archive/oci-choice.ts';
import { type Digest, digestText } from '../archive/oci-digest.ts';
import type { TableOptions } from '../layer/build-table.ts';
import type { Layer } from '../layer/layer.ts';
import type { HttpOptions } from './http-request.ts';
import type { CachedLayerOptions } from './open-cached.ts';
import { digestOfBytes } from './oci-blob.ts';
import { ImageDocuments } from './oci-documents.ts';
import { closeLayers, openLayers } from './oci-layers.ts';
import { INDEX_DEPTH, layoutPlace } from './oci-layout.ts';
import { type ImagePlace, blobName } from './oci-place.ts';
import type { RegistryLogin } from './registry-auth.ts';
import { registryPlace } from './registry-place.ts';

const DEFAULT_PLATFORM = 'linux/amd64';

/** Where an image is. */
export type ImageSource =
  /** An image layout behind a URL; `ref` is a name that its `index.json` has (often a tag), or a digest. */
  | { readonly oci: string | URL; readonly ref?: string | undefined }
  /** A name in a registry: `registry.example/team/tool:tag`, `…@sha256:…`. `registry`: where to ask instead, a proxy for one. */
  | { readonly image: string; readonly registry?: string | URL | undefined; readonly login?: RegistryLogin | undefined };

export interface ImageOptions
  extends
    Pick<TableOptions, 'at' | 'include' | 'exclude'>,
    Pick<HttpOptions, 'name' | 'fetch' | 'retry' | 'onProgress' | 'syncFetch'>,
    Pick<CachedLayerOptions, 'cache' | 'revalidate' | 'background'> {
  /** `os/architecture` or `os/architecture/variant`. Default: `linux/amd64`. */
  readonly platform?: string | undefined;
  /** Of each layer; `entries` of all layers together. */
  readonly limits?: ArchiveLimits | undefined;
  /** Bytes that all layers together may have as they are fetched; those that are read lazily do not count. Default: 1 GiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Image {
  /** The manifest's digest: what to pin. */
  readonly digest: string;
  /** `os/architecture`; empty where the image does not say. */
  readonly platform: string;
  readonly config: ImageConfig;
  /** The manifest's. */
  readonly annotations: ReadonlyMap<string, string>;
  /** Topmost first, as `Overlay.mount` takes them. A layer that the image has twice is here twice. */
  readonly layers: readonly Layer[];
  close(): Promise<void>;
}

/**
 * Opens an image. Every blob is compared with its digest before anything of it is used; eStargz and zstd:chunked layers whose table of contents the
 * manifest pins are read lazily, chunk by chunk. Whiteouts in layers hide what is below. With a cache an image opens without a network,
 * as what its reference meant the last time; `revalidate: 'never'` asks nothing either.
 *
 * @throws {FsError} ENOENT when there is no such image, or none for the platform (the error says what there is); EACCES when the
 *   registry does not let us; EIO with the cause when something cannot be fetched, is damaged, or is not what its digest says; ENOTSUP
 *   for media types that nobody knows, and layers that must be had elsewhere; EFBIG beyond `limits` and `maxBytes`
 * @example
 * const { layers, config } = await openImage({ oci: '/images/toolchain', ref: 'latest' });
 * const overlay = await Overlay.mount({ lower: layers, upper: memoryUpper() });
 */
export async function openImage(source: ImageSource, options: ImageOptions = {}): Promise<Image> {
  const wanted = parsePlatform(options.platform ?? DEFAULT_PLATFORM);
  const { name, fetch: own, retry, syncFetch } = options;
  const http: HttpOptions = { name, fetch: own, retry, syncFetch };
  const place = placeOf(source, http);
  const documents = await ImageDocuments.open(place, options);
  try {
    const image = await assemble(place, documents, wanted, options);
    await documents.keep();
    return image;
  } finally {
    documents.close();
  }
}

async function assemble(place: ImagePlace, documents: ImageDocuments, wanted: Platform, options: ImageOptions): Promise<Image> {
  const { manifest, digest, platform } = await findManifest(place, documents, wanted);
  const config = await getConfig(place, documents, manifest);
  const said = platform ?? config;
  // What one asks for by name is given, for whatever machine it is; unless that was asked for too.
  if (options.platform !== undefined && said.os !== '' && suits(said, wanted) === undefined)
    throw new FsError('ENOENT', { detail: `${place.name}: no image for ${options.platform}; there is ${platformText(said)}` });
  const layers = await openLayers(place, manifest.layers.toReversed(), options);
  return {
    digest: digestText(digest),
    platform: said.os === '' ? '' : platformText(said),
    config,
    annotations: manifest.annotations,
    layers,
    close: () => closeLayers(layers),
  };
}

function placeOf(source: ImageSource, http: HttpOptions): ImagePlace {
  if ('oci' in source) return layoutPlace(source.oci, source.ref, http);
  if ('image' in source) return registryPlace(source.image, source.registry, source.login, http);
  throw new ArgumentError("An image needs 'oci' (the URL of a layout) or 'image' (its name in a registry)", 'ERR_INVALID_ARG_TYPE');
}

interface FoundManifest {
  readonly manifest: Extract<ImageDocument, { kind: 'manifest' }>;
  readonly digest: Digest;
  /** What the index says that the manifest is for. */
  readonly platform: Platform | undefined;
}

/** Goes from the reference through indexes to the manifest for the platform. */
async function findManifest(place: ImagePlace, documents: ImageDocuments, wanted: Platform): Promise<FoundManifest> {
  const { bytes, mediaType } = documents.start;
  const first = parseImageDocument(bytes, mediaType, { archive: place.name });
  if (first.kind === 'manifest') return { manifest: first, digest: await digestOfBytes(bytes, 'sha256'), platform: undefined };
  const get = ({ digest, size }: Descriptor): Promise<Uint8Array> => documents.get({ url: place.manifestUrl(digest), digest, size });
  let images = await place.choose(first.manifests, get);
  for (let depth = 0; depth <= INDEX_DEPTH; depth++) {
    const chosen = choosePlatform(images, wanted, { archive: place.name });
    const { digest, platform } = chosen;
    const document = parseImageDocument(await get(chosen), chosen.mediaType, { archive: blobName(place, digest) });
    if (document.kind === 'manifest') return { manifest: document, digest, platform };
    images = document.manifests;
  }
  throw damaged({ archive: place.name }, `indexes in indexes, deeper than ${INDEX_DEPTH}`);
}

async function getConfig(
  place: ImagePlace,
  documents: ImageDocuments,
  { config, layers }: { readonly config: Descriptor; readonly layers: readonly Descriptor[] },
): Promise<ImageConfig> {
  const { digest, size, mediaType } = config;
  const bytes = await documents.get({ url: place.blobUrl(digest), digest, size });
  return parseImageConfig(bytes, mediaType, layers.length, { archive: blobName(place, digest) });
}
