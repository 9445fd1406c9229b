/* The engine over every kind of stack of layers. All of them are checked (I1 … I10) after each call. */

import type { BatchFs, FsPromises } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { type CheckedOverlay, checked } from '../support/checked.ts';
import { treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import { type Tree, below } from '../support/tree.ts';
import { writeTree } from '../support/write-tree.ts';
import type { Scene, Stack } from './scene.ts';
import { syncAsPromises } from './sync-face.ts';

/** *batches* indicates that each call is a batch of its own. Therefore it runs on a fork of the tree first. */
type Form = 'promises' | 'sync' | 'batches';
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
        fs: form === 'promises' ? fs.promises : form === 'sync' ? syncAsPromises(fs, fs.promises) : batchesAsPromises(overlay),
        at: (path = '') => (path === '' ? root || '/' : `${root}/${path}`),
        close: () => overlay.close(),
      };
    },
  };
}

/** Calls of which each is a batch of its own, as far as there is that call in a batch. */
function batchesAsPromises({ overlay, fs }: CheckedOverlay): FsPromises {
  const inBatch = Object.keys(overlay.beginBatch().fs).map((name) => [
    name,
    (...args: unknown[]) => overlay.batch((batch): unknown => Reflect.apply(Reflect.get(batch, name) as () => unknown, batch, args)),
  ]);
  return { ...bound(fs.promises), ...(Object.fromEntries(inBatch) as BatchFs) };
}

/** The members of a proxy, which has no keys of its own. */
function bound({ open, opendir, watch, mkdtemp }: FsPromises): Pick<FsPromises, 'open' | 'opendir' | 'watch' | 'mkdtemp'> {
  return { open, opendir, watch, mkdtemp };
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

/** The stacks of the engine: every mount through the promises, those named through the other forms as well. */
export function engineStacks(others: Readonly<Partial<Record<Form, readonly string[]>>>, newUpper?: NewUpper): Stack[] {
  const stacks: Stack[] = [];
  for (const [name, { root, mount }] of engineMounts(newUpper)) {
    for (const form of ['promises', 'sync', 'batches'] as const) {
      if (form === 'promises' || others[form]?.includes(name) === true) stacks.push(stackOf(name, form, root, mount));
    }
  }
  return stacks;
}
