/* Names that break file systems made of JavaScript objects, and the limits of names. */

import { describe, expect } from 'vitest';

import { dir, file, tree } from '../support/tree.ts';
import { type Suite, expectCode, fact } from './scene.ts';

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '0',
  ' ',
  ' leading and trailing ',
  '-rf',
  '.wh.x',
  '.wh..wh..opq',
  '...',
  '.hidden',
  'back\\slash',
  'a:b',
  'a?b#c%20d',
  'tab\tand\nnewline',
  'quote\'"`',
  'Case',
  'case',
  'é',
  'e\u0301',
  '日本語',
  '\u{1F600}',
  '\u{10FFFF}',
  '\ufeffbom',
  'x'.repeat(255),
  'é'.repeat(127),
];

const seed = tree(file('a', 'A'), dir('names', ...NAMES.map((name) => file(name, `in ${name}`))), dir('dirs'));

export const namesSuite: Suite = (stack) => {
  describe('names', () => {
    fact(stack, 'every name that was there is found by that name alone', { seed }, async ({ fs, at }) => {
      expect((await fs.readdir(at('names'))).sort()).toEqual([...NAMES].sort());
      for (const name of NAMES) expect(await fs.readFile(at(`names/${name}`), 'utf8')).toBe(`in ${name}`);
      for (const name of ['valueOf', 'CASE', 'É', 'x'.repeat(254)]) await expectCode(fs.stat(at(`names/${name}`)), 'ENOENT');
    });
    fact(stack, 'every name can be made, renamed and deleted', { seed }, async ({ fs, at }) => {
      for (const name of NAMES) await fs.mkdir(at(`dirs/${name}`));
      for (const name of NAMES) await fs.writeFile(at(`dirs/${name}/${name}`), name);
      expect((await fs.readdir(at('dirs'))).sort()).toEqual([...NAMES].sort());
      for (const name of NAMES) {
        expect(await fs.readFile(at(`dirs/${name}/${name}`), 'utf8')).toBe(name);
        await fs.rename(at(`dirs/${name}/${name}`), at('dirs/moved'));
        await fs.rename(at('dirs/moved'), at(`dirs/${name}/again`));
        await fs.symlink(name, at(`dirs/${name}/link`));
        expect(await fs.readlink(at(`dirs/${name}/link`))).toBe(name);
        await fs.rm(at(`dirs/${name}`), { recursive: true });
      }
      expect(await fs.readdir(at('dirs'))).toEqual([]);
    });
    fact(stack, 'a deleted name is free, and no mark of its deletion shows', { seed }, async ({ fs, at }) => {
      for (const name of NAMES) await fs.unlink(at(`names/${name}`));
      expect(await fs.readdir(at('names'))).toEqual([]);
      for (const name of NAMES) await fs.writeFile(at(`names/${name}`), 'again');
      expect((await fs.readdir(at('names'))).sort()).toEqual([...NAMES].sort());
    });
    fact(stack, 'what looks like a mark of an archive is an ordinary file', { seed }, async ({ fs, at }) => {
      await fs.writeFile(at('.wh.a'), '');
      await fs.writeFile(at('.wh..wh..opq'), '');
      expect(await fs.readFile(at('a'), 'utf8')).toBe('A');
      expect((await fs.readdir(at())).sort()).toEqual(['.wh..wh..opq', '.wh.a', 'a', 'dirs', 'names']);
    });
    fact(stack, 'a name has at most 255 bytes', { seed }, async ({ fs, at }) => {
      for (const name of ['x'.repeat(256), 'é'.repeat(128)]) {
        await expectCode(fs.writeFile(at(name), ''), 'ENAMETOOLONG');
        await expectCode(fs.mkdir(at(name)), 'ENAMETOOLONG');
        await expectCode(fs.stat(at(name)), 'ENAMETOOLONG');
        await expectCode(fs.rename(at('a'), at(name)), 'ENAMETOOLONG');
        await expectCode(fs.symlink('a', at(name)), 'ENAMETOOLONG');
        await expectCode(fs.link(at('a'), at(name)), 'ENAMETOOLONG');
        await expectCode(fs.stat(at(`${name}/x`)), 'ENAMETOOLONG');
      }
    });
    fact(stack, 'a path has less than 4096 bytes', { seed }, async ({ fs, at }) => {
      await expectCode(fs.stat(at('x/'.repeat(2048) + 'x')), 'ENAMETOOLONG');
      expect((await fs.stat(at('./'.repeat(1500) + 'a'))).isFile()).toBe(true);
    });
    fact(stack, 'trees can be deep', { seed }, async ({ fs, at }) => {
      const path = at(Array.from({ length: 200 }, (_, i) => `d${i}`).join('/'));
      await fs.mkdir(path, { recursive: true });
      await fs.writeFile(`${path}/f`, 'deep');
      expect(await fs.readFile(`${path}/f`, 'utf8')).toBe('deep');
      expect((await fs.readdir(at('d0'), { recursive: true })).length).toBe(200);
      await fs.rm(at('d0'), { recursive: true });
      await expectCode(fs.stat(at('d0')), 'ENOENT');
    });
  });
};
