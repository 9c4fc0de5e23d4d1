"""All there is of one thing is taken at once: the machine lives, and has its memory back."""
import re

import pytest
from conftest import launch, static_program

# Each time memory is exhausted last: so the caches of the CPUs, and what waits for RCU, are empty.
SCRIPT = """
report() { awk '/^(MemFree|Slab):/ { print $1, $2 }' /proc/meminfo; }
cd /tmp
for i in 1 2 3; do /root/bomb %s && /root/bomb memory && report || exit 1; done
"""


@pytest.mark.parametrize("kind", ["fork", "fd", "memory", "symlinks", "directory", "sparse"])
def test_bomb(tmp_path, kind):
    program = static_program("user/bomb.c", tmp_path)
    done = launch("-smp", "4", "--add", program, "--", "sh", "-c", SCRIPT % kind, timeout=300)
    text = done.stdout.decode(errors="replace")
    ends = 6 if kind == "memory" else 3
    assert done.returncode == 0 and text.count(kind + ": ok") == ends, text
    free = [int(n) for n in re.findall(r"MemFree: (\d+)", text)]
    slab = [int(n) for n in re.findall(r"Slab: (\d+)", text)]
    # One object lost for each of 1,000 processes or descriptors would be some 160 KiB.
    assert abs(free[2] - free[1]) <= 128, free
    assert abs(slab[2] - slab[1]) <= 128, slab
