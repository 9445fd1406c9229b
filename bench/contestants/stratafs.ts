/* Ours: the engine over the upper in IndexedDB, as the worker has it, with and without the guard. */

import { Overlay, openLayer } from '../../src/engine.ts';
import type { Commit, Durability, UpperStore } from '../../src/layer/upper.ts';
import { makeBranch } from '../../src/upper/lineage.ts';
import { openUpper, removeWorkspace } from '../../src/upper/open-upper.ts';
import type { Counts } from '../harness/suite.ts';
import { newName } from './subject.ts';
import type { Mount, Subject } from './subject.ts';

export interface StratafsOptions {
  readonly durability: Durability;
  readonly guard: boolean;
}

/** The defaults of `open()`. */
export const AS_OPENED: StratafsOptions = { durability: 'strict', guard: true };

/** Counts what is committed. */
class Counter {
  commits = 0;
  records = 0;
  chunks = 0;
  chunkBytes = 0;

  count({ records, chunks }: Commit): void {
    this.commits++;
    this.records += records.size;
    for (const bytes of chunks.values()) {
      if (bytes === undefined) continue;
      this.chunks++;
      this.chunkBytes += bytes.length;
    }
  }

  counts(): Counts {
    const { commits, records, chunks, chunkBytes } = this;
    Object.assign(this, new Counter());
    return { commits, records, chunks, 'bytes of chunks': chunkBytes };
  }
}

function counted(store: UpperStore, counter: Counter): UpperStore {
  return {
    name: store.name,
    load: () => store.load(),
    commit(commit) {
      counter.count(commit);
      return store.commit(commit);
    },
    readChunks: (ids) => store.readChunks(ids),
    close: () => store.close(),
  };
}

async function mountWorkspace(name: string, archive: Uint8Array<ArrayBuffer>, { durability, guard }: StratafsOptions): Promise<Subject> {
  const counter = new Counter();
  const store = await openUpper(name, { guard });
  const upper = counted(store, counter);
  const overlay = await Overlay.mount({ lower: [await openLayer(archive)], upper, durability });
  const fs = overlay.fs.promises;
  counter.counts(); // the mount's own
  return {
    calls: {
      writeFile: (path, bytes) => fs.writeFile(path, bytes),
      readFile: (path) => fs.readFile(path),
      stat: (path) => fs.stat(path),
      readdir: (path) => fs.readdir(path),
      mkdir: (path) => fs.mkdir(path, { recursive: true }),
      rename: (from, to) => fs.rename(from, to),
      removeTree: (path) => fs.rm(path, { recursive: true }),
      copyFile: (from, to) => fs.cp(from, to),
      async writeAt(path, bytes, position) {
        const file = await fs.open(path, 'r+');
        await file.write(bytes, 0, bytes.length, position);
        await file.close();
      },
    },
    batch: (work) =>
      overlay.batch((within) =>
        work({ writeFile: (path, bytes) => within.writeFile(path, bytes), mkdir: (path) => within.mkdir(path, { recursive: true }) }),
      ),
    async appendTo(path) {
      const file = await fs.open(path, 'w');
      return { append: (bytes) => file.write(bytes), close: () => file.close() };
    },
    snapshot: () => overlay.snapshot(),
    async branch() {
      const branch = newName();
      const { snapshot, firstChunk, superblock } = await overlay.rememberBranch(branch);
      await overlay.flush({ durability: 'strict' });
      const parent = { name, generation: store.version!.generation, snapshot: snapshot.id, firstChunk };
      await makeBranch(branch, { ...superblock, parent }, { guard });
      return { mount: () => mountWorkspace(branch, archive, { durability, guard }), remove: () => removeWorkspace(branch) };
    },
    flush: () => Promise.resolve(), // acknowledged is committed
    counts: () => counter.counts(),
    async remount() {
      await overlay.close();
      return mountWorkspace(name, archive, { durability, guard });
    },
    async remove() {
      await overlay.close();
      await removeWorkspace(name);
    },
  };
}

export const stratafs =
  (options: StratafsOptions = AS_OPENED): Mount =>
  (archive) =>
    mountWorkspace(newName(), archive, options);
