/* Manifests, indexes, configurations, references, platforms: what is read, and what is refused. */

import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { FsError } from '../../../src/base/errors.ts';
import { parseImageConfig, parseImageDocument } from '../../../src/archive/oci.ts';
import { choosePlatform, parsePlatform, withRef } from '../../../src/archive/oci-choice.ts';
import { parseDigest } from '../../../src/archive/oci-digest.ts';
import { parseReference } from '../../../src/archive/oci-reference.ts';
import { DOCKER, OCI } from '../../support/images.ts';

const place = { archive: 'image' };
const digest = `sha256:${'a'.repeat(64)}`;
const read = (document: unknown, declared?: string) => parseImageDocument(encodeUtf8(JSON.stringify(document)), declared, place);
const blob = (mediaType: string) => ({ mediaType, digest, size: 1 });
const manifest = { schemaVersion: 2, config: blob(OCI.config), layers: [blob(OCI.gzip)] };

describe('documents', () => {
  test('a manifest has its layers in their order, of OCI and of Docker', () => {
    const layers = [OCI.tar, OCI.gzip, OCI.zstd, DOCKER.gzip].map(blob);
    for (const mediaType of [OCI.manifest, DOCKER.manifest, undefined]) {
      const document = read({ ...manifest, mediaType, layers });
      expect(document.kind === 'manifest' && document.layers.map((layer) => layer.mediaType)).toEqual(
        layers.map((layer) => layer.mediaType),
      );
    }
  });

  test.each([
    ['both a manifest and an index (CVE-2021-41190)', { ...manifest, manifests: [] }, undefined, 'EIO', 'both'],
    ['another media type than it came as', { ...manifest, mediaType: OCI.manifest }, DOCKER.manifest, 'EIO', 'came as'],
    ['an index that came as a manifest', { schemaVersion: 2, manifests: [] }, OCI.manifest, 'EIO', 'neither'],
    ['a manifest that came as an index', manifest, OCI.index, 'EIO', 'neither'],
    ["Docker's schema 1", { schemaVersion: 1, fsLayers: [] }, undefined, 'ENOTSUP', 'schema 1'],
    ['no document', [], undefined, 'EIO', 'no JSON object'],
    ['an unknown layer', { ...manifest, layers: [blob('application/x-whatever')] }, undefined, 'ENOTSUP', "'application/x-whatever'"],
    ['an encrypted layer', { ...manifest, layers: [blob(`${OCI.gzip}+encrypted`)] }, undefined, 'ENOTSUP', '+encrypted'],
    [
      'a foreign layer',
      { ...manifest, layers: [blob('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')] },
      undefined,
      'ENOTSUP',
      'hand on',
    ],
    [
      'a non-distributable layer',
      { ...manifest, layers: [blob('application/vnd.oci.image.layer.nondistributable.v1.tar')] },
      undefined,
      'ENOTSUP',
      'hand on',
    ],
    ['a layer without a digest', { ...manifest, layers: [{ mediaType: OCI.gzip, size: 1 }] }, undefined, 'EIO', 'layers[0]'],
    [
      'a digest that leaves the folder',
      { ...manifest, config: { ...blob(OCI.config), digest: 'sha256:../../x' } },
      undefined,
      'EIO',
      'no sha256',
    ],
    ['a size that is none', { ...manifest, config: { ...blob(OCI.config), size: -1 } }, undefined, 'EIO', 'no size'],
    ['a thousand and one layers', { ...manifest, layers: Array.from({ length: 1001 }, () => blob(OCI.gzip)) }, undefined, 'EFBIG', '1001'],
  ])('%s is refused', (_, document, declared, code, detail) => {
    expect(() => read(document, declared)).toThrow(new RegExp(`^${code}: .*${detail.replaceAll(/[[\]+]/g, '\\$&')}`));
  });

  test('a page in the place of a manifest is told as such', () => {
    expect(() => parseImageDocument(encodeUtf8('<html>'), undefined, place)).toThrow('not JSON: it starts with "<html>"');
    expect(() => parseImageDocument(Uint8Array.of(0xff, 0xfe), undefined, place)).toThrow('not UTF-8');
  });

  test('a configuration tells how to run, and labels may have any name', () => {
    const text =
      '{"os":"linux","architecture":"arm64","rootfs":{"diff_ids":["x"]},"config":{"Env":["A=b","PATH=/bin"],"Entrypoint":["/init"],"Cmd":null,"WorkingDir":"/w","Labels":{"__proto__":"p","constructor":"c"}}}';
    const config = parseImageConfig(encodeUtf8(text), OCI.config, 1, place);
    expect(config).toMatchObject({
      architecture: 'arm64',
      env: ['A=b', 'PATH=/bin'],
      entrypoint: ['/init'],
      cmd: [],
      workingDir: '/w',
      user: '',
    });
    expect([...config.labels]).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    expect(() => parseImageConfig(encodeUtf8(text), OCI.config, 2, place)).toThrow('with 1 layers, the manifest has 2');
  });
});

describe('references', () => {
  test.each([
    ['registry.example/tool', 'registry.example', 'tool', 'latest'],
    ['registry.example:5000/team/tool:1.2', 'registry.example:5000', 'team/tool', '1.2'],
    ['localhost/tool:x', 'localhost', 'tool', 'x'],
    ['[::1]:5000/tool', '[::1]:5000', 'tool', 'latest'],
    ['team/tool:1', undefined, 'team/tool', '1'],
    [`r.example/a:tag@${digest}`, 'r.example', 'a', digest],
  ])('%s', (text, host, name, ref) => expect(parseReference(text)).toEqual({ host, name, ref }));

  test.each([
    '',
    'r.example/',
    'r.example/Upper',
    'r.example/a/../b',
    'r.example/a//b',
    'r.example/a?x',
    'r.example/a:',
    'r.example/a:b/c',
    'r.example/a@md5:00',
    `r.example/a@${digest}@${digest}`,
    'user:secret@r.example/a',
    'r.exa mple/a',
    'x'.repeat(2000),
  ])('should fail: %s', (text) => expect(() => parseReference(text)).toThrow(TypeError));

  test('digests have one spelling', () => {
    expect(parseDigest(digest)).toEqual({ algorithm: 'sha256', hex: 'a'.repeat(64) });
    for (const wrong of [digest.toUpperCase(), `${digest}0`, `sha512:${'a'.repeat(64)}`, `sha1:${'a'.repeat(40)}`, `x${digest}`])
      expect(parseDigest(wrong)).toBeUndefined();
  });
});

describe('choices', () => {
  const image = (platform: string, ref?: string) => {
    const [os = '', architecture = '', variant = ''] = platform.split('/');
    return {
      ...blob(OCI.manifest),
      digest: parseDigest(digest)!,
      annotations: new Map(ref === undefined ? [] : [['org.opencontainers.image.ref.name', ref]]),
      platform: platform === '' ? undefined : { os, architecture, variant },
    };
  };
  const choose = (platforms: readonly string[], wanted: string): string | undefined => {
    const images = platforms.map((platform) => image(platform));
    return platforms[images.indexOf(choosePlatform(images, parsePlatform(wanted), place) as (typeof images)[number])];
  };

  test('the platform, and of its variants the usual one, wherever they stand', () => {
    expect(choose(['linux/arm64', 'linux/amd64/v3', 'linux/amd64'], 'linux/amd64')).toBe('linux/amd64');
    expect(choose(['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm')).toBe('linux/arm/v7');
    expect(choose(['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v6')).toBe('linux/arm/v6');
    expect(choose(['linux/amd64/v3'], 'linux/amd64')).toBe('linux/amd64/v3');
    expect(choose([''], 'linux/amd64')).toBe('');
  });

  test('an error says what there is', () => {
    expect(() => choose(['linux/arm64/v8', 'windows/amd64', 'unknown/unknown'], 'linux/amd64')).toThrow(
      'image: no image for linux/amd64; there is linux/arm64/v8, windows/amd64)',
    );
    expect(() => choose(['', ''], 'linux/amd64')).toThrow("say which by 'ref'");
    expect(() => choose([], 'linux/amd64')).toThrow('there is none');
    expect(() => parsePlatform('amd64')).toThrow(TypeError);
  });

  test('a tag also finds a whole name', () => {
    const images = [image('', '1.0'), image('', 'registry.example/tool:2.0')];
    expect(withRef(images, '1.0')).toEqual([images[0]]);
    expect(withRef(images, '2.0')).toEqual([images[1]]);
    expect(withRef(images, '0')).toEqual([]);
  });
});

describe('mutations', () => {
  /** Always the same numbers. */
  function random(seed: number): (limit: number) => number {
    let state = seed;
    return (limit) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
  }

  test('of documents give a document or an error of ours, and never a digest that is none', () => {
    const next = random(1);
    const seeds = [
      { ...manifest, mediaType: OCI.manifest, annotations: { a: 'b' } },
      { schemaVersion: 2, mediaType: OCI.index, manifests: [{ ...blob(OCI.manifest), platform: { os: 'linux', architecture: 'amd64' } }] },
    ].map((document) => encodeUtf8(JSON.stringify(document)));
    const pieces = ['null', '[]', '{}', '-1', '1e999', '""', '"../.."', ':', ',', '}', '"__proto__":1,', '\ud800'].map((text) =>
      encodeUtf8(text),
    );
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const seed = seeds[next(2)]!;
      const at = next(seed.length);
      const piece = next(2) === 0 ? pieces[next(pieces.length)]! : Uint8Array.of(next(256));
      const mutant = new Uint8Array([...seed.subarray(0, at), ...piece, ...seed.subarray(at + next(12))]);
      try {
        const document = parseImageDocument(mutant, undefined, place);
        const found = document.kind === 'index' ? document.manifests : [document.config, ...document.layers];
        for (const descriptor of found) expect(descriptor.digest.hex).toMatch(/^[0-9a-f]+$/);
        read++;
      } catch (e) {
        if (!(e instanceof FsError)) throw e;
      }
    }
    expect(read).toBeGreaterThan(100);
  });

  test('of references give one whose parts hold nothing that means something in a URL', () => {
    const next = random(2);
    const characters = 'ab1/:@._-[]%?#\\ é\n';
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: 1 + next(16) }, () => characters[next(characters.length)]).join('');
      try {
        const { name, ref } = parseReference(text);
        expect(new URL(`/v2/${name}/manifests/${ref}`, 'http://host').pathname).toBe(`/v2/${name}/manifests/${ref}`);
      } catch (e) {
        if (!(e instanceof TypeError)) throw e;
      }
    }
  });
});
