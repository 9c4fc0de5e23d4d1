#!/usr/bin/env python3
"""Hold the kernel to the floors of kernel/LAYERS: check_layers.py [ROOT]

Checked of every .c, .h and .S file under kernel/ (the floors stand in LAYERS, top first; folders
on one line do not see each other):
  1. an #include "folder/file.h" names the file's own folder or one on a lower floor, and exists;
     arch/arm64 and arch/host are reached through arch/*.h alone;
  2. outside arch there is no assembly, no system register and no arm64_ name;
  3. a .c file declares nothing `extern`;
  4. the door of arch (functions declared in kernel/arch/*.h) has at most 40 functions, apart from
     the upcalls and the headers of atomics, barriers and per-CPU accessors.
Each violation is printed as file:line: what; the exit status is then 1.
"""
import os
import re
import sys

DOOR_MAX = 29  # goes down only: docs/decisions/0007-the-door-of-arch.md
DOOR_EXEMPT = {"upcall.h", "atomic.h", "barrier.h", "percpu.h", "inline.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
FORBIDDEN = [
    (re.compile(r"\b(asm|__asm|__asm__)\b"), "assembly outside arch"),
    (re.compile(r"\b\w+_el[0-3]\b", re.I), "a system register outside arch"),
    (re.compile(r"\barm64_\w+", re.I), "an arm64_ name outside arch"),
]
EXTERN = re.compile(r"^\s*extern\b")
# A prototype or inline function at file scope, once comments and bodies are gone.
DECLARATION = re.compile(r"(?:^|[;}\n])\s*(?!typedef|struct\s+\w+\s*\{|#)"
                         r"[a-z_][\w\s*]*?[\s*](\w+)\s*\([^;{}]*\)[\s\w()]*(?=[;{])")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)


def without_strings(text):
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text)


def read_floors(path):
    floors = {}
    rows = 0
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            names = line.split("#")[0].split()
            for name in names:
                floors[name] = rows
            rows += bool(names)
    return floors


def sources(kernel):
    for folder, _, names in sorted(os.walk(kernel)):
        for name in sorted(names):
            if name.endswith((".c", ".h", ".S")):
                path = os.path.join(folder, name)
                yield path, os.path.relpath(path, kernel)


class Checker:
    def __init__(self, root):
        self.kernel = os.path.join(root, "kernel")
        self.floors = read_floors(os.path.join(self.kernel, "LAYERS"))
        self.violations = []
        self.files = 0

    def complain(self, path, line, what):
        self.violations.append("%s:%d: %s" % (os.path.join("kernel", path), line, what))

    def check_include(self, path, line, target):
        own, there = path.split("/")[0], target.split("/")[0]
        if "/" not in target or there not in self.floors:
            self.complain(path, line, 'include "%s" names no folder of LAYERS' % target)
        elif not os.path.isfile(os.path.join(self.kernel, target)):
            self.complain(path, line, 'include "%s" does not exist' % target)
        elif target.count("/") > 1 and there == "arch" and own != "arch":
            self.complain(path, line, 'include "%s" goes past the door of arch' % target)
        elif there != own and self.floors[there] <= self.floors[own]:
            self.complain(path, line, "%s does not stand above %s" % (own, there))

    def check_file(self, full, path):
        with open(full, encoding="utf-8") as stream:
            text = without_comments(stream.read())
        own = path.split("/")[0]
        if own not in self.floors:
            self.complain(path, 1, "%s is not in LAYERS" % own)
            return
        for number, line in enumerate(text.split("\n"), 1):
            found = INCLUDE.match(line)
            if found:
                self.check_include(path, number, found.group(1))
                continue
            bare = without_strings(line)
            if path.endswith(".c") and EXTERN.match(bare):
                self.complain(path, number, "extern in a .c file")
            if own == "arch":
                continue
            for pattern, what in FORBIDDEN:
                if pattern.search(bare):
                    self.complain(path, number, what)
            if path.endswith(".S"):
                self.complain(path, number, "an assembly file outside arch")
                break

    def check_door(self):
        door = []
        folder = os.path.join(self.kernel, "arch")
        for name in sorted(os.listdir(folder)):
            if name.endswith(".h") and name not in DOOR_EXEMPT:
                with open(os.path.join(folder, name), encoding="utf-8") as stream:
                    door += [(name, f) for f in declared(stream.read())]
        if len(door) > DOOR_MAX:
            names = ", ".join("%s:%s" % pair for pair in door)
            self.complain("arch", 1, "the door has %d functions, %d at most: %s"
                          % (len(door), DOOR_MAX, names))
        return len(door)

    def run(self):
        for full, path in sources(self.kernel):
            self.files += 1
            self.check_file(full, path)
        return self.check_door()


def declared(text):
    """The functions a header declares or defines inline."""
    text = without_strings(without_comments(text))
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text)
    while True:                     # fold bodies away, innermost first
        folded = re.sub(r"\{[^{}]*\}", ";", text)
        if folded == text:
            break
        text = folded
    names = DECLARATION.findall(text)
    return [n for n in dict.fromkeys(names) if n not in ("_Static_assert", "sizeof", "offsetof")]


def main():
    checker = Checker(sys.argv[1] if len(sys.argv) > 1 else ".")
    door = checker.run()
    for violation in checker.violations:
        print(violation)
    if checker.violations:
        sys.exit(1)
    print("layers: %d files hold; the door of arch has %d functions" % (checker.files, door))


if __name__ == "__main__":
    main()
