/* Images of eStargz layers: read by ranges, because the manifest says what their tables of contents are. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Overlay } from '../../../src/engine.ts';
import { openBlockCache } from '../../../src/lower/block-cache.ts';
import { type Image, openImage } from '../../../src/lower/oci-image.ts';
import { packOci } from '../../../src/pack/oci.ts';
import { MemoryShelves } from '../../support/memory-shelves.ts';
import { noise } from '../../support/noise.ts';
import { startRangeServer } from '../../support/range-server.ts';
import { findRegistry, startRegistry } from '../../support/registry.ts';
import { ImageFolder } from '../../support/images.ts';

const SIZE = 200_000;
let folder: string;
let files: Map<string, Uint8Array>;
let digests: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'estargz-image-'));
  const sources = ['below', 'above'].map((name, i) => {
    const root = join(folder, name);
    mkdirSync(root);
    for (let n = 0; n < 20; n++) writeFileSync(join(root, `${i}-${n}`), noise(SIZE, i * 100 + n + 1));
    writeFileSync(join(root, 'which'), name);
    return root;
  });
  const packed = await packOci(sources);
  files = new Map(packed.files);
  const manifest = JSON.parse(Buffer.from(files.get(`blobs/${packed.digest.replace(':', '/')}`)!).toString()) as {
    layers: { digest: string }[];
  };
  digests = manifest.layers.map(({ digest }) => digest);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function contentOf(image: Image, path: string): Promise<Buffer> {
  const overlay = await Overlay.mount({ lower: image.layers });
  try {
    return Buffer.from(await overlay.fs.promises.readFile(path));
  } finally {
    await overlay.close();
  }
}

const total = (): number => digests.reduce((sum, digest) => sum + files.get(`blobs/${digest.replace(':', '/')}`)!.length, 0);

test('opening and reading one file fetches a small part', async () => {
  await using host = await startRangeServer({ files });
  const image = await openImage({ oci: host.url, ref: 'latest' });
  expect(String(await contentOf(image, '/which'))).toBe('above');
  expect(await contentOf(image, '/0-7')).toEqual(Buffer.from(noise(SIZE, 8)));
  expect(total()).toBeGreaterThan(7_000_000);
  expect(host.bytes).toBeLessThan(total() / 4);
  await image.close();
});

test('of more entries than are allowed lets go of the layers that it had opened', async () => {
  await using host = await startRangeServer({ files });
  const cache = openBlockCache({ shelves: new MemoryShelves() })!;
  await expect(openImage({ oci: host.url }, { cache, limits: { entries: 30 } })).rejects.toMatchObject({ code: 'EFBIG' });
  await vi.waitFor(async () => {
    // What is open anywhere stays.
    await cache.clear();
    expect(await cache.usage()).toBe(0);
  });
});

test('layers that are read lazily do not count as held in memory', async () => {
  await using host = await startRangeServer({ files });
  const image = await openImage({ oci: host.url }, { maxBytes: 1 << 20 });
  expect(String(await contentOf(image, '/which'))).toBe('above');
});

test('a host without ranges sends them whole, and they are the same', async () => {
  await using host = await startRangeServer({ files, mode: 'no-ranges' });
  const image = await openImage({ oci: host.url });
  expect(await contentOf(image, '/1-3')).toEqual(Buffer.from(noise(SIZE, 104)));
});

describe('what is not what the manifest says', () => {
  test('a forged table of contents is refused at opening', async () => {
    const other = new Map(files);
    const [below, above] = digests.map((digest) => `blobs/${digest.replace(':', '/')}`);
    other.set(below!, files.get(above!)!);
    await using host = await startRangeServer({ files: other });
    await expect(openImage({ oci: host.url })).rejects.toThrow(new RegExp(`^EIO.*${digests[0]}`));
  });

  test('a forged chunk is refused when it is read, and others are not', async () => {
    const other = new Map(files);
    const path = `blobs/${digests[0]!.replace(':', '/')}`;
    const forged = Uint8Array.from(files.get(path)!);
    // In the middle of the first file, whose noise is stored as it is.
    const at = Buffer.from(forged).indexOf(noise(SIZE, 1).subarray(1000, 1020));
    forged[at] = forged[at]! ^ 1;
    other.set(path, forged);
    await using host = await startRangeServer({ files: other });
    const image = await openImage({ oci: host.url });
    expect(at).toBeGreaterThan(0);
    expect(await contentOf(image, '/0-19')).toEqual(Buffer.from(noise(SIZE, 20)));
    await expect(contentOf(image, '/0-0')).rejects.toMatchObject({ code: 'EIO' });
  });
});

const command = findRegistry();
test.skipIf(command === undefined)('a registry gives ranges of them', { timeout: 60_000 }, async () => {
  await using registry = await startRegistry(command!);
  const images = new ImageFolder();
  for (const [path, bytes] of files) images.files.set(path, bytes);
  const index = JSON.parse(Buffer.from(files.get('index.json')!).toString()) as {
    manifests: { mediaType: string; digest: string; size: number }[];
  };
  await registry.push('team/lazy', images, { latest: index.manifests[0]! });
  let loaded = 0;
  const onProgress = (progress: { loaded: number }): void => void (loaded = progress.loaded);
  const image = await openImage({ image: 'team/lazy', registry: registry.url }, { onProgress });
  expect(await contentOf(image, '/0-7')).toEqual(Buffer.from(noise(SIZE, 8)));
  expect(loaded).toBeGreaterThan(SIZE);
  expect(loaded).toBeLessThan(total() / 4);
});
