/* readFile, writeFile. */

import { describe, expect } from 'vitest';

import { dir, file, sparse, symlink, tree } from '../support/tree.ts';
import { type Suite, bytes, expectBytes, expectCode, fact, failureOf, pattern, text } from './scene.ts';

const big = pattern(1_000_003, 2);
const items = [
  file('a', 'hällo', { mode: 0o640 }),
  file('empty'),
  dir('d', file('x', 'X')),
  symlink('l', 'a'),
  symlink('dangling', 'made'),
];
const seed = tree(...items);
/** With files of several chunks, for the facts that need them: to each scene they cost far more than the rest. */
const large = tree(...items, file('big', big), sparse('zeros', 3 << 20));

export const readWriteSuite: Suite = (stack) => {
  describe('readFile', () => {
    fact(stack, 'bytes without an encoding, text with one', { seed }, async ({ fs, at }) => {
      const content = await fs.readFile(at('a'));
      expect(content).toBeInstanceOf(Uint8Array);
      expect([...content]).toEqual([...bytes('hällo')]);
      expect(await fs.readFile(at('a'), 'utf8')).toBe('hällo');
      expect(await fs.readFile(at('a'), { encoding: 'utf-8' })).toBe('hällo');
    });
    fact(stack, "Node's encodings are known", { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('n'), new Uint8Array([0xfb, 0xff, 0x41, 0x00]));
      const forms: string[] = [];
      for (const encoding of ['hex', 'base64', 'base64url', 'latin1', 'binary', 'ascii', 'utf16le', 'ucs2'] as const) {
        forms.push(await fs.readFile(at('n'), encoding));
      }
      expect(forms).toEqual(['fbff4100', '+/9BAA==', '-_9BAA', 'ûÿA\0', 'ûÿA\0', '{\x7fA\0', '\ufffbA', '\ufffbA']);
    });
    fact(stack, 'what is not UTF-8 becomes U+FFFD, and a byte order mark stays', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('n'), new Uint8Array([0xef, 0xbb, 0xbf, 0x41, 0xff]));
      expect(await fs.readFile(at('n'), 'utf8')).toBe('\ufeffA\ufffd');
    });
    fact(stack, 'an empty file is empty', { seed }, async ({ fs, at }) => {
      expect((await fs.readFile(at('empty'))).length).toBe(0);
      expect(await fs.readFile(at('empty'), 'utf8')).toBe('');
    });
    fact(stack, 'a file of several chunks is whole', { seed: large }, async ({ fs, at }) => {
      expectBytes(await fs.readFile(at('big')), big);
      expectBytes(await fs.readFile(at('zeros')), new Uint8Array(3 << 20));
    });
    fact(stack, 'what was read can be changed without changing the file', { seed: large }, async ({ fs, at }) => {
      (await fs.readFile(at('d/x'))).fill(0);
      (await fs.readFile(at('big'))).fill(0);
      expect(await fs.readFile(at('d/x'), 'utf8')).toBe('X');
      expectBytes(await fs.readFile(at('big')), big);
    });
    fact(stack, 'links are followed, directories and what is missing refused', { seed }, async ({ fs, at }) => {
      expect(await fs.readFile(at('l'), 'utf8')).toBe('hällo');
      await expectCode(fs.readFile(at('d')), 'EISDIR');
      await expectCode(fs.readFile(at('no')), 'ENOENT');
      await expectCode(fs.readFile(at('dangling')), 'ENOENT');
      await expectCode(fs.readFile(at('a/b')), 'ENOTDIR');
      await expectCode(fs.readFile(at('a/')), 'ENOTDIR');
    });
    fact(stack, 'the flag can make the file', { seed }, async ({ fs, at }) => {
      expect(await fs.readFile(at('n'), { encoding: 'utf8', flag: 'a+' })).toBe('');
      expect((await fs.stat(at('n'))).size).toBe(0);
      await expectCode(fs.readFile(at('a'), { flag: 'wx+' }), 'EEXIST');
    });
    fact(stack, 'a signal that is aborted already rejects', { seed, needs: ['abort-signal'] }, async ({ fs, at }) => {
      const error = await failureOf(fs.readFile(at('a'), { signal: AbortSignal.abort() }));
      expect([error.name, error.code]).toEqual(['AbortError', 'ABORT_ERR']);
    });
    fact(stack, 'paths can be bytes or file URLs', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('sp ace%'), 'S');
      expect(await fs.readFile(new TextEncoder().encode(at('a')), 'utf8')).toBe('hällo');
      const url = new URL(`file://${at('sp ace%').replace('%', '%25').replace(' ', '%20')}`);
      expect(await fs.readFile(url, 'utf8')).toBe('S');
    });
  });

  describe('writeFile', () => {
    fact(stack, 'a new file has the content and 0644', { seed }, async ({ fs, at }) => {
      expect(await fs.writeFile(at('n'), 'new')).toBeUndefined();
      expect(await fs.readFile(at('n'), 'utf8')).toBe('new');
      expect((await fs.stat(at('n'))).mode).toBe(0o100644);
    });
    fact(stack, 'an existing file is replaced in whole and stays the same file', { seed }, async ({ fs, at }) => {
      const before = await fs.stat(at('a'));
      await fs.writeFile(at('a'), 'x');
      const after = await fs.stat(at('a'));
      expect(await fs.readFile(at('a'), 'utf8')).toBe('x');
      expect([after.mode, after.ino, after.size]).toEqual([before.mode, before.ino, 1]);
    });
    fact(stack, 'a large file is replaced by a small one and by nothing', { seed: large }, async ({ fs, at }) => {
      await fs.writeFile(at('big'), 'small');
      expect(await fs.readFile(at('big'), 'utf8')).toBe('small');
      await fs.writeFile(at('big'), '');
      expect((await fs.readFile(at('big'))).length).toBe(0);
    });
    fact(stack, 'large content comes back, chunk borders included', { seed }, async ({ fs, at }) => {
      for (const size of [262_143, 262_144, 262_145, 1_048_576, 1_048_577]) {
        const content = pattern(size, size);
        await fs.writeFile(at('n'), content);
        expectBytes(await fs.readFile(at('n')), content);
      }
    });
    fact(stack, 'a view gives its own bytes, not its buffer', { seed }, async ({ fs, at }) => {
      const whole = bytes('0123456789');
      await fs.writeFile(at('n'), whole.subarray(2, 5));
      expect(await fs.readFile(at('n'), 'utf8')).toBe('234');
      await fs.writeFile(at('n'), new DataView(whole.buffer, 7, 2));
      expect(await fs.readFile(at('n'), 'utf8')).toBe('78');
      await fs.writeFile(at('n'), new Uint16Array([0x4241]));
      expect(await fs.readFile(at('n'), 'utf8')).toBe('AB');
    });
    fact(stack, 'what is written does not follow later changes of the buffer', { seed }, async ({ fs, at }) => {
      const content = bytes('before');
      await fs.writeFile(at('n'), content);
      content.fill(120);
      expect(await fs.readFile(at('n'), 'utf8')).toBe('before');
    });
    fact(stack, 'text is written in the encoding given', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('n'), 'fbff', 'hex');
      expect([...(await fs.readFile(at('n')))]).toEqual([0xfb, 0xff]);
      await fs.writeFile(at('n'), '+/9B', { encoding: 'base64' });
      expect([...(await fs.readFile(at('n')))]).toEqual([0xfb, 0xff, 0x41]);
      await fs.writeFile(at('n'), 'é', 'latin1');
      expect([...(await fs.readFile(at('n')))]).toEqual([0xe9]);
      await fs.writeFile(at('n'), 'ſ😀', 'latin1');
      expect([...(await fs.readFile(at('n')))]).toEqual([0x7f, 0x3d, 0x00]);
      await fs.writeFile(at('n'), 'A', 'utf16le');
      expect([...(await fs.readFile(at('n')))]).toEqual([0x41, 0]);
    });
    fact(stack, 'the mode is that of new files, less the umask', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('n'), '', { mode: 0o777 });
      expect((await fs.stat(at('n'))).mode & 0o777).toBe(0o755);
      await fs.writeFile(at('m'), '', { mode: 0o600 });
      expect((await fs.stat(at('m'))).mode & 0o777).toBe(0o600);
    });
    fact(stack, 'flags append, refuse and overwrite in place', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('a'), '!', { flag: 'a' });
      expect(await fs.readFile(at('a'), 'utf8')).toBe('hällo!');
      await expectCode(fs.writeFile(at('a'), '', { flag: 'wx' }), 'EEXIST');
      await fs.writeFile(at('a'), 'HÄ', { flag: 'r+' });
      expect(await fs.readFile(at('a'), 'utf8')).toBe('HÄllo!');
    });
    fact(stack, 'links are written through, also where nothing is yet', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('l'), 'via');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('via');
      await fs.writeFile(at('dangling'), 'made');
      expect(await fs.readFile(at('made'), 'utf8')).toBe('made');
    });
    fact(stack, 'directories, missing parents and files as parents are refused', { seed }, async ({ fs, at }) => {
      await expectCode(fs.writeFile(at('d'), ''), 'EISDIR');
      await expectCode(fs.writeFile(at('no/n'), ''), 'ENOENT');
      await expectCode(fs.writeFile(at('a/n'), ''), 'ENOTDIR');
    });
    fact(stack, 'an aborted signal leaves no trace', { seed, needs: ['abort-signal'] }, async ({ fs, at }) => {
      const error = await failureOf(fs.writeFile(at('n'), 'x', { signal: AbortSignal.abort() }));
      expect([error.name, error.code]).toEqual(['AbortError', 'ABORT_ERR']);
      expect(text(await fs.readFile(at('a')))).toBe('hällo');
    });
  });
};
