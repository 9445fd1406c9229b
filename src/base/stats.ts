/* What `stat` and `readdir` give, with Node's properties and methods. Plain data until a face makes these of it. */

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from './mode.ts';

/** The attributes of one inode. Times in milliseconds since the epoch, sizes in bytes. */
export interface Attr {
  readonly ino: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
}

/** The tests of a file type that Node's `Stats` and `Dirent` share. */
abstract class Typed {
  abstract readonly mode: number;
  isFile(): boolean {
    return (this.mode & S_IFMT) === S_IFREG;
  }
  isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }
  isSymbolicLink(): boolean {
    return (this.mode & S_IFMT) === S_IFLNK;
  }
  isFIFO(): boolean {
    return (this.mode & S_IFMT) === S_IFIFO;
  }
  isSocket(): boolean {
    return (this.mode & S_IFMT) === S_IFSOCK;
  }
  isBlockDevice(): boolean {
    return (this.mode & S_IFMT) === S_IFBLK;
  }
  isCharacterDevice(): boolean {
    return (this.mode & S_IFMT) === S_IFCHR;
  }
}

/** Bytes of a block in `Stats.blocks`, by POSIX, and the preferred size of I/O that we report. */
const BLOCK = 512;
const IO_SIZE = 4096;

/** The attributes of a file, as Node's `fs.Stats`. */
export class Stats extends Typed implements Attr {
  readonly dev = 0;
  readonly ino: number;
  override readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize = IO_SIZE;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  constructor(attr: Attr) {
    super();
    this.ino = attr.ino;
    this.mode = attr.mode;
    this.nlink = attr.nlink;
    this.uid = attr.uid;
    this.gid = attr.gid;
    this.rdev = attr.rdev;
    this.size = attr.size;
    this.blocks = Math.ceil(attr.size / BLOCK);
    this.atimeMs = attr.atimeMs;
    this.mtimeMs = attr.mtimeMs;
    this.ctimeMs = attr.ctimeMs;
    this.birthtimeMs = attr.birthtimeMs;
  }

  get atime(): Date {
    return new Date(this.atimeMs);
  }
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
  get ctime(): Date {
    return new Date(this.ctimeMs);
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs);
  }
}

/** Where an entry of the merged tree comes from. */
export type Provenance =
  /** *lower* indicates that only lower layers hold it. Therefore resetting it changes nothing. */
  | 'lower'
  /** *upper* indicates that the upper made it. Therefore resetting it makes it vanish. */
  | 'upper'
  /** *copied-up* indicates that the upper holds a changed form of a lower's object. Therefore resetting shows the lower again. */
  | 'copied-up';

/** One entry of a directory as plain data. */
export interface DirentRecord {
  readonly name: string;
  readonly ino: number;
  readonly mode: number;
  /** The directory that it stands in. */
  readonly parentPath: string;
}

/** An entry of a directory, as Node's `fs.Dirent`, with its inode number. */
export class Dirent extends Typed implements DirentRecord {
  readonly name: string;
  readonly parentPath: string;
  readonly ino: number;
  override readonly mode: number;

  constructor(record: DirentRecord) {
    super();
    this.name = record.name;
    this.parentPath = record.parentPath;
    this.ino = record.ino;
    this.mode = record.mode;
  }

  /** The older name of `parentPath`. */
  get path(): string {
    return this.parentPath;
  }
}
