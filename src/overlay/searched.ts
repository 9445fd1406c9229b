/* Which files a search looks into, and in which order: that of the archives, so that what is fetched or decoded for one serves the next. */

import { R_OK, isDirectory, isFile } from '../base/mode.ts';
import { type PathFilter, type PathFilterOptions, pathFilter } from '../layer/path-filter.ts';
import { assertAccess } from './access.ts';
import type { Call } from './call.ts';
import { shownOrigin } from './data.ts';
import { entriesOf } from './lookup.ts';
import type { Tree } from './tree.ts';
import { findDirectory } from './walk.ts';

/** A regular file of the merged tree, and where the lower content that it shows lies. */
export interface Searched {
  readonly path: string;
  readonly size: number;
  /** Position of the lower; -1 of what the upper has whole. */
  readonly layer: number;
  readonly offset: number;
}

/** Judges paths: of directories whether anything below them can count, of files whether they do. */
export class SearchFilter {
  readonly #files: PathFilter | undefined;
  readonly #directories: PathFilter | undefined;

  /** @throws {TypeError} when a pattern is empty or contains '..' */
  constructor(options: PathFilterOptions) {
    this.#files = pathFilter(options);
    this.#directories = pathFilter({ exclude: options.exclude });
  }

  takes(path: string, what: 'file' | 'directory'): boolean {
    const filter = what === 'file' ? this.#files : this.#directories;
    return filter?.(path.slice(1).split('/')) ?? true;
  }
}

/** What one directory has to look into. Symbolic links are not followed. @throws {FsError} ENOENT, ENOTDIR, EACCES */
export function searchedIn(call: Call, at: string, filter: SearchFilter): { readonly directories: string[]; readonly files: Searched[] } {
  const { tree } = call;
  const directory = findDirectory(call, at);
  assertAccess(call, directory.ino, R_OK);
  const directories: string[] = [];
  const files: Searched[] = [];
  for (const [name, ino] of entriesOf(tree, directory)) {
    const path = at === '/' ? `/${name}` : `${at}/${name}`;
    const mode = tree.mode(ino);
    if (isDirectory(mode) && filter.takes(path, 'directory')) directories.push(path);
    else if (isFile(mode) && filter.takes(path, 'file')) files.push({ path, ...placeOf(tree, ino) });
  }
  return { directories, files };
}

function placeOf(tree: Tree, ino: number): Omit<Searched, 'path'> {
  const { size } = tree.attr(ino);
  const origin = shownOrigin(tree, ino);
  if (origin === undefined) return { size, layer: -1, offset: 0 };
  return { size, layer: origin.layer, offset: tree.layers[origin.layer]!.table.extent(origin.entry).offset };
}

/** The upper's first, which are at hand; then those of each lower as its archive has them. */
export const inReadingOrder = (one: Searched, other: Searched): number =>
  one.layer - other.layer || one.offset - other.offset || (one.path < other.path ? -1 : 1);
