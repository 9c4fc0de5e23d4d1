"""All there is of one thing is taken at once: the machine lives, and has its memory back."""
import os
import re
import subprocess

import pytest
from conftest import REPORT, ROOT, Machine, check_memory_is_back, launch, static_program

SCRIPT = REPORT + """
cd /tmp
for i in 1 2 3; do /root/bomb %s && report || exit 1; done
"""


@pytest.mark.parametrize("kind", ["fork", "fd", "memory", "symlinks", "directory", "sparse"])
def test_bomb(tmp_path, kind):
    program = static_program("user/bomb.c", tmp_path)
    done = launch("-smp", "4", "--add", program, "--", "sh", "-c", SCRIPT % kind, timeout=300)
    text = done.stdout.decode(errors="replace")
    ends = 6 if kind == "memory" else 3
    assert done.returncode == 0 and text.count(kind + ": ok") == ends, text
    # One object lost for each of 1,000 processes or descriptors would be some 160 KiB.
    check_memory_is_back(text, 128, 128)


def test_costs_grow_linearly(tmp_path):
    """Twice as much of one thing takes at most 2.2 times as many instructions: n log n would pass.

    10,000 processes at once are among the things, and take some 700 MiB.
    """
    program = static_program("user/bomb.c", tmp_path)
    archive = str(tmp_path / "bomb.cpio")
    subprocess.run([os.path.join(ROOT, "tools/mkinitramfs.py"), "--bare", "--add",
                    program + ":init", "--out", archive], check=True)
    with Machine(smp=1, memory="1G", initrd=archive, append="quiet",
                 extra=["-icount", "shift=0,sleep=off"]) as machine:
        machine.expect_end(timeout=300)
        text = machine.text()
    costs = {}
    for kind, _, cost in re.findall(r"^cost (\w+) (\d+) (\d+)$", text, re.M):
        costs.setdefault(kind, []).append(int(cost))
    assert set(costs) == {"processes", "descriptors", "pages", "files", "links", "levels",
                          "holes"}, text
    for kind, (once, twice, four) in costs.items():
        assert twice <= 2.2 * once and four <= 2.2 * twice, (kind, once, twice, four)
