#!/usr/bin/python3
"""Packs a folder as a newc archive: cpio.py FOLDER ARCHIVE (owner root, time zero)."""
import os
import stat
import sys


def entry(name, mode, data, inode):
    raw = name.encode() + b"\0"
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def main(folder, archive):
    names = []
    for top, dirs, files in os.walk(folder):
        dirs.sort()
        rel = os.path.relpath(top, folder)
        names += [os.path.normpath(os.path.join(rel, n)) for n in dirs + sorted(files)]
    out = b""
    for inode, name in enumerate(sorted(names), 1):
        path = os.path.join(folder, name)
        mode = os.lstat(path).st_mode
        data = open(path, "rb").read() if stat.S_ISREG(mode) else b""
        mode = stat.S_IFMT(mode) | (0o755 if os.access(path, os.X_OK) else 0o644)
        out += entry(name, mode, data, inode)
    out += entry("TRAILER!!!", 0, b"", 0)
    with open(archive, "wb") as f:
        f.write(out)


if __name__ == "__main__":
    main(*sys.argv[1:3])
