"""A recording that QEMU replays: how far it is, and where it ends (tools/replay.py)."""
import re

import gdb
from guest import Command, place, register

# What a run of the kernel ends in; the end of the recording stops the machine by itself.
ENDS = ("panic", "panic_at", "machine_exit")


def instructions():
    """How many the machine has executed."""
    said = gdb.execute("monitor info replay", to_string=True)
    found = re.search(r"instruction count = (\d+)", said)
    if not found:
        raise gdb.GdbError("this machine is not replayed")
    return int(found.group(1))


def at_last():
    """Is the recording over? The machine is off then, and gdb would wait for it for ever."""
    return "shutdown" in gdb.execute("monitor info status", to_string=True)


def hold_at_last():
    """Makes what would go on, or back, refuse at the recording's end: QEMU would hang or end there."""
    for name in ("continue", "reverse-continue", "reverse-stepi", "reverse-step", "reverse-next",
                 "reverse-finish"):
        gdb.execute("define hook-%s\npython recording.check_not_last()\nend" % name)


def check_not_last():
    if at_last():
        raise gdb.GdbError("the recording ends here; `./ashlar replay` begins it again")


def next_end():
    """Goes on to the next end, or the user's breakpoint, and says where; False: it was the last."""
    check_not_last()
    points = [gdb.Breakpoint(name, type=gdb.BP_HARDWARE_BREAKPOINT, internal=True) for name in ENDS]
    try:
        gdb.execute("continue", to_string=True)
    finally:
        for point in points:
            point.delete()
    if not gdb.selected_inferior().pid:
        print("the machine has ended itself")
        return False
    last = at_last()
    print("instruction %d%s: %s" % (instructions(), ", the recording's last" if last else "",
                                    place(register("pc"), False)))
    return not last


def all_ends():
    """Every end from here to the last, for a script."""
    while next_end():
        pass


class End(Command):
    """ashlar end: go on to the panic, the power-off or the recording's end; say where that is.

    For a machine that ./ashlar replay started."""

    kind = gdb.COMMAND_RUNNING

    def invoke(self, argument, from_tty):
        next_end()
