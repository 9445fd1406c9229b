/* What a handle means when its name goes, moves or is taken by another file. */

import { describe, expect } from 'vitest';

import { dir, file, tree } from '../support/tree.ts';
import { type Suite, expectBytes, expectCode, fact, pattern, text } from './scene.ts';

const big = pattern(600_000, 3);
const items = [file('a', 'old content'), file('b', 'B'), dir('d', file('x', 'X'))];
const seed = tree(...items);
/** With files of several chunks, for the facts that need them: to each scene they cost far more than the rest. */
const large = tree(...items, file('big', big));

export const handleIdentitySuite: Suite = (stack) => {
  const needs = ['open-file-identity'] as const;
  describe('open files', () => {
    fact(stack, 'an unlinked file stays readable and writable', { seed, needs }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await fs.unlink(at('a'));
      expect((await handle.stat()).nlink).toBe(0);
      const buffer = new Uint8Array(3);
      await handle.read(buffer, 0, 3, 0);
      expect(text(buffer)).toBe('old');
      await handle.write('NEW', 0);
      await handle.read(buffer, 0, 3, 0);
      expect(text(buffer)).toBe('NEW');
      await expectCode(fs.stat(at('a')), 'ENOENT');
      await handle.close();
      expect(await fs.readdir(at())).not.toContain('a');
    });
    fact(stack, 'a large unlinked file keeps all of its content', { seed: large, needs }, async ({ fs, at }) => {
      const handle = await fs.open(at('big'));
      await fs.unlink(at('big'));
      expectBytes(await handle.readFile(), big);
      await handle.close();
    });
    fact(stack, 'a file made again under the name is another file', { seed, needs }, async ({ fs, at }) => {
      const old = await fs.open(at('a'), 'r+');
      await fs.unlink(at('a'));
      await fs.writeFile(at('a'), 'new');
      expect((await fs.stat(at('a'))).ino).not.toBe((await old.stat()).ino);
      await old.write('+', 0);
      await old.truncate(4);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('new');
      expect((await old.stat()).size).toBe(4);
      await old.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('new');
    });
    fact(stack, 'a file replaced by rename stays with its handle', { seed, needs }, async ({ fs, at }) => {
      const old = await fs.open(at('a'), 'r+');
      const moved = await fs.open(at('b'), 'r+');
      await fs.rename(at('b'), at('a'));
      expect(await old.readFile('utf8')).toBe('old content');
      await old.write('lost', 0);
      await moved.write('kept', 0);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('kept');
      expect([(await old.stat()).nlink, (await moved.stat()).nlink]).toEqual([0, 1]);
      await old.close();
      await moved.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('kept');
    });
    fact(stack, 'a handle follows its file to a new name', { seed, needs }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'a');
      await fs.rename(at('a'), at('d/moved'));
      await handle.write('!');
      await handle.close();
      expect(await fs.readFile(at('d/moved'), 'utf8')).toBe('old content!');
      expect(await fs.readdir(at())).not.toContain('a');
    });
    fact(stack, 'a handle follows when a directory above is renamed', { seed, needs }, async ({ fs, at }) => {
      const handle = await fs.open(at('d/x'), 'r+');
      await fs.rename(at('d'), at('e'));
      await handle.write('Y');
      await handle.close();
      expect(await fs.readFile(at('e/x'), 'utf8')).toBe('Y');
    });
    fact(stack, 'a reader sees what is written through another handle', { seed, needs }, async ({ fs, at }) => {
      const reader = await fs.open(at('a'));
      const writer = await fs.open(at('a'), 'r+');
      await writer.write('NEW', 0);
      const buffer = new Uint8Array(3);
      await reader.read(buffer, 0, 3, 0);
      expect(text(buffer)).toBe('NEW');
      await writer.truncate(1);
      expect((await reader.stat()).size).toBe(1);
      expect((await reader.read(buffer, 0, 3, 0)).bytesRead).toBe(1);
      await fs.appendFile(at('a'), '++');
      expect((await reader.read(buffer, 0, 3, 0)).bytesRead).toBe(3);
      expect(text(buffer)).toBe('N++');
      await reader.close();
      await writer.close();
    });
    fact(stack, 'a reader sees writeFile and chmod by path', { seed, needs }, async ({ fs, at }) => {
      const reader = await fs.open(at('a'));
      await fs.writeFile(at('a'), 'xy');
      await fs.chmod(at('a'), 0o600);
      const attr = await reader.stat();
      expect([attr.size, attr.mode & 0o777]).toEqual([2, 0o600]);
      expect(await reader.readFile('utf8')).toBe('xy');
      await reader.close();
    });
    fact(stack, 'every handle has a position of its own', { seed, needs }, async ({ fs, at }) => {
      const [one, two] = [await fs.open(at('a')), await fs.open(at('a'))];
      const buffer = new Uint8Array(3);
      await one.read(buffer);
      await one.read(buffer);
      await two.read(buffer);
      expect(text(buffer)).toBe('old');
      await one.close();
      await two.close();
    });
    fact(stack, 'two handles of an unlinked file are one file', { seed, needs }, async ({ fs, at }) => {
      const [one, two] = [await fs.open(at('a'), 'r+'), await fs.open(at('a'))];
      await fs.unlink(at('a'));
      await one.write('1234', 0);
      await one.close();
      expect((await two.readFile('utf8')).slice(0, 4)).toBe('1234');
      await two.close();
    });
    fact(stack, 'an open directory outlives its name, empty', { seed, needs }, async ({ fs, at }) => {
      await fs.mkdir(at('n'));
      const handle = await fs.open(at('n'), 'r');
      await fs.rmdir(at('n'));
      expect((await handle.stat()).isDirectory()).toBe(true);
      await handle.close();
    });
  });
};
