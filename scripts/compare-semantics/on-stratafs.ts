/* stratafs: zip archives below, an upper in memory that outlives the mount. */

import { readFileSync } from 'node:fs';
import { Overlay, type UpperStore, memoryUpper, openLayer } from '../../src/engine.ts';
import { zipArchive } from '../../test/support/archives.ts';
import { callsOf } from './calls.ts';
import { type Mounted, type Seed, Storage, type Subject, directoriesOf, filesOf } from './subject.ts';

function archiveOf(seed: Seed): Uint8Array {
  const directories = directoriesOf(seed).map((path) => ({ name: `${path.slice(1)}/`, mode: 0o040755 }));
  const files = filesOf(seed).map(([path, content]) => ({ name: path.slice(1), content, mode: 0o100644, deflate: true }));
  return zipArchive([...directories, ...files]);
}

/** The store, with a storage under it that can fail, and a count of the bytes of content in it. */
function watched(store: UpperStore, storage: Storage): { readonly upper: UpperStore; bytes(): number } {
  const sizes = new Map<number, number>();
  const upper: UpperStore = {
    name: store.name,
    load: () => store.load(),
    async commit(commit) {
      storage.write();
      await store.commit(commit);
      for (const [id, bytes] of commit.chunks) {
        if (bytes === undefined) sizes.delete(id);
        else sizes.set(id, bytes.length);
      }
    },
    peekChunk: (id) => store.peekChunk?.(id),
    readChunks: (ids) => store.readChunks(ids),
    close: () => store.close(),
  };
  return { upper, bytes: () => [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const archives = lowers.map(archiveOf);
  const storage = new Storage();
  const { upper, bytes } = watched(memoryUpper(), storage);
  const openLowers = () => Promise.all(archives.map((archive) => openLayer(archive.slice())));
  const open = async (): Promise<Overlay> => Overlay.mount({ lower: await openLowers(), upper });
  let overlay = await open();
  return {
    fs: callsOf(overlay.fs.promises),
    storage,
    async reload() {
      const closed = overlay.close();
      if (storage.failed) await Promise.allSettled([closed]);
      else await closed;
      storage.mend();
      overlay = await open();
      return callsOf(overlay.fs.promises);
    },
    async lowerText(path) {
      await using below = await Overlay.mount({ lower: await openLowers() });
      return below.fs.promises.readFile(path, 'utf8');
    },
    upperBytes: async () => {
      await overlay.flush();
      return bytes();
    },
    close: () => overlay.close(),
  };
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

export const stratafs: Subject = {
  title: 'stratafs',
  version,
  setup: '`Overlay` over zip archives and `memoryUpper()`. A reload mounts the same upper over the archives opened anew.',
  layers: 'many',
  mount,
};
