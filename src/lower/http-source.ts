/*
 * An archive behind a URL, read by ranges: the only file that fetches. It learns the size without a suffix range where that
 * would need a preflight, takes a range only when it is certainly the one that was asked for (http-answer.ts), and adopts
 * the whole archive when a server sends that instead: no byte is asked for twice.
 */

import { concatBytes } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { TAIL_SIZE } from '../archive/zip-end.ts';
import {
  type Version,
  assertNotEncoded,
  assertSameVersion,
  assertWhole,
  changed,
  contentRange,
  declaredLength,
  refused,
  unreachable,
  versionOf,
} from './http-answer.ts';
import { readBody } from './http-body.ts';
import type { Source, SourceStats } from './source.ts';

/** First bytes to ask for where the last ones cannot be asked for: enough to tell a tar or gzip, and little to waste. */
const PROBE = 'bytes=0-1023';

/** Archives of these names have to be fetched whole: one request, and no look at the end first. A hint only. */
const WHOLE = /\.(?:tgz|tar|tar\.gz)$/i;

export interface HttpOptions {
  readonly name?: string | undefined;
  /** Fetches instead of the platform: for proxies, credentials, tests. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Hears of every piece that arrives; `total` is the archive's size once it is known. */
  readonly onProgress?: ((progress: { readonly loaded: number; readonly total?: number | undefined }) => void) | undefined;
  /** Bytes that the whole archive may have where it cannot be read by ranges. Default: 1 GiB. */
  readonly maxBytes?: number | undefined;
}

/** What one archive may take in memory at once, unless told otherwise: what a browser's tab can spare. */
export const DEFAULT_MAX_BYTES = 1 << 30;

/** Bytes that are at hand. */
interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * A source of what is behind `url`, relative to the page.
 *
 * @throws {TypeError} when `url` is none
 */
export function httpSource(url: string | URL, options: HttpOptions = {}): Source {
  return new HttpSource(new URL(url, globalThis.location?.href), options);
}

class HttpSource implements Source {
  readonly name: string;
  readonly #url: URL;
  readonly #options: HttpOptions;
  readonly #maxBytes: number;
  readonly #closing = new AbortController();
  readonly #stats = { requests: 0, bytes: 0 };
  /** What came with the answers that told the size. */
  #pieces: Piece[] = [];
  #size: number | undefined;
  #version: Version | undefined;

  constructor(url: URL, options: HttpOptions) {
    this.#url = url;
    this.name = options.name ?? url.href;
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  get stats(): SourceStats {
    return this.#stats;
  }

  async size(signal?: AbortSignal): Promise<number> {
    if (this.#size === undefined) {
      if (WHOLE.test(this.#url.pathname) || !/^https?:$/.test(this.#url.protocol)) await this.#fetchWhole(signal);
      else await this.#probe(signal);
    }
    return this.#size!;
  }

  peek(start: number, end: number): Uint8Array | undefined {
    for (const piece of this.#pieces) {
      if (start >= piece.start && end <= piece.start + piece.bytes.length)
        return piece.bytes.subarray(start - piece.start, end - piece.start);
    }
    return undefined;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const atHand = this.peek(start, end);
    if (atHand !== undefined) return atHand;
    const before = this.#pieces.find((piece) => piece.start <= start && piece.start + piece.bytes.length > start);
    const after = this.#pieces.find((piece) => piece.start < end && piece.start + piece.bytes.length >= end);
    const from = before === undefined ? start : before.start + before.bytes.length;
    const to = after?.start ?? end;
    const middle = await this.#fetchRange(from, to, signal);
    if (before === undefined && after === undefined) return middle;
    return concatBytes([
      before?.bytes.subarray(start - before.start) ?? new Uint8Array(),
      middle,
      after?.bytes.subarray(0, end - to) ?? new Uint8Array(),
    ]);
  }

  close(): void {
    this.#closing.abort(new FsError('EBADF', { detail: `${this.name}: the layer is closed` }));
    this.#pieces = [];
  }

  /** Learns the size from the first range, or from the whole archive where no range comes. */
  async #probe(signal: AbortSignal | undefined): Promise<void> {
    // The end is where a zip starts to be read. Across origins such a range needs a preflight, which plain hosts refuse.
    const range = isSameOrigin(this.#url) ? `bytes=-${TAIL_SIZE}` : PROBE;
    const response = await this.#request({ range }, signal);
    if (response.status === 200) return this.#adopt(response, signal);
    if (response.status === 416) return this.#instead(response, () => this.#fetchWhole(signal));
    if (response.status !== 206) throw await this.#refuse(response);
    assertNotEncoded(this.name, response);
    // Servers that do not know suffixes send the start, and say so: that is as good for learning the size.
    const sent = contentRange(this.name, response);
    if (sent?.total === undefined) return this.#instead(response, () => this.#probeHidden(signal));
    const bytes = await this.#body(response, sent.end - sent.start, signal);
    this.#version = versionOf(response);
    this.#size = sent.total;
    this.#pieces.push({ start: sent.start, bytes });
  }

  /**
   * The server sends ranges and the page may not see which. HEAD tells a size, which is wrong where the server would compress the
   * whole archive; a range that reaches one byte beyond it comes in exactly the expected length only when it is right.
   */
  async #probeHidden(signal: AbortSignal | undefined): Promise<void> {
    const head = await this.#request({ method: 'HEAD' }, signal);
    const size = head.status === 200 ? declaredLength(head) : undefined;
    if (size === undefined || size <= TAIL_SIZE) return this.#fetchWhole(signal);
    const start = size - TAIL_SIZE;
    const response = await this.#request({ range: `bytes=${start}-${size}` }, signal);
    if (response.status === 200) return this.#adopt(response, signal);
    if (response.status !== 206) return this.#instead(response, () => this.#fetchWhole(signal));
    const { bytes } = await readBody(
      response,
      { hint: TAIL_SIZE, limit: TAIL_SIZE + 1, onChunk: (n) => this.#count(n) },
      this.#signal(signal),
    ).catch((e: unknown) => {
      throw this.#failure(e, signal);
    });
    if (bytes.length !== TAIL_SIZE) return this.#fetchWhole(signal);
    this.#version = versionOf(response);
    this.#size = size;
    this.#pieces.push({ start, bytes });
  }

  async #fetchRange(start: number, end: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const response = await this.#request({ range: `bytes=${start}-${end - 1}` }, signal);
    if (response.status === 200) {
      await this.#adopt(response, signal);
      return this.peek(start, end)!;
    }
    if (response.status === 416)
      throw await this.#instead(response, async () => changed(this.name, `it has no bytes ${start} to ${end} any more`));
    if (response.status !== 206) throw await this.#refuse(response);
    return this.#acceptRange(response, start, end, signal);
  }

  async #acceptRange(response: Response, start: number, end: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    try {
      assertNotEncoded(this.name, response);
      assertSameVersion(this.name, this.#version ?? versionOf(response), versionOf(response));
      const sent = contentRange(this.name, response);
      if (sent?.total !== undefined && sent.total !== this.#size) throw changed(this.name, `it had ${this.#size} bytes, has ${sent.total}`);
      if (sent !== undefined && (sent.start !== start || sent.end !== end)) {
        throw unreachable(this.name, `bytes ${sent.start} to ${sent.end} came where ${start} to ${end} were asked for`);
      }
    } catch (e) {
      await discard(response);
      throw e;
    }
    return this.#body(response, end - start, signal);
  }

  async #fetchWhole(signal: AbortSignal | undefined): Promise<void> {
    const response = await this.#request({}, signal);
    if (response.status !== 200) throw await this.#refuse(response);
    await this.#adopt(response, signal);
  }

  /** Takes a 200 for what it is: the whole archive. Nothing is asked for any more. */
  async #adopt(response: Response, signal: AbortSignal | undefined): Promise<void> {
    const version = versionOf(response);
    const declared = declaredLength(response);
    try {
      if (this.#version !== undefined) assertSameVersion(this.name, this.#version, version);
      if (declared !== undefined && declared > this.#maxBytes) throw this.#tooLarge(declared);
    } catch (e) {
      await discard(response);
      throw e;
    }
    const { bytes, more } = await readBody(
      response,
      { hint: declared, limit: this.#maxBytes, onChunk: (n) => this.#count(n, declared) },
      this.#signal(signal),
    ).catch((e: unknown) => {
      throw this.#failure(e, signal);
    });
    if (more) throw this.#tooLarge(undefined);
    assertWhole(this.name, response, bytes.length);
    if (this.#size !== undefined && this.#size !== bytes.length)
      throw changed(this.name, `it had ${this.#size} bytes, has ${bytes.length}`);
    this.#version = version;
    this.#size = bytes.length;
    this.#pieces = [{ start: 0, bytes }];
  }

  #tooLarge(size: number | undefined): FsError {
    const limit = `the ${this.#maxBytes} bytes that are allowed`;
    return new FsError('EFBIG', {
      detail: `${this.name}: the server sends the archive whole, and it has ${size === undefined ? '' : `${size} bytes, `}more than ${limit}`,
    });
  }

  /** The body of a range: exactly so long, or nothing of it counts. */
  async #body(response: Response, length: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { bytes, more } = await readBody(
      response,
      { hint: length, limit: length, onChunk: (n) => this.#count(n) },
      this.#signal(signal),
    ).catch((e: unknown) => {
      throw this.#failure(e, signal);
    });
    if (more || bytes.length !== length) {
      throw unreachable(
        this.name,
        `${more ? 'more than ' : ''}${bytes.length} bytes came where ${length} were asked for: cut short, or compressed on the way`,
      );
    }
    return bytes;
  }

  async #request({ range, method = 'GET' }: { range?: string; method?: string }, signal: AbortSignal | undefined): Promise<Response> {
    const call = this.#options.fetch ?? ((url, init) => fetch(url, init));
    const init: RequestInit = { method, signal: this.#signal(signal) };
    if (range !== undefined) {
      init.headers = { range };
      // Only Chromium's HTTP cache can put ranges together; what is needed again is kept here.
      init.cache = 'no-store';
    }
    this.#stats.requests++;
    try {
      return await call(this.#url.href, init);
    } catch (e) {
      throw this.#failure(e, signal);
    }
  }

  /** What `fetch` and bodies reject with: aborts pass through, everything else is a failed read. */
  #failure(e: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) return signal.reason;
    if (this.#closing.signal.aborted) return this.#closing.signal.reason;
    if (e instanceof FsError) return e;
    // The platform does not say which of the two it was.
    const why = isSameOrigin(this.#url) ? '' : ': the network, or no Access-Control-Allow-Origin';
    return unreachable(this.name, `cannot be fetched${why}`, e);
  }

  async #refuse(response: Response): Promise<FsError> {
    await discard(response);
    return refused(this.name, response);
  }

  /** Drops an answer for something better. */
  async #instead<T>(response: Response, next: () => Promise<T>): Promise<T> {
    await discard(response);
    return next();
  }

  #count(bytes: number, declared?: number): void {
    this.#stats.bytes += bytes;
    this.#options.onProgress?.({ loaded: this.#stats.bytes, total: this.#size ?? declared });
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }
}

/** Tells whether CORS has no say: the page's own origin, or no page at all. */
function isSameOrigin(url: URL): boolean {
  const here = globalThis.location as Location | undefined;
  return here === undefined || here.origin === url.origin;
}

/** Lets the connection go without reading on. */
async function discard(response: Response): Promise<void> {
  // A body that failed already has nothing to let go of, and its failure is not what the caller reports.
  await response.body?.cancel().catch(() => undefined);
}
