#!/usr/bin/env python3
"""Measure the kernel against Linux: the machinery of `./ashlar bench`.

bench/kbench.c is built once, packed as the only file of an initramfs, and booted by Ashlar and by
Debian's Linux under one QEMU line whose guest nanosecond is one executed instruction. Results
repeat to the digit for one compiler and one QEMU, so Linux's are kept in bench/linux.txt and
measured again only with --linux.

  bench                 run Ashlar and print the table
  bench --case NAME     only the cases whose name begins with NAME (may be repeated)
  bench --check         fail when a case costs 3% more than in bench/baseline.txt, or more than its
                        ceiling, or when memory in use or boot depend on the size of memory; with
                        another compiler or QEMU than the baseline's it only warns
  bench --record        write bench/baseline.txt, docs/BENCH.md and docs/bench.svg from this run
  bench --profile [CASE]  instructions of one operation of CASE by kernel function; without CASE the
                        table of docs/PROFILE.md is written
  bench --linux         run Linux too, and write bench/linux.txt
  bench --wall [N]      wall time of a few cases without -icount, Ashlar and Linux in turn, N times
                        (5); fails when Ashlar takes more than 0.6 of Linux's time. With --record,
                        bench/wall.txt is written, which docs/BENCH.md shows
"""
import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILER = "aarch64-linux-gnu-gcc"
QEMU = "qemu-system-aarch64"
TOLERANCE = 0.03
TIMEOUT = 600
MACHINE = """-machine virt,gic-version=2 -cpu cortex-a57 -smp 1 -m 256 -icount shift=0,sleep=off
-nodefaults -nographic -serial stdio -monitor none -no-reboot
-rtc base=2026-01-01,clock=vm -seed 1""".split()
WORDS = "console=ttyAMA0 nokaslr norandmaps quiet panic=-1"
BOOT = "boot"                          # the row of the boot remark
USED = "used_kib"                      # memory in use when init starts
USED_MAX = 3072                        # KiB beside the initramfs, with 64 and 256 MiB of memory
NOT_COST = {"cal_loop_2insn", USED}    # rows that no kernel can be slower at


def command_line(program, *arguments):
    out = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    return out.stdout.split("\n")[0]


def versions():
    return {"compiler": command_line(COMPILER, "--version"), "qemu": command_line(QEMU, "--version")}


def at_root(path):
    return os.path.join(ROOT, path)


def build_kbench(build):
    """The archive that holds kbench as /init."""
    folder = os.path.join(build, "bench")
    os.makedirs(folder, exist_ok=True)
    program, archive = os.path.join(folder, "kbench"), os.path.join(folder, "kbench.cpio")
    source = at_root("bench/kbench.c")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        subprocess.run([COMPILER, "-O2", "-static", "-pthread", "-o", program, source], check=True)
    subprocess.run([sys.executable, at_root("tools/mkinitramfs.py"), "--bare",
                    "--add", program + ":/init", "--out", archive], check=True)
    return archive


def linux_kernel():
    subprocess.run([at_root("tools/fetch.sh"), "linux-image-cloud-arm64"], check=True)
    folder = at_root("build/packages/linux-image-cloud-arm64/boot")
    names = [name for name in os.listdir(folder) if name.startswith("vmlinuz-")]
    return os.path.join(folder, names[0]), names[0].replace("vmlinuz-", "Linux ")


def run_machine(kernel, archive, cases, memory=None, machine=None):
    """Boot kernel with kbench as init; its output as text."""
    words = WORDS + "".join(" " + case for case in cases)
    line = [QEMU, *(machine or MACHINE), "-kernel", kernel, "-initrd", archive, "-append", words]
    if memory:
        line += ["-m", memory]
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=TIMEOUT, check=False)
        text = done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace")
        print("bench: no end after %d s" % TIMEOUT, file=sys.stderr)
    text = text.replace("\r", "")
    if "# end" not in text:
        sys.stderr.write(text[-2000:])
        print("bench: the run did not reach its end", file=sys.stderr)
    return text


def parse(text):
    """Rows of kbench's output: name -> instructions, or a word of why not."""
    rows = {}
    for line in text.split("\n"):
        boot = re.match(r"# boot: (\d+) ns", line)
        used = re.match(r"# sysinfo: .* used (\d+) KiB", line)
        row = re.match(r"(\w+) +\d+ +([\d.]+)$", line)
        missing = re.match(r"(\w+) +(skip|fail) +(.*)$", line)
        if boot:
            rows[BOOT] = float(boot.group(1))
        elif used:
            rows[USED] = float(used.group(1))
        elif row:
            rows[row.group(1)] = float(row.group(2))
        elif missing:
            rows[missing.group(1)] = "%s %s" % missing.groups()[1:]
    return rows


def read_record(path):
    """A file of `# key: value` remarks and `name value` rows."""
    remarks, rows = {}, {}
    with open(at_root(path), encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("#"):
                key, _, value = line[1:].strip().partition(": ")
                remarks[key] = value
            elif line.split():
                name, value = line.split(None, 1)
                try:
                    rows[name] = float(value)
                except ValueError:
                    rows[name] = value.strip()
    return remarks, rows


def write_record(path, title, remarks, rows):
    with open(at_root(path), "w", encoding="utf-8") as stream:
        stream.write("# %s\n" % title)
        for key, value in remarks.items():
            stream.write("# %s: %s\n" % (key, value))
        for name, value in rows.items():
            stream.write("%-22s %s\n" % (name, show(value)))
    print("wrote " + path)


def show(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return "%.1f" % value if value < 1e6 else "%.0f" % value


def ratio_of(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float) and theirs > 0:
        return ours / theirs
    return None


def table(names, ours, linux, ceilings):
    """Rows of strings: case, Ashlar, Linux, ratio, ceiling."""
    lines = []
    for name in names:
        ratio, ceiling = ratio_of(ours.get(name), linux.get(name)), ceilings.get(name)
        mark = ""
        if ceiling and isinstance(ours.get(name), float):
            mark = show(ceiling) + ("" if ours[name] <= ceiling else " over")
        lines.append((name, show(ours.get(name)), show(linux.get(name)),
                      "" if ratio is None else "%.2f" % ratio, mark))
    return lines


HEAD = ("case", "Ashlar", "Linux", "ratio", "ceiling")


def print_table(lines):
    for line in [HEAD, *lines]:
        print("%-22s %14s %14s %7s %14s" % line)


def write_markdown(lines, remarks, linux_remarks):
    with open(at_root("docs/BENCH.md"), "w", encoding="utf-8") as stream:
        stream.write("""# Ashlar against Linux, in instructions

Written by `./ashlar bench --record`. One static binary, bench/kbench.c, runs as the only program on both
kernels under the same QEMU line, where a guest nanosecond is one executed instruction (or skipped
idle time), so the figures repeat to the digit. A ratio under 1 means that Ashlar needs fewer
instructions than Linux. Instructions are not time: a TLB flush or a barrier costs more than one.
The ceilings are what Ashlar is held to. `used_kib` is memory in use when init starts.

![Ashlar's instructions as a share of Linux's](bench.svg)

""")
        stream.write("|" + "|".join(" %s " % cell for cell in HEAD) + "|\n|---|--:|--:|--:|--:|\n")
        for line in lines:
            stream.write("|" + "|".join(" %s " % cell for cell in line) + "|\n")
        stream.write("\n- Ashlar built with %s, run by %s\n" % (remarks["compiler"], remarks["qemu"]))
        stream.write("- Linux: %s, recorded with %s\n" % (linux_remarks.get("kernel", "?"),
                                                          linux_remarks.get("qemu", "?")))
        stream.write("\n```\nqemu-system-aarch64 %s \\\n  -kernel KERNEL -initrd kbench.cpio "
                     "-append \"%s\"\n```\n" % (" ".join(MACHINE), WORDS))
        import bench_wall
        stream.write(bench_wall.markdown())


def svg(width, height, body):
    """A picture of these elements on white."""
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" '
            'font-size="12">\n<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n'
            % (width, height, "\n".join(body)))


def write_svg(names, ours, linux):
    """Bars of the ratio to Linux, on a scale where 1 is Linux."""
    bars = [(name, ratio_of(ours.get(name), linux.get(name))) for name in names]
    bars = [(name, ratio) for name, ratio in bars if ratio is not None]
    step, left, width = 18, 190, 460
    top = max([1.0] + [min(ratio, 2.0) for _, ratio in bars])
    height = 50 + step * len(bars)
    out = ['<text x="%d" y="18">instructions of Ashlar, as a share of Linux (1.00)</text>' % left]
    for index, (name, ratio) in enumerate(bars):
        y = 30 + step * index
        length = width * min(ratio, top) / top
        colour = "#3b7a57" if ratio <= 1 else "#b5482a"
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 8, y + 12, name))
        out.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>'
                   % (left, y, length, step - 5, colour))
        out.append('<text x="%.1f" y="%d">%.2f</text>' % (left + length + 5, y + 12, ratio))
    x = left + width / top
    out.append('<line x1="%.1f" y1="26" x2="%.1f" y2="%d" stroke="#555" stroke-dasharray="4 3"/>'
               % (x, x, height - 16))
    with open(at_root("docs/bench.svg"), "w", encoding="utf-8") as stream:
        stream.write(svg(left + width + 80, height, out))


def same_tools(remarks):
    """Is the baseline of this compiler and this QEMU? Else figures are not held to anything."""
    old, _ = read_record("bench/baseline.txt")
    for key, value in remarks.items():
        if old.get(key) != value:
            print("bench: warning: the baseline is of %s, this is %s" % (old.get(key), value))
    return all(old.get(key) == value for key, value in remarks.items())


def check(ours, wanted):
    """Compare with the baseline; returns the number of cases that cost too much."""
    _, old = read_record("bench/baseline.txt")
    worse = 0
    for name, was in old.items():
        now = ours.get(name)
        if name in NOT_COST or not isinstance(was, float) or not wanted(name):
            continue
        if not isinstance(now, float):
            print("bench: %s: %s, was %s" % (name, now or "no result", show(was)))
            worse += 1
        elif now > was * (1 + TOLERANCE):
            print("bench: %s: %s, was %s: %+.1f%%" % (name, show(now), show(was),
                                                      (now / was - 1) * 100))
            worse += 1
    print("baseline: %d cases compared, %d cost more" % (len(old), worse))
    return worse


def check_ceilings(ours, ceilings):
    """The number of cases over their ceilings."""
    over = [name for name, ceiling in ceilings.items()
            if isinstance(ours.get(name), float) and ours[name] > ceiling]
    for name in over:
        print("bench: %s: %s, its ceiling is %s" % (name, show(ours[name]), show(ceilings[name])))
    return len(over)


def check_memory(kernel, archive):
    """Boot with little and much memory: what it costs and what is in use must hardly change."""
    rows = {memory: parse(run_machine(kernel, archive, ["cal_loop"], memory))
            for memory in ("64", "256", "8G")}
    bad = 0
    for memory, row in rows.items():
        boot, used = row.get(BOOT), row.get(USED)
        print("-m %-4s boot %s, in use %s KiB" % (memory, show(boot), show(used)))
        if boot is None or used is None or boot > rows["256"][BOOT] * 1.05:
            print("bench: boot with -m %s costs more than 5%% over -m 256" % memory)
            bad += 1
        elif memory != "8G" and used > USED_MAX:
            print("bench: -m %s: more than %d KiB in use" % (memory, USED_MAX))
            bad += 1
    return bad


def measure_linux(archive, cases):
    kernel, name = linux_kernel()
    rows = parse(run_machine(kernel, archive, cases))
    if not cases:
        write_record("bench/linux.txt", "kbench on Debian's Linux, under the bench line",
                     {"kernel": name, **versions()}, rows)
    return {"kernel": name, **versions()}, rows


def main():
    parser = argparse.ArgumentParser(prog="./ashlar bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=at_root("build"), help=argparse.SUPPRESS)
    parser.add_argument("--kernel", default=at_root("build/kernel.bin"), help=argparse.SUPPRESS)
    parser.add_argument("--case", action="append", default=[], metavar="NAME")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("--profile", nargs="?", const="", metavar="CASE")
    parser.add_argument("--wall", nargs="?", const=5, type=int, metavar="N")
    options = parser.parse_args()
    archive = build_kbench(options.build)
    if options.profile is not None:
        import bench_profile        # which imports this module
        bench_profile.run(options.kernel, options.kernel.replace(".bin", ".elf"), archive,
                          options.profile)
        return
    if options.wall is not None:
        import bench_wall           # which imports this module
        if options.wall < 1:
            parser.error("--wall: a number of rounds, at least 1")
        sys.exit(1 if bench_wall.run(options.kernel, *linux_kernel(), archive, options.wall,
                                     options.record) else 0)
    if options.linux:
        linux_remarks, linux = measure_linux(archive, options.case)
    else:
        linux_remarks, linux = read_record("bench/linux.txt")
    remarks = versions()
    text = run_machine(options.kernel, archive, options.case)
    ours = parse(text)
    ceilings = {}
    if os.path.exists(at_root("bench/ceilings.txt")):
        _, ceilings = read_record("bench/ceilings.txt")

    def wanted(name):
        return not options.case or any(name.startswith(case) for case in options.case)

    names = [name for name in linux if wanted(name)]
    lines = table(names, ours, linux, ceilings)
    print_table(lines)
    bad = 0 if "# end" in text else 1
    if options.record and not options.case and not bad:
        write_markdown(lines, remarks, linux_remarks)
        write_svg(names, ours, linux)
        write_record("bench/baseline.txt", "kbench on Ashlar, under the bench line", remarks, ours)
    if options.check:
        worse = check(ours, wanted) + check_ceilings(ours, ceilings)
        worse += 0 if options.case else check_memory(options.kernel, archive)
        bad += worse if same_tools(remarks) else 0
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
