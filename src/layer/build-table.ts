/*
 * Builds the table of a layer from what an archive reader reports, entry by entry. Every archive goes through here, so this
 * is where untrusted names are judged: nothing can leave the layer's root, and no JavaScript object is keyed by a name.
 * Later entries replace earlier ones by the rules of the OCI image specification (layer.md, "Applying Changesets").
 */

import { encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { NAME_MAX, PATH_MAX, isDirectory } from '../base/mode.ts';
import type { LayerWarning } from './layer.ts';
import { packTable } from './pack-table.ts';
import { type PathFilter, type PathFilterOptions, pathFilter } from './path-filter.ts';
import { type LayerEntry, TableRows } from './table-rows.ts';
import { type LayerTable, TableFlags } from './table.ts';

export type { LayerEntry } from './table-rows.ts';

/** `include` and `exclude` are patterns (path-filter.ts) of names as they are after `strip`, below `at`. */
export interface TableOptions extends PathFilterOptions {
  /** Mounts the archive's root at this directory. */
  readonly at?: string | undefined;
  /** How many leading components of every name to drop; what has no more components is left out. */
  readonly strip?: number | undefined;
  /** *oci* indicates that names starting with `.wh.` are marks of an OCI layer. Therefore they are not files. */
  readonly whiteouts?: 'oci' | undefined;
}

/** How many objects a table may have, and which archive they are of, for the message. */
export interface TableLimit {
  readonly entries: number;
  readonly archive: string;
}

/** A hostile archive can be wrong a million times; nobody reads more than this. */
const WARNING_LIMIT = 1000;

/** Milliseconds of the years that everything can write which hands times on: ISO 8601 with four digits, `Date`. */
const EARLIEST = Date.parse('0001-01-01T00:00:00Z');
const LATEST = Date.parse('9999-12-31T23:59:59Z');

const OCI_MARK = '.wh.';
const OCI_OPAQUE = '.wh..wh..opq';

/** A directory as an archive writes it, for what else the archive has in it. */
interface Neighbourhood {
  /** What names of its entries start with: '', or something that ends with '/'. */
  readonly prefix: string;
  readonly children: Map<string, number>;
  /** Rows from the root to the directory itself. */
  readonly path: readonly number[];
  /** What all of these are as new as, at least. */
  latest: number;
}

/** Names that need no further judgement: no mark of OCI, nothing that leads elsewhere, no character of which UTF-16 makes two. */
const PLAIN_NAME = /^(?!\.\.?$|\.wh\.)[^\0/\ud800-\udfff]+$/;

const DUPLICATE = 'duplicate name: the last entry counts';

/** Row of the root. */
const ROOT = 0;

/**
 * Collects entries; `build` gives the table and what was left out.
 *
 * @example
 * const builder = new TableBuilder({ at: '/node_modules/react', strip: 1 });
 * builder.add({ path: 'package/index.js', mode: 0o100644, mtime: 0, size: 3, extent });
 * const { table, warnings } = builder.build();
 */
export class TableBuilder {
  readonly #rows = new TableRows();
  readonly #warnings: LayerWarning[] = [];
  readonly #ociWhiteouts: { readonly directory: number; readonly name: string }[] = [];
  readonly #prefix: readonly string[];
  readonly #strip: number;
  readonly #oci: boolean;
  readonly #filter: PathFilter | undefined;
  readonly #limit: TableLimit | undefined;
  /** Directories that the filter leaves out: they count if something in them does. */
  readonly #passages: { readonly parts: readonly string[]; readonly entry: LayerEntry }[] = [];
  /** Files that the filter leaves out, which a hard link may still mean. */
  readonly #leftOut = new Map<string, number>();
  /** Where the last entry was put. */
  #last: Neighbourhood | undefined;
  #entries = 0;
  #unreported = 0;

  constructor(options: TableOptions = {}, limit?: TableLimit) {
    this.#rows.addDirectory();
    const { at = '/', strip = 0, whiteouts } = options;
    this.#prefix = componentsOf(at);
    if (this.#prefix.includes('..')) throw new TypeError(`The option 'at' must not contain '..': ${at}`);
    if (!Number.isSafeInteger(strip) || strip < 0) throw new TypeError(`The option 'strip' must be a number of components: ${strip}`);
    this.#strip = strip;
    this.#oci = whiteouts === 'oci';
    this.#filter = pathFilter(options);
    this.#limit = limit;
  }

  /** Objects so far, directories that only names imply included. */
  get entries(): number {
    return this.#entries;
  }

  /** Reports something about an entry that the user should hear of. */
  warn(entry: string, message: string): void {
    if (this.#warnings.length < WARNING_LIMIT) this.#warnings.push({ entry, message });
    else this.#unreported++;
  }

  /**
   * Adds one entry, and keeps nothing of the object itself. What cannot be taken safely is left out and reported.
   * @throws {FsError} EFBIG when there are more than are allowed.
   */
  add(entry: LayerEntry): void {
    if (this.#addBeside(entry)) return;
    const parts = this.#resolve(entry);
    if (parts === undefined) return;
    const timely = this.#inTime(entry);
    if (this.#filter?.(this.#named(parts)) === false || this.#isBelowMark(parts)) this.#leaveOut(parts, timely);
    else this.#accept(parts, timely);
  }

  /** Fast path: most entries are files in the directory of the entry before them, which was judged and made then. */
  #addBeside(entry: LayerEntry): boolean {
    const { path, mode, target, link } = entry;
    const last = this.#last;
    if (last === undefined || target !== undefined || link !== undefined || isDirectory(mode)) return false;
    if (!path.startsWith(last.prefix) || path.length * 3 >= PATH_MAX) return false;
    const name = path.slice(last.prefix.length);
    if (!PLAIN_NAME.test(name) || name.length * 3 > NAME_MAX) return false;
    const timely = this.#inTime(entry);
    if (timely.mtime > last.latest) {
      last.latest = timely.mtime;
      for (const row of last.path) this.#rows.touch(row, timely.mtime);
    }
    const { children } = last;
    const names = children.size;
    children.set(name, this.#rows.addFile(timely));
    if (children.size !== names) this.#count();
    else this.warn(path, DUPLICATE);
    return true;
  }

  #inTime(entry: LayerEntry): LayerEntry {
    if (entry.mtime >= EARLIEST && entry.mtime <= LATEST) return entry;
    const mtime = Math.min(Math.max(entry.mtime, EARLIEST), LATEST);
    this.warn(
      entry.path,
      `a time of ${entry.mtime / 1000} seconds: taken as the ${mtime === LATEST ? 'latest' : 'earliest'} that is known`,
    );
    return { ...entry, mtime };
  }

  #accept(parts: readonly string[], entry: LayerEntry): void {
    const isRoot = parts.length === this.#prefix.length;
    if (isRoot && !isDirectory(entry.mode)) {
      this.warn(entry.path, 'skipped: names the root, and is not a directory');
      return;
    }
    const name = parts.at(-1);
    if (name === undefined) {
      this.#rows.describe(ROOT, entry);
      return;
    }
    const directories = this.#makeParents(parts, entry);
    if (directories === undefined) return;
    const directory = directories.at(-1)!;
    if (this.#oci && name.startsWith(OCI_MARK)) this.#addOciMark(directory, name, entry);
    else this.#place(directory, name, entry);
    if (this.#filter === undefined) this.#last = this.#neighbourhoodOf(entry, directories);
  }

  /** Makes the table. The builder is of no use afterwards. */
  build(): { readonly table: LayerTable; readonly warnings: readonly LayerWarning[] } {
    for (const { directory, name } of this.#ociWhiteouts) this.#applyOciWhiteout(directory, name);
    for (const { parts, entry } of this.#passages) {
      const row = this.#walk(parts);
      if (row !== undefined && this.#rows.has(row, TableFlags.IMPLIED)) this.#rows.describe(row, entry);
    }
    if (this.#unreported > 0) this.#warnings.push({ entry: '', message: `${this.#unreported} more warnings left out` });
    return { table: packTable(this.#rows), warnings: this.#warnings };
  }

  /** Splits and judges a name: the components below the layer's root, or `undefined` when the entry is left out. */
  #resolve({ path, target }: LayerEntry): string[] | undefined {
    const problem = problemOf(path) ?? (target === undefined ? undefined : problemOfTarget(target));
    if (problem !== undefined) {
      this.warn(path, `skipped: ${problem}`);
      return undefined;
    }
    if (path.startsWith('/')) this.warn(path, 'absolute name: taken as relative to the root of the layer');
    const parts = componentsOf(path);
    if (this.#strip === 0) return this.#prefix.length === 0 ? parts : [...this.#prefix, ...parts];
    return parts.length > this.#strip ? [...this.#prefix, ...parts.slice(this.#strip)] : undefined;
  }

  /** What the filter judges: the components below `at`, of an OCI mark the name that it is about. */
  #named(parts: readonly string[]): readonly string[] {
    const below = parts.slice(this.#prefix.length);
    const name = below.at(-1);
    if (!this.#oci || name === undefined || !name.startsWith(OCI_MARK)) return below;
    return name === OCI_OPAQUE ? below.slice(0, -1) : [...below.slice(0, -1), name.slice(OCI_MARK.length)];
  }

  /** AUFS kept files with several names in `.wh..wh.plnk`, to which old layers have hard links: no such directory is part of the tree. */
  #isBelowMark(parts: readonly string[]): boolean {
    return this.#oci && parts.slice(this.#prefix.length, -1).some((part) => part.startsWith(OCI_MARK));
  }

  #leaveOut(parts: readonly string[], entry: LayerEntry): void {
    this.#count();
    if (isDirectory(entry.mode) && entry.link === undefined) this.#passages.push({ parts, entry: { ...entry } });
    else {
      const row = entry.link === undefined ? this.#rows.addFile(entry) : this.#find(entry.link);
      if (row !== undefined) this.#leftOut.set(parts.join('/'), row);
    }
  }

  #count(): void {
    this.#entries++;
    if (this.#limit === undefined || this.#entries <= this.#limit.entries) return;
    const { archive, entries } = this.#limit;
    throw new FsError('EFBIG', { detail: `${archive}: more than the ${entries} entries that are allowed` });
  }

  /** The directories above an entry, from the root on. */
  #makeParents(parts: readonly string[], entry: LayerEntry): readonly number[] | undefined {
    const rows = this.#rows;
    let row = ROOT;
    const directories = [row];
    rows.touch(row, entry.mtime);
    for (let i = 0; i < parts.length - 1; i++) {
      const part = parts[i]!;
      const children = rows.children[row]!;
      let next = children.get(part);
      if (next === undefined || rows.has(next, TableFlags.WHITEOUT)) {
        const opaque = next !== undefined;
        this.#count();
        next = rows.addDirectory();
        if (opaque) rows.mark(next, TableFlags.OPAQUE);
        children.set(part, next);
      }
      if (rows.children[next] === undefined) {
        // A whiteout below a file of its own layer: some tools list all that the file has replaced.
        if (!(this.#oci && parts.at(-1)!.startsWith(OCI_MARK))) this.warn(entry.path, `skipped: '${part}' is not a directory`);
        return undefined;
      }
      rows.touch(next, entry.mtime);
      row = next;
      directories.push(row);
    }
    return directories;
  }

  /** Where an entry is, if its name is written so that its last component is what stands last. */
  #neighbourhoodOf({ path, mtime }: LayerEntry, directories: readonly number[]): Neighbourhood | undefined {
    const start = path.lastIndexOf('/') + 1;
    if (path.startsWith('/') || !isComponent(path.slice(start))) return undefined;
    return { prefix: path.slice(0, start), children: this.#rows.children[directories.at(-1)!]!, path: directories, latest: mtime };
  }

  #place(directory: number, name: string, entry: LayerEntry): void {
    const rows = this.#rows;
    const children = rows.children[directory]!;
    const old = children.get(name);
    if (old === undefined) this.#count();
    // It may be a directory that is replaced, and the last entry's may be in it.
    else this.#last = undefined;
    if (entry.link !== undefined) {
      const target = this.#find(entry.link);
      if (target === undefined || rows.children[target] !== undefined || rows.has(target, TableFlags.WHITEOUT)) {
        this.warn(entry.path, `skipped: hard link to '${entry.link}', which is not an earlier file of this archive`);
      } else if (target !== old) {
        rows.linked.add(target);
        children.set(name, target);
      }
      return;
    }
    if (isDirectory(entry.mode) && entry.mark !== 'whiteout') {
      const row = old === undefined || rows.children[old] === undefined ? rows.addDirectory() : old;
      if (old !== undefined && !rows.has(old, TableFlags.IMPLIED)) this.warn(entry.path, DUPLICATE);
      if (old !== undefined && rows.has(old, TableFlags.WHITEOUT)) rows.mark(row, TableFlags.OPAQUE);
      rows.describe(row, entry);
      children.set(name, row);
      return;
    }
    if (old !== undefined) this.warn(entry.path, DUPLICATE);
    children.set(name, rows.addFile(entry));
  }

  #find(path: string): number | undefined {
    if (problemOf(path) !== undefined) return undefined;
    const parts = [...this.#prefix, ...componentsOf(path).slice(this.#strip)];
    return this.#walk(parts) ?? this.#leftOut.get(parts.join('/'));
  }

  #walk(parts: readonly string[]): number | undefined {
    let row: number | undefined = ROOT;
    for (const part of parts) row = row === undefined ? undefined : this.#rows.children[row]?.get(part);
    return row;
  }

  /** OCI image specification, layer.md, "Whiteouts": they stand wherever they like in the archive, so they are applied last. */
  #addOciMark(directory: number, name: string, entry: LayerEntry): void {
    if (name === OCI_OPAQUE) {
      this.#rows.mark(directory, TableFlags.OPAQUE);
      return;
    }
    const hidden = name.slice(OCI_MARK.length);
    if (hidden.startsWith(OCI_MARK)) return; // AUFS's own bookkeeping
    if (hidden === '' || hidden === '.' || hidden === '..') this.warn(entry.path, 'skipped: a whiteout of no name');
    else this.#ociWhiteouts.push({ directory, name: hidden });
  }

  /** A whiteout counts for the layers below only: what this layer has under the same name stays. */
  #applyOciWhiteout(directory: number, name: string): void {
    const children = this.#rows.children[directory]!;
    const twin = children.get(name);
    if (twin !== undefined && this.#rows.children[twin] !== undefined) this.#rows.mark(twin, TableFlags.OPAQUE);
    if (twin !== undefined) return;
    this.#count();
    children.set(name, this.#rows.addWhiteout());
  }
}

const isComponent = (part: string): boolean => part !== '' && part !== '.';

/** Surrogates that stand alone, which UTF-8 does not have, become U+FFFD here: names are compared as bytes. */
export function componentsOf(path: string): string[] {
  const parts = path.toWellFormed().split('/');
  // Fast path: most names are written as simply as they can be.
  return parts.every(isComponent) ? parts : parts.filter(isComponent);
}

/** The absolute path in the layer of what an archive calls `path`. */
export function layerPath(path: string, { at = '/', strip = 0 }: TableOptions): string {
  return `/${[...componentsOf(at), ...componentsOf(path).slice(strip)].join('/')}`;
}

/**
 * Judges an entry alone, as a table would that has nothing else: its absolute path in the layer, or `undefined` where it is left out,
 * for its name or by the options.
 */
export function acceptedPath({ path, target }: Pick<LayerEntry, 'path' | 'target'>, options: TableOptions): string | undefined {
  if ((problemOf(path) ?? (target === undefined ? undefined : problemOfTarget(target))) !== undefined) return undefined;
  const below = componentsOf(path).slice(options.strip ?? 0);
  if (below.length === 0 || pathFilter(options)?.(below) === false) return undefined;
  return layerPath(path, options);
}

/** Says what makes a name unacceptable, or `undefined`. */
function problemOf(path: string): string | undefined {
  if (path === '') return 'empty name';
  if (path.includes('\0')) return 'NUL in name';
  // A unit of UTF-16 is three bytes at most.
  const bytes = path.length * 3 < PATH_MAX ? 0 : encodeUtf8(path).length;
  if (bytes >= PATH_MAX) return `name of ${bytes} bytes (at most ${PATH_MAX - 1})`;
  // Fast path: no component can be too long, and none is '..'.
  if (path.length * 3 <= NAME_MAX && !path.includes('..')) return undefined;
  for (const part of path.split('/')) {
    if (part === '..') return "'..' in name";
    if (part.length * 3 > NAME_MAX && encodeUtf8(part).length > NAME_MAX) return `component over ${NAME_MAX} bytes`;
  }
  return undefined;
}

/** The same for the target of a symbolic link, which may lead anywhere: it is resolved in the merged tree, and never leaves it. */
function problemOfTarget(target: string): string | undefined {
  if (target === '') return 'a symbolic link to nothing';
  if (target.includes('\0')) return 'NUL in the target of a symbolic link';
  return encodeUtf8(target).length >= PATH_MAX ? `the target of a symbolic link is over ${PATH_MAX - 1} bytes` : undefined;
}
