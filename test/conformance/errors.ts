/* The shape of errors: code, errno, syscall, path, dest and message, as Node has them. */

import { describe, expect } from 'vitest';

import { COPYFILE_EXCL } from '../../src/base/mode.ts';
import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Feature, type Scene, type Suite, fact, failureOf } from './scene.ts';

const seed = tree(file('a', 'A'), dir('d', file('x')), dir('empty'), symlink('l', 'a'), symlink('loop', 'loop'));

interface Expected {
  readonly call: (scene: Scene) => Promise<unknown>;
  readonly code: string;
  readonly errno: number;
  readonly says: string;
  readonly syscall: string;
  /** Absent: the error tells of no path. */
  readonly path?: string;
  readonly dest?: string;
  readonly needs?: readonly Feature[];
}

const ENOENT = { code: 'ENOENT', errno: -2, says: 'no such file or directory' } as const;
const ENOTDIR = { code: 'ENOTDIR', errno: -20, says: 'not a directory' } as const;
const EEXIST = { code: 'EEXIST', errno: -17, says: 'file already exists' } as const;
const EISDIR = { code: 'EISDIR', errno: -21, says: 'illegal operation on a directory' } as const;
const ENOTEMPTY = { code: 'ENOTEMPTY', errno: -39, says: 'directory not empty' } as const;
const EINVAL = { code: 'EINVAL', errno: -22, says: 'invalid argument' } as const;
const EACCES = { code: 'EACCES', errno: -13, says: 'permission denied' } as const;
const EPERM = { code: 'EPERM', errno: -1, says: 'operation not permitted' } as const;
const ELOOP = { code: 'ELOOP', errno: -40, says: 'too many symbolic links encountered' } as const;
const ENAMETOOLONG = { code: 'ENAMETOOLONG', errno: -36, says: 'name too long' } as const;

const LONG = 'x'.repeat(256);

const EXPECTED: readonly Expected[] = [
  { call: ({ fs, at }) => fs.access(at('no')), ...ENOENT, syscall: 'access', path: 'no' },
  { call: ({ fs, at }) => fs.access(at('a'), 1), ...EACCES, syscall: 'access', path: 'a' },
  { call: ({ fs, at }) => fs.appendFile(at('no/n'), ''), ...ENOENT, syscall: 'open', path: 'no/n' },
  { call: ({ fs, at }) => fs.chmod(at('no'), 0), ...ENOENT, syscall: 'chmod', path: 'no' },
  { call: ({ fs, at }) => fs.chown(at('no'), 0, 0), ...ENOENT, syscall: 'chown', path: 'no' },
  { call: ({ fs, at }) => fs.copyFile(at('no'), at('n')), ...ENOENT, syscall: 'copyfile', path: 'no', dest: 'n' },
  { call: ({ fs, at }) => fs.copyFile(at('a'), at('d'), COPYFILE_EXCL), ...EEXIST, syscall: 'copyfile', path: 'a', dest: 'd' },
  { call: ({ fs, at }) => fs.link(at('no'), at('n')), ...ENOENT, syscall: 'link', path: 'no', dest: 'n' },
  { call: ({ fs, at }) => fs.link(at('d'), at('n')), ...EPERM, syscall: 'link', path: 'd', dest: 'n' },
  { call: ({ fs, at }) => fs.lstat(at('no')), ...ENOENT, syscall: 'lstat', path: 'no' },
  { call: ({ fs, at }) => fs.lutimes(at('no'), 1, 1), ...ENOENT, syscall: 'lutime', path: 'no' },
  { call: ({ fs, at }) => fs.mkdir(at('a')), ...EEXIST, syscall: 'mkdir', path: 'a' },
  { call: ({ fs, at }) => fs.mkdir(at('no/n')), ...ENOENT, syscall: 'mkdir', path: 'no/n' },
  { call: ({ fs, at }) => fs.mkdir(at('a/b'), { recursive: true }), ...ENOTDIR, syscall: 'mkdir', path: 'a/b' },
  { call: ({ fs, at }) => fs.open(at('no'), 'r'), ...ENOENT, syscall: 'open', path: 'no' },
  { call: ({ fs, at }) => fs.open(at('a'), 'wx'), ...EEXIST, syscall: 'open', path: 'a' },
  { call: ({ fs, at }) => fs.opendir(at('no')), ...ENOENT, syscall: 'opendir', path: 'no', needs: ['opendir-path'] },
  { call: ({ fs, at }) => fs.readFile(at('no')), ...ENOENT, syscall: 'open', path: 'no' },
  { call: ({ fs, at }) => fs.readFile(at('loop')), ...ELOOP, syscall: 'open', path: 'loop' },
  { call: ({ fs, at }) => fs.readFile(at('d')), ...EISDIR, syscall: 'read' },
  { call: ({ fs, at }) => fs.readdir(at('a')), ...ENOTDIR, syscall: 'scandir', path: 'a' },
  { call: ({ fs, at }) => fs.readlink(at('a')), ...EINVAL, syscall: 'readlink', path: 'a' },
  { call: ({ fs, at }) => fs.rename(at('no'), at('n')), ...ENOENT, syscall: 'rename', path: 'no', dest: 'n' },
  { call: ({ fs, at }) => fs.rename(at('empty'), at('d')), ...ENOTEMPTY, syscall: 'rename', path: 'empty', dest: 'd' },
  { call: ({ fs, at }) => fs.rename(at('d'), at('d/n')), ...EINVAL, syscall: 'rename', path: 'd', dest: 'd/n' },
  { call: ({ fs, at }) => fs.rm(at('no')), ...ENOENT, syscall: 'lstat', path: 'no' },
  { call: ({ fs, at }) => fs.rmdir(at('d')), ...ENOTEMPTY, syscall: 'rmdir', path: 'd' },
  { call: ({ fs, at }) => fs.rmdir(at('a')), ...ENOTDIR, syscall: 'rmdir', path: 'a' },
  { call: ({ fs, at }) => fs.stat(at('no')), ...ENOENT, syscall: 'stat', path: 'no' },
  { call: ({ fs, at }) => fs.stat(at('a/b')), ...ENOTDIR, syscall: 'stat', path: 'a/b' },
  { call: ({ fs, at }) => fs.stat(at('loop')), ...ELOOP, syscall: 'stat', path: 'loop' },
  { call: ({ fs, at }) => fs.stat(at(LONG)), ...ENAMETOOLONG, syscall: 'stat', path: LONG },
  { call: ({ fs, at }) => fs.symlink('t', at('a')), ...EEXIST, syscall: 'symlink', path: '=t', dest: 'a' },
  { call: ({ fs, at }) => fs.truncate(at('no'), 0), ...ENOENT, syscall: 'open', path: 'no' },
  { call: ({ fs, at }) => fs.unlink(at('no')), ...ENOENT, syscall: 'unlink', path: 'no' },
  { call: ({ fs, at }) => fs.unlink(at('d')), ...EISDIR, syscall: 'unlink', path: 'd' },
  { call: ({ fs, at }) => fs.utimes(at('no'), 1, 1), ...ENOENT, syscall: 'utime', path: 'no' },
  { call: ({ fs, at }) => fs.writeFile(at('d'), ''), ...EISDIR, syscall: 'open', path: 'd' },
  { call: ({ fs, at }) => fs.writeFile(at('no/n'), ''), ...ENOENT, syscall: 'open', path: 'no/n' },
];

export const errorsSuite: Suite = (stack) => {
  describe('errors', () => {
    for (const expected of EXPECTED) {
      const { code, errno, says, syscall, path, dest, needs = [] } = expected;
      const where = [path, dest].filter((part) => part !== undefined).map((part) => part.slice(0, 20));
      fact(
        stack,
        `${syscall} ${where.join(' -> ')} says ${code} in Node's words`,
        { seed, needs: ['short-errors', ...needs] },
        async (scene) => {
          const error = await failureOf(expected.call(scene));
          const full = (name: string | undefined): string | undefined =>
            name === undefined || name.startsWith('=') ? name?.slice(1) : scene.at(name);
          expect([error.code, error.errno, error.syscall, error.path, error.dest]).toEqual([code, errno, syscall, full(path), full(dest)]);
          const named = path === undefined ? '' : ` '${full(path)}'`;
          expect(error.message).toBe(`${code}: ${says}, ${syscall}${named}${dest === undefined ? '' : ` -> '${full(dest)}'`}`);
          expect(error.name).toBe('Error');
        },
      );
    }

    fact(stack, 'mkdtemp tells the prefix it was given', { seed, needs: ['short-errors'] }, async ({ fs, at }) => {
      const error = await failureOf(fs.mkdtemp(at('no/n-')));
      expect([error.code, error.syscall, error.dest]).toEqual(['ENOENT', 'mkdtemp', undefined]);
      expect(String(error.path).startsWith(at('no/n-'))).toBe(true);
    });
    fact(stack, 'an operation that failed changed nothing', { seed }, async (scene) => {
      const { fs, at } = scene;
      const before = await fs.readdir(at(), { recursive: true });
      for (const { call } of EXPECTED) await failureOf(call(scene));
      expect((await fs.readdir(at(), { recursive: true })).sort()).toEqual(before.sort());
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
    });
  });
};
