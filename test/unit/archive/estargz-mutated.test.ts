/* eStargz archives changed at random: right bytes or a POSIX error, and with a pinned table of contents never anything but the right tree. */

import { expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../../src/base/bytes.ts';
import { FsError } from '../../../src/base/errors.ts';
import { isFile } from '../../../src/base/mode.ts';
import { openLayer } from '../../../src/lower/open-layer.ts';
import { dumpLayer } from '../../support/dump-layer.ts';
import { type EstargzFile, estargzArchive, landmark } from '../../support/estargz.ts';
import { mutate, randomNumbers } from '../../support/mutate-archives.ts';

const COUNT = 1500;
const prose = 'the quick brown fox jumps over the lazy dog. '.repeat(20);
const files: EstargzFile[] = [
  { name: 'dir/', type: 'dir', mode: 0o755 },
  { name: 'dir/a', content: prose, xattrs: { 'user.a': 'b' } },
  landmark(),
  { name: 'dir/b', content: prose.slice(5) },
  { name: 'link', type: 'symlink', link: 'dir/a' },
  { name: 'hard', type: 'hardlink', link: 'dir/a' },
];

/** Opens and reads everything: what could be read, or `undefined` when the archive was refused. */
async function readAll(bytes: Uint8Array, tocDigest?: string): Promise<Map<string, string> | undefined> {
  const contents = new Map<string, string>();
  try {
    const layer = await openLayer(bytes, { name: 'mutated', maxBytes: 10_000_000, tocDigest });
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

test.each([1, 3])('changed bytes, %i files to a member: under a pinned table of contents only right bytes are served', async (group) => {
  const { bytes, tocDigest } = estargzArchive(files, { group, chunkSize: 400 });
  const expected = new Map<string, string>();
  for (const [path, { content }] of await dumpLayer(await openLayer(bytes)))
    if (content !== undefined) expected.set(path, decodeUtf8(content));
  const random = randomNumbers(11 + group);
  let served = 0;
  let refused = 0;
  for (let i = 0; i < COUNT; i++) {
    const contents = await readAll(mutate(bytes, random), tocDigest);
    if (contents === undefined) refused++;
    for (const [path, text] of contents ?? []) {
      served++;
      if (expected.get(path) !== text) throw new Error(`mutant ${i}: ${path} is wrong`);
    }
  }
  expect(served).toBeGreaterThan(COUNT / 10);
  expect(refused).toBeGreaterThan(COUNT / 10);
});

test('a changed table of contents that is packed again gives a POSIX error or a layer', async () => {
  const { toc } = estargzArchive(files, { group: 3, chunkSize: 400 });
  const random = randomNumbers(17);
  let refused = 0;
  for (let i = 0; i < COUNT; i++) {
    const json = mutate(encodeUtf8(toc), random);
    if ((await readAll(estargzArchive(files, { group: 3, chunkSize: 400, json }).bytes)) === undefined) refused++;
  }
  expect(refused).toBeGreaterThan(COUNT / 10);
  expect(refused).toBeLessThan(COUNT);
});
