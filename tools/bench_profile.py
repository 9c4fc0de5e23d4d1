"""Where the instructions of a benchmark case go, by kernel function: `./ashlar bench --profile`.

QEMU writes one line for each instruction of the kernel's image that it executes (-singlestep
-d exec with an address filter). The case runs twice, in one round and in two; what the counts
differ by, divided by the operations of a round, is what one operation executes in each function,
to the digit: neither boot nor kbench's preparation is in it. What remains of the case's own
figure is spent in user mode.
"""
import bisect
import collections
import os
import subprocess
import tempfile

import bench

CASES = ["null_syscall", "pipe_pingpong", "fault_anon", "fork_exit_wait"]
SCALE = 10              # per cent of the case's usual number of operations
KERNEL_FIRST = 0xFFFF000000000000
FEWEST = 0.5            # functions below this many instructions per operation are summed up


def symbols(elf):
    """Sorted addresses of the kernel's functions, and their names."""
    out = subprocess.run(["aarch64-linux-gnu-nm", "-n", elf], capture_output=True, text=True,
                         check=True).stdout
    table = {}
    for line in out.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in "tTwW" and not fields[2].startswith(("$", ".L")):
            address = int(fields[0], 16)
            if address >= KERNEL_FIRST:
                table.setdefault(address, fields[2])
    return sorted(table), table


def trace(kernel, archive, ranges, words, program):
    """Run the bench line, and awk's program over QEMU's trace of the kernel's instructions there.

    A line of the trace reads `Trace 0: host [cs_base/pc/flags/cflags]`, so that $2 is the pc. Returns
    what awk printed, as lists of words, and what kbench printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        fifo, printed = os.path.join(folder, "trace"), os.path.join(folder, "printed")
        os.mkfifo(fifo)
        with open(printed, "w", encoding="ascii") as out, \
                subprocess.Popen(["awk", "-F/", program, fifo], stdout=out) as reader:
            line = [bench.QEMU, *bench.MACHINE, "-kernel", kernel, "-initrd", archive,
                    "-singlestep", "-d", "exec,nochain", "-D", fifo,
                    "-dfilter", ",".join("%#x+%#x" % pair for pair in ranges),
                    "-append", "%s %s" % (bench.WORDS, words)]
            text = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  timeout=bench.TIMEOUT, check=True).stdout.decode()
            reader.wait(bench.TIMEOUT)
        with open(printed, encoding="ascii") as stream:
            return [row.split() for row in stream], text.replace("\r", "")


def traced_run(kernel, archive, text, case, rounds):
    """Instructions executed per address, operations, and instructions per operation."""
    counts, output = trace(kernel, archive, [text],
                           "-- -r %d -s %d %s" % (rounds, SCALE, case),
                           "/^Trace/ {n[$2]++} END {for (pc in n) print pc, n[pc]}")
    for row in output.split("\n"):
        fields = row.split()
        if len(fields) == 3 and fields[0] == case:
            return {int(pc, 16): int(n) for pc, n in counts}, int(fields[1]), float(fields[2])
    raise SystemExit("bench: no result of %s" % case)


def profile(kernel, elf, archive, case):
    """(instructions per operation, [(function, instructions per operation)]), dearest first."""
    addresses, names = symbols(elf)
    text = (addresses[0], addresses[-1] + 4096 - addresses[0])
    runs = [traced_run(kernel, archive, text, case, rounds) for rounds in (1, 2)]
    (few, _, _), (many, operations, cost) = runs
    per_function = collections.Counter()
    for pc, count in many.items():
        index = bisect.bisect(addresses, pc) - 1
        per_function[names[addresses[index]]] += count - few.get(pc, 0)
    rows = [(name, count / operations) for name, count in per_function.items()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return cost, rows


def show(case, cost, rows):
    """The table as lines of Markdown."""
    shown = [row for row in rows if row[1] >= FEWEST]
    rest = sum(value for _, value in rows) - sum(value for _, value in shown)
    user = cost - sum(value for _, value in rows)
    lines = ["| %s | instructions | share |" % case, "|---|--:|--:|"]
    for name, value in [*shown, ("*the rest of the kernel*", rest), ("*user mode*", user),
                        ("**one operation**", cost)]:
        lines.append("| %s | %.1f | %.1f%% |" % (name, value, 100 * value / cost))
    return lines


def write_page(tables):
    with open(bench.at_root("docs/PROFILE.md"), "w", encoding="utf-8") as stream:
        stream.write("""# Where the instructions go

Written by `./ashlar bench --profile`: the four cases that stand for the four short paths of a kernel
(a call, a switch of threads, a fault, a process), by the function that executes the instructions.
What is inlined counts for the function it is in. User mode is kbench and its C library. How it
is measured stands in tools/bench_profile.py; what the cases are, in [BENCH.md](BENCH.md).
""")
        for lines in tables:
            stream.write("\n" + "\n".join(lines) + "\n")
    print("wrote docs/PROFILE.md")


def run(kernel, elf, archive, case):
    """Print the profile of one case, or, for no case, write those of CASES to docs/PROFILE.md."""
    tables = [show(name, *profile(kernel, elf, archive, name)) for name in ([case] if case else CASES)]
    for lines in tables:
        print("\n".join(lines))
    if not case:
        write_page(tables)
