"""The stopped kernel as the commands see it: its variables, lists, per-CPU copies and CPUs."""
import contextlib

import gdb

LINEAR_BASE = 0xffff000000000000    # kernel/arch/pagetable.h
PAGE_SIZE = 4096


class Command(gdb.Command):
    """A command `ashlar NAME`, its help the class's text; run(words) is what it does."""

    kind = gdb.COMMAND_DATA

    def __init__(self, name):
        super().__init__("ashlar " + name, self.kind)

    def invoke(self, argument, from_tty):
        if register("VBAR") >> 40 == 0:
            raise gdb.GdbError("the kernel is not in the high half yet: go on first")
        with kernel_view():
            self.run(gdb.string_to_argv(argument))

    def run(self, words):
        raise NotImplementedError


def register(name):
    return int(gdb.parse_and_eval("(unsigned long)$" + name))


@contextlib.contextmanager
def kernel_view():
    """gdb reads with the rights of the CPU: one in user mode is lent the kernel's."""
    mode = int(gdb.parse_and_eval("(unsigned int)$cpsr"))
    if mode & 15:
        yield
        return
    gdb.execute("set $cpsr = %d" % (mode | 5), to_string=True)
    try:
        yield
    finally:
        gdb.execute("set $cpsr = %d" % mode, to_string=True)


def variable(name, file=None):
    """A variable of the kernel; file tells statics of the same name apart."""
    return gdb.parse_and_eval("'%s'::%s" % (file, name) if file else name)


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(int(address), size))


def word(address):
    return int.from_bytes(read(address, 8), "little")


def address_of(value):
    """Of an lvalue, or what a pointer points at, without gdb's symbol after it."""
    return int(value) if value.type.code == gdb.TYPE_CODE_PTR else int(value.address)


def moved(value, offset):
    """The same variable `offset` bytes further on."""
    address = (int(value.address) + offset) % (1 << 64)
    return gdb.Value(address).cast(value.type.pointer()).dereference()


def cpus():
    return range(int(variable("cpu_count")))


def per_cpu(name, cpu):
    return moved(variable("percpu_" + name), int(variable("percpu_offsets")[cpu]))


def entries(head, type_name, member):
    """Pointers to the structures of a struct list."""
    kind = gdb.lookup_type("struct " + type_name)
    offset = int(kind[member].bitpos) // 8
    link = head["next"]
    while int(link) != int(head.address):
        yield gdb.Value(int(link) - offset).cast(kind.pointer())
        link = link["next"]


def processes():
    return entries(variable("process_list"), "process", "all")


def tasks():
    for process in processes():
        yield from entries(process["threads"], "task", "thread_link")


def running():
    """address of the struct thread -> (CPU, its thread in gdb), for what each CPU runs."""
    selected, found = gdb.selected_thread(), {}
    for cpu, thread in enumerate(sorted(gdb.selected_inferior().threads(), key=lambda t: t.num)):
        thread.switch()
        found.setdefault(register("TPIDR_EL1"), (cpu, thread))
    selected.switch()
    return found


def as_thread(address):
    return gdb.Value(int(address)).cast(gdb.lookup_type("struct thread").pointer())


def thread_title(thread):
    """PID/TID name of a task, just the name of a kernel thread."""
    thread = as_thread(thread)
    name = thread["name"].string(errors="replace")
    if int(thread["head"]["fp"]) == 0:
        return "[%s]" % name
    task = thread.cast(gdb.lookup_type("struct task").pointer())
    return "%d/%d %s" % (task["process"]["tgid"], task["tid"], name)


def find_task(word_):
    """The task of a TID."""
    for task in tasks():
        if int(task["tid"]) == int(word_, 0):
            return task
    raise gdb.GdbError("no task %s" % word_)


def place(pc, is_return=True):
    """'0x... function+0x10 (file.c:12)'; a return address belongs to the line of its call."""
    text = gdb.execute("info symbol %#x" % pc, to_string=True).split(" in section")[0]
    if text.startswith("No symbol"):
        return "%#x%s" % (pc, " (user)" if pc >> 48 == 0 else "")
    line = gdb.find_pc_line(pc - 4 if is_return else pc)
    where = " (%s:%d)" % (line.symtab.filename, line.line) if line.symtab else ""
    return "%#x %s%s" % (pc, text.strip().replace(" + ", "+"), where)


class Name(gdb.Function):
    """$ashlar_name(): the name of the thread that this CPU runs, for `break ... if`."""

    def __init__(self):
        super().__init__("ashlar_name")

    def invoke(self):
        with kernel_view():
            return as_thread(register("TPIDR_EL1"))["name"].string(errors="replace")
