"""Builds the ABI test archive, boots a kernel with it in QEMU, and splits what it prints by case."""
import os
import re
import select
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXPECTED = os.path.join(HERE, "expected")
KERNEL_LOG = re.compile(r"^(<\d>)?\[\s*\d+\.\d+\]")
IDLE_SECONDS = 60   # a case may take 25 s; a guest silent for longer than this is dead
REBOOTS = 30        # how many cases may kill the guest before the rest are given up


def build(out):
    subprocess.run([os.path.join(HERE, "build.sh"), out], check=True)
    return os.path.join(out, "abi.cpio")


def qemu_line(kernel, archive, append, smp=2, cpu="cortex-a57", machine="virt,gic-version=2"):
    return ["qemu-system-aarch64", "-machine", machine, "-cpu", cpu, "-smp", str(smp),
            "-m", "256", "-nodefaults", "-nographic", "-serial", "stdio", "-monitor", "none",
            "-no-reboot", "-kernel", kernel, "-initrd", archive, "-append", append]


def boot(line):
    """Runs one guest to its end, or until it is silent too long; yields its lines."""
    guest = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    pending, heard = b"", time.monotonic()
    try:
        while time.monotonic() - heard < IDLE_SECONDS:
            if not select.select([guest.stdout], [], [], 1)[0]:
                continue
            chunk = os.read(guest.stdout.fileno(), 65536)
            if not chunk:
                break
            heard = time.monotonic()
            pending += chunk
            *whole, pending = pending.split(b"\n")
            for raw in whole:
                yield raw.decode("latin-1").replace("\r", "")
        if pending:
            yield pending.decode("latin-1").replace("\r", "")
    finally:
        guest.kill()
        guest.wait()


class Run:
    """What the guest said: the lines of each finished case, and why others did not finish."""

    def __init__(self):
        self.cases = {}     # name -> lines between "case" and "end"
        self.cut = {}       # name -> lines of a case in which the guest died
        self.log = []       # everything outside the cases, the last lines first to be shown

    def read(self, lines):
        """Takes one guest's lines; returns the case in which it stopped, or None at the end."""
        name, body, done = None, [], False
        for line in lines:
            if KERNEL_LOG.match(line):
                self.log.append(line)
            elif name is None and line.startswith("case "):
                name, body = line[5:], []
            elif name is not None and line == "end " + name:
                self.cases[name] = body
                name = None
            elif name is not None:
                body.append(line)
            elif line == "abi: all done":
                done = True
            else:
                self.log.append(line)
        if name is not None:
            self.cut[name] = body
        return None if done else name or ""


def other_cpus():
    """(case, label, CPU) of cpus.txt."""
    with open(os.path.join(HERE, "cpus.txt"), encoding="utf-8") as f:
        return [line.split() for line in f if line.strip() and not line.startswith("#")]


def run(kernel, archive, append="", names=(), verbose=False, **machine):
    """Runs all cases (or `names`), and once more as NAME@LABEL those that cpus.txt names."""
    result = Run()
    run_cases(result, kernel, archive, append, names, verbose, **machine)
    for label, cpu in dict.fromkeys((label, cpu) for _, label, cpu in other_cpus()):
        again = [case for case, where, _ in other_cpus()
                 if where == label and (not names or case in names)]
        if not again:
            continue
        other = Run()
        run_cases(other, kernel, archive, append, again, verbose, **{**machine, "cpu": cpu})
        result.cases.update({name + "@" + label: lines for name, lines in other.cases.items()})
        result.cut.update({name + "@" + label: lines for name, lines in other.cut.items()})
        result.log += other.log
    return result


def run_cases(result, kernel, archive, append, names, verbose, **machine):
    """Runs all cases (or `names`), booting again after a case that took the guest down."""
    words, silent = list(names), 0
    base = "console=ttyAMA0 quiet panic=-1" + (" " + append if append else "")
    for _ in range(REBOOTS):
        line = qemu_line(kernel, archive, base + (" -- " + " ".join(words) if words else ""),
                         **machine)
        if verbose:
            print("+", " ".join(line), flush=True)
        before = len(result.cases)
        stopped = result.read(boot(line))
        if stopped is None:
            break
        silent = silent + 1 if not stopped and len(result.cases) == before else 0
        if silent:
            break           # it did not even begin
        last = stopped or list(result.cases)[-1]
        words = [w for w in words if not w.startswith("+")] + ["+" + last]
