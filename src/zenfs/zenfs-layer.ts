/*
 * Any file system of ZenFS as a lower layer. Opening walks it once and makes a table of what it says of itself; content is read when
 * it is asked for. It must not change while it is a layer: nobody could tell, but for a file whose size is another.
 */

import type { FileSystem, InodeLike } from '@zenfs/core';
import { encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { isDirectory, isFile } from '../base/mode.ts';
import { damaged } from '../archive/damage.ts';
import { type ArchiveLimits, assertEntrySize, resolveLimits } from '../archive/limits.ts';
import { TableBuilder, type TableOptions } from '../layer/build-table.ts';
import type { Layer, LayerWarning, VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import { layerDigest } from '../lower/digest.ts';
import { sweepFiles } from '../lower/sweep.ts';
import { type WalkedEntry, walkFileSystem } from './walk.ts';

/** Bytes to read at once of what is verified. */
const STEP = 4 << 20;

export interface ZenfsLayerOptions extends Pick<TableOptions, 'at' | 'strip' | 'include' | 'exclude' | 'whiteouts'> {
  /** For messages. Default: the file system's. */
  readonly name?: string | undefined;
  /**
   * Says what the content is: equal texts, equal trees. An upper goes with no other layer. Default: what the file system tells of each
   * object (name, type, mode, owner, size, time, target); so one that is filled anew at each start, with new times, needs this.
   */
  readonly identity?: string | undefined;
  /** `entries` and `entrySize`; the others are for archives. */
  readonly limits?: ArchiveLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a lower layer of a file system. It stays the caller's, and must not change while the layer is in use.
 *
 * @throws {FsError} EIO with the cause when it cannot be listed, EFBIG when it has more objects than `limits.entries`
 * @example
 * const layer = await openZenfsLayer(await resolveMountConfig({ backend: Fetch, baseUrl: '/assets' }), { at: '/assets' });
 * await configure({ mounts: { '/': { backend: Overlay, lower: [layer], upper: 'project-42' } } });
 */
export async function openZenfsLayer(fs: FileSystem, options: ZenfsLayerOptions = {}): Promise<Layer> {
  const { name = fs.name, at, strip = 0, include, exclude, whiteouts, identity, signal } = options;
  const limits = resolveLimits(options.limits);
  const table: TableOptions = { at, strip, include, exclude, whiteouts };
  const builder = new TableBuilder(table, { archive: name, entries: limits.entries });
  const entries: WalkedEntry[] = [];
  const said: string[] = [];
  await fs.ready();
  const warn = (path: string, why: string): void => builder.warn(path, why);
  for await (const walked of walkFileSystem(fs, { name, limit: limits.entries, signal, strip, warn })) {
    const { path, inode, link, target, xattrs } = walked;
    const { mode, uid, gid, size, mtimeMs: mtime, rdev } = inode;
    const extent = { offset: entries.length, stored: 0, method: 0, crc: 0 };
    const length = isDirectory(mode) ? 0 : target === undefined ? size : encodeUtf8(target).length;
    builder.add({ path: `.${path}`, mode, uid, gid, mtime, size: length, extent, target, link, rdev, xattrs });
    said.push(JSON.stringify([path, mode, uid, gid, length, mtime, rdev ?? 0, link, target]));
    entries.push(walked);
  }
  const digest = await layerDigest(encodeUtf8(identity ?? said.join('\n')), table);
  return new ZenfsLayer({ fs, name, digest, at: at ?? '/', entrySize: limits.entrySize, entries, ...builder.build() });
}

interface ZenfsParts extends Pick<Layer, 'name' | 'digest' | 'at'> {
  readonly fs: FileSystem;
  readonly entries: readonly WalkedEntry[];
  readonly entrySize: number;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
}

class ZenfsLayer implements Layer {
  readonly name: string;
  readonly digest: string;
  readonly at: string;
  readonly table: LayerTable;
  readonly warnings: readonly LayerWarning[];
  readonly #parts: ZenfsParts;
  constructor(parts: ZenfsParts) {
    this.name = parts.name;
    this.digest = parts.digest;
    this.at = parts.at;
    this.table = parts.table;
    this.warnings = parts.warnings;
    this.#parts = parts;
  }

  peek(entry: number, start: number, end: number): Uint8Array | undefined {
    const { fs } = this.#parts;
    const { path, inode } = this.#access(entry);
    const bytes = new Uint8Array(end - start);
    try {
      if (start < end) {
        this.#assertSame(path, inode, fs.statSync(path));
        fs.readSync(path, bytes, start, end);
      }
    } catch (e) {
      if (e instanceof FsError) throw e;
      // EAGAIN, ENOSYS or a method that is not there: backends differ in how they say that they cannot. What else is wrong, `read` tells.
      return undefined;
    }
    return bytes;
  }

  async read(entry: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const { fs, name } = this.#parts;
    const { path, inode } = this.#access(entry);
    const bytes = new Uint8Array(end - start);
    if (start === end) return bytes;
    try {
      this.#assertSame(path, inode, await fs.stat(path));
      await fs.read(path, bytes, start, end);
    } catch (e) {
      if (e instanceof FsError) throw e;
      throw damaged({ archive: name, entry: path, cause: e }, `cannot be read: ${reasonOf(e)}`);
    }
    signal?.throwIfAborted();
    return bytes;
  }

  verify(signal?: AbortSignal): AsyncIterable<VerifiedFile> {
    const check = async (entry: number): Promise<void> => {
      const size = isFile(this.table.mode(entry)) ? this.table.size(entry) : 0;
      for (let at = 0; at < size; at += STEP) await this.read(entry, at, Math.min(size, at + STEP), signal);
    };
    return sweepFiles(this.table, check, signal);
  }

  /** The file system is its owner's. */
  async close(): Promise<void> {}

  #access(entry: number): WalkedEntry {
    const file = this.table.canonical(entry);
    const walked = this.#parts.entries[this.table.extent(file).offset]!;
    assertEntrySize(this.#parts.entrySize, this.table.size(file), { archive: this.name, entry: walked.path });
    return walked;
  }

  /** A file that has become shorter would be read as zeros. @throws {FsError} ESTALE */
  #assertSame(path: string, { size }: Pick<InodeLike, 'size'>, now: Pick<InodeLike, 'size'>): void {
    if (now.size === size) return;
    throw new FsError('ESTALE', { detail: `${this.name}: '${path}': changed under the layer: it had ${size} bytes, has ${now.size}` });
  }
}

const reasonOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));
