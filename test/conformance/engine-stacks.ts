/* The engine over every kind of stack of layers. All of them are checked (I1 … I10) after each call. */

import type { FsPromises } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { checked } from '../support/checked.ts';
import { treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import { type Tree, below } from '../support/tree.ts';
import { writeTree } from '../support/write-tree.ts';
import type { Scene, Stack } from './scene.ts';
import { syncAsPromises } from './sync-face.ts';

type Form = 'promises' | 'sync';
/** Makes a mounted overlay that holds the seed below `root`. */
type Mount = (seed: Tree, root: string) => Promise<Overlay>;

/** Upper stores to run over: the memory store, or another one with the same contract. */
export type NewUpper = () => UpperStore | Promise<UpperStore>;

function stackOf(name: string, form: Form, root: string, mount: Mount): Stack {
  return {
    name: `${name}, ${form}`,
    ...(form === 'sync' && { lacks: ['sync-handles', 'abort-signal'] }),
    async open(seed): Promise<Scene> {
      const overlay = checked(await mount(seed, root));
      const { fs } = overlay;
      return {
        fs: form === 'promises' ? fs.promises : syncAsPromises(fs, fs.promises),
        at: (path = '') => (path === '' ? root || '/' : `${root}/${path}`),
        close: () => overlay.close(),
      };
    },
  };
}

/** Brings everything to the upper, leaving it as it was. */
async function copyUpAll(fs: FsPromises, path: string): Promise<void> {
  for (const entry of await fs.readdir(path, { withFileTypes: true })) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) await copyUpAll(fs, child);
    const { mode, atimeMs, mtimeMs, size } = await fs.lstat(child);
    if (entry.isFile() && size > 0) await rewriteFirstByte(fs, child);
    if (!entry.isSymbolicLink()) await fs.chmod(child, mode & 0o7777);
    await fs.lutimes(child, atimeMs / 1000, mtimeMs / 1000);
  }
}

async function rewriteFirstByte(fs: FsPromises, path: string): Promise<void> {
  const handle = await fs.open(path, 'r+');
  const byte = new Uint8Array(1);
  await handle.read(byte, 0, 1, 0);
  await handle.write(byte, 0, 1, 0);
  await handle.close();
}

/** Mounts made of a seed, by what they show of the engine. */
export function engineMounts(newUpper: NewUpper = memoryUpper): ReadonlyMap<string, { readonly root: string; readonly mount: Mount }> {
  const over = async (lower: readonly Layer[]): Promise<Overlay> => Overlay.mount({ lower, upper: await newUpper() });
  return new Map<string, { root: string; mount: Mount }>([
    ['no lower', { root: '', mount: async (seed, root) => written(await over([]), seed, root) }],
    ['one lower', { root: '/w', mount: (seed, root) => over([treeLayer(below(root, seed))]) }],
    ['three lowers', { root: '', mount: (seed) => over(spread(seed, 3).map((part) => treeLayer(part))) }],
    [
      'lazy lowers',
      {
        root: '/w',
        mount: (seed, root) => over(spread(below(root, seed), 2).map((part) => treeLayer(part, { lazy: 'always', targets: 'content' }))),
      },
    ],
    [
      'after copy-up',
      {
        root: '/w',
        async mount(seed, root) {
          const overlay = await over([treeLayer(below(root, seed))]);
          await copyUpAll(overlay.fs.promises, root);
          return overlay;
        },
      },
    ],
    [
      'renamed and remounted',
      {
        root: '/w',
        async mount(seed, root) {
          const lower = spread(below('/before', seed), 2).map((part) => treeLayer(part));
          const upper = await newUpper();
          const first = await Overlay.mount({ lower, upper });
          await first.fs.promises.rename('/before', root);
          await first.close();
          return Overlay.mount({ lower, upper });
        },
      },
    ],
  ]);
}

async function written(overlay: Overlay, seed: Tree, root: string): Promise<Overlay> {
  await writeTree(overlay.fs.promises, root, seed);
  return overlay;
}

/** The stacks of the engine: every mount through the promises, those named in `sync` through the `*Sync` calls as well. */
export function engineStacks(sync: readonly string[], newUpper?: NewUpper): Stack[] {
  const stacks: Stack[] = [];
  for (const [name, { root, mount }] of engineMounts(newUpper)) {
    stacks.push(stackOf(name, 'promises', root, mount));
    if (sync.includes(name)) stacks.push(stackOf(name, 'sync', root, mount));
  }
  return stacks;
}
