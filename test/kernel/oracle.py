"""
The kernel's side of the comparison: runs scenarios on a real `mount -t overlay`.

Reads one JSON document a line from standard input ({"scenarios": [...]}) and answers with one line each
({"outcomes": [...]}). Everything happens in a mount namespace of its own, on a tmpfs of its own, so that nothing is left behind
when this process ends. The words of results are those of `engine-machine.ts`: both sides give text, and text is compared.
"""

import ctypes
import json
import os
import stat
import sys

from oracle_steps import LIBC, Steps, call, code_of, describe, listing, shown

CLONE_NEWNS = 0x20000
MS_NODEV, MS_NOATIME, MS_REC, MS_PRIVATE = 4, 1024, 1 << 14, 1 << 18
MNT_DETACH = 2
OPTIONS = "redirect_dir=on,index=on,xino=on"


def mount(source, target, kind, flags, options):
    encode = lambda text: None if text is None else text.encode()
    call(LIBC.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options)))


def enter_namespace(workspace):
    call(LIBC.unshare(CLONE_NEWNS))
    mount(None, "/", None, MS_REC | MS_PRIVATE, None)
    mount("tmpfs", workspace, "tmpfs", 0, "size=512m,mode=0755")
    os.chdir(workspace)


# --- layers --------------------------------------------------------------------------------------------------------------------


def stamp(path, node):
    os.lchown(path, node.get("uid", 0), node.get("gid", 0))
    if node["kind"] != "symlink":
        os.chmod(path, node["mode"])
    for name, value in node.get("xattrs", {}).items():
        os.setxattr(path, name, value.encode())
    seconds = node["mtime"] // 1000
    os.utime(path, (seconds, seconds), follow_symlinks=False)


def make_layer(root, nodes):
    """Makes what a layer holds. Attributes last, deepest first, so that making children does not touch a directory's time."""
    os.mkdir(root)
    for node in nodes:
        path = os.path.join(root, node["path"]) if node["path"] else root
        kind = node["kind"]
        if kind == "directory":
            if node["path"]:
                os.mkdir(path)
            if node.get("opaque"):
                os.setxattr(path, "trusted.overlay.opaque", b"y")
            if node.get("redirect"):
                os.setxattr(path, "trusted.overlay.redirect", node["redirect"].encode())
        elif kind == "file":
            with open(path, "wb") as file:
                file.write(node.get("text", "").encode("latin-1") * node.get("repeat", 1))
        elif kind == "symlink":
            os.symlink(node["to"], path)
        elif kind == "link":
            os.link(os.path.join(root, node["to"]), path)
        elif kind == "whiteout":
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))
        elif kind == "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)
    for node in reversed(nodes):
        if node["kind"] not in ("link", "whiteout"):
            stamp(os.path.join(root, node["path"]) if node["path"] else root, node)


class Machine(Steps):
    """One scenario on the kernel."""

    def __init__(self, scenario, outside):
        super().__init__()
        self.scenario = scenario
        self.outside = outside
        self.mounted = False

    def build(self):
        layers = self.scenario["layers"]
        for i, nodes in enumerate(layers):
            make_layer("l%d" % i, nodes)
        for name in ("u", "w", "m"):
            os.mkdir(name)
        stamp("u", layers[0][0])
        os.mkdir("e")  # a union of one lower alone is not mounted

    def mount(self):
        lower = ":".join("l%d" % i for i in range(len(self.scenario["layers"])))
        metacopy = "on" if self.scenario["metacopy"] else "off"
        upper = "upperdir=u,workdir=w"
        if self.scenario.get("readOnly"):
            lower, upper = lower + ":e", "ro"
        options = "lowerdir=%s,%s,metacopy=%s,%s" % (lower, upper, metacopy, OPTIONS)
        mount("overlay", "m", "overlay", MS_NODEV | MS_NOATIME, options)
        self.mounted = True
        os.chroot("m")
        os.chdir("/")

    def unmount(self):
        for fd in self.handles.values():
            os.close(fd)
        self.handles.clear()
        os.fchdir(self.outside)
        os.chroot(".")
        os.chdir(self.place)
        if self.mounted:
            call(LIBC.umount2(b"m", MNT_DETACH))
        self.mounted = False

    def run(self, number):
        self.place = "%s/s%d" % (os.getcwd(), number)
        home = os.getcwd()
        os.mkdir(self.place)
        os.chdir(self.place)
        mount("tmpfs", ".", "tmpfs", 0, "size=256m,mode=0755")
        os.chdir(self.place)
        self.build()
        self.mount()
        try:
            results = [self.step(step) for step in self.scenario["steps"]]
            before = self.tree()
            self.unmount()
            self.mount()
            after = self.tree()
        finally:
            self.unmount()
            os.chdir(home)
            call(LIBC.umount2(self.place.encode(), MNT_DETACH))
            os.rmdir(self.place)
        return {"results": results, "before": before, "after": after}

    def step(self, step):
        user = step.get("user")
        if user is None:
            return self.attempt(step)
        os.setgroups(user["groups"])
        os.setegid(user["gid"])
        os.seteuid(user["uid"])
        try:
            return self.attempt(step)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups([])

    def attempt(self, step):
        try:
            result = getattr(self, "do_" + step["op"])(step)
            return "ok" if result is None else result
        except OSError as e:
            return code_of(e)

    def tree(self):
        lines, groups = [], {}
        self.visit("/", lines, groups)
        return lines

    def visit(self, path, lines, groups):
        st = os.lstat(path)
        line = "%s %s" % (path, describe(st))
        if stat.S_ISLNK(st.st_mode):
            line += " -> " + os.readlink(path)
        elif stat.S_ISREG(st.st_mode):
            with open(path, "rb") as file:
                line += " =" + shown(file.read())
        if not stat.S_ISDIR(st.st_mode):
            twin = groups.setdefault((st.st_dev, st.st_ino), path)
            if twin != path:
                line += " same as " + twin
        if not stat.S_ISLNK(st.st_mode):
            for name in sorted(os.listxattr(path)):
                if name.startswith("user."):
                    line += " %s=%s" % (name, os.getxattr(path, name).decode())
        lines.append(line)
        if stat.S_ISDIR(st.st_mode):
            for name, _ in listing(path):
                self.visit((path if path != "/" else "") + "/" + name, lines, groups)


def main():
    workspace = sys.argv[1]
    enter_namespace(workspace)
    os.umask(0o022)
    outside = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    # Loaded now: within a changed root there is nothing to load from.
    "".encode("latin-1").decode("latin-1")
    number = 0
    print("ready", flush=True)
    for line in sys.stdin:
        outcomes = []
        for scenario in json.loads(line)["scenarios"]:
            number += 1
            try:
                outcomes.append(Machine(scenario, outside).run(number))
            except Exception as e:  # told to the other side, which decides
                os.fchdir(outside)
                os.chroot(".")
                os.chdir(workspace)
                outcomes.append({"failure": "%s: %s" % (type(e).__name__, e)})
        print(json.dumps({"outcomes": outcomes}), flush=True)


main()
