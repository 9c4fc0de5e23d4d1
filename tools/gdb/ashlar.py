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


def entries(head, type_name, member):
    """The structures of a struct list."""
    kind = gdb.lookup_type("struct " + type_name)
    offset = int(kind[member].bitpos) // 8
    link = head["next"]
    while int(link) != int(head.address):
        yield gdb.Value(int(link) - offset).cast(kind.pointer())
        link = link["next"]


def frames(context, low, high):
    """The return addresses of a thread that does not run, innermost first."""
    read = gdb.selected_inferior().read_memory
    pcs, record = [int(context["link"])], int(context["frame"])
    while low <= record <= high - 16 and len(pcs) < 24:
        outer, pc = (int.from_bytes(bytes(read(record + at, 8)), "little") for at in (0, 8))
        pcs.append(pc)
        if outer <= record:
            break
        record = outer
    return pcs


class Tasks(gdb.Command):
    """ashlar tasks [PID]: the threads of all processes, or of one, and where each waits.

    The backtrace of one that runs just now is the one it had when it was last switched out."""

    def __init__(self):
        super().__init__("ashlar tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for process in entries(gdb.parse_and_eval("process_list"), "process", "all"):
            if argument and int(argument) != int(process["tgid"]):
                continue
            for task in entries(process["threads"], "task", "thread_link"):
                self.show(process, task)

    @staticmethod
    def show(process, task):
        thread = task["thread"]
        head = thread["head"]
        print("%d/%d %s: state %d, work %#x, pending %#x + %#x, blocked %#x"
              % (process["tgid"], task["tid"], thread["name"].string(), thread["state"],
                 head["work"], process["pending"]["set"], task["pending"]["set"],
                 task["blocked"]))
        for pc in frames(head["context"], int(head["stack_low"]), int(head["stack_high"])):
            gdb.execute("info symbol %#x" % pc)


Ashlar()
Epitaph()
Tasks()
Relocate()
