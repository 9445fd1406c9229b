/*
 * Making branches of a mounted workspace, and forgetting those that are gone. Owns the order in which it is done:
 *
 *   make      the branch's lock │ its snapshot remembers it, on the disk │ the branch is made
 *   forget    it is there, and stands on something else │ its snapshot forgets it
 *             the branch's lock │ it is not there │ its snapshot forgets it
 *
 * So a branch that is there is remembered, however its making was cut short; one that is remembered and not there costs the room of its
 * snapshot until somebody removes that. The lock is the one that whoever opens the branch has: between looking for it and forgetting it
 * nobody can make it, not even an owner that was overtaken. Over one that is there nobody makes another.
 *
 * Who waits for whom: making and forgetting wait for each other; nobody waits for a lock. What is in use is EBUSY.
 */

import { FsError, isFsError } from '../base/errors.ts';
import type { Overlay } from '../fs/overlay.ts';
import type { Snapshot } from '../layer/upper.ts';
import { type Origin, assertNoWorkspace, makeBranch, rememberedBranches, standsElsewhere, standsOn } from '../upper/lineage.ts';
import type { OpenedUpper } from '../upper/open-upper.ts';
import { MAX_PARENTS } from '../upper/read-through.ts';

/** Does something to a workspace that nobody has open, or can open meanwhile. @throws {FsError} EBUSY where somebody has it open */
export type Alone = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** The workspace that branches are made of. */
export interface Trunk {
  readonly upper: Pick<OpenedUpper, 'name' | 'version' | 'depth'>;
  readonly overlay: Pick<Overlay, 'flush' | 'forgetBranch' | 'rememberBranch' | 'removeSnapshot' | 'snapshots'>;
  readonly alone: Alone;
}

export class Branches {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly trunk: Trunk) {}

  /** Makes a branch of a snapshot, or of the workspace as it is now. @throws {FsError} as `ws.branch` */
  make(branch: string, snapshot?: number): Promise<Snapshot> {
    return this.#inTurn(() => this.#make(branch, snapshot));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined); // whoever asked for it hears of its failure
    return done;
  }

  async #make(branch: string, snapshot: number | undefined): Promise<Snapshot> {
    const { overlay, upper, alone } = this.trunk;
    if (typeof branch !== 'string' || branch === '') throw new FsError('EINVAL', { detail: 'a branch needs a name' });
    if (upper.depth >= MAX_PARENTS) throw new FsError('ELOOP', { detail: `workspace '${upper.name}' stands on ${upper.depth} others` });
    return alone(branch, async () => {
      await assertNoWorkspace(branch);
      const { snapshot: origin, firstChunk, superblock } = await overlay.rememberBranch(branch, snapshot);
      try {
        // What a branch stands on must not be lost where the branch is not.
        await overlay.flush({ durability: 'strict' });
        // Commit point.
        await makeBranch(branch, { ...superblock, parent: { ...this.#origin(origin.id), firstChunk } });
      } catch (e) {
        // It stays remembered where this fails too; `e` says why.
        await this.#takeBack(branch, origin.id, snapshot).catch(() => undefined);
        throw e;
      }
      return origin;
    });
  }

  /** Undoes what was done for a branch that could not be made, unless it was made after all, and only the answer was lost. */
  async #takeBack(branch: string, id: number, given: number | undefined): Promise<void> {
    const { overlay } = this.trunk;
    if (await standsOn(branch, this.#origin(id))) return;
    await overlay.forgetBranch(branch, id);
    if (given === undefined) await overlay.removeSnapshot(id);
  }

  /** Lets a snapshot forget the branches that are gone. @throws {FsError} EBUSY, naming it, where a branch stands on it */
  forget(id: number): Promise<void> {
    return this.#inTurn(() => this.#forget(id));
  }

  async #forget(id: number): Promise<void> {
    const { overlay, alone } = this.trunk;
    const { branches = [] } = overlay.snapshots().find((snapshot) => snapshot.id === id) ?? {};
    for (const branch of branches) await unlessInUse(alone, branch, this.#origin(id), () => overlay.forgetBranch(branch, id));
  }

  #origin(snapshot: number): Origin {
    const { name, version } = this.trunk.upper;
    // A mounted upper has had a commit, and so a version.
    return { name, generation: version!.generation, snapshot };
  }
}

/** @throws {FsError} EBUSY, naming it, where a branch stands on one of the workspace's snapshots. Precondition: nobody has the workspace open */
export async function assertNoBranches(name: string, alone: Alone): Promise<void> {
  for (const { branch, origin } of await rememberedBranches(name)) await unlessInUse(alone, branch, origin, () => Promise.resolve());
}

async function unlessInUse(alone: Alone, branch: string, origin: Origin, work: () => Promise<void>): Promise<void> {
  const busy = (cause?: unknown): FsError =>
    new FsError('EBUSY', {
      detail: `snapshot ${origin.snapshot} of workspace '${origin.name}' is needed by its branch '${branch}'`,
      cause,
    });
  if (await standsElsewhere(branch, origin)) return work();
  try {
    await alone(branch, async () => {
      if (await standsOn(branch, origin)) throw busy();
      await work();
    });
  } catch (e) {
    throw isFsError(e, 'EBUSY') ? busy(e) : e;
  }
}
