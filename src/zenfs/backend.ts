/* The backend for `configure()`: opens the layers, mounts the union, and gives it to ZenFS. */

import type { Backend, FileSystem } from '@zenfs/core';
import { FsError } from '../base/errors.ts';
import { Overlay as Union } from '../fs/overlay.ts';
import type { Layer } from '../layer/layer.ts';
import type { Durability, UpperStore } from '../layer/upper.ts';
import { type DirectoryOptions, openDirectory } from '../lower/directory-layer.ts';
import { type LayerSource, type OpenLayerOptions, openLayer } from '../lower/open-layer.ts';
import { claimAlone } from '../rpc/sole-owner.ts';
import { openUpper } from '../upper/open-upper.ts';
import { memoryUpper } from '../upper/memory-store.ts';
import { toException } from './exception.ts';
import { OverlayFS } from './overlay-fs.ts';
import { type ZenfsLayerOptions, openZenfsLayer } from './zenfs-layer.ts';

/** A lower to open: where it is, and the options of `openLayer`, `openDirectory` or `openZenfsLayer`. */
export type LowerOptions =
  | (OpenLayerOptions & ({ readonly url: string | URL } | { readonly bytes: LayerSource }))
  | (DirectoryOptions & { readonly directory: string | URL })
  | (ZenfsLayerOptions & { readonly fs: FileSystem });

/** Options of the backend `Overlay`. */
export interface OverlayBackendOptions {
  /** The lowers, topmost first: archives and other file systems to open, or layers, which stay the caller's. */
  readonly lower?: readonly (LowerOptions | Layer)[];
  /** The name of the workspace in IndexedDB, or a store. Default: a new upper in memory. */
  readonly upper?: string | UpperStore;
  /** Default: strict. */
  readonly durability?: Durability;
  /** A union that is mounted already, instead of all the above. It stays its owner's. */
  readonly overlay?: Union;
}

interface Closable {
  close(): Promise<void> | void;
}

/**
 * The backend of ZenFS over the engine: lowers, and the user's changes in an upper.
 *
 * With `overlay` it works with `configureSync` as well. Rejects with EBUSY when another tab has the workspace, ESTALE when it was made
 * over other lowers, EIO when an archive cannot be had.
 * @example
 * await configure({ mounts: { '/': { backend: Overlay, lower: [{ url: '/base.zip' }], upper: 'project-42' } } });
 */
export const Overlay = {
  name: 'Overlay',
  options: {
    lower: { type: 'object', required: false },
    upper: { type: ['string', 'object'], required: false },
    durability: { type: 'string', required: false },
    overlay: { type: 'object', required: false },
  },
  create(options: OverlayBackendOptions): OverlayFS | Promise<OverlayFS> {
    const { overlay, lower, upper } = options;
    if (overlay === undefined) return assemble(options);
    if (lower !== undefined || upper !== undefined) {
      throw toException(new FsError('EINVAL', { detail: 'a union that is mounted already has its lowers and its upper' }));
    }
    return new OverlayFS(overlay);
  },
} as const satisfies Backend<OverlayFS, OverlayBackendOptions>;

async function assemble({ lower = [], upper, durability }: OverlayBackendOptions): Promise<OverlayFS> {
  const opened: Closable[] = [];
  const release = async (): Promise<void> => {
    for (const part of opened.splice(0).reverse()) await part.close();
  };
  try {
    if (typeof upper === 'string') opened.push({ close: await claimAlone(upper) });
    const opening = [upperOf(upper, opened), ...lower.map((options) => layerOf(options, opened))] as const;
    // What is still being opened when something fails has to be released too.
    await Promise.allSettled(opening);
    const [store, ...layers] = await Promise.all(opening);
    const overlay = await Union.mount({ lower: layers, upper: store, durability });
    opened.push(overlay);
    return new OverlayFS(overlay, release);
  } catch (e) {
    await release();
    throw toException(e);
  }
}

/** Opens an upper. A store is the caller's until it is mounted. */
async function upperOf(upper: string | UpperStore = memoryUpper(), opened: Closable[]): Promise<UpperStore> {
  if (typeof upper !== 'string') return upper;
  const store = await openUpper(upper);
  opened.push(store);
  return store;
}

/** Opens a lower. A layer that is one already is the caller's to close. */
async function layerOf(options: LowerOptions | Layer, opened: Closable[]): Promise<Layer> {
  if ('table' in options) return options;
  const layer = await openLower(options);
  opened.push(layer);
  return layer;
}

function openLower(options: LowerOptions): Promise<Layer> {
  if ('fs' in options) {
    const { fs, ...rest } = options;
    return openZenfsLayer(fs, rest);
  }
  if ('directory' in options) {
    const { directory, ...rest } = options;
    return openDirectory(directory, rest);
  }
  if ('url' in options) {
    const { url, ...rest } = options;
    return openLayer(url, rest);
  }
  const { bytes, ...rest } = options;
  return openLayer(bytes, rest);
}
