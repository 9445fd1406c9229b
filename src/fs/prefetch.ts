/*
 * Fetching ahead: from paths of the merged tree to files of the lowers. What was copied up for its attributes, renamed or changed in
 * part leads to the lower that has the rest of it; what the upper has is at hand in any case.
 */

import { assertNotAborted } from '../base/errors.ts';
import { R_OK, isFile, isSymlink } from '../base/mode.ts';
import type { WorkOptions, WorkProgress } from '../base/progress.ts';
import type { Layer } from '../layer/layer.ts';
import { assertAccess } from '../overlay/access.ts';
import type { Call } from '../overlay/call.ts';
import { shownOrigin } from '../overlay/data.ts';
import { directoryAt, entriesOf, isDirectoryIno } from '../overlay/lookup.ts';
import type { Directory } from '../overlay/tree.ts';
import { asDirectory, find } from '../overlay/walk.ts';
import type { PathLike } from './api.ts';
import { toPath } from './arguments.ts';
import type { Definition } from './operations.ts';
import { type View, perform } from './perform.ts';

/** Requests at a time, for all lowers together. Each has at least one. */
const PARALLEL = 3;

/** What a lower is asked for. */
interface Ordered {
  readonly layer: Layer;
  readonly list: readonly string[] | 'all';
}

/** Entries of each lower, by its position. */
type Wanted = Map<number, Set<number>>;

const lowerFiles: Definition<[PathLike], Wanted> = {
  syscall: 'prefetch',
  paths: 1,
  reads: true,
  run(call, path) {
    const wanted: Wanted = new Map();
    const place = find(call, toPath(path), 'follow');
    const directory = asDirectory(call, place);
    if (directory === undefined) want(call, place.ino, wanted);
    else wantBelow(call, directory, wanted);
    return wanted;
  },
};

function wantBelow(call: Call, directory: Directory, wanted: Wanted): void {
  assertAccess(call, directory.ino, R_OK);
  for (const [name, ino] of entriesOf(call.tree, directory)) {
    if (isDirectoryIno(call.tree, ino)) wantBelow(call, directoryAt(call.tree, directory, name, ino), wanted);
    else want(call, ino, wanted);
  }
}

function want({ tree }: Call, ino: number, wanted: Wanted): void {
  const mode = tree.mode(ino);
  const origin = isFile(mode) || isSymlink(mode) ? shownOrigin(tree, ino) : undefined;
  if (origin === undefined) return;
  const entries = wanted.get(origin.layer);
  if (entries === undefined) wanted.set(origin.layer, new Set([origin.entry]));
  else entries.add(origin.entry);
}

/**
 * Fetches what the files at and below some paths need of the lowers, or all that the lowers have.
 * @throws {FsError} ENOENT, ENOTDIR, ELOOP, EACCES for paths; EIO and ESTALE where a lower cannot be fetched: the others are, first.
 */
export async function prefetch(view: View, paths: readonly PathLike[] | 'all', { signal, onProgress }: WorkOptions): Promise<void> {
  assertNotAborted(signal);
  view.engine.assertOpen();
  const { layers } = view.engine.tree;
  if (paths === 'all') {
    const all = layers.map(({ layer }): Ordered => ({ layer, list: 'all' }));
    return prefetchLayers(all, { signal, onProgress });
  }
  const wanted = await wantedBy(view, paths, signal);
  const orders = Array.from(wanted, ([number, entries]): Ordered => {
    const { layer, table } = layers[number]!;
    return { layer, list: Array.from(entries, (entry) => table.path(entry)) };
  });
  return prefetchLayers(orders, { signal, onProgress });
}

async function wantedBy(view: View, paths: readonly PathLike[], signal: AbortSignal | undefined): Promise<Wanted> {
  const all: Wanted = new Map();
  for (const path of paths) {
    for (const [layer, entries] of await perform(view, lowerFiles, [path], signal)) {
      const known = all.get(layer);
      if (known === undefined) all.set(layer, entries);
      else for (const entry of entries) known.add(entry);
    }
  }
  return all;
}

async function prefetchLayers(orders: readonly Ordered[], { signal, onProgress }: WorkOptions): Promise<void> {
  if (orders.length === 0) onProgress?.({ loaded: 0, total: 0 });
  const parallel = Math.max(1, Math.floor(PARALLEL / orders.length));
  const parts = new Map<Ordered, WorkProgress>();
  const tell = (order: Ordered, part: WorkProgress): void => {
    parts.set(order, part);
    // A sum that lacks a part would have to take back what it said.
    if (parts.size === orders.length) onProgress?.(sumOf(parts.values()));
  };
  const fetching = orders.map(async (order) => {
    await order.layer.prefetch?.(order.list, { signal, parallel, onProgress: (part) => tell(order, part) });
    if (!parts.has(order)) tell(order, { loaded: 0, total: 0 });
  });
  const failed = (await Promise.allSettled(fetching)).find((result) => result.status === 'rejected');
  // Layers reject with the signal's reason as it is.
  assertNotAborted(signal);
  if (failed !== undefined) throw failed.reason;
}

function sumOf(parts: Iterable<WorkProgress>): WorkProgress {
  let loaded = 0;
  let total = 0;
  for (const part of parts) {
    loaded += part.loaded;
    total += part.total;
  }
  return { loaded, total };
}
