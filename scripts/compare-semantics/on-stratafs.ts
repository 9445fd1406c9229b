/* stratafs: zip archives below, an upper in memory that outlives the mount. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Commit, Overlay, type UpperStore, memoryUpper, openLayer } from '../../src/engine.ts';
import { zipArchive } from '../../test/support/archives.ts';
import { callsOf } from './calls.ts';
import { type Mounted, type Seed, Storage, type Subject, directoriesOf, filesOf } from './subject.ts';

function archiveOf(seed: Seed): Uint8Array {
  const directories = directoriesOf(seed).map((path) => ({ name: `${path.slice(1)}/`, mode: 0o040755 }));
  const files = filesOf(seed).map(([path, content]) => ({ name: path.slice(1), content, mode: 0o100644, deflate: true }));
  return zipArchive([...directories, ...files]);
}

/** Counts the bytes of content that a store holds. */
class ContentCount {
  readonly #sizes = new Map<number, number>();

  add({ chunks }: Commit): void {
    for (const [id, bytes] of chunks) {
      if (bytes === undefined) this.#sizes.delete(id);
      else this.#sizes.set(id, bytes.length);
    }
  }

  get bytes(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }
}

/** The store as one page sees it. */
const pageOf = (store: UpperStore, content: ContentCount, write: () => void): UpperStore => ({
  name: store.name,
  load: () => store.load(),
  async commit(commit) {
    write();
    await store.commit(commit);
    content.add(commit);
  },
  peekChunk: (id) => store.peekChunk?.(id),
  readChunks: (ids) => store.readChunks(ids),
  close: () => store.close(),
});

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const archives = lowers.map(archiveOf);
  const storage = new Storage();
  const store = memoryUpper();
  const content = new ContentCount();
  const open = async (): Promise<Overlay> => {
    const lower = await Promise.all(archives.map((archive) => openLayer(archive)));
    return Overlay.mount({ lower, upper: pageOf(store, content, storage.nextPage()) });
  };
  let overlay = await open();
  return {
    fs: callsOf(overlay.fs.promises),
    storage,
    settle: () => overlay.flush(),
    async reload() {
      overlay = await open();
      return callsOf(overlay.fs.promises);
    },
    lowerState: async () => archives.map((archive) => createHash('sha256').update(archive).digest('hex')).join(' '),
    async upperBytes() {
      await overlay.flush();
      return content.bytes;
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
