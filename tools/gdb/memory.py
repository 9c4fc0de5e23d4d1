"""ashlar pt, slab and pages."""
import gdb

from guest import (LINEAR_BASE, PAGE_SIZE, Command, cpus, find_task, per_cpu, register, variable,
                   word)

# Descriptors as kernel/arch/arm64/pte.h has them.
VALID, TABLE, EL0, READONLY, NG = 1 << 0, 1 << 1, 1 << 6, 1 << 7, 1 << 11
PXN, UXN, COUNTLESS, HIDDEN, PRIVATE = 1 << 53, 1 << 54, 1 << 55, 1 << 56, 1 << 57
ADDRESS = 0x0000fffffffff000
ATTRIBUTES = ("Device-nGnRnE", "Normal", "Device-nGnRE", "Normal non-cacheable")


def rights(entry):
    """'EL1 rw- EL0 r-x' of a block or page."""
    write = "-" if entry & READONLY else "w"
    kernel = "r" + write + ("-" if entry & PXN else "x")
    user = "r" + write + ("-" if entry & UXN else "x") if entry & EL0 else "---"
    return "EL1 %s EL0 %s" % (kernel, user)


def decode(entry, level):
    """What an entry says, and what kind it is: 'table', 'leaf' or None."""
    if entry == 0:
        return "empty", None
    address = entry & ADDRESS
    if not entry & (VALID | HIDDEN):
        return "invalid", None
    if level < 3 and entry & TABLE:
        return "table at %#x" % address, "table"
    words = ["page" if level == 3 else "block", "at %#x," % address, rights(entry) + ",",
             ATTRIBUTES[entry >> 2 & 3]] if entry >> 2 & 7 < 4 else ["page at %#x" % address]
    words += [text for bit, text in ((NG, "non-global"), (HIDDEN, "hidden (PROT_NONE)"),
                                     (COUNTLESS, "uncounted"), (PRIVATE, "private copy"))
              if entry & bit]
    return " ".join(words), "leaf"


class PageTable(Command):
    """ashlar pt ADDRESS [TID]: the walk to an address, each level's entry decoded.

    A user address is looked up for the selected CPU (`thread N`), or in the space of a task."""

    def run(self, words):
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("usage: ashlar pt ADDRESS [TID]")
        address = int(gdb.parse_and_eval("(unsigned long)(%s)" % words[0]))
        table = self.root(address, words[1:]) & ADDRESS
        for level, shift in enumerate((39, 30, 21, 12)):
            index = address >> shift & 511
            entry = word(LINEAR_BASE + table + 8 * index)
            text, kind = decode(entry, level)
            print("level %d, table %#x, entry %d: %#018x: %s" % (level, table, index, entry, text))
            table = entry & ADDRESS
            if kind == "leaf":
                print("%#x is at physical %#x" % (address, table | address & ((1 << shift) - 1)))
            if kind != "table":
                return

    @staticmethod
    def root(address, words):
        if address >> 48 == 0xffff:
            return register("TTBR1_EL1")
        if address >> 48 & 0xff:
            raise gdb.GdbError("%#x is not canonical" % address)
        if not words:
            return register("TTBR0_EL1")
        space = find_task(words[0])["space"]
        if int(space) == 0:
            raise gdb.GdbError("task %s has no address space any more" % words[0])
        return int(space["pt"]["root"])


def array_count(array, floor):
    """Pointers in a per-CPU array whose `top` is `floor` when it is empty."""
    return (int(array["top"]) - int(array["slots"][floor].address)) // 8


def caches():
    """(struct kmem_cache, objects in use) of each cache."""
    for number in range(1, int(variable("cache_count", "slab.c"))):
        cache = variable("caches", "slab.c")[number]
        idle = 0
        for cpu in cpus():
            array = per_cpu("arrays", cpu)[number]
            idle += array_count(array, array["slots"].type.range()[1] - int(cache["capacity"]))
        yield cache, int(cache["out"]) - idle


class Slab(Command):
    """ashlar slab: the caches of kernel objects, as /proc/slabinfo counts them, and their pages."""

    def run(self, words):
        print("%-17s %8s %8s %6s %6s" % ("name", "active", "total", "size", "pages"))
        for cache, active in caches():
            print("%-17s %8d %8d %6d %6d"
                  % (cache["name"].string(), active, cache["slabs"] * cache["per_slab"],
                     cache["size"], cache["slabs"] << cache["order"]))


class Pages(Command):
    """ashlar pages: page frames, as /proc/meminfo and /proc/buddyinfo count them."""

    def run(self, words):
        frames = variable("frames", "page.c")
        floor = int(variable("cache_floor", "page.c"))
        untaken = int(variable("untaken", "section.c"))
        cached = sum(array_count(per_cpu("page_cache", cpu), floor) for cpu in cpus())
        in_files = sum(int(per_cpu("cached_pages", cpu)) for cpu in cpus())
        in_slabs = sum(int(cache["slabs"] << cache["order"]) for cache, _ in caches())
        lists = int(frames["free_pages"])
        for name, pages in (("MemTotal", int(variable("total", "section.c"))),
                            ("MemFree", lists + untaken + cached),
                            ("  in lists", lists), ("  in CPUs' caches", cached),
                            ("  not taken up", untaken), ("Cached", max(in_files, 0)),
                            ("Slab", in_slabs)):
            print("%-18s %8d pages %9d kB" % (name + ":", pages, pages * PAGE_SIZE // 1024))
        orders = frames["counts"].type.range()[1] + 1
        print("free blocks by order: " + " ".join(str(int(frames["counts"][i]))
                                                  for i in range(orders)))
