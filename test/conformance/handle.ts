/* FileHandle: positions, holes, truncation, attributes, close. */

import { describe, expect } from 'vitest';

import { dir, file, tree } from '../support/tree.ts';
import { type Suite, bytes, expectBytes, expectCode, expectMistake, fact, pattern, text } from './scene.ts';

const big = pattern(900_000, 5);
const items = [file('a', 'abcdefgh'), file('empty'), dir('d')];
const seed = tree(...items);
/** With files of several chunks, for the facts that need them: to each scene they cost far more than the rest. */
const large = tree(...items, file('big', big));

export const handleSuite: Suite = (stack) => {
  describe('FileHandle', () => {
    fact(stack, 'reads without a position go on where the last one ended', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'));
      const buffer = new Uint8Array(3);
      const seen: string[] = [];
      for (;;) {
        const { bytesRead, buffer: same } = await handle.read(buffer);
        expect(same).toBe(buffer);
        if (bytesRead === 0) break;
        seen.push(text(buffer.subarray(0, bytesRead)));
      }
      expect(seen).toEqual(['abc', 'def', 'gh']);
      await handle.close();
    });
    fact(stack, 'reads with a position leave the current one alone', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'));
      const buffer = new Uint8Array(2);
      await handle.read(buffer, 0, 2, 5);
      expect(text(buffer)).toBe('fg');
      await handle.read(buffer, 0, 2, null);
      expect(text(buffer)).toBe('ab');
      await handle.close();
    });
    fact(stack, 'offset and length choose the part of the buffer', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'));
      const buffer = bytes('..........');
      expect((await handle.read(buffer, 3, 4, 2)).bytesRead).toBe(4);
      expect(text(buffer)).toBe('...cdef...');
      expect((await handle.read(buffer, { offset: 1, length: 1, position: 7 })).bytesRead).toBe(1);
      expect(text(buffer)).toBe('.h.cdef...');
      await handle.close();
    });
    fact(stack, 'there is nothing past the end', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'));
      expect((await handle.read(new Uint8Array(4), 0, 4, 6)).bytesRead).toBe(2);
      expect((await handle.read(new Uint8Array(4), 0, 4, 8)).bytesRead).toBe(0);
      expect((await handle.read(new Uint8Array(4), 0, 4, 1_000_000)).bytesRead).toBe(0);
      await handle.close();
    });
    fact(stack, 'writes without a position go on, with one they do not move it', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('n'), 'w+');
      expect((await handle.write('one')).bytesWritten).toBe(3);
      expect((await handle.write(bytes('-two-'), 1, 3)).bytesWritten).toBe(3);
      await handle.write('O', 0);
      await handle.write('!');
      await handle.close();
      expect(await fs.readFile(at('n'), 'utf8')).toBe('Onetwo!');
    });
    fact(stack, 'reading and writing share the position', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.read(new Uint8Array(2));
      await handle.write('XX');
      const buffer = new Uint8Array(2);
      await handle.read(buffer);
      expect(text(buffer)).toBe('ef');
      await handle.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('abXXefgh');
    });
    fact(stack, 'text is written in the encoding given, and counted in bytes', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('n'), 'w');
      expect((await handle.write('äö', null, 'utf8')).bytesWritten).toBe(4);
      expect((await handle.write('ff00', null, 'hex')).bytesWritten).toBe(2);
      await handle.close();
      expect([...(await fs.readFile(at('n')))]).toEqual([0xc3, 0xa4, 0xc3, 0xb6, 0xff, 0]);
    });
    fact(stack, 'a write past the end leaves zeros between', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.write('end', 600_000);
      expect((await handle.stat()).size).toBe(600_003);
      await handle.close();
      const expected = new Uint8Array(600_003);
      expected.set(bytes('abcdefgh'));
      expected.set(bytes('end'), 600_000);
      expectBytes(await fs.readFile(at('a')), expected);
    });
    fact(stack, 'a write in the middle of a large file changes those bytes only', { seed: large }, async ({ fs, at }) => {
      const handle = await fs.open(at('big'), 'r+');
      const expected = big.slice();
      for (const [offset, length] of [
        [0, 1],
        [262_143, 2],
        [524_288, 262_144],
        [899_999, 1],
        [100, 300_000],
      ] as const) {
        const piece = pattern(length, offset + 9);
        expect((await handle.write(piece, 0, length, offset)).bytesWritten).toBe(length);
        expected.set(piece, offset);
      }
      await handle.close();
      expectBytes(await fs.readFile(at('big')), expected);
    });
    fact(stack, 'what is written does not follow later changes of the buffer', { seed }, async ({ fs, at }) => {
      const buffer = bytes('before');
      const handle = await fs.open(at('n'), 'w');
      await handle.write(buffer);
      buffer.fill(0);
      await handle.close();
      expect(await fs.readFile(at('n'), 'utf8')).toBe('before');
    });
    fact(stack, 'truncate cuts, and grows with zeros', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.truncate(3);
      expect((await handle.stat()).size).toBe(3);
      await handle.truncate(6);
      expect([...(await handle.readFile())]).toEqual([97, 98, 99, 0, 0, 0]);
      await handle.truncate();
      expect((await handle.stat()).size).toBe(0);
      await handle.close();
      expect((await fs.stat(at('a'))).size).toBe(0);
    });
    fact(stack, 'what was cut off a large file does not come back', { seed: large }, async ({ fs, at }) => {
      const handle = await fs.open(at('big'), 'r+');
      await handle.truncate(300_001);
      await handle.truncate(700_000);
      await handle.close();
      const expected = new Uint8Array(700_000);
      expected.set(big.subarray(0, 300_001));
      expectBytes(await fs.readFile(at('big')), expected);
    });
    fact(stack, 'truncate leaves the position', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.read(new Uint8Array(5));
      await handle.truncate(2);
      await handle.write('Z');
      await handle.close();
      expect([...(await fs.readFile(at('a')))]).toEqual([97, 98, 0, 0, 0, 90]);
    });
    fact(stack, 'readFile, writeFile and appendFile start at the position', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.read(new Uint8Array(2));
      expect(await handle.readFile('utf8')).toBe('cdefgh');
      await handle.writeFile('+more');
      await handle.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('abcdefgh+more');
      const appender = await fs.open(at('a'), 'a');
      await appender.appendFile('!');
      await appender.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('abcdefgh+more!');
    });
    fact(stack, 'stat, chmod, chown and utimes act on the open file', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.chmod(0o600);
      await handle.chown(3, 4);
      await handle.utimes(10, 20);
      const [open, named] = [await handle.stat(), await fs.stat(at('a'))];
      for (const attr of [open, named]) {
        expect([attr.mode & 0o777, attr.uid, attr.gid, attr.mtimeMs, attr.size]).toEqual([0o600, 3, 4, 20_000, 8]);
      }
      expect(open.ino).toBe(named.ino);
      await handle.close();
    });
    fact(stack, 'sync and datasync succeed, for a reader too', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.write('x');
      expect(await handle.sync()).toBeUndefined();
      expect(await handle.datasync()).toBeUndefined();
      await handle.close();
      const reader = await fs.open(at('a'));
      await reader.sync();
      await reader.close();
    });
    fact(stack, 'a closed handle is EBADF', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await handle.close();
      await expectCode(handle.read(new Uint8Array(1), 0, 1, 0), 'EBADF');
      await expectCode(handle.write('x'), 'EBADF');
      await expectCode(handle.stat(), 'EBADF');
      await expectCode(handle.truncate(0), 'EBADF');
      await expectCode(handle.sync(), 'EBADF');
    });
    fact(stack, 'closing twice is harmless', { seed, needs: ['sync-handles'] }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'));
      await handle.close();
      await handle.close();
      expect(handle.fd).toBe(-1);
    });
    fact(stack, 'open handles have numbers of their own', { seed }, async ({ fs, at }) => {
      const handles = [await fs.open(at('a')), await fs.open(at('a')), await fs.open(at('empty'))];
      const numbers = handles.map(({ fd }) => fd);
      expect(new Set(numbers).size).toBe(3);
      for (const fd of numbers) expect(Number.isInteger(fd) && fd >= 0).toBe(true);
      for (const handle of handles) await handle.close();
    });
    fact(stack, 'ranges outside the buffer are refused', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('a'), 'r+');
      await expectMistake(handle.read(new Uint8Array(4), 2, 3, 0));
      await expectMistake(handle.write(new Uint8Array(4), 2, 3, 0));
      expect((await handle.read(new Uint8Array(4), 0, 0, 0)).bytesRead).toBe(0);
      await handle.close();
      expect(await fs.readFile(at('a'), 'utf8')).toBe('abcdefgh');
    });
    fact(stack, 'views of other kinds are bytes', { seed }, async ({ fs, at }) => {
      const handle = await fs.open(at('n'), 'w+');
      const buffer = new ArrayBuffer(16);
      new Uint8Array(buffer).set([9, 9, 1, 0, 2, 0, 9, 9]);
      expect((await handle.write(new Uint16Array(buffer, 2, 2))).bytesWritten).toBe(4);
      const view = new DataView(new ArrayBuffer(6), 1, 4);
      expect((await handle.read(view, 0, 4, 0)).bytesRead).toBe(4);
      expect([view.getUint16(0, true), view.getUint16(2, true)]).toEqual([1, 2]);
      await handle.close();
      expect([...(await fs.readFile(at('n')))]).toEqual([1, 0, 2, 0]);
    });
  });
};
