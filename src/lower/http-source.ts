/*
 * An archive behind a URL, read by ranges. It learns the size without a suffix range where that would need a preflight, takes a
 * range only when it is certainly the one that was asked for (http-answer.ts), goes on where a connection broke off, and adopts
 * the whole archive when a server sends that instead: no byte is asked for twice.
 */

import { concatBytes } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { TAIL_SIZE } from '../archive/zip-end.ts';
import {
  type Answer,
  type Version,
  assertNotEncoded,
  assertSameVersion,
  assertWhole,
  changed,
  contentRange,
  declaredLength,
  isCertain,
  isCertainlySame,
  refused,
  unreachable,
  versionOf,
} from './http-answer.ts';
import { Received } from './http-body.ts';
import { type HttpOptions, HttpRequests, discard, isSameOrigin } from './http-request.ts';
import { Transient } from './retry.ts';
import type { OnArrival, Source, SourceStats } from './source.ts';

export type { HttpOptions } from './http-request.ts';

/** First bytes to ask for where the last ones cannot be asked for: enough to tell a tar or gzip, and little to waste. */
const PROBE = 'bytes=0-1023';

/** Archives of these names have to be fetched whole: one request, and no look at the end first. A hint only. */
const WHOLE = /\.(?:tgz|tar|tar\.gz)$/i;

/** What one archive may take in memory at once, unless told otherwise: what a browser's tab can spare. */
export const DEFAULT_MAX_BYTES = 1 << 30;

/** Which archive a server had, at one time. */
export interface ArchiveVersion extends Version {
  readonly size: number;
}

/** A source that may change on its server, which its readers must never notice by getting some of each. */
export interface RemoteSource extends Source {
  readonly url: URL;
  /** What was opened; `undefined` before the size is known. */
  readonly version: ArchiveVersion | undefined;
  /** Takes it for known that the server has this version: it is not asked, and what it sends is compared. */
  pin(version: ArchiveVersion): void;
  /**
   * Asks whether the server still has this version: one small request, not repeated. *unreachable* indicates that there was no
   * answer in so many milliseconds, or one that may be another the next time. Therefore nothing is known.
   * @throws {FsError} EIO when the server refuses
   */
  compare(version: ArchiveVersion, timeout: number, signal?: AbortSignal): Promise<'same' | 'changed' | 'unreachable'>;
}

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
export function httpSource(url: string | URL, options: HttpOptions = {}): RemoteSource {
  return new HttpSource(new URL(url, globalThis.location?.href), options);
}

class HttpSource implements RemoteSource {
  readonly name: string;
  readonly #http: HttpRequests;
  readonly #maxBytes: number;
  /** What came with the answers that told the size. */
  #pieces: Piece[] = [];
  #size: number | undefined;
  #version: Version | undefined;

  constructor(
    readonly url: URL,
    options: HttpOptions,
  ) {
    this.name = options.name ?? url.href;
    this.#http = new HttpRequests(url, this.name, options);
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  get stats(): SourceStats {
    return this.#http.stats;
  }

  get version(): ArchiveVersion | undefined {
    return this.#size === undefined ? undefined : { etag: undefined, lastModified: undefined, ...this.#version, size: this.#size };
  }

  pin({ size, etag, lastModified }: ArchiveVersion): void {
    this.#learn(size, { etag, lastModified });
  }

  async compare(version: ArchiveVersion, timeout: number, signal?: AbortSignal): Promise<'same' | 'changed' | 'unreachable'> {
    try {
      const response = await this.#http.send({ range: 'bytes=0-1', stall: timeout }, signal);
      // Two bytes are read faster than they are given up. One is not asked for: to some servers an end of 0 is no end at all.
      await (response.status === 206 && declaredLength(response) === 2 ? response.arrayBuffer() : discard(response));
      if (response.status === 416) return 'changed';
      if (response.status !== 206 && response.status !== 200) throw refused(this.name, response);
      const now = versionOf(response);
      const size = response.status === 206 ? contentRange(this.name, response)?.total : declaredLength(response);
      if (size !== undefined && size !== version.size) return 'changed';
      return isCertainlySame(version, now) ? 'same' : 'changed';
    } catch (e) {
      if (e instanceof Transient) return 'unreachable';
      throw e;
    }
  }

  async size(signal?: AbortSignal): Promise<number> {
    if (this.#size === undefined) {
      if (WHOLE.test(this.url.pathname) || !/^https?:$/.test(this.url.protocol)) await this.#fetchWhole(signal);
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

  async read(start: number, end: number, signal?: AbortSignal, onArrival?: OnArrival): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const atHand = this.peek(start, end);
    if (atHand !== undefined) return atHand;
    const { before, from, to, after } = this.#gapOf(start, end);
    const middle = await this.#fetchRange([from, to], before.length === 0 ? onArrival : undefined, signal);
    return before.length + after.length === 0 ? middle : concatBytes([before, middle, after]);
  }

  readSync(start: number, end: number): Uint8Array | undefined {
    const atHand = this.peek(start, end);
    if (atHand !== undefined || this.#size === undefined) return atHand;
    const { before, from, to, after } = this.#gapOf(start, end);
    const sent = this.#http.sendSync(from, to);
    if (sent === undefined) return undefined;
    const middle = this.#acceptSync(sent.answer, sent.bytes, from, to);
    return before.length + after.length === 0 ? middle : concatBytes([before, middle, after]);
  }

  close(): void {
    this.#http.close();
    this.#pieces = [];
  }

  /** What of [start, end) is at hand at its two ends, and what is not. */
  #gapOf(start: number, end: number): { before: Uint8Array; from: number; to: number; after: Uint8Array } {
    const first = this.#pieces.find((piece) => piece.start <= start && piece.start + piece.bytes.length > start);
    const last = this.#pieces.find((piece) => piece.start < end && piece.start + piece.bytes.length >= end);
    const from = first === undefined ? start : first.start + first.bytes.length;
    const to = last?.start ?? end;
    return {
      before: first?.bytes.subarray(start - first.start) ?? new Uint8Array(),
      from,
      to,
      after: last?.bytes.subarray(0, end - to) ?? new Uint8Array(),
    };
  }

  #learn(size: number, version: Version): void {
    this.#size = size;
    this.#http.size = size;
    this.#version = version;
  }

  /** Learns the size from the first range, or from the whole archive where no range comes. */
  async #probe(signal: AbortSignal | undefined): Promise<void> {
    // The end is where a zip starts to be read. Across origins such a range needs a preflight, which plain hosts refuse.
    const range = isSameOrigin(this.url) ? `bytes=-${TAIL_SIZE}` : PROBE;
    const next = await this.#http.persist(async () => {
      const response = await this.#http.send({ range }, signal);
      if (response.status === 200) return this.#adoptOnce(response, signal);
      if (response.status === 416) return this.#instead(response, () => this.#fetchWhole(signal));
      if (response.status !== 206) throw await this.#http.refuse(response);
      assertNotEncoded(this.name, response);
      // Servers that do not know suffixes send the start, and say so: that is as good for learning the size.
      const sent = contentRange(this.name, response);
      if (sent?.total === undefined) return this.#instead(response, () => this.#probeHidden(signal));
      // Servers that send more than was asked for are understood, up to what a whole archive may have.
      if (sent.end - sent.start > this.#maxBytes) {
        await discard(response);
        throw this.#tooLarge(sent.end - sent.start);
      }
      const received = new Received(sent.end - sent.start);
      // Room for what was asked for; a header alone makes no room for more.
      received.expect(TAIL_SIZE);
      await this.#receiveExactly(response, received, signal);
      this.#learn(sent.total, versionOf(response));
      this.#pieces.push({ start: sent.start, bytes: received.bytes });
      return undefined;
    }, signal);
    await next?.();
  }

  /**
   * The server sends ranges and the page may not see which. HEAD tells a size, which is wrong where the server would compress the
   * whole archive; a range that reaches one byte beyond it comes in exactly the expected length only when it is right.
   */
  async #probeHidden(signal: AbortSignal | undefined): Promise<void> {
    const next = await this.#http.persist(async () => {
      const head = await this.#http.send({ method: 'HEAD' }, signal);
      const size = head.status === 200 ? declaredLength(head) : undefined;
      if (size === undefined || size <= TAIL_SIZE) return () => this.#fetchWhole(signal);
      const start = size - TAIL_SIZE;
      const response = await this.#http.send({ range: `bytes=${start}-${size}` }, signal);
      if (response.status === 200) return this.#adoptOnce(response, signal);
      if (response.status !== 206) return this.#instead(response, () => this.#fetchWhole(signal));
      const received = new Received(TAIL_SIZE + 1);
      await this.#http.receive(response, received, signal);
      if (received.length !== TAIL_SIZE) return () => this.#fetchWhole(signal);
      this.#learn(size, versionOf(response));
      this.#pieces.push({ start, bytes: received.bytes });
      return undefined;
    }, signal);
    await next?.();
  }

  /** Fetches a range, in as many requests as the connection makes of it; all of them from one version of the archive. */
  async #fetchRange(
    [start, end]: readonly [number, number],
    onArrival: OnArrival | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const received = new Received(end - start);
    let whole: Uint8Array | undefined;
    const attempt = async (): Promise<void> => {
      // Without a mark of its version, nobody can say whether the rest is of the same archive.
      if (this.#version === undefined || !isCertain(this.#version)) received.clear();
      const from = start + received.length;
      const response = await this.#http.send({ range: `bytes=${from}-${end - 1}` }, signal);
      if (response.status === 200) {
        await this.#adopt(response, new Received(this.#maxBytes), signal);
        whole = this.peek(start, end)!;
        return;
      }
      try {
        this.#judgeRange(response, from, end);
      } catch (e) {
        await discard(response);
        throw e;
      }
      await this.#receiveExactly(response, received, signal, this.#isExact(response, from, end) ? onArrival : undefined);
    };
    await this.#http.persist(attempt, signal, () => received.length);
    return whole ?? received.bytes;
  }

  /** @throws {FsError} unless the answer is the range [start, end) of the archive that was opened */
  #judgeRange(answer: Answer, start: number, end: number): void {
    if (answer.status === 416) throw changed(this.name, `it has no bytes ${start} to ${end} any more`);
    if (answer.status !== 206) throw refused(this.name, answer);
    assertNotEncoded(this.name, answer);
    assertSameVersion(this.name, this.#version ?? versionOf(answer), versionOf(answer));
    const sent = contentRange(this.name, answer);
    if (sent?.total !== undefined && sent.total !== this.#size) throw changed(this.name, `it had ${this.#size} bytes, has ${sent.total}`);
    if (sent !== undefined && (sent.start !== start || sent.end !== end))
      throw unreachable(this.name, `bytes ${sent.start} to ${sent.end} came where ${start} to ${end} were asked for`);
  }

  /** Tells whether a range that was judged is certain before its last byte has come: the server says where it is and how long. */
  #isExact(answer: Answer, start: number, end: number): boolean {
    const isPinned = this.#version !== undefined && isCertain(this.#version);
    return isPinned && contentRange(this.name, answer) !== undefined && declaredLength(answer) === end - start;
  }

  #acceptSync(answer: Answer, bytes: Uint8Array, start: number, end: number): Uint8Array {
    if (answer.status === 200) {
      assertWhole(this.name, answer, bytes.length);
      this.#keepWhole(bytes, versionOf(answer));
      return bytes.subarray(start, end);
    }
    this.#judgeRange(answer, start, end);
    if (bytes.length !== end - start) throw this.#wrongLength(bytes.length, end - start, '');
    return bytes;
  }

  /** Fetches the whole archive; where the connection breaks off, it goes on from there if the server still has the same one. */
  async #fetchWhole(signal: AbortSignal | undefined): Promise<void> {
    const received = new Received(this.#maxBytes);
    let first: { readonly response: Response; readonly version: Version } | undefined;
    const attempt = async (): Promise<void> => {
      if (first !== undefined && received.length > 0 && isCertain(first.version)) {
        if (await this.#receiveRest(first.response, received, signal)) return;
      }
      received.clear();
      const response = await this.#http.send({}, signal);
      if (response.status !== 200) throw await this.#http.refuse(response);
      first = { response, version: versionOf(response) };
      await this.#adopt(response, received, signal);
    };
    await this.#http.persist(attempt, signal, () => received.length);
  }

  /** Asks for what is missing of a whole archive. False: what came before is of no use, because the server has or sends another. */
  async #receiveRest(first: Response, received: Received, signal: AbortSignal | undefined): Promise<boolean> {
    const response = await this.#http.send({ range: `bytes=${received.length}-` }, signal);
    const sent = response.status === 206 ? contentRange(this.name, response) : undefined;
    const before = versionOf(first);
    const now = versionOf(response);
    const declared = declaredLength(first);
    const same =
      before.etag === now.etag && before.lastModified === now.lastModified && (sent?.total ?? declared) === (declared ?? sent?.total);
    if (sent?.start !== received.length || !same || response.headers.get('content-encoding') !== null) {
      await discard(response);
      return false;
    }
    if (await this.#http.receive(response, received, signal, { declared })) throw this.#tooLarge(undefined);
    if (sent.total !== undefined && received.length !== sent.total) throw this.#wrongLength(received.length, sent.total, '');
    this.#keepWhole(received.bytes, now);
    return true;
  }

  /** A 200 in the place of a range. What breaks off is fetched as a whole archive is. */
  async #adoptOnce(response: Response, signal: AbortSignal | undefined): Promise<undefined> {
    await this.#adopt(response, new Received(this.#maxBytes), signal);
  }

  /** Takes a 200 for what it is: the whole archive. Nothing is asked for any more. */
  async #adopt(response: Response, received: Received, signal: AbortSignal | undefined): Promise<void> {
    const version = versionOf(response);
    const declared = declaredLength(response);
    try {
      if (this.#version !== undefined) assertSameVersion(this.name, this.#version, version);
      if (declared !== undefined && declared > this.#maxBytes) throw this.#tooLarge(declared);
    } catch (e) {
      await discard(response);
      throw e;
    }
    received.expect(declared);
    if (await this.#http.receive(response, received, signal, { declared })) throw this.#tooLarge(undefined);
    assertWhole(this.name, response, received.length);
    this.#keepWhole(received.bytes, version);
  }

  #keepWhole(bytes: Uint8Array, version: Version): void {
    if (this.#version !== undefined) assertSameVersion(this.name, this.#version, version);
    if (this.#size !== undefined && this.#size !== bytes.length)
      throw changed(this.name, `it had ${this.#size} bytes, has ${bytes.length}`);
    this.#learn(bytes.length, version);
    this.#pieces = [{ start: 0, bytes }];
  }

  #tooLarge(size: number | undefined): FsError {
    const limit = `the ${this.#maxBytes} bytes that are allowed`;
    return new FsError('EFBIG', {
      detail: `${this.name}: the server sends the archive whole, and it has ${size === undefined ? '' : `${size} bytes, `}more than ${limit}`,
    });
  }

  /** The body of a range: exactly what was missing, or nothing of it counts. */
  async #receiveExactly(response: Response, received: Received, signal: AbortSignal | undefined, onArrival?: OnArrival): Promise<void> {
    const { length: before, limit } = received;
    received.expect(limit);
    const onChunk = onArrival && (() => onArrival(received.soFar));
    const more = await this.#http.receive(response, received, signal, { onChunk });
    if (more || received.length !== limit) throw this.#wrongLength(received.length - before, limit - before, more ? 'more than ' : '');
  }

  #wrongLength(came: number, asked: number, more: string): FsError {
    return unreachable(this.name, `${more}${came} bytes came where ${asked} were asked for: cut short, or compressed on the way`);
  }

  /** Drops an answer for something better, which is done when this exchange is over. */
  async #instead<T>(response: Response, next: () => Promise<T>): Promise<() => Promise<T>> {
    await discard(response);
    return next;
  }
}
