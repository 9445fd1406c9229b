/*
 * The guard of a mounted workspace: the log that every commit is appended to, and the building of the next log in the background. Owns
 * the files and what becomes of them when one cannot be written; knows nothing of the database. Nothing here throws because of a file: a guard that fails
 * is a guard less, and is built anew later.
 */

import { FsError } from '../base/errors.ts';
import type { Commit, Superblock, UpperRecord, UpperVersion } from '../layer/upper.ts';
import { BuildStopped, GuardBuild, type ImageSource } from './guard-build.ts';
import { GuardGrowth } from './guard-growth.ts';
import { type GuardFolder, guardName, guardNumbers, removeGuards } from './guard-folder.ts';
import { GuardLog } from './guard-log.ts';
import type { SyncFile } from '../storage/opfs.ts';

/** Times in milliseconds. */
export interface GuardSettings {
  /** Until a guard that is missing is built: the mount goes first. */
  readonly delay: number;
  /** Until a guard that failed is built anew; twice as long after each further failure. */
  readonly retryAfter: number;
  /** After so many failures it is left alone until the workspace is opened again. */
  readonly tries: number;
  /** Bytes that a log may have beyond twice what the upper takes before it is written anew. */
  readonly slack: number;
  /** Frames that a log may have beyond two a record: opening looks at each. */
  readonly frames: number;
}

export const GUARD_SETTINGS: GuardSettings = { delay: 200, retryAfter: 60_000, tries: 5, slack: 8 << 20, frames: 20_000 };

export interface GuardOptions {
  readonly folder: GuardFolder;
  readonly settings: GuardSettings;
  readonly log: GuardLog | undefined;
  /** The highest number of a guard file; `undefined` where nobody knows yet. */
  readonly highest: number | undefined;
  readonly superblock: Superblock | undefined;
  readonly records: ReadonlyMap<number, UpperRecord>;
  readonly upper: Pick<ImageSource, 'readChunks' | 'inTurn'> & { readonly version: UpperVersion | undefined };
}

/** A guard file that was begun: its number, as far as there is one, and its building, if it could be made. */
interface Created {
  readonly number: number | undefined;
  readonly build: GuardBuild | undefined;
}

export class Guard implements ImageSource {
  readonly records: Map<number, UpperRecord>;
  superblock: Superblock | undefined;
  #log: GuardLog | undefined;
  /** The log could not be written, or has something that was taken back. Therefore nothing more is appended, and it is to be discarded. */
  #broken = false;
  #build: GuardBuild | undefined;
  /** Has the last commit, which may still be taken back. */
  #appended: GuardLog[] = [];
  #highest: number | undefined;
  readonly #growth: GuardGrowth;
  #isBuilding = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #building: Promise<void> = Promise.resolve();
  #removing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(private readonly options: GuardOptions) {
    this.records = new Map(options.records);
    this.superblock = options.superblock;
    this.#log = options.log;
    this.#highest = options.highest;
    this.#growth = new GuardGrowth(options.settings);
  }

  /** *behind* indicates that the workspace could not be rebuilt now: the guard is being built, or failed. */
  get state(): 'on' | 'behind' {
    return this.#log === undefined || this.#broken ? 'behind' : 'on';
  }

  /** There is a log, or was until it failed. Therefore the database may have commits that are not on the disk, and must be flushed before the log goes. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** Makes nothing of the log any more: it does not say what the database has. */
  distrust(): void {
    if (this.#log !== undefined) this.#broken = true;
    this.#build?.stop();
  }

  /** Gives up disk space when it is discarded. */
  get takesSpace(): boolean {
    return this.#log !== undefined || this.#build !== undefined;
  }

  /** Appends a commit that the database has been asked to make; tells whether the workspace could be rebuilt with it. */
  append(sequence: number, commit: Commit): boolean {
    this.#appended = [];
    if (this.#build !== undefined && !this.#try(this.#build.log, (log) => log.append(sequence, commit))) this.#build.stop();
    if (this.#log === undefined || this.#broken) return false;
    this.#broken = !this.#try(this.#log, (log) => log.append(sequence, commit));
    return !this.#broken;
  }

  /** Whatever fails, be it memory, is the log's failure and not the commit's: the database has been asked already, and may make it. */
  #try(log: GuardLog, append: (log: GuardLog) => void): boolean {
    try {
      append(log);
      this.#appended.push(log);
      return true;
    } catch {
      return false;
    }
  }

  /** Brings what was appended to the disk; tells whether it is there. */
  flush(): boolean {
    if (this.#log === undefined || this.#broken) return false;
    this.#broken = !attempt(() => this.#log?.flush());
    return !this.#broken;
  }

  /** The database has refused the commit that was appended last. */
  takeBack(): void {
    for (const log of this.#appended) {
      if (attempt(() => log.takeBack())) continue;
      if (log === this.#log) this.#broken = true;
      else this.#build?.stop();
    }
    this.#appended = [];
  }

  /** The database has made a commit. */
  applied(commit: Commit): void {
    this.#appended = [];
    if (commit.superblock !== undefined) this.superblock = commit.superblock;
    for (const [id, record] of commit.records) {
      if (record === undefined) this.records.delete(id);
      else this.records.set(id, record);
    }
    this.#build?.applied(commit);
    this.#growth.applied(commit);
    const log = this.#log;
    if (this.#isBuilding || this.#timer !== undefined || log === undefined || !this.#growth.isOvergrown(log, this.records)) return;
    // It cannot be made small again, and must not fill the disk.
    if (this.#failures > this.options.settings.tries) this.#broken = true;
    else this.schedule(0);
  }

  /** Gives the guard up, with the space that it takes, at once; builds another one later. Resolves when the files are gone. */
  async discard(): Promise<void> {
    this.#build?.stop();
    if (this.#build !== undefined) this.#giveUp(this.#build);
    if (this.#log !== undefined) letGo(this.#log);
    this.#log = undefined;
    this.#broken = false;
    this.#appended = [];
    const highest = this.#highest ?? -1;
    this.#remove((number) => number <= highest);
    this.#retry();
    await this.#removing;
  }

  /** Removes files in the background. What somebody has open stays, and goes at a later opening. */
  #remove(which: (number: number) => boolean): void {
    this.#removing = Promise.all([this.#removing, removeGuards(this.options.folder, which).catch(expectFileError)]);
  }

  #retry(): void {
    const { tries, retryAfter } = this.options.settings;
    if (++this.#failures <= tries) this.schedule(retryAfter * 2 ** (this.#failures - 1));
  }

  /** Builds a guard in the background. */
  schedule(delay = this.options.settings.delay): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.build();
    }, delay);
  }

  /** Builds a guard now; resolves when it is there, or has failed. Does nothing more while one is being built. */
  async build(): Promise<void> {
    if (!this.#isBuilding) await this.begin();
    await this.#building;
  }

  /** Begins to build a guard; resolves when its file is there, or has failed. `outdates`: as in the file's header. */
  async begin(outdates?: number): Promise<void> {
    if (this.#closed) return;
    this.#isBuilding = true;
    const creating = this.#create(outdates);
    this.#building = creating.then((created) => this.#finish(created)).finally(() => (this.#isBuilding = false));
    await creating;
  }

  async #create(outdates: number | undefined): Promise<Created> {
    let number: number | undefined;
    try {
      this.#highest ??= (await guardNumbers(this.options.folder))[0] ?? -1;
      number = ++this.#highest;
      const file = await this.options.folder.open(guardName(number));
      return { number, build: await this.inTurn(() => this.#createIn(file, outdates)) };
    } catch (e) {
      expectFileError(e);
      return { number, build: undefined };
    }
  }

  #createIn(file: SyncFile, outdates: number | undefined): GuardBuild | undefined {
    const { version } = this.options.upper;
    try {
      if (version !== undefined && !this.#closed) this.#build = new GuardBuild(GuardLog.create(file, version, outdates), this);
      else file.close();
    } catch (e) {
      attempt(() => file.close());
      throw e;
    }
    return this.#build;
  }

  async #finish({ number, build }: Created): Promise<void> {
    if (number !== undefined && build !== undefined && (await this.#complete(build))) {
      this.#failures = 0;
      this.#remove((other) => other < number);
      return;
    }
    // One that says something of older files stays, without its image.
    if (number !== undefined && build?.log.outdates === undefined) this.#remove((other) => other === number);
    if (!this.#closed && this.#timer === undefined) this.#retry();
  }

  /** Writes the image and puts the new log in the old one's place; tells whether that came to its end. */
  async #complete(build: GuardBuild): Promise<boolean> {
    try {
      await build.run();
      await this.inTurn(() => this.#replaceLog(build));
      return true;
    } catch (e) {
      expectFailure(e);
      this.#giveUp(build);
      return false;
    }
  }

  /** Gives up a build that failed or was stopped. */
  #giveUp(build: GuardBuild): void {
    if (this.#build === build) this.#build = undefined;
    this.#appended = this.#appended.filter((log) => log !== build.log);
    letGo(build.log);
  }

  /** No commit is under way: the new log has them all. */
  #replaceLog(build: GuardBuild): void {
    build.log.complete();
    const old = this.#log;
    this.#log = build.log;
    this.#build = undefined;
    this.#broken = false;
    if (old !== undefined) letGo(old);
  }

  /** Begins nothing any more. */
  retire(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#build?.stop();
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    this.retire();
    await this.#building;
    await this.#removing;
    const log = this.#log;
    this.#log = undefined;
    attempt(() => log?.close());
  }

  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.options.upper.readChunks(ids);
  }

  inTurn<T>(work: () => T): Promise<T> {
    return this.options.upper.inTurn(work);
  }

  pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve));
  }
}

/** Gives a log's space back, and its file, as far as the file still answers. */
function letGo(log: GuardLog): void {
  attempt(() => log.empty());
  attempt(() => log.close());
}

/** Does something to a file; tells whether the file took it. */
function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (e) {
    expectFileError(e);
    return false;
  }
}

/** @throws `e` where it is a mistake of ours and no failure of the file */
function expectFileError(e: unknown): void {
  if (!(e instanceof DOMException)) throw e;
}

function expectFailure(e: unknown): void {
  if (!(e instanceof BuildStopped || e instanceof FsError)) expectFileError(e);
}
