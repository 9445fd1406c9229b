/*
 * From the paths that ZenFS gives a backend to places of the engine. ZenFS resolves symbolic links itself, in the name space of its
 * mounts and of the caller's root directory. So no link is followed here: followed in the engine's own tree, an absolute one would
 * lead out of a mount point or of a chroot.
 */

import { encodeUtf8 } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import { NAME_MAX, SYMLINK_MAX, isDirectory, isSymlink } from '../base/mode.ts';
import type { Call } from '../overlay/call.ts';
import { directoryAt, lookup } from '../overlay/lookup.ts';
import type { Directory } from '../overlay/tree.ts';
import { type Found, type Place, readTarget } from '../overlay/walk.ts';

/** Where a path ends, or why it ends nowhere: the directory that would hold its last name is missing, or is none. */
export function tryLocate({ tree }: Call, path: string): Place | 'ENOENT' | 'ENOTDIR' {
  let directory = tree.root;
  let start = 1;
  for (;;) {
    const slash = path.indexOf('/', start);
    if (slash < 0) break;
    const name = path.slice(start, slash);
    const ino = lookup(tree, directory, name);
    if (ino === undefined) return 'ENOENT';
    if (!isDirectory(tree.mode(ino))) return 'ENOTDIR';
    directory = directoryAt(tree, directory, name, ino);
    start = slash + 1;
  }
  const name = path.slice(start);
  if (name === '') return { directory: tree.root, name, ino: tree.root.ino, slash: false, dots: '/' };
  return { directory, name, ino: lookup(tree, directory, name), slash: false, dots: undefined };
}

/** Where a path ends. @throws {FsError} ENOENT or ENOTDIR when its directory is none, ENAMETOOLONG */
export function locate(call: Call, path: string): Place {
  const place = tryLocate(call, path);
  if (typeof place === 'string') throw new FsError(place);
  assertName(place.name);
  return place;
}

/** What stands at a path. @throws {FsError} ENOENT and whatever `locate` throws */
export function locateExisting(call: Call, path: string): Found {
  const place = locate(call, path);
  if (place.ino === undefined) throw new FsError('ENOENT');
  return { ...place, ino: place.ino };
}

/** @throws {FsError} ENAMETOOLONG */
export function assertName(name: string): void {
  if (name.length * 3 > NAME_MAX && encodeUtf8(name).length > NAME_MAX) throw new FsError('ENAMETOOLONG');
}

/**
 * Throws where following the link at `path` would go on for ever, because ZenFS follows links without counting and would never
 * come back. `mountPoint` is where the tree is mounted: links that leave it are another file system's to judge.
 * @throws {FsError} ELOOP after 40 links
 */
export function assertEnds(call: Call, path: string, mountPoint: string): void {
  const { tree } = call;
  const rest = partsOf(path).reverse();
  let directory: Directory = tree.root;
  for (let links = 0; rest.length > 0;) {
    const name = rest.pop()!;
    if (name === '..') {
      if (directory === tree.root && mountPoint !== '/') return;
      directory = directory.parent;
      continue;
    }
    const ino = lookup(tree, directory, name);
    if (ino === undefined) return;
    const mode = tree.mode(ino);
    if (isDirectory(mode)) directory = directoryAt(tree, directory, name, ino);
    if (!isSymlink(mode)) continue;
    if (++links > SYMLINK_MAX) throw new FsError('ELOOP');
    const target = withinMount(readTarget(call, ino), mountPoint);
    if (target === undefined) return;
    if (target.startsWith('/')) directory = tree.root;
    rest.push(...partsOf(target).reverse());
  }
}

/** A link's target as a path of this tree; `undefined` when it lies outside. */
function withinMount(target: string, mountPoint: string): string | undefined {
  if (!target.startsWith('/') || mountPoint === '/') return target;
  if (target !== mountPoint && !target.startsWith(`${mountPoint}/`)) return undefined;
  return target.slice(mountPoint.length) || '/';
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');
