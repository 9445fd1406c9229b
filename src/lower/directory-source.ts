/*
 * A directory of plain files on a host, with an index, as one sequence of bytes: the index, and behind it the files in the order of
 * the index, whose bytes exist only as they are asked for. So the block cache keeps it like any archive. What comes out of a file was
 * compared with its digest in the index: nothing else is served, nor kept.
 */

import { concatBytes, decodeUtf8, encodeUtf8, toHex } from '../base/bytes.ts';
import { FsError, isFsError } from '../base/errors.ts';
import { damaged } from '../archive/damage.ts';
import { type ChunkColumns, chunkDigest } from '../archive/toc-chunks.ts';
import { loadCodec } from '../codec/codec.ts';
import { changed, isCertain } from './http-answer.ts';
import { type HttpOptions, HttpRequests } from './http-request.ts';
import { type ArchiveVersion, type RemoteSource, httpSource } from './http-source.ts';
import { fetchBlob } from './oci-blob.ts';
import type { SourceStats } from './source.ts';

/** How long a failed read waits to hear whether the index is still the same. */
const COMPARE_TIMEOUT = 5000;

/** What the index says of content. */
export interface DirectoryFiles {
  readonly chunks: ChunkColumns;
  /** The name of the file of each chunk. */
  readonly names: readonly string[];
}

/** The whole file that a chunk is of. */
interface File {
  readonly url: URL;
  /** For messages. */
  readonly name: string;
  readonly size: number;
}

export class DirectorySource implements RemoteSource {
  readonly url: URL;
  readonly #index: RemoteSource;
  readonly #options: HttpOptions;
  readonly #closing = new AbortController();
  #stats = { requests: 0, bytes: 0, syncRequests: 0 };
  /** Bytes that were told of. */
  #loaded = 0;
  #files: DirectoryFiles | undefined;

  /** @param url the index's */
  constructor(url: URL, options: HttpOptions) {
    this.url = url;
    this.#options = options;
    this.#index = httpSource(url, this.#counted());
  }

  get name(): string {
    return this.#index.name;
  }

  get stats(): SourceStats {
    const { requests, bytes, syncRequests = 0 } = this.#index.stats;
    const own = this.#stats;
    return { requests: requests + own.requests, bytes: bytes + own.bytes, syncRequests: syncRequests + own.syncRequests };
  }

  /** The index's: it says what everything else is. */
  get version(): ArchiveVersion | undefined {
    return this.#index.version;
  }

  pin(version: ArchiveVersion): void {
    this.#index.pin(version);
  }

  compare(version: ArchiveVersion, timeout: number, signal?: AbortSignal): Promise<'same' | 'changed' | 'unreachable'> {
    return this.#index.compare(version, timeout, signal);
  }

  /** Bytes of the index. */
  size(signal?: AbortSignal): Promise<number> {
    return this.#index.size(signal);
  }

  /** Says what the index was found to hold; before that there is nothing behind it. */
  describe(files: DirectoryFiles): void {
    this.#files = files;
  }

  peek(start: number, end: number): Uint8Array | undefined {
    return this.#index.peek(start, end);
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (end <= (await this.size(signal))) return this.#index.read(start, end, signal);
    const pieces: Uint8Array[] = [];
    for (const chunk of this.#chunksOf(start, end)) pieces.push(this.#cut(await this.#fetch(chunk, signal), chunk, start, end));
    return pieces.length === 1 ? pieces[0]! : concatBytes(pieces);
  }

  readSync(start: number, end: number): Uint8Array | undefined {
    const size = this.version?.size;
    if (size === undefined || end <= size) return this.#index.readSync?.(start, end);
    const pieces: Uint8Array[] = [];
    for (const chunk of this.#chunksOf(start, end)) {
      const bytes = this.#fetchSync(chunk);
      if (bytes === undefined) return undefined;
      pieces.push(this.#cut(bytes, chunk, start, end));
    }
    return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
  }

  close(): void {
    this.#index.close();
    this.#closing.abort(new FsError('EBADF', { detail: `${this.name}: the layer is closed` }));
  }

  /** The chunks that hold [start, end). Holes hold nothing. */
  #chunksOf(start: number, end: number): number[] {
    const { offset, memberEnd } = this.#described.chunks;
    let low = 0;
    for (let high = offset.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (memberEnd[middle]! <= start) low = middle + 1;
      else high = middle;
    }
    const chunks: number[] = [];
    for (let chunk = low; chunk < offset.length && offset[chunk]! < end; chunk++)
      if (memberEnd[chunk]! > offset[chunk]!) chunks.push(chunk);
    return chunks;
  }

  get #described(): DirectoryFiles {
    if (this.#files === undefined) throw new TypeError('The index of the directory was not read yet');
    return this.#files;
  }

  #cut(bytes: Uint8Array, chunk: number, start: number, end: number): Uint8Array {
    const from = this.#described.chunks.offset[chunk]!;
    return bytes.subarray(Math.max(0, start - from), end - from);
  }

  async #fetch(chunk: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { chunks } = this.#described;
    const file = this.#fileOf(chunk);
    const [start, size] = [chunks.start[chunk]!, chunks.size[chunk]!];
    const either = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    try {
      if (size < file.size) return this.#verified(chunk, file, await this.#readPart(file, start, size, either));
      const digest = { algorithm: 'sha256', hex: toHex(chunkDigest(chunks, chunk)!) } as const;
      const http = new HttpRequests(file.url, file.name, this.#counted());
      try {
        return (await fetchBlob({ ...file, limit: size, digest }, http, either)).bytes;
      } finally {
        this.#count(http.stats);
      }
    } catch (e) {
      throw await this.#explain(e, file, either);
    }
  }

  /** A part of a file that has several chunks. */
  async #readPart(file: File, start: number, size: number, signal: AbortSignal): Promise<Uint8Array> {
    const source = this.#open(file);
    try {
      return await source.read(start, start + size, signal);
    } finally {
      this.#count(source.stats);
      source.close();
    }
  }

  #fetchSync(chunk: number): Uint8Array | undefined {
    const { start, size } = this.#described.chunks;
    const file = this.#fileOf(chunk);
    const source = this.#open(file);
    try {
      const bytes = source.readSync?.(start[chunk]!, start[chunk]! + size[chunk]!);
      return bytes && this.#verified(chunk, file, bytes);
    } finally {
      this.#count(source.stats);
      source.close();
    }
  }

  #open({ url, name, size }: File): RemoteSource {
    const source = httpSource(url, this.#counted(name));
    source.pin({ size, etag: undefined, lastModified: undefined });
    return source;
  }

  #verified(chunk: number, { name }: File, bytes: Uint8Array): Uint8Array {
    const { chunks } = this.#described;
    const [found, expected] = [toHex(loadCodec().sha256(bytes)), toHex(chunkDigest(chunks, chunk)!)];
    if (found === expected) return bytes;
    throw damaged({ archive: name }, `the SHA-256 of its bytes from ${chunks.start[chunk]!} on is ${found}, should be ${expected}`);
  }

  /** A file that is not what the index says may be of the next index. Then the way out is to open that. */
  async #explain(e: unknown, { name }: File, signal: AbortSignal): Promise<unknown> {
    const { version } = this;
    const isStale = isFsError(e, 'ESTALE');
    if (!(isStale || isFsError(e, 'EIO')) || signal.aborted || version === undefined) return e;
    // Where nobody can tell one index from another, it is taken for the same.
    const now = isCertain(version) ? await this.compare(version, COMPARE_TIMEOUT, signal).catch(() => 'unreachable') : 'same';
    if (now === 'changed') return changed(name, e.message);
    return isStale ? damaged({ archive: name, cause: e }, 'is not what the index says') : e;
  }

  #fileOf(chunk: number): File {
    const { chunks, names } = this.#described;
    const { start, size } = chunks;
    let last = chunk;
    while (last + 1 < start.length && start[last + 1]! > 0) last++;
    const path = names[chunk]!;
    return { url: this.#urlOf(path), name: `${this.name}: '${path}'`, size: start[last]! + size[last]! };
  }

  /** @throws {FsError} EIO for a name that leads out of the directory; no table has one */
  #urlOf(path: string): URL {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw damaged({ archive: this.name, entry: path }, 'leads out of the directory');
    // Half a surrogate pair has no encoding of its own.
    const encoded = parts.map((part) => encodeURIComponent(decodeUtf8(encodeUtf8(part))));
    const url = new URL(encoded.join('/'), new URL('./', this.url));
    // A query may hold a signature, which counts for every file.
    url.search = this.url.search;
    return url;
  }

  /** Options of one request or source, whose progress is a part of all that is fetched. */
  #counted(name = this.#options.name): HttpOptions {
    const { onProgress } = this.#options;
    let before = 0;
    const part: HttpOptions['onProgress'] = ({ loaded }) => {
      this.#loaded += loaded - before;
      before = loaded;
      onProgress?.({ loaded: this.#loaded });
    };
    return { ...this.#options, name, onProgress: onProgress && part };
  }

  #count({ requests, bytes, syncRequests = 0 }: SourceStats): void {
    this.#stats.requests += requests;
    this.#stats.bytes += bytes;
    this.#stats.syncRequests += syncRequests;
  }
}
