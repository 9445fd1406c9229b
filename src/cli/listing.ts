/* How entries of a layer are shown. */

import { decodeUtf8 } from '../base/bytes.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, isSymlink } from '../base/mode.ts';
import type { EntryType } from '../base/diff.ts';
import type { Layer } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';

const TYPES: ReadonlyMap<number, readonly [letter: string, type: EntryType]> = new Map<number, [string, EntryType]>([
  [S_IFREG, ['-', 'file']],
  [S_IFDIR, ['d', 'directory']],
  [S_IFLNK, ['l', 'symlink']],
  [S_IFCHR, ['c', 'character']],
  [S_IFBLK, ['b', 'block']],
  [S_IFIFO, ['p', 'fifo']],
  [S_IFSOCK, ['s', 'socket']],
]);

/** One entry as `ls --json` prints it. */
export interface Listed {
  readonly path: string;
  readonly type: EntryType | 'whiteout';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
  /** Names of the file in the layer. */
  readonly nlink: number;
  readonly target?: string | undefined;
}

/** The type of an entry. */
export const entryType = (mode: number): EntryType => TYPES.get(mode & S_IFMT)?.[1] ?? 'file';

/** The target of a symbolic link, which some formats have as content. */
export async function targetOf(layer: Layer, entry: number): Promise<string | undefined> {
  const { table } = layer;
  if (!isSymlink(table.mode(entry))) return undefined;
  return table.target(entry) ?? decodeUtf8(await layer.read(entry, 0, table.size(entry)));
}

export async function describe(layer: Layer, entry: number): Promise<Listed> {
  const { table } = layer;
  return {
    path: table.path(entry),
    type: table.isWhiteout(entry) ? 'whiteout' : entryType(table.mode(entry)),
    mode: table.mode(entry),
    uid: table.uid(entry),
    gid: table.gid(entry),
    size: table.size(table.canonical(entry)),
    mtimeMs: table.mtime(entry),
    nlink: table.nlink(entry),
    target: await targetOf(layer, entry),
  };
}

/** An entry and everything below it, depth first, names by their bytes. */
export function* below(table: LayerTable, entry: number): Generator<number> {
  yield entry;
  if (!table.isDirectory(entry)) return;
  const [first, end] = table.children(entry);
  for (let child = first; child < end; child++) yield* below(table, child);
}

const BITS = ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'] as const;

/** `-rwxr-xr-x`, as `ls -l` writes it. */
export function modeText(mode: number): string {
  const letters = [6, 3, 0]
    .map((shift) => BITS[(mode >> shift) & 7]!)
    .join('')
    .split('');
  for (const [bit, at, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const)
    if ((mode & bit) !== 0) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase();
  return `${TYPES.get(mode & S_IFMT)?.[0] ?? '?'}${letters.join('')}`;
}

/** `2024-02-03 04:05`, in UTC. */
export const timeText = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ');
