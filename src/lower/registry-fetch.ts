/*
 * Requests to a registry, which may be sent on to another host (blobs usually are). What proves who we are goes to the origin that it
 * is for and to no other. Where redirects can be seen they are followed here; in browsers they cannot, and there the Fetch standard
 * ("HTTP-redirect fetch", step 13) removes Authorization when the origin changes. test/e2e/registry.test.ts holds Chromium to it.
 */

import { unreachable } from './http-answer.ts';
import { type HttpOptions, discard, platformFetch } from './http-request.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** More than one to a content network and one within it. */
const MOST_REDIRECTS = 5;

export interface GuardedRequest {
  readonly url: URL;
  /** For messages. */
  readonly name: string;
  readonly init: RequestInit;
  readonly authorization: string | undefined;
}

export interface GuardedAnswer {
  readonly response: Response;
  /** Who answered. */
  readonly origin: string;
}

/** Pages and their workers see the last answer only. */
const seesRedirects = (): boolean => (globalThis.location as Location | undefined) === undefined;

/** @throws {FsError} EIO for redirects that lead nowhere, or from https: to something that anybody can read and change */
export async function guardedFetch(request: GuardedRequest, { fetch: own = platformFetch }: HttpOptions): Promise<GuardedAnswer> {
  const { name, init } = request;
  let { url, authorization } = request;
  const manual = seesRedirects();
  for (let redirects = 0; ; redirects++) {
    const headers = new Headers(init.headers);
    if (authorization !== undefined) headers.set('authorization', authorization);
    const response = await own(url.href, { ...init, headers, redirect: manual ? 'manual' : 'follow' });
    const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
    if (location === null) return { response, origin: originOf(response, url) };
    await discard(response);
    if (redirects === MOST_REDIRECTS) throw unreachable(name, `more than ${MOST_REDIRECTS} redirects`);
    const next = locate(location, url, name);
    if (next.origin !== url.origin) authorization = undefined;
    url = next;
  }
}

function locate(location: string, from: URL, name: string): URL {
  let url: URL;
  try {
    url = new URL(location, from);
  } catch (e) {
    throw unreachable(name, 'a redirect to what is no URL', e);
  }
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
  if (!safe) throw unreachable(name, `a redirect from ${from.protocol} to ${url.protocol}`);
  return url;
}

/** An answer made by a caller's own `fetch` may have no URL. */
const originOf = (response: Response, asked: URL): string => (response.url === '' ? asked.origin : new URL(response.url).origin);
