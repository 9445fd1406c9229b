/* BrowserFS: OverlayFS over InMemory backends, through its `fs` module. */

import { createRequire } from 'node:module';
import { type PromisesLike, callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, type Seen, Storage, type Subject, bytesOf, directoriesOf, filesOf, stateOf } from './subject.ts';

type Callback = (error: unknown, result: unknown) => void;
type Method = (...args: readonly unknown[]) => void;

interface Transaction {
  put(key: string, bytes: unknown, overwrite: boolean): boolean;
  del(key: string): void;
  commit(): void;
  abort(): void;
}

interface Store {
  beginTransaction(type: string): Transaction;
}

/** A file system of BrowserFS, as far as it is used here. */
interface Backend {
  /** Of InMemory: the store whose transactions are what a database's would be. */
  store?: Store;
}

interface Create<Options> {
  Create(options: Options, callback: (error: unknown, backend: Backend) => void): void;
}

/** Its `fs` module: callbacks, and what synchronous calls the comparison needs. */
interface CallbackFs {
  readonly [name: string]: Method;
}

interface SyncFs {
  mkdirSync(path: string): void;
  writeFileSync(path: string, text: string): void;
  readFileSync(path: string, encoding: string): string;
  readdirSync(path: string): string[];
  statSync(path: string): { readonly mode: number; isDirectory(): boolean };
}

interface Package {
  readonly FileSystem: { readonly InMemory: Create<object>; readonly OverlayFS: Create<{ readable: Backend; writable: Backend }> };
  initialize(root: Backend): void;
  BFSRequire(module: 'fs'): CallbackFs & SyncFs;
  BFSRequire(module: 'buffer'): { readonly Buffer: { from(bytes: Uint8Array): Uint8Array } };
}

// Its own types are those of another Node and another TypeScript.
const browserFs = createRequire(import.meta.url)('browserfs') as Package;
const fs = browserFs.BFSRequire('fs');
const { Buffer: BrowserFsBuffer } = browserFs.BFSRequire('buffer');

const create = <T>(backend: Create<T>, options: T): Promise<Backend> =>
  new Promise((resolve, reject) => backend.Create(options, (e, created) => (e ? reject(e) : resolve(created))));

const called = (name: string, ...args: readonly unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const callback: Callback = (e, result) => (e ? reject(e) : resolve(result));
    (fs[name] as Method)(...args, callback);
  });

const as =
  <T>(name: string) =>
  (...args: readonly unknown[]): Promise<T> =>
    called(name, ...args) as Promise<T>;

const promises: PromisesLike = {
  readFile: as('readFile'),
  writeFile: as('writeFile'),
  appendFile: as('appendFile'),
  mkdir: as('mkdir'),
  rmdir: as('rmdir'),
  unlink: as('unlink'),
  rename: as('rename'),
  readdir: as('readdir'),
  stat: as('stat'),
  chmod: as('chmod'),
  link: as('link'),
  symlink: as('symlink'),
  async open(path, flags) {
    const fd = await called('open', path, flags);
    return {
      async read(bytes, offset, length, position) {
        const buffer = BrowserFsBuffer.from(bytes);
        const bytesRead = Number(await called('read', fd, buffer, offset, length, position));
        bytes.set(buffer);
        return { bytesRead };
      },
      write: (bytes, offset, length, position) => called('write', fd, BrowserFsBuffer.from(bytes), offset, length, position),
      close: () => called('close', fd),
    };
  },
};

async function seeded(seed: Seed): Promise<Backend> {
  const backend = await create(browserFs.FileSystem.InMemory, {});
  browserFs.initialize(backend);
  for (const path of directoriesOf(seed)) fs.mkdirSync(path);
  for (const [path, text] of filesOf(seed)) fs.writeFileSync(path, text);
  return backend;
}

/** The lowers as one: of several, each but the lowest is the writable part of an OverlayFS over the rest. */
async function stackOf(lowers: readonly Seed[]): Promise<Backend> {
  let below: Backend | undefined;
  for (const seed of lowers.toReversed()) {
    const layer = await seeded(seed);
    below = below === undefined ? layer : await create(browserFs.FileSystem.OverlayFS, { readable: below, writable: layer });
  }
  return below ?? seeded(new Map());
}

/** An upper over a store that outlives it. */
async function upperOver(store: Store, write: () => void): Promise<Backend> {
  const upper = await create(browserFs.FileSystem.InMemory, {});
  const page = Object.create(store) as Store;
  page.beginTransaction = (type) => {
    const transaction = store.beginTransaction(type);
    if (type !== 'readwrite') return transaction;
    const commit = transaction.commit.bind(transaction);
    transaction.commit = () => {
      try {
        write();
      } catch (e) {
        transaction.abort();
        throw e;
      }
      commit();
    };
    return transaction;
  };
  upper.store = page;
  return upper;
}

/** Looks at a path of whatever is mounted. */
async function look(path: string): Promise<Seen> {
  const stats = fs.statSync(path);
  return stats.isDirectory()
    ? { mode: stats.mode, names: fs.readdirSync(path) }
    : { mode: stats.mode, text: fs.readFileSync(path, 'utf8') };
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const storage = new Storage();
  const readable = await stackOf(lowers);
  const { store } = await create(browserFs.FileSystem.InMemory, {});
  if (store === undefined) throw new TypeError('InMemory of BrowserFS has no store');
  let root = readable;
  let writable = readable;
  const open = async (): Promise<void> => {
    writable = await upperOver(store, storage.nextPage());
    root = await create(browserFs.FileSystem.OverlayFS, { readable, writable });
    browserFs.initialize(root);
  };
  /** Looks at one of the layers as if it were everything. */
  const lookAt = async <T>(layer: Backend, looking: () => Promise<T>): Promise<T> => {
    browserFs.initialize(layer);
    try {
      return await looking();
    } finally {
      browserFs.initialize(root);
    }
  };
  await open();
  return {
    fs: callsOf(promises),
    storage,
    // The log of deletions is written a moment after the call.
    settle: () => new Promise((resolve) => setTimeout(resolve, 20)),
    async reload() {
      await open();
      return callsOf(promises);
    },
    lowerState: () => lookAt(readable, () => stateOf(look)),
    upperBytes: () => lookAt(writable, () => bytesOf(look)),
  };
}

export const browserfs: Subject = {
  title: 'BrowserFS OverlayFS',
  version: installedVersion('browserfs'),
  setup: '`browserfs`, `OverlayFS` over two `InMemory` backends, two lowers by nesting it.',
  layers: 'many',
  mount,
};
