/* An image in a registry (OCI distribution specification 1.1): which URLs it has, and every request with what proves who we are. */

import { ArgumentError } from '../base/errors.ts';
import { MANIFEST_ACCEPT, parseImageDocument } from '../archive/oci.ts';
import { type Digest, digestText, parseDigest } from '../archive/oci-digest.ts';
import { parseReference } from '../archive/oci-reference.ts';
import { type HttpOptions, discard } from './http-request.ts';
import { type ImagePlace, fetchDocument } from './oci-place.ts';
import { RegistryAuth, type RegistryLogin, isLoopback } from './registry-auth.ts';
import { guardedFetch } from './registry-fetch.ts';

/**
 * @param base where to ask instead of the host in the name, such as a proxy with CORS headers
 * @throws {ArgumentError} when the reference is none, or says no host and there is no `base`
 */
export function registryPlace(
  image: string,
  base: string | URL | undefined,
  login: RegistryLogin | undefined,
  http: HttpOptions,
): ImagePlace {
  const { host, name: repository, ref } = parseReference(image);
  const registry = registryUrl(host, base, image);
  const auth = new RegistryAuth({ registry, repository, login, http });
  const name = http.name ?? image;
  const digest = parseDigest(ref);
  const within = (path: string): URL => new URL(`v2/${repository}/${path}`, registry);
  const authorized: HttpOptions = { ...http, fetch: (url, init) => request(new URL(url), init) };
  return {
    name,
    http: authorized,
    tag: within(`manifests/${ref}`),
    isFixed: digest !== undefined,
    async start(patience, signal) {
      const missing = `${name}: ${registry.host} has no such image`;
      const document = await fetchDocument(
        { url: within(`manifests/${ref}`), name, digest, missing },
        { http: authorized },
        signal,
        patience,
      );
      // A login page, for one, must not take the place of what is kept.
      parseImageDocument(document.bytes, document.mediaType, { archive: name });
      return document;
    },
    choose: async (images) => images,
    blobUrl: (blob: Digest) => within(`blobs/${digestText(blob)}`),
    manifestUrl: (manifest: Digest) => within(`manifests/${digestText(manifest)}`),
  };

  async function request(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (url.pathname.includes('/manifests/')) headers.set('accept', MANIFEST_ACCEPT);
    // Browsers must not ask their user for a password in the middle of an application.
    const plain: RequestInit = { ...init, headers, ...(login === undefined ? {} : { credentials: 'omit' }) };
    let authorization = await auth.current();
    // Once with what is kept, once with what the registry asks for: a token may have run out.
    for (let last = false; ; last = true) {
      const { response, origin } = await guardedFetch({ url, name, init: plain, authorization }, http);
      if (response.status !== 401 && response.status !== 403) return response;
      // Whoever the registry sends us on to has nothing to ask of us.
      const asked = response.status === 401 && !last && origin === registry.origin;
      const better = asked ? await auth.answer(response, authorization, init.signal ?? undefined) : undefined;
      await discard(response);
      if (better === undefined) throw auth.denied(origin === registry.origin ? name : `${name}: sent on to ${origin}`, response);
      authorization = better;
    }
  }
}

function registryUrl(host: string | undefined, base: string | URL | undefined, image: string): URL {
  if (base === undefined) {
    if (host === undefined) throw new ArgumentError(`The name of an image must start with its registry's host: '${image}'`);
    // This machine's own registry has no certificate.
    const url = new URL(`https://${host}/`);
    if (isLoopback(url)) url.protocol = 'http:';
    return url;
  }
  const url = new URL(base, globalThis.location?.href);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  url.search = '';
  return url;
}
