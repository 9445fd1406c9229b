/* Images in a real Chromium: across origins, with what CORS shows and hides, and with redirects that a page cannot see. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MANIFEST_ACCEPT } from '../../src/archive/oci.ts';
import type { ImageSource } from '../../src/lower/oci-image.ts';
import { packOci } from '../../src/pack/oci.ts';
import { type Profile, makeProfile } from '../support/chromium.ts';
import { ImageFolder } from '../support/images.ts';
import { noise } from '../support/noise.ts';
import { startRangeServer } from '../support/range-server.ts';
import {
  CORS,
  type SeenRequest,
  type Site,
  type SiteAnswer,
  TokenIssuer,
  findRegistry,
  registryAnswer,
  startRegistry,
  startSite,
} from '../support/registry.ts';
import { type WorkerPage, callWorker, serveWorker } from './worker-page.ts';

const folder = new ImageFolder();
const image = folder.image({
  layers: [
    [
      { name: 'a', content: 'below' },
      { name: 'b', content: 'gone' },
    ],
    [
      { name: 'a', content: 'above' },
      { name: '.wh.b', content: '' },
    ],
  ],
});
const tags = { latest: image };
const expected = { digest: image.digest, content: 'above' };
const login = { username: 'somebody', password: 'secret' };
const basic = `Basic ${btoa('somebody:secret')}`;

let served: WorkerPage;
let profile: Profile;
let page: Page;
beforeAll(async () => {
  served = await serveWorker('test/e2e/registry-worker.ts');
  profile = await makeProfile();
  page = await (await profile.launch()).newPage();
  await page.goto(served.url);
});
afterAll(async () => {
  await profile.remove();
  await served.close();
});

const sites: AsyncDisposable[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site[Symbol.asyncDispose]();
});
async function site(answer: (request: SeenRequest) => SiteAnswer, cors?: Readonly<Record<string, string>>): Promise<Site> {
  const started = await startSite(answer, cors === undefined ? {} : { cors });
  sites.push(started);
  return started;
}

/** Rejects with the message alone: the stack is the browser's. */
const read = (source: ImageSource, path = '/a', options: object = { cache: undefined }): Promise<unknown> =>
  callWorker(page, 'read', source, path, options).catch((e: unknown) => {
    throw new Error((e as Error).message.split('\n')[0]);
  });
const plain = ({ path }: SeenRequest): SiteAnswer => registryAnswer(folder, tags, path);

test('a layout on a plain host of another origin needs one header and no preflight', async () => {
  await using host = await startRangeServer({ files: folder.layout([image]).files, cors: 'hidden' });
  expect(await read({ oci: host.url })).toEqual(expected);
  expect(host.requests.map(({ method }) => method)).toEqual(Array.from({ length: 6 }, () => 'GET'));
});

test('what is in the cache is not fetched again, and needs no host: whole layers and eStargz', async () => {
  const root = mkdtempSync(join(tmpdir(), 'image-'));
  try {
    writeFileSync(join(root, 'a'), 'packed');
    writeFileSync(join(root, 'large'), noise(3 << 20, 1));
    const packed = await packOci([root]);
    for (const [files, content] of [
      [folder.layout([image]).files, 'above'],
      [packed.files, 'packed'],
    ] as const) {
      await using host = await startRangeServer({ files, cors: 'exposed' });
      const blobsFetched = async (): Promise<number> => {
        host.reset();
        expect(await read({ oci: host.url }, '/a', {})).toMatchObject({ content });
        expect(host.bytes).toBeLessThan(1 << 20);
        return host.requests.filter(({ path }) => path.startsWith('blobs/')).length;
      };
      expect(await blobsFetched()).toBeGreaterThan(2);
      // What the name means is asked for every time. Nobody waits for what is being kept, and a second time may complete a block of which the first had the start.
      await expect.poll(blobsFetched).toBe(0);
      await host.close();
      expect(await read({ oci: host.url }, '/a', {})).toMatchObject({ content });
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});

describe('a registry that redirects elsewhere with the token', () => {
  test.each(['Basic', 'Bearer'])('does not get it there: %s', async (scheme) => {
    const elsewhere = await site(plain);
    const authorization = scheme === 'Basic' ? basic : 'Bearer T';
    const registry = await site((request) => {
      if (request.path.startsWith('/token')) return { body: '{"token":"T"}' };
      const challenge = scheme === 'Basic' ? 'Basic realm="r"' : 'Bearer realm="/token"';
      if (request.authorization !== authorization) return { status: 401, headers: { 'www-authenticate': challenge } };
      return request.path.includes('/blobs/') ? { status: 307, headers: { location: `${elsewhere.url}${request.path}` } } : plain(request);
    });
    expect(await read({ image: 'team/tool', registry: registry.url, login })).toEqual(expected);
    expect(elsewhere.seen).toHaveLength(3);
    for (const seen of elsewhere.seen) expect(seen.authorization).toBeUndefined();
    expect(elsewhere.preflights.filter((headers) => headers.includes('authorization'))).toEqual([]);
    expect(registry.seen.filter((seen) => seen.path.includes('/blobs/')).every((seen) => seen.authorization === authorization)).toBe(true);
  });

  test('which is what this browser does by itself, within an origin too', async () => {
    const elsewhere = await site(() => ({}));
    const start = await site(({ path }) => {
      if (path === '/here') return {};
      return { status: 307, headers: { location: path === '/away' ? elsewhere.url : '/here' } };
    });
    expect(await callWorker(page, 'fetch', `${start.url}/away`, 'secret')).toEqual({ status: 200, redirected: true });
    expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(await callWorker(page, 'fetch', `${start.url}/stay`, 'secret')).toEqual({ status: 200, redirected: true });
    expect(start.seen.at(-1)).toMatchObject({ path: '/here', authorization: 'secret' });
  });

  test('nor by the other host asking for it', async () => {
    const asking = await site(() => ({ status: 401, headers: { 'www-authenticate': 'Bearer realm="/token"' } }));
    const registry = await site((request) => {
      if (request.authorization !== basic) return { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };
      return request.path.includes('/blobs/') ? { status: 307, headers: { location: `${asking.url}${request.path}` } } : plain(request);
    });
    await expect(read({ image: 'team/tool', registry: registry.url, login })).rejects.toThrow(/EACCES.*sent on to/);
    for (const seen of asking.seen) {
      expect(seen.path).toContain('/blobs/');
      expect(seen.authorization).toBeUndefined();
    }
  });
});

test('what the registry asks for and hides is said, and a token at hand does without it', async () => {
  const guard = (request: SeenRequest): SiteAnswer =>
    request.authorization === 'Bearer T' ? plain(request) : { status: 401, headers: { 'www-authenticate': 'Bearer realm="/token"' } };
  const registry = await site(guard, { ...CORS, 'access-control-expose-headers': '' });
  await expect(read({ image: 'team/tool', registry: registry.url })).rejects.toThrow(/EACCES.*does not let the page see WWW-Authenticate/);
  expect(await read({ image: 'team/tool', registry: registry.url, login: { token: 'T' } })).toEqual(expected);
});

test('a registry without CORS is told as such', async () => {
  const registry = await site(plain, {});
  await expect(read({ image: 'team/tool', registry: registry.url })).rejects.toThrow(/EIO.*no Access-Control-Allow-Origin/);
});

const command = findRegistry();
describe.skipIf(command === undefined)("the distribution project's registry", () => {
  test('for everybody', async () => {
    await using registry = await startRegistry(command!);
    await registry.push('team/tool', folder, tags);
    expect(await read({ image: 'team/tool:latest', registry: registry.url })).toEqual(expected);
    expect(await read({ image: `team/tool@${image.digest}`, registry: registry.url })).toEqual(expected);
    await expect(read({ image: 'team/tool:2', registry: registry.url })).rejects.toThrow('ENOENT');
  });

  test('with a token server, behind a proxy that answers preflights', async () => {
    using tokens = new TokenIssuer();
    const server = await site((request) => tokens.answer(request, [], basic));
    await using registry = await startRegistry(command!, { tokens, realm: `${server.url}/token` });
    await registry.push('private/tool', folder, tags);
    const source = { image: 'private/tool', login: { ...login, realms: [server.url] } };
    // By itself it wants the token with the preflight too, and browsers send none there.
    await expect(read({ ...source, registry: registry.url })).rejects.toThrow('EIO');
    const proxy = await startSite(async ({ path, authorization }) => {
      const response = await fetch(registry.url + path, {
        headers: { accept: MANIFEST_ACCEPT, ...(authorization === undefined ? {} : { authorization }) },
      });
      const names = ['content-type', 'www-authenticate'];
      const headers = Object.fromEntries(
        names.flatMap((name) => (response.headers.has(name) ? [[name, response.headers.get(name)!]] : [])),
      );
      return { status: response.status, headers, body: new Uint8Array(await response.arrayBuffer()) };
    });
    sites.push(proxy);
    expect(await read({ ...source, registry: proxy.url })).toEqual(expected);
    await expect(read({ image: 'private/tool', registry: proxy.url })).rejects.toThrow('EACCES');
  });
});
