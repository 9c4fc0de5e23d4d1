#!/usr/bin/python3
"""The shortest list of random calls that still brings the kernel down: shrink.py SEED [KERNEL]

`hostile random` names each worker h<seed>, and a panic names its thread. The calls of that seed are
replayed, one machine a try, and left out by halves, quarters, and so on, as long as the machine
still ends with the launcher's 125. What remains is printed as the line that replays it.
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLS = 500     # of one worker (user/hostile_random.c, FATHOM)


def build():
    program = os.path.join(ROOT, "build", "user", "hostile")
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["aarch64-linux-gnu-gcc", "-std=gnu11", "-O2", "-static", "-o", program,
                    "-I", os.path.join(ROOT, "kernel"),
                    *(os.path.join(ROOT, "user", name + ".c")
                      for name in ("hostile", "hostile_arguments", "hostile_random"))],
                   check=True)
    return program


def fails(program, kernel, seed, calls):
    words = ["--add", program, "--", "/root/hostile", "replay", seed, ",".join(map(str, calls))]
    done = subprocess.run([os.path.join(ROOT, "ashlar"), "run", "-smp", "4", *words],
                          env=dict(os.environ, **({"ASHLAR_KERNEL": kernel} if kernel else {})),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    return done.returncode == 125


def shrink(calls, still_fails):
    """Delta debugging: leave out ever smaller parts while the rest still fails."""
    part = len(calls) // 2
    while part:
        at = 0
        while at < len(calls):
            rest = calls[:at] + calls[at + part:]
            if rest and still_fails(rest):
                calls = rest
            else:
                at += part
        part //= 2
    return calls


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    seed, kernel = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    program = build()
    calls = list(range(CALLS))
    if not fails(program, kernel, seed, calls):
        sys.exit("shrink: seed %s does not bring the machine down by itself" % seed)
    calls = shrink(calls, lambda rest: fails(program, kernel, seed, rest))
    print("hostile replay %s %s" % (seed, ",".join(map(str, calls))))


if __name__ == "__main__":
    main()
