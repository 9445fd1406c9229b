/* Facts about changing what a lower has: the lower stays as it is, and only what changes is copied up. */

import type { Fact } from './facts.ts';
import { PROJECT } from './seed.ts';
import type { Seed } from './subject.ts';

const OVER: Seed = new Map([
  ['/dir/one.txt', 'upper one'],
  ['/dir/over.txt', 'over'],
]);

export const COPY_UP: readonly Fact[] = [
  {
    name: 'writing to a file of a lower leaves the lower as it is',
    lowers: [PROJECT],
    async check(scene) {
      scene.needsLayers();
      await scene.fs.writeFile('/dir/one.txt', 'changed');
      await scene.nowAndReloaded(() => scene.shows('/dir/one.txt', 'changed'));
    },
  },
  {
    name: 'making a file below a directory of a lower leaves the lower as it is',
    lowers: [PROJECT],
    async check(scene) {
      scene.needsLayers();
      await scene.fs.writeFile('/dir/sub/new.txt', 'new');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/dir/sub', 'deep.txt', 'new.txt');
        await scene.shows('/dir/sub/new.txt', 'new');
      });
    },
  },
  {
    name: 'appending to a file of a lower keeps what it had',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.appendFile('/dir/one.txt', ' more');
      await scene.nowAndReloaded(() => scene.shows('/dir/one.txt', 'one more'));
    },
  },
  {
    name: 'chmod of a file changes its mode and nothing else',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.chmod('/dir/one.txt', 0o600);
      await scene.nowAndReloaded(async () => {
        const { mode } = await scene.fs.stat('/dir/one.txt');
        if (mode !== 0o600) scene.differs(`the mode is 0${mode.toString(8)}`);
        await scene.shows('/dir/one.txt', 'one');
      });
    },
  },
  {
    name: 'chmod of a file does not copy its content',
    lowers: [PROJECT],
    async check(scene) {
      await scene.upperBytes();
      await scene.fs.chmod('/dir/one.txt', 0o600);
      const bytes = await scene.upperBytes();
      if (bytes > 0) scene.differs(`${bytes} bytes of ${'one'.length} were copied`);
    },
  },
  {
    name: 'chmod of a directory brings back nothing that was deleted in it',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.chmod('/dir', 0o700);
      await scene.nowAndReloaded(async () => {
        await scene.lists('/dir', 'sub', 'two.txt');
        const { mode } = await scene.fs.stat('/dir');
        if (mode !== 0o700) scene.differs(`the mode is 0${mode.toString(8)}`);
      });
    },
  },
  {
    name: 'reading copies nothing into the upper',
    lowers: [PROJECT],
    async check(scene) {
      await scene.shows('/dir/one.txt', 'one');
      await scene.lists('/dir', 'one.txt', 'sub', 'two.txt');
      const bytes = await scene.upperBytes();
      if (bytes > 0) scene.differs(`${bytes} bytes of ${'one'.length} were copied`);
    },
  },
  {
    name: 'of two lowers the topmost decides, their directories merge, and a deletion hides both',
    lowers: [OVER, PROJECT],
    async check(scene) {
      await scene.lists('/dir', 'one.txt', 'over.txt', 'sub', 'two.txt');
      await scene.shows('/dir/one.txt', 'upper one');
      await scene.fs.unlink('/dir/one.txt');
      await scene.nowAndReloaded(async () => {
        await scene.lacks('/dir/one.txt');
        await scene.shows('/dir/two.txt', 'two');
        await scene.shows('/dir/over.txt', 'over');
      });
    },
  },
];
