/*
 * The documents of an image: what its reference means, and what that names, from the network or from what an earlier opening kept. A
 * reference is asked for again at every opening, as archives are; what a digest names is not. So an image opens without a network, as
 * what it was the last time, and never as some of each.
 */

import { type Digest, digestText } from '../archive/oci-digest.ts';
import type { CachedSource } from './cached-source.ts';
import { type Blob, digestOfBytes } from './oci-blob.ts';
import type { CachedLayerOptions } from './open-cached.ts';
import { type ImagePlace, blobName, fetchDocument } from './oci-place.ts';
import { TagSource, documentOf } from './oci-tag.ts';

interface DocumentsOptions extends Pick<CachedLayerOptions, 'cache' | 'revalidate'> {
  readonly signal?: AbortSignal | undefined;
}

/** A document by its digest. */
interface DocumentRequest {
  readonly url: URL;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export class ImageDocuments {
  /** What was fetched, by the names under which it will be kept. */
  readonly #fetched = new Map<string, Uint8Array<ArrayBuffer>>();

  private constructor(
    private readonly place: ImagePlace,
    /** What the reference means. */
    readonly start: Blob,
    private readonly cached: CachedSource | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws {FsError} EIO where the reference cannot be asked for and nothing of it is kept, and as `openImage` */
  static async open(place: ImagePlace, { cache, revalidate, signal }: DocumentsOptions): Promise<ImageDocuments> {
    const source = new TagSource(place);
    // What a digest names cannot change.
    const cached = await cache?.open(source, { revalidate: place.isFixed ? 'never' : revalidate, signal });
    try {
      const kept = cached?.keeps === true ? await cached.read(0, await cached.size(signal), signal) : undefined;
      return new ImageDocuments(place, documentOf(kept ?? (await source.read(0, Infinity, signal))), cached, signal);
    } catch (e) {
      cached?.close();
      throw e;
    }
  }

  /** Gives a document, which was compared with its digest. @throws {FsError} as `fetchBlob` */
  async get({ url, digest, size }: DocumentRequest): Promise<Uint8Array> {
    const name = digestText(digest).replace(':', '-');
    const kept = await this.cached?.index(name);
    if (kept !== undefined && (await digestOfBytes(kept, digest.algorithm)).hex === digest.hex) return kept;
    const request = { url, name: blobName(this.place, digest), size, digest };
    const { bytes } = await fetchDocument(request, this.place, this.signal);
    this.#fetched.set(name, bytes);
    return bytes;
  }

  /** Keeps what was fetched, now that the image is whole: until then what was kept of an earlier one counts. */
  async keep(): Promise<void> {
    const { cached } = this;
    if (cached === undefined) return;
    await cached.read(0, await cached.size(this.signal), this.signal);
    for (const [name, bytes] of this.#fetched) await cached.keepIndex(name, undefined, async () => bytes);
  }

  /** What is to be kept still is. */
  close(): void {
    this.cached?.close();
  }
}
