/*
 * Indexes of directories with something changed at random, served by a host that has what the true one says: what is read is what the
 * index gives a digest of, or a POSIX error, and nothing is asked for outside of the directory.
 */

import { createHash } from 'node:crypto';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { openDirectory } from '../../src/lower/directory-layer.ts';
import { type Outcome, mutate } from './mutate-archives.ts';
import { prose, readLayer } from './mutate-estargz.ts';

const sha = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const contents = new Map([
  ['dir/a', prose],
  ['large', prose.repeat(2)],
  ['c', 'content'],
]);
const half = prose.length;
const index = encodeUtf8(
  JSON.stringify({
    version: 1,
    entries: [
      { name: 'dir', type: 'dir', mode: 0o755, modtime: '2020-01-01T00:00:00Z' },
      { name: 'dir/a', type: 'reg', size: prose.length, mode: 0o644, digest: sha(prose) },
      { name: 'large', type: 'reg', size: 2 * half, chunkSize: half, chunkDigest: sha(prose), digest: sha(contents.get('large')!) },
      { name: 'large', type: 'chunk', chunkOffset: half, chunkSize: half, chunkDigest: sha(prose) },
      { name: 'c', type: 'reg', size: 7, digest: sha('content'), xattrs: { 'user.a': 'Yg==' } },
      { name: 'link', type: 'symlink', linkName: 'dir/a' },
      { name: 'hard', type: 'hardlink', linkName: 'c' },
    ],
  }),
);

/**
 * Changes an index.
 *
 * @throws {Error} when anything but an `FsError` is thrown, or what is served is not what the index says
 */
export async function judgeChangedIndex(random: () => number): Promise<Outcome> {
  const changed = mutate(index, random);
  const host = async (url: string, init: RequestInit): Promise<Response> => {
    if (!url.startsWith('http://host/dir/')) throw new Error(`${url} was asked for`);
    const name = decodeURIComponent(new URL(url).pathname.slice('/dir/'.length));
    const bytes = name === 'index.stratafs.json' ? changed : encodeUtf8(contents.get(name) ?? '');
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(new Headers(init.headers).get('range') ?? '') ?? [];
    if (from === undefined || from === '' || to === undefined) return new Response(bytes.slice());
    const end = Math.min(Number(to) + 1, bytes.length);
    if (Number(from) >= end) return new Response('', { status: 416 });
    const headers = { 'content-range': `bytes ${from}-${end - 1}/${bytes.length}` };
    return new Response(bytes.slice(Number(from), end), { status: 206, headers });
  };
  const read = await readLayer(() =>
    openDirectory('http://host/dir/', { name: 'mutated', fetch: host, retry: { tries: 1 }, maxBytes: 10_000_000 }),
  );
  if (read === undefined) return 'refused';
  const said = Buffer.from(changed).toString();
  for (const [path, text] of read) {
    const isKnown = [...contents.values()].includes(text) || /^\0*$/.test(text) || said.includes(sha(text));
    if (!isKnown) throw new Error(`${path} is wrong with ${said}`);
  }
  return read.size === contents.size + 1 ? 'served' : 'partly';
}
