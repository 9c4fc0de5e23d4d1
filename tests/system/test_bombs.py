"""All there is of one thing is taken at once: the machine lives, and has its memory back."""
import pytest
from conftest import REPORT, check_memory_is_back, launch, static_program

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
