/* Facts about what is deleted: it stays deleted, and nothing else goes with it. */

import type { Fact } from './facts.ts';
import type { Scene } from './scene.ts';
import { PROJECT } from './seed.ts';

async function removeDirectory({ fs }: Scene): Promise<void> {
  for (const path of ['/dir/sub/deep.txt', '/dir/one.txt', '/dir/two.txt']) await fs.unlink(path);
  await fs.rmdir('/dir/sub');
  await fs.rmdir('/dir');
}

export const DELETION: readonly Fact[] = [
  {
    name: 'a deleted file is gone for readFile, stat and readdir',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.lacks('/dir/one.txt');
      await scene.lists('/dir', 'sub', 'two.txt');
    },
  },
  {
    name: '… and stays deleted after a reload',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.reload();
      await scene.lacks('/dir/one.txt');
      await scene.shows('/dir/two.txt', 'two');
    },
  },
  {
    name: 'a deleted tree is gone with everything in it',
    lowers: [PROJECT],
    async check(scene) {
      await removeDirectory(scene);
      await scene.nowAndReloaded(async () => {
        await scene.lacks('/dir');
        await scene.lacks('/dir/one.txt');
        await scene.lacks('/dir/sub/deep.txt');
      });
    },
  },
  {
    name: 'a directory made again after it was deleted is empty',
    lowers: [PROJECT],
    async check(scene) {
      await removeDirectory(scene);
      await scene.fs.mkdir('/dir');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/dir');
        await scene.lacks('/dir/one.txt');
        await scene.lacks('/dir/sub');
      });
    },
  },
  {
    name: 'a file made again after it was deleted has its new content only',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.writeFile('/dir/one.txt', '1');
      await scene.nowAndReloaded(() => scene.shows('/dir/one.txt', '1'));
    },
  },
  {
    name: 'a file made again and deleted again stays deleted',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.writeFile('/dir/one.txt', '1');
      await scene.fs.unlink('/dir/one.txt');
      await scene.nowAndReloaded(() => scene.lacks('/dir/one.txt'));
    },
  },
  {
    name: 'a directory can take the name of a deleted file',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.mkdir('/dir/one.txt');
      await scene.fs.writeFile('/dir/one.txt/inside', 'in');
      await scene.nowAndReloaded(async () => {
        await scene.lists('/dir/one.txt', 'inside');
        await scene.shows('/dir/one.txt/inside', 'in');
      });
    },
  },
  {
    name: 'rmdir of a directory that only a lower fills is refused',
    lowers: [PROJECT],
    async check(scene) {
      await scene.refuses(() => scene.fs.rmdir('/dir'), 'ENOTEMPTY', 'EEXIST');
      await scene.nowAndReloaded(() => scene.shows('/dir/one.txt', 'one'));
    },
  },
  {
    name: 'rmdir of a directory that both fill is refused, and nothing is lost',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.writeFile('/dir/new.txt', 'new');
      await scene.refuses(() => scene.fs.rmdir('/dir'), 'ENOTEMPTY', 'EEXIST');
      await scene.nowAndReloaded(async () => {
        await scene.shows('/dir/one.txt', 'one');
        await scene.shows('/dir/new.txt', 'new');
      });
    },
  },
];
