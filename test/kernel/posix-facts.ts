/*
 * What POSIX and Linux say of single calls, as a table: each fact is a few steps with the result of each. They run on the engine,
 * and on the kernel where it can be had, which says whether the table itself is right.
 */

import { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, RENAME_EXCHANGE, RENAME_NOREPLACE, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG } from '../../src/base/mode.ts';
import type { LayerNode, Step, User } from './scenario.ts';

export interface Fact {
  readonly name: string;
  readonly steps: readonly (readonly [step: Step, result: string])[];
}

const ann: User = { uid: 1000, gid: 1000, groups: [] };
const annInGroup: User = { uid: 1000, gid: 1000, groups: [50] };
const bob: User = { uid: 1001, gid: 1001, groups: [] };

const T = 1_000_000_000_000;
const node = (kind: LayerNode['kind'], path: string, mode: number, rest: Partial<LayerNode> = {}): LayerNode => ({ kind, path, mode, mtime: T, ...rest });
const annOwns = { uid: 1000, gid: 1000 };
const bobOwns = { uid: 1001, gid: 1001 };

/** The layer that all facts start from. */
export const FACT_LAYER: readonly LayerNode[] = [
  node('directory', '', 0o755),
  node('directory', 'ann', 0o755, annOwns),
  node('directory', 'ann/dir', 0o755, annOwns),
  node('file', 'ann/file', 0o644, { ...annOwns, text: 'content' }),
  node('file', 'ann/program', 0o6755, { ...annOwns, text: 'content' }),
  node('file', 'ann/secret', 0o000, { ...annOwns, text: 'content' }),
  node('file', 'ann/shared', 0o666, { ...annOwns, text: 'content' }),
  node('directory', 'closed', 0o700),
  node('file', 'closed/x', 0o666),
  node('symlink', 'dangling', 0o777, { to: 'nowhere' }),
  node('directory', 'full', 0o755),
  node('file', 'full/x', 0o644),
  node('directory', 'group', 0o2777, { gid: 50 }),
  node('file', 'hard1', 0o644, { text: 'two names' }),
  node('link', 'hard2', 0o644, { to: 'hard1' }),
  node('symlink', 'loop', 0o777, { to: 'loop' }),
  node('directory', 'public', 0o777),
  node('file', 'public/file', 0o644, { text: 'content' }),
  node('directory', 'readable', 0o744),
  node('file', 'readable/x', 0o666),
  node('file', 'root', 0o644, { text: 'content' }),
  node('directory', 'sticky', 0o1777),
  node('file', 'sticky/ann', 0o666, { ...annOwns }),
  node('file', 'sticky/bob', 0o666, { ...bobOwns }),
  node('directory', 'sticky/bobdir', 0o777, { ...bobOwns }),
  node('symlink', 'to-ann', 0o777, { to: 'ann' }),
  node('symlink', 'to-root', 0o777, { to: 'root' }),
];

const LONG = 'n'.repeat(256);
const LONGEST = 'n'.repeat(255);
const DEEP = '/x'.repeat(2048);

const fact = (name: string, ...steps: readonly (readonly [Step, string])[]): Fact => ({ name, steps });
/** One fact for each of several steps that give the same. */
const each = (name: string, result: string, ...steps: readonly Step[]): Fact => ({ name, steps: steps.map((step) => [step, result] as const) });
const s = (op: Step['op'], path: string, rest: Omit<Step, 'op' | 'path'> = {}): Step => ({ op, path, ...rest });
const open = (path: string, flags: number, user?: User, mode = 0o644): Step => s('open', path, { slot: 0, flags, mode, ...(user && { user }) });

/** A call of every kind that walks a path. */
const walks = (path: string): Step[] => [
  open(path, O_RDONLY),
  open(path, O_WRONLY | O_CREAT),
  s('truncate', path, { size: 0 }),
  s('mkdir', path, { mode: 0o755 }),
  s('rmdir', path),
  s('unlink', path),
  s('rename', path, { to: '/y', flags: 0 }),
  s('rename', '/root', { to: path, flags: 0 }),
  s('link', path, { to: '/y' }),
  s('link', '/root', { to: path }),
  s('symlink', path, { to: 'x' }),
  s('mknod', path, { mode: 0o644 }),
  s('chmod', path, { mode: 0o644 }),
  s('chown', path, { uid: 1, gid: 1 }),
  s('utimens', path, { atime: 'now', mtime: 'now' }),
  s('readlink', path),
  s('stat', path),
  s('lstat', path),
  s('readdir', path),
  s('access', path, { mode: 0 }),
  s('getxattr', path, { name: 'user.x' }),
  s('setxattr', path, { name: 'user.x', text: 'x', flags: 0 }),
];
const byAnn = (steps: readonly Step[]): Step[] => steps.filter(({ op }) => op !== 'link').map((step) => ({ ...step, user: ann }));

export const PATH_FACTS: readonly Fact[] = [
  each('a file in the middle of a path is ENOTDIR', 'ENOTDIR', ...walks('/root/x')),
  each('a missing directory in the middle of a path is ENOENT', 'ENOENT', ...walks('/none/x')),
  each('a loop in the middle of a path is ELOOP', 'ELOOP', ...walks('/loop/x')),
  each('a dangling link in the middle of a path is ENOENT', 'ENOENT', ...walks('/dangling/x')),
  each('a name of 256 bytes is ENAMETOOLONG', 'ENAMETOOLONG', ...walks(`/${LONG}`)),
  each('a name of 256 bytes in the middle of a path is ENAMETOOLONG', 'ENAMETOOLONG', ...walks(`/${LONG}/x`)),
  each('a path of 4096 bytes is ENAMETOOLONG', 'ENAMETOOLONG', ...walks(DEEP)),
  each('a directory that may not be searched is EACCES', 'EACCES', ...byAnn(walks('/closed/x').filter(({ path }) => path !== '/root'))),
  fact('a name of 255 bytes is a name', [s('mkdir', `/${LONGEST}`, { mode: 0o755 }), 'ok'], [s('rmdir', `/${LONGEST}`), 'ok']),
  fact('a directory that may be listed and not searched', [s('readdir', '/readable', { user: ann }), 'names fx'], [s('stat', '/readable/x', { user: ann }), 'EACCES']),
  fact('a loop at the end is ELOOP where it is followed', [s('stat', '/loop'), 'ELOOP'], [open('/loop', O_RDONLY), 'ELOOP'], [s('chmod', '/loop', { mode: 0 }), 'ELOOP'], [s('lstat', '/loop'), `l 777 n1 0:0 4 ${T}`]),
  fact('a link with a slash after it is followed by stat, and is no directory to rmdir', [s('lstat', '/to-ann/'), `d 755 n- 1000:1000 - ${T}`], [s('rmdir', '/to-ann/'), 'ENOTDIR'], [s('unlink', '/to-ann/'), 'ENOTDIR'], [s('rename', '/to-ann/', { to: '/y', flags: 0 }), 'ENOTDIR']),
  fact('a file with a slash after it is ENOTDIR', [s('stat', '/root/'), 'ENOTDIR'], [open('/root/', O_RDONLY), 'ENOTDIR'], [s('unlink', '/root/'), 'ENOTDIR'], [s('rename', '/root/', { to: '/y', flags: 0 }), 'ENOTDIR'], [s('rename', '/root', { to: '/y/', flags: 0 }), 'ENOTDIR']),
  fact('.. of the root is the root', [s('stat', '/../../root'), `f 644 n1 0:0 7 ${T}`]),
  fact('an empty path is ENOENT', [s('stat', ''), 'ENOENT'], [s('mkdir', '', { mode: 0o755 }), 'ENOENT'], [s('symlink', '/y', { to: '' }), 'ENOENT']),
];

export const OPEN_FACTS: readonly Fact[] = [
  fact('open makes a file less the umask', [open('/y', O_WRONLY | O_CREAT, undefined, 0o6777), 'ok'], [s('stat', '/y'), 'f 6755 n1 0:0 0 now']),
  fact('a file belongs to who made it', [open('/public/y', O_WRONLY | O_CREAT, ann), 'ok'], [s('stat', '/public/y'), 'f 644 n1 1000:1000 0 now']),
  fact('in a set-group-ID directory it belongs to the group', [open('/group/y', O_WRONLY | O_CREAT, ann), 'ok'], [s('stat', '/group/y'), 'f 644 n1 1000:50 0 now'], [s('mkdir', '/group/d', { mode: 0o755, user: ann }), 'ok'], [s('stat', '/group/d'), 'd 2755 n- 1000:50 - now']),
  fact('a set-group-ID program there is made by members only', [open('/group/a', O_WRONLY | O_CREAT, ann, 0o2755), 'ok'], [s('stat', '/group/a'), 'f 755 n1 1000:50 0 now'], [open('/group/b', O_WRONLY | O_CREAT, annInGroup, 0o2755), 'ok'], [s('stat', '/group/b'), 'f 2755 n1 1000:50 0 now']),
  each('O_EXCL of what exists is EEXIST, links included', 'EEXIST', open('/root', O_CREAT | O_EXCL), open('/dangling', O_CREAT | O_EXCL), open('/to-ann', O_CREAT | O_EXCL), open('/ann', O_CREAT | O_EXCL | O_RDWR)),
  fact('O_CREAT makes what a dangling link points to', [open('/dangling', O_WRONLY | O_CREAT), 'ok'], [s('stat', '/nowhere'), 'f 644 n1 0:0 0 now']),
  each('a directory cannot be written', 'EISDIR', open('/ann', O_WRONLY), open('/ann', O_RDWR), open('/ann', O_RDONLY | O_CREAT), open('/y/', O_WRONLY | O_CREAT), open('/root/', O_WRONLY | O_CREAT)),
  fact('O_DIRECTORY and O_NOFOLLOW', [open('/root', O_RDONLY | O_DIRECTORY), 'ENOTDIR'], [open('/to-root', O_RDONLY | O_NOFOLLOW), 'ELOOP'], [open('/to-ann', O_RDONLY | O_NOFOLLOW | O_DIRECTORY), 'ENOTDIR'], [open('/to-ann', O_RDONLY | O_DIRECTORY), 'ok']),
  each('what the mode forbids is EACCES', 'EACCES', open('/ann/secret', O_RDONLY, ann), open('/ann/file', O_WRONLY, bob), open('/root', O_RDWR, ann), open('/ann/y', O_WRONLY | O_CREAT, bob), open('/root', O_RDONLY | O_TRUNC, ann)),
  fact('root reads and writes what nobody may, and does not execute it', [open('/ann/secret', O_RDWR), 'ok'], [s('access', '/ann/secret', { mode: 6 }), 'ok'], [s('access', '/ann/secret', { mode: 1 }), 'EACCES'], [s('access', '/ann/program', { mode: 1 }), 'ok']),
  fact('the first class that matches decides', [s('chmod', '/ann/file', { mode: 0o077 }), 'ok'], [open('/ann/file', O_RDONLY, ann), 'EACCES'], [open('/ann/file', O_RDWR, bob), 'ok']),
  fact('a file open for reading cannot be written, nor the other way round', [open('/root', O_RDONLY), 'ok'], [{ op: 'write', slot: 0, text: 'x' }, 'EBADF'], [{ op: 'ftruncate', slot: 0, size: 0 }, 'EINVAL'], [open('/root', O_WRONLY), 'ok'], [{ op: 'read', slot: 0, size: 1 }, 'EBADF']),
  fact('O_APPEND writes at the end, and pwrite does not move on', [open('/root', O_RDWR | O_APPEND), 'ok'], [{ op: 'pwrite', slot: 0, text: '!', at: 0 }, 'ok'], [{ op: 'read', slot: 0, size: 20 }, 'read content!']),
  fact('O_TRUNC empties and stamps, also what was empty', [s('changedTimes', '/full/x'), 'first seen'], [open('/full/x', O_WRONLY | O_TRUNC), 'ok'], [s('changedTimes', '/full/x'), 'changed mtime,ctime']),
  fact('opening an existing file with O_CREAT changes nothing', [s('changedTimes', '/root'), 'first seen'], [open('/root', O_RDONLY | O_CREAT, undefined, 0o777), 'ok'], [s('changedTimes', '/root'), 'changed ']),
  fact('making a file stamps the directory', [s('changedTimes', '/public'), 'first seen'], [open('/public/y', O_WRONLY | O_CREAT), 'ok'], [s('changedTimes', '/public'), 'changed mtime,ctime']),
  fact('an unlinked file stays, with no links', [open('/root', O_RDWR), 'ok'], [{ op: 'write', slot: 0, text: 'C' }, 'ok'], [s('unlink', '/root'), 'ok'], [{ op: 'fstat', slot: 0 }, 'f 644 n0 0:0 7 now'], [{ op: 'pread', slot: 0, size: 9, at: 0 }, 'read Content'], [s('stat', '/root'), 'ENOENT']),
];

export const NAME_FACTS: readonly Fact[] = [
  each('what exists cannot be made', 'EEXIST', ...['/root', '/ann', '/dangling', '/loop', '/', '/ann/.', '/ann/..'].flatMap((path) => [s('mkdir', path, { mode: 0o755 }), s('symlink', path, { to: 'x' }), s('mknod', path, { mode: 0o644 }), s('link', '/hard1', { to: path })])),
  each('a file cannot be made at a name with a slash', 'ENOENT', s('symlink', '/y/', { to: 'x' }), s('mknod', '/y/', { mode: 0o644 }), s('link', '/hard1', { to: '/y/' })),
  fact('mkdir takes a slash, the umask and the sticky bit', [s('mkdir', '/y/', { mode: 0o7777 }), 'ok'], [s('stat', '/y'), 'd 1755 n- 0:0 - now']),
  each('a directory that may not be written is EACCES', 'EACCES', s('mkdir', '/y', { mode: 0o755, user: ann }), s('symlink', '/y', { to: 'x', user: ann }), s('mknod', '/y', { mode: 0o644, user: ann }), s('unlink', '/root', { user: ann }), s('rmdir', '/full', { user: ann }), s('unlink', '/full', { user: ann }), s('rename', '/root', { to: '/public/y', flags: 0, user: ann }), s('rename', '/ann/file', { to: '/y', flags: 0, user: ann })),
  fact('rmdir', [s('rmdir', '/full'), 'ENOTEMPTY'], [s('rmdir', '/root'), 'ENOTDIR'], [s('rmdir', '/to-ann'), 'ENOTDIR'], [s('rmdir', '/ann/.'), 'EINVAL'], [s('rmdir', '/ann/dir/..'), 'ENOTEMPTY'], [s('rmdir', '/'), 'EBUSY'], [s('rmdir', '/ann/dir'), 'ok'], [s('stat', '/ann/dir'), 'ENOENT']),
  fact('unlink', [s('unlink', '/ann'), 'EISDIR'], [s('unlink', '/'), 'EISDIR'], [s('unlink', '/ann/.'), 'EISDIR'], [s('unlink', '/to-ann'), 'ok'], [s('stat', '/ann/file'), `f 644 n1 1000:1000 7 ${T}`]),
  fact('unlink lowers the links of the others and stamps them', [s('changedTimes', '/hard2'), 'first seen'], [s('changedTimes', '/'), 'first seen'], [s('unlink', '/hard1'), 'ok'], [s('stat', '/hard2'), `f 644 n1 0:0 9 ${T}`], [s('changedTimes', '/hard2'), 'changed ctime'], [s('changedTimes', '/'), 'changed mtime,ctime']),
  fact('rmdir stamps the parent', [s('changedTimes', '/ann'), 'first seen'], [s('rmdir', '/ann/dir'), 'ok'], [s('changedTimes', '/ann'), 'changed mtime,ctime']),
  fact('link raises the links and stamps file and directory', [s('changedTimes', '/root'), 'first seen'], [s('changedTimes', '/public'), 'first seen'], [s('link', '/root', { to: '/public/y' }), 'ok'], [s('stat', '/public/y'), `f 644 n2 0:0 7 ${T}`], [s('changedTimes', '/root'), 'changed ctime'], [s('changedTimes', '/public'), 'changed mtime,ctime']),
  fact('link of a directory is EPERM, of a link it is the link, of a missing name ENOENT', [s('link', '/ann', { to: '/y' }), 'EPERM'], [s('link', '/to-ann', { to: '/y' }), 'ok'], [s('lstat', '/y'), `l 777 n2 0:0 3 ${T}`], [s('link', '/none', { to: '/z' }), 'ENOENT'], [s('link', '/none', { to: '/root' }), 'ENOENT']),
  fact('readlink of what is no link is EINVAL', [s('readlink', '/root'), 'EINVAL'], [s('readlink', '/ann'), 'EINVAL'], [s('readlink', '/to-ann'), 'target ann']),
  fact('a target may be 4095 bytes long, and lead nowhere', [s('symlink', '/y', { to: 't'.repeat(4096) }), 'ENAMETOOLONG'], [s('symlink', '/y', { to: 't/'.repeat(2047) }), 'ok'], [s('stat', '/y'), 'ENOENT']),
  fact('special files are made by type, devices by root alone', [s('mknod', '/public/p', { mode: 0o622, type: S_IFIFO, user: ann }), 'ok'], [s('lstat', '/public/p'), 'p 600 n1 1000:1000 0 now'], [s('mknod', '/c', { mode: 0o600, type: S_IFCHR, rdev: 0x103 }), 'ok'], [s('lstat', '/c'), 'c:259 600 n1 0:0 0 now'], [s('mknod', '/b', { mode: 0o600, type: S_IFBLK, rdev: 0x700 }), 'ok'], [s('mknod', '/public/d', { mode: 0o600, type: S_IFCHR, rdev: 0x103, user: ann }), 'EPERM'], [s('mknod', '/f', { mode: 0o600, type: S_IFREG }), 'ok'], [s('mknod', '/d', { mode: 0o755, type: S_IFDIR }), 'EPERM'], [s('mknod', '/w', { mode: 0o600, type: S_IFCHR, rdev: 0 }), 'EPERM']),
];

export const STICKY_FACTS: readonly Fact[] = [
  each("in a sticky directory others' names stay", 'EPERM', s('unlink', '/sticky/bob', { user: ann }), s('rmdir', '/sticky/bobdir', { user: ann }), s('rename', '/sticky/bob', { to: '/public/y', flags: 0, user: ann }), s('rename', '/sticky/ann', { to: '/sticky/bob', flags: 0, user: ann }), s('rename', '/sticky/ann', { to: '/sticky/bob', flags: RENAME_EXCHANGE, user: ann }), s('unlink', '/sticky/bobdir', { user: ann })),
  each('and who owns them, or is root, may', 'ok', s('unlink', '/sticky/ann', { user: ann }), s('unlink', '/sticky/bob')),
  fact('who owns the directory may as well', [s('chown', '/sticky', { uid: 1000, gid: -1 }), 'ok'], [s('unlink', '/sticky/bob', { user: ann }), 'ok']),
];

export const RENAME_FACTS: readonly Fact[] = [
  fact('a missing name is ENOENT', [s('rename', '/none', { to: '/y', flags: 0 }), 'ENOENT'], [s('rename', '/none', { to: '/root', flags: RENAME_NOREPLACE }), 'ENOENT'], [s('rename', '/root', { to: '/y', flags: RENAME_EXCHANGE }), 'ENOENT']),
  fact('types have to agree', [s('rename', '/root', { to: '/ann', flags: 0 }), 'EISDIR'], [s('rename', '/ann', { to: '/root', flags: 0 }), 'ENOTDIR'], [s('rename', '/ann', { to: '/to-ann', flags: 0 }), 'ENOTDIR'], [s('rename', '/to-ann', { to: '/root', flags: 0 }), 'ok']),
  fact('only an empty directory is replaced', [s('rename', '/public', { to: '/full', flags: 0 }), 'ENOTEMPTY'], [s('rename', '/full', { to: '/ann/dir', flags: 0 }), 'ok'], [s('readdir', '/ann/dir'), 'names fx']),
  fact('a directory does not go into itself', [s('rename', '/ann', { to: '/ann/dir/y', flags: 0 }), 'EINVAL'], [s('rename', '/ann', { to: '/ann/y', flags: RENAME_EXCHANGE }), 'ENOENT'], [s('rename', '/ann', { to: '/ann/dir', flags: RENAME_EXCHANGE }), 'EINVAL'], [s('rename', '/ann/dir', { to: '/ann', flags: RENAME_EXCHANGE }), 'EINVAL'], [s('rename', '/ann/dir', { to: '/ann', flags: 0 }), 'ENOTEMPTY'], [s('rename', '/ann/file', { to: '/ann', flags: 0 }), 'ENOTEMPTY']),
  fact('dots and the root stay', [s('rename', '/ann/.', { to: '/y', flags: 0 }), 'EBUSY'], [s('rename', '/ann/..', { to: '/y', flags: 0 }), 'EBUSY'], [s('rename', '/root', { to: '/ann/..', flags: 0 }), 'EBUSY'], [s('rename', '/', { to: '/y', flags: 0 }), 'EBUSY'], [s('rename', '/root', { to: '/', flags: 0 }), 'EBUSY']),
  fact('two names of one file stay as they are', [s('rename', '/hard1', { to: '/hard2', flags: 0 }), 'ok'], [s('stat', '/hard1'), `f 644 n2 0:0 9 ${T}`], [s('stat', '/hard2'), `f 644 n2 0:0 9 ${T}`]),
  fact('NOREPLACE and unknown flags', [s('rename', '/root', { to: '/hard1', flags: RENAME_NOREPLACE }), 'EEXIST'], [s('rename', '/root', { to: '/root', flags: RENAME_NOREPLACE }), 'EEXIST'], [s('rename', '/root', { to: '/y', flags: RENAME_NOREPLACE | RENAME_EXCHANGE }), 'EINVAL'], [s('rename', '/root', { to: '/y', flags: 64 }), 'EINVAL'], [s('rename', '/root', { to: '/y', flags: RENAME_NOREPLACE }), 'ok']),
  fact('EXCHANGE swaps files and directories', [s('rename', '/root', { to: '/ann', flags: RENAME_EXCHANGE }), 'ok'], [s('readFile', '/ann'), 'read content'], [s('readFile', '/root/file'), 'read content']),
  fact('a directory that moves elsewhere has to be writable itself', [s('chown', '/full', { uid: 1000, gid: -1 }), 'ok'], [s('rename', '/full', { to: '/y', flags: 0, user: ann }), 'EACCES'], [s('mkdir', '/public/theirs', { mode: 0o755 }), 'ok'], [s('rename', '/public/theirs', { to: '/ann/theirs', flags: 0, user: ann }), 'EACCES'], [s('rename', '/public/theirs', { to: '/public/ours', flags: 0, user: ann }), 'ok']),
  fact('rename stamps both directories and what moves', [s('changedTimes', '/public'), 'first seen'], [s('changedTimes', '/ann'), 'first seen'], [s('changedTimes', '/public/file'), 'first seen'], [s('rename', '/public/file', { to: '/ann/y', flags: 0 }), 'ok'], [s('changedTimes', '/public'), 'changed mtime,ctime'], [s('changedTimes', '/ann'), 'changed mtime,ctime'], [s('lstat', '/ann/y'), `f 644 n1 0:0 7 ${T}`]),
];

export const ATTRIBUTE_FACTS: readonly Fact[] = [
  each('only the owner changes mode and owner', 'EPERM', s('chmod', '/ann/file', { mode: 0o600, user: bob }), s('chown', '/ann/file', { uid: 1001, gid: -1, user: bob }), s('chown', '/ann/file', { uid: 1001, gid: -1, user: ann }), s('chown', '/ann/file', { uid: -1, gid: 50, user: ann }), s('chown', '/ann/file', { uid: 0, gid: -1, user: ann })),
  fact('an owner gives a file to groups of hers', [s('chown', '/ann/file', { uid: -1, gid: 50, user: annInGroup }), 'ok'], [s('chown', '/ann/file', { uid: 1000, gid: 1000, user: annInGroup }), 'ok']),
  fact('chown that asks nothing is allowed to all, unless it would change the mode', [s('chown', '/ann/file', { uid: -1, gid: -1, user: bob }), 'ok'], [s('chown', '/ann/program', { uid: -1, gid: -1, user: bob }), 'EPERM']),
  fact('chown takes set-ID bits away from files, not from directories', [s('chown', '/ann/program', { uid: 1000, gid: 1000, user: ann }), 'ok'], [s('stat', '/ann/program'), `f 755 n1 1000:1000 7 ${T}`], [s('chown', '/group', { uid: 1000, gid: -1 }), 'ok'], [s('stat', '/group'), `d 2777 n- 1000:50 - ${T}`]),
  fact('chown by root as well, but set-group-ID without execution is a lock', [s('chmod', '/root', { mode: 0o6644 }), 'ok'], [s('chown', '/root', { uid: 1, gid: 1 }), 'ok'], [s('stat', '/root'), `f 2644 n1 1:1 7 ${T}`]),
  fact('chown of a link', [s('lchown', '/to-root', { uid: 5, gid: 6 }), 'ok'], [s('lstat', '/to-root'), `l 777 n1 5:6 4 ${T}`], [s('chown', '/to-root', { uid: 7, gid: 8 }), 'ok'], [s('stat', '/root'), `f 644 n1 7:8 7 ${T}`]),
  fact('chmod by an owner outside the group takes set-group-ID away', [s('chown', '/ann/file', { uid: -1, gid: 50 }), 'ok'], [s('chmod', '/ann/file', { mode: 0o2755, user: ann }), 'ok'], [s('stat', '/ann/file'), `f 755 n1 1000:50 7 ${T}`], [s('chmod', '/ann/file', { mode: 0o2755, user: annInGroup }), 'ok'], [s('stat', '/ann/file'), `f 2755 n1 1000:50 7 ${T}`]),
  fact('chmod and chown stamp ctime alone', [s('changedTimes', '/root'), 'first seen'], [s('chmod', '/root', { mode: 0o600 }), 'ok'], [s('changedTimes', '/root'), 'changed ctime'], [s('chown', '/root', { uid: 1, gid: 1 }), 'ok'], [s('changedTimes', '/root'), 'changed ctime'], [s('chmod', '/root', { mode: 0o600 }), 'ok'], [s('changedTimes', '/root'), 'changed ctime']),
  fact('a write by another user takes set-ID bits away, by root it does not', [s('chmod', '/ann/program', { mode: 0o6777 }), 'ok'], [s('writeFile', '/ann/program', { flags: O_WRONLY, mode: 0, text: 'x' }), 'ok'], [s('stat', '/ann/program'), 'f 6777 n1 1000:1000 7 now'], [s('writeFile', '/ann/program', { flags: O_WRONLY, mode: 0, text: 'x', user: bob }), 'ok'], [s('stat', '/ann/program'), 'f 777 n1 1000:1000 7 now']),
  fact('so does truncate', [s('truncate', '/ann/program', { size: 3, user: ann }), 'ok'], [s('stat', '/ann/program'), 'f 755 n1 1000:1000 3 now']),
  fact('a write stamps both times, an empty one none', [open('/root', O_RDWR), 'ok'], [s('changedTimes', '/root'), 'first seen'], [{ op: 'write', slot: 0, text: '' }, 'ok'], [s('changedTimes', '/root'), 'changed '], [{ op: 'write', slot: 0, text: 'x' }, 'ok'], [s('changedTimes', '/root'), 'changed mtime,ctime'], [{ op: 'ftruncate', slot: 0, size: 3 }, 'ok'], [s('changedTimes', '/root'), 'changed mtime,ctime']),
  fact('truncate', [s('truncate', '/ann', { size: 0 }), 'EISDIR'], [s('truncate', '/root', { size: 0, user: ann }), 'EACCES'], [s('truncate', '/root', { size: 9 }), 'ok'], [s('readFile', '/root'), 'read content\0\0']),
  fact('utimens by the owner: any time; by others who may write: now', [s('utimens', '/ann/shared', { atime: 5, mtime: 6, user: ann }), 'ok'], [s('times', '/ann/shared'), 'atime 5000 mtime 6000'], [s('utimens', '/ann/shared', { atime: 5, mtime: 6, user: bob }), 'EPERM'], [s('utimens', '/ann/shared', { atime: 'now', mtime: 'now', user: bob }), 'ok'], [s('utimens', '/ann/file', { atime: 'now', mtime: 'now', user: bob }), 'EACCES'], [s('utimens', '/ann/shared', { atime: 'now', mtime: 'omit', user: bob }), 'EPERM'], [s('utimens', '/ann/file', { atime: 'omit', mtime: 'omit', user: bob }), 'ok']),
  fact('utimens leaves what it is told to leave', [s('utimens', '/root', { atime: 5, mtime: 'omit' }), 'ok'], [s('times', '/root'), `atime 5000 mtime ${T}`], [s('utimens', '/root', { atime: 'omit', mtime: 'now' }), 'ok'], [s('times', '/root'), 'atime 5000 mtime now']),
  fact('utimens stamps ctime, and nothing when it leaves both', [s('changedTimes', '/root'), 'first seen'], [s('utimens', '/root', { atime: 'omit', mtime: 'omit' }), 'ok'], [s('changedTimes', '/root'), 'changed '], [s('utimens', '/root', { atime: 5, mtime: 'omit' }), 'ok'], [s('changedTimes', '/root'), 'changed ctime']),
  fact('access asks for all bits, root included where nobody may execute', [s('access', '/root', { mode: 4, user: ann }), 'ok'], [s('access', '/root', { mode: 6, user: ann }), 'EACCES'], [s('access', '/root', { mode: 1 }), 'EACCES'], [s('access', '/ann', { mode: 7 }), 'ok'], [s('access', '/none', { mode: 0 }), 'ENOENT']),
  fact('extended attributes', [s('getxattr', '/root', { name: 'user.x' }), 'ENODATA'], [s('setxattr', '/root', { name: 'user.x', text: 'v', flags: 2 }), 'ENODATA'], [s('setxattr', '/root', { name: 'user.x', text: 'v', flags: 1 }), 'ok'], [s('setxattr', '/root', { name: 'user.x', text: 'v', flags: 1 }), 'EEXIST'], [s('listxattr', '/root'), 'names user.x'], [s('removexattr', '/root', { name: 'user.x' }), 'ok'], [s('removexattr', '/root', { name: 'user.x' }), 'ENODATA'], [s('setxattr', '/root', { name: 'user.x', text: 'v', flags: 0, user: ann }), 'EACCES'], [s('setxattr', '/root', { name: 'odd', text: 'v', flags: 0 }), 'ENOTSUP'], [s('setxattr', '/sticky', { name: 'user.x', text: 'v', flags: 0, user: ann }), 'EPERM']),
  fact('an extended attribute stamps ctime alone', [s('changedTimes', '/root'), 'first seen'], [s('setxattr', '/root', { name: 'user.x', text: 'v', flags: 0 }), 'ok'], [s('changedTimes', '/root'), 'changed ctime']),
];

export const FACTS: readonly (readonly [about: string, readonly Fact[]])[] = [
  ['paths', PATH_FACTS],
  ['open', OPEN_FACTS],
  ['names', NAME_FACTS],
  ['sticky directories', STICKY_FACTS],
  ['rename', RENAME_FACTS],
  ['attributes', ATTRIBUTE_FACTS],
];
