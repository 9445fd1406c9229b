/* A frozen tree as a zip. */

import { PERMISSIONS } from '../base/mode.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import { ZipWriter } from '../archive/zip-write.ts';
import { typeOf } from '../overlay/readdir.ts';
import type { Frozen, Pieces } from './export.ts';

/** Hard links become files of their own; devices and sockets are left out, because zip has none. */
export async function* exportZip(frozen: Frozen): Pieces {
  const writer = new ZipWriter();
  for (const { path, ino } of frozen.entries as readonly { path: string; ino: number }[]) {
    const { mode, uid, gid, mtimeMs } = frozen.tree.attr(ino);
    const type = typeOf(mode);
    if (path === '/' || !(type === 'file' || type === 'directory' || type === 'symlink')) continue;
    const name = type === 'directory' ? `${path.slice(1)}/` : path.slice(1);
    const entry = { name, type, mode: mode & PERMISSIONS, uid, gid, mtime: Math.floor(mtimeMs / 1000) };
    yield* writer.add(entry, type === 'file' ? frozen.content(path, ino) : targetOf(frozen, path, ino, type));
  }
  yield* writer.end();
}

/** The target of a symbolic link; a directory has no content. */
async function* targetOf(frozen: Frozen, path: string, ino: number, type: 'directory' | 'symlink'): Pieces {
  if (type === 'symlink') yield encodeUtf8(await frozen.target(path, ino));
}
