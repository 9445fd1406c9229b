/*
 * What an image's reference means: the one document of an image that may be another tomorrow (what a registry has under a tag, the
 * `index.json` of a layout) as a source, which the block cache keeps by its digest like any archive. Everything else of an image is
 * named by that document, by digests.
 */

import { concatBytes, decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { digestText } from '../archive/oci-digest.ts';
import { changed } from './http-answer.ts';
import type { ArchiveVersion, RemoteSource } from './http-source.ts';
import { type Blob, digestOfBytes } from './oci-blob.ts';
import type { DocumentPatience, ImagePlace } from './oci-place.ts';
import { Transient } from './retry.ts';

/** What a server called a document stands in front of it. */
const NEWLINE = 10;

interface Found {
  readonly bytes: Uint8Array;
  readonly version: ArchiveVersion;
}

export class TagSource implements RemoteSource {
  readonly name: string;
  readonly url: URL;
  readonly stats = { requests: 0, bytes: 0 };
  readonly #place: ImagePlace;
  #version: ArchiveVersion | undefined;
  /** What the server has now. */
  #found: Found | undefined;

  constructor(place: ImagePlace) {
    this.#place = place;
    this.name = place.name;
    this.url = place.tag;
  }

  get version(): ArchiveVersion | undefined {
    return this.#version;
  }

  pin(version: ArchiveVersion): void {
    this.#version = version;
  }

  async compare(version: ArchiveVersion, timeout: number, signal?: AbortSignal): Promise<'same' | 'changed' | 'unreachable'> {
    try {
      const found = await this.#ask({ stall: timeout }, signal);
      return found.version.etag === version.etag ? 'same' : 'changed';
    } catch (e) {
      if (e instanceof Transient) return 'unreachable';
      throw e;
    }
  }

  async size(signal?: AbortSignal): Promise<number> {
    this.#version ??= (await this.#ask('patient', signal)).version;
    return this.#version.size;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { bytes, version } = await this.#ask('patient', signal);
    if (this.#version !== undefined && this.#version.etag !== version.etag)
      throw changed(this.name, `it was ${this.#version.etag}, is ${version.etag}`);
    return bytes.subarray(start, end);
  }

  peek(start: number, end: number): Uint8Array | undefined {
    const found = this.#found;
    return found !== undefined && found.version.etag === this.#version?.etag ? found.bytes.subarray(start, end) : undefined;
  }

  close(): void {
    this.#found = undefined;
  }

  /** Asks once. What was answered counts for this opening. */
  async #ask(patience: DocumentPatience, signal: AbortSignal | undefined): Promise<Found> {
    if (this.#found !== undefined) return this.#found;
    const document = await this.#place.start(patience, signal);
    const bytes = concatBytes([encodeUtf8(`${document.mediaType ?? ''}\n`), document.bytes]);
    const etag = digestText(await digestOfBytes(bytes, 'sha256'));
    return (this.#found = { bytes, version: { etag, lastModified: undefined, size: bytes.length } });
  }
}

/** The document out of the bytes of such a source. */
export function documentOf(bytes: Uint8Array): Blob {
  const end = bytes.indexOf(NEWLINE);
  const mediaType = decodeUtf8(bytes.subarray(0, end));
  return { mediaType: mediaType === '' ? undefined : mediaType, bytes: bytes.slice(end + 1) };
}
