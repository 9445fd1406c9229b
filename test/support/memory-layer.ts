/*
 * A lower layer whose content is in memory, made of a `Tree`. It can be lazy, as an archive behind a network is: then content
 * is not at hand until it was read, and what was read is counted.
 */

import { encodeUtf8 } from '../../src/base/bytes.ts';
import type { FsError } from '../../src/base/errors.ts';
import { type LayerEntry, TableBuilder } from '../../src/layer/build-table.ts';
import type { Layer, LayerWarning } from '../../src/layer/layer.ts';
import type { LayerTable } from '../../src/layer/table.ts';
import { SEED_TIME, type Tree, type TreeAttributes, type TreeItem, type TreeNode, modeOf, tree, walkTree } from './tree.ts';

export interface MemoryLayerOptions {
  readonly name?: string;
  /**
   * *until-read*: `peek` misses until the bytes were read once. *always*: `peek` misses for ever, as with a cache that is
   * too small. Default: everything is at hand.
   */
  readonly lazy?: 'until-read' | 'always';
  /** *content*: targets of symbolic links are content, as in a zip archive. Default: they stand in the table. */
  readonly targets?: 'content';
}

/** A range of a file that was read. */
export interface RangeRead {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

export interface MemoryLayer extends Layer {
  /** Every call of `read`, in order. */
  readonly reads: readonly RangeRead[];
  /** Makes every later `read` fail with this error; `undefined` mends it. */
  failWith(error: FsError | undefined): void;
  /** Identifies the bytes as they are now: lowers must never change. */
  fingerprint(): string;
}

type Content = Uint8Array | number;

/** Makes a layer of the nodes of its root: `lower(dir('a', file('x')))`. */
export const lower = (...items: readonly TreeItem[]): MemoryLayer => treeLayer(tree(...items));

/** Makes a layer of a tree. */
export function treeLayer(root: Tree, options: MemoryLayerOptions = {}): MemoryLayer {
  const contents: Content[] = [];
  const builder = new TableBuilder();
  builder.add(entryOf(root, '/', contents, options));
  for (const { path, node } of walkTree(root)) builder.add(entryOf(node, path, contents, options));
  const { table, warnings } = builder.build();
  const problems = warnings.filter(({ entry }) => entry !== '/');
  if (problems.length > 0) throw new TypeError(`The tree cannot be a layer: ${JSON.stringify(problems)}`);
  return new TreeLayer(table, contents, options);
}

function entryOf(node: TreeNode, path: string, contents: Content[], { targets }: MemoryLayerOptions): LayerEntry {
  const common = { path, mode: modeOf(node), mtime: SEED_TIME };
  if (node.kind === 'whiteout') return { ...common, mark: 'whiteout' };
  if (node.kind === 'link') return { ...common, link: node.to };
  const entry = { ...common, ...describe(node.attributes) };
  switch (node.kind) {
    case 'file':
      return { ...entry, ...place(node.content, contents) };
    case 'directory':
      return { ...entry, mark: node.opaque ? 'opaque' : undefined };
    case 'symlink':
      return targets === 'content'
        ? { ...entry, ...place(encodeUtf8(node.target), contents) }
        : { ...entry, target: node.target, size: encodeUtf8(node.target).length };
    case 'special':
      return { ...entry, rdev: node.rdev };
    default:
      return node satisfies never;
  }
}

function describe({ uid, gid, mtime = SEED_TIME, xattrs, redirect }: TreeAttributes): Partial<LayerEntry> & { mtime: number } {
  const bytes = xattrs && new Map([...xattrs].map(([name, value]) => [name, encodeUtf8(value)]));
  return { uid, gid, mtime, xattrs: bytes, redirect };
}

/** Content is found again by its position, which stands in the table as the archive offset. */
function place(content: Content, contents: Content[]): Pick<LayerEntry, 'size' | 'extent'> {
  const size = typeof content === 'number' ? content : content.length;
  contents.push(content);
  return { size, extent: { offset: contents.length - 1, stored: size, method: 0, crc: 0 } };
}

class TreeLayer implements MemoryLayer {
  readonly name: string;
  readonly digest: string;
  readonly at = '/';
  readonly warnings: readonly LayerWarning[] = [];
  readonly reads: RangeRead[] = [];
  #error: FsError | undefined;

  constructor(
    readonly table: LayerTable,
    private readonly contents: readonly Content[],
    private readonly options: MemoryLayerOptions,
  ) {
    this.name = options.name ?? 'memory';
    this.digest = this.fingerprint();
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    const { lazy } = this.options;
    if (lazy === 'always') return undefined;
    if (lazy === 'until-read' && start < end && !this.#wasRead(entry, start, end)) return undefined;
    return this.#bytes(entry, start, end);
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.#error !== undefined) throw this.#error;
    const bytes = this.#bytes(entry, start, end);
    this.reads.push({ path: this.table.path(this.table.canonical(entry)), start, end });
    return bytes;
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  failWith(error: FsError | undefined): void {
    this.#error = error;
  }

  fingerprint(): string {
    const hashes = [0x811c9dc5, 0x01234567];
    const mix = (text: string): void => {
      for (const byte of encodeUtf8(text)) {
        hashes[0] = Math.imul(hashes[0]! ^ byte, 0x01000193);
        hashes[1] = Math.imul(hashes[1]! ^ byte, 0x5bd1e995);
      }
    };
    const { table } = this;
    for (let entry = 0; entry < table.length; entry++) {
      mix(`${table.path(entry)}\0${table.mode(entry)} ${table.uid(entry)} ${table.gid(entry)} ${table.mtime(entry)} ${table.size(entry)}`);
      mix(`${table.isWhiteout(entry)} ${table.isOpaque(entry)} ${table.canonical(entry)} ${table.target(entry)} ${table.redirect(entry)}`);
    }
    for (const content of this.contents) mix(typeof content === 'number' ? `zeros ${content}` : sampleOf(content));
    return `test:${hashes.map((hash) => (hash >>> 0).toString(16)).join('-')}`;
  }

  #wasRead(entry: number, start: number, end: number): boolean {
    const path = this.table.path(this.table.canonical(entry));
    return this.reads.some((range) => range.path === path && range.start <= start && end <= range.end);
  }

  #bytes(entry: number, start: number, end: number): Uint8Array {
    const size = this.table.size(entry);
    if (start < 0 || start > end || end > size) throw new RangeError(`asked for [${start}, ${end}) of ${size} bytes`);
    const content = this.contents[this.table.extent(this.table.canonical(entry)).offset];
    if (content === undefined || size === 0) return new Uint8Array(0);
    return typeof content === 'number' ? new Uint8Array(end - start) : content.slice(start, end);
  }
}

/** Enough of the content to tell that it changed; large contents of tests are made by rule. */
function sampleOf(content: Uint8Array): string {
  const ends = content.length <= 8192 ? content : [...content.subarray(0, 4096), ...content.subarray(-4096)];
  return `${content.length}:${String.fromCharCode(...ends)}`;
}
