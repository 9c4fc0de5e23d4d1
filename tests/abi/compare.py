#!/usr/bin/python3
"""Runs the ABI cases on a kernel and compares with what Linux printed.

compare.py --kernel IMAGE [--append ARGS] [--smp N] [NAME...]
Prints `abi: NAME ok` or `abi: NAME FAILED` with a diff, and last `N passed, N failed`. A guest
that dies in a case fails that case only: it is booted again to run those after it. Cases listed in
absent.txt are about what the kernel lacks: they count neither way, unless they pass.
"""
import argparse
import difflib
import os
import sys

import guest


def expected_lines(name):
    with open(os.path.join(guest.EXPECTED, name + ".txt"), encoding="latin-1") as f:
        return f.read().split("\n")[:-1]


def absent_cases():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "absent.txt")) as f:
        return {line.split()[0] for line in f if line.strip() and not line.startswith("#")}


def judge(name, result, brief, absent):
    want, got = expected_lines(name), result.cases.get(name)
    if absent:
        if got == want:
            print(f"abi: {name} FAILED: it passes, so it must leave absent.txt")
        elif got is not None:
            print(f"abi: {name} absent")
            return None
        else:
            print(f"abi: {name} FAILED (did not run to its end)")
        return False
    if got == want:
        print(f"abi: {name} ok")
        return True
    why = ""
    if got is None:
        why = " (the guest died in it)" if name in result.cut else " (did not run)"
        got = result.cut.get(name)
    print(f"abi: {name} FAILED{why}")
    if got is not None and not brief:
        for line in list(difflib.unified_diff(want, got, "linux", "here", "", n=0))[2:]:
            if not line.startswith("@@"):
                print("    " + line)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--append", default="", help="more kernel arguments")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--cpu", default="cortex-a57")
    parser.add_argument("--machine", default="virt,gic-version=2")
    parser.add_argument("--archive", help="use this archive instead of building one")
    parser.add_argument("--out", default=os.path.join(guest.ROOT, "build", "abi"))
    parser.add_argument("-b", "--brief", action="store_true", help="no diffs")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the QEMU line and log")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    archive = args.archive or guest.build(args.out)
    result = guest.run(args.kernel, archive, args.append, args.names, args.verbose, smp=args.smp,
                       cpu=args.cpu, machine=args.machine)
    known = [f[:-4] for f in sorted(os.listdir(guest.EXPECTED)) if f.endswith(".txt")]
    names = [n for n in known if not args.names or n.partition("@")[0] in args.names]
    absent = absent_cases()
    verdicts = [judge(name, result, args.brief, name in absent) for name in names]
    passed, failed = verdicts.count(True), verdicts.count(False)
    if args.verbose or failed:
        for line in result.log[-30:]:
            print("log: " + line)
    print(f"{passed} passed, {failed} failed")
    return 0 if names and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
