"""What each step does on the kernel. `engine-machine.ts` says the same of the engine, in the same words."""

import ctypes
import errno
import hashlib
import os
import stat
import time

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
# Times before this are set by scenarios, later ones by the clock.
NOW_MS = 1_500_000_000_000
SHORT_TEXT = 48
TYPES = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
}


def call(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def code_of(error):
    name = errno.errorcode.get(error.errno, str(error.errno))
    return "ENOTSUP" if name == "EOPNOTSUPP" else name


def shown(data):
    if len(data) <= SHORT_TEXT:
        return data.decode("latin-1")
    return "#%d:%s" % (len(data), hashlib.md5(data).hexdigest()[:12])


def time_of(ns):
    ms = ns // 1_000_000
    return str(ms) if ms < NOW_MS else "now"


def describe(st):
    kind = TYPES[stat.S_IFMT(st.st_mode)]
    links = "-" if kind == "d" else str(st.st_nlink)
    size = "-" if kind == "d" else str(st.st_size)
    times = time_of(st.st_mtime_ns)
    device = ":%d" % st.st_rdev if kind in "cb" else ""
    return "%s%s %o n%s %d:%d %s %s" % (kind, device, stat.S_IMODE(st.st_mode), links, st.st_uid, st.st_gid, size, times)


def listing(path):
    """A directory that is not merged shows its whiteouts in readdir, though lookup does not find them: they are left out."""
    with os.scandir(path) as entries:
        return sorted((entry.name, entry) for entry in entries if not is_whiteout(entry))


def is_whiteout(entry):
    if entry.is_symlink() or entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return False
    try:
        os.lstat(entry.path)
        return False
    except FileNotFoundError:
        return True
    except OSError:
        return False


def type_of(entry):
    if entry.is_symlink():
        return "l"
    if entry.is_dir(follow_symlinks=False):
        return "d"
    return "f" if entry.is_file(follow_symlinks=False) else "s"


def read_all(fd):
    pieces = []
    while True:
        piece = os.read(fd, 1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


class Steps:
    """The steps of one scenario. `handles` are its open files by slot, `seen` the times that it asked for."""

    def __init__(self):
        self.handles = {}
        self.seen = {}

    def data(self, step):
        return step["text"].encode("latin-1") * step.get("repeat", 1)

    def fd(self, step):
        if step["slot"] not in self.handles:
            raise OSError(errno.EBADF, "")
        return self.handles[step["slot"]]

    def do_remount(self, step):
        self.unmount()
        self.mount()

    def do_open(self, step):
        if step["slot"] in self.handles:
            os.close(self.handles.pop(step["slot"]))
        self.handles[step["slot"]] = os.open(step["path"], step["flags"] | os.O_NONBLOCK | os.O_CLOEXEC, step["mode"])

    def do_close(self, step):
        os.close(self.fd(step))
        del self.handles[step["slot"]]

    def do_read(self, step):
        return "read " + shown(os.read(self.fd(step), step["size"]))

    def do_pread(self, step):
        return "read " + shown(os.pread(self.fd(step), step["size"], step["at"]))

    def do_write(self, step):
        write_all(self.fd(step), self.data(step))

    def do_pwrite(self, step):
        os.pwrite(self.fd(step), self.data(step), step["at"])

    def do_ftruncate(self, step):
        os.ftruncate(self.fd(step), step["size"])

    def do_fstat(self, step):
        return describe(os.fstat(self.fd(step)))

    def do_fchmod(self, step):
        os.fchmod(self.fd(step), step["mode"])

    def do_fchown(self, step):
        os.fchown(self.fd(step), step["uid"], step["gid"])

    def do_futimes(self, step):
        os.utime(self.fd(step), (step["time"], step["time"]))

    def do_readFile(self, step):
        fd = os.open(step["path"], os.O_RDONLY | os.O_NONBLOCK)
        try:
            return "read " + shown(read_all(fd))
        finally:
            os.close(fd)

    def do_writeFile(self, step):
        fd = os.open(step["path"], step["flags"] | os.O_NONBLOCK, step["mode"])
        try:
            write_all(fd, self.data(step))
        finally:
            os.close(fd)

    def do_truncate(self, step):
        os.truncate(step["path"], step["size"])

    def do_mkdir(self, step):
        os.mkdir(step["path"], step["mode"])

    def do_rmdir(self, step):
        os.rmdir(step["path"])

    def do_unlink(self, step):
        os.unlink(step["path"])

    def do_removeAll(self, step):
        directory, name = os.path.split(step["path"])
        above = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.remove_all(above, name)
        finally:
            os.close(above)

    def remove_all(self, above, name):
        """By descriptors: the path may lead through what is removed."""
        if not stat.S_ISDIR(os.lstat(name, dir_fd=above).st_mode):
            os.unlink(name, dir_fd=above)
            return
        here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        try:
            for child in os.listdir(here):
                self.maybe_remove(here, child)
        finally:
            os.close(here)
        os.rmdir(name, dir_fd=above)

    def maybe_remove(self, above, name):
        try:
            self.remove_all(above, name)
        except FileNotFoundError:
            pass  # a whiteout of a directory that is not merged: readdir shows it

    def do_rename(self, step):
        encoded = [step[key].encode() for key in ("path", "to")]
        call(LIBC.renameat2(AT_FDCWD, encoded[0], AT_FDCWD, encoded[1], ctypes.c_uint(step["flags"])))

    def do_link(self, step):
        os.link(step["path"], step["to"], follow_symlinks=False)

    def do_symlink(self, step):
        os.symlink(step["to"], step["path"])

    def do_mknod(self, step):
        call(LIBC.mknodat(AT_FDCWD, step["path"].encode(), step.get("type", stat.S_IFSOCK) | step["mode"], ctypes.c_ulong(step.get("rdev", 0))))

    def do_chmod(self, step):
        os.chmod(step["path"], step["mode"])

    def do_chown(self, step):
        os.chown(step["path"], step["uid"], step["gid"])

    def do_lchown(self, step):
        os.lchown(step["path"], step["uid"], step["gid"])

    def do_utimes(self, step):
        os.utime(step["path"], (step["time"], step["time"]))

    def do_lutimes(self, step):
        os.utime(step["path"], (step["time"], step["time"]), follow_symlinks=False)

    def do_utimens(self, step):
        times = (ctypes.c_long * 4)()
        for i, name in enumerate(("atime", "mtime")):
            special = {"now": UTIME_NOW, "omit": UTIME_OMIT}.get(step[name])
            times[2 * i], times[2 * i + 1] = (0, special) if special is not None else (step[name], 0)
        call(LIBC.utimensat(AT_FDCWD, step["path"].encode(), times, 0))

    def do_times(self, step):
        st = os.lstat(step["path"])
        return "atime %s mtime %s" % (time_of(st.st_atime_ns), time_of(st.st_mtime_ns))

    def do_changedTimes(self, step):
        """Which times of a path are others than when this was asked last."""
        st = os.lstat(step["path"])
        before = self.seen.get(step["path"])
        self.seen[step["path"]] = {"mtime": st.st_mtime_ns, "ctime": st.st_ctime_ns}
        time.sleep(0.012)  # coarser than the clock that stamps
        if before is None:
            return "first seen"
        return "changed " + ",".join(name for name in ("mtime", "ctime") if before[name] != self.seen[step["path"]][name])

    def do_setxattr(self, step):
        os.setxattr(step["path"], step["name"], step["text"].encode(), step["flags"])

    def do_getxattr(self, step):
        return "value " + os.getxattr(step["path"], step["name"]).decode()

    def do_listxattr(self, step):
        return "names " + ",".join(sorted(name for name in os.listxattr(step["path"]) if name.startswith("user.")))

    def do_removexattr(self, step):
        os.removexattr(step["path"], step["name"])

    def do_readlink(self, step):
        return "target " + os.readlink(step["path"])

    def do_realpath(self, step):
        if not stat.S_ISDIR(os.stat(step["path"]).st_mode):
            return "no directory"
        os.chdir(step["path"])
        path = os.getcwd()
        os.chdir("/")
        return "path " + path

    def do_stat(self, step):
        return describe(os.stat(step["path"]))

    def do_lstat(self, step):
        return describe(os.lstat(step["path"]))

    def do_readdir(self, step):
        return "names " + " ".join(type_of(entry) + name for name, entry in listing(step["path"]))

    def do_access(self, step):
        call(LIBC.faccessat(AT_FDCWD, step["path"].encode(), step["mode"], 0x200))
