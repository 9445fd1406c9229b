/*
 * Facts of the conformance suites that do not hold through ZenFS, each with the reason: its VFS decides before, or without, asking a
 * backend. Keys are suite and fact. docs/decisions/0006-zenfs-face.md tells what could be mended from a backend, and was.
 */

const UMASK = 'ZenFS has no umask';
const BELOW_A_FILE = 'below a file ZenFS needs ENOENT: of anything else its existsSync makes an exception';
const TEXTUAL = 'ZenFS takes dots and slashes out of paths as text, before links are followed';
const POSITION = 'reads and writes with a position move the current one';
const BACKSLASH = 'ZenFS makes slashes of backslashes';
const UNRESOLVED = 'rename, unlink and link do not resolve the parents of a path';
const CIRCLES = 'readlink of a link that leads in circles is ELOOP, because ZenFS would follow it for ever';
const DESCRIPTOR = 'readFileSync of a descriptor closes it';
const SYNC_DIRECTORY = 'the synchronous calls do not open directories, not even to change their attributes';

/** What fails in both forms. */
export const ZENFS_FAILS: ReadonlyMap<string, string> = new Map([
  ['FileHandle: closing twice is harmless', 'the second close is EBADF'],
  ['FileHandle: ranges outside the buffer are refused', 'they are cut to the buffer'],
  ['FileHandle: readFile, writeFile and appendFile start at the position', 'they start at 0'],
  ['FileHandle: reads with a position leave the current one alone', POSITION],
  ['FileHandle: writes without a position go on, with one they do not move it', POSITION],
  ['access: nothing is below a file', BELOW_A_FILE],
  ['appendFile: a handle opened for appending writes at the end wherever it read', 'with a position it writes there'],
  ['chmod: what is missing is ENOENT, also behind a link', BELOW_A_FILE],
  ['copyFile: an existing file is replaced in whole, and takes over the mode', 'modes are not copied'],
  ['copyFile: content and mode go over to a new file', 'modes are not copied'],
  ['copyFile: set-user-ID goes over too, to a new file and to an existing one', 'modes are not copied'],
  ['cp: a directory cannot be copied into itself', 'it copies for ever'],
  ['cp: a file does not replace a directory, nor a directory a file', 'the codes are others'],
  ['cp: a tree is copied with everything in it', 'modes are not copied'],
  ['cp: missing parents of the destination are made', 'they are not'],
  ['cp: without force an existing file stays; with errorOnExist it is EEXIST', 'force is ignored'],
  ['errors: an operation that failed changed nothing', 'some of those calls succeed, see the other facts'],
  ['mkdir: a set-group-id parent hands on its group and the bit', UMASK],
  ['mkdir: the mode is the one given, less the umask', UMASK],
  ['mkdtemp: each call makes a new directory with six characters more', 'its names are longer'],
  ['names: a deleted name is free, and no mark of its deletion shows', BACKSLASH],
  ['names: a path has less than 4096 bytes', 'a long path is ENOENT'],
  ['names: every name can be made, renamed and deleted', BACKSLASH],
  ['names: every name that was there is found by that name alone', BACKSLASH],
  ['open: a new file has the mode given, less the umask', UMASK],
  ['open: directories open for reading only, and have no bytes', 'directories open for writing; writing is EISDIR'],
  ['open: flags can be numbers', 'O_DIRECTORY and O_NOFOLLOW are ignored'],
  ['open: flags that do not exist are a bad argument', 'they mean reading'],
  ['open: paths that lead nowhere are refused', TEXTUAL],
  ['open: x refuses what exists, a dangling link included', 'the link is followed'],
  ['opendir: what is not a directory is refused', 'it is refused by the first read'],
  ['readFile: links are followed, directories and what is missing refused', BELOW_A_FILE],
  ['readFile: paths can be bytes or file URLs', 'they cannot'],
  ['readlink: what is not a link is EINVAL', BELOW_A_FILE],
  ['realpath: what cannot be reached has none', 'the last name need not exist'],
  ['rename: a directory does not move into itself', UNRESOLVED],
  ['rename: a rename onto itself changes nothing', CIRCLES],
  ['rename: both parents are looked up before both names', BELOW_A_FILE],
  ['rename: missing names and parents are ENOENT', BELOW_A_FILE],
  ['rename: there and back again is as before', CIRCLES],
  ['rm: directories need recursive', 'an empty directory does not'],
  ['rmdir: dots cannot be removed', TEXTUAL],
  ['rmdir: what is not a directory is refused', 'a link is followed, and what it means removed'],
  ['stat: dots and doubled slashes are not names', TEXTUAL],
  ['stat: what is not there is refused', BELOW_A_FILE],
  ['symlink: a slash at the end means the directory behind the link', TEXTUAL],
  ['symlink: links in the middle of a path are followed', TEXTUAL],
  ['symlink: missing parents and empty targets are refused', 'an empty target is an error without a code'],
  ['symlink: whatever has the name is in the way', 'over a dangling link it is ENXIO'],
  ['truncate: directories and what is missing are refused', BELOW_A_FILE],
  ['unlink: missing names are ENOENT, names below files ENOTDIR', BELOW_A_FILE],
  ['writeFile: a view gives its own bytes, not its buffer', 'only bytes are taken'],
  ['writeFile: flags append, refuse and overwrite in place', 'with flag a it writes at 0'],
  ['writeFile: the mode is that of new files, less the umask', UMASK],
]);

/** What fails in the synchronous calls alone. */
export const ZENFS_FAILS_SYNC: ReadonlyMap<string, string> = new Map([
  ['FileHandle: truncate cuts, and grows with zeros', DESCRIPTOR],
  ['chmod: a directory keeps its entries and mtime, ctime moves', SYNC_DIRECTORY],
  ['chmod: set-id and sticky bits are kept', SYNC_DIRECTORY],
  ['open: links are followed, and made through', DESCRIPTOR],
  ['open: r is the default', DESCRIPTOR],
  ['open: r reads and does not write', DESCRIPTOR],
  ['open: r+ reads and overwrites in place, and makes nothing', DESCRIPTOR],
  ['open files: a file replaced by rename stays with its handle', DESCRIPTOR],
  ['open files: a large unlinked file keeps all of its content', DESCRIPTOR],
  ['open files: a reader sees writeFile and chmod by path', DESCRIPTOR],
  ['open files: an open directory outlives its name, empty', SYNC_DIRECTORY],
  ['open files: two handles of an unlinked file are one file', DESCRIPTOR],
  ['times that the system sets: creating, deleting and renaming move the mtime of the directory', SYNC_DIRECTORY],
  ['utimes: directories have times as well, and times before 1970', SYNC_DIRECTORY],
]);
