/* Facts about calls that are made before earlier ones have ended. */

import type { Fact } from './facts.ts';
import { PROJECT } from './seed.ts';

const LARGE = 100_000;
const OLD = 'o'.repeat(LARGE);
const NEW = 'n'.repeat(LARGE);
const ROUNDS = 10;
const APPENDS = 20;

function describe(text: string): string {
  if (text === '') return 'nothing';
  return text.startsWith('\0') ? `${text.length} NULs` : `${text.length} of ${LARGE} bytes`;
}

export const CONCURRENCY: readonly Fact[] = [
  {
    name: `${APPENDS} appends at once all arrive`,
    lowers: [PROJECT],
    async check(scene) {
      const parts = Array.from({ length: APPENDS }, (_, n) => `[${n}]`);
      await Promise.all(parts.map((part) => scene.fs.appendFile('/dir/one.txt', part)));
      const text = await scene.fs.readFile('/dir/one.txt');
      const kept = parts.filter((part) => text.includes(part)).length;
      if (kept < APPENDS) scene.differs(`${kept} of them arrive`);
      if (!text.startsWith('one')) scene.differs('what the file had is lost');
    },
  },
  {
    name: 'a file that is read while it is written has its old or its new content',
    lowers: [new Map([['/large.txt', OLD]])],
    async check(scene, again) {
      for (let round = 0; round < ROUNDS; round++) {
        const { fs } = round === 0 ? scene : await again();
        const read = (): Promise<string> => fs.readFile('/large.txt');
        const [first, , ...later] = await Promise.all([read(), fs.writeFile('/large.txt', NEW), read(), read()]);
        for (const text of [first, ...later]) {
          if (text === OLD || text === NEW) continue;
          scene.differs(`a reader gets ${describe(text)}`);
        }
      }
    },
  },
  {
    name: '100 files made at once in one directory are all there',
    lowers: [PROJECT],
    async check(scene) {
      const names = Array.from({ length: 100 }, (_, n) => `new-${n}`);
      await Promise.all(names.map((name) => scene.fs.writeFile(`/hollow/${name}`, name)));
      await scene.nowAndReloaded(async () => {
        await scene.lists('/hollow', ...names);
        for (const name of names) await scene.shows(`/hollow/${name}`, name);
      });
    },
  },
];
