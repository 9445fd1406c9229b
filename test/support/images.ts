/* Images for tests, made in memory: blobs, manifests, indexes, and the layout that a host would serve. Node only. */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { type TarFile, tarArchive } from './archives.ts';

export const OCI = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  tar: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const;

export const DOCKER = {
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export interface WrittenDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, string>>;
}

export interface ImageSpec {
  /** The bottom layer first: the files of a tar, or a blob that is there already. */
  readonly layers: readonly (readonly TarFile[] | WrittenDescriptor)[];
  readonly config?: object;
  readonly types?: typeof OCI | typeof DOCKER;
  readonly manifest?: object;
}

export const hexOf = (bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string =>
  createHash(algorithm).update(bytes).digest('hex');

/** Blobs by their paths in a layout. */
export class ImageFolder {
  readonly files = new Map<string, Uint8Array>();
  /** Digest of a layer -> digest of the tar in it. */
  readonly #inner = new Map<string, string>();

  blob(content: Uint8Array | object, mediaType: string, algorithm: 'sha256' | 'sha512' = 'sha256'): WrittenDescriptor {
    const bytes = content instanceof Uint8Array ? content : encodeUtf8(JSON.stringify(content));
    const hex = hexOf(bytes, algorithm);
    this.files.set(`blobs/${algorithm}/${hex}`, bytes);
    return { mediaType, digest: `${algorithm}:${hex}`, size: bytes.length };
  }

  layer(files: readonly TarFile[], types: typeof OCI | typeof DOCKER = OCI): WrittenDescriptor {
    const tar = tarArchive(files);
    const layer = this.blob(new Uint8Array(gzipSync(tar)), types.gzip);
    this.#inner.set(layer.digest, `sha256:${hexOf(tar)}`);
    return layer;
  }

  image({ layers, config, types = OCI, manifest = {} }: ImageSpec): WrittenDescriptor {
    const written = layers.map((layer) => ('digest' in layer ? layer : this.layer(layer, types)));
    const document = config ?? {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: written.map(({ digest }) => this.#inner.get(digest) ?? digest) },
    };
    return this.blob(
      { schemaVersion: 2, mediaType: types.manifest, config: this.blob(document, types.config), layers: written, ...manifest },
      types.manifest,
    );
  }

  index(manifests: readonly WrittenDescriptor[], types: typeof OCI | typeof DOCKER = OCI): WrittenDescriptor {
    return this.blob({ schemaVersion: 2, mediaType: types.index, manifests }, types.index);
  }

  /** A manifest that was written before. */
  manifestOf({ digest }: WrittenDescriptor): { readonly config: WrittenDescriptor; readonly layers: readonly WrittenDescriptor[] } {
    const text = new TextDecoder().decode(this.files.get(`blobs/${digest.replace(':', '/')}`));
    return JSON.parse(text) as { config: WrittenDescriptor; layers: WrittenDescriptor[] };
  }

  /** Writes what makes a layout of it. */
  layout(manifests: readonly WrittenDescriptor[]): this {
    this.files.set('oci-layout', encodeUtf8('{"imageLayoutVersion":"1.0.0"}'));
    this.files.set('index.json', encodeUtf8(JSON.stringify({ schemaVersion: 2, manifests })));
    return this;
  }
}

export const named = (descriptor: WrittenDescriptor, ref: string): WrittenDescriptor => ({
  ...descriptor,
  annotations: { 'org.opencontainers.image.ref.name': ref },
});

export const forPlatform = (descriptor: WrittenDescriptor, platform: string): WrittenDescriptor => {
  const [os = '', architecture = '', variant] = platform.split('/');
  return { ...descriptor, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
};

/** A host at `http://host/i/` that serves files, as a `fetch`. `asked` gets the paths. */
export function hostOf({ files }: ImageFolder, asked: string[] = []): (url: string, init: RequestInit) => Promise<Response> {
  return async (url) => {
    const path = new URL(url).pathname.replace(/^\/i\//, '');
    asked.push(path);
    const bytes = files.get(path);
    return bytes === undefined ? new Response('not here', { status: 404 }) : new Response(bytes.slice());
  };
}
