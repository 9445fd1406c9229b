/*
 * Who we are, for a registry: tokens (the distribution project's "Token Authentication Specification") and Basic. The rule that all of
 * it serves: a name and a password go only to the registry that they were given for, over https: or to this machine itself, and to
 * what their owner named besides. Anonymous tokens are had from anywhere, because they cost nothing.
 */

import { encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { HttpOptions } from './http-request.ts';
import { unreachable } from './http-answer.ts';
import { fetchDocument } from './oci-place.ts';
import { type Challenge, parseChallenges } from './registry-challenge.ts';
import { guardedFetch } from './registry-fetch.ts';

/** What a registry is told. */
export type RegistrySecret =
  | { readonly username: string; readonly password: string }
  /** A token that was had before, sent as it is. */
  | { readonly token: string };

/** Who wants to know. */
export interface LoginQuestion {
  /** The URL that the secret would be sent to: the registry's own, or that of its token server. */
  readonly url: string;
  readonly registry: string;
  /** `repository:NAME:pull`. */
  readonly scope: string;
}

/**
 * Who we are. A function is asked anew whenever it is needed, and decides for itself who gets the answer; what it gives `undefined`
 * for is tried without.
 */
export type RegistryLogin =
  | (RegistrySecret & {
      /** Origins that may have it besides the registry's own, such as that of its token server: `https://auth.example`. */
      readonly realms?: readonly string[] | undefined;
    })
  | ((question: LoginQuestion) => RegistrySecret | undefined | Promise<RegistrySecret | undefined>);

interface RegistryAccess {
  /** The registry's origin, and the repository. */
  readonly registry: URL;
  readonly repository: string;
  readonly login: RegistryLogin | undefined;
  readonly http: HttpOptions;
}

/** Names that mean this machine, which nobody listens to on the way. */
const LOOPBACK = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/;

export const isLoopback = (url: URL): boolean => LOOPBACK.test(url.hostname);

export class RegistryAuth {
  readonly #access: RegistryAccess;
  /** Why the secret was withheld, for the error that follows from it. */
  #withheld: string | undefined;
  /** What registries asked for and got: scope -> Authorization header. */
  readonly #kept = new Map<string, Promise<string | undefined>>();

  constructor(access: RegistryAccess) {
    this.#access = access;
    const { login, registry } = access;
    // Saves the round trip, and works where the page may not see what the registry asks for.
    if (typeof login === 'object' && 'token' in login && this.#mayHave(registry, login.realms))
      this.#kept.set(this.#scope, Promise.resolve(`Bearer ${login.token}`));
  }

  get #scope(): string {
    return `repository:${this.#access.repository}:pull`;
  }

  /** What to send, as far as it is known. */
  current(): Promise<string | undefined> {
    return this.#kept.get(this.#scope) ?? Promise.resolve(undefined);
  }

  /**
   * Gets what the registry asks for. Who asks at the same time gets the same.
   *
   * @param refused what was sent and did not do
   * @returns `undefined` when there is nothing better to send
   */
  async answer(response: Response, refused: string | undefined, signal: AbortSignal | undefined): Promise<string | undefined> {
    const header = response.headers.get('www-authenticate');
    if (header === null) return undefined;
    const challenges = parseChallenges(header);
    const kept = this.#kept.get(this.#scope);
    // Another request has got a new one in the meantime.
    if (kept !== undefined && (await kept) !== refused) return kept;
    const getting = this.#authorize(challenges, signal);
    this.#kept.set(this.#scope, getting);
    // A failure is the failure of those who waited; the next one tries again.
    getting.catch(() => this.#kept.delete(this.#scope));
    const got = await getting;
    return got === refused ? undefined : got;
  }

  /** What to add to the error of a refused request. */
  explain(response: Response): string {
    if (this.#withheld !== undefined) return `; ${this.#withheld}`;
    const { registry } = this.#access;
    const hidden = response.status === 401 && response.headers.get('www-authenticate') === null;
    return hidden ? `; ${registry.origin} does not let the page see WWW-Authenticate (Access-Control-Expose-Headers)` : '';
  }

  async #authorize(challenges: readonly Challenge[], signal: AbortSignal | undefined): Promise<string | undefined> {
    const { registry } = this.#access;
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return this.#bearer(bearer.parameters, signal);
    if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    const secret = await this.#secretFor(registry);
    if (secret === undefined) return undefined;
    return 'token' in secret ? `Bearer ${secret.token}` : basic(secret);
  }

  async #bearer(parameters: ReadonlyMap<string, string>, signal: AbortSignal | undefined): Promise<string | undefined> {
    const { registry, http } = this.#access;
    const realm = realmOf(parameters.get('realm'), registry);
    const { login } = this.#access;
    // A token that is there already is for the registry; its server need not see it.
    const secret = await this.#secretFor(typeof login === 'object' && 'token' in login ? registry : realm);
    if (secret !== undefined && 'token' in secret) return `Bearer ${secret.token}`;
    const url = new URL(realm);
    const service = parameters.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', this.#least(parameters.get('scope')));
    const authorization = secret === undefined ? undefined : basic(secret);
    const name = `${registry.host}: token from ${realm.origin}`;
    const asking: HttpOptions = {
      ...http,
      fetch: async (_, init) => {
        const { response } = await guardedFetch({ url, name, init, authorization }, http);
        if (response.status === 401 || response.status === 403) throw this.denied(name, response);
        return response;
      },
    };
    const { bytes } = await fetchDocument({ url, name }, { http: asking }, signal);
    const token = tokenOf(bytes, name);
    return `Bearer ${token}`;
  }

  denied(name: string, response: Response): FsError {
    return new FsError('EACCES', {
      detail: `${name}: HTTP ${response.status}${this.explain(response)}`,
      cause: new Error(`HTTP ${response.status}`),
    });
  }

  /** Of what the registry asks for, no more than reading: a token that may push is worth stealing. */
  #least(scope: string | undefined): string {
    return scope !== undefined && /^repository:[^:\s]+:pull$/.test(scope) ? scope : this.#scope;
  }

  /** @param url who would get it */
  async #secretFor(url: URL): Promise<RegistrySecret | undefined> {
    const { login, registry } = this.#access;
    if (login === undefined) return undefined;
    if (typeof login === 'function') return login({ url: url.href, registry: registry.origin, scope: this.#scope });
    if (this.#mayHave(url, login.realms)) return login;
    const why = url.protocol === 'https:' || isLoopback(url) ? "is not the registry's own origin" : 'is not https:';
    this.#withheld = `the login was not sent to ${url.origin}, which ${why} and is not among its 'realms'`;
    return undefined;
  }

  #mayHave(url: URL, realms: readonly string[] = []): boolean {
    if (realms.some((realm) => new URL(realm).origin === url.origin)) return true;
    return url.origin === this.#access.registry.origin && (url.protocol === 'https:' || isLoopback(url));
  }
}

/** A secret with a ':' in its name would be read as another. */
function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  if (username.includes(':')) throw new TypeError("A user's name must not contain ':'");
  return `Basic ${btoa(String.fromCharCode(...encodeUtf8(`${username}:${password}`)))}`;
}

function realmOf(realm: string | undefined, registry: URL): URL {
  const wrong = (e?: unknown): FsError =>
    unreachable(registry.host, `asks for a token from no web address: '${realm?.slice(0, 200) ?? ''}'`, e);
  let url: URL;
  try {
    url = new URL(realm ?? '', registry);
  } catch (e) {
    throw wrong(e);
  }
  if (realm === undefined || !/^https?:$/.test(url.protocol)) throw wrong();
  return url;
}

function tokenOf(bytes: Uint8Array, name: string): string {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(bytes));
  } catch (e) {
    throw unreachable(name, 'is no JSON', e);
  }
  const { token, access_token: access } = (answer ?? {}) as { readonly token?: unknown; readonly access_token?: unknown };
  const found = token ?? access;
  // What goes into a header must be what can be in one.
  if (typeof found !== 'string' || !/^[\x21-\x7e]+$/.test(found)) throw unreachable(name, 'holds no token');
  return found;
}
