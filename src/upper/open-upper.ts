/*
 * Opening the upper of a workspace as workers do: IndexedDB with a guard and a marker beside it, where the browser has files for
 * them. And removing one on purpose, so that it does not look lost afterwards.
 */

import { FsError, isFsError } from '../base/errors.ts';
import { type GuardFolder, answeringFolder, openGuardFolder, removeGuardFolder } from './guard-folder.ts';
import type { Restored } from './guard-recovery.ts';
import { GuardedStore } from './guarded-store.ts';
import type { GuardSettings } from './guard.ts';
import { isHeldElsewhere } from '../storage/opfs.ts';
import { BranchedStore } from './branched-store.ts';
import { type IdbUpperOptions, browserFactory, idbUpper, readerOf } from './idb-store.ts';
import type { VersionedStore } from './versioned-store.ts';

export type { Restored } from './guard-recovery.ts';

export interface OpenUpperOptions extends IdbUpperOptions {
  /**
   * Whether commits are also kept in a log beside IndexedDB, from which a workspace that the browser has lost is rebuilt. Default: true. It takes up to
   * three times the workspace's size on the disk. Without effect where the browser has no files for synchronous use.
   */
  readonly guard?: boolean | undefined;
  /** What to do when the workspace was lost and there is no guard: reject with EIO, or start with nothing. Default: 'error'. */
  readonly lost?: 'error' | 'anew' | undefined;
  /** The generation that somebody else remembers of this workspace, where the browser has no files: it tells a lost workspace from a new one. */
  readonly marker?: string | undefined;
  /**
   * Rebuilds the parent of a branch where the browser has lost it (`revive` of lineage.ts); whoever gives it sees to it that nobody has the
   * parent open. Without it, that is EIO until the parent is opened.
   */
  readonly revive?: ((parent: string) => Promise<boolean>) | undefined;
  /** Where guard and marker are kept. Default: the browser's private file system; `null`: nowhere. */
  readonly folder?: GuardFolder | null | undefined;
  /** When guards are built. For tests. */
  readonly settings?: GuardSettings | undefined;
  /** Milliseconds to wait for a guard that another worker has open. Default: 1,000. */
  readonly patience?: number | undefined;
  /** Milliseconds until files that do not answer are given up: the workspace opens without them. Default: 5,000. */
  readonly filesTimeout?: number | undefined;
}

/** The upper of a workspace, with what is known of its safety. */
export interface OpenedUpper extends VersionedStore {
  /** *behind* indicates that the guard is being built. Therefore a workspace that the browser loses now cannot be rebuilt. */
  readonly guard: 'on' | 'off' | 'behind';
  /** What came back from the guard; `undefined` where nothing had to. */
  readonly restored: Restored | undefined;
  /** How many workspaces it stands on: none, unless it is a branch. As of the last `load()`. */
  readonly depth: number;
}

/**
 * Opens the upper of a workspace; rebuilds it from its guard where the browser has lost it; makes an empty one where it is new.
 *
 * @throws {FsError} EIO when the workspace was lost and there is no guard, or cannot be opened; EBUSY when another tab holds its
 * database up, or a guard that is needed; ENOTSUP when a newer version wrote it or there is no IndexedDB here; ENOSPC when there is no room to rebuild it.
 * @example
 * const upper = await openUpper('project-42');
 * if (upper.restored) tell('Your work was restored');
 */
export async function openUpper(name: string, options: OpenUpperOptions = {}): Promise<OpenedUpper> {
  const { guard = true, lost = 'error', marker, settings, patience, filesTimeout } = options;
  const [files, store] = await Promise.all([
    options.folder ?? (options.folder === null ? undefined : openGuardFolder(name)),
    idbUpper(name, options),
  ]);
  const folder = files === undefined ? undefined : answeringFolder(files, filesTimeout);
  try {
    const guarded = await GuardedStore.open({ store, folder, guard, lost, marker, settings, patience });
    return new BranchedStore(guarded, { open: readerOf(options), revive: options.revive });
  } catch (e) {
    await store.close();
    throw e;
  }
}

/**
 * Opens the upper of a workspace in IndexedDB, without a guard and without asking who has it; makes an empty one where there is none.
 *
 * @throws {FsError} EBUSY when another tab holds its database up, ENOTSUP when a newer version of this library wrote it or there is
 * no IndexedDB here, EIO when it cannot be opened.
 * @example
 * const overlay = await Overlay.mount({ lower: [layer], upper: await idbUpper('project-42') });
 */
export async function databaseUpper(name: string, options: IdbUpperOptions = {}): Promise<VersionedStore> {
  return new BranchedStore(await idbUpper(name, options), { open: readerOf(options) });
}

/** Milliseconds until a removal that another tab holds up is given up. */
const REMOVE_TIMEOUT = 10_000;

/**
 * Removes a workspace: its guard, its marker and its database. Does nothing where there is none.
 *
 * @throws {FsError} EBUSY when it is open somewhere, EIO when it cannot be removed
 * @example
 * await removeWorkspace('project-42');
 */
export async function removeWorkspace(
  name: string,
  { factory = browserFactory(), filesTimeout }: Pick<OpenUpperOptions, 'factory' | 'filesTimeout'> = {},
): Promise<void> {
  try {
    // The guard first: where this is cut short the workspace is still there, and is neither lost nor rebuilt.
    await removeGuardFolder(name, filesTimeout);
  } catch (cause) {
    if (isHeldElsewhere(cause)) throw new FsError('EBUSY', { detail: `workspace '${name}' is open in another tab or worker`, cause });
    throw new FsError('EIO', { detail: `workspace '${name}' cannot be removed`, cause });
  }
  if (factory !== undefined) await removeDatabase(name, factory);
}

/**
 * Chromium refuses the first removal where it finds that its databases are damaged: it deletes them all, and the next removal finds none.
 */
async function removeDatabase(name: string, factory: IDBFactory): Promise<void> {
  try {
    await deleteDatabase(name, factory);
  } catch (e) {
    if (!isFsError(e, 'EIO')) throw e;
    await deleteDatabase(name, factory);
  }
}

function deleteDatabase(name: string, factory: IDBFactory): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = factory.deleteDatabase(`stratafs:${name}`);
    const timer = setTimeout(() => {
      reject(new FsError('EBUSY', { detail: `workspace '${name}' is held open by another tab; close that tab and try again` }));
    }, REMOVE_TIMEOUT);
    request.onsuccess = () => {
      clearTimeout(timer);
      resolve();
    };
    request.onerror = () => {
      clearTimeout(timer);
      reject(new FsError('EIO', { detail: `workspace '${name}' cannot be removed`, cause: request.error ?? undefined }));
    };
  });
}
