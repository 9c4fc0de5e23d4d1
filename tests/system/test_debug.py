"""gdb's `ashlar` commands, each held against what the guest itself, or QEMU, says."""
import os
import re

import pexpect
import pexpect.fdpexpect
import pytest

from conftest import (BOOT_TIMEOUT, BUILD, PROMPT, ROOT, Machine, built_with, debug_port, gdb,
                      image, static_program)
from test_builds import build


def rows(text, pattern):
    return {found.group(1): [int(n) for n in found.groups()[1:]]
            for found in re.finditer(pattern, text, re.M)}


@pytest.fixture(scope="module", params=["nokaslr", "kaslr"])
def seen(request, tmp_path_factory):
    """What the guest said of itself at the prompt, and what gdb then said of it."""
    folder = tmp_path_factory.mktemp("gdb")
    guest = {}
    with Machine(append=request.param if request.param == "nokaslr" else "",
                 extra=debug_port(folder)) as machine:
        machine.prompt()
        guest["sleeper"] = machine.ok("sleep 1000 & echo $!").split()[-1]
        machine.ok("mkfifo /tmp/fifo; exec 8<>/tmp/fifo")
        guest["reader"] = machine.ok("cat /tmp/fifo > /dev/null & echo $!").split()[-1]
        machine.ok("sleep 1")
        for file in ("meminfo", "slabinfo", "buddyinfo", "self/maps", "1/maps"):
            guest[file] = machine.ok("cat /proc/" + file)
        guest["log"] = machine.ok("dmesg")
        guest["ps"] = machine.ok("ps -o pid,comm")
        start = re.search(r"^([0-9a-f]+)-\S+ r-xp", guest["1/maps"], re.M).group(1)
        commands = ["tasks", "bt " + guest["sleeper"], "bt " + guest["reader"], "bt $TPIDR_EL1",
                    "log", "slab", "pages", "epitaph", "pt &kernel_main", "pt &ring",
                    "pt 0x%s 1" % start, "locks"]
        script = ["ashlar relocate"]
        for command in commands:
            script += ["echo @@%s\\n" % command.replace("$", "\\$"), "ashlar " + command]
        script += ["echo @@gva2gpa\\n",
                   "eval \"monitor gva2gpa %#lx\", (unsigned long)&kernel_main"]
        parts = gdb(folder, *script).split("@@")
        machine.ok("true")              # it goes on as if nothing had been
    guest["start"] = start
    return guest, dict(part.split("\n", 1) for part in parts[1:]), parts[0]


def test_symbols_are_where_kaslr_put_the_kernel(seen, request):
    guest, said, first = seen
    moved = int(re.search(r"runs (0x[0-9a-f]+) above", first).group(1), 16)
    assert (moved == 0) == ("[nokaslr]" in request.node.name), first
    assert re.search(r"#\d+ .*(idle_loop|\bin kernel_main|cpu_main)", said["bt $TPIDR_EL1"])


def test_tasks_are_those_of_ps(seen):
    guest, said, _ = seen
    listed = set(re.findall(r"^(\d+)/\1 (\S+):", said["tasks"], re.M))
    ps = set(re.findall(r"^ *(\d+) (\S+)", guest["ps"], re.M))
    gone = {pair for pair in ps if pair[1] == "ps"}
    assert listed == ps - gone


@pytest.mark.parametrize("who, call", [("sleeper", "nanosleep"), ("reader", "pipe|read")])
def test_backtrace_of_a_thread_that_is_switched_out(seen, who, call):
    guest, said, _ = seen
    trace = said["bt " + guest[who]].split("\n")
    assert re.match(r"%s/%s \w+, switched out:" % (guest[who], guest[who]), trace[0])
    assert re.match(r"#0 .* switch_thread\+\d+ \(kernel/sched/sched\.c:\d+\)", trace[1]), trace
    assert any(re.search(r" sys_\w*(%s)\w*\+\d+ \(kernel/sys/" % call, line) for line in trace)
    assert re.search(r" el0_sync\+", trace[-2]), trace


def test_log_is_what_dmesg_prints(seen):
    guest, said, _ = seen
    assert said["log"].strip().split("\n") == guest["log"].strip().split("\n")
    assert "no panic so far" in said["epitaph"]


def test_slab_counts_are_those_of_slabinfo(seen):
    guest, said, _ = seen
    pattern = r"^([a-z]\S*) +(\d+) +(\d+) +(\d+)"
    theirs, ours = rows(guest["slabinfo"], pattern), rows(said["slab"], pattern)
    assert list(ours) == list(theirs) and len(ours) > 15
    kept = 2 * 256 if "KASAN" in built_with() else 0    # freed, but still in the CPUs' rings
    for name, (active, total, size) in theirs.items():
        assert ours[name][2] == size
        # A few programs have run between the two looks.
        assert abs(ours[name][0] - active) <= 40 + kept, name
        assert abs(ours[name][1] - total) <= 100 + kept, name


def test_page_counts_are_those_of_meminfo(seen):
    guest, said, _ = seen
    theirs = rows(guest["meminfo"], r"^(\w+): +(\d+) kB")
    ours = rows(said["pages"], r"^(\w+): +\d+ pages +(\d+) kB")
    assert ours["MemTotal"] == theirs["MemTotal"] and ours["Cached"] == theirs["Cached"]
    assert abs(ours["MemFree"][0] - theirs["MemFree"][0]) <= 1024
    assert abs(ours["Slab"][0] - theirs["Slab"][0]) <= 256
    orders = re.search(r"free blocks by order: ([\d ]+)", said["pages"]).group(1).split()
    assert len(orders) == len(re.findall(r" \d+", guest["buddyinfo"].split("Normal")[1]))
    parts = rows(said["pages"], r"^ *(in lists|not taken up): +(\d+)")
    assert sum(int(n) << i for i, n in enumerate(orders)) == parts["in lists"][0]


def test_page_tables_of_the_kernel(seen):
    _, said, _ = seen
    text, data = said["pt &kernel_main"], said["pt &ring"]
    assert [int(n) for n in re.findall(r"^level (\d)", text, re.M)][:3] == [0, 1, 2]
    assert "EL1 r-x EL0 ---" in text and "EL1 rw- EL0 ---" in data
    physical = re.search(r"is at physical (0x[0-9a-f]+)", text).group(1)
    assert re.search(r"gpa: (0x[0-9a-f]+)", said["gva2gpa"]).group(1) == physical


def test_page_tables_of_a_named_task(seen):
    guest, said, _ = seen
    text = said["pt 0x%s 1" % guest["start"]]
    assert re.search(r"^level 3, .* EL0 r-x", text, re.M), text


def test_locks_at_rest_are_free(seen):
    assert seen[1]["locks"].strip() == ""


LOCK_SCRIPT = ("ashlar relocate", "hbreak process_set_pgrp_locked", "continue", "ashlar locks",
               "delete", "hbreak fault_in if ((struct task *)$TPIDR_EL1)->space == space",
               "continue", "echo @@\\n", "ashlar locks", "delete")


@pytest.mark.skipif("DEBUG" in built_with(), reason="what a debug build records is shown instead")
def test_locks_that_are_held(tmp_path):
    """Both functions are called with a lock held: one that spins, one that sleeps."""
    with Machine(extra=(*debug_port(tmp_path), "-S")):
        spinning, sleeping = gdb(tmp_path, *LOCK_SCRIPT).split("@@")
    assert re.search(r"^process_tree_lock: held by \[init\]", spinning, re.M), spinning
    assert re.search(r"^space 0x\w+ of task 1\.lock: held by 1/1 ", sleeping, re.M), sleeping


def test_locks_as_a_debug_build_records_them(tmp_path):
    kernel = build("checking", "DEBUG=1", "UBSAN=1", "INITRAMFS=")
    line = ["-machine", "virt,gic-version=3", "-cpu", "neoverse-n1", "-m", "256M", "-nodefaults",
            "-display", "none", "-serial", "stdio", "-kernel", kernel, "-S",
            "-initrd", os.path.join(BUILD, "initramfs.cpio"), *debug_port(tmp_path)]
    with Machine.of_line(line):
        spinning, sleeping = gdb(tmp_path, *LOCK_SCRIPT,
                                 kernel=os.path.join(BUILD, "checking/kernel.elf")).split("@@")
    assert re.search(r"^CPU 0: RANK_TASK_LIST 0x\w+ process_tree_lock, taken at 0x\w+ "
                     r"process_start_init\+\d+ \(kernel/", spinning, re.M), spinning
    assert re.search(r"^1/1 \S+: RANK_SPACE 0x\w+, taken at 0x\w+ ", sleeping, re.M), sleeping


@pytest.mark.parametrize("kaslr", [[], ["--kaslr"]])
def test_breakpoints_in_a_program(kaslr, tmp_path):
    """As the README tells: add-symbol-file, and a hardware breakpoint for one program's name."""
    program = static_program("tests/system/debugged.c", tmp_path, "-g")
    environment = dict(os.environ, ASHLAR_KERNEL=image("bin"), ASHLAR_BUILD=BUILD, TERM="dumb")
    child = pexpect.spawn(os.path.join(ROOT, "ashlar"), ["debug", *kaslr, "-smp", "1", "--add", program],
                          encoding="utf-8", timeout=BOOT_TIMEOUT, env=environment, echo=False)

    def command(text):
        child.sendline(text)
        child.expect_exact("(gdb) ")
        return child.before.replace("\r", "")

    try:
        child.expect(r"console: (/dev/pts/\d+)")
        terminal = os.open(child.match.group(1), os.O_RDWR | os.O_NOCTTY)
        console = pexpect.fdpexpect.fdspawn(terminal, encoding="utf-8", timeout=BOOT_TIMEOUT)
        child.expect_exact("(gdb) ")
        command("add-symbol-file " + program)
        assert "reakpoint" in command('hbreak halve if $_streq($ashlar_name(), "debugged")')
        child.sendline("continue")
        console.expect(PROMPT)
        console.send("/root/debugged\r")
        child.expect(r"halve \(number=(number@entry=)?40\)")
        child.expect_exact("(gdb) ")
        console.expect(r"word at (0x[0-9a-f]+)")
        place = console.match.group(1)
        assert re.search(r"#1 .* main ", command("backtrace"))
        walk = command("ashlar pt " + place)
        assert re.search(r"^level 3, .* EL0 rw-, Normal non-global", walk, re.M), walk
        physical = int(re.search(r"is at physical (0x[0-9a-f]+)", walk).group(1), 16)
        assert int(re.search(r"gpa: (0x[0-9a-f]+)", command("monitor gva2gpa " + place)).group(1),
                   16) == physical
        assert "0x6173686c6172" in command("print/x word")
        assert re.search(r"\d+/\d+ debugged, runs on CPU \d", command("ashlar bt $TPIDR_EL1"))
        # gdb steps off the breakpoint first. Of 500 such steps QEMU 7.2 answers two or three with a
        # stop at the same PC, nothing executed and no exception taken (ELR_EL1 stays): gdb then
        # reports the breakpoint again, before the one and only call with 40.
        number = 40
        while number == 40:
            child.sendline("continue")
            child.expect(r"halve \(number=(?:number@entry=)?(\d+)\)")
            number = int(child.match.group(1))
            child.expect_exact("(gdb) ")
        assert number == 20
        command("delete")
        child.sendline("continue")
        console.expect("left 10")
    finally:
        child.close(force=True)
