"""Commands for gdb on Ashlar: `help ashlar` lists them. Loaded by `./ashlar debug`."""
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest import Command, Name, read, register, variable  # noqa: E402
from memory import PageTable, Pages, Slab  # noqa: E402
from recording import End  # noqa: E402
from threads import Backtrace, Locks, Tasks  # noqa: E402


class Ashlar(gdb.Command):
    """The commands for Ashlar's own structures."""

    def __init__(self):
        super().__init__("ashlar", gdb.COMMAND_SUPPORT, prefix=True)


class Epitaph(Command):
    """ashlar epitaph: what the last panic left behind."""

    def invoke(self, argument, from_tty):
        try:
            epitaph = variable("panic_epitaph")
        except gdb.error:
            print("this kernel has no panic_epitaph")
            return
        text = read(epitaph.address, epitaph.type.sizeof).split(b"\0")[0]
        print(text.decode(errors="replace") or "no panic so far")


class Log(Command):
    """ashlar log: the kernel's log, as dmesg prints it, with what no console has shown yet."""

    def run(self, words):
        ring = variable("ring", "log.c")
        size, data = ring.type.sizeof, read(ring.address, ring.type.sizeof)
        at, head = (int(variable(name, "log.c")) for name in ("ring_tail", "ring_head"))
        kind = gdb.lookup_type("struct log_record")

        def piece(start, length):
            return bytes(data[i % size] for i in range(start, start + length))

        def field(record, name):
            member = kind[name]
            start = member.bitpos // 8
            return int.from_bytes(record[start:start + member.type.sizeof], "little")

        while at < head:
            record = piece(at, kind.sizeof)
            length = field(record, "size")
            text = piece(at + kind.sizeof, length).decode(errors="replace")
            us = field(record, "time_ns") // 1000
            print("[%5d.%06d] %s" % (us // 1000000, us % 1000000, text))
            at += (kind.sizeof + length + 7) & ~7


class Relocate(Command):
    """ashlar relocate: move the kernel's symbols to where KASLR put it.

    Before it has put itself anywhere, the boot CPU is let run until it is about to go there."""

    kind = gdb.COMMAND_FILES

    def invoke(self, argument, from_tty):
        file = gdb.current_progspace().filename
        gdb.execute("symbol-file", to_string=True)          # to ask where they are linked
        gdb.execute("symbol-file " + file, to_string=True)
        vbar = register("VBAR")
        above = vbar - linked("exception_vectors") if vbar >> 40 else self.run_to_place()
        gdb.execute("symbol-file", to_string=True)
        gdb.execute("symbol-file %s -o %#x" % (file, above % (1 << 64)), to_string=True)
        print("the kernel runs %#x above its link address" % above)

    @staticmethod
    def run_to_place():
        """Goes on to the return of boot_early, which is how far the high half is above RAM."""
        image, loaded = linked("_image_start"), linked("_start")
        gdb.execute("thbreak *%#x" % (loaded + linked("boot_early") - image), to_string=True)
        gdb.execute("continue", to_string=True)
        gdb.execute("thbreak *%#x" % register("x30"), to_string=True)
        gdb.execute("continue", to_string=True)
        return (register("x0") + loaded - image) % (1 << 64)


def linked(name):
    return int(gdb.parse_and_eval("(unsigned long)&" + name))


Ashlar()
for name, command in (("epitaph", Epitaph), ("log", Log), ("relocate", Relocate), ("tasks", Tasks),
                      ("bt", Backtrace), ("locks", Locks), ("pt", PageTable), ("slab", Slab),
                      ("pages", Pages), ("end", End)):
    command(name)
Name()
