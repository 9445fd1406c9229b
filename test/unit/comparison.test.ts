/* docs/comparison.md says of stratafs what is true now, and the facts behind it can fail. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DOCUMENT, firstColumnOf } from '../../scripts/compare-semantics/document.ts';
import { FACTS } from '../../scripts/compare-semantics/facts.ts';
import { DELETION } from '../../scripts/compare-semantics/facts-deletion.ts';
import { RENAME } from '../../scripts/compare-semantics/facts-rename.ts';
import { STORAGE } from '../../scripts/compare-semantics/facts-storage.ts';
import { stratafs } from '../../scripts/compare-semantics/on-stratafs.ts';
import { runFact } from '../../scripts/compare-semantics/run-fact.ts';
import type { Calls, Subject } from '../../scripts/compare-semantics/subject.ts';

test("the document's column of stratafs is what running it gives", async () => {
  const found = new Map<string, string>();
  for (const fact of FACTS) found.set(fact.name, await runFact(stratafs, fact));
  expect(firstColumnOf(readFileSync(DOCUMENT, 'utf8'))).toEqual(found);
});

test('a file system that does nothing and calls it success fails every fact', async () => {
  const done = async (): Promise<void> => undefined;
  const idle: Calls = {
    readFile: async () => '',
    readdir: async () => [],
    stat: async () => ({ mode: 0, size: 0, ino: 1 }),
    open: async () => ({ read: async () => '', write: done, close: done }),
    writeFile: done,
    appendFile: done,
    mkdir: done,
    rmdir: done,
    unlink: done,
    rename: done,
    chmod: done,
    link: done,
    symlink: done,
  };
  const subject: Subject = {
    ...stratafs,
    mount: async () => ({ fs: idle, reload: async () => idle, lowerState: async () => '', upperBytes: async () => 1 }),
  };
  for (const fact of FACTS) {
    const cell = await runFact(subject, fact);
    expect(cell, fact.name).toMatch(STORAGE.includes(fact) ? /^n\/a/ : /^no/);
  }
});

test('a file system that forgets everything at a reload fails what is checked after one', async () => {
  const forgetful: Subject = {
    ...stratafs,
    async mount(lowers) {
      const mounted = await stratafs.mount(lowers);
      return { ...mounted, reload: async () => (await stratafs.mount(lowers)).fs };
    },
  };
  const held: string[] = [];
  for (const fact of [...DELETION, ...RENAME]) {
    const cell = await runFact(forgetful, fact);
    if (cell === 'yes') held.push(fact.name);
    else expect(cell, fact.name).toMatch(/^no \(after a reload /);
  }
  expect(held).toEqual([
    'a deleted file is gone for readFile, stat and readdir',
    'rmdir of a directory that only a lower fills is refused',
    'a directory cannot be renamed over one that a lower fills, and nothing is lost',
  ]);
});

test('a storage that keeps the first part of a change fails what is checked after a cut', async () => {
  const torn: Subject = {
    ...stratafs,
    async mount(lowers) {
      const mounted = await stratafs.mount(lowers);
      const { fs } = mounted;
      const writeFile = async (path: string, text: string): Promise<void> => {
        await fs.writeFile(path, '');
        await fs.writeFile(path, text);
      };
      const rename = async (from: string, to: string): Promise<void> => {
        await (from.endsWith('.txt') ? fs.writeFile(to, '') : fs.mkdir(to));
        await fs.rename(from, to);
      };
      return { ...mounted, fs: { ...fs, writeFile, rename } };
    },
  };
  expect(STORAGE.length).toBeGreaterThan(0);
  for (const fact of STORAGE.slice(0, 3)) expect(await runFact(torn, fact), fact.name).toMatch(/^no \(cut off/);
});
