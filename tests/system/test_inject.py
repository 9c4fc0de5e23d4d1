"""The N-th allocation of memory fails: a session of a shell, and programs, end somehow; nothing else.

By default N goes in steps, so that it takes about a minute; ASHLAR_INJECT_STEP=1 tries every N.
"""
import os
import re

import pytest
from conftest import launch, static_program

STEP = int(os.environ.get("ASHLAR_INJECT_STEP", "23"))
CPUS = os.environ.get("ASHLAR_INJECT_CPUS", "2")
SESSION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "session.sh")
PROGRAMS = {"session": "sh /root/session.sh", "calls": "/root/inject calls"}
# The log is empty afterwards: the kernel had nothing to complain of.
SCRIPT = "dmesg -c > /dev/null; ./inject %s && dmesg"


def inject(folder, arguments):
    """The output of user/inject.c; no leak, no panic, nothing in the log."""
    program = static_program("user/inject.c", folder)
    done = launch("-smp", CPUS, "-m", "64M", "--append", "fail_alloc=0", "--add", program,
                  "--add", SESSION, "--", "sh", "-c", SCRIPT % arguments,
                  timeout=600 if STEP > 1 else 7200)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    assert done.returncode == 0 and text.endswith(" 0 leaks\n"), text
    found = re.fullmatch(r"inject: (\d+) allocations\n"
                         r"inject: (\d+) runs to (\d+): (\d+) ended well, (\d+) with a status, "
                         r"(\d+) by a signal; (\d+) were too short; 0 leaks\n", text)
    assert found, text
    print(text)
    return [int(number) for number in found.groups()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_allocation_may_fail(tmp_path, program):
    allocations, runs, last, _, statuses, signals, short = inject(
        tmp_path, "1 %d 0 0 %s" % (STEP, PROGRAMS[program]))
    # Of all it needs a few come or go with the schedule.
    assert allocations > 1000 and last > allocations * 0.9 and runs >= (last - 1) // STEP and not short
    if program == "session":            # the other one takes no error for an end
        assert statuses + signals > runs / 3


def test_two_allocations_may_fail(tmp_path):
    script = "sh -c 'sh /root/session.sh && /root/inject calls'"
    _, runs, _, _, statuses, signals, short = inject(
        tmp_path, "1 %d 4000 200 %s" % (STEP * 3, script))
    assert statuses + signals > runs / 10 and short < runs / 2


def test_the_argument_counts_from_the_start_of_init(tmp_path):
    done = launch("--append", "fail_alloc=1000000", "--", "cat", "/proc/sys/kernel/fail_alloc")
    assert done.returncode == 0 and 0 < int(done.stdout) < 1000000


def test_without_the_argument_nothing_can_be_made_to_fail():
    done = launch("--", "sh", "-c", "echo 5 > /proc/sys/kernel/fail_alloc")
    assert done.returncode == 1 and b"not supported" in done.stderr + done.stdout
