"""System calls as no sane program makes them, generated from the kernel's own table."""
import os

from conftest import REPORT, ROOT, check_memory_is_back, launch, static_program

HERE = os.path.dirname(os.path.abspath(__file__))


def hostile(folder):
    return static_program("user/hostile.c", folder, "-I", os.path.join(ROOT, "kernel"))


def read_lines(name):
    with open(os.path.join(HERE, name), encoding="ascii") as stream:
        return stream.read().splitlines()


def test_bad_pointers_get_linux_answers(tmp_path):
    """hostile.expected holds what Linux 6.1 answered (`hostile pointers` as its process 1)."""
    done = launch("-smp", "4", "--add", hostile(tmp_path), "--", "./hostile", "pointers")
    answers = done.stdout.decode().splitlines()
    assert done.returncode == 0 and answers.pop() == "hostile: ok"
    # Lines `CALL ARGUMENT: why its answers are others'.
    differs = {line.split(":")[0] for line in read_lines("hostile.differs")
               if not line.startswith("#")}
    expected = read_lines("hostile.expected")
    assert len(answers) == len(expected)
    seen = set()
    for ours, linux in zip(answers, expected):
        if ours != linux:
            where = " ".join(ours.split()[:2])
            assert where in differs, "%s, on Linux %s" % (ours, linux)
            seen.add(where)
    assert seen == differs                  # what does not differ any more must go from the list


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
