/* rename(2) and renameat2(2). */

import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../../src/base/mode.ts';
import { type Fact, ann, T, fact, s } from './fact.ts';

export const RENAME_FACTS: readonly Fact[] = [
  fact(
    'a missing name is ENOENT',
    [s('rename', '/none', { to: '/y', flags: 0 }), 'ENOENT'],
    [s('rename', '/none', { to: '/root', flags: RENAME_NOREPLACE }), 'ENOENT'],
    [s('rename', '/root', { to: '/y', flags: RENAME_EXCHANGE }), 'ENOENT'],
  ),
  fact(
    'types have to agree',
    [s('rename', '/root', { to: '/ann', flags: 0 }), 'EISDIR'],
    [s('rename', '/ann', { to: '/root', flags: 0 }), 'ENOTDIR'],
    [s('rename', '/ann', { to: '/to-ann', flags: 0 }), 'ENOTDIR'],
    [s('rename', '/to-ann', { to: '/root', flags: 0 }), 'ok'],
  ),
  fact(
    'only an empty directory is replaced',
    [s('rename', '/public', { to: '/full', flags: 0 }), 'ENOTEMPTY'],
    [s('rename', '/full', { to: '/ann/dir', flags: 0 }), 'ok'],
    [s('readdir', '/ann/dir'), 'names fx'],
  ),
  fact(
    'a directory does not go into itself',
    [s('rename', '/ann', { to: '/ann/dir/y', flags: 0 }), 'EINVAL'],
    [s('rename', '/ann', { to: '/ann/y', flags: RENAME_EXCHANGE }), 'ENOENT'],
    [s('rename', '/ann', { to: '/ann/dir', flags: RENAME_EXCHANGE }), 'EINVAL'],
    [s('rename', '/ann/dir', { to: '/ann', flags: RENAME_EXCHANGE }), 'EINVAL'],
    [s('rename', '/ann/dir', { to: '/ann', flags: 0 }), 'ENOTEMPTY'],
    [s('rename', '/ann/file', { to: '/ann', flags: 0 }), 'ENOTEMPTY'],
  ),
  fact(
    'dots and the root stay',
    [s('rename', '/ann/.', { to: '/y', flags: 0 }), 'EBUSY'],
    [s('rename', '/ann/..', { to: '/y', flags: 0 }), 'EBUSY'],
    [s('rename', '/root', { to: '/ann/..', flags: 0 }), 'EBUSY'],
    [s('rename', '/', { to: '/y', flags: 0 }), 'EBUSY'],
    [s('rename', '/root', { to: '/', flags: 0 }), 'EBUSY'],
  ),
  fact(
    'two names of one file stay as they are',
    [s('rename', '/hard1', { to: '/hard2', flags: 0 }), 'ok'],
    [s('stat', '/hard1'), `f 644 n2 0:0 9 ${T}`],
    [s('stat', '/hard2'), `f 644 n2 0:0 9 ${T}`],
  ),
  fact(
    'NOREPLACE and unknown flags',
    [s('rename', '/root', { to: '/hard1', flags: RENAME_NOREPLACE }), 'EEXIST'],
    [s('rename', '/root', { to: '/root', flags: RENAME_NOREPLACE }), 'EEXIST'],
    [s('rename', '/root', { to: '/y', flags: RENAME_NOREPLACE | RENAME_EXCHANGE }), 'EINVAL'],
    [s('rename', '/root', { to: '/y', flags: 64 }), 'EINVAL'],
    [s('rename', '/root', { to: '/y', flags: RENAME_NOREPLACE }), 'ok'],
  ),
  fact(
    'EXCHANGE swaps files and directories',
    [s('rename', '/root', { to: '/ann', flags: RENAME_EXCHANGE }), 'ok'],
    [s('readFile', '/ann'), 'read content'],
    [s('readFile', '/root/file'), 'read content'],
  ),
  fact(
    'a directory that moves elsewhere has to be writable itself',
    [s('chown', '/full', { uid: 1000, gid: -1 }), 'ok'],
    [s('rename', '/full', { to: '/y', flags: 0, user: ann }), 'EACCES'],
    [s('mkdir', '/public/theirs', { mode: 0o755 }), 'ok'],
    [s('rename', '/public/theirs', { to: '/ann/theirs', flags: 0, user: ann }), 'EACCES'],
    [s('rename', '/public/theirs', { to: '/public/ours', flags: 0, user: ann }), 'ok'],
  ),
  fact(
    'rename stamps both directories and what moves',
    [s('changedTimes', '/public'), 'first seen'],
    [s('changedTimes', '/ann'), 'first seen'],
    [s('changedTimes', '/public/file'), 'first seen'],
    [s('rename', '/public/file', { to: '/ann/y', flags: 0 }), 'ok'],
    [s('changedTimes', '/public'), 'changed mtime,ctime'],
    [s('changedTimes', '/ann'), 'changed mtime,ctime'],
    [s('lstat', '/ann/y'), `f 644 n1 0:0 7 ${T}`],
  ),
];
