/* Images without a network, or with a bad one: as what their reference meant the last time, or not at all. */

import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Overlay, memoryUpper } from '../../../src/engine.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type Image, type ImageOptions, type ImageSource, openImage } from '../../../src/lower/oci-image.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { ImageFolder, OCI, type WrittenDescriptor, forPlatform, hostOf, named } from '../../support/images.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { registryAnswer } from '../../support/registry.ts';
import { zstdChunkedArchive } from '../../support/zstd-chunked.ts';

type Fetch = NonNullable<ImageOptions['fetch']>;

const folder = new ImageFolder();
const [first, second] = ['one', 'two'].map((content) =>
  folder.index([forPlatform(folder.image({ layers: [[{ name: 'same', content: 'same' }], [{ name: 'a', content }]] }), 'linux/amd64')]),
) as [WrittenDescriptor, WrittenDescriptor];
const nameless = { image: 'registry.example/team/tool:v1' };
const pinned = { image: `registry.example/team/tool@${first.digest}` };
const layout = { oci: 'http://host/i/', ref: 'v1' };

const offline: Fetch = async () => {
  throw new TypeError('Failed to fetch');
};
const answering =
  (status: number, body = '', headers: Record<string, string> = {}): Fetch =>
  async () =>
    new Response(body, { status, headers });

let tags: Record<string, WrittenDescriptor>;
let asked: string[];
let shelves: MemoryShelves;
beforeEach(() => {
  tags = { v1: first };
  asked = [];
  shelves = new MemoryShelves();
  folder.layout([named(first, 'v1')]);
});

/** The registry, and the host of the layout. */
const online: Fetch = async (url, init) => {
  const { pathname } = new URL(url);
  if (!pathname.startsWith('/v2/')) return hostOf(folder, asked)(url, init);
  asked.push(pathname.slice('/v2/team/tool/'.length));
  const { status = 200, headers, body } = registryAnswer(folder, tags, pathname);
  return new Response(body as string, { status, headers: { ...headers } });
};
/** Until the first request that `which` names. */
const until =
  (which: RegExp): Fetch =>
  (url, init) =>
    (which.test(url) ? offline : online)(url, init);

const open = (source: ImageSource, fetch: Fetch = online, options: ImageOptions = {}): Promise<Image> =>
  openImage(source, { cache: openBlockCache({ shelves })!, retry: { tries: 1 }, fetch, ...options });
/** Waits until everything is kept that was opened. */
async function settled(image: Image): Promise<Image> {
  await image.close();
  let puts = -1;
  await vi.waitUntil(() => {
    const idle = puts === shelves.puts;
    puts = shelves.puts;
    return idle;
  });
  return image;
}
const contentOf = async ({ layers }: Image): Promise<string> => textAt(layers[0]!, '/a');

describe.each<[string, ImageSource]>([
  ['a tag', nameless],
  ['a digest', pinned],
  ['a name in a layout', layout],
])('%s', (_, source) => {
  test('opens without a network as what it meant the last time', async () => {
    const { digest, config, platform } = await settled(await open(source));
    const again = await open(source, offline);
    expect(again).toMatchObject({ digest, config, platform });
    expect(await contentOf(again)).toBe('one');
  });

  test('without a network and with nothing kept is EIO, which names it', async () => {
    const error: unknown = await open(source, offline).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'EIO', cause: expect.any(TypeError) as TypeError });
    expect((error as Error).message).toContain('oci' in source ? 'http://host/i/' : source.image);
    await expect(openImage(source, { fetch: offline, retry: { tries: 1 } })).rejects.toMatchObject({ code: 'EIO' });
  });

  test('of which a layer is not kept any more is EIO', async () => {
    await settled(await open(source));
    for (const name of shelves.archives) {
      const blobs = shelves.shelves.get(name)!;
      if (![...blobs.keys()].some((key) => key.startsWith('index-sha256-'))) shelves.shelves.delete(name);
    }
    await expect(open(source, offline)).rejects.toMatchObject({ code: 'EIO' });
    expect(await contentOf(await open(source))).toBe('one');
  });
});

test('with a network the tag is asked for and nothing else, and of a digest nothing at all', async () => {
  await settled(await open(nameless));
  asked = [];
  await settled(await open(nameless));
  expect(asked).toEqual(['manifests/v1']);
  await settled(await open(pinned));
  asked = [];
  await open(nameless, online, { revalidate: 'never' });
  await open(pinned);
  expect(asked).toEqual([]);
});

test.each<[string, Fetch]>([
  ['is overloaded', answering(503)],
  ['is asked too often', answering(429)],
  ['breaks off', async () => new Response(new ReadableStream({ start: (body) => body.error(new TypeError('broken off')) }))],
])('a registry that %s is one that does not answer', async (_, fetch) => {
  await settled(await open(nameless));
  expect(await contentOf(await open(nameless, fetch))).toBe('one');
});

test.each<[string, Fetch, object]>([
  ['has the tag no more', answering(404), { code: 'ENOENT' }],
  ['refuses', answering(403), { code: 'EACCES' }],
  ['is a page that wants a login', answering(200, '<html>', { 'content-type': 'text/html' }), { code: 'EIO' }],
])('a registry that %s is heard, and costs nothing that is kept', async (_, fetch, error) => {
  await settled(await open(nameless));
  await expect(open(nameless, fetch)).rejects.toMatchObject(error);
  expect(await contentOf(await open(nameless, offline))).toBe('one');
});

describe('a tag that has moved', () => {
  test('is what it means now, then without a network too', async () => {
    const before = await settled(await open(nameless));
    tags = { v1: second };
    const after = await settled(await open(nameless));
    expect(after.digest).not.toBe(before.digest);
    const again = await open(nameless, offline);
    expect(again.digest).toBe(after.digest);
    expect(await contentOf(again)).toBe('two');
    // The layer that both have is one, and was fetched once.
    expect(again.layers[1]!.digest).toBe(before.layers[1]!.digest);
    expect(asked.filter((path) => path.startsWith('blobs/'))).toHaveLength(5);
  });

  test.each([
    ['the manifest', /manifests\/sha256/],
    ['a layer', /blobs/],
  ])('and of which %s cannot be had is neither, and what is kept stays', async (_, which) => {
    await settled(await open(nameless));
    tags = { v1: second };
    await expect(open(nameless, until(which))).rejects.toMatchObject({ code: 'EIO' });
    const again = await open(nameless, offline);
    expect(again.layers.map(({ name }) => name).length).toBe(2);
    expect(await contentOf(again)).toBe('one');
  });

  test('does not go with an upper of what it was', async () => {
    const upper = memoryUpper();
    const overlay = await Overlay.mount({ lower: (await open(nameless)).layers, upper });
    await overlay.fs.promises.writeFile('/a', 'mine');
    await overlay.close();
    tags = { v1: second };
    await expect(Overlay.mount({ lower: (await open(nameless)).layers, upper })).rejects.toMatchObject({ code: 'ESTALE' });
    tags = { v1: first };
    const again = await Overlay.mount({ lower: (await open(nameless)).layers, upper });
    expect(await again.fs.promises.readFile('/a', 'utf8')).toBe('mine');
    await again.close();
  });
});

test('layers that are read lazily have offline what was read', async () => {
  const { bytes, annotations } = zstdChunkedArchive(
    [
      { name: 'a', content: 'read' },
      { name: 'large', content: noise(2 << 20, 1) },
    ],
    { chunkSize: 256 << 10 },
  );
  const own = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`io.github.containers.zstd-chunked.${key}`, value]));
  tags = { v1: folder.image({ layers: [{ ...folder.blob(bytes, OCI.zstd), annotations: own }] }) };
  const ranges: Fetch = async (url, init) => {
    const range = /^bytes=(\d*)-(\d*)$/.exec(new Headers(init.headers).get('range') ?? '');
    const whole = await online(url, init);
    if (range === null) return whole;
    const all = new Uint8Array(await whole.arrayBuffer());
    const start = range[1] === '' ? all.length - Number(range[2]) : Number(range[1]);
    const end = range[1] === '' ? all.length : Number(range[2]) + 1;
    return new Response(all.slice(start, end), {
      status: 206,
      headers: { etag: '"1"', 'content-range': `bytes ${start}-${end - 1}/${all.length}` },
    });
  };
  const image = await open(nameless, ranges);
  expect(await contentOf(image)).toBe('read');
  await image.layers[0]!.prefetch!([]);
  await settled(image);
  const again = await open(nameless, offline);
  expect(await contentOf(again)).toBe('read');
  const [layer] = again.layers;
  await expect(layer!.read(entryAt(layer!, '/large'), 1 << 20, (1 << 20) + 5)).rejects.toMatchObject({ code: 'EIO' });
});

test('what is kept and damaged is not used', async () => {
  await settled(await open(nameless));
  await shelves.damage('index-sha256-', (bytes) => bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte)));
  await expect(open(nameless, offline)).rejects.toMatchObject({ code: 'EIO' });
  expect(await contentOf(await settled(await open(nameless)))).toBe('one');
});
