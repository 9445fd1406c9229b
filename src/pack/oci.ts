/*
 * OCI image layouts (image-spec: image-layout.md, manifest.md, config.md) of packed layers: a folder of blobs named by their digests,
 * which any static host can serve. Nothing in it depends on when or where it is made.
 */

import { createHash } from 'node:crypto';
import { encodeUtf8 } from '../base/bytes.ts';
import { type PackOptions, type Packed, pack } from './pack.ts';

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** stratafs's and stargz-snapshotter's readers verify a layer's table of contents by it. */
const TOC_DIGEST = 'containerd.io/snapshot/stargz/toc.digest';
const UNCOMPRESSED_SIZE = 'io.containers.estargz.uncompressed-size';

export interface OciOptions extends Omit<PackOptions, 'format' | 'trace'> {
  /** Name of the image in the layout. Default: latest. */
  readonly ref?: string | undefined;
  /** `os/architecture`. Default: linux/amd64. */
  readonly platform?: string | undefined;
  /** Traces of the layers, one for each source. */
  readonly traces?: readonly (readonly string[] | undefined)[] | undefined;
}

export interface OciLayout {
  /** Path in the layout -> content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Of the manifest. */
  readonly digest: string;
  /** Bottom first. */
  readonly layers: readonly Packed[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Packs folders and archives as the layers of one image, the bottom one first.
 *
 * @throws as `pack`; {TypeError} when there is no source, or when the platform is none
 * @example
 * const { files } = await packOci(['system', 'toolchain', 'project'], { ref: 'v1' });
 */
export async function packOci(sources: readonly string[], options: OciOptions = {}): Promise<OciLayout> {
  const { ref = 'latest', platform = 'linux/amd64', traces = [], ...packing } = options;
  if (sources.length === 0) throw new TypeError('An image needs a layer');
  const [os, architecture, variant] = platform.split('/');
  if (!/^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/.test(platform) || os === undefined || architecture === undefined)
    throw new TypeError(`The option 'platform' must be like linux/amd64: ${platform}`);
  if (!/^[A-Za-z0-9][A-Za-z0-9._/:@+-]*$/.test(ref)) throw new TypeError(`The option 'ref' must be a name: '${ref}'`);
  const layers: Packed[] = [];
  for (const [i, source] of sources.entries()) layers.push(await pack(source, { ...packing, format: 'estargz', trace: traces[i] }));
  const files = new Map<string, Uint8Array>();
  const target = { architecture, os, ...(variant !== undefined && { variant }) };
  const config = addJson(files, CONFIG_TYPE, {
    ...target,
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created_by: 'stratafs oci' })),
  });
  const manifest = addJson(files, MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config,
    layers: layers.map((layer) => addLayer(files, layer)),
  });
  const annotations = { 'org.opencontainers.image.ref.name': ref };
  files.set('index.json', json({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [{ ...manifest, platform: target, annotations }] }));
  files.set('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  return { files, digest: manifest.digest, layers };
}

const json = (value: unknown): Uint8Array => encodeUtf8(JSON.stringify(value));

function addBlob(files: Map<string, Uint8Array>, mediaType: string, bytes: Uint8Array): Descriptor {
  const hex = createHash('sha256').update(bytes).digest('hex');
  files.set(`blobs/sha256/${hex}`, bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

const addJson = (files: Map<string, Uint8Array>, mediaType: string, value: unknown): Descriptor => addBlob(files, mediaType, json(value));

function addLayer(files: Map<string, Uint8Array>, { bytes, tocDigest, tarSize }: Packed): object {
  return { ...addBlob(files, LAYER_TYPE, bytes), annotations: { [TOC_DIGEST]: tocDigest, [UNCOMPRESSED_SIZE]: String(tarSize) } };
}
