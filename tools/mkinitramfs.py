#!/usr/bin/env python3
"""Write an initramfs: a cpio archive in the "newc" format, without being root.

  mkinitramfs.py --busybox FILE --out FILE [--add HOST[:GUEST]]...
  mkinitramfs.py --bare         --out FILE [--add HOST[:GUEST]]...

With --busybox the archive is a small system: the usual directories, busybox with a symbolic link
for each of its applets (tools/busybox_applets.txt), the files of tools/rootfs, and /init. With
--bare it holds nothing but what --add names. GUEST is a path in the archive; without it a file
goes to /root under its own name, and a GUEST that ends in / is the directory it goes to. A HOST
that is a directory is taken whole.

The output depends on the input alone: entries are sorted, times and owners fixed. The data of
every file of a page or more begins on a page boundary of the archive, so that a kernel can use
those pages in place: the name before it is padded with NULs, which c_namesize counts and every
reader of the format ignores. The archive's length is a multiple of the page too, so this holds
for archives that are concatenated.
"""
import argparse
import os
import stat
import sys

PAGE = 4096
NAME_MAX = 4096          # Linux ignores an entry whose name is longer, its NULs included
MTIME = 1767225600       # 2026-01-01
HERE = os.path.dirname(os.path.abspath(__file__))

DIRECTORIES = """bin sbin usr usr/bin usr/sbin proc sys dev etc mnt root run tmp var var/log
var/run var/tmp""".split()


class Archive:
    """Entries by path (no leading slash); parents are made as needed."""

    def __init__(self):
        self.entries = {}

    def put(self, path, mode, data=b"", rdev=(0, 0)):
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        self.entries[path] = (mode, data, rdev)

    def directory(self, path, mode=0o755):
        self.put(path, stat.S_IFDIR | mode)

    def file(self, path, data, mode=0o644):
        self.put(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self.put(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path, mode, major, minor):
        self.put(path, stat.S_IFCHR | mode, rdev=(major, minor))

    def add_host(self, host, guest, mask=0o7777):
        """Copy a file, symbolic link or directory tree of the host, permissions cut by mask."""
        info = os.lstat(host)
        mode = stat.S_IMODE(info.st_mode) & mask
        if stat.S_ISLNK(info.st_mode):
            self.link(guest, os.readlink(host))
        elif stat.S_ISDIR(info.st_mode):
            if guest.strip("/"):
                self.directory(guest, mode)
            for name in os.listdir(host):
                self.add_host(os.path.join(host, name), guest.rstrip("/") + "/" + name, mask)
        else:
            with open(host, "rb") as stream:
                self.file(guest, stream.read(), mode)

    def add_option(self, option):
        """One --add HOST[:GUEST]; returns where it went."""
        host, _, guest = option.partition(":")
        base = os.path.basename(os.path.normpath(host))
        if not guest:
            guest = "/root/" + base
        elif guest.endswith("/") and not os.path.isdir(host):
            guest += base
        if os.path.islink(host) and not os.path.isdir(host):
            host = os.path.realpath(host)
        self.add_host(host, guest)
        return guest

    def bytes(self):
        out = bytearray()
        for ino, path in enumerate(sorted(self.entries), 1):
            mode, data, rdev = self.entries[path]
            in_place = stat.S_ISREG(mode) and len(data) >= PAGE
            emit(out, ino, path, mode, data, rdev, in_place)
        emit(out, 0, "TRAILER!!!", 0, b"", (0, 0), False)
        out.extend(bytes(-len(out) % PAGE))
        return bytes(out)


def emit(out, ino, name, mode, data, rdev, in_place):
    name = name.encode() + b"\0"
    if in_place:
        pad = -(len(out) + 110 + len(name)) % PAGE
        if len(name) + pad > NAME_MAX:
            # Two paddings where one would be too long: name the root directory once more.
            emit_padded(out, 0, b".\0", stat.S_IFDIR | 0o755, b"", rdev, PAGE // 2)
            pad = -(len(out) + 110 + len(name)) % PAGE
        name += bytes(pad)
    emit_padded(out, ino, name, mode, data, rdev, 0)


def emit_padded(out, ino, name, mode, data, rdev, pad):
    name += bytes(pad)
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (ino, mode, 0, 0, links, MTIME if mode else 0, len(data), 0, 0, *rdev, len(name), 0)
    out.extend(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
    out.extend(bytes(-len(out) % 4))
    out.extend(data)
    out.extend(bytes(-len(out) % 4))


def system(archive, busybox):
    """The small system around busybox."""
    for path in DIRECTORIES:
        archive.directory(path)
    archive.directory("root", 0o700)
    archive.directory("tmp", 0o1777)
    archive.directory("var/tmp", 0o1777)
    archive.device("dev/console", 0o600, 5, 1)
    archive.device("dev/null", 0o666, 1, 3)
    archive.add_host(os.path.join(HERE, "rootfs"), "/", 0o755)
    with open(busybox, "rb") as stream:
        archive.file("bin/busybox", stream.read(), 0o755)
    with open(os.path.join(HERE, "busybox_applets.txt"), encoding="ascii") as stream:
        for path in stream.read().split():
            if path != "bin/busybox":
                up = "" if path.startswith("bin/") else "../" * path.count("/") + "bin/"
                archive.link(path, up + "busybox")
    archive.link("init", "bin/busybox")
    archive.link("etc/mtab", "../proc/mounts")


def write_atomically(path, data):
    temporary = "%s.%d" % (path, os.getpid())
    with open(temporary, "wb") as stream:
        stream.write(data)
    os.rename(temporary, path)


def main():
    parser = argparse.ArgumentParser(description="Write an initramfs.")
    parser.add_argument("--busybox")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--add", action="append", default=[], metavar="HOST[:GUEST]")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    if options.bare == bool(options.busybox):
        parser.error("one of --busybox and --bare is needed")
    archive = Archive()
    try:
        if options.busybox:
            system(archive, options.busybox)
        for option in options.add:
            archive.add_option(option)
        write_atomically(options.out, archive.bytes())
    except OSError as error:
        sys.exit("mkinitramfs: %s: %s" % (error.filename, error.strerror))


if __name__ == "__main__":
    main()
