/* Facts about which file is meant: open handles, inode numbers, links, and names that programs find hard. */

import type { Fact } from './facts.ts';
import type { Scene } from './scene.ts';
import { PROJECT } from './seed.ts';
import { NotOffered, type Seed } from './subject.ts';

const MAGIC_NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
const MAGIC: Seed = new Map(MAGIC_NAMES.map((name) => [`/names/${name}`, name]));

async function inodeOf({ fs }: Scene, path: string): Promise<number> {
  const { ino } = await fs.stat(path);
  if (ino === undefined || ino === 0) throw new NotOffered('no inode numbers');
  return ino;
}

const namesFact = (name: string, fileName: string): Fact => ({
  name,
  lowers: [new Map([...PROJECT, [`/dir/${fileName}`, 'odd']])],
  async check(scene) {
    await scene.shows(`/dir/${fileName}`, 'odd');
    await scene.fs.unlink(`/dir/${fileName}`);
    await scene.nowAndReloaded(() => scene.lists('/dir', 'one.txt', 'sub', 'two.txt'));
  },
});

export const IDENTITY: readonly Fact[] = [
  {
    name: 'a handle opened before the first change sees the change',
    lowers: [PROJECT],
    async check(scene) {
      const handle = await scene.fs.open('/dir/one.txt', 'r');
      await scene.fs.writeFile('/dir/one.txt', 'changed');
      const text = await handle.read();
      await handle.close();
      if (text !== 'changed') scene.differs(`it reads ${JSON.stringify(text)}`);
    },
  },
  {
    name: 'a deleted file can be read through the handle that has it open',
    lowers: [PROJECT],
    async check(scene) {
      const handle = await scene.fs.open('/dir/one.txt', 'r');
      await scene.fs.unlink('/dir/one.txt');
      const text = await handle.read();
      await handle.close();
      if (text !== 'one') scene.differs(`it reads ${JSON.stringify(text)}`);
      await scene.lacks('/dir/one.txt');
    },
  },
  {
    name: 'a handle of a deleted file does not write into the new file of that name',
    lowers: [PROJECT],
    async check(scene) {
      const handle = await scene.fs.open('/dir/one.txt', 'r+');
      await scene.fs.unlink('/dir/one.txt');
      await scene.fs.writeFile('/dir/one.txt', 'successor');
      await handle.write('XXX');
      await handle.close();
      await scene.nowAndReloaded(() => scene.shows('/dir/one.txt', 'successor'));
    },
  },
  {
    name: 'a file keeps its inode number when it is changed, renamed, and after a reload',
    lowers: [PROJECT],
    async check(scene) {
      const before = await inodeOf(scene, '/dir/one.txt');
      const expectSame = async (path: string, when: string): Promise<void> => {
        if ((await inodeOf(scene, path)) !== before) scene.differs(`another number${when}`);
      };
      if ((await inodeOf(scene, '/dir/two.txt')) === before) scene.differs('two files have the same number');
      await scene.fs.writeFile('/dir/one.txt', 'changed');
      await expectSame('/dir/one.txt', ' once it is changed');
      await scene.fs.rename('/dir/one.txt', '/dir/renamed.txt');
      await expectSame('/dir/renamed.txt', ' once it is renamed');
      await scene.reload();
      // Others first, so that numbers given out by turns are not the same by chance.
      for (const path of ['/top.txt', '/full/only.txt', '/dir/two.txt']) {
        if ((await inodeOf(scene, path)) === before) scene.differs('its number is that of another file');
      }
      await expectSame('/dir/renamed.txt', '');
    },
  },
  {
    name: 'all names of a hard link see every change',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.link('/dir/one.txt', '/dir/link.txt');
      await scene.fs.writeFile('/dir/link.txt', 'by link');
      await scene.shows('/dir/one.txt', 'by link');
      await scene.fs.writeFile('/dir/one.txt', 'by name');
      await scene.nowAndReloaded(() => scene.shows('/dir/link.txt', 'by name'));
      await scene.fs.writeFile('/dir/one.txt', 'once more');
      await scene.shows('/dir/link.txt', 'once more');
    },
  },
  {
    name: 'a new symbolic link leads to a file of a lower',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.symlink('dir', '/way');
      await scene.nowAndReloaded(() => scene.shows('/way/one.txt', 'one'));
    },
  },
  {
    name: 'a file can be deleted through a symbolic link to its directory',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.symlink('dir', '/way');
      await scene.fs.unlink('/way/one.txt');
      await scene.nowAndReloaded(async () => {
        await scene.lacks('/dir/one.txt');
        await scene.shows('/way/two.txt', 'two');
      });
    },
  },
  {
    name: 'symbolic links in a circle are ELOOP',
    lowers: [PROJECT],
    async check(scene) {
      await scene.fs.symlink('there', '/here');
      await scene.fs.symlink('here', '/there');
      await scene.refuses(() => scene.fs.readFile('/here'), 'ELOOP');
    },
  },
  {
    name: `files may be called ${MAGIC_NAMES.map((name) => `\`${name}\``).join(', ')}`,
    lowers: [MAGIC],
    async check(scene) {
      await scene.lists('/names', ...MAGIC_NAMES);
      for (const name of MAGIC_NAMES) {
        await scene.shows(`/names/${name}`, name);
        await scene.fs.unlink(`/names/${name}`);
      }
      await scene.lists('/names');
      for (const name of MAGIC_NAMES) await scene.fs.writeFile(`/names/${name}`, `new ${name}`);
      await scene.nowAndReloaded(async () => {
        for (const name of MAGIC_NAMES) await scene.shows(`/names/${name}`, `new ${name}`);
      });
    },
  },
  namesFact('a file with spaces in its name stays deleted', 'with two spaces'),
  namesFact('a file with a newline in its name stays deleted', 'with\na newline'),
];
