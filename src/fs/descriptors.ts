/* Calls on open files, by descriptor: the operations behind `FileHandle` and the `*Sync` calls that take a number. */

import { decodeText } from '../base/encoding.ts';
import { Stats } from '../base/stats.ts';
import * as attr from '../overlay/attr.ts';
import type { Call } from '../overlay/call.ts';
import * as handle from '../overlay/handle.ts';
import type { Data, Encoding, OpenMode, PathLike, TimeLike } from './api.ts';
import { toBytes, toFlags, toId, toLength, toMode, toPath, toTime } from './arguments.ts';
import type { Definition } from './operations.ts';

const define = <A extends unknown[], R>(syscall: string, run: (call: Call, ...args: A) => R, paths: 0 | 1 = 0): Definition<A, R> => ({
  syscall,
  paths,
  run,
});

/** A call that changes nothing; `close` does when it frees an unlinked file, and then waits all the same. */
const look = <A extends unknown[], R>(syscall: string, run: (call: Call, ...args: A) => R): Definition<A, R> => ({
  ...define(syscall, run),
  reads: true,
});

export const descriptors = {
  open: define(
    'open',
    (call, path: PathLike, flags?: OpenMode, mode?: number | string) =>
      handle.open(call, toPath(path), toFlags(flags, 'r'), toMode(mode, 0o666)).fd,
    1,
  ),
  close: look('close', (call, fd: number) => handle.close(call, fd)),
  /** Gives the bytes themselves; faces put them where their callers want them. */
  read: look('read', (call, fd: number, length: number, position?: number) => handle.read(call, fd, length, position)),
  write: define('write', (call, fd: number, bytes: Uint8Array, position?: number) => handle.write(call, fd, bytes, position)),
  stat: look('fstat', (call, fd: number) => new Stats(attr.stat(call, handle.placeOf(call, fd)))),
  truncate: define('ftruncate', (call, fd: number, length?: number) => handle.truncate(call, fd, toLength(length))),
  chmod: define('fchmod', (call, fd: number, mode: number | string) => attr.chmod(call, handle.placeOf(call, fd), toMode(mode, 0))),
  chown: define('fchown', (call, fd: number, uid: number, gid: number) => attr.chown(call, handle.placeOf(call, fd), toId(uid), toId(gid))),
  utimes: define('futime', (call, fd: number, atime: TimeLike, mtime: TimeLike) =>
    attr.utimes(call, handle.placeOf(call, fd), toTime(atime), toTime(mtime)),
  ),
  /** The rest of the file from where the handle stands. */
  readFile: look('read', (call, fd: number, encoding?: string | null): string | Uint8Array => {
    const { size } = call.tree.attr(handle.openFile(call, fd).ino);
    const bytes = handle.read(call, fd, size, undefined);
    return encoding ? decodeText(bytes, encoding) : bytes;
  }),
  /** Writes from where the handle stands, as Node does: what is behind it stays. */
  writeFile: define('write', (call, fd: number, data: Data, encoding?: Encoding | null) => {
    handle.write(call, fd, toBytes(data, encoding ?? 'utf8'), undefined);
  }),
  /** @throws {FsError} EBADF, ESTALE */
  assertOpen: look('fsync', (call, fd: number) => void handle.openFile(call, fd)),
} as const;
