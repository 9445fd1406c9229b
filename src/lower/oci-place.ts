/* Where an image may be: the contract of a layout on a static host (oci-layout.ts) and a registry (registry-place.ts). */

import type { Descriptor } from '../archive/oci.ts';
import { type Digest, digestText } from '../archive/oci-digest.ts';
import type { Blob, BlobRequest } from './oci-blob.ts';
import { fetchBlob } from './oci-blob.ts';
import { type HttpOptions, HttpRequests } from './http-request.ts';

export interface ImagePlace {
  /** For messages. */
  readonly name: string;
  /** How its blobs are asked for. */
  readonly http: HttpOptions;
  /**
   * Fetches what the reference names: a manifest or an index, or gives the images among which the platform decides.
   * @throws {FsError} ENOENT when it names nothing, and what fetching throws
   */
  start(signal: AbortSignal | undefined): Promise<Blob | readonly Descriptor[]>;
  blobUrl(digest: Digest): URL;
  manifestUrl(digest: Digest): URL;
}

/** Manifests, indexes and configurations: the distribution specification asks registries to take 4 MiB. */
const DOCUMENT_LIMIT = 4 << 20;

export const blobName = (place: ImagePlace, digest: Digest): string => `${place.name}: blob ${digestText(digest)}`;

/** Fetches a document, which is small and read once. @throws {FsError} as `fetchBlob` */
export async function fetchDocument(
  request: Omit<BlobRequest, 'limit'>,
  { http }: Pick<ImagePlace, 'http'>,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const requests = new HttpRequests(request.url, request.name, http);
  return fetchBlob({ ...request, limit: DOCUMENT_LIMIT }, requests, signal);
}
