/*
 * Shows what an upper holds, from its records alone, in the notation of the semantic cases: `name=DATA` file, `name/` directory,
 * `name/!` opaque, `name/>PATH` redirect, `name~` whiteout, `name->T` symlink, `name|` fifo, `name#META` metacopy (attributes
 * only, all of its content still comes from a lower).
 */

import { S_IFIFO, S_IFMT, isDirectory, isFile, isSymlink } from '../../src/base/mode.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { type InodeRecord, type LiveRecord, type UpperImage, type UpperStore, isHistory, isWhiteout } from '../../src/layer/upper.ts';

/** One name of the upper. */
export interface UpperName {
  /** Without a slash at its front. */
  readonly path: string;
  readonly id: number;
  readonly record: LiveRecord;
}

/** What an upper holds. An upper has one owner: nobody may have it mounted. */
export async function imageOf(store: UpperStore): Promise<UpperImage> {
  const image = await store.load();
  await store.close();
  return image;
}

/** Every name of an upper that leads to the root, parents first. */
export function upperNames({ records }: UpperImage, rootIno: number): UpperName[] {
  const names: UpperName[] = [];
  const visit = (directory: number, path: string): void => {
    for (const [id, record] of records) {
      if (isHistory(record)) continue;
      for (const [parent, name] of record.names) {
        if (parent !== directory) continue;
        names.push({ path: path + name, id, record });
        if (!isWhiteout(record) && isDirectory(record.mode)) visit(id, `${path}${name}/`);
      }
    }
  };
  visit(rootIno, '');
  return names;
}

/** Tells whether the upper has only the attributes of a file that has content. */
export const isMetacopy = ({ mode, origin, originSize, chunks }: InodeRecord): boolean =>
  isFile(mode) && origin !== undefined && originSize > 0 && chunks.every((chunk) => chunk === 0);

/** One mark a name, sorted. Content is shown as the merged tree `fs` has it, but for the metacopies named in `metacopies`. */
export async function dumpUpper(image: UpperImage, fs: FsPromises, metacopies: ReadonlySet<string> = new Set()): Promise<string[]> {
  const names = upperNames(image, (await fs.stat('/')).ino);
  const marks: string[] = [];
  for (const { path, record } of names) {
    if (isWhiteout(record)) marks.push(`${path}~`);
    else if (isDirectory(record.mode)) marks.push(...directoryMarks(path, record, names));
    else if (isSymlink(record.mode)) marks.push(`${path}->${record.target}`);
    else if (!isFile(record.mode)) marks.push(`${path}${(record.mode & S_IFMT) === S_IFIFO ? '|' : '?'}`);
    else if (isMetacopy(record) && metacopies.has(path)) marks.push(`${path}#META`);
    else marks.push(`${path}=${await fs.readFile(`/${path}`, 'utf8')}`);
  }
  return marks.sort();
}

function directoryMarks(path: string, { opaque, redirect }: InodeRecord, names: readonly UpperName[]): string[] {
  if (opaque === true) return [`${path}/!`];
  if (redirect === undefined) return [`${path}/`];
  const parent = lowerPathOf(path.split('/').slice(0, -1).join('/'), names);
  const inSameParent = redirect.slice(0, redirect.lastIndexOf('/')) === parent;
  return [`${path}/>${inSameParent ? redirect.slice(redirect.lastIndexOf('/') + 1) : redirect}`];
}

/** Where the lowers have what stands at a path of the upper. */
function lowerPathOf(path: string, names: readonly UpperName[]): string {
  if (path === '') return '';
  const record = names.find((name) => name.path === path)?.record;
  if (record !== undefined && !isWhiteout(record) && record.redirect !== undefined) return record.redirect;
  const parts = path.split('/');
  return `${lowerPathOf(parts.slice(0, -1).join('/'), names)}/${parts.at(-1) ?? ''}`;
}
