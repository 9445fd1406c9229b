/* Paths that lead nowhere, too far, or where they may not. */

import { O_CREAT, O_RDONLY, O_WRONLY } from '../../../src/base/mode.ts';
import type { Step } from '../scenario.ts';
import { type Fact, ann, T, LONG, LONGEST, DEEP, fact, each, s, open } from './fact.ts';

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
  fact(
    'a directory that may be listed and not searched',
    [s('readdir', '/readable', { user: ann }), 'names fx'],
    [s('stat', '/readable/x', { user: ann }), 'EACCES'],
  ),
  fact(
    'a loop at the end is ELOOP where it is followed',
    [s('stat', '/loop'), 'ELOOP'],
    [open('/loop', O_RDONLY), 'ELOOP'],
    [s('chmod', '/loop', { mode: 0 }), 'ELOOP'],
    [s('lstat', '/loop'), `l 777 n1 0:0 4 ${T}`],
  ),
  fact(
    'a link with a slash after it is followed by stat, and is no directory to rmdir',
    [s('lstat', '/to-ann/'), `d 755 n- 1000:1000 - ${T}`],
    [s('rmdir', '/to-ann/'), 'ENOTDIR'],
    [s('unlink', '/to-ann/'), 'ENOTDIR'],
    [s('rename', '/to-ann/', { to: '/y', flags: 0 }), 'ENOTDIR'],
  ),
  fact(
    'a file with a slash after it is ENOTDIR',
    [s('stat', '/root/'), 'ENOTDIR'],
    [open('/root/', O_RDONLY), 'ENOTDIR'],
    [s('unlink', '/root/'), 'ENOTDIR'],
    [s('rename', '/root/', { to: '/y', flags: 0 }), 'ENOTDIR'],
    [s('rename', '/root', { to: '/y/', flags: 0 }), 'ENOTDIR'],
  ),
  fact('.. of the root is the root', [s('stat', '/../../root'), `f 644 n1 0:0 7 ${T}`]),
  fact(
    'an empty path is ENOENT',
    [s('stat', ''), 'ENOENT'],
    [s('mkdir', '', { mode: 0o755 }), 'ENOENT'],
    [s('symlink', '/y', { to: '' }), 'ENOENT'],
  ),
];
