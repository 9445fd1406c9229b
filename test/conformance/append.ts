/* appendFile and O_APPEND. */

import { describe, expect } from 'vitest';

import { dir, file, symlink, tree } from '../support/tree.ts';
import { type Suite, bytes, expectBytes, expectCode, fact, pattern, text } from './scene.ts';

const seed = tree(file('a', 'one', { mode: 0o640 }), dir('d'), symlink('l', 'a'));

export const appendSuite: Suite = (stack) => {
  describe('appendFile', () => {
    fact(stack, 'text goes to the end', { seed }, async ({ fs, at }) => {
      await fs.appendFile(at('a'), ' two');
      await fs.appendFile(at('a'), ' drei', 'utf8');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('one two drei');
    });
    fact(stack, 'bytes go to the end', { seed }, async ({ fs, at }) => {
      await fs.appendFile(at('a'), bytes('xyz').subarray(1));
      expect(text(await fs.readFile(at('a')))).toBe('oneyz');
    });
    fact(stack, 'a missing file is made, with the mode given', { seed }, async ({ fs, at }) => {
      await fs.appendFile(at('n'), 'new', { mode: 0o600 });
      expect(await fs.readFile(at('n'), 'utf8')).toBe('new');
      expect((await fs.stat(at('n'))).mode & 0o777).toBe(0o600);
    });
    fact(stack, 'the mode of an existing file stays', { seed }, async ({ fs, at }) => {
      await fs.appendFile(at('a'), 'x', { mode: 0o600 });
      expect((await fs.stat(at('a'))).mode & 0o777).toBe(0o640);
    });
    fact(stack, 'a symbolic link is followed', { seed }, async ({ fs, at }) => {
      await fs.appendFile(at('l'), '+');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('one+');
      expect((await fs.lstat(at('l'))).isSymbolicLink()).toBe(true);
    });
    fact(stack, 'appending nothing changes nothing', { seed }, async ({ fs, at }) => {
      await fs.appendFile(at('a'), '');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('one');
    });
    fact(stack, 'directories and missing parents are refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.appendFile(at('d'), 'x'), 'EISDIR');
      await expectCode(fs.appendFile(at('no/a'), 'x'), 'ENOENT');
      await expectCode(fs.appendFile(at('a/b'), 'x'), 'ENOTDIR');
    });
    fact(stack, 'appends across the border of a chunk keep every byte', { seed }, async ({ fs, at }) => {
      const whole = pattern(700_001);
      for (let offset = 0; offset < whole.length; offset += 100_003) {
        await fs.appendFile(at('big'), whole.subarray(offset, offset + 100_003));
      }
      expectBytes(await fs.readFile(at('big')), whole);
    });
    fact(stack, 'appends at the same time lose nothing', { seed, needs: ['append'] }, async ({ fs, at }) => {
      const marks = Array.from({ length: 30 }, (_, i) => `<${i}>`);
      await Promise.all(marks.map((mark) => fs.appendFile(at('log'), mark)));
      const log = await fs.readFile(at('log'), 'utf8');
      expect(log.length).toBe(marks.join('').length);
      for (const mark of marks) expect(log).toContain(mark);
    });
    fact(stack, 'a handle opened for appending writes at the end wherever it read', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'a+');
      const buffer = new Uint8Array(2);
      expect((await handle.read(buffer, 0, 2, 0)).bytesRead).toBe(2);
      expect(text(buffer)).toBe('on');
      await fs.appendFile(at('a'), '-other-');
      await handle.write('mine', 0);
      await handle.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('one-other-mine');
    });
    fact(stack, 'the flag can be given', { seed }, async ({ fs, at }) => {
      await expectCode(fs.appendFile(at('a'), 'x', { flag: 'ax' }), 'EEXIST');
      await fs.appendFile(at('fresh'), 'x', { flag: 'ax' });
      expect(await fs.readFile(at('fresh'), 'utf8')).toBe('x');
    });
  });
};
