/* `pack`: a folder or an archive in, an archive out that a browser can mount piece by piece. What `stratafs/pack` exports. */

import { statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { FsError } from '../base/errors.ts';
import { NO_PREFETCH_LANDMARK, PREFETCH_LANDMARK, TOC_NAME } from '../archive/estargz.ts';
import { openLayer } from '../lower/open-layer.ts';
import type { Level } from './compress.ts';
import { type ArrangeOptions, type Arranged, type PackTree, type PackWarning, arrange } from './entry.ts';
import { writeEstargz } from './estargz.ts';
import { fileSource } from './file-source.ts';
import { readFolder } from './folder.ts';
import { readLayerTree } from './layer-tree.ts';
import { writeZip } from './zip.ts';

export type PackFormat = 'estargz' | 'zip';

export interface PackOptions extends Omit<ArrangeOptions, 'owner'> {
  /** Default: eStargz. */
  readonly format?: PackFormat | undefined;
  /** Owner of everything; *keep*: as it is. Default: 0:0 for a folder, *keep* for an archive. */
  readonly owner?: { readonly uid: number; readonly gid: number } | 'keep' | undefined;
  /** Of an archive: leading components of every name to drop. Default: 0. */
  readonly strip?: number | undefined;
  /** Of compression, 0 to 9. Default: 9. */
  readonly level?: number | undefined;
  /** Bytes up to which small files share a gzip member; 0 for readers that know no `innerOffset`. Default: 65,536. eStargz only. */
  readonly groupSize?: number | undefined;
  /** Bytes of a chunk of a large file. Default: 1,048,576. eStargz only. */
  readonly chunkSize?: number | undefined;
}

export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly format: PackFormat;
  /** `sha256:HEX` of `bytes`. */
  readonly digest: string;
  /** `sha256:HEX` of the table of contents: what the option `tocDigest` of `openLayer` pins. eStargz only. */
  readonly tocDigest?: string | undefined;
  /** `sha256:HEX` of the tar inside. eStargz only. */
  readonly diffId?: string | undefined;
  /** Bytes of that tar. eStargz only. */
  readonly tarSize?: number | undefined;
  /** Objects in it. */
  readonly entries: number;
  /** Of these, how many stand in front because the trace names them. */
  readonly prefetched: number;
  /** What was left out or changed. */
  readonly warnings: readonly PackWarning[];
}

/**
 * Packs a folder, or packs an archive (a path or its bytes: zip, tar, tar.gz, tar.zst, eStargz) anew. All of it is in memory at once.
 * The same tree and options give the same bytes, on every machine.
 *
 * @throws {FsError} EINVAL when the archive is none, EIO when it is damaged, EFBIG for a zip of 4 GiB; Node's errors for files
 * @throws {TypeError} when an option is none
 * @example
 * const { bytes, tocDigest } = await pack('template', { trace: ['src/main.ts', 'package.json'], exclude: ['.git'] });
 */
export async function pack(source: string | Uint8Array, options: PackOptions = {}): Promise<Packed> {
  const isFolder = typeof source === 'string' && statSync(source).isDirectory();
  if (isFolder && options.strip !== undefined && options.strip !== 0) throw new TypeError("The option 'strip' is for archives");
  const owner = options.owner ?? (isFolder ? { uid: 0, gid: 0 } : 'keep');
  const tree = isFolder ? readFolder(source) : await openTree(source, options.strip ?? 0);
  return packTree(tree, { ...options, owner });
}

/** Packs a tree that something else made. @throws as `pack` */
export async function packTree(tree: PackTree, options: PackOptions): Promise<Packed> {
  const { format = 'estargz', groupSize, chunkSize } = options;
  const level = levelOf(options.level);
  for (const [name, value] of Object.entries({ groupSize, chunkSize })) assertSize(name, value);
  if (chunkSize === 0) throw new TypeError("The option 'chunkSize' must be more than 0");
  const arranged = arrange(tree, { ...options, owner: options.owner === 'keep' ? undefined : options.owner });
  const entries = arranged.first.length + arranged.rest.length;
  const common = { format, entries, prefetched: arranged.first.length };
  if (format === 'zip') {
    const { bytes, warnings } = await writeZip(arranged, level);
    return { ...common, bytes, digest: digestOf(bytes), warnings: [...tree.warnings, ...warnings] };
  }
  if (format !== 'estargz') throw new TypeError(`The option 'format' must be 'estargz' or 'zip': ${String(format)}`);
  assertNoReservedNames(arranged);
  const written = await writeEstargz(arranged, { level, groupSize, chunkSize });
  return { ...common, ...written, digest: digestOf(written.bytes), warnings: tree.warnings };
}

/** Bytes of one archive that may be in memory, as there is one archive and all of it is packed. */
const MEMORY = 2 ** 32;

async function openTree(source: string | Uint8Array, strip: number): Promise<PackTree> {
  return readLayerTree(await openLayer(typeof source === 'string' ? fileSource(source) : source, { strip, maxBytes: MEMORY }));
}

/** What is at these places in the format means something else. */
function assertNoReservedNames({ first, rest }: Arranged): void {
  const reserved = [TOC_NAME, PREFETCH_LANDMARK, NO_PREFETCH_LANDMARK];
  const found = [...first, ...rest].find(({ path }) => reserved.includes(path));
  if (found !== undefined) throw new FsError('EINVAL', { path: found.path, detail: 'a name that eStargz needs for itself: exclude it' });
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function levelOf(level = 9): Level {
  if (!Number.isInteger(level) || level < 0 || level > 9) throw new TypeError(`The option 'level' must be a number from 0 to 9: ${level}`);
  return level as Level;
}

function assertSize(name: string, value: number | undefined): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 0))
    throw new TypeError(`The option '${name}' must be a number of bytes: ${value}`);
}
