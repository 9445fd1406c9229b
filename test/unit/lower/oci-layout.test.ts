/* Images in layouts on hosts that serve files: found, verified, mounted. */

import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { Overlay, memoryUpper } from '../../../src/engine.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type Image, type ImageOptions, openImage } from '../../../src/lower/oci-image.ts';
import { tarArchive, zipArchive, zstdFrame } from '../../support/archives.ts';
import { DOCKER, ImageFolder, OCI, type WrittenDescriptor, forPlatform, hexOf, hostOf, named } from '../../support/images.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { snapshotTree } from '../../support/snapshot-tree.ts';

const file = (name: string, content: string) => ({ name, content });
const directory = (name: string) => ({ name: `${name}/`, type: '5', mode: 0o755 });

const open = (folder: ImageFolder, ref?: string, options: ImageOptions = {}, asked?: string[]): Promise<Image> =>
  openImage({ oci: 'http://host/i', ref }, { fetch: hostOf(folder, asked), retry: { tries: 2, delay: 1 }, ...options });

async function treeOf({ layers }: Image): Promise<string[]> {
  const overlay = await Overlay.mount({ lower: layers, upper: memoryUpper() });
  try {
    return (await snapshotTree(overlay.fs.promises)).map((line) => line.replace(/ \d+ 0:0( nlink=\d)?/, ''));
  } finally {
    await overlay.close();
  }
}

const failure = async (opening: Promise<Image>): Promise<string> => {
  try {
    await opening;
  } catch (e) {
    return (e as Error).message;
  }
  throw new Error('it was opened');
};

/** Puts other bytes in the place of a blob. */
const forge = (folder: ImageFolder, { digest }: WrittenDescriptor, bytes: Uint8Array): void =>
  void folder.files.set(`blobs/${digest.replace(':', '/')}`, bytes);

describe('finding', () => {
  test('layers are topmost first, and whiteouts in them hide what is below', async () => {
    const folder = new ImageFolder();
    const image = folder.image({
      layers: [
        [file('a', 'old'), file('gone', 'x'), directory('d'), file('d/below', 'x')],
        [file('a', 'new'), file('.wh.gone', ''), file('d/.wh..wh..opq', ''), file('d/above', 'y')],
      ],
    });
    const opened = await open(folder.layout([named(image, 'latest')]), 'latest');
    expect(opened.digest).toBe(image.digest);
    expect(opened.platform).toBe('linux/amd64');
    expect(await treeOf(opened)).toEqual(['/a file 3:"new"', '/d directory', '/d/above file 1:"y"']);
    const [, top] = folder.manifestOf(image).layers;
    expect(opened.layers[0]?.digest).toBe(`${top!.digest.replace(':', '-')};whiteouts=oci`);
  });

  test('by name, by digest, by nested digest; and the only one without a name', async () => {
    const folder = new ImageFolder();
    const one = folder.image({ layers: [[file('one', '')]] });
    const two = folder.image({ layers: [[file('two', '')]] });
    const three = folder.image({ layers: [[file('three', '')]] });
    const index = folder.index([forPlatform(two, 'linux/amd64'), forPlatform(three, 'linux/arm64')]);
    folder.layout([named(one, '1.0'), named(index, '2.0')]);
    expect((await open(folder, '1.0')).digest).toBe(one.digest);
    expect((await open(folder, '2.0')).digest).toBe(two.digest);
    expect((await open(folder, '2.0', { platform: 'linux/arm64' })).digest).toBe(three.digest);
    expect((await open(folder, two.digest)).digest).toBe(two.digest);
    expect((await open(folder, index.digest)).digest).toBe(two.digest);
    expect(await failure(open(folder))).toContain("say which by 'ref'; there is 1.0, 2.0");
    expect(await failure(open(folder, '3.0'))).toMatch(/^ENOENT.*no image '3.0'; there is 1.0, 2.0/);
    expect(await failure(open(folder, '2.0', { platform: 'linux/s390x' }))).toMatch(
      /^ENOENT.*linux\/s390x; there is linux\/amd64, linux\/arm64/,
    );
    expect(await failure(open(folder, `sha256:${'0'.repeat(64)}`))).toMatch(/^ENOENT/);
    expect((await open(folder.layout([one]))).digest).toBe(one.digest);
  });

  test('what was asked for by platform is not given for another', async () => {
    const folder = new ImageFolder();
    const image = folder.image({ layers: [], config: { os: 'linux', architecture: 'riscv64' } });
    folder.layout([named(image, 'latest')]);
    expect((await open(folder, 'latest')).platform).toBe('linux/riscv64');
    expect(await failure(open(folder, 'latest', { platform: 'linux/amd64' }))).toMatch(/^ENOENT.*there is linux\/riscv64/);
  });

  test("Docker's manifests and lists", async () => {
    const folder = new ImageFolder();
    const image = folder.image({ layers: [[file('a', 'docker')]], types: DOCKER });
    const opened = await open(folder.layout([named(folder.index([forPlatform(image, 'linux/amd64')], DOCKER), 'x')]), 'x');
    expect(await treeOf(opened)).toEqual(['/a file 6:"docker"']);
  });

  test('indexes that lead to themselves or too deep come to an end', async () => {
    const folder = new ImageFolder();
    let index = folder.index([]);
    for (let i = 0; i < 12; i++) index = folder.index([index]);
    folder.layout([named(index, 'deep')]);
    expect(await failure(open(folder, 'deep'))).toContain('deeper than 8');
    expect(await failure(open(folder, `sha256:${'0'.repeat(64)}`))).toMatch(/^ENOENT/);
  });

  test('no layout is told as such', async () => {
    expect(await failure(open(new ImageFolder()))).toMatch(/^ENOENT.*no image layout: there is no (oci-layout|index.json)/);
    const folder = new ImageFolder().layout([]);
    folder.files.set('oci-layout', encodeUtf8('{"imageLayoutVersion":"2.0.0"}'));
    expect(await failure(open(folder))).toMatch(/^ENOTSUP.*version 2.0.0/);
    folder.files.set('oci-layout', encodeUtf8('<!doctype html>'));
    expect(await failure(open(folder))).toMatch(/^EIO.*not JSON/);
  });
});

describe('layers', () => {
  test('tar, gzip and zstd, by sha256 and sha512; an empty one of zeros', async () => {
    const folder = new ImageFolder();
    const tar = (name: string): Uint8Array => tarArchive([file(name, name)]);
    const layers = [
      folder.blob(tar('tar'), OCI.tar),
      folder.layer([file('gzip', 'gzip')]),
      folder.blob(zstdFrame(tar('zstd')), OCI.zstd),
      folder.blob(tar('long'), OCI.tar, 'sha512'),
      folder.layer([]),
    ];
    const opened = await open(folder.layout([folder.image({ layers })]));
    expect(await treeOf(opened)).toEqual(['/gzip file 4:"gzip"', '/long file 4:"long"', '/tar file 3:"tar"', '/zstd file 4:"zstd"']);
  });

  test('of 127 layers every one counts, and none is fetched twice', async () => {
    const folder = new ImageFolder();
    const empty = folder.layer([]);
    const layers = Array.from({ length: 127 }, (_, i) =>
      i % 10 === 9 ? empty : [file(`f${i}`, `${i}`), file('last', `${i}`), ...(i > 0 ? [file(`.wh.f${i - 1}`, '')] : [])],
    );
    const asked: string[] = [];
    const opened = await open(folder.layout([folder.image({ layers })]), undefined, {}, asked);
    expect(opened.layers).toHaveLength(127);
    expect(new Set(asked).size).toBe(asked.length);
    const tree = await treeOf(opened);
    expect(tree).toContain('/last file 3:"126"');
    expect(tree.filter((line) => line.startsWith('/f'))).toEqual(
      [8, 18, 28, 38, 48, 58, 68, 78, 88, 98, 108, 118, 126].map((i) => `/f${i} file ${String(i).length}:"${i}"`).sort(),
    );
  });

  test('the same layer above and below what deletes its file', async () => {
    const folder = new ImageFolder();
    const adds = folder.layer([file('a', '1')]);
    const asked: string[] = [];
    const opened = await open(
      folder.layout([folder.image({ layers: [adds, [file('.wh.a', ''), file('b', '2')], adds] })]),
      undefined,
      {},
      asked,
    );
    expect(await treeOf(opened)).toEqual(['/a file 1:"1"', '/b file 1:"2"']);
    expect(asked.filter((path) => path === `blobs/${adds.digest.replace(':', '/')}`)).toHaveLength(1);
  });

  test('a whiteout below a file of its own layer says nothing; a hard link to a file of a layer below is left out, and told', async () => {
    const folder = new ImageFolder();
    const image = folder.image({
      layers: [
        [file('d/y', '1'), file('low', '1')],
        [file('d', '2'), file('d/.wh.y', ''), { name: 'link', type: '1', link: 'low' }],
      ],
    });
    const opened = await open(folder.layout([image]));
    expect(await treeOf(opened)).toEqual(['/d file 1:"2"', '/low file 1:"1"']);
    expect(opened.layers[0]?.warnings.map(({ entry }) => entry)).toEqual(['link']);
  });

  test('mounted below a directory, and filtered', async () => {
    const folder = new ImageFolder();
    const image = folder.image({
      layers: [
        [file('bin/a', 'x'), file('doc/b', 'y')],
        [file('bin/.wh.a', ''), file('bin/c', 'z')],
      ],
    });
    const opened = await open(folder.layout([image]), undefined, { at: '/opt/tool', include: ['bin'] });
    expect(await treeOf(opened)).toEqual([
      '/opt directory',
      '/opt/tool directory',
      '/opt/tool/bin directory',
      '/opt/tool/bin/c file 1:"z"',
    ]);
  });

  test('a layer in the cache is not fetched again, from whatever host', async () => {
    const folder = new ImageFolder();
    const layers = [folder.layer([file('a', 'x')]), folder.layer([file('b', 'y')])];
    folder.layout([folder.image({ layers })]);
    const cache = openBlockCache({ shelves: new MemoryShelves() })!;
    const first = await open(folder, undefined, { cache });
    expect(await treeOf(first)).toEqual(['/a file 1:"x"', '/b file 1:"y"']);
    await first.close();
    const asked: string[] = [];
    const again = await openImage({ oci: 'http://elsewhere/i' }, { cache, fetch: hostOf(folder, asked) });
    expect(await treeOf(again)).toEqual(['/a file 1:"x"', '/b file 1:"y"']);
    expect(again.layers.map(({ digest }) => digest)).toEqual(first.layers.map(({ digest }) => digest));
    for (const { digest } of layers) expect(asked).not.toContain(`blobs/${digest.replace(':', '/')}`);
  });

  test('progress has the total of all layers and reaches it', async () => {
    const folder = new ImageFolder();
    const layers = [folder.layer([file('a', 'x'.repeat(5000))]), folder.layer([file('b', 'y')])];
    const seen: { loaded: number; total?: number | undefined }[] = [];
    await open(folder.layout([folder.image({ layers })]), undefined, { onProgress: (progress) => seen.push(progress) });
    const total = layers[0]!.size + layers[1]!.size;
    expect(seen.at(-1)).toEqual({ loaded: total, total });
  });
});

describe('verification', () => {
  const twoLayers = () => {
    const folder = new ImageFolder();
    const layer = folder.layer([file('a', 'secret')]);
    const image = folder.image({ layers: [layer] });
    return { folder: folder.layout([image]), layer, image };
  };

  test('a layer of the right size and other content is refused with both digests', async () => {
    const { folder, layer } = twoLayers();
    const forged = Uint8Array.from(folder.files.get(`blobs/${layer.digest.replace(':', '/')}`)!);
    forged[9] = forged[9]! ^ 1;
    forge(folder, layer, forged);
    expect(await failure(open(folder))).toContain(`blob ${layer.digest}: its digest is sha256:${hexOf(forged)}, should be ${layer.digest}`);
    expect(await failure(open(folder))).toMatch(/^EIO/);
  });

  test('a manifest, an index, a configuration that is another', async () => {
    const { folder, image } = twoLayers();
    const other = folder.files.get('index.json')!;
    forge(folder, image, new Uint8Array(image.size).fill(32));
    expect(await failure(open(folder))).toContain(`blob ${image.digest}: its digest is`);
    folder.files.set('index.json', other);
    const { folder: second, image: whole } = twoLayers();
    const { config } = second.manifestOf(whole);
    forge(second, config, new Uint8Array(config.size).fill(32));
    expect(await failure(open(second))).toContain(`blob ${config.digest}: its digest is`);
  });

  test('longer and shorter than was said', async () => {
    const { folder, layer } = twoLayers();
    const honest = folder.files.get(`blobs/${layer.digest.replace(':', '/')}`)!;
    forge(folder, layer, new Uint8Array([...honest, 0]));
    expect(await failure(open(folder))).toMatch(new RegExp(`^EIO.*has (more|${layer.size + 1} bytes), should have ${layer.size}`));
    forge(folder, layer, honest.subarray(0, -1));
    expect(await failure(open(folder))).toMatch(new RegExp(`^EIO.*has ${layer.size - 1} bytes, should have ${layer.size}`));
  });

  test('a layer that is no tar, with the right digest', async () => {
    for (const bytes of [encodeUtf8('hello'.repeat(200)), zipArchive([file('a', 'zip')])]) {
      const folder = new ImageFolder();
      const image = folder.image({ layers: [folder.blob(bytes, OCI.gzip)] });
      expect(await failure(open(folder.layout([image])))).toMatch(/^EIO.*is no tar/);
    }
  });

  test('more bytes or entries than are allowed are refused before or while they are read', async () => {
    const { folder, layer } = twoLayers();
    const asked: string[] = [];
    expect(await failure(open(folder, undefined, { maxBytes: layer.size - 1 }, asked))).toMatch(/^EFBIG/);
    expect(asked).not.toContain(`blobs/${layer.digest.replace(':', '/')}`);
    const many = new ImageFolder();
    const image = many.image({ layers: [1, 2, 3].map((i) => [file(`a${i}`, ''), file(`b${i}`, '')]) });
    expect(await failure(open(many.layout([image]), undefined, { limits: { entries: 7 } }))).toMatch(/^EFBIG.*7 entries/);
  });

  test('a transfer that breaks off goes on where it ended, and a signal ends it', async () => {
    const { folder, layer } = twoLayers();
    const bytes = folder.files.get(`blobs/${layer.digest.replace(':', '/')}`)!;
    const ranges: (string | null)[] = [];
    const host = hostOf(folder);
    const breaking = async (url: string, init: RequestInit): Promise<Response> => {
      if (!url.endsWith(layer.digest.slice(7))) return host(url, init);
      const range = new Headers(init.headers).get('range');
      ranges.push(range);
      const from = Number(/\d+/.exec(range ?? '')?.[0] ?? 0);
      const body = new ReadableStream(
        {
          pull(controller) {
            controller.enqueue(bytes.slice(from, from + 30));
            if (from + 30 < bytes.length) controller.error(new TypeError('gone'));
            else controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      return range === null
        ? new Response(body)
        : new Response(body, { status: 206, headers: { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } });
    };
    const opened = await open(folder, undefined, { fetch: breaking, retry: { tries: 9, delay: 1 } });
    expect(await treeOf(opened)).toEqual(['/a file 6:"secret"']);
    expect(ranges.slice(0, 3)).toEqual([null, 'bytes=30-', 'bytes=60-']);
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(open(folder, undefined, { signal: stop })).rejects.toThrow('enough');
  });
});
