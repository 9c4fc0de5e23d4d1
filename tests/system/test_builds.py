"""The other ways to build: clang, the checking build, and the smallest image."""
import os
import re
import subprocess

import pytest
from conftest import BUILD, ROOT, built_with, launch
from test_hostile import hostile

pytestmark = pytest.mark.skipif(bool(built_with()), reason="these tests build their own kernels")
CPUS = os.cpu_count() or 1

# The attacks of mm/test_kasan.c and core/test_ubsan.c, by what the panic says. \\n: the next line.
ATTACKS = {
    "kasan_heap_right": r"heap out of bounds: write of 1 byte.*"
                        r"offset 20 of the object of 20 bytes at \w+, cache kmalloc-32.*"
                        r"allocated by\n  \S+ ktest_fatal_kasan_heap_right",
    "kasan_heap_left": r"heap out of bounds: read of 1 byte.*offset -1 of the object of 100 bytes",
    "kasan_heap_big": r"heap out of bounds: write of 1 byte",
    "kasan_cache": r"heap out of bounds: write of 1 byte.*offset 73 of.* 73 bytes at \w+, cache kasan",
    "kasan_use_after_free": r"use after free: read of 1 byte.*offset 9 of the object of 64 bytes.*"
                            r"allocated by\n  \S+ ktest_fatal_kasan_use_after_free.*"
                            r"last freed by\n  \S+ ktest_fatal_kasan_use_after_free",
    "kasan_double_free": r"double free.*offset 0 of the object of 64 bytes.*"
                         r"last freed by\n  \S+ ktest_fatal_kasan_double_free",
    "kasan_free_inside": r"free of what is no object.*offset 16 of the object of 64 bytes",
    "kasan_page_after_free": r"use of a free page: write of 1 byte",
    "kasan_vmalloc": r"heap out of bounds: write of 1 byte",
    "kasan_stack": r"stack out of bounds: write of 1 byte.* 13 \d+ here:\d+\n"
                   r"the frame of \S+ ktest_fatal_kasan_stack",
    "kasan_scope": r"stack use after scope: read of 1 byte.* 16 \d+ here:\d+\n",
    "kasan_global": r"global out of bounds: read of 1 byte.*"
                    r"offset 21 of the global global of 21 bytes in kernel/mm/test_kasan.c",
    "kasan_string": r"heap out of bounds: read of 1 byte.*\n  \S+ strlen.*offset 10 of",
    "kasan_copy": r"heap out of bounds: read of 41 bytes.*offset 40 of the object of 40 bytes",
    "ubsan_add": r"signed overflow at HERE: 2147483647 \('int'\) \+ 1 \('int'\)",
    "ubsan_multiply": r"signed overflow at HERE: .*\*",
    "ubsan_negate": r"signed overflow by negation at HERE: -2147483648 \('int'\)",
    "ubsan_divide": r"division by zero or overflow at HERE: 1 \('int'\) / 0 \('int'\)",
    "ubsan_shift": r"shift out of bounds at HERE: 1 \('int'\) by 40 \('int'\)",
    "ubsan_index": r"index out of bounds at HERE: 9 \('int'\) of 'int \[4\]'",
    "ubsan_null": r"NULL pointer at HERE: 0x0 to 'int'",
    "ubsan_bool": r"value that its type does not have at HERE: 7 \('_Bool'\)",
    "ubsan_pointer": r"pointer overflow at HERE: 0xf{15}0 became 0x0",
    "ubsan_unreachable": r"unreachable code reached at HERE",
}


def build(name, *words):
    """make WORDS in a directory of its own under build/; returns the path of kernel.bin."""
    out = os.path.join(BUILD, name)
    subprocess.run(["make", "-s", "-j%d" % CPUS, "O=" + out, *words], cwd=ROOT, check=True)
    return os.path.join(out, "kernel.bin")


def ktest(kernel, cpus, pattern="all", timeout=300):
    """Runs on-target tests; returns QEMU's exit status and what was printed."""
    done = subprocess.run(
        ["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "neoverse-n1",
         "-smp", str(cpus), "-m", "256M", "-nodefaults", "-display", "none", "-serial", "stdio",
         "-semihosting-config", "enable=on,target=native", "-kernel", kernel,
         "-append", "ktest=%s quiet exit=semihosting" % pattern],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    return done.returncode, done.stdout.decode(errors="replace").replace("\r", "")


def check_all_pass(kernel, cpus):
    status, text = ktest(kernel, cpus)
    assert status == 0 and re.search(r" 0 failed\s*$", text), text[-3000:]


def test_clang_builds_a_kernel_that_passes():
    kernel = build("clang", "CC=clang", "LD=ld.lld", "INITRAMFS=")
    check_all_pass(kernel, 4)


@pytest.fixture(scope="session")
def checking():
    """The kernel that finds the most: `./ashlar test checking` gives it the other tests."""
    return build("checking", "DEBUG=1", "UBSAN=1", "KASAN=1")


def test_checking_build_finds_nothing(checking):
    """
    Bad addresses, undefined behaviour, lock ranks, sleeping in atomic context and per-CPU access
    all panic.
    """
    check_all_pass(checking, 4)


def test_checking_build_takes_random_calls(checking, tmp_path):
    done = launch("-smp", "4", "--add", hostile(tmp_path), "--", "./hostile", "random", "3", "20000",
                  kernel=checking, timeout=300)
    assert done.returncode == 0 and b"hostile: ok" in done.stdout, done.stdout + done.stderr


def test_every_attack_is_expected():
    names = set()
    for path in ("kernel/mm/test_kasan.c", "kernel/core/test_ubsan.c"):
        with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
            names |= set(re.findall(r"KTEST\(fatal_(\w+)\)", stream.read()))
    assert names == set(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_checking_build_reports(checking, attack):
    status, text = ktest(checking, 2, "fatal_" + attack)
    said = ATTACKS[attack].replace("HERE", r"kernel/core/test_ubsan\.c:\d+:\d+")
    assert re.search(r"Kernel panic: \w+SAN: " + said, text, re.S), text[-3000:]
    assert status == 125 and "---[ end of kernel panic ]---" in text


def test_image_without_archive_is_small():
    assert os.path.getsize(build("small", "KTEST=0", "INITRAMFS=")) <= 1 << 20
