/* LightningFS: it has no layers, so that what others have in a lower is written first; IndexedDB is simulated. */

import 'fake-indexeddb/auto';
import { createRequire } from 'node:module';
import { type PromisesLike, callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, Storage, type Subject, directoriesOf, filesOf } from './subject.ts';

/** What LightningFS keeps its files in: its option `db`. */
interface Database {
  saveSuperblock(superblock: unknown): Promise<unknown>;
  loadSuperblock(): Promise<unknown>;
  readFile(inode: number): Promise<unknown>;
  writeFile(inode: number, bytes: unknown): Promise<unknown>;
  unlink(inode: number): Promise<unknown>;
  wipe(): Promise<unknown>;
  close(): Promise<unknown>;
}

interface LightningFs {
  readonly promises: PromisesLike & { flush(): Promise<void> };
}

// Node 20 has none, and LightningFS looks for locks in it.
if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {} });

const load = createRequire(import.meta.url);
const FileSystem = load('@isomorphic-git/lightning-fs') as new (name: string, options: { db: Database }) => LightningFs;
const IdbBackend = load('@isomorphic-git/lightning-fs/src/IdbBackend.js') as new (database: string, store: string) => Database;

let names = 0;

/** Its own database as one page sees it. */
function pageOf(name: string, write: () => void): Database {
  const database = new IdbBackend(name, 'files');
  const written = async (work: () => Promise<unknown>): Promise<unknown> => {
    write();
    return work();
  };
  return {
    saveSuperblock: (superblock) => written(() => database.saveSuperblock(superblock)),
    loadSuperblock: () => database.loadSuperblock(),
    readFile: (inode) => database.readFile(inode),
    writeFile: (inode, bytes) => written(() => database.writeFile(inode, bytes)),
    unlink: (inode) => written(() => database.unlink(inode)),
    wipe: () => written(() => database.wipe()),
    close: () => database.close(),
  };
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const storage = new Storage();
  const name = `files-${++names}`;
  let page = 0;
  // Each page has a name, and with it a lock, of its own: nothing waits for the lock of a page that is gone.
  const open = (): LightningFs => new FileSystem(`${name}-page-${++page}`, { db: pageOf(name, storage.nextPage()) });
  let { promises } = open();
  for (const path of directoriesOf(lowers[0] ?? new Map())) await promises.mkdir(path);
  for (const [path, text] of filesOf(lowers[0] ?? new Map())) await promises.writeFile(path, text);
  await promises.flush();
  return {
    fs: callsOf(promises),
    storage,
    settle: () => promises.flush(),
    async reload() {
      ({ promises } = open());
      return callsOf(promises);
    },
  };
}

export const lightningFs: Subject = {
  title: 'LightningFS',
  version: installedVersion('@isomorphic-git/lightning-fs'),
  setup:
    '`@isomorphic-git/lightning-fs` over `fake-indexeddb`. It has no layers: what the others have in a lower was written to it first. ' +
    '`flush()` was called before each reload, but for the last fact.',
  layers: 'none',
  mount,
};
