"""Commands for gdb on Ashlar: `help ashlar` lists them. Loaded by `./ashlar debug`."""
import gdb


def text_of(array, start, length):
    """length bytes of a char array from start, as text."""
    inferior = gdb.selected_inferior()
    return bytes(inferior.read_memory(int(array.address) + start, length)).decode(errors="replace")


def symbol(name):
    """A global of the kernel, or None before there is one of that name."""
    try:
        return gdb.parse_and_eval(name)
    except gdb.error:
        return None


class Ashlar(gdb.Command):
    """The commands for Ashlar's own structures."""

    def __init__(self):
        super().__init__("ashlar", gdb.COMMAND_SUPPORT, prefix=True)


class Epitaph(gdb.Command):
    """ashlar epitaph: what the last panic left behind."""

    def __init__(self):
        super().__init__("ashlar epitaph", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        epitaph = symbol("panic_epitaph")
        if epitaph is None or epitaph.type.code != gdb.TYPE_CODE_ARRAY:
            print("this kernel has no panic_epitaph")
            return
        text = text_of(epitaph, 0, epitaph.type.sizeof).split("\0")[0]
        print(text or "no panic so far")


class Relocate(gdb.Command):
    """ashlar relocate: with the kernel stopped at EL1, move its symbols to where KASLR put it.

    The offset is taken from VBAR_EL1, which points at exception_vectors."""

    def __init__(self):
        super().__init__("ashlar relocate", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        vbar = int(gdb.parse_and_eval("(unsigned long)$VBAR"))
        linked = int(gdb.parse_and_eval("(unsigned long)&exception_vectors"))
        offset = vbar - linked
        if vbar == 0 or vbar >> 40 == 0:
            print("the vectors are not in the high half yet: go on first")
            return
        if offset:
            elf = gdb.objfiles()[0].filename
            gdb.execute("symbol-file")
            gdb.execute("symbol-file %s -o %#x" % (elf, offset % (1 << 64)))
        print("the kernel runs %#x above its link address" % offset)


Ashlar()
Epitaph()
Relocate()
