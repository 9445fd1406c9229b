/* ZenFS: CopyOnWrite over InMemory backends, its journal kept by the application as `toString` and `fromString` allow. */

import { CopyOnWrite, type FileSystem, InMemory, Journal, configureSingle, fs, resolveMountConfig } from '@zenfs/core';
import { callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, type Seen, Storage, type Subject, bytesOf, directoriesOf, filesOf, stateOf } from './subject.ts';

/** What changes the storage under the upper; each is one transaction of a store. */
const WRITES = ['createFile', 'link', 'mkdir', 'rename', 'rmdir', 'touch', 'unlink', 'write'] as const;

async function seeded(seed: Seed): Promise<FileSystem> {
  const backend = await resolveMountConfig({ backend: InMemory });
  await configureSingle(backend);
  for (const path of directoriesOf(seed)) await fs.promises.mkdir(path, 0o755);
  for (const [path, text] of filesOf(seed)) await fs.promises.writeFile(path, text, { mode: 0o644 });
  return backend;
}

/** The upper as one page sees it. */
function pageOf(upper: FileSystem, write: () => void): FileSystem {
  const page = Object.create(upper) as FileSystem;
  for (const name of WRITES) {
    for (const method of [name, `${name}Sync`] as const) {
      const change = (upper[method] as (...args: readonly unknown[]) => unknown).bind(upper);
      const guarded = (...args: readonly unknown[]): unknown => {
        write();
        return change(...args);
      };
      Object.defineProperty(page, method, { value: method === name ? async (...args: readonly unknown[]) => guarded(...args) : guarded });
    }
  }
  return page;
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

const lookInto =
  (layer: FileSystem) =>
  async (path: string): Promise<Seen> => {
    const { mode, size } = await layer.stat(path);
    if ((mode & 0o170000) === 0o040000) return { mode, names: await layer.readdir(path) };
    const bytes = new Uint8Array(size);
    await layer.read(path, bytes, 0, size);
    return { mode, text: new TextDecoder().decode(bytes) };
  };

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const storage = new Storage();
  const lower = await stackOf(lowers);
  const upper = await resolveMountConfig({ backend: InMemory });
  let journal = new Journal();
  const open = async (): Promise<void> => {
    await configureSingle({ backend: CopyOnWrite, readable: lower, writable: pageOf(upper, storage.nextPage()), journal });
  };
  await open();
  return {
    fs: callsOf(fs.promises),
    storage,
    async reload() {
      // The journal is charitably taken as it is now, even where the storage has failed: ZenFS leaves keeping it to the application.
      journal = new Journal().fromString(journal.toString());
      await open();
      return callsOf(fs.promises);
    },
    lowerState: () => stateOf(lookInto(lower)),
    upperBytes: () => bytesOf(lookInto(upper)),
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
