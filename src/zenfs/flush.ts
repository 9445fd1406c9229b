/*
 * What ZenFS has buffered of an open file, brought to the engine as one operation: so an overwrite, which ZenFS makes of a
 * truncation, writes and a change of attributes, is one commit, and nobody sees half of it.
 */

import { decodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { PERMISSIONS, S_IFLNK, S_IFMT, isFile } from '../base/mode.ts';
import * as attr from '../overlay/attr.ts';
import { type Call, emit } from '../overlay/call.ts';
import { chunkSizeOf } from '../layer/chunk-size.ts';
import { copyUpFile, gatherForCopyUp } from '../overlay/copy-up.ts';
import { readContent, truncateContent, writeContent } from '../overlay/data.ts';
import { NotResident } from '../overlay/gather.ts';
import { originOf } from '../overlay/ino.ts';
import { lookup } from '../overlay/lookup.ts';
import type { Found } from '../overlay/walk.ts';
import type { Patch } from './buffer.ts';
import type { AttributeChanges } from './inode.ts';

/** Everything that changed in an open file since it was last brought to the engine. */
export interface Flush {
  /** The smallest size that the file was cut to before the patches, where it was. */
  readonly truncateTo: number | undefined;
  /** The size it has after a truncation and the patches; `undefined` where it was not truncated. */
  readonly size: number | undefined;
  /** Ascending, without overlaps. */
  readonly patches: readonly Patch[];
  readonly attributes: AttributeChanges;
  /** `mtimeMs` is only the time of the last write. It is not applied when the file's own is not this any more: somebody else wrote later. */
  readonly unlessMtimeIsNot: number | undefined;
}

/** Tells whether an open file is there. A failed commit takes back a file that was made in it, open or not. */
export const isPresent = ({ tree }: Call, ino: number): boolean =>
  ino === tree.root.ino || tree.inode(ino) !== undefined || originOf(tree.layers, ino) !== undefined;

/** @throws {FsError} EIO when the file was taken back */
export function assertPresent(call: Call, ino: number): void {
  if (!isPresent(call, ino)) throw new FsError('EIO', { detail: 'the commit that made the file has failed' });
}

/** Applies a flush. @throws {FsError} EROFS, EFBIG, EIO */
export function applyFlush(call: Call, place: Found, flush: Flush): void {
  const { tree } = call;
  const { truncateTo, patches, attributes, size } = flush;
  assertPresent(call, place.ino);
  gather(call, place.ino, flush);
  if (attributes.mode !== undefined && isOtherType(tree.mode(place.ino), attributes.mode)) return becomeLink(call, place, flush);
  const writtenSince = flush.unlessMtimeIsNot !== undefined && flush.unlessMtimeIsNot !== tree.attr(place.ino).mtimeMs;
  if (truncateTo !== undefined) truncateContent(call, place, truncateTo);
  for (const { position, bytes } of patches) writeContent(call, place, position, bytes);
  if (size !== undefined && tree.attr(place.ino).size < size) truncateContent(call, place, size);
  if (truncateTo !== undefined || patches.length > 0) emitChange(call, place);
  const { mtimeMs, ...others } = attributes;
  changeAttributes(call, place, writtenSince || mtimeMs === undefined ? others : attributes);
}

/** Changes what is said, and nothing else. */
export function changeAttributes(call: Call, place: Found, { mode, uid, gid, atimeMs, mtimeMs }: AttributeChanges): void {
  if (uid !== undefined || gid !== undefined) attr.chown(call, place, uid ?? -1, gid ?? -1);
  if (mode !== undefined && (mode & PERMISSIONS) !== (call.tree.mode(place.ino) & PERMISSIONS)) attr.chmod(call, place, mode & PERMISSIONS);
  if (atimeMs !== undefined || mtimeMs !== undefined) attr.utimes(call, place, atimeMs, mtimeMs);
}

const isOtherType = (mode: number, wanted: number): boolean => (wanted & S_IFMT) !== 0 && (wanted & S_IFMT) !== (mode & S_IFMT);

/** ZenFS makes a symbolic link of a regular file that holds the target, by changing its type. @throws {FsError} EINVAL for other types */
function becomeLink(call: Call, place: Found, flush: Flush): void {
  const { tree } = call;
  if (!isFile(tree.mode(place.ino)) || (flush.attributes.mode! & S_IFMT) !== S_IFLNK) throw new FsError('EINVAL');
  const content = contentAfter(call, place.ino, flush);
  const { origin: _origin, ...record } = copyUpFile(call, place.directory, place.name, place.ino);
  const target = decodeUtf8(content);
  tree.put(place.ino, { ...record, mode: S_IFLNK | 0o777, target, size: content.length, originSize: 0, chunks: [], ctimeMs: call.now });
  emitChange(call, place);
}

function contentAfter(call: Call, ino: number, { truncateTo, patches }: Flush): Uint8Array {
  const kept = readContent(call, ino, 0, truncateTo ?? call.tree.attr(ino).size);
  const end = patches.reduce((size, { position, bytes }) => Math.max(size, position + bytes.length), kept.length);
  const content = new Uint8Array(end);
  content.set(kept);
  for (const { position, bytes } of patches) content.set(bytes, position);
  return content;
}

function emitChange(call: Call, { directory, name, ino }: Found): void {
  if (!call.watchers.isEmpty && lookup(call.tree, directory, name) === ino) emit(call, 'change', directory, name);
}

/** Gathers what the whole flush will need, because after its first step nothing may be missing. */
export function gather(call: Call, ino: number, { truncateTo, patches }: Pick<Flush, 'truncateTo' | 'patches'>): void {
  gatherForCopyUp(call, ino);
  const limit = truncateTo ?? Infinity;
  const chunkSize = chunkSizeIn(call, ino);
  const edges = edgeChunks(
    chunkSize,
    patches.map(({ position, bytes }) => [position, position + bytes.length]),
  );
  if (truncateTo !== undefined && truncateTo % chunkSize !== 0) edges.add(Math.floor(truncateTo / chunkSize));
  gatherChunks(call, ino, edges, limit);
}

/** Bytes of a file's chunks as they are now; those of a lower's file as they will be. */
export const chunkSizeIn = ({ tree }: Call, ino: number): number => chunkSizeOf(tree.inode(ino) ?? {});

/** The chunks that the ranges cover in part: what is in them already stays. */
export function edgeChunks(chunkSize: number, ranges: Iterable<readonly [start: number, end: number]>): Set<number> {
  const edges = new Set<number>();
  for (const [start, end] of ranges) {
    if (start % chunkSize !== 0) edges.add(Math.floor(start / chunkSize));
    if (end % chunkSize !== 0) edges.add(Math.floor(end / chunkSize));
  }
  return edges;
}

/** Gathers chunks of a file as far as `limit`. */
export function gatherChunks(call: Call, ino: number, chunks: Iterable<number>, limit: number): void {
  const chunkSize = chunkSizeIn(call, ino);
  for (const chunk of chunks) {
    try {
      readContent(call, ino, chunk * chunkSize, Math.min((chunk + 1) * chunkSize, limit));
    } catch (e) {
      // Noted as missing. The others are looked at first, so that all are fetched at once.
      if (!(e instanceof NotResident)) throw e;
    }
  }
  call.gathered.assertResident();
}
