/*
 * Blobs of images: fetched whole, compared with their digest and size, and only then given to anybody. The digest says what the
 * content is, so a transfer that broke off goes on where it ended, whatever the server is like.
 */

import { ownBytes, toHex } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { damaged, tooLarge } from '../archive/damage.ts';
import { HEAD_SIZE, formatOfHead } from '../archive/detect.ts';
import { type Digest, digestText } from '../archive/oci-digest.ts';
import { subtleCrypto } from './digest.ts';
import { contentRange, declaredLength, unreachable } from './http-answer.ts';
import { Received } from './http-body.ts';
import { type HttpOptions, HttpRequests, discard } from './http-request.ts';
import type { ArchiveVersion, RemoteSource } from './http-source.ts';
import { Transient } from './retry.ts';
import type { SourceStats } from './source.ts';

/** What is fetched, and what it has to be. */
export interface BlobRequest {
  readonly url: URL;
  /** For messages. */
  readonly name: string;
  /** Bytes that it has; `undefined` where only their limit is known. */
  readonly size?: number | undefined;
  readonly limit: number;
  readonly digest?: Digest | undefined;
  /** What to say where there is no such thing. Default: a failure like any other. */
  readonly missing?: string | undefined;
}

export interface Blob {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the server calls it, without parameters; `undefined` where it says nothing. */
  readonly mediaType: string | undefined;
}

/**
 * Fetches and verifies a blob.
 *
 * @throws {FsError} EIO with the cause when it cannot be fetched, or has another size or digest; EFBIG when it is beyond the limit;
 *   ENOENT where there is none and `missing` is given
 */
export async function fetchBlob(request: BlobRequest, http: HttpRequests, signal: AbortSignal | undefined): Promise<Blob> {
  return gather(request, http, signal, (attempt, received) => http.persist(attempt, signal, received));
}

/** The same, tried once. @throws {Transient} when it may go better the next time */
export async function fetchBlobOnce(request: BlobRequest, http: HttpRequests, signal: AbortSignal | undefined): Promise<Blob> {
  return gather(request, http, signal, (attempt) => attempt());
}

async function gather(
  request: BlobRequest,
  http: HttpRequests,
  signal: AbortSignal | undefined,
  run: (attempt: () => Promise<void>, received: () => number) => Promise<void>,
): Promise<Blob> {
  const place = { archive: request.name };
  if (request.size !== undefined && request.size > request.limit)
    throw tooLarge(place, `${request.size} bytes, more than the ${request.limit} that are allowed`);
  const received = new Received(request.size ?? request.limit);
  let mediaType: string | undefined;
  const attempt = async (): Promise<void> => {
    const response = await rest(request, http, received, signal);
    mediaType = response.headers.get('content-type')?.split(';')[0]?.trim();
    if (await http.receive(response, received, signal, { declared: request.size })) throw beyond(request);
    if (request.size !== undefined && received.length < request.size)
      throw new Transient(damaged(place, `has ${received.length} bytes, should have ${request.size}`));
  };
  await run(attempt, () => received.length);
  const { bytes } = received;
  if (request.digest !== undefined) await assertDigest(bytes, request.digest, request.name);
  return { bytes, mediaType };
}

/** Asks for what is missing, or for all of it where the server does not give parts. */
async function rest(request: BlobRequest, http: HttpRequests, received: Received, signal: AbortSignal | undefined): Promise<Response> {
  if (received.length > 0 && request.digest !== undefined) {
    const response = await http.send({ range: `bytes=${received.length}-` }, signal);
    const start = response.status === 206 ? contentRange(request.name, response)?.start : undefined;
    if (start === received.length && response.headers.get('content-encoding') === null) return response;
    await discard(response);
  }
  received.clear();
  const response = await http.send({}, signal);
  if (response.status === 200) {
    const declared = declaredLength(response);
    if (declared !== undefined && declared > received.limit) {
      await discard(response);
      throw beyond(request, declared);
    }
    received.expect(request.size ?? declared);
    return response;
  }
  if (response.status !== 404 || request.missing === undefined) throw await http.refuse(response);
  await discard(response);
  throw new FsError('ENOENT', { detail: request.missing, cause: unreachable(request.name, 'HTTP 404') });
}

function beyond({ name, size, limit }: BlobRequest, found?: number): FsError {
  if (size === undefined) return tooLarge({ archive: name }, `more than the ${limit} bytes that are allowed`);
  return damaged({ archive: name }, `has ${found === undefined ? 'more' : `${found} bytes`}, should have ${size}`);
}

/** @throws {FsError} EIO when the digest is another, ENOTSUP where there is no `crypto.subtle` */
async function assertDigest(bytes: Uint8Array, digest: Digest, name: string): Promise<void> {
  const found = await digestOfBytes(bytes, digest.algorithm);
  if (found.hex === digest.hex) return;
  throw damaged({ archive: name }, `its digest is ${digestText(found)}, should be ${digestText(digest)}`);
}

export async function digestOfBytes(bytes: Uint8Array, algorithm: Digest['algorithm']): Promise<Digest> {
  const standard = algorithm === 'sha256' ? 'SHA-256' : 'SHA-512';
  return { algorithm, hex: toHex(new Uint8Array(await subtleCrypto().digest(standard, ownBytes(bytes)))) };
}

/** A layer's blob as a source. There is one version of it: the digest's. */
export class BlobSource implements RemoteSource {
  readonly name: string;
  readonly url: URL;
  readonly version: ArchiveVersion;
  readonly #http: HttpRequests;
  readonly #request: BlobRequest & { readonly size: number };
  #bytes: Uint8Array | undefined;

  constructor(request: BlobRequest & { readonly size: number }, options: HttpOptions) {
    this.#request = request;
    this.#http = new HttpRequests(request.url, request.name, options);
    this.#http.size = request.size;
    this.name = request.name;
    this.url = request.url;
    this.version = { etag: undefined, lastModified: undefined, size: request.size };
  }

  get stats(): SourceStats {
    return this.#http.stats;
  }

  pin(): void {}

  async compare(): Promise<'same'> {
    return 'same';
  }

  async size(): Promise<number> {
    return this.#request.size;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#bytes === undefined) {
      const { bytes } = await fetchBlob(this.#request, this.#http, signal);
      const format = formatOfHead(bytes.subarray(0, HEAD_SIZE));
      if (format === undefined || format === 'zip' || format === 'squashfs')
        throw damaged({ archive: this.name }, 'is no tar, compressed or not');
      this.#bytes = bytes;
    }
    return this.#bytes.subarray(start, end);
  }

  peek(start: number, end: number): Uint8Array | undefined {
    return this.#bytes?.subarray(start, end);
  }

  close(): void {
    this.#http.close();
    this.#bytes = undefined;
  }
}
