/* What POSIX has and Node's fs has not: mknod and extended attributes. */

import { describe, expect } from 'vitest';

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG, S_IFSOCK, XATTR_CREATE, XATTR_REPLACE } from '../../src/base/mode.ts';
import { typeOf } from '../support/snapshot-tree.ts';
import { dir, file, tree } from '../support/tree.ts';
import { type Suite, bytes, expectCode, fact, text } from './scene.ts';

const seed = tree(file('a', 'A', { xattrs: new Map([['user.k', 'v']]) }), file('b'), dir('d'));

export const extendedSuite: Suite = (stack) => {
  describe('mknod', () => {
    const needs = ['mknod'] as const;
    fact(stack, 'every type that has no content of its own is made', { seed, needs }, async ({ fs, at }) => {
      const types = [S_IFIFO, S_IFSOCK, S_IFBLK, S_IFCHR, S_IFREG];
      for (const type of types) await fs.mknod(at(`n${type}`), type | 0o640, 0x103);
      const seen: string[] = [];
      for (const type of types) seen.push(typeOf(await fs.lstat(at(`n${type}`))));
      expect(seen).toEqual(['fifo', 'socket', 'block', 'character', 'file']);
      const device = await fs.stat(at(`n${S_IFCHR}`));
      expect([device.rdev, device.mode & 0o777]).toEqual([0x103, 0o640]);
    });
    fact(stack, 'directories and existing names are refused', { seed, needs }, async ({ fs, at }) => {
      await expectCode(fs.mknod(at('n'), S_IFDIR | 0o755), 'EPERM', 'EINVAL');
      await expectCode(fs.mknod(at('a'), S_IFIFO | 0o644), 'EEXIST');
      await expectCode(fs.mknod(at('no/n'), S_IFIFO | 0o644), 'ENOENT');
    });
    fact(stack, 'a fifo is renamed, linked, changed and deleted as a file is', { seed, needs }, async ({ fs, at }) => {
      await fs.mknod(at('p'), S_IFIFO | 0o644);
      await fs.rename(at('p'), at('d/q'));
      await fs.link(at('d/q'), at('r'));
      await fs.chmod(at('r'), 0o600);
      expect((await fs.stat(at('d/q'))).mode).toBe(S_IFIFO | 0o600);
      await fs.unlink(at('r'));
      await fs.unlink(at('d/q'));
      expect(await fs.readdir(at('d'))).toEqual([]);
    });
  });

  describe('xattrs', () => {
    const needs = ['xattr'] as const;
    fact(stack, 'what was there is read and listed', { seed, needs }, async ({ fs, at }) => {
      expect(text(await fs.getxattr(at('a'), 'user.k'))).toBe('v');
      expect(await fs.listxattr(at('a'))).toEqual(['user.k']);
      expect(await fs.listxattr(at('b'))).toEqual([]);
    });
    fact(stack, 'they are set, replaced and removed, one by one', { seed, needs }, async ({ fs, at }) => {
      await fs.setxattr(at('a'), 'user.n', bytes('w'));
      await fs.setxattr(at('a'), 'user.k', 'v2');
      expect((await fs.listxattr(at('a'))).sort()).toEqual(['user.k', 'user.n']);
      expect(text(await fs.getxattr(at('a'), 'user.k'))).toBe('v2');
      await fs.removexattr(at('a'), 'user.k');
      expect(await fs.listxattr(at('a'))).toEqual(['user.n']);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
    });
    fact(stack, 'missing attributes are ENODATA, flags are kept', { seed, needs }, async ({ fs, at }) => {
      await expectCode(fs.getxattr(at('a'), 'user.no'), 'ENODATA');
      await expectCode(fs.removexattr(at('a'), 'user.no'), 'ENODATA');
      await expectCode(fs.setxattr(at('a'), 'user.k', '', XATTR_CREATE), 'EEXIST');
      await expectCode(fs.setxattr(at('a'), 'user.no', '', XATTR_REPLACE), 'ENODATA');
      await expectCode(fs.getxattr(at('no'), 'user.k'), 'ENOENT');
    });
    fact(stack, 'they follow their file, and names may be those of object members', { seed, needs }, async ({ fs, at }) => {
      await fs.setxattr(at('d'), 'user.__proto__', 'p');
      await fs.rename(at('d'), at('e'));
      expect(text(await fs.getxattr(at('e'), 'user.__proto__'))).toBe('p');
      await fs.link(at('a'), at('twin'));
      await fs.setxattr(at('twin'), 'user.t', '1');
      expect((await fs.listxattr(at('a'))).sort()).toEqual(['user.k', 'user.t']);
    });
  });
};
