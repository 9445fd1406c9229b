/* ZenFS: CopyOnWrite over its Zip and IndexedDB backends. Its transactions have the browser's default durability, which is relaxed. */

import { Zip } from '@zenfs/archives';
import { CopyOnWrite, configureSingle, fs, resolveMountConfig, umount } from '@zenfs/core';
import { IndexedDB } from '@zenfs/dom';
import { newName } from './subject.ts';
import type { Mount, Subject } from './subject.ts';

async function mountStore(storeName: string, archive: Uint8Array<ArrayBuffer>): Promise<Subject> {
  const readable = await resolveMountConfig({ backend: Zip, data: archive.buffer });
  const writable = await resolveMountConfig({ backend: IndexedDB, storeName });
  await configureSingle({ backend: CopyOnWrite, readable, writable });
  const { promises } = fs;
  const unmount = (): void => umount('/');
  return {
    calls: {
      writeFile: (path, bytes) => promises.writeFile(path, bytes),
      readFile: (path) => promises.readFile(path),
      stat: (path) => promises.stat(path),
      readdir: (path) => promises.readdir(path),
      mkdir: (path) => promises.mkdir(path, { recursive: true }),
      rename: (from, to) => promises.rename(from, to),
      removeTree: (path) => promises.rm(path, { recursive: true }),
      copyFile: (from, to) => promises.copyFile(from, to),
      async writeAt(path, bytes, position) {
        const file = await promises.open(path, 'r+');
        await file.write(bytes, 0, bytes.length, position);
        await file.close(); // only now it is written
      },
    },
    // No `appendTo`: each flush of an open file writes all of it again, and 64 MiB in pieces take minutes.
    flush: () => Promise.resolve(), // a call resolves when its transactions are complete
    async remount() {
      unmount();
      return mountStore(storeName, archive);
    },
    async remove() {
      unmount();
      // Its connection stays open: the database goes when the page does.
      indexedDB.deleteDatabase(storeName);
    },
  };
}

export const zenfs: Mount = (archive) => mountStore(newName(), archive);
