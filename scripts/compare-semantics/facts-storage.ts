/* Facts about a storage that stops working in the middle of a call, wherever that is, and a reload after it. */

import type { Fact } from './facts.ts';
import type { Scene } from './scene.ts';
import { PROJECT } from './seed.ts';

/** More writes than any of the calls takes. */
const MANY = 40;

/** Cuts a call off after each of its writes to the storage in turn. */
async function cutOffEverywhere(
  first: Scene,
  again: () => Promise<Scene>,
  cut: { before?(scene: Scene): Promise<void>; work(scene: Scene): Promise<void>; check(scene: Scene, resolved: boolean): Promise<void> },
): Promise<void> {
  for (let writes = 0; writes < MANY; writes++) {
    const scene = writes === 0 ? first : await again();
    await cut.before?.(scene);
    const outcome = await scene.withFailingStorage(writes, () => cut.work(scene));
    if (outcome === 'not cut off') return;
    await cut.check(scene, outcome === 'resolved');
  }
  first.differs(`it takes more than ${MANY} writes`);
}

export const STORAGE: readonly Fact[] = [
  {
    name: 'an overwrite that is cut off leaves the old content or the new, the new where it had resolved',
    lowers: [PROJECT],
    check: (first, again) =>
      cutOffEverywhere(first, again, {
        before: ({ fs }) => fs.writeFile('/dir/one.txt', 'before'),
        work: ({ fs }) => fs.writeFile('/dir/one.txt', 'and after'),
        async check(scene, resolved) {
          const { size } = await scene.fs.stat('/dir/one.txt');
          const text = await scene.fs.readFile('/dir/one.txt');
          if (text !== 'and after' && (resolved || text !== 'before')) await scene.shows('/dir/one.txt', 'and after');
          if (size !== text.length) scene.differs(`a size of ${size} for ${text.length} bytes`);
        },
      }),
  },
  {
    name: 'a rename of a file that is cut off leaves it under one of its names',
    lowers: [PROJECT],
    check: (first, again) =>
      cutOffEverywhere(first, again, {
        work: ({ fs }) => fs.rename('/dir/one.txt', '/dir/renamed.txt'),
        async check(scene, resolved) {
          const names = (await scene.fs.readdir('/dir')).filter((name) => name === 'one.txt' || name === 'renamed.txt');
          if (names.length !== 1) scene.differs(`it is under ${names.length === 0 ? 'neither' : 'both'}`);
          if (resolved && names[0] !== 'renamed.txt') scene.differs('it resolved and did nothing');
          await scene.shows(`/dir/${names[0]}`, 'one');
        },
      }),
  },
  {
    name: 'a rename of a directory that is cut off leaves all of it under one of its names',
    lowers: [PROJECT],
    check: (first, again) =>
      cutOffEverywhere(first, again, {
        work: ({ fs }) => fs.rename('/dir', '/moved'),
        async check(scene, resolved) {
          const names = (await scene.fs.readdir('/')).filter((name) => name === 'dir' || name === 'moved');
          if (names.length !== 1) scene.differs(`it is under ${names.length === 0 ? 'neither' : 'both'}`);
          if (resolved && names[0] !== 'moved') scene.differs('it resolved and did nothing');
          await scene.lists(`/${names[0]}`, 'one.txt', 'sub', 'two.txt');
          await scene.shows(`/${names[0]}/sub/deep.txt`, 'deep');
        },
      }),
  },
  {
    name: 'what has resolved is there when the page ends without warning',
    lowers: [PROJECT],
    async check(scene) {
      scene.needsStorage();
      await scene.fs.unlink('/dir/two.txt');
      await scene.fs.writeFile('/dir/new.txt', 'new');
      await scene.fs.rename('/dir/one.txt', '/dir/renamed.txt');
      await scene.endPage();
      await scene.lists('/dir', 'new.txt', 'renamed.txt', 'sub');
      await scene.shows('/dir/new.txt', 'new');
      await scene.shows('/dir/renamed.txt', 'one');
    },
  },
];
