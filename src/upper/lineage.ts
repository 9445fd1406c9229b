/*
 * Which workspace stands on which: what has to be known before a branch is made, or a snapshot or a workspace removed. Looks at
 * workspaces that nobody has open, and takes none of them over.
 *
 * A snapshot remembers the names of its branches (`Snapshot.branches`) from before they are made until it is removed. So a branch that
 * is there is always remembered, and one that is remembered need not be there: it was removed, or never came about.
 */

import { FsError, isFsError } from '../base/errors.ts';
import type { Parent, Superblock } from '../layer/upper.ts';
import { openGuardFolder } from './guard-folder.ts';
import { readerOf } from './idb-store.ts';
import { type OpenUpperOptions, openUpper } from './open-upper.ts';

/** A snapshot of some workspace. */
export type Origin = Omit<Parent, 'firstChunk'>;

/** The superblock that a branch begins with. */
export type BranchSuperblock = Superblock & { readonly parent: Parent };

/** @throws {FsError} EEXIST when there is a workspace of that name, also one that the browser has lost and that may come back */
export async function assertNoWorkspace(name: string, options: OpenUpperOptions = {}): Promise<void> {
  if ((await look(name, options)) !== undefined || (await hasFiles(name, options))) throw thereIs(name);
}

const thereIs = (name: string): FsError => new FsError('EEXIST', { detail: `there is a workspace '${name}'` });

/**
 * Makes a branch: a workspace that has nothing of its own yet. It is one commit, whatever the parent's size.
 *
 * Preconditions: nobody else has or makes the workspace; the parent's snapshot remembers it, on the disk.
 * @throws {FsError} EEXIST when there is a workspace of that name; EIO and ENOSPC when it cannot be made
 */
export async function makeBranch(name: string, superblock: BranchSuperblock, options: OpenUpperOptions = {}): Promise<void> {
  const upper = await openUpper(name, options);
  try {
    if (upper.version !== undefined) throw thereIs(name);
    await upper.commit({ superblock, records: new Map(), chunks: new Map(), durability: 'strict' });
  } finally {
    await upper.close();
  }
}

/** Tells whether a workspace stands on a snapshot, or may: one that the browser has lost may come back from its guard. */
export async function standsOn(branch: string, origin: Origin, options: OpenUpperOptions = {}): Promise<boolean> {
  const found = await look(branch, options);
  return found === undefined ? hasFiles(branch, options) : isOf(found.superblock, origin);
}

/** Tells whether a workspace is there and does not stand on a snapshot: it was detached, or is another of that name. */
export async function standsElsewhere(branch: string, origin: Origin, options: OpenUpperOptions = {}): Promise<boolean> {
  const found = await look(branch, options);
  return found !== undefined && !isOf(found.superblock, origin);
}

const isOf = (superblock: Superblock | undefined, { name, generation, snapshot }: Origin): boolean =>
  superblock?.parent?.name === name && superblock.parent.generation === generation && superblock.parent.snapshot === snapshot;

/**
 * Every branch that a workspace remembers, with the snapshot that it was made of. Of one that cannot be read any more there are none.
 * Precondition: nobody has the workspace open.
 */
export async function rememberedBranches(name: string, options: OpenUpperOptions = {}): Promise<{ branch: string; origin: Origin }[]> {
  // Where the browser has lost it, or its last commits, its guard knows the snapshots.
  await unlessUnreadable(revive(name, options));
  const { generation = '', superblock } = (await unlessUnreadable(look(name, options))) ?? {};
  return (superblock?.snapshots?.list ?? []).flatMap(({ id, branches = [] }) =>
    branches.map((branch) => ({ branch, origin: { name, generation, snapshot: id } })),
  );
}

async function unlessUnreadable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (e) {
    if (isFsError(e, 'EIO')) return undefined;
    throw e;
  }
}

/**
 * Rebuilds from its guard what the browser has lost of a workspace, all or its last commits; tells whether there was one. Precondition: nobody has it open.
 * @throws {FsError} EIO when it is lost for good, ENOSPC when there is no room for it
 */
export async function revive(name: string, options: OpenUpperOptions = {}): Promise<boolean> {
  if (!(await hasFiles(name, options))) return false;
  await (await openUpper(name, options)).close();
  return true;
}

/** Looks at a workspace's database; `undefined` where there is none, or nothing was ever committed to it. */
async function look(
  name: string,
  options: OpenUpperOptions,
): Promise<{ superblock: Superblock | undefined; generation: string } | undefined> {
  const reader = readerOf(options)(name);
  try {
    const superblock = await reader.loadSuperblock();
    const { version } = reader;
    return version && { superblock, generation: version.generation };
  } catch (e) {
    if (isFsError(e, 'ENOENT')) return undefined;
    throw e;
  } finally {
    await reader.close();
  }
}

/** Guard or marker: there was something, and it was not removed on purpose. */
async function hasFiles(name: string, { folder }: OpenUpperOptions): Promise<boolean> {
  const files = folder ?? (folder === null ? undefined : await openGuardFolder(name));
  return files !== undefined && (await files.list()).length > 0;
}
