"""The other ways to build: clang, the checking build, and the smallest image."""
import os
import subprocess

from conftest import BUILD, ROOT

CPUS = os.cpu_count() or 1


def build(name, *words):
    """make WORDS in a directory of its own under build/; returns the path of kernel.bin."""
    out = os.path.join(BUILD, name)
    subprocess.run(["make", "-s", "-j%d" % CPUS, "O=" + out, *words], cwd=ROOT, check=True)
    return os.path.join(out, "kernel.bin")


def ktest(kernel, cpus, timeout=300):
    """Runs all on-target tests; returns their last line."""
    done = subprocess.run(
        ["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "neoverse-n1",
         "-smp", str(cpus), "-m", "256M", "-nodefaults", "-display", "none", "-serial", "stdio",
         "-semihosting-config", "enable=on,target=native", "-kernel", kernel,
         "-append", "ktest=all exit=semihosting"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text[-3000:]
    return text.rstrip().split("\n")[-1]


def test_clang_builds_a_kernel_that_passes():
    kernel = build("clang", "CC=clang", "LD=ld.lld", "INITRAMFS=")
    assert " 0 failed" in ktest(kernel, 4)


def test_checking_build_finds_nothing():
    """Lock ranks, sleeping in atomic context, per-CPU access and undefined behaviour all panic."""
    kernel = build("checking", "DEBUG=1", "UBSAN=1", "INITRAMFS=")
    assert " 0 failed" in ktest(kernel, 4)


def test_image_without_archive_is_small():
    assert os.path.getsize(build("small", "KTEST=0", "INITRAMFS=")) <= 1 << 20
