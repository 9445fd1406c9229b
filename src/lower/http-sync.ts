/*
 * A range, waited for without returning to the event loop: the only file that says `XMLHttpRequest`. Workers may do that, in every
 * engine and without cross-origin isolation; documents may not, and Node has no such thing.
 * https://xhr.spec.whatwg.org/#the-open()-method
 */

import type { Answer } from './http-answer.ts';

export interface SyncQuestion {
  readonly start: number;
  readonly end: number;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly credentials: RequestCredentials | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface SyncAnswer {
  readonly answer: Answer;
  readonly bytes: Uint8Array;
}

/** Gives the answer, `undefined` where the platform cannot wait. @throws DOMException when no answer comes */
export function requestSync(url: URL, { start, end, headers = {}, credentials, timeout }: SyncQuestion): SyncAnswer | undefined {
  if (typeof XMLHttpRequest === 'undefined' || typeof document !== 'undefined') return undefined;
  const request = new XMLHttpRequest();
  request.open('GET', url.href, false);
  request.responseType = 'arraybuffer';
  request.timeout = timeout;
  request.withCredentials = credentials === 'include';
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.setRequestHeader('range', `bytes=${start}-${end - 1}`);
  request.send();
  const { status, statusText } = request;
  const type = globalThis.location.origin === url.origin ? 'basic' : 'cors';
  const headersSeen = parseHeaders(request.getAllResponseHeaders());
  return { answer: { status, statusText, type, headers: headersSeen }, bytes: new Uint8Array(request.response as ArrayBuffer) };
}

/** All at once, because asking for one that is hidden makes Chromium complain on the console. */
function parseHeaders(text: string): Headers {
  const headers = new Headers();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return headers;
}
