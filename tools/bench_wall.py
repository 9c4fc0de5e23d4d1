"""Wall time against Linux, in pairs: `./ashlar bench --wall`.

Instructions leave out what a TLB flush, a barrier, an interrupt or an idle CPU costs. So a few cases
also run without -icount, where kbench's nanoseconds are time: Ashlar and Linux in turn, on the same
machine with the same archive, and what counts is the ratio of their medians. The host may be busy
with other things: both suffer alike, and times alone are neither kept nor shown.
"""
import os
import statistics
import sys

import bench

# Many short rounds, of which the fastest counts: others use the host, too. A boot for each line.
BOOTS = ["-s 2 -r 60 -t 120 null_syscall pipe_pingpong",
         "-s 8 -r 6 -t 120 fork_exit_wait spawn_exec_libc"]
CASES = [word for line in BOOTS for word in line.split()[6:]]
CPUS = [1, 2]
CEILING = 0.6               # of Linux's time
RECORD = "bench/wall.txt"
HEAD = ("case", "CPUs", "ratio", "least", "most")
SECTION = """
## Wall time

Written by `./ashlar bench --wall --record`: without -icount, Ashlar and Linux booted in turn, %s
times each, on a host of %s CPUs, by %s.
What counts of a boot is the fastest of many short rounds. The ratio is that of the medians, least
and most are those of single pairs; above %.1f the command fails. Of null_syscall the exception and the
return from it are the most under emulation, and Linux pays them too.

"""


def machine(cpus):
    """The bench line without its counted time, with so many CPUs."""
    line = list(bench.MACHINE)
    at = line.index("-icount")
    del line[at:at + 2]
    line[line.index("-smp") + 1] = str(cpus)
    return line


def measure(ours, linux, archive, rounds):
    """{(case, cpus): [(Ashlar's time, Linux's)]}, one pair a round; who goes first changes."""
    pairs = {(case, cpus): [] for cpus in CPUS for case in CASES}
    for number in range(rounds):
        for cpus in CPUS:
            kernels = [ours, linux] if number % 2 == 0 else [linux, ours]
            rows = {kernel: {} for kernel in kernels}
            for line in BOOTS:
                for kernel in kernels:
                    rows[kernel].update(bench.parse(bench.run_machine(
                        kernel, archive, ["--", *line.split()], machine=machine(cpus))))
            for case in CASES:
                pair = rows[ours].get(case), rows[linux].get(case)
                if not all(isinstance(time, float) for time in pair):
                    raise SystemExit("bench: %s on %d CPUs: no time: %s" % (case, cpus, pair))
                pairs[case, cpus].append(pair)
        print("round %d of %d" % (number + 1, rounds), file=sys.stderr)
    return pairs


def ratios(pairs):
    """Rows: case, CPUs, ratio of the medians, least and greatest ratio of one pair."""
    for (case, cpus), times in pairs.items():
        median = [statistics.median(column) for column in zip(*times)]
        each = [ashlar / linux for ashlar, linux in times]
        yield case, cpus, median[0] / median[1], min(each), max(each)


def markdown():
    """The section of docs/BENCH.md, from the record."""
    if not os.path.exists(bench.at_root(RECORD)):
        return ""
    remarks, rows = bench.read_record(RECORD)
    text = SECTION % (remarks["rounds"], remarks["host_cpus"], remarks["qemu"], CEILING)
    for cells in [HEAD, ["---", *["--:"] * 4],
                  *(name.split(".") + value.split() for name, value in rows.items())]:
        text += "|" + "|".join(" %s " % cell for cell in cells) + "|\n"
    return text


def run(ours, linux, name, archive, rounds, record):
    """Print the table; the number of cases above the ceiling."""
    table = list(ratios(measure(ours, linux, archive, rounds)))
    print("%-18s %4s %6s %6s %6s" % HEAD)
    for case, cpus, *values in table:
        print("%-18s %4d %6.2f %6.2f %6.2f%s"
              % (case, cpus, *values, "  over %.1f" % CEILING if values[0] > CEILING else ""))
    if record:
        bench.write_record(RECORD, "Ashlar's wall time as a share of Linux's: median, least, most",
                           {"kernel": name, **bench.versions(), "rounds": rounds,
                            "host_cpus": os.cpu_count()},
                           {"%s.%d" % (case, cpus): "%.2f %.2f %.2f" % tuple(values)
                            for case, cpus, *values in table})
    return sum(row[2] > CEILING for row in table)
