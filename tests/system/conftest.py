"""What the system tests share: a Machine that is booted and talked to, and the closing count."""
import os
import re
import subprocess
import sys
import tempfile
import time

import pexpect
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ASHLAR_BUILD", os.path.join(ROOT, "build"))
PROMPT = r"ashlar:[^\r\n]*# "
# Hang detectors, not expectations: the host may be busy.
BOOT_TIMEOUT = int(os.environ.get("ASHLAR_STEP", "120"))
STEP_TIMEOUT = int(os.environ.get("ASHLAR_STEP", "60"))

sys.path.insert(0, os.path.join(ROOT, "tools"))


def image(kind):
    """build/kernel.bin or build/kernel.elf; ASHLAR_KERNEL stands in for the former."""
    if kind == "bin":
        return os.environ.get("ASHLAR_KERNEL", os.path.join(BUILD, "kernel.bin"))
    return os.path.join(BUILD, "kernel.elf")


def built_with():
    """Those of DEBUG, KASAN and UBSAN that the kernel under test was made with."""
    config = os.path.join(os.path.dirname(image("bin")), "config")
    if not os.path.exists(config):
        return set()
    with open(config, encoding="utf-8") as stream:
        words = stream.read().split()
    flags = {"DEBUG": "-DDEBUG=1", "KASAN": "-DKASAN=1", "UBSAN": "-fsanitize=undefined"}
    return {name for name, flag in flags.items() if flag in words}


# For what a figure is asked of that the checks change: memory, time, instructions, sizes.
unless_checked = pytest.mark.skipif("KASAN" in built_with(), reason="a figure that KASAN changes")


class Machine:
    """A QEMU with its serial line as a terminal of ours."""

    def __init__(self, kernel="bin", gic=3, smp=2, cpu="neoverse-n1", memory="256M", machine="",
                 append="", initrd=None, extra=(), timeout=STEP_TIMEOUT):
        line = ["-machine", "virt,gic-version=%d%s" % (gic, machine), "-cpu", cpu,
                "-smp", str(smp), "-m", memory, "-nodefaults", "-display", "none",
                "-monitor", "none", "-chardev", "stdio,id=c,signal=off", "-serial", "chardev:c",
                "-kernel", image(kernel)]
        if append:
            line += ["-append", append]
        initrd = initrd or os.environ.get("ASHLAR_INITRD")    # to try the tests on Linux
        if initrd:
            line += ["-initrd", initrd]
        self.spawn(line + list(extra), timeout)

    @classmethod
    def of_line(cls, line, timeout=STEP_TIMEOUT):
        """A machine from a whole QEMU command line, in words."""
        machine = cls.__new__(cls)
        machine.spawn(line, timeout)
        return machine

    def spawn(self, line, timeout):
        self.log = tempfile.TemporaryFile("w+")
        self.child = pexpect.spawn("qemu-system-aarch64", line, encoding="utf-8",
                                   codec_errors="replace", timeout=timeout, echo=False)
        self.child.logfile_read = self.log
        self.child.delaybeforesend = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)
        self.log.close()

    def expect(self, pattern, timeout=-1):
        """Wait for pattern; a failure shows the end of what the machine printed."""
        try:
            self.child.expect(pattern, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            kind = "nothing more" if isinstance(error, pexpect.EOF) else "too late"
            raise AssertionError("waiting for %r: %s after\n%s"
                                 % (pattern, kind, self.text()[-3000:])) from None
        return self.child.match

    def expect_end(self, timeout=STEP_TIMEOUT):
        """Wait for the machine to switch itself off; returns QEMU's exit status."""
        try:
            self.child.expect(pexpect.EOF, timeout=timeout)
        except pexpect.TIMEOUT:
            raise AssertionError("still running after\n" + self.text()[-3000:]) from None
        self.child.wait()
        return self.child.exitstatus

    def prompt(self, timeout=BOOT_TIMEOUT):
        self.expect(PROMPT, timeout)

    def send(self, text):
        self.child.send(text)

    def type(self, line):
        self.child.send(line + "\r")

    def text(self):
        """All that the machine has printed so far."""
        self.log.seek(0)
        text = self.log.read()
        self.log.seek(0, os.SEEK_END)
        return text.replace("\r", "")

    def sh(self, command, timeout=-1):
        """Run command at the prompt; returns its output and exit status. Ends at the prompt."""
        # The markers are quoted apart, so that the echo of the line does not match them.
        self.type("echo @'begin'@; %s; echo @$?'@'" % command)
        self.expect(r"@begin@\r*\n", timeout)
        found = self.expect(r"@(\d+)@\r*\n", timeout)
        output = self.child.before.replace("\r", "")
        self.prompt(timeout)
        return output, int(found.group(1))

    def ok(self, command, timeout=-1):
        """The output of a command that must succeed, without its last newline."""
        output, status = self.sh(command, timeout)
        assert status == 0, "%s: status %d: %s" % (command, status, output)
        return output.rstrip("\n")


@pytest.fixture(scope="session")
def symbols():
    """name -> address of kernel.elf."""
    out = subprocess.run(["aarch64-linux-gnu-nm", image("elf")], capture_output=True, text=True,
                         check=True).stdout
    return {m.group(3): int(m.group(1), 16)
            for m in re.finditer(r"^([0-9a-f]+) (\w) (\S+)$", out, re.M)}


def static_program(source, folder, *flags, link="-static"):
    """Compile a C file of the tree for the guest, static or -static-pie; returns its path."""
    program = os.path.join(str(folder), os.path.splitext(os.path.basename(source))[0])
    subprocess.run(["aarch64-linux-gnu-gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", link,
                    "-pthread", "-o", program, os.path.join(ROOT, source), *flags], check=True)
    return program


def debug_port(folder):
    return "-gdb", "unix:%s/gdb,server=on,wait=off" % folder


def gdb(folder, *script, kernel=None):
    """The output of a script of gdb on the machine of debug_port(folder), which then goes on."""
    limit = time.monotonic() + BOOT_TIMEOUT
    while not os.path.exists("%s/gdb" % folder):    # the machine's process makes it first of all
        assert time.monotonic() < limit, "no machine listens"
        time.sleep(0.01)
    script = ["source %s/tools/gdb/ashlar.py" % ROOT, "target remote %s/gdb" % folder, *script,
              "detach"]
    done = subprocess.run(
        ["gdb-multiarch", "-q", "-batch", "-nx", kernel or image("elf"),
         *[word for line in script for word in ("-ex", line)]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        timeout=BOOT_TIMEOUT, check=False)
    assert "Python Exception" not in done.stdout, done.stdout
    return done.stdout


def launch(*arguments, stdin=b"", timeout=BOOT_TIMEOUT, cwd=ROOT, kernel=None):
    """./ashlar run ARGUMENTS with a kernel that is already built."""
    kernel = kernel or image("bin")
    with tempfile.TemporaryDirectory() as folder:
        machine = " ".join([os.environ.get("ASHLAR_QEMU", ""), *debug_port(folder)])
        environment = dict(os.environ, ASHLAR_KERNEL=kernel, ASHLAR_BUILD=BUILD, ASHLAR_QEMU=machine)
        with subprocess.Popen([os.path.join(ROOT, "ashlar"), "run", *arguments], cwd=cwd,
                              env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            try:
                out, err = child.communicate(stdin, timeout=timeout)
            except subprocess.TimeoutExpired:
                try:
                    threads = gdb(folder, "ashlar relocate", "ashlar tasks", "ashlar locks",
                                  kernel=os.path.join(os.path.dirname(kernel), "kernel.elf"))
                finally:
                    child.terminate()       # the launcher then ends its machine
                out, err = child.communicate()
                raise AssertionError("no end: %r %r\n%s" % (out[-2000:], err[-2000:],
                                                            threads)) from None
            return subprocess.CompletedProcess(child.args, child.returncode, out, err)


# For a script with user/bomb.c in /root: what memory is free, and what the slabs have. Memory is
# exhausted first: so the caches of the CPUs, and what waits for RCU, are empty.
REPORT = """
report() { /root/bomb memory && awk '/^(MemFree|Slab):/ { print $1, $2 }' /proc/meminfo; }
"""


def check_memory_is_back(text, free_limit, slab_limit):
    """The second and the third report in text differ by at most so many KiB; the first fills caches."""
    for name, limit in (("MemFree", free_limit), ("Slab", slab_limit)):
        seen = [int(n) for n in re.findall(name + r": (\d+)", text)]
        assert abs(seen[2] - seen[1]) <= limit, (name, seen)


# ------------------------------------------------------------ N passed, N failed

COUNT = {"passed": 0, "failed": 0}


def pytest_runtest_logreport(report):
    if report.failed:
        COUNT["failed"] += 1
    elif report.when == "call" and report.passed:
        COUNT["passed"] += 1


def pytest_collectreport(report):
    if report.failed:
        COUNT["failed"] += 1


def pytest_unconfigure(config):
    print("%(passed)d passed, %(failed)d failed" % COUNT)
