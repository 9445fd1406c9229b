/*
 * Registries for tests: the distribution project's own (`docker-registry` of Debian) in a process of its own, and small servers that do
 * what registries, token servers and content networks do, or what they must not do. Node only.
 */

import { execFileSync, spawn } from 'node:child_process';
import { createSign, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, createServer } from 'node:http';
import { type AddressInfo, createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { ImageFolder, WrittenDescriptor } from './images.ts';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | undefined;
}

export interface SiteAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface Site extends AsyncDisposable {
  /** Without a '/' at the end. */
  readonly url: string;
  readonly seen: SeenRequest[];
  /** The headers that pages asked to send, preflight by preflight. */
  readonly preflights: string[];
}

/** What lets a page of another origin use a registry. */
export const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'Authorization, Accept, Range',
  'access-control-expose-headers': 'WWW-Authenticate, Content-Range, ETag, Docker-Content-Digest',
} as const;

/** A server that answers as `answer` says. Preflights are answered for it. */
export async function startSite(
  answer: (request: SeenRequest, site: string) => SiteAnswer | Promise<SiteAnswer>,
  { cors = CORS }: { readonly cors?: Readonly<Record<string, string>> } = {},
): Promise<Site> {
  const seen: SeenRequest[] = [];
  const preflights: string[] = [];
  let url = '';
  const server = createServer((request: IncomingMessage, response) => {
    const { method = 'GET', url: path = '/', headers } = request;
    if (method === 'OPTIONS') {
      preflights.push(headers['access-control-request-headers'] ?? '');
      response.writeHead('access-control-allow-origin' in cors ? 204 : 405, cors).end();
      return;
    }
    const asked = { method, path, authorization: headers.authorization };
    seen.push(asked);
    void Promise.resolve(answer(asked, url)).then(({ status = 200, headers: own = {}, body = '' }) => {
      response.writeHead(status, { ...cors, ...own }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    preflights,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What a registry gives for `/v2/NAME/manifests/REF` and `/v2/NAME/blobs/DIGEST`. */
export function registryAnswer(folder: ImageFolder, tags: Readonly<Record<string, WrittenDescriptor>>, path: string): SiteAnswer {
  const [, kind, ref = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/?]+)/.exec(path) ?? [];
  const digest = kind === 'manifests' ? (tags[ref]?.digest ?? ref) : ref;
  const bytes = folder.files.get(`blobs/${digest.replace(':', '/')}`);
  if (bytes === undefined) return { status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}' };
  const type =
    kind === 'manifests' ? (JSON.parse(new TextDecoder().decode(bytes)) as { mediaType: string }).mediaType : 'application/octet-stream';
  return { headers: { 'content-type': type, 'docker-content-digest': digest }, body: bytes };
}

/** Debian's package, or any other build of it. */
export function findRegistry(): string | undefined {
  const find = (command: string): string | undefined =>
    (process.env['PATH'] ?? '')
      .split(delimiter)
      .map((at) => join(at, command))
      .find((path) => existsSync(path));
  // `openssl` makes the key that its tokens are signed with.
  const missing = ['docker-registry', 'openssl'].find((command) => find(command) === undefined);
  if (missing !== undefined) process.stdout.write(`no '${missing}' on this machine: nothing is pulled from a real registry\n`);
  return missing === undefined ? find('docker-registry') : undefined;
}

export interface RegistryProcess extends AsyncDisposable {
  readonly url: string;
  /** Pushes blobs and manifests, the tags last. */
  push(name: string, folder: ImageFolder, tags: Readonly<Record<string, WrittenDescriptor>>): Promise<void>;
}

export interface RegistryProcessOptions {
  /** Who has to be asked for tokens. */
  readonly tokens?: TokenIssuer;
  readonly realm?: string;
  /** A line of an htpasswd file, with bcrypt, and what it stands for. */
  readonly basic?: { readonly line: string; readonly authorization: string };
}

/** Starts a registry on a free port, with an empty folder. */
export async function startRegistry(command: string, options: RegistryProcessOptions = {}): Promise<RegistryProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'registry-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { tokens, realm, basic } = options;
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: folder } },
    http: {
      addr: `127.0.0.1:${port}`,
      headers: Object.fromEntries(Object.entries(CORS).map(([name, value]) => [name, [value]])),
    },
    ...(tokens === undefined ? {} : { auth: { token: { realm, service: 'test', issuer: 'test', rootcertbundle: tokens.certificate } } }),
    ...(basic === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } }),
  };
  if (basic !== undefined) writeFileSync(join(folder, 'htpasswd'), `${basic.line}\n`);
  const file = join(folder, 'config.yml');
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const child = spawn(command, ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const authorize = (name: string): Record<string, string> => {
    if (basic !== undefined) return { authorization: basic.authorization };
    return tokens === undefined ? {} : { authorization: `Bearer ${tokens.issue(name, ['pull', 'push'])}` };
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill()) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let i = 0; ; i++) {
    if (child.exitCode !== null || i === 100) {
      await stop();
      throw new Error(`The registry did not start: ${output}`);
    }
    if (
      await fetch(`${url}/v2/`).then(
        (response) => response.status < 500,
        () => false,
      )
    )
      break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, push: (name, images, tags) => push(`${url}/v2/${name}`, images, tags, authorize(name)), [Symbol.asyncDispose]: stop };
}

async function push(
  base: string,
  { files }: ImageFolder,
  tags: Readonly<Record<string, WrittenDescriptor>>,
  authorization: Record<string, string>,
): Promise<void> {
  const send = async (url: string, method: string, body?: Uint8Array, type?: string): Promise<Response> => {
    const headers = { ...authorization, ...(type === undefined ? {} : { 'content-type': type }) };
    const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: body.slice() }) });
    if (!response.ok) throw new Error(`${method} ${url}: HTTP ${response.status} ${await response.text()}`);
    return response;
  };
  const blobs = [...files]
    .filter(([path]) => path.startsWith('blobs/'))
    .map(([path, bytes]) => [path.slice(6).replace('/', ':'), bytes] as const);
  for (const [digest, bytes] of blobs) {
    const { headers } = await send(`${base}/blobs/uploads/`, 'POST');
    const location = new URL(headers.get('location')!, base);
    location.searchParams.set('digest', digest);
    await send(location.href, 'PUT', bytes, 'application/octet-stream');
  }
  // Manifests that an index names have to be there before it.
  const documents = blobs.flatMap(([digest, bytes]) => {
    if (bytes[0] !== 0x7b) return [];
    const { mediaType = '' } = JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: string };
    return /manifest|index/.test(mediaType) ? [{ digest, bytes, mediaType }] : [];
  });
  const rank = (mediaType: string): number => (/index|list/.test(mediaType) ? 1 : 0);
  documents.sort((a, b) => rank(a.mediaType) - rank(b.mediaType));
  for (const { digest, bytes, mediaType } of documents) {
    const names = Object.keys(tags).filter((tag) => tags[tag]?.digest === digest);
    for (const ref of [digest, ...names]) await send(`${base}/manifests/${ref}`, 'PUT', bytes, mediaType);
  }
}

async function freePort(): Promise<number> {
  const server = createPlainServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Issues tokens that a registry believes: JWTs with the certificate in them. */
export class TokenIssuer implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  readonly certificate = join(this.#folder, 'certificate.pem');
  readonly #key: string;

  constructor() {
    const key = join(this.#folder, 'key.pem');
    const subject = ['-subj', '/CN=test', '-days', '2', '-nodes', '-newkey', 'rsa:2048'];
    execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', this.certificate], { stdio: 'ignore' });
    this.#key = readFileSync(key, 'utf8');
  }

  issue(name: string, actions: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000);
    const x5c = [readFileSync(this.certificate, 'utf8').replace(/-----[^-]+-----|\s/g, '')];
    const claims = { iss: 'test', aud: 'test', sub: 'somebody', exp: now + 300, nbf: now - 10, iat: now, jti: randomUUID() };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ typ: 'JWT', alg: 'RS256', x5c })}.${part({ ...claims, access: [{ type: 'repository', name, actions }] })}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(this.#key, 'base64url')}`;
  }

  /** Answers as a token server: `repositories` are for everybody, others for whoever says `authorization`. */
  answer({ path, authorization }: SeenRequest, open: readonly string[], expected: string): SiteAnswer {
    const { searchParams } = new URL(path, 'http://tokens');
    const [, name = '', actions = ''] = /^repository:(.+):(.+)$/.exec(searchParams.get('scope') ?? '') ?? [];
    if (authorization !== undefined && authorization !== expected) return { status: 401 };
    const allowed = open.includes(name) || authorization === expected ? actions.split(',') : [];
    return { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token: this.issue(name, allowed), expires_in: 300 }) };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
