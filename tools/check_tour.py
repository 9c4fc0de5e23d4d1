#!/usr/bin/env python3
"""Do the stops of the tours still exist? check_tour.py [ROOT]

A stop is written in backticks as `file:name`, in docs/TOUR.md and docs/LIFE_OF_A_READ.md, where
file is a path from the root or from kernel/, and name a function, assembly label, macro or global
that this file defines. Stops that have vanished are printed; the exit status is then 1.
"""
import os
import re
import sys

TOURS = ("docs/TOUR.md", "docs/LIFE_OF_A_READ.md")
STOP = re.compile(r"`([\w./-]+\.(?:c|h|S|ld|py|sh)|[\w./-]*Makefile|ashlar):(\w+)(?:\(\))?`")


def definition_of(name):
    """Matches a definition of name: not a mere call, declaration or mention."""
    n = re.escape(name)
    return re.compile(
        r"^[a-zA-Z_][\w\s*]*[\s*]%s\s*\([^;{}]*\)[^;{}]*\{"      # a C function
        r"|^[ \t]*%s:"                                            # a label or make target
        r"|^\s*(?:FUNC|FUNCTION|ENTRY|SYM_FUNC|SYM|function|func|proc|entry)\s*\(?\s*%s\b"
        r"|^\s*#\s*define\s+%s\b"
        r"|^[a-zA-Z_][\w\s*]*[\s*]%s\s*(?:\[[^]]*\]\s*)*(?:=|;)"  # a variable
        r"|^(?:struct|union|enum)\s+%s\s*\{"
        r"|^\s*\.macro\s+%s\b"
        r"|^\s*%s\s*=|^(?:def\s+)?%s\s*\("                        # linker symbol, sh or python
        r"|^[A-Z_]+\(%s\b" % ((n,) * 10), re.M)                   # KTEST(name), SYSCALL(name, ...)


def find_file(root, path):
    for base in (root, os.path.join(root, "kernel")):
        full = os.path.join(base, path)
        if os.path.isfile(full):
            return full
    return None


def check(root, tour):
    stops, problems = 0, []
    with open(os.path.join(root, tour), encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            for path, name in STOP.findall(line):
                stops += 1
                full = find_file(root, path)
                if full is None:
                    problems.append("%s:%d: no file %s" % (tour, number, path))
                    continue
                with open(full, encoding="utf-8") as source:
                    text = re.sub(r"/\*.*?\*/", "", source.read(), flags=re.S)
                if not definition_of(name).search(text):
                    problems.append("%s:%d: %s does not define %s" % (tour, number, path, name))
    if not stops:
        problems.append("%s:1: names no stop" % tour)
    return stops, problems


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    total, problems = 0, []
    for tour in TOURS:
        if not os.path.isfile(os.path.join(root, tour)):
            problems.append("%s:1: is missing" % tour)
            continue
        stops, found = check(root, tour)
        total += stops
        problems += found
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    print("tour: all %d stops exist" % total)


if __name__ == "__main__":
    main()
