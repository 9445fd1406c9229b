/* The surface itself: `fs.promises`, the `*Sync` calls, `watch` and `constants`, made from the tables of operations. */

import { constants } from '../base/constants.ts';
import { FsError } from '../base/errors.ts';
import type { Dirent, Stats } from '../base/stats.ts';
import type { Fs, FsPromises, FsSync, PathLike, StatListener, StatOptions, WatchOptions } from './api.ts';
import { toView } from '../base/view.ts';
import { signalOf, toBytes, toOptions, toPath, toPosition } from './arguments.ts';
import { descriptors } from './descriptors.ts';
import { DirListing } from './dir.ts';
import { openHandle, openSync } from './file-handle.ts';
import { type OperationName, operations } from './operations.ts';
import { type View, perform, performSync } from './perform.ts';
import { FileWatchers } from './watch-file.ts';
import { WatchIterator, watchWith } from './watching.ts';
import type { WatchListener } from '../overlay/watch.ts';

/** Makes the surface of one user. */
export function createFs(view: View): Fs {
  const promises = createPromises(view);
  const watch = (path: PathLike, options: WatchOptions | WatchListener, listener?: WatchListener) =>
    typeof options === 'function' ? watchWith(view, path, {}, options) : watchWith(view, path, options, listener!);
  const files = new FileWatchers(view);
  const watchFile = (path: PathLike, options: object | StatListener, listener?: StatListener) =>
    files.add(path, typeof options === 'function' ? (options as StatListener) : listener!);
  const unwatchFile = (path: PathLike, listener?: StatListener) => files.remove(path, listener);
  return Object.assign(createSync(view), { promises, watch, watchFile, unwatchFile, constants });
}

const entries = Object.entries(operations);

function createPromises(view: View): FsPromises {
  const simple = Object.fromEntries(
    entries.map(([name, operation]) => [name, (...args: never[]) => perform(view, operation as never, args, signalOf(args))]),
  ) as Pick<FsPromises, OperationName>;
  return {
    ...simple,
    open: (path, flags, permissions) => openHandle(view, path, flags, permissions),
    opendir: async (path, options) => {
      const dirents = await perform(view, { ...operations.readdir, syscall: 'opendir' }, [path, { ...options, withFileTypes: true }]);
      return new DirListing(toPath(path), dirents as Dirent[]);
    },
    watch: (path, options = {}) => {
      const { recursive, signal } = options;
      return new WatchIterator((listener) => {
        const watcher = watchWith(view, path, { recursive }, listener);
        return () => watcher.close();
      }, signal);
    },
  };
}

function createSync(view: View): FsSync {
  const simple = Object.fromEntries(
    entries.map(([name, operation]) => [`${name}Sync`, (...args: never[]) => performSync(view, operation as never, args)]),
  );
  const sync: Partial<FsSync> = {
    readFileSync: ((path: PathLike | number, options?: { encoding?: string | null } | string | null) =>
      typeof path === 'number'
        ? performSync(view, descriptors.readFile, [path, toOptions(options).encoding])
        : performSync(view, operations.readFile as never, [path, options] as never)) as FsSync['readFileSync'],
    statSync: statWith('stat', view),
    lstatSync: statWith('lstat', view),
    opendirSync: (path) => {
      const dirents = performSync(view, { ...operations.readdir, syscall: 'opendir' }, [path, { withFileTypes: true }]);
      return new DirListing(toPath(path), dirents as Dirent[]);
    },
    openSync: (path, flags, permissions) => openSync(view, path, flags, permissions),
    closeSync: (fd) => performSync(view, descriptors.close, [fd]),
    readSync: (fd, buffer, offset, length, position) => {
      const into = toView(buffer, offset, length);
      const bytes = performSync(view, descriptors.read, [fd, into.length, toPosition(position)]);
      into.set(bytes);
      return bytes.length;
    },
    writeSync: (fd, data, offset, length, position) => {
      if (typeof data !== 'string')
        return performSync(view, descriptors.write, [fd, toView(data, offset, length as number), toPosition(position)]);
      return performSync(view, descriptors.write, [fd, toBytes(data, typeof length === 'string' ? length : 'utf8'), toPosition(offset)]);
    },
    fstatSync: (fd) => performSync(view, descriptors.stat, [fd]),
    ftruncateSync: (fd, length) => performSync(view, descriptors.truncate, [fd, length]),
    fchmodSync: (fd, permissions) => performSync(view, descriptors.chmod, [fd, permissions]),
    fchownSync: (fd, uid, gid) => performSync(view, descriptors.chown, [fd, uid, gid]),
    futimesSync: (fd, atime, mtime) => performSync(view, descriptors.utimes, [fd, atime, mtime]),
    fsyncSync: (fd) => performSync(view, descriptors.assertOpen, [fd]),
  };
  return Object.assign(simple, sync) as FsSync;
}

/** Errors are made here, once, and not passed through the engine: most of what one costs is its stack, which is the caller's alone so. */
function statWith(name: 'stat' | 'lstat', view: View): FsSync['statSync'] {
  const operation = operations[name];
  const quiet = { throwIfNoEntry: false };
  const stat = (path: PathLike, options?: StatOptions): Stats | undefined => {
    const found = performSync(view, operation, [path, quiet]);
    if (found === undefined && options?.throwIfNoEntry !== false) throw new FsError('ENOENT', { syscall: name, path: toPath(path) });
    return found;
  };
  return stat as FsSync['statSync'];
}
