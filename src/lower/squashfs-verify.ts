/*
 * Reads all content of a SquashFS image again, each byte once: a fragment holds the ends of many files and stands far from their
 * blocks, so that files are not read one after another, but what stands first is read first.
 */

import { isFile } from '../base/mode.ts';
import type { Part, SquashfsParts } from '../archive/squashfs-content.ts';
import type { VerifiedFile } from '../layer/layer.ts';
import type { LayerTable } from '../layer/table.ts';
import type { Source } from './source.ts';
import { Sweep } from './sweep.ts';
import { filesOf } from './table-paths.ts';

export interface SquashfsSweep {
  readonly table: LayerTable;
  readonly parts: SquashfsParts;
  readonly source: Source;
  readonly signal: AbortSignal | undefined;
  /** The parts of a file that hold [start, end). @throws {FsError} EIO, EFBIG */
  readonly partsOf: (entry: number, start: number, end: number) => readonly Part[];
  /** @throws {FsError} EIO */
  readonly unpack: (part: Part, bytes: Uint8Array, entry: number) => Uint8Array;
  /** @throws {FsError} EIO */
  readonly assertHeld: (part: Part, content: Uint8Array, entry: number) => void;
}

/** A piece of a file, and where it starts in the image: its blocks, or its end in a fragment. */
interface Piece {
  readonly at: number;
  readonly entry: number;
  readonly start: number;
  readonly end: number;
}

/** Tells of each file when all of it was read. */
export async function* verifySquashfs(image: SquashfsSweep): AsyncGenerator<VerifiedFile> {
  const { parts, source, signal, partsOf, unpack, assertHeld } = image;
  const sweep = new Sweep(source, parts.content.contentEnd, signal);
  const pieces = piecesOf(image);
  const left = new Map<number, number>();
  const errors = new Map<number, unknown>();
  for (const { entry } of pieces) left.set(entry, (left.get(entry) ?? 0) + 1);
  let last: { readonly key: number; readonly content: Uint8Array } | undefined;
  for (const { entry, start, end } of pieces) {
    signal?.throwIfAborted();
    try {
      for (const part of partsOf(entry, start, end)) {
        // A fragment of many files is unpacked once.
        if (last?.key !== part.key) last = { key: part.key, content: unpack(part, await sweep.read(part.start, part.end), entry) };
        assertHeld(part, last.content, entry);
      }
    } catch (error) {
      signal?.throwIfAborted();
      errors.set(entry, error);
    }
    const more = left.get(entry)! - 1;
    left.set(entry, more);
    if (more === 0) yield errors.has(entry) ? { entry, error: errors.get(entry) } : { entry };
  }
}

/** In the order in which the image has them. */
function piecesOf({ table, parts }: SquashfsSweep): Piece[] {
  const pieces: Piece[] = [];
  for (const entry of filesOf(table, 'all')) {
    const extent = table.extent(entry);
    const size = isFile(table.mode(entry)) ? table.size(entry) : 0;
    const tail = size > 0 ? parts.tail(extent, size) : undefined;
    if (tail !== undefined) pieces.push({ at: tail.start, entry, start: tail.position, end: size });
    if (tail?.position !== 0) pieces.push({ at: extent.offset, entry, start: 0, end: tail?.position ?? size });
  }
  return pieces.sort((a, b) => a.at - b.at);
}
