/* ZenFS: CopyOnWrite over InMemory backends, its journal kept by the application as `toString` and `fromString` allow. */

import { CopyOnWrite, type FileSystem, InMemory, Journal, configureSingle, fs, resolveMountConfig } from '@zenfs/core';
import { callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, Storage, type Subject, directoriesOf, filesOf } from './subject.ts';

/** What changes the storage under the upper; each is one transaction of a store. */
const WRITES = ['createFile', 'link', 'mkdir', 'rename', 'rmdir', 'touch', 'unlink', 'write'] as const;

async function seeded(seed: Seed): Promise<FileSystem> {
  const backend = await resolveMountConfig({ backend: InMemory });
  await configureSingle(backend);
  for (const path of directoriesOf(seed)) await fs.promises.mkdir(path, 0o755);
  for (const [path, text] of filesOf(seed)) await fs.promises.writeFile(path, text, { mode: 0o644 });
  return backend;
}

/** A new file system of which the upper is the storage: its writes can be made to fail. */
async function failingUpper(storage: Storage): Promise<FileSystem> {
  const upper = await resolveMountConfig({ backend: InMemory });
  for (const name of WRITES) {
    for (const method of [name, `${name}Sync`] as const) {
      const write = (upper[method] as (...args: readonly unknown[]) => unknown).bind(upper);
      const guarded = (...args: readonly unknown[]): unknown => {
        storage.write();
        return write(...args);
      };
      Object.defineProperty(upper, method, { value: method === name ? async (...args: readonly unknown[]) => guarded(...args) : guarded });
    }
  }
  return upper;
}

/** The lowers as one: of several, each but the lowest is the writable part of a CopyOnWrite over the rest. */
async function stackOf(lowers: readonly Seed[]): Promise<FileSystem> {
  let below: FileSystem | undefined;
  for (const seed of lowers.toReversed()) {
    const layer = await seeded(seed);
    below = below === undefined ? layer : await resolveMountConfig({ backend: CopyOnWrite, readable: below, writable: layer });
  }
  return below ?? seeded(new Map());
}

async function contentBytes(upper: FileSystem, path = '/'): Promise<number> {
  const { mode, size } = await upper.stat(path);
  if ((mode & 0o170000) !== 0o040000) return size;
  let bytes = 0;
  for (const name of await upper.readdir(path)) bytes += await contentBytes(upper, `${path === '/' ? '' : path}/${name}`);
  return bytes;
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const storage = new Storage();
  const lower = await stackOf(lowers);
  const upper = await failingUpper(storage);
  let journal = new Journal();
  const open = async (): Promise<void> => {
    await configureSingle({ backend: CopyOnWrite, readable: lower, writable: upper, journal });
  };
  await open();
  return {
    fs: callsOf(fs.promises),
    storage,
    async reload() {
      // The journal is charitably taken as it is now, even where the storage has failed: ZenFS leaves keeping it to the application.
      storage.mend();
      journal = new Journal().fromString(journal.toString());
      await open();
      return callsOf(fs.promises);
    },
    async lowerText(path) {
      const { size } = await lower.stat(path);
      const bytes = new Uint8Array(size);
      await lower.read(path, bytes, 0, size);
      return new TextDecoder().decode(bytes);
    },
    upperBytes: () => contentBytes(upper),
  };
}

export const zenfs: Subject = {
  title: 'ZenFS CopyOnWrite',
  version: installedVersion('@zenfs/core'),
  setup:
    '`@zenfs/core`, `CopyOnWrite` over two `InMemory` backends, two lowers by nesting it. ZenFS does not store the journal of deletions: here the ' +
    'application does, with `toString()` and `fromString()`; without that every deletion is undone by a reload.',
  layers: 'many',
  mount,
};
