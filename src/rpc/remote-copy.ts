/*
 * `cp` with a filter, which cannot go to the worker: it is asked here, for every name as it is now, and the names that it turned
 * down go with the call. The copy itself is one operation like any other.
 */

import { decodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { Stats, type Attr, type DirentRecord } from '../base/stats.ts';
import type { CopyOptions, PathLike } from '../fs/api.ts';
import type { Peer } from './peer.ts';
import type { WireCopyOptions } from './wire.ts';

type Filter = NonNullable<CopyOptions['filter']>;

/** @throws {FsError} ENOTSUP with `dereference`: the names behind symbolic links are not known here */
export async function copyFiltered(
  peer: Peer,
  source: PathLike,
  destination: PathLike,
  { filter, ...options }: CopyOptions & { filter: Filter },
) {
  if (options.dereference === true) throw new FsError('ENOTSUP', { syscall: 'cp', detail: 'a filter together with dereference' });
  const from = textOf(source);
  const to = textOf(destination);
  if (!filter(from, to)) return;
  const except = await turnedDown(peer, from, to, filter);
  await peer.call({ on: 'fs', method: 'cp' }, [from, to, { ...options, except } satisfies WireCopyOptions]);
}

async function turnedDown(peer: Peer, from: string, to: string, filter: Filter): Promise<string[]> {
  const root = new Stats(await peer.call<Attr>({ on: 'fs', method: 'lstat' }, [from]));
  if (!root.isDirectory()) return [];
  const entries = await peer.call<DirentRecord[]>({ on: 'fs', method: 'readdir' }, [from, { recursive: true, withFileTypes: true }]);
  const except: string[] = [];
  const paths = entries.map(({ parentPath, name }) => `${parentPath}/${name}`.slice(from.length).replace(/^\/+/, ''));
  // Sorted by components, a directory stands before what is in it.
  for (const path of paths.sort(byComponents)) {
    const below = except.at(-1);
    const source = join(from, path);
    if (below !== undefined && source.startsWith(`${below}/`)) continue;
    if (!filter(source, join(to, path))) except.push(source);
  }
  return except;
}

function byComponents(a: string, b: string): number {
  // U+0000 is in no name, and before every other character.
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')];
  return left < right ? -1 : Number(left > right);
}

function join(directory: string, path: string): string {
  return directory.endsWith('/') ? directory + path : `${directory}/${path}`;
}

function textOf(path: PathLike): string {
  if (path instanceof URL) return decodeURIComponent(path.pathname);
  return typeof path === 'string' ? path : decodeUtf8(path);
}
