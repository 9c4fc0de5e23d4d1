#!/usr/bin/env python3
"""Pack the initramfs of one `./ashlar run`.

  pack_run.py --base FILE --out FILE [--add HOST[:GUEST]]... [--init FILE [--terminal] [--stdin]
              -- PROGRAM ARGS...]

The output is the base archive followed by one of our own: what --add names and, with a PROGRAM,
/.ashlar/init (user/run.c), /.ashlar/job (what to run) and /.ashlar/stdin (our standard input, read
to its end). A PROGRAM with a slash that the guest does not have is looked for on the host and
packed: an absolute path keeps its place, a relative one keeps it under /root, where programs
start. Exit status 127: no such program, neither in the guest nor on the host.
"""
import argparse
import os
import sys

from mkinitramfs import Archive, write_atomically

PATH = ("sbin", "usr/sbin", "bin", "usr/bin")


def names_in(data):
    """The paths in a newc archive (or several, one after the other)."""
    names = set()
    at = 0
    while at + 110 <= len(data):
        if data[at:at + 6] != b"070701":
            at += 4
            continue
        size, length = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
        names.add(data[at + 110:at + 110 + length].split(b"\0")[0].decode().strip("/"))
        at = (at + 110 + length + 3) // 4 * 4
        at = (at + size + 3) // 4 * 4
    return names


def place(program, guest, archive):
    """Where the guest finds PROGRAM; packs it from the host when it has to. None: nowhere."""
    if "/" not in program:
        return program if any(d + "/" + program in guest for d in PATH) else None
    path = os.path.normpath(os.path.join("/root", program))
    if path.strip("/") in guest or path.startswith(("/proc/", "/dev/", "/sys/")):
        return program
    if not os.path.isfile(program):
        return None
    if os.path.relpath(program).startswith("..") and not program.startswith("/"):
        path = "/root/" + os.path.basename(program)
    archive.add_host(os.path.realpath(program), path)
    return path


def main():
    parser = argparse.ArgumentParser(description="Pack the initramfs of one run.")
    parser.add_argument("--base", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--add", action="append", default=[], metavar="HOST[:GUEST]")
    parser.add_argument("--init")
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("program", nargs="*")
    options = parser.parse_args()
    archive = Archive()
    try:
        with open(options.base, "rb") as stream:
            base = stream.read()
        for option in options.add:
            archive.add_option(option)
        if options.program:
            guest = names_in(base) | set(archive.entries)
            where = place(options.program[0], guest, archive)
            if where is None:
                print("ashlar: %s: not found" % options.program[0], file=sys.stderr)
                sys.exit(127)
            with open(options.init, "rb") as stream:
                archive.file(".ashlar/init", stream.read(), 0o755)
            flags = ("t" if options.terminal else "") + ("i" if options.stdin else "")
            words = [flags, os.environ.get("TERM", "dumb"), where] + options.program
            archive.file(".ashlar/job", b"".join(os.fsencode(word) + b"\0" for word in words))
            if options.stdin:
                data = b"" if sys.stdin is None else sys.stdin.buffer.read()
                archive.file(".ashlar/stdin", data)
        write_atomically(options.out, base + archive.bytes())
    except OSError as error:
        sys.exit("ashlar: %s: %s" % (error.filename, error.strerror))


if __name__ == "__main__":
    main()
