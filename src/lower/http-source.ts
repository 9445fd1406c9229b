/*
 * An archive behind a URL, read by ranges. It learns the size without a suffix range where that would need a preflight, takes a
 * range only when it is certainly the one that was asked for (http-answer.ts), goes on where a connection broke off, and takes
 * the whole archive when a server sends that instead, as it arrives: no byte is asked for twice.
 */

import { concatBytes } from '../base/bytes.ts';
import { isGzip } from '../archive/gzip-header.ts';
import { TAIL_SIZE } from '../archive/zip-end.ts';
import { AtHand } from './at-hand.ts';
import {
  type Answer,
  type Version,
  assertNotEncoded,
  assertRange,
  assertSameVersion,
  assertWhole,
  changed,
  contentRange,
  declaredLength,
  isCertain,
  isCertainlySame,
  refused,
  tooLargeWhole,
  versionOf,
  wrongLength,
} from './http-answer.ts';
import { Received, receiveInto } from './http-body.ts';
import { type HttpOptions, HttpRequests, discard, isSameOrigin } from './http-request.ts';
import { type Chunks, type Incoming, cutChunks, startOf, streamRange, wholeOf } from './http-stream.ts';
import type { ArchiveVersion, RemoteSource } from './remote-source.ts';
import { Transient } from './retry.ts';
import type { OnArrival, SourceStats } from './source.ts';

export type { HttpOptions } from './http-request.ts';
export type { ArchiveVersion, RemoteSource } from './remote-source.ts';

/** First bytes to ask for where the last ones cannot be asked for: enough to tell a tar or gzip, and little to waste. */
const PROBE = 'bytes=0-1023';

/** Archives of these names have to be fetched whole: one request, and no look at the end first. A hint only. */
const WHOLE = /\.(?:tgz|tar|tar\.gz)$/i;

/** What one archive may take in memory at once, unless told otherwise: what a browser's tab can spare. */
export const DEFAULT_MAX_BYTES = 1 << 30;

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
  readonly #pieces = new AtHand();
  #size: number | undefined;
  #version: Version | undefined;
  #incoming: Incoming | undefined;
  /** Under way where somebody reads what arrives, instead of streaming it. */
  #adopting: Promise<void> | undefined;

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

  get arrives(): boolean {
    return this.#incoming !== undefined;
  }

  peek(start: number, end: number): Uint8Array | undefined {
    return this.#pieces.peek(start, end);
  }

  async read(start: number, end: number, signal?: AbortSignal, onArrival?: OnArrival): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const first = this.peek(start, end);
    if (first !== undefined) return first;
    if (this.#incoming !== undefined || this.#adopting !== undefined) await this.#adoptIncoming(signal);
    const atHand = this.peek(start, end);
    if (atHand !== undefined) return atHand;
    const { before, from, to, after } = this.#pieces.gapOf(start, end);
    const middle = await this.#fetchRange([from, to], before.length === 0 ? onArrival : undefined, signal);
    return before.length + after.length === 0 ? middle : concatBytes([before, middle, after]);
  }

  async *stream(start: number, end: number, signal?: AbortSignal): Chunks {
    // Without a mark of its version, nobody could say whether what comes after a failure is of the same archive.
    if (this.#version === undefined || !isCertain(this.#version)) {
      yield await this.read(start, end, signal);
      return;
    }
    const atHand = this.peek(start, end);
    if (atHand !== undefined) {
      yield atHand;
      return;
    }
    const { before, from, to, after } = this.#pieces.gapOf(start, end);
    if (before.length > 0) yield before;
    if (from < to) yield* this.#streamRange(from, to, signal);
    if (after.length > 0) yield after;
  }

  readSync(start: number, end: number): Uint8Array | undefined {
    const atHand = this.peek(start, end);
    if (atHand !== undefined || this.#size === undefined) return atHand;
    const { before, from, to, after } = this.#pieces.gapOf(start, end);
    const sent = this.#http.sendSync(from, to);
    if (sent === undefined) return undefined;
    const middle = this.#acceptSync(sent.answer, sent.bytes, from, to);
    return before.length + after.length === 0 ? middle : concatBytes([before, middle, after]);
  }

  close(): void {
    this.#http.close();
    this.leave();
    this.#pieces.clear();
  }

  leave(): void {
    // Whatever its end was like, nobody waits for it.
    this.#incoming?.rest.return().catch(() => undefined);
    this.#incoming = undefined;
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
      if (response.status === 200) return this.#receiveWhole(response, signal);
      if (response.status === 416) return this.#instead(response, () => this.#fetchWhole(signal));
      if (response.status !== 206) throw await this.#http.refuse(response);
      assertNotEncoded(this.name, response);
      // Servers that do not know suffixes send the start, and say so: that is as good for learning the size.
      const sent = contentRange(this.name, response);
      if (sent?.total === undefined) return this.#instead(response, () => this.#probeHidden(signal));
      // Servers that send more than was asked for are understood, up to what a whole archive may have.
      if (sent.end - sent.start > this.#maxBytes) {
        await discard(response);
        throw tooLargeWhole(this.name, this.#maxBytes, sent.end - sent.start);
      }
      const received = new Received(sent.end - sent.start);
      // Room for what was asked for; a header alone makes no room for more.
      received.expect(TAIL_SIZE);
      await this.#receiveExactly(response, received, signal);
      this.#learn(sent.total, versionOf(response));
      this.#pieces.add(sent.start, received.bytes);
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
      if (response.status === 200) return this.#receiveWhole(response, signal);
      if (response.status !== 206) return this.#instead(response, () => this.#fetchWhole(signal));
      const received = new Received(TAIL_SIZE + 1);
      await this.#http.receive(response, received, signal);
      if (received.length !== TAIL_SIZE) return () => this.#fetchWhole(signal);
      this.#learn(size, versionOf(response));
      this.#pieces.add(start, received.bytes);
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
    assertRange(this.name, answer, { start, end, size: this.#size, version: this.#version });
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
    if (bytes.length !== end - start) throw wrongLength(this.name, bytes.length, end - start, '');
    return bytes;
  }

  /** Asks for the whole archive. */
  async #fetchWhole(signal: AbortSignal | undefined): Promise<void> {
    const received = new Received(this.#maxBytes);
    const attempt = async (): Promise<void> => {
      received.clear();
      const response = await this.#http.send({}, signal);
      if (response.status !== 200) throw await this.#http.refuse(response);
      await this.#receiveWhole(response, signal, received);
    };
    await this.#http.persist(attempt, signal, () => received.length);
  }

  /**
   * A 200 for what was not opened yet. It is left to arrive where its length is known, and its version, so that what breaks off can go
   * on; else all of it is received.
   */
  async #receiveWhole(response: Response, signal: AbortSignal | undefined, received = new Received(this.#maxBytes)): Promise<undefined> {
    const size = declaredLength(response);
    const version = versionOf(response);
    if (size === undefined || size > this.#maxBytes || !isCertain(version)) return this.#adopt(response, received, signal);
    const incoming = await startOf(this.#http.chunks(response, signal, size), size);
    // Across origins Content-Encoding cannot be seen, and the length is then that of the compressed form. What is gzip, nobody inflated.
    if (response.type === 'cors' && !isGzip(incoming.head)) return this.#adopt(response, received, signal, wholeOf(incoming));
    this.leave();
    this.#learn(size, version);
    this.#pieces.replace(incoming.head);
    this.#incoming = incoming;
    return undefined;
  }

  /** Receives what arrives, for those who want a part of it at once. */
  async #adoptIncoming(signal: AbortSignal | undefined): Promise<void> {
    this.#adopting ??= this.#receiveIncoming(signal).finally(() => (this.#adopting = undefined));
    await this.#adopting;
  }

  async #receiveIncoming(signal: AbortSignal | undefined): Promise<void> {
    const size = this.#size!;
    const received = new Received(size);
    received.expect(size);
    this.#pieces.clear();
    await receiveInto(received, this.#streamRange(0, size, signal));
    this.#pieces.replace(received.bytes);
  }

  /** Gives a range as it arrives, all of it from the version that was opened. */
  #streamRange(start: number, end: number, signal: AbortSignal | undefined): Chunks {
    const open = (at: number): Promise<Chunks> => this.#openStream(at, end, signal);
    return streamRange(start, end, { name: this.name, tries: this.#http.tries(signal), open });
  }

  /** What arrives already, or the answer to a request for [start, end). */
  async #openStream(start: number, end: number, signal: AbortSignal | undefined): Promise<Chunks> {
    const incoming = this.#incoming;
    if (incoming !== undefined && start <= incoming.head.length && end === this.#size) {
      this.#incoming = undefined;
      this.#pieces.clear();
      return wholeOf(incoming, start);
    }
    this.leave();
    const response = await this.#http.send({ range: `bytes=${start}-${end - 1}` }, signal);
    try {
      if (response.status !== 200) this.#judgeRange(response, start, end);
      else assertSameVersion(this.name, this.#version!, versionOf(response));
    } catch (e) {
      await discard(response);
      throw e;
    }
    const chunks = this.#http.chunks(response, signal, this.#size);
    return response.status === 200 ? cutChunks(chunks, start, end) : chunks;
  }

  /** Takes a 200 for what it is: the whole archive. Nothing is asked for any more. */
  async #adopt(response: Response, received: Received, signal: AbortSignal | undefined, chunks?: Chunks): Promise<undefined> {
    const version = versionOf(response);
    const declared = declaredLength(response);
    try {
      if (this.#version !== undefined) assertSameVersion(this.name, this.#version, version);
      if (declared !== undefined && declared > this.#maxBytes) throw tooLargeWhole(this.name, this.#maxBytes, declared);
    } catch (e) {
      await discard(response);
      throw e;
    }
    received.expect(declared);
    if (await receiveInto(received, chunks ?? this.#http.chunks(response, signal, declared)))
      throw tooLargeWhole(this.name, this.#maxBytes);
    assertWhole(this.name, response, received.length);
    this.#keepWhole(received.bytes, version);
  }

  #keepWhole(bytes: Uint8Array, version: Version): void {
    if (this.#version !== undefined) assertSameVersion(this.name, this.#version, version);
    if (this.#size !== undefined && this.#size !== bytes.length)
      throw changed(this.name, `it had ${this.#size} bytes, has ${bytes.length}`);
    this.#learn(bytes.length, version);
    this.#pieces.replace(bytes);
  }

  /** The body of a range: exactly what was missing, or nothing of it counts. */
  async #receiveExactly(response: Response, received: Received, signal: AbortSignal | undefined, onArrival?: OnArrival): Promise<void> {
    const { length: before, limit } = received;
    received.expect(limit);
    const onChunk = onArrival && (() => onArrival(received.soFar));
    const more = await this.#http.receive(response, received, signal, { onChunk });
    if (more || received.length !== limit) throw wrongLength(this.name, received.length - before, limit - before, more ? 'more than ' : '');
  }

  /** Drops an answer for something better, which is done when this exchange is over. */
  async #instead<T>(response: Response, next: () => Promise<T>): Promise<() => Promise<T>> {
    await discard(response);
    return next;
  }
}
