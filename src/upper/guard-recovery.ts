/*
 * What an opening makes of a database, a guard and a marker that it finds. Owns the cases:
 *
 *   database   guard        marker
 *   there      as far       any      normal
 *   there      further      any      the database's last commits did not reach the disk: they are made again from the guard, as far as
 *                                    it is not damaged
 *   there      other, none  any      the guard is built anew
 *   gone       there        any      everything is rebuilt from the guard
 *   gone       none         there    lost: EIO, or a new workspace where the caller wants that
 *   gone       none         none     new
 *
 * "Gone" is a database without a version: none was ever committed, or a rebuilding was cut short.
 */

import { FsError } from '../base/errors.ts';
import type { UpperImage, UpperVersion } from '../layer/upper.ts';
import { type FoundGuard, type GuardFolder, findGuard } from './guard-folder.ts';
import type { GuardLog, Reach } from './guard-log.ts';
import { type Marker, readMarker } from './marker.ts';
import { NOTHING, type VersionedStore } from './versioned-store.ts';

/** What came back from the guard. */
export interface Restored {
  /** *everything* indicates that the database was gone, *tail* that its last commits were. */
  readonly what: 'everything' | 'tail';
  /** How many commits the workspace has had with what came back. */
  readonly sequence: number;
  /** Nothing is known to be missing. Otherwise the guard was damaged, and what came after the damage is lost. */
  readonly whole: boolean;
}

export interface RecoveryOptions {
  readonly store: VersionedStore;
  /** `undefined` where the browser has no files. */
  readonly folder: GuardFolder | undefined;
  /** What to do about a workspace that is lost. */
  readonly lost: 'error' | 'anew';
  /** The generation that the page remembers. */
  readonly marker: string | undefined;
  /** How long to wait for a guard file that another worker has open, in milliseconds. */
  readonly patience?: number | undefined;
}

export interface Recovered {
  readonly image: UpperImage;
  /** The guard to go on with. */
  readonly log: GuardLog | undefined;
  /** The highest number of a guard file; `undefined` where nobody knows. */
  readonly highest: number | undefined;
  /** A guard that is there may say more than the upper has, or nobody knows. Therefore a new one must say where the older ones end to count, before anything is committed. */
  readonly outdates: boolean;
  readonly restored: Restored | undefined;
}

const NO_GUARD: FoundGuard = { log: undefined, until: Infinity, number: -1, highest: -1, held: false };
/** The files do not answer, or with an error. What stands in them may be older than the next commit, and must not outlive it. */
const UNKNOWN_GUARD: FoundGuard = { ...NO_GUARD, highest: undefined, held: true };

/**
 * Loads the upper, with what the guard knows beyond it.
 * @throws {FsError} EIO when the workspace is lost or cannot be read, EBUSY when it may be in a guard that another worker has open,
 * ENOSPC when it cannot be written back
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { store, folder } = options;
  const [loading, finding] = await Promise.allSettled([
    store.load(),
    folder === undefined ? NO_GUARD : findGuard(folder, options.patience),
  ]);
  const guard = finding.status === 'fulfilled' ? finding.value : UNKNOWN_GUARD;
  try {
    if (loading.status === 'rejected') throw loading.reason;
    const { version } = store;
    if (version !== undefined) return await catchUp(store, version, loading.value, guard);
    if (finding.status === 'rejected') throw unreadable(store, finding.reason);
    return (await rebuild(options, guard)) ?? (await startAnew(options, guard, loading.value));
  } catch (e) {
    guard.log?.close();
    throw e;
  }
}

async function catchUp(store: VersionedStore, version: UpperVersion, image: UpperImage, guard: FoundGuard): Promise<Recovered> {
  const { log, until, highest, held } = guard;
  const usable = log?.version.generation === version.generation;
  const reached = usable ? Math.min(log.version.sequence, until) : -1;
  const lost = usable && log.lost !== undefined && Math.min(log.lost, until) > version.sequence;
  if (log === undefined || reached < version.sequence || (reached === version.sequence && !goesOn(guard, log))) {
    log?.close();
    return { image, log: undefined, highest, outdates: held || log !== undefined, restored: lost ? shortened(version) : undefined };
  }
  if (reached === version.sequence) return { image, log, highest, outdates: held, restored: undefined };
  if (log.base <= version.sequence) return catchUpByCommits(store, version, guard, log);
  const reach = log.reach();
  if (isOfUse(log, reach, guard.until)) return restore(store, guard, log, reach);
  // What the database has is less than there was, and more than a damaged image.
  log.close();
  return { image, log: undefined, highest, outdates: true, restored: shortened(version) };
}

/** The database had more once, and it cannot be had back. */
const shortened = ({ sequence }: UpperVersion): Restored => ({ what: 'tail', sequence, whole: false });

/** Raced with a crash: these commits are in the guard and did not reach the database, or its disk. */
async function catchUpByCommits(store: VersionedStore, version: UpperVersion, guard: FoundGuard, log: GuardLog): Promise<Recovered> {
  const { highest, until } = guard;
  let { sequence } = version;
  for (const next of log.commits(version.sequence)) {
    if (next.sequence > until) break;
    await store.commit(next.commit);
    ({ sequence } = next);
  }
  const whole = sequence === Math.min(log.version.sequence, until) && log.lost === undefined;
  const keeps = whole && goesOn(guard, log);
  if (!keeps) {
    log.close();
    // The damaged log no longer counts for what was made again from it.
    await store.commit(NOTHING);
  }
  const restored: Restored = { what: 'tail', sequence, whole };
  return { image: await store.load(), log: keeps ? log : undefined, highest, outdates: !keeps, restored };
}

/**
 * Whether commits can go on in a log that is as far as the database. Not behind a damage, or what could not be cut off; and not where a newer
 * file outdates it: what it says beyond that file's beginning is never believed, whoever wrote it.
 */
const goesOn = ({ until }: FoundGuard, log: GuardLog): boolean => log.lost === undefined && !log.isTorn && until === Infinity;

/** Rebuilds the upper where there is a guard; `undefined` where there is none that could do that. */
async function rebuild({ store, lost }: RecoveryOptions, guard: FoundGuard): Promise<Recovered | undefined> {
  const { log } = guard;
  if (guard.held) throw new FsError('EBUSY', { detail: `the guard of workspace '${store.name}' is open in another tab or worker` });
  if (log === undefined) return undefined;
  const reach = log.reach();
  if (isOfUse(log, reach, guard.until)) return restore(store, guard, log, reach);
  log.close();
  if (lost === 'anew') return undefined;
  throw lostError(store, undefined, 'and its guard is damaged');
}

/** Whether the upper can be rebuilt from a log: all of its image is there, and is not outdated. */
const isOfUse = (log: GuardLog, { image, sequence }: Reach, until: number): boolean => image && Math.min(sequence, until) >= log.base;

async function restore(store: VersionedStore, { highest, until }: FoundGuard, log: GuardLog, reach: Reach): Promise<Recovered> {
  const { generation, sequence: last } = log.version;
  const sequence = Math.min(reach.sequence, until);
  await store.restore({ generation, sequence }, log.everything(sequence));
  // A file that outdates this one, and was not made whole: there may have been commits behind it.
  const whole = reach.whole && sequence === last && until === Infinity;
  const keeps = whole && !log.isTorn;
  if (!keeps) log.close();
  const restored: Restored = { what: 'everything', sequence, whole };
  return { image: await store.load(), log: keeps ? log : undefined, highest, outdates: !keeps, restored };
}

async function startAnew({ store, folder, lost, marker }: RecoveryOptions, guard: FoundGuard, image: UpperImage): Promise<Recovered> {
  if (lost === 'error') {
    const known = folder === undefined ? undefined : await markerOf(store, folder);
    if (known !== undefined || marker !== undefined) throw lostError(store, known, 'and there is no guard', marker);
  }
  return { image, log: undefined, highest: guard.highest, outdates: false, restored: undefined };
}

async function markerOf(store: VersionedStore, folder: GuardFolder): Promise<Marker | undefined> {
  try {
    return await readMarker(folder);
  } catch (e) {
    throw unreadable(store, e);
  }
}

function unreadable(store: VersionedStore, cause: unknown): FsError {
  return new FsError('EIO', { detail: `workspace '${store.name}' has no database, and whether it had one cannot be read`, cause });
}

function lostError(store: VersionedStore, known: Marker | undefined, why: string, remembered?: string): FsError {
  const generation = known?.generation ?? remembered;
  const which = generation === undefined ? '' : ` (generation ${generation})`;
  const when = known?.opened === undefined ? '' : `, which was opened on ${known.opened} with ${known.sequence} commits in it,`;
  const detail = `workspace '${store.name}'${which}${when} was lost: the browser has deleted its database, ${why}; open it with lost: 'anew' to start with nothing`;
  return new FsError('EIO', { detail });
}
