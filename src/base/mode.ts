/* The numbers of <sys/stat.h>, <fcntl.h> and <linux/fs.h> (Linux values), as Node's `fs.constants` has them. */

/** Mask of the type bits of a mode. */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;
/** Mask of what chmod can change. */
export const PERMISSIONS = 0o7777;

export const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;
export const isFile = (mode: number): boolean => (mode & S_IFMT) === S_IFREG;
export const isSymlink = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK;

export const F_OK = 0;
export const R_OK = 4;
export const W_OK = 2;
export const X_OK = 1;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_ACCMODE = 3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_SYNC = 0o4010000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;

/** renameat2(2): fail with EEXIST when the new name exists. */
export const RENAME_NOREPLACE = 1;
/** renameat2(2): swap the two names. */
export const RENAME_EXCHANGE = 2;
/** renameat2(2): not for users of a union, as in the kernel (EINVAL). */
export const RENAME_WHITEOUT = 4;

/** setxattr(2): fail with EEXIST / ENODATA when the attribute exists / does not. */
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;

export const COPYFILE_EXCL = 1;
export const COPYFILE_FICLONE = 2;
export const COPYFILE_FICLONE_FORCE = 4;

/** Bytes of one name and of one whole path (NAME_MAX, PATH_MAX of <linux/limits.h>). */
export const NAME_MAX = 255;
export const PATH_MAX = 4096;
/** Symlinks followed in one path walk before ELOOP (MAXSYMLINKS of the kernel). */
export const SYMLINK_MAX = 40;

/** As `major` and `minor` of glibc, for numbers of 32 bits. */
export const deviceOf = (rdev: number): { major: number; minor: number } => ({
  major: (rdev >>> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
});
