/*
 * The documents of an image: indexes, manifests, configurations (OCI image specification 1.1; Docker's "Image Manifest V2, Schema 2",
 * which has the same members under other media types). Judges them; whoever fetched them has compared their digests.
 */

import { decodeUtf8Strict } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import { type Digest, digestOf } from './oci-digest.ts';

const INDEX_TYPES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const MANIFEST_TYPES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const CONFIG_TYPES = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];
const LAYER_TYPES = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
]);
/** Layers that registries must not hand on: somebody else's site has them, at `urls`. */
const FOREIGN = /nondistributable|foreign/;

/** What to ask a registry for. */
export const MANIFEST_ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ');

/** Ten times what a page's worth of layers needs; Docker stops at 127. */
const LAYERS_LIMIT = 1000;

/** What a machine an image is for; a part is empty where the image does not say. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

/** Tells where content is, and what. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations: ReadonlyMap<string, string>;
  readonly platform: Platform | undefined;
}

export type ImageDocument =
  /** *index* indicates images to choose from. Therefore one of `manifests` has to be fetched, which may be an index again. */
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
  | {
      readonly kind: 'manifest';
      readonly config: Descriptor;
      /** The bottom layer first. */
      readonly layers: readonly Descriptor[];
      readonly annotations: ReadonlyMap<string, string>;
    };

/** What an image says about running it. */
export interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
  readonly created: string | undefined;
  readonly user: string;
  readonly workingDir: string;
  /** `NAME=value`, in order. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);

/** Keyed by what images say, so never a plain object. */
const textMap = (value: unknown): Map<string, string> =>
  new Map(isObject(value) ? Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string') : []);

function parseObject(bytes: Uint8Array, place: Place): Json {
  const source = decodeUtf8Strict(bytes);
  if (source === undefined) throw damaged(place, 'is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw damaged({ ...place, cause }, `is not JSON: it starts with ${JSON.stringify(source.slice(0, 40))}`);
  }
  if (!isObject(value)) throw damaged(place, 'is no JSON object');
  return value;
}

/**
 * Reads a manifest or an index.
 *
 * @param declared the media type that its descriptor or the server told, if any did
 * @throws {FsError} EIO when it is none, or when it could be taken for both; ENOTSUP for what is known and not read: Docker's schema 1,
 *   layers that must be had elsewhere, media types that nobody knows; EFBIG for more layers than any image has
 */
export function parseImageDocument(bytes: Uint8Array, declared: string | undefined, place: Place): ImageDocument {
  const document = parseObject(bytes, place);
  if (document['schemaVersion'] === 1) throw new FsError('ENOTSUP', { detail: `${place.archive}: a manifest of Docker's schema 1` });
  const own = text(document['mediaType']);
  const known = [...INDEX_TYPES, ...MANIFEST_TYPES];
  // Two readers must not see two images in the same bytes (CVE-2021-41190).
  if (known.includes(own) && declared !== undefined && known.includes(declared) && own !== declared)
    throw damaged(place, `says that it is ${own}, and came as ${declared}`);
  const hasLayers = 'layers' in document || 'config' in document;
  const hasManifests = 'manifests' in document;
  if (hasLayers && hasManifests) throw damaged(place, 'is both a manifest and an index');
  const mediaType = known.includes(own) ? own : declared;
  if (hasManifests && Array.isArray(document['manifests']) && !MANIFEST_TYPES.includes(mediaType ?? ''))
    return { kind: 'index', manifests: document['manifests'].map((item, i) => descriptorOf(item, { ...place, entry: `manifests[${i}]` })) };
  if (!hasLayers || !Array.isArray(document['layers']) || INDEX_TYPES.includes(mediaType ?? ''))
    throw damaged(place, 'is neither a manifest nor an index of images');
  const { layers } = document;
  if (layers.length > LAYERS_LIMIT) throw tooLarge(place, `${layers.length} layers, more than the ${LAYERS_LIMIT} that are allowed`);
  return {
    kind: 'manifest',
    config: descriptorOf(document['config'], { ...place, entry: 'config' }),
    layers: layers.map((item, i) => layerOf(item, { ...place, entry: `layers[${i}]` })),
    annotations: textMap(document['annotations']),
  };
}

function descriptorOf(value: unknown, place: Place): Descriptor {
  if (!isObject(value)) throw damaged(place, 'is no descriptor');
  const { size, platform } = value;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw damaged(place, `has no size: ${JSON.stringify(size)}`);
  return {
    mediaType: text(value['mediaType']),
    digest: digestOf(value['digest'], place),
    size,
    annotations: textMap(value['annotations']),
    platform: isObject(platform) ? platformOf(platform) : undefined,
  };
}

const platformOf = (value: Json): Platform => ({
  os: text(value['os']),
  architecture: text(value['architecture']),
  variant: text(value['variant']),
});

function layerOf(value: unknown, place: Place): Descriptor {
  const layer = descriptorOf(value, place);
  if (LAYER_TYPES.has(layer.mediaType)) return layer;
  const why = FOREIGN.test(layer.mediaType) ? 'a layer that its publisher lets nobody hand on' : 'a layer of an unknown media type';
  throw new FsError('ENOTSUP', { detail: `${place.archive}: '${place.entry}': ${why}: '${layer.mediaType}'` });
}

/**
 * Reads an image's configuration. Of other things than images (artifacts) it says nothing.
 *
 * @param layers how many the manifest lists
 * @throws {FsError} EIO when it is damaged, or is of an image with another number of layers
 */
export function parseImageConfig(bytes: Uint8Array, mediaType: string, layers: number, place: Place): ImageConfig {
  const isImage = CONFIG_TYPES.includes(mediaType);
  const document: Json = isImage ? parseObject(bytes, place) : {};
  const { rootfs, config } = document;
  const ids = isObject(rootfs) ? rootfs['diff_ids'] : undefined;
  if (Array.isArray(ids) && ids.length !== layers)
    throw damaged(place, `is of an image with ${ids.length} layers, the manifest has ${layers}`);
  const run: Json = isObject(config) ? config : {};
  return {
    ...platformOf(document),
    created: typeof document['created'] === 'string' ? document['created'] : undefined,
    user: text(run['User']),
    workingDir: text(run['WorkingDir']),
    env: texts(run['Env']),
    entrypoint: texts(run['Entrypoint']),
    cmd: texts(run['Cmd']),
    labels: textMap(run['Labels']),
  };
}

/** @throws {FsError} EIO when it is no `oci-layout` file, ENOTSUP when it is of a version to come */
export function assertLayout(bytes: Uint8Array, place: Place): void {
  const version = parseObject(bytes, place)['imageLayoutVersion'];
  if (typeof version !== 'string') throw damaged(place, 'has no imageLayoutVersion');
  if (!version.startsWith('1.')) throw new FsError('ENOTSUP', { detail: `${place.archive}: an image layout of version ${version}` });
}
