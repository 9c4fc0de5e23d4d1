"""System calls as no sane program makes them, generated from the kernel's own table."""
import os
import subprocess

import pytest
from conftest import REPORT, ROOT, Machine, check_memory_is_back, launch, static_program

HERE = os.path.dirname(os.path.abspath(__file__))


def hostile(folder):
    parts = [os.path.join(ROOT, "user", "hostile_%s.c" % part) for part in ("arguments", "random")]
    return static_program("user/hostile.c", folder, *parts, "-I", os.path.join(ROOT, "kernel"))


def read_lines(name):
    with open(os.path.join(HERE, name), encoding="ascii") as stream:
        return [line.rstrip("\n") for line in stream if not line.startswith("#")]


def by_argument(lines):
    """`CALL ARGUMENT` -> what was answered, of lines that begin so."""
    answers = {}
    for line in lines:
        call, argument, answer = line.split(" ", 2)
        answers.setdefault("%s %s" % (call, argument), []).append(answer)
    return answers


@pytest.mark.parametrize("mode", ["pointers", "numbers"])
def test_bad_arguments_get_linux_answers(tmp_path, mode):
    """As process 1, as Linux 6.1 ran it with -smp 4 when it gave the expected answers."""
    archive = os.path.join(tmp_path, "hostile.cpio")
    subprocess.run([os.path.join(ROOT, "tools/mkinitramfs.py"), "--bare", "--add",
                    hostile(tmp_path) + ":/init", "--out", archive], check=True)
    with Machine(smp=4, initrd=archive, append="quiet loglevel=0 -- " + mode) as machine:
        machine.expect_end(timeout=300)
        *answers, last = [line for line in machine.text().splitlines()
                          if line and line[0] != "["]
    assert last == "hostile: ok"
    ours = by_argument(answers)
    linux = by_argument(read_lines("hostile_%s.expected" % mode))
    assert ours.keys() == linux.keys()
    # Lines `CALL ARGUMENT: why its answers are others'.
    differs = {line.split(":")[0] for line in read_lines("hostile_%s.differs" % mode)}
    wrong = {where for where in linux if ours[where] != linux[where]}
    for where in wrong - differs:
        print(where, ours[where], "on Linux", linux[where])
    assert not wrong - differs
    assert not differs - wrong      # what does not differ any more must go from the list


SCRIPT = REPORT + """
cd /root
./hostile random 1 20000 && report && ./hostile random 1 20000 && report &&
./hostile random 2 60000 && report
"""


def test_random_calls_break_and_leak_nothing(tmp_path):
    bomb = static_program("user/bomb.c", tmp_path)
    done = launch("-smp", "4", "--add", hostile(tmp_path), "--add", bomb, "--", "sh", "-c", SCRIPT,
                  timeout=300)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0 and text.count("hostile: ok") == 3, text
    # A page lost by one call of a thousand would be 240 KiB.
    check_memory_is_back(text, 128, 64)
