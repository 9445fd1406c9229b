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
import type { LayerEntry, TableNode } from './table-node.ts';
import type { LayerTable } from './table.ts';

export type { LayerEntry } from './table-node.ts';

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
  /** From the root to the directory itself. */
  readonly path: readonly TableNode[];
}

const newDirectory = (): TableNode => ({ entry: undefined, children: new Map(), mtime: 0, opaque: false, whiteout: false, linked: false });

const newFile = (entry: LayerEntry): TableNode => ({
  entry,
  children: undefined,
  mtime: entry.mtime,
  opaque: false,
  whiteout: entry.mark === 'whiteout',
  linked: false,
});

/**
 * Collects entries; `build` gives the table and what was left out.
 *
 * @example
 * const builder = new TableBuilder({ at: '/node_modules/react', strip: 1 });
 * builder.add({ path: 'package/index.js', mode: 0o100644, mtime: 0, size: 3, extent });
 * const { table, warnings } = builder.build();
 */
export class TableBuilder {
  readonly #root = newDirectory();
  readonly #warnings: LayerWarning[] = [];
  readonly #ociWhiteouts: { readonly directory: TableNode; readonly name: string }[] = [];
  readonly #prefix: readonly string[];
  readonly #strip: number;
  readonly #oci: boolean;
  readonly #filter: PathFilter | undefined;
  readonly #limit: TableLimit | undefined;
  /** Directories that the filter leaves out: they count if something in them does. */
  readonly #passages: { readonly parts: readonly string[]; readonly entry: LayerEntry }[] = [];
  /** Files that the filter leaves out, which a hard link may still mean. */
  readonly #leftOut = new Map<string, TableNode>();
  /** Where the last entry was put. */
  #last: Neighbourhood | undefined;
  #entries = 0;
  #unreported = 0;

  constructor(options: TableOptions = {}, limit?: TableLimit) {
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
   * Adds one entry. What cannot be taken safely is left out and reported.
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
    const { prefix, path: directories } = this.#last ?? NOWHERE;
    if (directories.length === 0 || target !== undefined || link !== undefined || isDirectory(mode)) return false;
    if (!path.startsWith(prefix) || path.length * 3 >= PATH_MAX) return false;
    const name = path.slice(prefix.length);
    if (name.includes('/') || !isComponent(name) || problemOf(name) !== undefined || !name.isWellFormed()) return false;
    if (this.#oci && name.startsWith(OCI_MARK)) return false;
    const timely = this.#inTime(entry);
    const directory = directories.at(-1)!;
    // What is above a directory is as new at least.
    if (timely.mtime > directory.mtime) for (const node of directories) node.mtime = Math.max(node.mtime, timely.mtime);
    this.#place(directory, name, timely);
    return true;
  }

  #inTime(entry: LayerEntry): LayerEntry {
    const mtime = Math.min(Math.max(entry.mtime, EARLIEST), LATEST);
    if (mtime === entry.mtime) return entry;
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
      this.#describe(this.#root, entry);
      return;
    }
    const directories = this.#makeParents(parts, entry);
    if (directories === undefined) return;
    const directory = directories.at(-1)!;
    if (this.#oci && name.startsWith(OCI_MARK)) this.#addOciMark(directory, name, entry);
    else this.#place(directory, name, entry);
    if (this.#filter === undefined) this.#last = neighbourhoodOf(entry.path, directories);
  }

  /** Makes the table. The builder is of no use afterwards. */
  build(): { readonly table: LayerTable; readonly warnings: readonly LayerWarning[] } {
    for (const { directory, name } of this.#ociWhiteouts) this.#applyOciWhiteout(directory, name);
    for (const { parts, entry } of this.#passages) {
      const node = this.#walk(parts);
      if (node?.children !== undefined && node.entry === undefined) this.#describe(node, entry);
    }
    if (this.#unreported > 0) this.#warnings.push({ entry: '', message: `${this.#unreported} more warnings left out` });
    return { table: packTable(this.#root), warnings: this.#warnings };
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
    if (isDirectory(entry.mode) && entry.link === undefined) this.#passages.push({ parts, entry });
    else {
      const node = entry.link === undefined ? newFile(entry) : this.#find(entry.link);
      if (node !== undefined) this.#leftOut.set(parts.join('/'), node);
    }
  }

  #count(): void {
    this.#entries++;
    if (this.#limit === undefined || this.#entries <= this.#limit.entries) return;
    const { archive, entries } = this.#limit;
    throw new FsError('EFBIG', { detail: `${archive}: more than the ${entries} entries that are allowed` });
  }

  /** The directories above an entry, from the root on. */
  #makeParents(parts: readonly string[], entry: LayerEntry): readonly TableNode[] | undefined {
    let node = this.#root;
    const directories = [node];
    node.mtime = Math.max(node.mtime, entry.mtime);
    for (let i = 0; i < parts.length - 1; i++) {
      const part = parts[i]!;
      let next = node.children!.get(part);
      if (next === undefined || next.whiteout) {
        const opaque = next !== undefined;
        this.#count();
        next = newDirectory();
        next.opaque = opaque;
        node.children!.set(part, next);
      }
      if (next.children === undefined) {
        // A whiteout below a file of its own layer: some tools list all that the file has replaced.
        if (!(this.#oci && parts.at(-1)!.startsWith(OCI_MARK))) this.warn(entry.path, `skipped: '${part}' is not a directory`);
        return undefined;
      }
      next.mtime = Math.max(next.mtime, entry.mtime);
      node = next;
      directories.push(node);
    }
    return directories;
  }

  #place(directory: TableNode, name: string, entry: LayerEntry): void {
    const children = directory.children!;
    const old = children.get(name);
    if (old === undefined) this.#count();
    // It may be a directory that is replaced, and the last entry's may be in it.
    else this.#last = undefined;
    if (entry.link !== undefined) {
      const target = this.#find(entry.link);
      if (target === undefined || target.children !== undefined || target.whiteout) {
        this.warn(entry.path, `skipped: hard link to '${entry.link}', which is not an earlier file of this archive`);
      } else if (target !== old) {
        target.linked = true;
        children.set(name, target);
      }
      return;
    }
    if (isDirectory(entry.mode) && entry.mark !== 'whiteout') {
      const node = old?.children === undefined ? newDirectory() : old;
      if (old?.entry !== undefined) this.warn(entry.path, 'duplicate name: the last entry counts');
      if (old?.whiteout === true) node.opaque = true;
      this.#describe(node, entry);
      children.set(name, node);
      return;
    }
    if (old !== undefined) this.warn(entry.path, 'duplicate name: the last entry counts');
    children.set(name, newFile(entry));
  }

  #describe(node: TableNode, entry: LayerEntry): void {
    node.entry = entry;
    if (entry.mark === 'opaque') node.opaque = true;
  }

  #find(path: string): TableNode | undefined {
    if (problemOf(path) !== undefined) return undefined;
    const parts = [...this.#prefix, ...componentsOf(path).slice(this.#strip)];
    return this.#walk(parts) ?? this.#leftOut.get(parts.join('/'));
  }

  #walk(parts: readonly string[]): TableNode | undefined {
    let node: TableNode | undefined = this.#root;
    for (const part of parts) node = node?.children?.get(part);
    return node;
  }

  /** OCI image specification, layer.md, "Whiteouts": they stand wherever they like in the archive, so they are applied last. */
  #addOciMark(directory: TableNode, name: string, entry: LayerEntry): void {
    if (name === OCI_OPAQUE) {
      directory.opaque = true;
      return;
    }
    const hidden = name.slice(OCI_MARK.length);
    if (hidden.startsWith(OCI_MARK)) return; // AUFS's own bookkeeping
    if (hidden === '' || hidden === '.' || hidden === '..') this.warn(entry.path, 'skipped: a whiteout of no name');
    else this.#ociWhiteouts.push({ directory, name: hidden });
  }

  /** A whiteout counts for the layers below only: what this layer has under the same name stays. */
  #applyOciWhiteout(directory: TableNode, name: string): void {
    const twin = directory.children!.get(name);
    if (twin?.children !== undefined) twin.opaque = true;
    if (twin !== undefined) return;
    this.#count();
    directory.children!.set(name, { entry: undefined, children: undefined, mtime: 0, opaque: false, whiteout: true, linked: false });
  }
}

const NOWHERE: Neighbourhood = { prefix: '', path: [] };

/** Where an entry is, if its name is written so that its last component is what stands last. */
function neighbourhoodOf(path: string, directories: readonly TableNode[]): Neighbourhood | undefined {
  const start = path.lastIndexOf('/') + 1;
  return path.startsWith('/') || !isComponent(path.slice(start)) ? undefined : { prefix: path.slice(0, start), path: directories };
}

const isComponent = (part: string): boolean => part !== '' && part !== '.';

/** Surrogates that stand alone, which UTF-8 does not have, become U+FFFD here: names are compared as bytes. */
function componentsOf(path: string): string[] {
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
