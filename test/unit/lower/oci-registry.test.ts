/* Images in registries: what is asked, who is told what, and who is not. */

import { afterEach, describe, expect, test } from 'vitest';
import { type Image, type ImageOptions, type ImageSource, openImage } from '../../../src/lower/oci-image.ts';
import type { RegistryLogin } from '../../../src/lower/registry-auth.ts';
import { parseChallenges } from '../../../src/lower/registry-challenge.ts';
import { textAt } from '../../support/dump-layer.ts';
import { ImageFolder, OCI, forPlatform } from '../../support/images.ts';
import {
  type SeenRequest,
  type Site,
  type SiteAnswer,
  TokenIssuer,
  findRegistry,
  registryAnswer,
  startRegistry,
  startSite,
} from '../../support/registry.ts';

const folder = new ImageFolder();
const image = folder.image({ layers: [[{ name: 'a', content: 'below' }], [{ name: 'a', content: 'above' }]] });
const other = folder.image({ layers: [[{ name: 'a', content: 'arm' }]] });
const index = folder.index([forPlatform(other, 'linux/arm64'), forPlatform(image, 'linux/amd64')]);
const tags = { latest: index, single: image };

const login = { username: 'somebody', password: 'p:ä' };
const basicHeader = `Basic ${Buffer.from('somebody:p:ä').toString('base64')}`;

const sites: AsyncDisposable[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site[Symbol.asyncDispose]();
});
async function site(answer: (request: SeenRequest, url: string) => SiteAnswer | Promise<SiteAnswer>): Promise<Site> {
  const started = await startSite(answer);
  sites.push(started);
  return started;
}

const open = (source: ImageSource, options: ImageOptions = {}): Promise<Image> =>
  openImage(source, { retry: { tries: 2, delay: 1 }, ...options });
const at = (registry: string, ref = 'team/tool:latest', own?: RegistryLogin): ImageSource => ({ image: ref, registry, login: own });
const failure = async (opening: Promise<Image>): Promise<string> => {
  try {
    await opening;
  } catch (e) {
    return (e as Error).message;
  }
  throw new Error('it was opened');
};
const contentOf = async ({ layers }: Image): Promise<string> => textAt(layers[0]!, 'a');
const plain = (request: SeenRequest): SiteAnswer => registryAnswer(folder, tags, request.path);
const bearer = (realm: string, more = ''): SiteAnswer => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="${realm}",service="s",scope="repository:team/tool:pull"${more}` },
});

describe('a registry for everybody', () => {
  test('by tag and platform, by digest; the host in the name is the registry', async () => {
    const { url, seen } = await site(plain);
    const opened = await open({ image: `${url.slice(7)}/team/tool` });
    expect(opened).toMatchObject({ digest: image.digest, platform: 'linux/amd64' });
    expect(await contentOf(opened)).toBe('above');
    expect(seen[0]).toEqual({ method: 'GET', path: '/v2/team/tool/manifests/latest', authorization: undefined });
    expect(seen).toHaveLength(5);
    expect((await open(at(url, `team/tool@${image.digest}`))).digest).toBe(image.digest);
    expect(await contentOf(await open(at(`${url}`, 'team/tool:latest'), { platform: 'linux/arm64' }))).toBe('arm');
    expect(await failure(open(at(url), { platform: 'linux/s390x' }))).toMatch(/^ENOENT.*there is linux\/arm64, linux\/amd64/);
  });

  test('a proxy may be below a path', async () => {
    const { url } = await site(({ path }) => (path.startsWith('/mirror/') ? registryAnswer(folder, tags, path.slice(7)) : { status: 404 }));
    expect(await contentOf(await open({ image: 'registry.example/team/tool:single', registry: `${url}/mirror` }))).toBe('above');
  });

  test('what is not there is ENOENT, and other refusals are EIO', async () => {
    const { url } = await site(({ path }) => (path.includes('/blobs/') ? { status: 404 } : registryAnswer(folder, tags, path)));
    expect(await failure(open(at(url, 'team/tool:2')))).toMatch(/^ENOENT.*team\/tool:2: .* has no such image/);
    expect(await failure(open(at(url)))).toMatch(/^EIO.*blob sha256:.*HTTP 404/);
    await expect(open({ image: 'team/tool' })).rejects.toThrow(TypeError);
  });

  test('a manifest that is not the one of the digest is refused, by tag one of another type', async () => {
    const lying = await site(() => registryAnswer(folder, tags, '/v2/x/manifests/single'));
    expect(await failure(open(at(lying.url, `team/tool@${index.digest}`)))).toContain(
      `its digest is ${image.digest}, should be ${index.digest}`,
    );
    const mixed = await site(({ path }) => ({ ...plain({ path } as SeenRequest), headers: { 'content-type': OCI.manifest } }));
    expect(await failure(open(at(mixed.url)))).toMatch(/^EIO.*came as/);
    const endless = await site(() => ({ body: new Uint8Array((4 << 20) + 1) }));
    expect(await failure(open(at(endless.url)))).toMatch(/^EFBIG/);
  });
});

describe('tokens', () => {
  /** A registry that wants `Bearer T<n>` for the newest n; its token server says who asked. */
  async function guarded(options: { readonly anonymous?: boolean; readonly lifetime?: number } = {}) {
    const { anonymous = true, lifetime = Infinity } = options;
    let issued = 0;
    let uses = 0;
    const tokens = await site(({ authorization }) =>
      authorization === undefined && !anonymous ? { status: 401 } : { body: JSON.stringify({ token: `T${++issued}` }) },
    );
    const registry = await site((request) => {
      if (request.authorization !== `Bearer T${issued}` || issued === 0 || uses++ % (lifetime + 1) === lifetime) {
        if (request.authorization === `Bearer T${issued}`) issued += 100;
        return bearer(`${tokens.url}/token`);
      }
      return plain(request);
    });
    return { registry, tokens };
  }

  test('an anonymous token is had once for all requests', async () => {
    const { registry, tokens } = await guarded();
    expect(await contentOf(await open(at(registry.url)))).toBe('above');
    expect(tokens.seen).toEqual([
      { method: 'GET', path: '/token?service=s&scope=repository%3Ateam%2Ftool%3Apull', authorization: undefined },
    ]);
    expect(registry.seen.filter(({ authorization }) => authorization === undefined)).toHaveLength(1);
  });

  test('one that ran out in the middle is replaced', async () => {
    const { registry, tokens } = await guarded({ lifetime: 2 });
    expect(await contentOf(await open(at(registry.url)))).toBe('above');
    expect(tokens.seen.length).toBeGreaterThan(1);
  });

  test('a token server of another origin gets the login only when it is among the realms', async () => {
    const { registry, tokens } = await guarded({ anonymous: false });
    const message = await failure(open(at(registry.url, undefined, login)));
    expect(message).toMatch(/^EACCES/);
    expect(message).toContain(
      `the login was not sent to ${tokens.url}, which is not the registry's own origin and is not among its 'realms'`,
    );
    expect(tokens.seen.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(await contentOf(await open(at(registry.url, undefined, { ...login, realms: [tokens.url] })))).toBe('above');
    expect(tokens.seen.at(-1)?.authorization).toBe(basicHeader);
    for (const { authorization } of registry.seen) expect(authorization).not.toBe(basicHeader);
  });

  test('a function decides by itself, and is told who asks', async () => {
    const { registry, tokens } = await guarded({ anonymous: false });
    const questions: unknown[] = [];
    const opened = await open(
      at(registry.url, undefined, (question) => {
        questions.push(question);
        return login;
      }),
    );
    expect(await contentOf(opened)).toBe('above');
    expect(questions).toEqual([{ url: `${tokens.url}/token`, registry: registry.url, scope: 'repository:team/tool:pull' }]);
    expect(await failure(open(at(registry.url, undefined, () => undefined)))).toMatch(/^EACCES/);
  });

  test('a token that the caller has goes to the registry alone, and is not asked for', async () => {
    const { registry, tokens } = await guarded();
    const own = await site((request) => (request.authorization === 'Bearer mine' ? plain(request) : bearer(`${tokens.url}/token`)));
    expect(await contentOf(await open(at(own.url, undefined, { token: 'mine' })))).toBe('above');
    expect(own.seen.every(({ authorization }) => authorization === 'Bearer mine')).toBe(true);
    expect(await failure(open(at(registry.url, undefined, { token: 'mine' })))).toMatch(/^EACCES/);
    expect(tokens.seen).toEqual([]);
  });

  test('no more than reading is asked for, whatever the registry would like', async () => {
    const tokens = await site(() => ({ body: '{"access_token":"T"}' }));
    const greedy = await site((request) =>
      request.authorization === 'Bearer T'
        ? plain(request)
        : {
            status: 401,
            headers: { 'www-authenticate': `Bearer realm="${tokens.url}/t",scope="repository:team/tool:pull,push repository:other:*"` },
          },
    );
    expect(await contentOf(await open(at(greedy.url)))).toBe('above');
    expect(tokens.seen[0]?.path).toBe('/t?scope=repository%3Ateam%2Ftool%3Apull');
  });

  test.each([
    ['a realm that is no web address', 'file:///etc/passwd', undefined, 'EIO', 'no web address'],
    ['an answer that is no JSON', undefined, '<html>', 'EIO', 'no JSON'],
    ['an answer without a token', undefined, '{}', 'EIO', 'no token'],
    ['a token that would end the header', undefined, '{"token":"a\\r\\nx: y"}', 'EIO', 'no token'],
  ])('should fail: %s', async (_, realm, body, code, detail) => {
    const tokens = await site(() => ({ body: body ?? '' }));
    const registry = await site(() => bearer(realm ?? `${tokens.url}/token`));
    const message = await failure(open(at(registry.url)));
    expect(message.startsWith(code)).toBe(true);
    expect(message).toContain(detail);
  });

  test('a registry that is never content does not keep us busy', async () => {
    const tokens = await site(() => ({ body: '{"token":"T"}' }));
    const registry = await site(() => bearer(`${tokens.url}/token`));
    expect(await failure(open(at(registry.url)))).toMatch(/^EACCES.*HTTP 401/);
    expect(registry.seen.length + tokens.seen.length).toBeLessThan(5);
  });
});

describe('a login by Basic', () => {
  const guard = (request: SeenRequest): SiteAnswer =>
    request.authorization === basicHeader ? plain(request) : { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };

  test('is sent when it is asked for, and then with every request', async () => {
    const { url, seen } = await site(guard);
    expect(await contentOf(await open(at(url, undefined, login)))).toBe('above');
    expect(seen.filter(({ authorization }) => authorization === undefined)).toHaveLength(1);
    expect(await failure(open(at(url)))).toMatch(/^EACCES.*HTTP 401/);
    expect(await failure(open(at(url, undefined, { ...login, password: 'wrong' })))).toMatch(/^EACCES/);
  });

  test('over http: to another machine only when that is among the realms', async () => {
    const sent: (string | null)[] = [];
    const fetch = async (url: string, init: RequestInit): Promise<Response> => {
      const authorization = new Headers(init.headers).get('authorization');
      sent.push(authorization);
      const answer = guard({ method: 'GET', path: new URL(url).pathname, authorization: authorization ?? undefined });
      return new Response(answer.body === undefined ? null : Buffer.from(answer.body), answer);
    };
    const registry = 'http://registry.example';
    expect(await failure(open(at(registry, undefined, login), { fetch }))).toContain('which is not https: and is not among');
    expect(await failure(open(at(registry, undefined, { token: 'T' }), { fetch }))).toMatch(/^EACCES/);
    expect(sent).toEqual([null, null]);
    expect(await contentOf(await open(at(registry, undefined, { ...login, realms: [registry] }), { fetch }))).toBe('above');
  });
});

describe('a registry that redirects elsewhere with the token', () => {
  async function redirecting(status: number, target: (elsewhere: string, path: string) => string) {
    const elsewhere = await site(plain);
    const registry = await site((request, url) => {
      if (request.authorization !== basicHeader) return { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };
      if (request.path.startsWith('/own')) return plain({ ...request, path: request.path.slice(4) });
      return request.path.includes('/blobs/')
        ? { status, headers: { location: target(elsewhere.url, request.path) } }
        : plain({ ...request, path: request.path.replace(url, '') });
    });
    return { elsewhere, registry };
  }

  test.each([301, 302, 303, 307, 308])('does not get it there (%i)', async (status) => {
    const { elsewhere, registry } = await redirecting(status, (host, path) => `${host}${path}?signature=x`);
    expect(await contentOf(await open(at(registry.url, undefined, login)))).toBe('above');
    expect(elsewhere.seen).toHaveLength(3);
    for (const { authorization } of elsewhere.seen) expect(authorization).toBeUndefined();
  });

  test('keeps it where the redirect stays on the registry', async () => {
    const { registry } = await redirecting(307, (_, path) => `/own${path}`);
    expect(await contentOf(await open(at(registry.url, undefined, login)))).toBe('above');
    expect(registry.seen.filter(({ path }) => path.startsWith('/own')).every(({ authorization }) => authorization === basicHeader)).toBe(
      true,
    );
  });

  test('does not get it back by way of another host either', async () => {
    const back = await site(({ path }) => ({ status: 307, headers: { location: `${registry.url}/own${path}` } }));
    const { registry } = await redirecting(307, (_, path) => `${back.url}${path}`);
    expect(await failure(open(at(registry.url, undefined, login)))).toMatch(/^EACCES/);
    expect(back.seen.length).toBeGreaterThan(0);
    for (const { path, authorization } of registry.seen) if (path.startsWith('/own')) expect(authorization).toBeUndefined();
  });

  test.each(['Basic realm="give"', 'Bearer realm="/token"'])('nor by the other host asking for it: %s', async (challenge) => {
    const asking = await site((_, url) => ({ status: 401, headers: { 'www-authenticate': challenge.replace('"/', `"${url}/`) } }));
    const { registry } = await redirecting(307, (_, path) => `${asking.url}${path}`);
    expect(await failure(open(at(registry.url, undefined, login)))).toMatch(/^EACCES.*sent on to http/);
    for (const { path, authorization } of asking.seen) {
      expect(path).toContain('/blobs/');
      expect(authorization).toBeUndefined();
    }
  });

  test.each([
    ['in circles', (_: string, path: string) => path, 'more than 5 redirects'],
    ['to a file', () => 'file:///etc/passwd', 'a redirect from http: to file:'],
    ['nowhere', () => 'http://', 'no URL'],
  ])('should fail: %s', async (_, target, detail) => {
    const { registry } = await redirecting(307, target);
    expect(await failure(open(at(registry.url, undefined, login)))).toMatch(new RegExp(`^EIO.*${detail}`));
  });

  test('from https: to http: it is not followed', async () => {
    const asked: string[] = [];
    const fetch = async (url: string): Promise<Response> => {
      asked.push(url);
      return new Response(null, { status: 307, headers: { location: 'http://registry.example/x' } });
    };
    expect(await failure(open({ image: 'registry.example/a' }, { fetch }))).toContain('a redirect from https: to http:');
    expect(asked).toEqual(['https://registry.example/v2/a/manifests/latest']);
  });

  test('a token server that redirects elsewhere does not take the login along', async () => {
    const elsewhere = await site(() => ({ body: '{"token":"T"}' }));
    const registry: Site = await site((request, url) => {
      if (request.path.startsWith('/token')) return { status: 307, headers: { location: `${elsewhere.url}/t` } };
      return request.authorization === 'Bearer T' ? plain(request) : bearer(`${url}/token`);
    });
    expect(await contentOf(await open(at(registry.url, undefined, login)))).toBe('above');
    expect(registry.seen.find(({ path }) => path.startsWith('/token'))?.authorization).toBe(basicHeader);
    expect(elsewhere.seen).toEqual([{ method: 'GET', path: '/t', authorization: undefined }]);
  });
});

test('challenges are read as they are written in the wild', () => {
  expect(
    parseChallenges('Basic realm="a, b", Bearer realm="https://x/\\"t\\"",scope=repository:a:pull , Negotiate').map(
      ({ scheme, parameters }) => [scheme, ...parameters],
    ),
  ).toEqual([['basic', ['realm', 'a, b']], ['bearer', ['realm', 'https://x/"t"'], ['scope', 'repository:a:pull']], ['negotiate']]);
  expect(parseChallenges('')).toEqual([]);
  expect(parseChallenges('"')).toEqual([]);
  expect(parseChallenges(`Bearer realm="${'x'.repeat(10_000)}"`)).toEqual([]);
});

const command = findRegistry();
describe.skipIf(command === undefined)("the distribution project's registry", () => {
  test('for everybody', { timeout: 60_000 }, async () => {
    await using registry = await startRegistry(command!);
    await registry.push('team/tool', folder, tags);
    const opened = await open(at(registry.url));
    expect(opened.digest).toBe(image.digest);
    expect(await contentOf(opened)).toBe('above');
    expect(await contentOf(await open(at(registry.url), { platform: 'linux/arm64' }))).toBe('arm');
    expect((await open(at(registry.url, `team/tool@${index.digest}`))).digest).toBe(image.digest);
    expect(await failure(open(at(registry.url, 'team/tool:none')))).toMatch(/^ENOENT/);
    expect(await failure(open(at(registry.url, 'team/none')))).toMatch(/^ENOENT/);
  });

  test('with a token server', { timeout: 60_000 }, async () => {
    using tokens = new TokenIssuer();
    const server = await site((request) => tokens.answer(request, ['team/tool'], basicHeader));
    await using registry = await startRegistry(command!, { tokens, realm: `${server.url}/token` });
    await registry.push('team/tool', folder, tags);
    await registry.push('private/tool', folder, tags);
    expect(await contentOf(await open(at(registry.url)))).toBe('above');
    expect(server.seen).toEqual([
      { method: 'GET', path: '/token?service=test&scope=repository%3Ateam%2Ftool%3Apull', authorization: undefined },
    ]);
    expect(await failure(open(at(registry.url, 'private/tool')))).toMatch(/^EACCES/);
    const realms = [server.url];
    expect(await contentOf(await open(at(registry.url, 'private/tool', { ...login, realms })))).toBe('above');
    expect(await failure(open(at(registry.url, 'private/tool', { ...login, password: 'wrong', realms })))).toMatch(/^EACCES.*token from/);
    expect(await contentOf(await open(at(registry.url, 'private/tool', { token: tokens.issue('private/tool', ['pull']) })))).toBe('above');
  });

  test('with Basic', { timeout: 60_000 }, async () => {
    // A published test vector of bcrypt.
    const line = 'somebody:$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i';
    const password = 'abc';
    const authorization = `Basic ${Buffer.from(`somebody:${password}`).toString('base64')}`;
    await using registry = await startRegistry(command!, { basic: { line, authorization } });
    await registry.push('team/tool', folder, tags);
    expect(await failure(open(at(registry.url)))).toMatch(/^EACCES/);
    expect(await contentOf(await open(at(registry.url, undefined, { username: 'somebody', password })))).toBe('above');
  });
});
