/*
 * zstd:chunked archives with something changed at random: in the bytes, under a pinned manifest, where only right content may be served;
 * or in the manifest, which is then packed again, so that only it lies: whatever it says, what it gives a digest of is that.
 */

import { createHash } from 'node:crypto';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import type { EstargzFile } from './estargz.ts';
import { type Outcome, mutate } from './mutate-archives.ts';
import { prose, readAll } from './mutate-estargz.ts';
import { type ZstdChunkedArchive, zstdChunkedArchive } from './zstd-chunked.ts';

const sparse = `${prose.slice(0, 400)}${'\0'.repeat(800)}tail`;
const files: EstargzFile[] = [
  { name: 'dir/', type: 'dir', mode: 0o755 },
  { name: 'dir/a', content: prose, xattrs: { 'user.a': 'b' } },
  { name: 'sparse', content: sparse },
  { name: 'link', type: 'symlink', link: 'dir/a' },
  { name: 'hard', type: 'hardlink', link: 'dir/a' },
];
const expected = new Map([
  ['/dir/a', prose],
  ['/sparse', sparse],
  ['/hard', prose],
]);

const flavours: readonly ZstdChunkedArchive[] = [{}, { chunkSize: 400 }, { chunkSize: 400, legacy: true }];
const packed = flavours.map((flavour) => ({ flavour, ...zstdChunkedArchive(files, flavour) }));

const pick = <T>(values: readonly T[], random: () => number): T => values[Math.floor(random() * values.length)]!;

/**
 * Changes bytes of an archive.
 *
 * @throws {Error} when anything but an `FsError` is thrown, or when a pinned archive serves anything wrong
 */
export async function judgeChangedFrames(random: () => number): Promise<Outcome> {
  const { bytes, annotations } = pick(packed, random);
  const mutant = mutate(bytes, random);
  const contents = await readAll(mutant, annotations['manifest-checksum']);
  if (contents === undefined) return 'refused';
  for (const [path, text] of contents)
    if (expected.get(path) !== text) throw new Error(`${path} is wrong in ${Buffer.from(mutant).toString('base64')}`);
  return contents.size === expected.size ? 'served' : 'partly';
}

/**
 * Changes the manifest of an archive.
 *
 * @throws {Error} when anything but an `FsError` is thrown, or when content is served that neither is what its digest says nor a hole
 */
export async function judgeChangedManifest(random: () => number): Promise<Outcome> {
  const { json, flavour } = pick(packed, random);
  const changed = mutate(encodeUtf8(json), random);
  const contents = await readAll(zstdChunkedArchive(files, { ...flavour, json: changed }).bytes);
  if (contents === undefined) return 'refused';
  const said = Buffer.from(changed).toString();
  for (const [path, text] of contents) {
    const digest = createHash('sha256').update(text).digest('hex');
    if (flavour.chunkSize === undefined && text !== '' && !/^\0*$/.test(text) && !said.includes(digest))
      throw new Error(`${path} has no digest in ${said}`);
  }
  return contents.size === expected.size ? 'served' : 'partly';
}
