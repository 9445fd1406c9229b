/* open(2), and what is done with what it opened. */

import { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../../src/base/mode.ts';
import { type Fact, ann, annInGroup, bob, fact, each, s, open } from './fact.ts';

export const OPEN_FACTS: readonly Fact[] = [
  fact(
    'open makes a file less the umask',
    [open('/y', O_WRONLY | O_CREAT, undefined, 0o6777), 'ok'],
    [s('stat', '/y'), 'f 6755 n1 0:0 0 now'],
  ),
  fact(
    'a file belongs to who made it',
    [open('/public/y', O_WRONLY | O_CREAT, ann), 'ok'],
    [s('stat', '/public/y'), 'f 644 n1 1000:1000 0 now'],
  ),
  fact(
    'in a set-group-ID directory it belongs to the group',
    [open('/group/y', O_WRONLY | O_CREAT, ann), 'ok'],
    [s('stat', '/group/y'), 'f 644 n1 1000:50 0 now'],
    [s('mkdir', '/group/d', { mode: 0o755, user: ann }), 'ok'],
    [s('stat', '/group/d'), 'd 2755 n- 1000:50 - now'],
  ),
  fact(
    'a set-group-ID program there is made by members only',
    [open('/group/a', O_WRONLY | O_CREAT, ann, 0o2755), 'ok'],
    [s('stat', '/group/a'), 'f 755 n1 1000:50 0 now'],
    [open('/group/b', O_WRONLY | O_CREAT, annInGroup, 0o2755), 'ok'],
    [s('stat', '/group/b'), 'f 2755 n1 1000:50 0 now'],
  ),
  each(
    'O_EXCL of what exists is EEXIST, links included',
    'EEXIST',
    open('/root', O_CREAT | O_EXCL),
    open('/dangling', O_CREAT | O_EXCL),
    open('/to-ann', O_CREAT | O_EXCL),
    open('/ann', O_CREAT | O_EXCL | O_RDWR),
  ),
  fact(
    'O_CREAT makes what a dangling link points to',
    [open('/dangling', O_WRONLY | O_CREAT), 'ok'],
    [s('stat', '/nowhere'), 'f 644 n1 0:0 0 now'],
  ),
  each(
    'a directory cannot be written',
    'EISDIR',
    open('/ann', O_WRONLY),
    open('/ann', O_RDWR),
    open('/ann', O_RDONLY | O_CREAT),
    open('/y/', O_WRONLY | O_CREAT),
    open('/root/', O_WRONLY | O_CREAT),
  ),
  fact(
    'O_DIRECTORY and O_NOFOLLOW',
    [open('/root', O_RDONLY | O_DIRECTORY), 'ENOTDIR'],
    [open('/to-root', O_RDONLY | O_NOFOLLOW), 'ELOOP'],
    [open('/to-ann', O_RDONLY | O_NOFOLLOW | O_DIRECTORY), 'ENOTDIR'],
    [open('/to-ann', O_RDONLY | O_DIRECTORY), 'ok'],
  ),
  each(
    'what the mode forbids is EACCES',
    'EACCES',
    open('/ann/secret', O_RDONLY, ann),
    open('/ann/file', O_WRONLY, bob),
    open('/root', O_RDWR, ann),
    open('/ann/y', O_WRONLY | O_CREAT, bob),
    open('/root', O_RDONLY | O_TRUNC, ann),
  ),
  fact(
    'root reads and writes what nobody may, and does not execute it',
    [open('/ann/secret', O_RDWR), 'ok'],
    [s('access', '/ann/secret', { mode: 6 }), 'ok'],
    [s('access', '/ann/secret', { mode: 1 }), 'EACCES'],
    [s('access', '/ann/program', { mode: 1 }), 'ok'],
  ),
  fact(
    'the first class that matches decides',
    [s('chmod', '/ann/file', { mode: 0o077 }), 'ok'],
    [open('/ann/file', O_RDONLY, ann), 'EACCES'],
    [open('/ann/file', O_RDWR, bob), 'ok'],
  ),
  fact(
    'a file open for reading cannot be written, nor the other way round',
    [open('/root', O_RDONLY), 'ok'],
    [{ op: 'write', slot: 0, text: 'x' }, 'EBADF'],
    [{ op: 'ftruncate', slot: 0, size: 0 }, 'EINVAL'],
    [open('/root', O_WRONLY), 'ok'],
    [{ op: 'read', slot: 0, size: 1 }, 'EBADF'],
  ),
  fact(
    'O_APPEND writes at the end, and pwrite does not move on',
    [open('/root', O_RDWR | O_APPEND), 'ok'],
    [{ op: 'pwrite', slot: 0, text: '!', at: 0 }, 'ok'],
    [{ op: 'read', slot: 0, size: 20 }, 'read content!'],
  ),
  fact(
    'O_TRUNC empties and stamps, also what was empty',
    [s('changedTimes', '/full/x'), 'first seen'],
    [open('/full/x', O_WRONLY | O_TRUNC), 'ok'],
    [s('changedTimes', '/full/x'), 'changed mtime,ctime'],
  ),
  fact(
    'opening an existing file with O_CREAT changes nothing',
    [s('changedTimes', '/root'), 'first seen'],
    [open('/root', O_RDONLY | O_CREAT, undefined, 0o777), 'ok'],
    [s('changedTimes', '/root'), 'changed '],
  ),
  fact(
    'making a file stamps the directory',
    [s('changedTimes', '/public'), 'first seen'],
    [open('/public/y', O_WRONLY | O_CREAT), 'ok'],
    [s('changedTimes', '/public'), 'changed mtime,ctime'],
  ),
  fact(
    'an unlinked file stays, with no links',
    [open('/root', O_RDWR), 'ok'],
    [{ op: 'write', slot: 0, text: 'C' }, 'ok'],
    [s('unlink', '/root'), 'ok'],
    [{ op: 'fstat', slot: 0 }, 'f 644 n0 0:0 7 now'],
    [{ op: 'pread', slot: 0, size: 9, at: 0 }, 'read Content'],
    [s('stat', '/root'), 'ENOENT'],
  ),
];
