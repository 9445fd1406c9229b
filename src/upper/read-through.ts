/*
 * Reading an upper that may be a branch: what it has of its own, over a snapshot of its parent, which may be a branch itself. Nothing
 * is written here, and nobody is kept from writing: as long as a snapshot exists, what it shows does not change (docs/decisions/0027).
 *
 *   load()          the parent's records at the snapshot, overruled by the branch's own of the same id
 *   readChunks()    ids below `firstChunk` from the parent, the others from the branch
 */

import { FsError, isFsError } from '../base/errors.ts';
import { recordsAt } from '../layer/snapshots.ts';
import { type Parent, type Superblock, type UpperImage, type UpperRecord, type UpperVersion, isWhiteout } from '../layer/upper.ts';
import type { VersionedStore } from './versioned-store.ts';

/** The reading half of a store. */
export type Reader = Pick<VersionedStore, 'name' | 'version' | 'load' | 'readChunks' | 'close'>;

/** How a branch gets at other workspaces. */
export interface Relatives {
  /** Opens the upper of one for reading, without taking it over. */
  readonly open: (name: string) => Reader;
  /** Rebuilds one that the browser has lost, as opening it would; tells whether there was anything to rebuild it from. */
  readonly revive?: ((name: string) => Promise<boolean>) | undefined;
}

/** How many workspaces a branch may stand on, one below the other: as many as symbolic links may lead on. */
export const MAX_PARENTS = 40;

/** What a branch stands on. */
interface Below {
  readonly parent: Parent;
  readonly upper: ReadThrough;
  /** What its snapshot shows. */
  readonly records: ReadonlyMap<number, UpperRecord>;
}

export class ReadThrough implements Reader {
  #below: Below | undefined;
  /** The branch is none any more, and has nothing of its parent's. Therefore only reads that began before it go there. */
  #hasLeft = false;

  constructor(
    private readonly own: Reader,
    private readonly relatives: Relatives,
  ) {}

  get name(): string {
    return this.own.name;
  }
  get version(): UpperVersion | undefined {
    return this.own.version;
  }
  /** What the branch began as; `undefined` for what is no branch, and before `load()`. */
  get parent(): Parent | undefined {
    return this.#hasLeft ? undefined : this.#below?.parent;
  }
  /** How many workspaces it stands on. */
  get depth(): number {
    return this.parent === undefined ? 0 : this.#below!.upper.depth + 1;
  }

  /** The ids of the parent's records. */
  get inherited(): Iterable<number> {
    return this.#below?.records.keys() ?? [];
  }

  /** From now on it is no branch. Precondition: so says what is stored. */
  leave(): void {
    this.#hasLeft = true;
  }

  /** Tells whether the parent has a record of this id. */
  inherits(id: number): boolean {
    return this.#below?.records.has(id) === true;
  }

  /**
   * The image of the whole, without a trace of the parent.
   * @throws {FsError} EIO, naming the parent, when that is gone or cannot be read; ELOOP for a branch of too many branches
   */
  load(): Promise<UpperImage> {
    return this.#load(0);
  }

  async #load(above: number): Promise<UpperImage> {
    const image = await this.own.load();
    const { parent, ...superblock } = image.superblock ?? {};
    if (parent === undefined) return image;
    if (above >= MAX_PARENTS) throw new FsError('ELOOP', { detail: `workspace '${this.name}' is below ${above} branches` });
    const upper = this.#below?.upper ?? new ReadThrough(this.relatives.open(parent.name), this.relatives);
    try {
      const records = await this.#inherited(parent, upper, above);
      this.#below = { parent, upper, records };
      const merged = merge(records, image.records);
      return { ...image, superblock: superblock as UpperImage['superblock'], records: merged, firstChunk: parent.firstChunk };
    } catch (e) {
      if (this.#below === undefined) await upper.close();
      throw e;
    }
  }

  async #inherited(parent: Parent, upper: ReadThrough, above: number): Promise<ReadonlyMap<number, UpperRecord>> {
    const { records, superblock } = await this.#heed(parent, this.#loadParent(parent, upper, above));
    if (upper.version?.generation !== parent.generation) throw this.#gone(parent, 'that is another workspace by now, or being rebuilt');
    if (!hasSnapshot(superblock, parent)) throw this.#gone(parent, `that snapshot, ${parent.snapshot}, is gone`);
    return recordsAt(records, parent.snapshot);
  }

  async #loadParent(parent: Parent, upper: ReadThrough, above: number): Promise<UpperImage> {
    const loading = upper.#load(above + 1);
    const isLost = await loading.then(
      ({ superblock }) =>
        upper.version === undefined || (upper.version.generation === parent.generation && !hasSnapshot(superblock, parent)),
      (e: unknown) => isFsError(e, 'ENOENT'),
    );
    // The browser deletes all databases of an origin at once, and without power the last commits of each are in its guard alone: whoever
    // opens a branch next need not know of its parent.
    if (!isLost || (await this.relatives.revive?.(parent.name)) !== true) return loading;
    await upper.close();
    return upper.#load(above + 1);
  }

  async readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const below = this.#below;
    if (below === undefined) return this.own.readChunks(ids);
    const { parent, upper } = below;
    const [theirs, ours] = [ids.filter((id) => id < parent.firstChunk), ids.filter((id) => id >= parent.firstChunk)];
    const [own, inherited] = await Promise.all([
      ours.length > 0 || theirs.length === 0 ? this.own.readChunks(ours) : [],
      theirs.length > 0 ? this.#heed(parent, upper.readChunks(theirs)) : [],
    ]);
    let [nextOwn, nextInherited] = [0, 0];
    return ids.map((id) => (id < parent.firstChunk ? inherited[nextInherited++] : own[nextOwn++]));
  }

  async close(): Promise<void> {
    const below = this.#below;
    this.#below = undefined;
    this.#hasLeft = false;
    await Promise.all([this.own.close(), below?.upper.close()]);
  }

  /** Passes on what the parent answers; what is wrong with it is no fault of the branch's own store, and must not look like one. */
  async #heed<T>(parent: Parent, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (e) {
      if (!(e instanceof FsError) || e.code === 'ELOOP') throw e;
      throw this.#gone(parent, e.message, e);
    }
  }

  #gone(parent: Parent, why: string, cause?: FsError): FsError {
    const detail = `workspace '${this.name}' is a branch of '${parent.name}', which cannot be read: ${why}`;
    return new FsError('EIO', { detail, cause });
  }
}

const hasSnapshot = (superblock: Superblock | undefined, { snapshot }: Parent): boolean =>
  superblock?.snapshots?.list.some(({ id }) => id === snapshot) === true;

/** The records of a branch: the parent's, overruled by its own. */
function merge(inherited: ReadonlyMap<number, UpperRecord>, own: ReadonlyMap<number, UpperRecord>): Map<number, UpperRecord> {
  const merged = new Map(inherited);
  for (const [id, record] of own) {
    if (isWhiteout(record) && record.whiteout === 'inherited') merged.delete(id);
    else merged.set(id, record);
  }
  return merged;
}
