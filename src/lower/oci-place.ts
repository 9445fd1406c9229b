/* Where an image may be: the contract of a layout on a static host (oci-layout.ts) and a registry (registry-place.ts). */

import type { Descriptor } from '../archive/oci.ts';
import { type Digest, digestText } from '../archive/oci-digest.ts';
import type { Blob, BlobRequest } from './oci-blob.ts';
import { fetchBlob, fetchBlobOnce } from './oci-blob.ts';
import { type HttpOptions, HttpRequests } from './http-request.ts';

export interface ImagePlace {
  /** For messages. */
  readonly name: string;
  /** How its blobs are asked for. */
  readonly http: HttpOptions;
  /** What the document is kept by that says what the reference means. */
  readonly tag: URL;
  /** *true* indicates that the reference is a digest. Therefore it never means anything else. */
  readonly isFixed: boolean;
  /**
   * Fetches that document: a manifest, or an index.
   * @throws {FsError} ENOENT when there is none, EIO when it is none, and what fetching throws; {Transient} without patience
   */
  start(patience: DocumentPatience, signal: AbortSignal | undefined): Promise<Blob>;
  /**
   * Gives the images of an index that the reference may mean; the platform decides among them.
   * @param get fetches what lies deeper
   * @throws {FsError} ENOENT when it means none of them
   */
  choose(images: readonly Descriptor[], get: (descriptor: Descriptor) => Promise<Uint8Array>): Promise<readonly Descriptor[]>;
  blobUrl(digest: Digest): URL;
  manifestUrl(digest: Digest): URL;
}

/** Manifests, indexes and configurations: the distribution specification asks registries to take 4 MiB. */
const DOCUMENT_LIMIT = 4 << 20;

export const blobName = (place: ImagePlace, digest: Digest): string => `${place.name}: blob ${digestText(digest)}`;

/** Whether to try again; or to wait so many milliseconds for an answer, once, with `Transient` for the want of one. */
export type DocumentPatience = 'patient' | { readonly stall: number };

/** Fetches a document, which is small and read once. @throws {FsError} as `fetchBlob` */
export async function fetchDocument(
  request: Omit<BlobRequest, 'limit'>,
  { http }: Pick<ImagePlace, 'http'>,
  signal: AbortSignal | undefined,
  patience: DocumentPatience = 'patient',
): Promise<Blob> {
  const retry = patience === 'patient' ? http.retry : { ...http.retry, stall: patience.stall };
  const requests = new HttpRequests(request.url, request.name, { ...http, retry });
  return (patience === 'patient' ? fetchBlob : fetchBlobOnce)({ ...request, limit: DOCUMENT_LIMIT }, requests, signal);
}
