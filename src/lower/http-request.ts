/*
 * One request after the other: the only file that fetches. It knows what goes with each request, what a failure means (passing
 * or final), and what was asked and received so far. What an answer is worth is the affair of http-source.ts.
 */

import { FsError } from '../base/errors.ts';
import { refused, unreachable } from './http-answer.ts';
import { type Received, Stalled, chunksOf, receiveInto, unlessStalled } from './http-body.ts';
import { type SyncAnswer, requestSync } from './http-sync.ts';
import { Patience, type RetryOptions, Transient, type Tries, passes, retryAfter } from './retry.ts';

/** How much of an archive has come. */
export interface LoadProgress {
  readonly loaded: number;
  /** The archive's size, once it is known. */
  readonly total?: number | undefined;
  /** Entries that were found so far, of an archive that is read while it arrives (tar). */
  readonly entries?: number | undefined;
}

export interface HttpOptions {
  readonly name?: string | undefined;
  /** Fetches instead of the platform: for proxies, signed URLs, tests. Nothing is then fetched for synchronous calls. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Whether cookies go with requests to other origins. Default: `same-origin`. */
  readonly credentials?: RequestCredentials | undefined;
  /** Go with every request. Across origins they need the server's consent to a preflight. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Hears of every piece that arrives. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Bytes that the whole archive may have where it cannot be read by ranges. Default: 1 GiB. */
  readonly maxBytes?: number | undefined;
  /** Lets synchronous calls fetch what they need by synchronous requests, in a worker. Default: true; otherwise they are EAGAIN. */
  readonly syncFetch?: boolean | undefined;
}

/** What is asked for. */
export interface Question {
  /** A Range header. Without it the whole archive is meant. */
  readonly range?: string;
  readonly method?: 'GET' | 'HEAD';
  /** Milliseconds to wait for an answer. Default: what the options say. */
  readonly stall?: number;
}

/** What is known of a body, and who hears of it. */
interface Receiving {
  /** Bytes that it has in all. */
  readonly declared?: number | undefined;
  /** Hears of every piece when it was taken. */
  readonly onChunk?: (() => void) | undefined;
}

export class HttpRequests {
  readonly stats = { requests: 0, bytes: 0, syncRequests: 0 };
  readonly #closing = new AbortController();
  readonly #patience: Patience;
  /** Bytes of the archive, once that is known. */
  size: number | undefined;

  constructor(
    readonly url: URL,
    readonly name: string,
    private readonly options: HttpOptions,
  ) {
    this.#patience = new Patience(options.retry);
  }

  close(): void {
    this.#closing.abort(new FsError('EBADF', { detail: `${this.name}: the layer is closed` }));
  }

  /** Runs an exchange until it succeeds or nothing more is to be hoped for. */
  async persist<T>(exchange: () => Promise<T>, signal: AbortSignal | undefined, received: () => number = () => 0): Promise<T> {
    try {
      return await this.#patience.persist(exchange, received, this.#signal(signal));
    } catch (e) {
      // The engine's own words for memory that it does not have, or would have for nobody: a server can declare any length.
      if (e instanceof RangeError) throw new FsError('EFBIG', { detail: `${this.name}: more bytes than there is memory for`, cause: e });
      throw e;
    }
  }

  /** @throws {Transient} when it may go better the next time @throws {FsError} EIO */
  async send({ range, method = 'GET', stall = this.#patience.stall }: Question, signal: AbortSignal | undefined): Promise<Response> {
    const call = this.options.fetch ?? platformFetch;
    const attempt = new AbortController();
    const init: RequestInit = { method, signal: AbortSignal.any([this.#signal(signal), attempt.signal]) };
    const { credentials, headers } = this.options;
    if (credentials !== undefined) init.credentials = credentials;
    if (headers !== undefined) init.headers = { ...headers };
    if (range !== undefined) {
      init.headers = { ...headers, range };
      // Only Chromium's HTTP cache can put ranges together; what is needed again is kept here.
      init.cache = 'no-store';
    }
    this.stats.requests++;
    let response: Response;
    try {
      response = await unlessStalled(call(this.url.href, init), stall, () => attempt.abort());
    } catch (e) {
      throw this.failure(e, signal);
    }
    if (!passes(response.status)) return response;
    await discard(response);
    throw new Transient(refused(this.name, response), retryAfter(response.headers.get('retry-after')));
  }

  /** The tries of an exchange that is not one function. */
  tries(signal: AbortSignal | undefined): Tries {
    return this.#patience.tries(this.#signal(signal));
  }

  /**
   * The body of an answer, piece by piece as it arrives.
   * @throws {Transient} when it breaks off
   */
  async *chunks(response: Response, signal: AbortSignal | undefined, declared?: number): AsyncGenerator<Uint8Array, void, undefined> {
    const onChunk = (bytes: number): void => this.#count(bytes, declared);
    try {
      yield* chunksOf(response, { stall: this.#patience.stall, onChunk }, this.#signal(signal));
    } catch (e) {
      throw this.failure(e, signal);
    }
  }

  /**
   * Reads the body of an answer; true where more came than fits.
   * @throws {Transient} when it breaks off; what came until then stays
   */
  receive(response: Response, into: Received, signal: AbortSignal | undefined, { declared, onChunk }: Receiving = {}): Promise<boolean> {
    return receiveInto(into, this.chunks(response, signal, declared), onChunk);
  }

  /** Asks for a range and waits, where the platform can. */
  sendSync(start: number, end: number): SyncAnswer | undefined {
    const { fetch: own, syncFetch = true, headers, credentials } = this.options;
    if (own !== undefined || !syncFetch || !/^https?:$/.test(this.url.protocol)) return undefined;
    let answer: SyncAnswer | undefined;
    try {
      answer = requestSync(this.url, { start, end, headers, credentials, timeout: this.#patience.stall });
    } catch (e) {
      throw unreachable(this.name, 'cannot be fetched', e);
    }
    if (answer === undefined) return undefined;
    this.stats.requests++;
    this.stats.syncRequests++;
    this.#count(answer.bytes.length);
    return answer;
  }

  /** What `fetch` and bodies reject with: aborts pass through, everything else is a failed read that may pass. */
  failure(e: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) return signal.reason;
    if (this.#closing.signal.aborted) return this.#closing.signal.reason;
    if (e instanceof FsError) return e;
    if (e instanceof Stalled) return new Transient(unreachable(this.name, e.message, e));
    // The platform does not say which of the two it was.
    const why = isSameOrigin(this.url) ? '' : ': the network, or no Access-Control-Allow-Origin';
    return new Transient(unreachable(this.name, `cannot be fetched${why}`, e));
  }

  async refuse(response: Response): Promise<FsError> {
    await discard(response);
    return refused(this.name, response);
  }

  #count(bytes: number, declared?: number): void {
    this.stats.bytes += bytes;
    this.options.onProgress?.({ loaded: this.stats.bytes, total: this.size ?? declared });
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }
}

/** The platform's own, for whoever puts something around it. */
export const platformFetch = (url: string, init: RequestInit): Promise<Response> => fetch(url, init);

/** Tells whether CORS has no say: the page's own origin, or no page at all. */
export function isSameOrigin(url: URL): boolean {
  const here = globalThis.location as Location | undefined;
  return here === undefined || here.origin === url.origin;
}

/** Lets the connection go without reading on. */
export async function discard(response: Response): Promise<void> {
  // A body that failed already has nothing to let go of, and its failure is not what the caller reports.
  await response.body?.cancel().catch(() => undefined);
}
