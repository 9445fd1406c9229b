/*
 * `cp` with a filter, which cannot go to the worker: it is asked here, for every name as it is now, and the names that it turned
 * down go with the call. The copy itself is one operation like any other.
 */

import { decodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { CopyOptions, FsPromises, PathLike } from '../fs/api.ts';
import type { WireCopyOptions } from './wire.ts';

/** The calls as they cross: `cp` takes the names that were turned down. */
type Plain = Pick<FsPromises, 'cp' | 'lstat' | 'readdir'>;
type Filter = NonNullable<CopyOptions['filter']>;

/** @throws {FsError} ENOTSUP with `dereference`: the names behind symbolic links are not known here */
export async function copyFiltered(
  fs: Plain,
  source: PathLike,
  destination: PathLike,
  { filter, ...options }: CopyOptions & { filter: Filter },
) {
  if (options.dereference === true) throw new FsError('ENOTSUP', { syscall: 'cp', detail: 'a filter together with dereference' });
  const from = textOf(source);
  const to = textOf(destination);
  if (!filter(from, to)) return;
  const except = await turnedDown(fs, from, to, filter);
  const crossing: WireCopyOptions = { ...options, except };
  await fs.cp(from, to, crossing);
}

async function turnedDown(fs: Plain, from: string, to: string, filter: Filter): Promise<string[]> {
  if (!(await fs.lstat(from)).isDirectory()) return [];
  const entries = await fs.readdir(from, { recursive: true, withFileTypes: true });
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
