"""ashlar tasks, bt and locks."""
import gdb

from guest import (Command, address_of, as_thread, cpus, entries, find_task, moved, per_cpu, place,
                   processes, register, running, tasks, thread_title, variable, word)

FRAMES_MAX = 64


def saved_frames(head):
    """The return addresses of a thread that does not run, innermost first."""
    low, high = int(head["stack_low"]), int(head["stack_high"])
    record = int(head["context"]["frame"])
    yield int(head["context"]["link"])
    for _ in range(FRAMES_MAX):
        if not low <= record <= high - 16:
            return
        outer, pc = word(record), word(record + 8)
        if pc == 0:
            return
        yield pc | 0xffff << 48     # without its signature
        if outer <= record:
            return
        record = outer


class Tasks(Command):
    """ashlar tasks [PID]: the threads of all processes, or of one, and where each waits."""

    kind = gdb.COMMAND_STATUS

    def run(self, words):
        on_cpu = running()
        for process in processes():
            if words and int(words[0]) != int(process["tgid"]):
                continue
            for task in entries(process["threads"], "task", "thread_link"):
                self.show(process, task, on_cpu.get(int(task)))

    @staticmethod
    def show(process, task, on_cpu):
        head = task["thread"]["head"]
        print("%s: state %d, work %#x, pending %#x + %#x, blocked %#x%s"
              % (thread_title(task), task["thread"]["state"], head["work"],
                 process["pending"]["set"], task["pending"]["set"], task["blocked"],
                 ", runs on CPU %d" % on_cpu[0] if on_cpu else ""))
        for pc in () if on_cpu else saved_frames(head):
            print("  " + place(pc))


class Backtrace(Command):
    """ashlar bt TASK: the backtrace of a thread: a TID, the name of a kernel thread, or a pointer.

    One that runs is shown from its CPU's registers, another from where it was switched out."""

    kind = gdb.COMMAND_STACK

    def run(self, words):
        if len(words) != 1:
            raise gdb.GdbError("usage: ashlar bt TASK")
        thread = self.find(words[0])
        on_cpu = running().get(int(thread))
        if on_cpu:
            self.show_running(thread, *on_cpu)
            return
        print("%s, switched out:" % thread_title(thread))
        for number, pc in enumerate(saved_frames(thread["head"])):
            print("#%-2d %s" % (number, place(pc)))

    @staticmethod
    def find(text):
        if text.isdigit():
            return as_thread(find_task(text))
        for thread in entries(variable("thread_list"), "thread", "all"):
            if thread["name"].string(errors="replace") == text:
                return thread
        return as_thread(gdb.parse_and_eval(text))

    @staticmethod
    def show_running(thread, cpu, gdb_thread):
        selected = gdb.selected_thread()
        gdb_thread.switch()
        try:
            print("%s, runs on CPU %d:" % (thread_title(thread), cpu))
            if register("pc") >> 48:
                gdb.execute("backtrace")
            else:
                print("#0  " + place(register("pc"), is_return=False))
        finally:
            selected.switch()


class Locks(Command):
    """ashlar locks: the locks that are held, and by whom.

    A debug build knows them all, with the place where each was taken. Of a release build those are
    found that stand in variables, tasks, processes, and address spaces."""

    kind = gdb.COMMAND_STATUS

    def run(self, words):
        try:
            held = [("CPU %d" % cpu, per_cpu("held_spinning", cpu)) for cpu in cpus()]
        except gdb.error:
            held = []
        if held and "held" in gdb.lookup_type("struct thread").keys():
            held += [(thread_title(t), t["held"])
                     for t in entries(variable("thread_list"), "thread", "all")]
            self.show_recorded(held)
        else:
            self.show_found()

    @staticmethod
    def show_recorded(holders):
        ranks = {f.enumval: f.name for f in gdb.lookup_type("enum lock_rank").fields()}
        for who, held in holders:
            for i in range(int(held["depth"])):
                entry = held["entries"][i]
                name = gdb.execute("info symbol %#x" % int(entry["lock"]), to_string=True)
                name = "" if name.startswith("No") else " " + name.split(" in ")[0]
                print("%s: %s %#x%s, taken at %s"
                      % (who, ranks.get(int(entry["rank"]), "?"), int(entry["lock"]), name,
                         place(int(entry["pc"]))))

    def show_found(self):
        seen = set()
        for name, value in self.candidates():
            for path, owner in locks_in(value, name):
                if owner and path not in seen:
                    seen.add(path)
                    print("%s: held by %s" % (path, thread_title(owner)))

    @staticmethod
    def candidates():
        """(name, structure) of what may have locks in it."""
        for file, name in variables():
            try:
                value = variable(name, file)
                if has_locks(value.type):
                    yield from copies(name, value)
            except gdb.error:
                continue                    # optimized out, or a name in assembly
        for process in processes():
            yield "process %d" % process["tgid"], process.dereference()
        for task in tasks():
            yield "task %d" % task["tid"], task.dereference()
            if int(task["space"]):
                yield ("space %#x of task %d" % (address_of(task["space"]), task["tid"]),
                       task["space"].dereference())


def variables():
    """(file, name) of each variable of the kernel."""
    file = None
    for line in gdb.execute("info variables -q -n", to_string=True).split("\n"):
        if line.startswith("File "):
            file = line[5:].rstrip(":")
        elif line.endswith(";") and ":" in line:
            yield file, line.rstrip(";").split("[")[0].split()[-1].lstrip("*")


def copies(name, value):
    if not name.startswith("percpu_"):
        yield name, value
        return
    for cpu in cpus():
        yield ("%s of CPU %d" % (name[7:], cpu),
               moved(value, int(variable("percpu_offsets")[cpu])))


def has_locks(kind):
    kind = kind.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY:
        return has_locks(kind.target())
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return False
    return kind.tag in ("spinlock", "mutex") or any(has_locks(f.type) for f in kind.fields())


def locks_in(value, path):
    """(path, owner's address or 0) of each lock in a structure, not behind its pointers."""
    kind = value.type.strip_typedefs()
    if not has_locks(kind):
        return
    if kind.code == gdb.TYPE_CODE_ARRAY:
        for i in range(kind.range()[1] + 1):
            yield from locks_in(value[i], "%s[%d]" % (path, i))
    elif kind.tag == "spinlock":
        yield path, int(value["holder"])
    else:
        if kind.tag == "mutex":
            yield path, int(value["owner"]) & ~1
        for field in kind.fields():
            yield from locks_in(value[field], "%s.%s" % (path, field.name))
