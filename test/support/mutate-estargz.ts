/*
 * eStargz archives with something changed at random: in the bytes, under a pinned table of contents, where only right content may be
 * served; or in the table of contents, which is then packed again, so that all of its checksums are right and only it lies.
 */

import { decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts';
import { FsError } from '../../src/base/errors.ts';
import { isFile } from '../../src/base/mode.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { type EstargzArchive, type EstargzFile, estargzArchive, landmark } from './estargz.ts';
import { type Outcome, mutate } from './mutate-archives.ts';

export const prose = 'the quick brown fox jumps over the lazy dog. '.repeat(20);
const files: EstargzFile[] = [
  { name: 'dir/', type: 'dir', mode: 0o755 },
  { name: 'dir/a', content: prose, xattrs: { 'user.a': 'b' } },
  landmark(),
  { name: 'dir/b', content: prose.slice(5) },
  { name: 'link', type: 'symlink', link: 'dir/a' },
  { name: 'hard', type: 'hardlink', link: 'dir/a' },
];
const expected = new Map([
  ['/dir/a', prose],
  ['/dir/b', prose.slice(5)],
  ['/hard', prose],
]);

const flavours: readonly EstargzArchive[] = [
  { chunkSize: 400 },
  { group: 3, chunkSize: 400 },
  { group: 3, legacy: true, noDigests: true },
  { legacy: true, noDigests: true, chunkSize: 300 },
];
const packed = flavours.map((flavour) => ({ flavour, ...estargzArchive(files, flavour) }));

const pick = <T>(values: readonly T[], random: () => number): T => values[Math.floor(random() * values.length)]!;

/**
 * Changes bytes of an archive.
 *
 * @throws {Error} when anything but an `FsError` is thrown, or when a pinned archive serves anything wrong
 */
export async function judgeChangedBytes(random: () => number): Promise<Outcome> {
  const { bytes, tocDigest, flavour } = pick(packed, random);
  const mutant = mutate(bytes, random);
  const contents = await readAll(mutant, flavour.noDigests === true ? undefined : tocDigest);
  if (contents === undefined) return 'refused';
  // Without its footer it is a tar.gz like others, and the format's own files are files.
  if (flavour.noDigests === true) for (const own of ['/.prefetch.landmark', '/stargz.index.json']) contents.delete(own);
  for (const [path, text] of contents)
    if (expected.get(path) !== text) throw new Error(`${path} is wrong in ${Buffer.from(mutant).toString('base64')}`);
  return contents.size === expected.size ? 'served' : 'partly';
}

/**
 * Changes the table of contents of an archive.
 *
 * @throws {Error} when anything but an `FsError` is thrown
 */
export async function judgeChangedToc(random: () => number): Promise<Outcome> {
  const { toc, flavour } = pick(packed, random);
  const json = mutate(encodeUtf8(toc), random);
  const contents = await readAll(estargzArchive(files, { ...flavour, json }).bytes);
  if (contents === undefined) return 'refused';
  return contents.size === expected.size ? 'served' : 'partly';
}

/** Opens and reads everything: what could be read, or `undefined` when the archive was refused. */
export const readAll = (bytes: Uint8Array, tocDigest?: string): Promise<Map<string, string> | undefined> =>
  readLayer(() => openLayer(bytes, { name: 'mutated', maxBytes: 10_000_000, tocDigest }));

/** The same of whatever is opened by the name `mutated`. */
export async function readLayer(open: () => Promise<Layer>): Promise<Map<string, string> | undefined> {
  const contents = new Map<string, string>();
  try {
    const layer = await open();
    for (let entry = 0; entry < layer.table.length; entry++) {
      const path = layer.table.path(entry);
      if (path.split('/').includes('..')) throw new Error(`The name ${path} got in`);
      if (!isFile(layer.table.mode(entry))) continue;
      try {
        const content = await layer.read(entry, 0, layer.table.size(entry));
        if (content.length !== layer.table.size(entry)) throw new Error(`${path}: ${content.length} bytes of ${layer.table.size(entry)}`);
        contents.set(path, decodeUtf8(content));
      } catch (e) {
        assertPosix(e);
      }
    }
  } catch (e) {
    assertPosix(e);
    return undefined;
  }
  return contents;
}

function assertPosix(e: unknown): void {
  if (!(e instanceof FsError) || e.detail?.startsWith('mutated') !== true) throw e;
}
