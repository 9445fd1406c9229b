/* copyFile, cp. */

import { describe, expect } from 'vitest';

import { COPYFILE_EXCL } from '../../src/base/mode.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';
import { SEED_TIME, dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, expectBytes, expectCode, fact, pattern } from './scene.ts';

const big = pattern(800_000);
const items = [
  file('a', 'A', { mode: 0o750 }),
  file('b', 'longer B'),
  dir('d', file('x', 'X'), dir('e', file('y', 'Y', { mode: 0o600 })), symlink('l', 'x')),
  dir('empty'),
  symlink('to-a', 'a'),
];
const seed = tree(...items);
/** With files of several chunks, for the facts that need them: to each scene they cost far more than the rest. */
const large = tree(...items, file('big', big));

export const copySuite: Suite = (stack) => {
  describe('copyFile', () => {
    fact(stack, 'content and mode go over to a new file', { seed }, async ({ fs, at }) => {
      await fs.copyFile(at('a'), at('c'));
      expect(await fs.readFile(at('c'), 'utf8')).toBe('A');
      expect((await fs.stat(at('c'))).mode & 0o777).toBe(0o750);
      expect((await fs.stat(at('c'))).ino).not.toBe((await fs.stat(at('a'))).ino);
    });
    fact(stack, 'an existing file is replaced in whole, and takes over the mode', { seed }, async ({ fs, at }) => {
      await fs.copyFile(at('a'), at('b'));
      expect(await fs.readFile(at('b'), 'utf8')).toBe('A');
      expect((await fs.stat(at('b'))).mode & 0o777).toBe(0o750);
    });
    fact(stack, 'set-user-ID goes over too, to a new file and to an existing one', { seed }, async ({ fs, at }) => {
      await fs.chmod(at('a'), 0o4711);
      for (const name of ['b', 'c']) {
        await fs.copyFile(at('a'), at(name));
        expect((await fs.stat(at(name))).mode & 0o7777).toBe(0o4711);
      }
    });
    fact(stack, 'the copy is a file of its own', { seed: large }, async ({ fs, at }) => {
      await fs.copyFile(at('big'), at('c'));
      const handle = await fs.open(at('c'), 'r+');
      await handle.write(new Uint8Array([1, 2, 3]), 0, 3, 300_000);
      await handle.close();
      expectBytes(await fs.readFile(at('big')), big);
      const changed = big.slice();
      changed.set([1, 2, 3], 300_000);
      expectBytes(await fs.readFile(at('c')), changed);
      await fs.truncate(at('big'), 10);
      expectBytes(await fs.readFile(at('c')), changed);
    });
    fact(stack, 'COPYFILE_EXCL refuses an existing destination', { seed }, async ({ fs, at }) => {
      await expectCode(fs.copyFile(at('a'), at('b'), COPYFILE_EXCL), 'EEXIST');
      expect(await fs.readFile(at('b'), 'utf8')).toBe('longer B');
      await fs.copyFile(at('a'), at('c'), COPYFILE_EXCL);
      expect(await fs.readFile(at('c'), 'utf8')).toBe('A');
    });
    fact(stack, 'links are followed on both sides', { seed }, async ({ fs, at }) => {
      await fs.copyFile(at('b'), at('to-a'));
      expect(await fs.readFile(at('a'), 'utf8')).toBe('longer B');
      await fs.copyFile(at('to-a'), at('c'));
      expect((await fs.lstat(at('c'))).isFile()).toBe(true);
    });
    fact(stack, 'a copy onto itself leaves it whole', { seed }, async ({ fs, at }) => {
      await fs.copyFile(at('b'), at('b'));
      expect(await fs.readFile(at('b'), 'utf8')).toBe('longer B');
    });
    fact(stack, 'missing sources and parents are ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.copyFile(at('no'), at('c')), 'ENOENT');
      await expectCode(fs.copyFile(at('a'), at('no/c')), 'ENOENT');
      await expectCode(fs.copyFile(at('a'), at('a/c')), 'ENOTDIR');
    });
    fact(stack, 'directories are refused on both sides', { seed }, async ({ fs, at }) => {
      await expectCode(fs.copyFile(at('a'), at('d')), 'EISDIR');
      await expectCode(fs.copyFile(at('d'), at('c')), 'EISDIR', 'EINVAL', 'ENOTSUP');
    });
  });

  describe('cp', () => {
    fact(stack, 'one file is copied', { seed }, async ({ fs, at }) => {
      await fs.cp(at('a'), at('c'));
      expect(await fs.readFile(at('c'), 'utf8')).toBe('A');
    });
    fact(stack, 'a tree is copied with everything in it', { seed }, async ({ fs, at }) => {
      await fs.rm(at('d/l'));
      await fs.cp(at('d'), at('copy'), { recursive: true });
      expect(await snapshotTree(fs, at('copy'))).toEqual(await snapshotTree(fs, at('d')));
    });
    fact(stack, 'missing parents of the destination are made', { seed }, async ({ fs, at }) => {
      await fs.cp(at('a'), at('p/q/c'));
      expect(await fs.readFile(at('p/q/c'), 'utf8')).toBe('A');
    });
    fact(stack, 'what stands in the destination and not in the source stays', { seed }, async ({ fs, at }) => {
      await fs.mkdir(at('t/e'), { recursive: true });
      await fs.writeFile(at('t/e/old'), 'O');
      await fs.writeFile(at('t/x'), 'other');
      await fs.cp(at('d'), at('t'), { recursive: true });
      expect(await fs.readFile(at('t/x'), 'utf8')).toBe('X');
      expect((await fs.readdir(at('t/e'))).sort()).toEqual(['old', 'y']);
    });
    fact(stack, 'without force an existing file stays; with errorOnExist it is EEXIST', { seed }, async ({ fs, at }) => {
      await fs.cp(at('a'), at('b'), { force: false });
      expect(await fs.readFile(at('b'), 'utf8')).toBe('longer B');
      await expectCode(fs.cp(at('a'), at('b'), { force: false, errorOnExist: true }), 'EEXIST', 'ERR_FS_CP_EEXIST');
    });
    fact(stack, 'a directory needs recursive', { seed }, async ({ fs, at }) => {
      await expectCode(fs.cp(at('d'), at('c')), 'EISDIR', 'ERR_FS_EISDIR');
      await expectCode(fs.lstat(at('c')), 'ENOENT');
    });
    fact(stack, 'a directory cannot be copied into itself', { seed }, async ({ fs, at }) => {
      await expectCode(fs.cp(at('d'), at('d/e/in'), { recursive: true }), 'EINVAL', 'ERR_FS_CP_EINVAL');
    });
    fact(stack, 'a file does not replace a directory, nor a directory a file', { seed }, async ({ fs, at }) => {
      await expectCode(fs.cp(at('a'), at('d')), 'EISDIR', 'ERR_FS_CP_NON_DIR_TO_DIR');
      await expectCode(fs.cp(at('d'), at('a'), { recursive: true }), 'ENOTDIR', 'ERR_FS_CP_DIR_TO_NON_DIR');
    });
    fact(stack, 'a missing source is ENOENT', { seed }, async ({ fs, at }) => {
      await expectCode(fs.cp(at('no'), at('c')), 'ENOENT');
    });
    fact(stack, 'the filter decides, directory by directory', { seed }, async ({ fs, at }) => {
      await fs.cp(at('d'), at('c'), { recursive: true, filter: (source) => !source.endsWith('/e') });
      expect((await fs.readdir(at('c'))).sort()).toEqual(['l', 'x']);
    });
    fact(stack, 'links are copied as links, with dereference as what they mean', { seed }, async ({ fs, at }) => {
      await fs.cp(at('to-a'), at('link-copy'));
      expect((await fs.lstat(at('link-copy'))).isSymbolicLink()).toBe(true);
      expect(await fs.readFile(at('link-copy'), 'utf8')).toBe('A');
      await fs.cp(at('to-a'), at('file-copy'), { dereference: true });
      expect((await fs.lstat(at('file-copy'))).isFile()).toBe(true);
    });
    fact(stack, 'times are kept when asked for', { seed }, async ({ fs, at }) => {
      await fs.cp(at('a'), at('kept'), { preserveTimestamps: true });
      expect((await fs.stat(at('kept'))).mtimeMs).toBe(SEED_TIME);
      await fs.cp(at('a'), at('now'));
      expect((await fs.stat(at('now'))).mtimeMs).toBeGreaterThan(SEED_TIME);
    });
  });
};
