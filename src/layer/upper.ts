/*
 * The contract between the engine and what keeps the upper: records and chunks. docs/FORMAT.md specifies them.
 *
 * One object is one record: an inode carries the names that the upper gives it, a whiteout is a record that has a name and
 * nothing else. So no directory entry can dangle, and creating a file writes one record. Chunks are immutable: a write
 * makes a new chunk and drops the old one in the same commit; several inodes may share a chunk (reflink).
 */

/** A name that the upper gives to a record: the inode number of the directory, and the name in it. */
export type Name = readonly [directory: number, name: string];

/** An object of a lower layer. */
export interface Origin {
  /** Position of the layer in the superblock's list. */
  readonly layer: number;
  /** Position of the entry in the layer's table. */
  readonly entry: number;
}

/** An inode of the upper. Times in milliseconds since the epoch. Never changed in place: a change makes a new record. */
export interface InodeRecord {
  /**
   * The names that the upper gives it. None: either a lower hard link whose names all stand in lowers (`nlink` > 0), or an
   * unlinked file that is still open (`nlink` 0) and that the next mount removes.
   */
  readonly names: readonly Name[];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** Names in the merged tree, those in lowers included. Directories: 1. */
  readonly nlink: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;

  /** Bytes; of a symbolic link, those of its target; of a directory 0. */
  readonly size: number;
  /** Regular files: the lower file whose content shows where no chunk is. What was copied up is told by its inode number. */
  readonly origin?: Origin | undefined;
  /** Regular files: how much of the origin's content still counts; beyond it, where no chunk is, are zeros. */
  readonly originSize: number;
  /** Regular files: chunk number -> chunk id, 0 where the upper has none. May be shorter than the file. */
  readonly chunks: readonly number[];
  /** Regular files: bytes of each chunk but the last. Default: 256 KiB. */
  readonly chunkSize?: number | undefined;

  /** Symbolic links. */
  readonly target?: string | undefined;

  /** Directories: do not look below. */
  readonly opaque?: true | undefined;
  /** Directories: look below at this absolute path of the lowers' own merged tree, because it was renamed. */
  readonly redirect?: string | undefined;

  readonly since?: Since;
}

/**
 * A mark that a name does not exist, whatever the lowers say. *inherited*, which only the store of a branch has, without a name: the
 * record of this id, which the parent has, does not exist here.
 */
export interface WhiteoutRecord {
  readonly names: readonly [Name] | readonly [];
  readonly whiteout: true | 'inherited';
  readonly since?: Since;
}

/** Number of the newest snapshot that there was when this version of a record was made. Not there: there was none. */
type Since = number | undefined;

/** A record of the merged tree as it is now. */
export type LiveRecord = InodeRecord | WhiteoutRecord;

/** A record as it was until it was changed or removed, which a snapshot still shows. Its id, from `FIRST_HISTORY_ID` on, is its own. */
export interface HistoryRecord {
  /** None: it stands nowhere in the tree. */
  readonly names: readonly [];
  /** The id that the record had. */
  readonly was: number;
  /** The newest snapshot that there was when it was replaced: snapshots after `record.since` up to this one show it. */
  readonly until: number;
  readonly record: LiveRecord;
}

/** Ids of history records: above every inode number. */
export const FIRST_HISTORY_ID = 2 ** 32;

export type UpperRecord = LiveRecord | HistoryRecord;

export const isWhiteout = (record: UpperRecord): record is WhiteoutRecord => 'whiteout' in record;

export const isHistory = (record: UpperRecord): record is HistoryRecord => 'was' in record;

/** What a record has content of: the inode that it is or was. */
export function contentOf(record: UpperRecord): InodeRecord | undefined {
  const live = isHistory(record) ? record.record : record;
  return isWhiteout(live) ? undefined : live;
}

/** A lower as the upper remembers it. */
export interface PinnedLower {
  /** What the layer is (its content and how it was mounted), as `Layer.digest` has it. */
  readonly digest: string;
  /** Inode number of the layer's root; entry n has `inoBase + n`. */
  readonly inoBase: number;
  /** Entries in the layer's table. */
  readonly entries: number;
}

/** A state of the whole tree that can be looked at and come back to. */
export interface Snapshot {
  /** Counts up in a workspace; a number is never given twice. */
  readonly id: number;
  /** What its maker called it. */
  readonly label?: string | undefined;
  /** When it was taken, in milliseconds since the epoch. */
  readonly timeMs: number;
  /** The workspaces that were made as its branches, also those that are gone since. As long as one is there it cannot be removed. */
  readonly branches?: readonly string[] | undefined;
  /** For work under way, which removes it when it is done. Nobody else is told of it. What a crash has left, the next mount removes. */
  readonly temporary?: true | undefined;
}

/** The snapshots of an upper. */
export interface Snapshots {
  /** Oldest first. */
  readonly list: readonly Snapshot[];
  /** The id of the next one, so that none is given twice, whatever was removed. */
  readonly next: number;
}

export interface Superblock {
  /** Version of the records' format. */
  readonly format: number;
  /** Topmost first. */
  readonly lowers: readonly PinnedLower[];
  /** Not there: none was ever taken. */
  readonly snapshots?: Snapshots | undefined;
  /** Of a branch: what it began as. The engine neither gets nor sets it. */
  readonly parent?: Parent | undefined;
}

/** What a branch began as: a snapshot of another workspace, which is read through wherever the branch has nothing of its own. */
export interface Parent {
  /** The workspace. */
  readonly name: string;
  /** Which upper of that name. */
  readonly generation: string;
  /** The snapshot's id. */
  readonly snapshot: number;
  /** Chunks with lower ids are the parent's, those from here on the branch's own. */
  readonly firstChunk: number;
}

/** Which upper this is and how far it has come: tells a lost upper from a new one, and an owner that was overtaken from the owner. */
export interface UpperVersion {
  /** Made at random with the upper's first commit. Therefore another upper of the same name has another. */
  readonly generation: string;
  /** How many commits it has had. */
  readonly sequence: number;
}

/** *strict* waits until the bytes are on the disk, *relaxed* until the system has them. */
export type Durability = 'strict' | 'relaxed';

/** One atomic change of the upper: `undefined` removes. */
export interface Commit {
  readonly superblock?: Superblock | undefined;
  readonly records: ReadonlyMap<number, UpperRecord | undefined>;
  readonly chunks: ReadonlyMap<number, Uint8Array<ArrayBuffer> | undefined>;
  readonly durability: Durability;
  /**
   * It has every record there is, none of which names a chunk of the parent: a branch leaves its parent with it. For the store of a branch;
   * to others it says nothing.
   */
  readonly detaches?: true | undefined;
}

/** Everything of the upper but the content of files. */
export interface UpperImage {
  readonly superblock: Superblock | undefined;
  /** The caller's. */
  readonly records: Map<number, UpperRecord>;
  /** What could not be understood and was set aside: `check()` tells it. */
  readonly damaged?: readonly { readonly id: number; readonly message: string }[] | undefined;
  /** New chunks get ids from here on, whatever the records name. Default: 1. */
  readonly firstChunk?: number | undefined;
}

/** What keeps an upper. One owner at a time. */
export interface UpperStore {
  /** For messages: the name of the workspace. */
  readonly name: string;
  /** Reads everything but content; opens the store again if it was closed. @throws {FsError} EIO */
  load(): Promise<UpperImage>;
  /**
   * Makes one commit durable, all of it or none. Resolves when it is.
   * @throws {FsError} ENOSPC over quota, EIO for everything else; then nothing of it happened.
   */
  commit(commit: Commit): Promise<void>;
  /** A chunk that can be had without waiting; stores that always have to wait do not offer it. */
  peekChunk?(id: number): Uint8Array | undefined;
  /** Gives chunks in the order of `ids`, `undefined` where there is none. The caller must not change the bytes. */
  readChunks(ids: readonly number[]): Promise<(Uint8Array | undefined)[]>;
  close(): Promise<void>;
}
