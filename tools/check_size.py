#!/usr/bin/env python3
"""Hold the kernel to its sizes: check_size.py [--table]

Counted are lines of code, which a comment or an empty line is not: whoever must understand the
kernel reads the code, and is helped by the rest. Apart are tests, the sanitizers of the checking
builds, and the host's stand-in for a CPU: none of it is in a kernel that is used.
The whole may have CODE_MAX lines, a number that goes down only while it is above what
docs/decisions/0008-how-large-the-kernel-is.md asks for; a file FILE_MAX lines in all, a function
FUNCTION_MAX from brace to brace. --table prints the floors.
"""
import collections
import os
import sys

from check_layers import sources, without_comments

CODE_MAX = 32500
FILE_MAX = 600
FUNCTION_MAX = 60
APART = ("tests", "checks", "host")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def code_lines(text):
    return sum(1 for line in without_comments(text).split("\n") if line.strip())


def long_functions(text):
    """(line, length) of functions over the limit: bodies stand between braces in column one."""
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 > FUNCTION_MAX:
                yield start, number - start + 1
            start = None


def floor_of(path):
    if os.path.basename(path).startswith("test_"):
        return "tests"
    if os.path.basename(path).startswith(("kasan", "ubsan")):
        return "checks"
    return "host" if path.startswith("arch/host/") else path.split("/")[0]


def main():
    floors, wrong = collections.defaultdict(lambda: [0, 0, 0]), []
    for full, path in sources(os.path.join(ROOT, "kernel")):
        with open(full, encoding="utf-8") as stream:
            text = stream.read()
        lines = text.count("\n")
        floor = floors[floor_of(path)]
        floor[0] += 1
        floor[1] += lines
        floor[2] += code_lines(text)
        if lines > FILE_MAX:
            wrong.append("kernel/%s: %d lines, %d at most" % (path, lines, FILE_MAX))
        for line, length in long_functions(text):
            wrong.append("kernel/%s:%d: a function of %d lines, %d at most"
                         % (path, line, length, FUNCTION_MAX))
    code = sum(counts[2] for name, counts in floors.items() if name not in APART)
    if "--table" in sys.argv:
        for name, counts in sorted(floors.items(), key=lambda item: -item[1][2]):
            print("%-8s %4d files %6d lines %6d of code" % (name, *counts))
    if code > CODE_MAX:
        wrong.append("kernel: %d lines of code, %d at most" % (code, CODE_MAX))
    for line in wrong:
        print(line)
    print("size: %d lines of code in %d files" % (code, sum(c[0] for c in floors.values())))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
