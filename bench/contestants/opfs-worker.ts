/* opfs-worker: files of the browser's private file system, through a worker of its own. It has no layers: what others have in a lower is written first. */

import { createOPFS } from 'opfs-worker/sync';
import { unpackInto } from './archive.ts';
import { newName } from './subject.ts';
import type { Mount } from './subject.ts';

export const opfsWorker: Mount = async (archive) => {
  const root = `/${newName()}`;
  const fs = createOPFS({ root, broadcastChannel: null });
  const calls = {
    writeFile: (path: string, bytes: Uint8Array) => fs.writeFile(path, bytes),
    readFile: (path: string) => fs.readFile(path, 'binary'),
    stat: (path: string) => fs.stat(path),
    readdir: (path: string) => fs.readDir(path),
    mkdir: (path: string) => fs.mkdir(path, { recursive: true }),
    rename: (from: string, to: string) => fs.rename(from, to),
    removeTree: (path: string) => fs.remove(path, { recursive: true }),
    copyFile: (from: string, to: string) => fs.copy(from, to),
    async writeAt(path: string, bytes: Uint8Array, position: number) {
      const file = await fs.open(path);
      await fs.write(file, bytes, 0, bytes.length, position);
      await fs.fsync(file);
      await fs.close(file);
    },
  };
  await unpackInto(archive, calls);
  return {
    calls,
    async appendTo(path) {
      const file = await fs.open(path, { create: true });
      return { append: (bytes) => fs.write(file, bytes), close: () => fs.close(file) };
    },
    flush: () => Promise.resolve(), // it closes each file that it writes, and with that the system has it
    async remove() {
      await fs.clear('/');
      fs.dispose();
    },
  };
};
