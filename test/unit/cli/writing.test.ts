/* `stratafs pack` and `stratafs oci`. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { tarArchive } from '../../support/archives.ts';
import { entryAt, textAt } from '../../support/dump-layer.ts';
import { hasTool } from '../../support/tools.ts';
import { differences, listFolder, listLayer, makeTree } from '../pack/source-tree.ts';
import { stratafs } from './terminal.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-pack-'));
  mkdirSync(at('tree'));
  makeTree(at('tree'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('pack', () => {
  test('writes an eStargz, and prints the digests that pin it', async () => {
    const { code, out, err } = await stratafs(['pack', at('tree'), '-o', at('base.esgz')]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const bytes = readFileSync(at('base.esgz'));
    const tocDigest = /^ {2}toc {4}(sha256:[0-9a-f]{64})$/m.exec(out)![1]!;
    expect(out).toContain(`${at('base.esgz')}: ${listFolder(at('tree')).size} entries, ${bytes.length} bytes\n  digest ${sha256(bytes)}\n`);
    expect(differences(await listLayer(await openLayer(bytes, { tocDigest })), listFolder(at('tree')))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('writes a zip where the name says so', async () => {
    expect((await stratafs(['pack', at('tree'), '-o', at('base.zip'), '--exclude', 'src', '--exclude', '*.bin'])).code).toBe(0);
    expect(readFileSync(at('base.zip')).subarray(0, 2).toString()).toBe('PK');
    expect([...(await listLayer(await openLayer(readFileSync(at('base.zip'))))).keys()].filter((path) => /src\/|bin/.test(path))).toEqual(
      [],
    );
  });

  test.each([
    ['lines', '/src/main.ts\n/a.txt\n\n/no-such-file\n'],
    ['JSON', '["/src/main.ts", "/a.txt"]'],
  ])('takes a trace as %s', async (_, text) => {
    writeFileSync(at('trace'), text);
    const { out } = await stratafs(['pack', at('tree'), '-o', at('traced.esgz'), '--trace', at('trace'), '--json']);
    expect(JSON.parse(out)).toMatchObject({ output: at('traced.esgz'), prefetched: 3, format: 'estargz', warnings: [] });
    expect((await openLayer(readFileSync(at('traced.esgz')))).startup).toBeDefined();
  });

  test('SOURCE_DATE_EPOCH clamps times, and --mtime counts before it', async () => {
    const latest = async (args: readonly string[], env: Record<string, string>): Promise<number> => {
      await stratafs(['pack', at('tree'), '-o', at('clamped.esgz'), ...args], env);
      const { table } = await openLayer(readFileSync(at('clamped.esgz')));
      return Math.max(...Array.from({ length: table.length - 1 }, (_, i) => table.mtime(i + 1)));
    };
    expect(await latest([], { SOURCE_DATE_EPOCH: '1500000000' })).toBe(1_500_000_000_000);
    expect(await latest(['--mtime', '2001-02-03'], { SOURCE_DATE_EPOCH: '1500000000' })).toBe(Date.UTC(2001, 1, 3));
  });

  test('packs an archive anew, with its owners or others', async () => {
    writeFileSync(at('in.tar'), tarArchive([{ name: 'package/a', content: 'a', uid: 5, gid: 6 }]));
    await stratafs(['pack', at('in.tar'), '--strip', '1', '-o', at('out.esgz')]);
    const kept = await openLayer(readFileSync(at('out.esgz')));
    expect([await textAt(kept, '/a'), kept.table.uid(entryAt(kept, '/a'))]).toEqual(['a', 5]);
    await stratafs(['pack', at('in.tar'), '-o', at('out.esgz'), '--owner', '7:8']);
    const changed = await openLayer(readFileSync(at('out.esgz')));
    expect([changed.table.uid(entryAt(changed, '/package/a')), changed.table.gid(entryAt(changed, '/package/a'))]).toEqual([7, 8]);
  });

  test.each([
    [['pack'], /takes one folder/],
    [['pack', 'x'], /-o is missing/],
    [['pack', 'no-such-folder', '-o', 'x'], /ENOENT/],
    [['pack', '.', '-o', 'x', '--owner', 'me'], /--owner must be UID:GID or keep/],
    [['pack', '.', '-o', 'x', '--mtime', 'tomorrow'], /--mtime must be/],
    [['pack', '.', '-o', 'x', '--level', '-3'], /ambiguous|--level must be/],
    [['pack', '.', '-o', 'x', '--format', 'rar'], /--format must be estargz or zip/],
    [['pack', '.', '-o', 'x', '--trace', 'no-such-file'], /ENOENT/],
    [['oci', '-o', 'x'], /takes folders or archives/],
    [['oci', 'a'], /-o is missing/],
  ])('%j is refused and writes nothing', async (args, expected) => {
    expect(await stratafs(args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(expected) as string });
    expect(existsSync('x')).toBe(false);
  });
});

describe('oci', () => {
  interface Descriptor {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly annotations: Readonly<Record<string, string>>;
  }
  let layout: string;
  let manifestDigest: string;
  const blob = ({ digest }: Pick<Descriptor, 'digest'>): Buffer => readFileSync(join(layout, 'blobs/sha256', digest.slice(7)));
  const read = <T>(descriptor: Pick<Descriptor, 'digest'>): T => JSON.parse(blob(descriptor).toString()) as T;

  beforeAll(async () => {
    writeFileSync(
      at('upper.tar'),
      tarArchive([
        { name: 'a.txt', content: 'changed' },
        { name: '.wh.empty' },
        { name: 'src/', type: '5', mode: 0o755 },
        { name: 'src/.wh..wh..opq' },
      ]),
    );
    layout = at('image');
    const { code, out, err } = await stratafs(['oci', at('tree'), at('upper.tar'), '-o', layout, '--ref', 'v1', '--mtime', '1000000000']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    manifestDigest = /manifest (sha256:\w+)/.exec(out)![1]!;
  });

  test('is a layout whose blobs are what their names and descriptors say', () => {
    expect(JSON.parse(readFileSync(join(layout, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    const names = readdirSync(join(layout, 'blobs/sha256'));
    for (const name of names) expect(sha256(readFileSync(join(layout, 'blobs/sha256', name)))).toBe(`sha256:${name}`);
    const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
    expect(manifests).toEqual([
      expect.objectContaining({ digest: manifestDigest, annotations: { 'org.opencontainers.image.ref.name': 'v1' } }),
    ]);
    const { config, layers } = read<{ config: Descriptor; layers: Descriptor[] }>(manifests[0]!);
    expect(names).toHaveLength(4);
    for (const descriptor of [...manifests, config, ...layers]) expect(blob(descriptor).length).toBe(descriptor.size);
    const { rootfs } = read<{ rootfs: { diff_ids: string[] } }>(config);
    expect(rootfs.diff_ids).toEqual(layers.map((layer) => sha256(gunzipSync(blob(layer)))));
    for (const layer of layers) expect(layer.annotations['containerd.io/snapshot/stargz/toc.digest']).toMatch(/^sha256:[0-9a-f]{64}$/);
    for (const layer of layers)
      expect(layer.annotations['io.containers.estargz.uncompressed-size']).toBe(String(gunzipSync(blob(layer)).length));
  });

  test('has layers that open with the digests in the manifest, the bottom one first', async () => {
    const { layers } = read<{ layers: Descriptor[] }>({ digest: manifestDigest });
    const [bottom, top] = await Promise.all(
      layers.map((layer) =>
        openLayer(blob(layer), { tocDigest: layer.annotations['containerd.io/snapshot/stargz/toc.digest'], whiteouts: 'oci' }),
      ),
    );
    expect(await textAt(bottom!, '/a.txt')).toBe('first '.repeat(50));
    expect(await textAt(top!, '/a.txt')).toBe('changed');
    expect(top!.table.isWhiteout(entryAt(top!, '/empty'))).toBe(true);
    expect(top!.table.isOpaque(entryAt(top!, '/src'))).toBe(true);
  });

  test('is the same when it is made again', async () => {
    const { out } = await stratafs([
      'oci',
      at('tree'),
      at('upper.tar'),
      '-o',
      at('again'),
      '--ref',
      'v1',
      '--mtime',
      '1000000000',
      '--json',
    ]);
    expect((JSON.parse(out) as { digest: string }).digest).toBe(manifestDigest);
    expect(readFileSync(join(at('again'), 'index.json'), 'utf8')).toBe(readFileSync(join(layout, 'index.json'), 'utf8'));
  });

  test('does not write into a folder that holds something', async () => {
    expect(await stratafs(['oci', at('tree'), '-o', layout])).toMatchObject({ code: 2, err: expect.stringMatching(/ENOTEMPTY/) as string });
  });

  test.skipIf(!hasTool('umoci'))('umoci unpacks it: upper layers over lower ones, whiteouts applied', () => {
    execFileSync('umoci', ['raw', 'unpack', '--rootless', '--image', `${layout}:v1`, at('rootfs')], { stdio: 'pipe' });
    const [actual, expected] = [listFolder(at('rootfs')), listFolder(at('tree'))];
    const clamp = (text: string): string => text.replace(/^(\d+) \d+/, '$1');
    for (const path of ['/stargz.index.json', '/.no.prefetch.landmark']) expect(actual.delete(path)).toBe(true);
    for (const path of expected.keys()) if (path.startsWith('/src/') || path === '/empty') expected.delete(path);
    expected.set('/a.txt', expected.get('/a.txt')!.replace('first '.repeat(50), 'changed'));
    const withoutTimes = (listing: Map<string, string>): Map<string, string> =>
      new Map([...listing].map(([path, text]) => [path, clamp(text)]));
    expect(differences(withoutTimes(actual), withoutTimes(expected))).toEqual([]);
  });

  test.skipIf(!hasTool('skopeo'))('skopeo reads and copies it', () => {
    const manifest = execFileSync('skopeo', ['inspect', '--raw', `oci:${layout}:v1`]);
    expect(sha256(manifest)).toBe(manifestDigest);
    execFileSync('skopeo', ['copy', '--insecure-policy', `oci:${layout}:v1`, `dir:${at('copied')}`], { stdio: 'pipe' });
    expect(readdirSync(at('copied'))).toHaveLength(5);
  });
});
