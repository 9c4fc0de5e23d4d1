#!/usr/bin/env python3
"""Write docs/LOCKS.md from kernel/core/lock_rank.h and the code: gen_locks.py [--check]

The order is the enum's. A lock belongs to the rank that it is initialised with; who takes it is
found by the calls that lock, whose argument is followed to the structure or variable it means: by
the nearest declaration above, by members' and functions' types. That is not a compiler, but a call
that it cannot follow is an error. --check writes nothing and fails when the page is not what would
be written.
"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "docs/LOCKS.md"
RANKS = "kernel/core/lock_rank.h"

# The locks themselves, not their users.
MACHINERY = ("core/spinlock.h", "core/spinlock.c", "core/seqlock.h", "core/held.c", "sched/mutex.h")

STATIC = re.compile(r"struct\s+(?:spinlock|mutex|seqlock)\s+(\w+)\s*=\s*"
                    r"(?:SPINLOCK|MUTEX|SEQLOCK)_INIT\([^;]*?(RANK_\w+)")
MEMBER = re.compile(r"\.(\w+)\s*=\s*(?:SPINLOCK|MUTEX)_INIT\([^;]*?(RANK_\w+)")
DYNAMIC = re.compile(r"\b(?:spin_init|mutex_init|seq_init)\(&([^;]*?),\s*([^;]*?)\);")
TAKES = re.compile(r"\b(spin_lock|spin_lock_irq|spin_lock_irqsave|spin_trylock|spin_acquire|"
                   r"spin_try_acquire|mutex_lock|mutex_lock_nested|mutex_lock_interruptible|"
                   r"mutex_trylock|mutex_guard|spin_guard|spin_guard_irqsave|seq_write_lock)\(")
ENTRY = re.compile(r"^\s*(RANK_\w+),\s*/\*\s*(.*?)\s*\*/", re.M)

# Locks outside the order, each with what shows that it is still there.
OUTSIDE = (
    ("kernel/arch/arm64/tlb.c", r"\bu32 lock;", "`lock`",
     "address-space identifiers; nothing is called with it held"),
)

HEAD = """# The order of locks

Made by `tools/gen_locks.py` from `kernel/core/lock_rank.h` and the code; do not edit.

A lock may be taken when its rank is below, in these tables, that of every lock held, or equal to
the lowest one with a higher address. A lock that is only tried (trylock) may be taken in any order.
Locks that sleep come before locks that spin: whoever holds a spinlock may not sleep. The order
of an interrupt handler starts anew, so a lock that handlers take is taken with IRQs masked
everywhere. Builds with `DEBUG=1` check all of this at each acquire (`kernel/core/held.c`).

A lock is named as a member of its structure, or as a variable of a file. "Taken in" leaves out
tests.
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def blank_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def argument(text, start):
    """The first argument of the call whose parenthesis opens before `start`."""
    depth, end = 0, start
    while depth >= 0:
        c = text[end]
        if depth == 0 and c in ",)":
            break
        depth += (c in "([") - (c in ")]")
        end += 1
    return text[start:end].strip()


class Kernel:
    """The sources, and what is known of their types."""

    def __init__(self):
        self.files = {}
        for pattern in ("*.h", "*.c"):
            for path in glob.glob(os.path.join(ROOT, "kernel/**", pattern), recursive=True):
                name = os.path.relpath(path, os.path.join(ROOT, "kernel"))
                if not os.path.basename(name).startswith("test_") and "arch/" not in name:
                    self.files[name] = blank_comments(read("kernel/" + name))
        self.members, self.functions, self.percpu, self.globals = {}, {}, {}, {}
        for text in self.files.values():
            self.learn(text)

    def learn(self, text):
        for m in re.finditer(r"^struct (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            for f in re.finditer(r"struct (\w+) ([^;{}()]+);", m.group(2)):
                for name in re.findall(r"(\w+)(?:\[[^]]*\])?\s*(?:,|$)", f.group(2)):
                    self.members.setdefault(name, {})[m.group(1)] = f.group(1)
        for m in re.finditer(r"\bstruct (\w+) \*(?:const )?(\w+)\(", text):
            self.functions[m.group(2)] = m.group(1)
        for m in re.finditer(r"DE(?:FINE|CLARE)_PERCPU\(struct (\w+) ?\*?, (\w+)\)", text):
            self.percpu[m.group(2)] = m.group(1)
        for m in re.finditer(r"^(?:extern |static )?struct (\w+) \**(\w+)(?:\[\w*\])?(?: =|;|,)",
                             text, re.M):
            self.globals[m.group(2)] = m.group(1)

    def declared(self, name, text, at):
        """The structure of a variable, by the nearest declaration above."""
        found = None
        for m in re.finditer(r"struct (\w+) \**(?:(?:(?!struct |\bu32 )[^;{}])*?,\s*\**)?%s\b"
                             r"(?=\s*[,;=)\[])" % name, text[:at]):
            found = m.group(1)
        return found or self.globals.get(name)

    def type_of(self, expr, text, at):
        expr = expr.strip()
        while expr.startswith("(") and expr.endswith(")"):
            expr = expr[1:-1].strip()
        expr = expr.lstrip("&*")
        m = re.match(r"(.*)(?:->|\.)(\w+)$", expr, re.S)
        if m:
            holders = self.members.get(m.group(2), {})
            owner = self.type_of(m.group(1), text, at)
            return holders.get(owner) or (list(holders.values())[0] if len(
                set(holders.values())) == 1 else None)
        m = re.match(r"(\w+)\((.*)\)$", expr, re.S)
        if m and m.group(1) in ("this_cpu", "per_cpu"):
            return self.percpu.get(m.group(2).split(",")[0].strip())
        if m and m.group(1) in ("MIN", "MAX"):
            return self.type_of(m.group(2).split(",")[0], text, at)
        if m:
            return self.functions.get(m.group(1))
        m = re.match(r"(\w+)\[.*\]$", expr, re.S)
        return self.declared(m.group(1) if m else expr, text, at)

    def name_of(self, expr, where, text, at):
        """(structure, member) or (file or None, variable); None when it cannot be told."""
        expr = expr.strip().lstrip("&")
        m = re.match(r"(.*)(?:->|\.)(\w+)$", expr, re.S)
        if not m:
            return ("var", expr)
        owner = self.type_of(m.group(1), text, at)
        if owner == "seqlock":
            return self.name_of(m.group(1), where, text, at)
        if owner:
            return (owner, m.group(2))
        return ("var", expr) if re.fullmatch(r"\w+\.\w+", expr) else None


def find_locks(kernel):
    """Lock -> (rank, file of the initialisation)."""
    locks, errors = {}, []
    for where, text in sorted(kernel.files.items()):
        if where in MACHINERY:
            continue
        for m in STATIC.finditer(text):
            shared = not re.search(r"static\s*$", text[:m.start()])
            locks[("var", None if shared else where, m.group(1))] = (m.group(2), where)
        for m in MEMBER.finditer(text):
            begin = list(re.finditer(r"(?:struct (\w+) |\} ?)(\w+)(?:\[\w*\])? = \{",
                                     text[:m.start()]))
            if not begin:
                continue
            owner, name = begin[-1].groups()
            key = (owner, m.group(1)) if owner else ("var", where, "%s.%s" % (name, m.group(1)))
            locks[key] = (m.group(2), where)
        for m in DYNAMIC.finditer(text):
            key = kernel.name_of(m.group(1), where, text, m.start())
            ranks = re.findall(r"RANK_\w+", m.group(2))
            if not key or not ranks:
                errors.append("%s: cannot follow the initialisation of %s" % (where, m.group(1)))
            for rank in ranks:
                locks.setdefault(("var", where, key[1]) if key[0] == "var" else key,
                                 (rank, where))
                if len(ranks) > 1:
                    locks[key + (rank,)] = (rank, where)
    for key in [k for k in locks if len(k) == 3 and k[0] != "var"]:
        locks.pop(key[:2], None)
    return locks, errors


def find_takers(kernel, locks):
    """Lock -> files, and the locks taken with IRQs masked."""
    takers, masked, plain, errors = {key: set() for key in locks}, set(), set(), []
    for where, text in sorted(kernel.files.items()):
        if where in MACHINERY:
            continue
        for m in TAKES.finditer(text):
            expr = argument(text, m.end())
            if expr.startswith("struct "):
                continue # a definition
            key = kernel.name_of(expr, where, text, m.start())
            if key and key[0] == "var":
                options = [k for k in locks if k[0] == "var" and k[2] == key[1] and
                           k[1] in (None, where)]
            else:
                options = [k for k in locks if key and k[:2] == key]
            if not options and key and key[0] != "var":
                errors.append("%s: %s is taken, but nothing gives it a rank" %
                              (where, lock_text(key)))
            elif not options and not re.fullmatch(r"\w+", expr):
                errors.append("%s: cannot follow %s(%s)" % (where, m.group(1), expr))
            for option in options:
                takers[option].add(where)
                if m.group(1).startswith("mutex") or m.group(1) in ("spin_lock", "spin_guard"):
                    plain.add(option)
                elif "_irq" in m.group(1) or m.group(1).startswith("seq_"):
                    masked.add(option)
    # spin_acquire() alone stands in code that has masked IRQs already.
    masked |= {key for key in takers if takers[key] and key not in plain}
    return takers, masked, errors


def lock_text(key):
    if key[0] == "var":
        return "`%s`" % key[2] if key[1] is None else "`%s` of %s" % (key[2], key[1])
    return "`struct %s`.%s" % (key[0], key[1])


def table(ranks, locks, takers, masked, first):
    out = ["| rank | guards | lock | taken in |", "|---|---|---|---|"]
    for number, (rank, guards) in enumerate(ranks, first):
        mine = sorted((k for k, v in locks.items() if v[0] == rank), key=str)
        head = "%d %s | %s" % (number, rank[5:], guards)
        for key in mine:
            mark = " (IRQs masked)" if key in masked else ""
            out.append("| %s | %s%s | %s |" % (head, lock_text(key), mark,
                                               ", ".join(sorted(takers[key])) or "nowhere"))
            head = " | "
        if not mine:
            out.append("| %s | none yet | |" % head)
    return out


def make_page():
    text = read(RANKS)
    sleeping, spinning = text.split("/* Locks that spin. */")
    sleeping, spinning = ENTRY.findall(sleeping), ENTRY.findall(spinning)
    count = len(re.findall(r"^\s*RANK_\w+,", text, re.M))
    kernel = Kernel()
    locks, errors = find_locks(kernel)
    takers, masked, more = find_takers(kernel, locks)
    errors += more
    if count != len(sleeping) + len(spinning):
        errors.append("%s: a rank without a comment" % RANKS)
    out = [HEAD, "## Locks that sleep (`struct mutex`)", ""]
    out += table(sleeping, locks, takers, masked, 0)
    out += ["", "## Locks that spin (`struct spinlock`, `struct seqlock`)", ""]
    out += table(spinning, locks, takers, masked, len(sleeping))
    out += ["", "## Outside the order", "",
            "`arch/` stands below `core/` and cannot see its ranks. It has a spinlock of its own, "
            "taken with", "IRQs masked and not checked:", ""]
    for path, pattern, name, guards in OUTSIDE:
        if not re.search(pattern, read(path)):
            errors.append("tools/gen_locks.py: %s has no %s any more" % (path, name))
        out.append("- %s of %s: %s." % (name, path.replace("kernel/", ""), guards))
    return "\n".join(out) + "\n", errors


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    page, errors = make_page()
    path = os.path.join(ROOT, PAGE)
    if check and not errors:
        if not os.path.isfile(path) or read(PAGE) != page:
            errors.append("%s is stale: run tools/gen_locks.py" % PAGE)
    for error in errors:
        print(error)
    if not check:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(page)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
