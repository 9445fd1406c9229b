/* What is packed: entries, whatever they come from, and the order and attributes in which they are written. */

import { encodeUtf8 } from '../base/bytes.ts';
import { pathFilter } from '../layer/path-filter.ts';

/** One object of a tree. */
export interface PackEntry {
  /** Components separated by '/', none in front or behind. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'character' | 'block' | 'fifo';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Target of a symbolic link; of a hard link the path of the file. */
  readonly target?: string | undefined;
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Content. Files only. */
  readonly read?: (() => Uint8Array | Promise<Uint8Array>) | undefined;
}

/** What was left out. */
export interface PackWarning {
  readonly path: string;
  readonly message: string;
}

/** A tree to pack. */
export interface PackTree {
  readonly entries: readonly PackEntry[];
  readonly warnings: readonly PackWarning[];
}

export interface ArrangeOptions {
  /** Patterns of paths to leave out: `*` within a component, `**` for any number of them. What is below goes too. */
  readonly exclude?: readonly string[] | undefined;
  /** Seconds since the epoch: no entry gets a later time. */
  readonly latest?: number | undefined;
  /** Owner of everything. Default: as it is. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Paths of what a program opened, in that order; what is not in the tree is passed over. */
  readonly trace?: readonly string[] | undefined;
}

/** Entries in the order in which they are written: directories in front of what is in them, files in front of hard links to them. */
export interface Arranged {
  /** What the trace names, in its order, with the directories above. */
  readonly first: readonly PackEntry[];
  readonly rest: readonly PackEntry[];
}

/**
 * Puts a tree in order: by the bytes of names, what the trace names in front. The same tree gives the same order.
 *
 * @throws {TypeError} when a pattern is none
 */
export function arrange({ entries }: PackTree, options: ArrangeOptions): Arranged {
  const counts = pathFilter({ exclude: options.exclude });
  const kept = entries.filter(({ path }) => counts === undefined || counts(path.split('/'))).map((entry) => normalise(entry, options));
  const byPath = new Map(kept.map((entry) => [entry.path, entry]));
  adoptOrphans(entries, byPath);
  const sorted = [...byPath.keys()].map((path) => ({ path, key: sortKey(path) })).sort((a, b) => Buffer.compare(a.key, b.key));
  const written = new Set<string>();
  const first: PackEntry[] = [];
  const rest: PackEntry[] = [];
  const write = (path: string, into: PackEntry[]): void => {
    const entry = byPath.get(path);
    if (entry === undefined || written.has(path)) return;
    written.add(path);
    const slash = path.lastIndexOf('/');
    if (slash > 0) write(path.slice(0, slash), into);
    if (entry.type === 'link') write(entry.target!, into);
    into.push(entry);
  };
  for (const path of options.trace ?? []) write(plainPath(path), first);
  for (const { path } of sorted) write(path, rest);
  return { first, rest };
}

/** Hard links to a file that is left out: the first of them becomes the file. */
function adoptOrphans(entries: readonly PackEntry[], byPath: Map<string, PackEntry>): void {
  const files = new Map(entries.map((entry) => [entry.path, entry]));
  const adopted = new Map<string, string>();
  for (const link of byPath.values()) {
    const target = link.target ?? '';
    if (link.type !== 'link' || byPath.has(target)) continue;
    const heir = adopted.get(target);
    if (heir === undefined) adopted.set(target, link.path);
    byPath.set(
      link.path,
      heir === undefined ? { ...link, type: 'file', target: undefined, read: files.get(target)!.read } : { ...link, target: heir },
    );
  }
}

/** Without '/' and './' around and in it. */
const plainPath = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

/** Seconds: a table of contents has years of four digits. */
const LATEST = Date.parse('9999-12-31T23:59:59Z') / 1000;

function normalise(entry: PackEntry, { latest = Infinity, owner }: ArrangeOptions): PackEntry {
  return { ...entry, ...owner, mtime: Math.max(0, Math.floor(Math.min(entry.mtime, latest, LATEST))) };
}

/** Sorts by the bytes of components, so that a directory stands right in front of what is in it. */
const sortKey = (path: string): Uint8Array => encodeUtf8(path.replaceAll('/', '\0'));
