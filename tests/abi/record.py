#!/usr/bin/python3
"""Records what Linux prints for every ABI case: record.py --kernel VMLINUZ [--out DIR] [NAME...]

Boots the kernel twice with one CPU and twice with two. A case whose lines are not the same every
time is a defect of the case: it is reported, and its expected file is left alone.
"""
import argparse
import os
import sys

import guest


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True, help="Debian's Linux Image (vmlinuz)")
    parser.add_argument("--out", default=os.path.join(guest.ROOT, "build", "abi"))
    parser.add_argument("--runs", type=int, default=2, help="boots for each number of CPUs")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    archive = guest.build(args.out)
    runs = [guest.run(args.kernel, archive, names=args.names, smp=smp)
            for _ in range(args.runs) for smp in (1, 2)]
    names = list(dict.fromkeys(n for r in runs for n in list(r.cases) + list(r.cut)))
    unstable = 0
    for name in names:
        seen = [r.cases.get(name) for r in runs]
        if seen[0] is None or any(s != seen[0] for s in seen):
            unstable += 1
            print(f"{name}: differs from run to run")
            for lines in zip(*[s or ["(cut)"] for s in seen]):
                if len(set(lines)) > 1:
                    print("   ", " | ".join(lines))
            continue
        path = os.path.join(guest.EXPECTED, name + ".txt")
        text = "".join(line + "\n" for line in seen[0])
        old = open(path, encoding="latin-1").read() if os.path.exists(path) else None
        if text != old:
            print(f"{name}: {'differs from the record' if args.check else 'recorded'}")
            unstable += args.check
        if not args.check:
            os.makedirs(guest.EXPECTED, exist_ok=True)
            with open(path, "w", encoding="latin-1") as f:
                f.write(text)
    if not args.names and not args.check:
        for stale in sorted(set(os.listdir(guest.EXPECTED)) - {n + ".txt" for n in names}):
            os.remove(os.path.join(guest.EXPECTED, stale))
            print(f"{stale}: removed, no such case")
    print(f"{len(names) - unstable} recorded, {unstable} unstable")
    return 1 if unstable or not names else 0


if __name__ == "__main__":
    sys.exit(main())
