/*
 * A web server for archives that counts requests and bytes, and that can misbehave in the ways in which servers and proxies do.
 * Node only; pages and workers reach it by its URL.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Link } from './link.ts';

export type ServerMode =
  | 'ranges'
  /** Answers every request with 200 and the whole file. */
  | 'no-ranges'
  /** The same, and ends the connection in the middle of the body. */
  | 'no-ranges-dying'
  /** Takes `bytes=-n` for `bytes=0-n`, as sirv does. */
  | 'no-suffix'
  /** Sends ten bytes less than the range has, and says so in Content-Length alone. */
  | 'short-body'
  /** Sends the bytes behind the range, and says so in Content-Range. */
  | 'wrong-range'
  /** Compresses the range, and says so. */
  | 'gzip-ranges'
  /** Compresses the whole file, and ranges not at all. */
  | 'gzip-whole'
  /** Has another ETag for every request. */
  | 'changing-etag'
  /** Ends the connection in the middle of the body. */
  | 'dying'
  /** Sends half of the body, and then nothing. */
  | 'stalling'
  /** Never answers. */
  | 'silent'
  /** 503, with a Retry-After of no time at all. */
  | 'busy'
  /** 429, with a Retry-After of one second. */
  | 'too-many'
  /** 429, with a Retry-After of one hour. */
  | 'closed-for-an-hour'
  | 'not-found'
  | 'failing';

export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  /** The Range header. */
  readonly range: string | undefined;
  readonly status: number;
  /** Bytes of body that were to be sent. */
  readonly bytes: number;
}

export interface RangeServerOptions {
  /** Name (without a leading '/') -> content; or a folder. */
  readonly files: ReadonlyMap<string, Uint8Array> | string;
  readonly mode?: ServerMode;
  /** *exposed*: CORS, with the headers that ranges need. *hidden*: CORS, without. Default: the same origin only. */
  readonly cors?: 'exposed' | 'hidden';
  /** Milliseconds before each answer. */
  readonly latency?: number;
  /** Bytes a second, of all connections together. Default: no limit. */
  readonly bandwidth?: number;
  /** Which marks of a version answers carry. Default: ETag. */
  readonly marks?: 'etag' | 'last-modified' | 'weak-etag' | 'none';
}

export interface RangeServer {
  /** `http://127.0.0.1:PORT`, without a '/' at the end. */
  readonly url: string;
  /** Since the start, or the last `reset`. */
  readonly requests: readonly ServedRequest[];
  readonly bytes: number;
  /** The largest number of requests that were open at once. */
  readonly concurrency: number;
  /** Requests that are open now. */
  readonly open: number;
  mode: ServerMode;
  /** Modes for the next requests, one each; after them the usual one counts. */
  readonly next: ServerMode[];
  latency: number;
  bandwidth: number;
  /** When the files were changed, for servers that say so. */
  modified: Date;
  reset(): void;
  close(): Promise<void>;
}

/** What a server that is there already answers requests for files with. */
export interface RangeSite extends RangeServer {
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export const rangeSite = (options: RangeServerOptions): RangeSite => new Site(options);

/**
 * Starts a server on a free port.
 *
 * @example
 * await using server = await startRangeServer({ files: new Map([['a.zip', bytes]]) });
 */
export async function startRangeServer(options: RangeServerOptions): Promise<RangeServer & AsyncDisposable> {
  const site = new Site(options);
  const server = createServer((request, response) => void site.answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.attach(server);
  return site;
}

class Site implements RangeSite {
  mode: ServerMode;
  readonly next: ServerMode[] = [];
  readonly #link = new Link();
  modified = new Date('2026-01-01T00:00:00Z');
  url = '';
  requests: ServedRequest[] = [];
  concurrency = 0;
  #open = 0;
  #served = 0;
  #server: Server | undefined;

  constructor(private readonly options: RangeServerOptions) {
    this.mode = options.mode ?? 'ranges';
    this.latency = options.latency ?? 0;
    this.bandwidth = options.bandwidth ?? Infinity;
  }

  get latency(): number {
    return this.#link.latency;
  }

  set latency(milliseconds: number) {
    this.#link.latency = milliseconds;
  }

  get bandwidth(): number {
    return this.#link.bandwidth;
  }

  set bandwidth(bytesPerSecond: number) {
    this.#link.bandwidth = bytesPerSecond;
  }

  get open(): number {
    return this.#open;
  }

  get bytes(): number {
    return this.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  attach(server: Server): void {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  reset(): void {
    this.requests = [];
    this.concurrency = 0;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#server?.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.concurrency = Math.max(this.concurrency, ++this.#open);
    response.on('close', () => this.#open--);
    await this.#link.delay();
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).slice(1);
    const file = this.#file(path);
    const mode = this.next.shift() ?? this.mode;
    const reply = file === undefined || mode === 'not-found' ? notFound() : this.#reply(file, request, mode);
    if (this.options.cors !== undefined) reply.headers['access-control-allow-origin'] = '*';
    if (this.options.cors === 'exposed')
      reply.headers['access-control-expose-headers'] = 'Content-Range, Content-Encoding, ETag, Accept-Ranges';
    const { method = 'GET', headers } = request;
    // A plain host knows no OPTIONS: what needs a preflight fails there.
    if (method === 'OPTIONS') reply.status = 404;
    const body = method === 'HEAD' || method === 'OPTIONS' ? new Uint8Array() : reply.body;
    this.requests.push({ method, path, range: headers.range, status: reply.status, bytes: body.length });
    if (mode === 'silent') return;
    // A browser's own cache, which synchronous requests go through, puts parts together by If-Range, and that means nothing here: what a mode has sent
    // would be part of the next one's answer, or not, as it comes.
    if (mode !== 'ranges') reply.headers['cache-control'] = 'no-store';
    response.writeHead(reply.status, { 'content-length': reply.body.length, ...reply.headers });
    const half = body.subarray(0, body.length >> 1);
    if (mode.endsWith('dying') && body.length > 0) response.write(half, () => response.destroy());
    else if (mode === 'stalling' && body.length > 0) response.write(half);
    else await this.#link.send(response, body);
  }

  #file(path: string): Uint8Array | undefined {
    const { files } = this.options;
    if (typeof files !== 'string') return files.get(path);
    try {
      return readFileSync(join(files, normalize(`/${path}`)));
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw e;
    }
  }

  #reply(file: Uint8Array, { headers }: IncomingMessage, mode: ServerMode): Reply {
    if (mode === 'failing') return { status: 500, headers: {}, body: new TextEncoder().encode('the disk is on fire') };
    const patience = retryAfter(mode);
    if (patience !== undefined) return { ...patience, body: new Uint8Array() };
    const common = { ...this.#marks(file, mode), 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' };
    const range = mode.startsWith('no-ranges') ? undefined : rangeOf(headers.range, file.length, mode);
    if (range === 'unsatisfiable')
      return { status: 416, headers: { ...common, 'content-range': `bytes */${file.length}` }, body: new Uint8Array() };
    if (range === undefined) {
      if (mode !== 'gzip-whole') return { status: 200, headers: common, body: file };
      return { status: 200, headers: { ...common, 'content-encoding': 'gzip' }, body: gzipSync(file) };
    }
    return rangeReply(file, range, common, mode);
  }

  #marks(file: Uint8Array, mode: ServerMode): Record<string, string> {
    const etag = `"${digestOf(file)}${mode === 'changing-etag' ? `-${this.#served++}` : ''}"`;
    switch (this.options.marks) {
      case 'none':
        return {};
      case 'weak-etag':
        return { etag: `W/${etag}` };
      case 'last-modified':
        return { 'last-modified': this.modified.toUTCString() };
      default:
        return { etag };
    }
  }
}

/** Of a file that does not change, once. */
const digests = new WeakMap<Uint8Array, string>();

function digestOf(file: Uint8Array): string {
  const digest = digests.get(file) ?? createHash('sha1').update(file).digest('hex').slice(0, 12);
  digests.set(file, digest);
  return digest;
}

function rangeReply(file: Uint8Array, [start, end]: readonly [number, number], common: Record<string, string>, mode: ServerMode): Reply {
  const asked = file.subarray(start, end);
  const headers = { ...common, 'content-range': `bytes ${start}-${end - 1}/${file.length}` };
  switch (mode) {
    case 'short-body':
      return { status: 206, headers, body: asked.subarray(0, Math.max(0, asked.length - 10)) };
    case 'wrong-range': {
      const at = Math.max(0, start - 7);
      return {
        status: 206,
        headers: { ...common, 'content-range': `bytes ${at}-${at + asked.length - 1}/${file.length}` },
        body: file.subarray(at, at + asked.length),
      };
    }
    case 'gzip-ranges':
      return { status: 206, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(asked) };
    default:
      return { status: 206, headers, body: asked };
  }
}

function retryAfter(mode: ServerMode): Pick<Reply, 'status' | 'headers'> | undefined {
  switch (mode) {
    case 'busy':
      return { status: 503, headers: { 'retry-after': '0' } };
    case 'too-many':
      return { status: 429, headers: { 'retry-after': '1' } };
    case 'closed-for-an-hour':
      return { status: 429, headers: { 'retry-after': '3600' } };
    default:
      return undefined;
  }
}

interface Reply {
  status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

const notFound = (): Reply => ({ status: 404, headers: {}, body: new TextEncoder().encode('not here') });

/** The range that is asked for: `undefined` where the whole file is. */
function rangeOf(
  header: string | undefined,
  size: number,
  mode: ServerMode,
): readonly [start: number, end: number] | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  let start = Number(first);
  let end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (first === '' && mode !== 'no-suffix') {
    start = Math.max(0, size - Number(last));
    end = size;
  }
  return start >= end ? 'unsatisfiable' : [start, end];
}
