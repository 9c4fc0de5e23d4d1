"""Processes and threads in a storm on 8 CPUs: nothing breaks, and nothing is left behind."""
import pytest
from conftest import REPORT, check_memory_is_back, launch, static_program

SCRIPT = REPORT + """
./storm 2 16 && report && ./storm 2 16 && report && ./storm 8 16 && report
"""


@pytest.mark.parametrize("cpu,gic,words", [
    ("neoverse-n1", "3", ""), ("cortex-a57", "2", ""), ("cortex-a57", "2", "pan=sw"),
    ("max,pauth-impdef=on", "3", "")])
def test_storm(tmp_path, cpu, gic, words):
    storm, bomb = (static_program("user/%s.c" % name, tmp_path) for name in ("storm", "bomb"))
    done = launch("-smp", "8", "-cpu", cpu, "--gic", gic, "--append", words, "--add", storm,
                  "--add", bomb, "--", "sh", "-c", SCRIPT, timeout=600)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0 and text.count("storm: ok") == 3, text
    # The third run is four times as long: one page lost per fork would be 4 MiB, one slab object
    # of 64 bytes per process some 80 KiB.
    check_memory_is_back(text, 128, 64)


def test_a_deadly_storm_leaves_the_machine_alive(tmp_path):
    """Every process of a running storm is killed at once; the next storm runs as ever."""
    program = static_program("user/storm.c", tmp_path)
    done = launch("-smp", "4", "--add", program, "--", "sh", "-c",
                  "for i in 1 2 3; do ./storm 100 8 & usleep 300000; killall -9 storm; wait; done;"
                  "./storm 1 8", timeout=240)
    assert b"storm: ok" in done.stdout and done.returncode == 0, done.stdout
