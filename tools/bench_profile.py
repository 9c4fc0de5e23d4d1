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


def traced_run(kernel, archive, first, last, case, rounds):
    """Instructions executed per address, operations, and instructions per operation."""
    with tempfile.TemporaryDirectory() as folder:
        fifo, counts = os.path.join(folder, "trace"), os.path.join(folder, "counts")
        os.mkfifo(fifo)
        # A line reads `Trace 0: host [cs_base/pc/flags/cflags]`.
        with open(counts, "w", encoding="ascii") as out, \
                subprocess.Popen(["awk", "-F/", "/^Trace/ {n[$2]++} END {for (pc in n) print pc, n[pc]}",
                                  fifo], stdout=out) as counter:
            line = [bench.QEMU, *bench.MACHINE, "-kernel", kernel, "-initrd", archive,
                    "-singlestep", "-d", "exec,nochain",
                    "-dfilter", "%#x..%#x" % (first, last), "-D", fifo,
                    "-append", "%s -- -r %d -s %d %s" % (bench.WORDS, rounds, SCALE, case)]
            text = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  timeout=bench.TIMEOUT, check=True).stdout.decode()
            counter.wait(bench.TIMEOUT)
        for row in text.replace("\r", "").split("\n"):
            fields = row.split()
            if len(fields) == 3 and fields[0] == case:
                with open(counts, encoding="ascii") as stream:
                    rows = (entry.split() for entry in stream)
                    return {int(pc, 16): int(n) for pc, n in rows}, int(fields[1]), float(fields[2])
    raise SystemExit("bench: no result of %s" % case)


def profile(kernel, elf, archive, case):
    """(instructions per operation, [(function, instructions per operation)]), dearest first."""
    addresses, names = symbols(elf)
    runs = [traced_run(kernel, archive, addresses[0], addresses[-1] + 4096, case, rounds)
            for rounds in (1, 2)]
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
