/*
 * An upper with a guard: each commit goes into the guard's log and into the database at the same time, and is done when it is in both.
 * Owns the order of the two, and what happens when one of them fails. docs/decisions/0009 tells why the order is this.
 *
 *   begin the transaction │ append to the log │ flush it ──┐
 *                         └────────────────► complete ─────┴► Commit point
 *
 * A strict commit is on the disk by the log's flush, so the transaction may be relaxed: what a crash takes from the database's end is made
 * again from the log. Wherever there is no log that can be relied on, the transaction itself is strict; where the log fails only now, an empty
 * strict one follows.
 *
 * Who waits for whom: a commit waits for the commit or the step of a build before it.
 */

import { isFsError } from '../base/errors.ts';
import type { Commit, UpperImage, UpperVersion } from '../layer/upper.ts';
import { GUARD_SETTINGS, Guard, type GuardSettings } from './guard.ts';
import { type GuardFolder, removeGuards } from './guard-folder.ts';
import { type Recovered, type RecoveryOptions, type Restored, recover } from './guard-recovery.ts';
import { writeMarker } from './marker.ts';
import { NOTHING, type VersionedStore } from './versioned-store.ts';

export interface GuardedStoreOptions extends RecoveryOptions {
  /** Whether to keep a guard. The marker is kept either way. */
  readonly guard: boolean;
  readonly settings?: GuardSettings | undefined;
}

/**
 * Steps that a store takes, at most, until the requests of a commit have left for the database. Appending earlier is no mistake; the two only
 * would not go on at the same time.
 */
const STEPS_TO_BEGIN = 32;

export class GuardedStore implements VersionedStore {
  #guard: Guard | undefined;
  #restored: Restored | undefined;
  /** Loaded by the opening, for the first `load()`. */
  #image: UpperImage | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #marking: Promise<unknown> = Promise.resolve();
  /** Strict commits that were acknowledged are in the database, but on the disk only in a log that is broken. */
  #owesStrict = false;
  #closed = false;

  private constructor(
    private readonly store: VersionedStore,
    private readonly options: GuardedStoreOptions,
  ) {}

  /**
   * Opens a workspace: loads it, catches up with the guard, rebuilds what was lost.
   * @throws {FsError} as `recover` does
   */
  static async open(options: GuardedStoreOptions): Promise<GuardedStore> {
    const guarded = new GuardedStore(options.store, options);
    guarded.#image = await guarded.#attach();
    return guarded;
  }

  get name(): string {
    return this.store.name;
  }
  get version(): UpperVersion | undefined {
    return this.store.version;
  }
  /** *behind* indicates that there is to be a guard and that it is not whole. Therefore a workspace lost now is lost. */
  get guard(): 'on' | 'off' | 'behind' {
    return this.#guard?.state ?? 'off';
  }
  /** What came back from the guard when the workspace was opened. */
  get restored(): Restored | undefined {
    return this.#restored;
  }

  async load(): Promise<UpperImage> {
    const image = this.#image;
    this.#image = undefined;
    if (image !== undefined) return image;
    if (!this.#closed) return this.store.load();
    this.#closed = false;
    return this.#attach();
  }

  async #attach(): Promise<UpperImage> {
    const { folder, guard } = this.options;
    const recovered = await recover(this.options);
    this.#restored = recovered.restored;
    const version = this.store.version;
    if (folder === undefined) return recovered.image;
    if (guard) await this.#keepGuard(folder, recovered);
    else await this.#dropGuard(folder, recovered);
    if (version !== undefined) this.#marking = mark(folder, version);
    return recovered.image;
  }

  async #keepGuard(folder: GuardFolder, { image, log, highest, outdates }: Recovered): Promise<void> {
    const { records, superblock } = image;
    const settings = this.options.settings ?? GUARD_SETTINGS;
    this.#guard = new Guard({ folder, settings, log, highest, superblock, records, upper: this.#upper() });
    if (this.version === undefined || log !== undefined) return;
    // The owner of a file that is held may yet write to it, and what a damaged one says is of another history than what follows now: no
    // commit of ours may be made before the new file says so.
    if (outdates) await this.#guard.begin(this.version.sequence);
    else this.#guard.schedule();
  }

  /** The workspace had a guard, perhaps, and is to have none. */
  async #dropGuard(folder: GuardFolder, { log }: Recovered): Promise<void> {
    this.#guard = undefined;
    if (log !== undefined) await this.store.commit(NOTHING);
    log?.close();
    await removeGuards(folder, () => true).catch(expectFileError);
  }

  #upper(): ConstructorParameters<typeof Guard>[0]['upper'] {
    const { store } = this;
    return {
      get version() {
        return store.version;
      },
      readChunks: (ids) => store.readChunks(ids),
      inTurn: (work) => this.#inTurn(work),
    };
  }

  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined); // whoever asked for it hears of its failure
    return done;
  }

  async commit(commit: Commit): Promise<void> {
    const first = await this.#inTurn(async () => {
      const isFirst = this.version === undefined;
      if (isFirst) await this.store.commit({ ...commit, durability: 'strict' });
      else await this.#commit(commit);
      return isFirst;
    });
    if (first) await this.#begin(commit);
  }

  /** The first commit gives the upper its generation. Only then can there be a guard and a marker, and only with them it is acknowledged. */
  async #begin(commit: Commit): Promise<void> {
    const { folder } = this.options;
    this.#guard?.applied(commit);
    await this.#guard?.build();
    if (folder !== undefined && this.version !== undefined) await mark(folder, this.version);
  }

  async #commit(commit: Commit): Promise<void> {
    const sequence = this.version!.sequence + 1;
    const isLogged = this.#guard?.state === 'on';
    const durability = isLogged ? 'relaxed' : this.#owesStrict ? 'strict' : commit.durability;
    const committing = this.store.commit({ ...commit, durability });
    const settled = committing.then(
      () => undefined,
      (e: unknown) => ({ refusal: e }),
    );
    for (let i = 0; i < STEPS_TO_BEGIN; i++) await Promise.resolve();
    const isAppended = this.#guard?.append(sequence, commit) === true;
    if (isLogged && commit.durability === 'strict' && !(isAppended && this.#guard?.flush() === true)) this.#owesStrict = true;
    const refused = await settled;
    if (refused !== undefined) return this.#refused(commit, refused.refusal);
    // Commit point: the database has it, and so has the log.
    this.#guard?.applied(commit);
    await this.#afterCommit(sequence, durability);
  }

  /** The database did not take the commit. On a full disk the log's space is what is left to give: deleting must work there. */
  async #refused(commit: Commit, reason: unknown): Promise<void> {
    const guard = this.#guard;
    guard?.takeBack();
    if (guard === undefined) throw reason;
    const gives = guard.takesSpace;
    if (guard.isBroken) await this.#giveUpGuard(guard);
    // Another owner has the workspace: it has a guard of its own.
    if (isFsError(reason, 'ESTALE')) guard.retire();
    if (!isFsError(reason, 'ENOSPC') || !gives) throw reason;
    if (guard.takesSpace) {
      // The log vouches for commits that are not on the disk yet. Bringing them there takes next to no space.
      this.#owesStrict = true;
      await this.#makeStrict();
      await guard.discard();
    }
    await this.store.commit({ ...commit, durability: 'strict' });
    this.#owesStrict = false;
    guard.applied(commit);
  }

  /**
   * What was refused could not be taken back. The log goes before anybody hears of the refusal. Two empty commits before that: the first
   * brings to the disk what the log vouched for, with the second the database is further than the log, which is not believed any more.
   */
  async #giveUpGuard(guard: Guard): Promise<void> {
    this.#owesStrict = true;
    await this.#makeStrict();
    await this.#makeStrict();
    await guard.discard();
  }

  async #afterCommit(sequence: number, durability: Commit['durability']): Promise<void> {
    const guard = this.#guard;
    if (guard === undefined) return;
    if (this.version?.sequence !== sequence) guard.distrust();
    // A log that was made whole since has on the disk what was owed. An empty commit now would be one that it does not have.
    if (durability === 'strict' || guard.state === 'on') this.#owesStrict = false;
    else if (guard.isBroken) this.#owesStrict = true;
    if (this.#owesStrict) await this.#makeStrict();
    // Only now: until the database was on the disk, the log's last whole commit was worth something.
    if (guard.isBroken && !this.#owesStrict) await guard.discard();
  }

  /** Brings to the disk what the log cannot vouch for. The commit is made whatever comes of this; where it fails, the next one owes it. */
  async #makeStrict(): Promise<void> {
    this.#owesStrict = await this.store.commit(NOTHING).then(
      () => false,
      () => true,
    );
  }

  /** Replaces the upper, and the guard with it. @throws {FsError} */
  async restore(version: UpperVersion, parts: Iterable<Commit> | AsyncIterable<Commit>): Promise<void> {
    await this.#inTurn(() => this.store.restore(version, parts));
    this.#image = undefined;
  }

  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.store.readChunks(ids);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#marking;
    await this.#guard?.close();
    if (this.#owesStrict) await this.#makeStrict();
    await this.store.close();
  }
}

/** Writes the marker. Without one a lost workspace is taken for a new one, which is no reason to refuse it now. */
function mark(folder: GuardFolder, version: UpperVersion): Promise<void> {
  return writeMarker(folder, version, new Date()).catch(expectFileError);
}

function expectFileError(e: unknown): void {
  if (!(e instanceof DOMException)) throw e;
}
