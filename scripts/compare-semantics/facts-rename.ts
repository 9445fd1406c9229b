/* Facts about renaming: all that was there is under the new name, nothing under the old one, and nothing else comes back. */

import type { Fact } from './facts.ts';
import { PROJECT } from './seed.ts';

export const RENAME: readonly Fact[] = [
  {
    name: 'a renamed file is under its new name only',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.rename('/dir/one.txt', '/dir/renamed.txt');
      await scene.nowAndReloaded(async () => {
        await scene.shows('/dir/renamed.txt', 'one');
        await scene.lacks('/dir/one.txt');
      });
    },
  },
  {
    name: 'saving through a temporary file that is renamed over the old one replaces it',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.writeFile('/dir/one.txt.tmp', 'saved');
      await scene.fs.rename('/dir/one.txt.tmp', '/dir/one.txt');
      await scene.nowAndReloaded(async () => {
        await scene.shows('/dir/one.txt', 'saved');
        await scene.lacks('/dir/one.txt.tmp');
      });
    },
  },
  {
    name: 'a renamed directory has everything that was in it',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.rename('/dir', '/moved');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/moved', 'one.txt', 'sub', 'two.txt');
        await scene.shows('/moved/one.txt', 'one');
        await scene.shows('/moved/sub/deep.txt', 'deep');
      });
    },
  },
  {
    name: 'nothing can be reached under the old name of a renamed directory',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.rename('/dir', '/moved');
      await scene.nowAndReloaded(async () => {
        await scene.lacks('/dir');
        await scene.lacks('/dir/one.txt');
        await scene.lacks('/dir/sub/deep.txt');
      });
    },
  },
  {
    name: 'a directory with a changed and a new file keeps them and the others when it is renamed',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.writeFile('/dir/one.txt', 'changed');
      await scene.fs.writeFile('/dir/new.txt', 'new');
      await scene.fs.rename('/dir', '/moved');
      await scene.nowAndReloaded(async () => {
        await scene.shows('/moved/one.txt', 'changed');
        await scene.shows('/moved/new.txt', 'new');
        await scene.shows('/moved/two.txt', 'two');
        await scene.shows('/moved/sub/deep.txt', 'deep');
      });
    },
  },
  {
    name: 'what was deleted in a directory stays deleted when the directory is renamed',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.rename('/dir', '/moved');
      await scene.nowAndReloaded(async () => {
        await scene.lacks('/moved/one.txt');
        await scene.shows('/moved/two.txt', 'two');
      });
    },
  },
  {
    name: 'a new directory under the old name of a renamed one is empty',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.rename('/dir', '/moved');
      await scene.fs.mkdir('/dir');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/dir');
        await scene.lacks('/dir/one.txt');
      });
    },
  },
  {
    name: 'a directory can be renamed over one that was emptied',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/full/only.txt');
      await scene.fs.rename('/dir', '/full');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/full', 'one.txt', 'sub', 'two.txt');
        await scene.shows('/full/one.txt', 'one');
        await scene.lacks('/full/only.txt');
        await scene.lacks('/dir');
      });
    },
  },
  {
    name: 'a directory cannot be renamed over one that a lower fills, and nothing is lost',
    lowers: [PROJECT],
    async check(scene) {
      await scene.refuses(() => scene.fs.rename('/dir', '/full'), 'ENOTEMPTY', 'EEXIST');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/full', 'only.txt');
        await scene.shows('/full/only.txt', 'only');
        await scene.shows('/dir/one.txt', 'one');
      });
    },
  },
  {
    name: 'a directory renamed there and back again is as before',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.rename('/dir', '/moved');
      await scene.fs.rename('/moved', '/dir');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/dir', 'sub', 'two.txt');
        await scene.shows('/dir/sub/deep.txt', 'deep');
        await scene.lacks('/moved');
      });
    },
  },
];
