/* A frozen tree as a tar, or as a layer of an OCI image (image-spec, layer.md). */

import { FsError } from '../base/errors.ts';
import { PERMISSIONS, deviceOf } from '../base/mode.ts';
import { TAR_END_SIZE, tarHeader, tarPadding } from '../archive/tar-write.ts';
import { isMark, xattrsOf } from '../overlay/attr.ts';
import { typeOf } from '../overlay/readdir.ts';
import type { Frozen, Pieces } from './export.ts';

/** What names of marks begin with; no file of a layer may be called so. */
const MARK = '.wh.';
const OPAQUE = `${MARK}${MARK}.opq`;
/** Seconds: of years with four digits, as lowers have them at most. A program may set any number as a time, and headers tell digits only. */
const [EARLIEST, LATEST] = [Date.parse('0001-01-01T00:00:00Z') / 1000, Date.parse('9999-12-31T23:59:59Z') / 1000];

/** @throws {FsError} EINVAL for a name that a layer cannot have */
export async function* exportTar(frozen: Frozen, isLayer: boolean): Pieces {
  /** File with several names -> the first one. */
  const firsts = new Map<number, string>();
  for (const entry of frozen.entries) {
    const name = entry.path.slice(1);
    // Deleted ones neither: the whiteout of '.wh..opq' would be an opaque mark.
    if (isLayer && name.slice(name.lastIndexOf('/') + 1).startsWith(MARK)) throw takenName(entry.path);
    if (entry.mark !== undefined) yield tarHeader({ ...NOTHING, name: markOf(name, entry.mark) });
    else yield* exportEntry(frozen, { ...entry, name }, firsts);
  }
  yield new Uint8Array(TAR_END_SIZE);
}

async function* exportEntry(
  frozen: Frozen,
  { path, name, ino }: { path: string; name: string; ino: number },
  firsts: Map<number, string>,
): Pieces {
  const { mode, uid, gid, nlink, rdev, size, mtimeMs } = frozen.tree.attr(ino);
  const type = typeOf(mode);
  // Only the system that made one can connect to it.
  if (type === 'socket') return;
  // What another overlay has left marks nothing here, and is not to mark anything where it is unpacked.
  const xattrs = new Map([...(xattrsOf(frozen.tree, ino) ?? [])].filter(([key]) => !isMark(key)));
  const common = { name, mode: mode & PERMISSIONS, uid, gid, mtime: secondsOf(mtimeMs), xattrs };
  const first = firsts.get(ino);
  if (first !== undefined) return yield tarHeader({ ...common, type: 'link', target: first });
  if (type !== 'directory' && nlink > 1) firsts.set(ino, name);
  if (type === 'directory') return yield tarHeader({ ...common, name: name === '' ? './' : `${name}/`, type });
  if (type === 'symlink') return yield tarHeader({ ...common, type, target: await frozen.target(path, ino) });
  if (type !== 'file') return yield tarHeader({ ...common, type, device: type === 'fifo' ? undefined : deviceOf(rdev) });
  yield tarHeader({ ...common, type, size });
  yield* frozen.content(path, ino);
  if (tarPadding(size) > 0) yield new Uint8Array(tarPadding(size));
}

const secondsOf = (timeMs: number): number => Math.min(Math.max(Math.floor(timeMs / 1000), EARLIEST), LATEST);

const NOTHING = { type: 'file', mode: 0, uid: 0, gid: 0, mtime: 0, size: 0 } as const;

const markOf = (name: string, mark: 'whiteout' | 'opaque'): string =>
  mark === 'opaque' ? `${name}/${OPAQUE}` : name.replace(/[^/]*$/, (last) => MARK + last);

const takenName = (path: string): FsError =>
  new FsError('EINVAL', { syscall: 'export', path, detail: `names with '${MARK}' in front are marks in an OCI layer` });
