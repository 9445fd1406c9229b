/*
 * The state of a mounted union: the lowers' tables, the upper's records, and the merged directories seen so far.
 *
 *        records (upper)          id -> inode | whiteout        what a commit writes
 *        history (upper)          id -> history record          as well: what snapshots show of records that have changed
 *        names   (upper)          directory -> name -> id       derived from the records
 *        directories (merged)     ino -> Directory              derived from records and lowers, made when first seen
 *        layers  (lower)          packed tables                 never change
 *
 * Records change through `put` and `remove` only, and the history follows by itself. Both note in the open `Changes` what was there before, so that a commit
 * knows what to write and a failed commit can put everything back. Nothing here waits.
 */

import { FsError } from '../base/errors.ts';
import type { Attr } from '../base/stats.ts';
import { S_IFDIR, isDirectory, isFile } from '../base/mode.ts';
import { NO_SNAPSHOTS } from '../layer/snapshots.ts';
import { type InodeRecord, type LiveRecord, type Origin, type Snapshots, type UpperRecord, isHistory, isWhiteout } from '../layer/upper.ts';
import { Changes } from './changes.ts';
import { History } from './history.ts';
import { PathCache } from './path-cache.ts';
import { Space } from './space.ts';
import { rootStack } from './lookup.ts';
import { FIRST_UPPER_INO, LAST_INO, type MountedLayer, ROOT_INO, originOf } from './ino.ts';

/** A directory of a lower, as a member of a merge. */
export type LowerDirectory = Origin;

/** A directory of the merged tree. */
export interface Directory {
  readonly ino: number;
  /** The root is its own parent. */
  parent: Directory;
  name: string;
  /** The lower directories merged here, topmost first. Empty for a pure upper directory. */
  readonly stack: readonly LowerDirectory[];
  /** Merged names and their inode numbers; `undefined` until first needed. */
  entries: Map<string, number> | undefined;
  /** The names alone; `undefined` until they are first listed, and when they have changed since. */
  listing: readonly string[] | undefined;
}

/** The upper's part of a tree. */
export interface UpperState {
  /** The tree's own from then on. */
  readonly records: Map<number, UpperRecord>;
  readonly snapshots?: Snapshots | undefined;
  /** As `UpperImage` has it. */
  readonly firstChunk?: number | undefined;
}

/** Bytes that a directory reports as its size. */
const DIRECTORY_SIZE = 4096;

export class Tree {
  readonly records: Map<number, LiveRecord>;
  /** The snapshots, and what they show of records that have changed since. */
  readonly history = new History();
  readonly names = new Map<number, Map<string, number>>();
  directories = new Map<number, Directory>();
  readonly root: Directory;
  /** Who holds which chunk, and what the upper takes. */
  readonly space = new Space((chunk) => this.changes.dropChunk(chunk));
  /** Where root's walks led. */
  readonly paths = new PathCache();
  /** What has changed since the last commit was taken. */
  changes = new Changes();
  /** Grows with every change, so that a caller can tell whether an operation made one. */
  version = 0;
  /** Directories of the upper in each directory: what its number of links is made of. */
  readonly #subdirectories = new Map<number, number>();
  /** Of a branch: chunks below this number stand in its parent. */
  firstChunk: number | undefined;
  /** Chunks from this number on were made since the mount. */
  readonly firstNewChunk: number;
  #nextId = FIRST_UPPER_INO;

  constructor(
    readonly layers: readonly MountedLayer[],
    /** No upper: every change is EROFS. */
    readonly readOnly: boolean,
    { records, snapshots = NO_SNAPSHOTS, firstChunk }: UpperState,
    readonly mountTimeMs: number,
  ) {
    this.history.snapshots = snapshots;
    records.forEach((record, id) => {
      if (!isHistory(record)) return;
      this.history.set(id, record);
      records.delete(id);
    });
    this.records = records as Map<number, LiveRecord>;
    this.root = {
      ino: ROOT_INO,
      parent: undefined as unknown as Directory,
      name: '',
      stack: rootStack(layers),
      entries: undefined,
      listing: undefined,
    };
    this.root.parent = this.root;
    this.#derive();
    this.space.startAt(firstChunk ?? 1);
    this.firstChunk = firstChunk;
    this.firstNewChunk = this.space.nextChunk;
  }

  /** @throws {FsError} ENOSPC when 2^31 numbers have been given since the mount */
  newId(): number {
    if (this.#nextId > LAST_INO) throw new FsError('ENOSPC', { detail: 'no inode number is left' });
    return this.#nextId++;
  }

  /** The upper as it is now: what another tree can begin with. */
  get state(): UpperState {
    return { records: new Map(this.stored()), snapshots: this.history.snapshots };
  }

  /** Everything that is stored. */
  *stored(): Generator<[number, UpperRecord]> {
    yield* this.records;
    yield* this.history.records;
  }

  /**
   * Runs a whole operation. Where it throws, what it had changed is taken back, and nothing tells that it ever ran.
   * @throws {FsError} EDQUOT when it left the upper larger than it was, and larger than `quota` bytes.
   */
  atomically<T>(operation: () => T, quota = Infinity): T {
    const earlier = this.changes;
    const { version } = this;
    const { used } = this.space;
    const own = new Changes(earlier);
    this.changes = own;
    try {
      const result = operation();
      if (this.space.used > quota && this.space.used > used)
        throw new FsError('EDQUOT', { detail: `the workspace may take ${quota} bytes` });
      earlier.join(own);
      return result;
    } catch (e) {
      if (this.version !== version) this.undo(own);
      this.version = version;
      throw e;
    } finally {
      this.changes = earlier;
    }
  }

  /** The upper's inode, or `undefined` where the upper has none. */
  inode(ino: number): InodeRecord | undefined {
    const record = this.records.get(ino);
    return record === undefined || isWhiteout(record) ? undefined : record;
  }

  /** Sets a record; the names that it lost or gained follow, and so do its chunks. */
  put(id: number, record: LiveRecord): void {
    const before = this.records.get(id);
    this.#keep(id, before);
    this.changes.note(id, before);
    this.version++;
    this.records.set(id, this.history.dated(record));
    this.space.change(id, before, record);
    if (before?.names === record.names) return;
    if (before !== undefined) this.#unname(id, before);
    this.#name(id, record);
  }

  remove(id: number): void {
    const before = this.records.get(id);
    if (before === undefined) return;
    this.#keep(id, before);
    this.changes.note(id, before);
    this.version++;
    this.records.delete(id);
    this.space.change(id, before, undefined);
    this.#unname(id, before);
  }

  /** Keeps a version that is about to be replaced, if a snapshot shows it. */
  #keep(id: number, record: LiveRecord | undefined): void {
    const key = this.history.keep(id, record);
    if (key === undefined) return;
    this.changes.note(key, undefined);
    this.space.keep(this.history.records.get(key)!);
  }

  /** Removes a version that no snapshot shows any more, with the chunks that nobody else holds. */
  removeHistory(id: number): void {
    const before = this.history.records.get(id);
    if (before === undefined) return;
    this.changes.note(id, before);
    this.version++;
    this.history.records.delete(id);
    this.space.drop(before);
  }

  setSnapshots(snapshots: Snapshots): void {
    this.changes.snapshots ??= this.history.snapshots;
    this.version++;
    this.history.snapshots = snapshots;
  }

  /** What a commit writes for an id; `undefined`: there is nothing any more. */
  storedAs(id: number): UpperRecord | undefined {
    return this.records.get(id) ?? this.history.records.get(id);
  }

  #restore(id: number, before: UpperRecord | undefined): void {
    if (before === undefined) {
      this.records.delete(id);
      this.history.records.delete(id);
    } else if (isHistory(before)) this.history.set(id, before);
    else this.records.set(id, before);
  }

  #name(id: number, record: LiveRecord): void {
    this.#forgetPaths(record);
    for (const [directory] of record.names) this.#forgetListing(directory);
    this.#enter(id, record);
  }

  /** Enters the names of a record into those of the upper. */
  #enter(id: number, record: LiveRecord): void {
    for (const name of record.names) {
      const directory = name[0];
      const names = this.names.get(directory);
      if (names === undefined) this.names.set(directory, new Map([[name[1], id]]));
      else names.set(name[1], id);
      this.#countSubdirectory(directory, record, 1);
    }
  }

  #unname(id: number, record: LiveRecord): void {
    this.#forgetPaths(record);
    for (const [directory, name] of record.names) {
      const names = this.names.get(directory);
      if (names?.get(name) !== id) continue;
      names.delete(name);
      this.#forgetListing(directory);
      if (names.size === 0) this.names.delete(directory);
      this.#countSubdirectory(directory, record, -1);
    }
  }

  /** What a whiteout hides, or stops hiding, may be a directory. */
  #forgetPaths(record: LiveRecord): void {
    if (!isWhiteout(record) && isFile(record.mode)) this.paths.forgetPlaces();
    else this.paths.forget();
  }

  #forgetListing(ino: number): void {
    const directory = this.directories.get(ino);
    if (directory !== undefined) directory.listing = undefined;
  }

  #countSubdirectory(directory: number, record: LiveRecord, difference: number): void {
    if (isWhiteout(record) || !isDirectory(record.mode)) return;
    this.#subdirectories.set(directory, (this.#subdirectories.get(directory) ?? 0) + difference);
  }

  /** Moves a directory in the merged tree; everything below goes along. */
  move(directory: Directory, parent: Directory, name: string): void {
    this.changes.moves.push({ directory, parent: directory.parent, name: directory.name });
    directory.parent = parent;
    directory.name = name;
    this.paths.forget();
  }

  /** Takes back what `changes` notes. Entries of directories are merged anew when next needed. */
  undo(changes: Changes): void {
    for (const { directory, parent, name } of changes.moves.toReversed()) {
      directory.parent = parent;
      directory.name = name;
    }
    for (const [file, place] of changes.places) Object.assign(file, place);
    if (changes.directories !== undefined) this.directories = changes.directories;
    if (changes.snapshots !== undefined) this.history.snapshots = changes.snapshots;
    for (const [id, before] of changes.before) {
      this.#restore(id, before);
      if (before === undefined) this.directories.delete(id);
    }
    this.version++;
    this.names.clear();
    this.#derive();
    for (const [ino, directory] of this.directories) {
      this.forgetEntries(directory);
      if (!this.#isReachable(directory)) this.directories.delete(ino);
    }
  }

  /** Lets a directory be merged anew when it is next needed. */
  forgetEntries(directory: Directory): void {
    directory.entries = undefined;
    directory.listing = undefined;
  }

  /** Lets everything that follows from the records be made anew, after they were mended. Directories seen so far are not of the tree any more. */
  startAnew(): void {
    this.changes.directories ??= this.directories;
    this.directories = new Map();
    this.forgetEntries(this.root);
    this.names.clear();
    this.#derive();
  }

  /** Tells whether a directory's parents are the ones that lookups give: not those of a tree that was removed and is back. */
  #isReachable(directory: Directory): boolean {
    for (let at = directory; at !== this.root; at = at.parent) if (this.directories.get(at.ino) !== at) return false;
    return true;
  }

  /** Makes everything that follows from the records. A mount does this for each of them, in code that has just been loaded. */
  #derive(): void {
    this.paths.forget();
    this.directories.set(ROOT_INO, this.root);
    this.#subdirectories.clear();
    this.records.forEach((record, id) => {
      if (id >= this.#nextId) this.#nextId = id + 1;
      this.#enter(id, record);
    });
    // The number of what a snapshot shows is not given to anything else.
    for (const { was } of this.history.records.values()) this.#nextId = Math.max(this.#nextId, was + 1);
    this.space.derive(this.records, this.history.records);
  }

  mode(ino: number): number {
    const record = this.inode(ino);
    if (record !== undefined) return record.mode;
    const lower = this.lowerOf(ino);
    return lower === undefined ? S_IFDIR | 0o755 : this.layers[lower.layer]!.table.mode(lower.entry);
  }

  /**
   * The attributes of an inode that exists. Of a directory the number of links is 1, or 0 when it is removed: `links` counts them.
   */
  attr(ino: number): Attr {
    const record = this.inode(ino);
    if (record !== undefined) {
      const { mode, uid, gid, rdev, size, atimeMs, mtimeMs, ctimeMs, birthtimeMs } = record;
      if (!isDirectory(mode)) return { ino, mode, uid, gid, rdev, nlink: record.nlink, size, atimeMs, mtimeMs, ctimeMs, birthtimeMs };
      return { ino, mode, uid, gid, rdev, nlink: Math.min(record.nlink, 1), size: DIRECTORY_SIZE, atimeMs, mtimeMs, ctimeMs, birthtimeMs };
    }
    const lower = this.lowerOf(ino);
    return lower === undefined ? this.#bareRootAttr() : this.#lowerAttr(ino, lower);
  }

  #lowerAttr(ino: number, { layer, entry }: Origin): Attr {
    const { table } = this.layers[layer]!;
    const mode = table.mode(entry);
    const time = table.mtime(entry);
    const directory = isDirectory(mode);
    return {
      ino,
      mode,
      uid: table.uid(entry),
      gid: table.gid(entry),
      rdev: table.rdev(entry),
      nlink: directory ? 1 : table.nlink(entry),
      size: directory ? DIRECTORY_SIZE : table.size(entry),
      atimeMs: time,
      mtimeMs: time,
      ctimeMs: time,
      birthtimeMs: time,
    };
  }

  /** The root of a union without lowers. */
  #bareRootAttr(): Attr {
    const time = this.mountTimeMs;
    const times = { atimeMs: time, mtimeMs: time, ctimeMs: time, birthtimeMs: time };
    return { ino: ROOT_INO, mode: S_IFDIR | 0o755, uid: 0, gid: 0, rdev: 0, nlink: 1, size: DIRECTORY_SIZE, ...times };
  }

  /**
   * The lower object whose attributes an inode has until it is copied up; `undefined` for what no lower has. Of a merge whose topmost
   * member is only implied by its archive: the topmost member that is described.
   */
  lowerOf(ino: number): Origin | undefined {
    const origin = ino === ROOT_INO ? this.root.stack[0] : originOf(this.layers, ino);
    if (origin === undefined || !this.#isImplied(origin)) return origin;
    return this.directories.get(ino)?.stack.find((member) => !this.#isImplied(member)) ?? origin;
  }

  #isImplied({ layer, entry }: Origin): boolean {
    return this.layers[layer]!.table.isImplied(entry);
  }

  /** Pure directories report 2 + their subdirectories, merged ones 1, as overlayfs does. */
  links({ ino, stack }: Directory): number {
    const [only] = stack;
    if (only === undefined) return 2 + (this.#subdirectories.get(ino) ?? 0);
    if (stack.length > 1 || this.records.has(ino)) return 1;
    const { table } = this.layers[only.layer]!;
    const [first, end] = table.children(only.entry);
    let links = 2;
    for (let child = first; child < end; child++) if (table.isDirectory(child)) links++;
    return links;
  }
}
