#!/usr/bin/python3
"""Keep a machine busy for long: soak.py storm|calls SECONDS [OPTIONS]

Boots the kernel that ASHLAR_KERNEL and ASHLAR_BUILD name (as ./ashlar run does) again and again,
until so many seconds are over: with rounds of user/storm.c, whose memory must be back each time,
or with random calls of user/hostile.c, each boot from a seed of its own. Stops at the first boot
that does not end well, and prints what it said. The last line counts what was done.

  -smp N        CPUs (8)
  -cpu MODEL    processor (neoverse-n1)
  --workers N   processes at once (16)
  --seed N      the first boot's seed, of the calls and of the machine's random numbers (1)
  --icount      one host thread runs all CPUs, by counted instructions; the same seed, the same run
"""
import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "system"))
from conftest import REPORT, check_memory_is_back, launch, static_program  # noqa: E402
from test_hostile import hostile  # noqa: E402

HANG = 3600             # seconds: no boot takes so long
ROUNDS = 40             # of the storm in one boot
CALLS = 250000          # in one boot
STORM = REPORT + "./storm 2 %d && report && ./storm 2 %d && report && ./storm %d %d && report"


def storm(words, programs, options, seed):
    script = STORM % (options.workers, options.workers, ROUNDS - 4, options.workers)
    done = launch(*words, *programs, "--", "sh", "-c", script, timeout=HANG)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0 and text.count("storm: ok") == 3, text + done.stderr.decode()
    check_memory_is_back(text, 128, 64)
    return ROUNDS


def calls(words, programs, options, seed):
    done = launch(*words, *programs, "--", "./hostile", "random", str(seed), str(CALLS),
                  str(options.workers), timeout=HANG)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0 and "hostile: ok" in text, text + done.stderr.decode()
    return int(text.split("hostile: ok, ")[1].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["storm", "calls"])
    parser.add_argument("seconds", type=int)
    parser.add_argument("-smp", default="8")
    parser.add_argument("-cpu", default="neoverse-n1")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--icount", action="store_true")
    options = parser.parse_args()
    boots, total = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        if options.kind == "storm":
            programs = [static_program("user/%s.c" % name, folder) for name in ("storm", "bomb")]
        else:
            programs = [hostile(folder)]
        programs = [word for program in programs for word in ("--add", program)]
        words = ["-m", "512M", "-smp", options.smp, "-cpu", options.cpu]
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            seed = options.seed + boots
            os.environ["ASHLAR_QEMU"] = "-seed %d%s" % (
                seed, " -icount shift=0,sleep=off" if options.icount else "")
            total += (storm if options.kind == "storm" else calls)(words, programs, options, seed)
            boots += 1
            print("%s: seed %d, %d in %d boots" % (options.kind, seed, total, boots), flush=True)
    print("%s: %d %s in %d boots on %s CPUs, all well"
          % (options.kind, total, "rounds of %d" % options.workers if options.kind == "storm" else "calls",
             boots, options.smp))


if __name__ == "__main__":
    main()
