/*
 * LightningFS. It has no layers: what others have in a lower is written first. It saves its table of files half a second after a change, so
 * that nothing is durable before `flush()`; its transactions have the browser's default durability, which is relaxed.
 */

import type LightningFS from '@isomorphic-git/lightning-fs';
import { once, unpackInto } from './archive.ts';
import { newName } from './subject.ts';
import type { Calls, Mount, Subject } from './subject.ts';

/** It brings a polyfill that looks for `global`, or for a `this` that modules do not have. */
const load = once(async (): Promise<typeof LightningFS> => {
  Object.assign(globalThis, { global: globalThis });
  return (await import('@isomorphic-git/lightning-fs')).default;
});

interface LightningPromises {
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  readFile(path: string): Promise<Uint8Array>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
  flush(): Promise<void>;
}

/** It has no recursive removal: this is what its users write. */
async function removeTree(fs: LightningPromises, path: string): Promise<void> {
  for (const name of await fs.readdir(path)) {
    const child = `${path}/${name}`;
    if ((await fs.stat(child)).isDirectory()) await removeTree(fs, child);
    else await fs.unlink(child);
  }
  await fs.rmdir(path);
}

function callsOf(fs: LightningPromises): Calls {
  return {
    writeFile: (path, bytes) => fs.writeFile(path, bytes),
    readFile: (path) => fs.readFile(path),
    stat: (path) => fs.stat(path),
    readdir: (path) => fs.readdir(path),
    mkdir: (path) => fs.mkdir(path),
    rename: (from, to) => fs.rename(from, to),
    removeTree: (path) => removeTree(fs, path),
    copyFile: async (from, to) => fs.writeFile(to, await fs.readFile(from)),
    // It has no open files.
    async writeAt(path, bytes, position) {
      const whole = (await fs.readFile(path)).slice();
      whole.set(bytes, position);
      await fs.writeFile(path, whole);
    },
  };
}

async function subjectOf(name: string): Promise<Subject> {
  const FileSystem = await load();
  const fs = new FileSystem(name).promises as LightningPromises;
  return {
    calls: callsOf(fs),
    flush: () => fs.flush(),
    async remount() {
      await fs.flush();
      return subjectOf(name);
    },
    async remove() {
      await fs.flush();
      // It closes its connection half a second after the last call; then the database goes.
      indexedDB.deleteDatabase(name);
    },
  };
}

export const lightningFs: Mount = async (archive) => {
  const subject = await subjectOf(newName());
  await unpackInto(archive, subject.calls);
  await subject.flush();
  return subject;
};
