/* BrowserFS: OverlayFS over InMemory backends, through its `fs` module. */

import { createRequire } from 'node:module';
import { type PromisesLike, callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, Storage, type Subject, directoriesOf, filesOf } from './subject.ts';

type Callback = (error: unknown, result: unknown) => void;
type Method = (...args: readonly unknown[]) => void;

interface Transaction {
  commit(): void;
  abort(): void;
}

/** A file system of BrowserFS, as far as it is used here. */
interface Backend {
  /** Of InMemory: the store whose transactions are what a database's would be. */
  readonly store?: { beginTransaction(type: string): Transaction };
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
  statSync(path: string): { readonly size: number; isDirectory(): boolean };
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
  new Promise((resolve, reject) => backend.Create(options, (e, created) => (e ? reject(e as Error) : resolve(created))));

const called = (name: string, ...args: readonly unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const callback: Callback = (e, result) => (e ? reject(e as Error) : resolve(result));
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

async function failingUpper(storage: Storage): Promise<Backend> {
  const upper = await create(browserFs.FileSystem.InMemory, {});
  const { store } = upper;
  if (store === undefined) throw new TypeError('InMemory of BrowserFS has no store');
  const begin = store.beginTransaction.bind(store);
  store.beginTransaction = (type) => {
    const transaction = begin(type);
    const commit = transaction.commit.bind(transaction);
    transaction.commit = () => {
      if (type === 'readwrite') storage.write();
      commit();
    };
    return transaction;
  };
  return upper;
}

function contentBytes(path: string): number {
  const stats = fs.statSync(path);
  if (!stats.isDirectory()) return stats.size;
  return fs.readdirSync(path).reduce((sum, name) => sum + contentBytes(`${path === '/' ? '' : path}/${name}`), 0);
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const storage = new Storage();
  const readable = await stackOf(lowers);
  const writable = await failingUpper(storage);
  let root = readable;
  const open = async (): Promise<void> => {
    root = await create(browserFs.FileSystem.OverlayFS, { readable, writable });
    browserFs.initialize(root);
  };
  /** Looks at one of the layers as if it were everything. */
  const lookAt = <T>(layer: Backend, look: () => T): T => {
    browserFs.initialize(layer);
    try {
      return look();
    } finally {
      browserFs.initialize(root);
    }
  };
  await open();
  return {
    fs: callsOf(promises),
    storage,
    async reload() {
      // The log of deletions is written a moment later; only where the storage failed is the page taken to be gone by then.
      if (!storage.failed) await new Promise((resolve) => setTimeout(resolve, 20));
      storage.mend();
      await open();
      return callsOf(promises);
    },
    lowerText: async (path) => lookAt(readable, () => fs.readFileSync(path, 'utf8')),
    upperBytes: async () => lookAt(writable, () => contentBytes('/')),
  };
}

export const browserfs: Subject = {
  title: 'BrowserFS OverlayFS',
  version: installedVersion('browserfs'),
  setup: '`browserfs`, `OverlayFS` over two `InMemory` backends, two lowers by nesting it.',
  layers: 'many',
  mount,
};
