#!/usr/bin/python3
"""Draw docs/boot.svg and docs/memory.svg from the kernel's own numbers: draw_pictures.py

The boot: main.c names the steps in their order; QEMU's trace of the bench line tells after how many
instructions each begins. The address space: the constants of the headers and the ELF file.
"""
import os
import re

import bench
import bench_profile

KERNEL = bench.at_root("build/kernel.bin")
ELF = bench.at_root("build/kernel.elf")
LOAD = 0x40200000           # where QEMU's virt machine puts the image
EARLY = ["primary_entry", "clear_bss", "boot_identity", "boot_early", "drop_identity"]
LAST = "user_enter"
SHOWN = 0.004               # a step of less than this share of the whole gets no bar of its own
TITLES = {"primary_entry": "reset", "boot_identity": "identity map, MMU on",
          "boot_early": "relocation, kernel's map", "drop_identity": "high half"}


def steps():
    """[(function, title)] of what kernel_main() and init_thread() call, in their order."""
    with open(bench.at_root("kernel/main/main.c"), encoding="utf-8") as stream:
        text = re.sub(r"/\*.*?\*/", "", stream.read(), flags=re.S)
    names = []
    for function in ("void kernel_main(paddr_t dtb)", "static void init_thread(void *unused)"):
        body = text[text.index(function + "\n{"):]
        body = body[:body.index("\n}")]
        names += re.findall(r"^    (?:if \(!)?(\w+)\(", body, re.M)
    steps = [(name, TITLES.get(name, name)) for name in EARLY]
    for name in names:
        if name in [step for step, _ in steps]:     # again: the trace tells first times alone
            steps[-1] = (steps[-1][0], steps[-1][1] + ", " + name)
        else:
            steps.append((name, name))
    return steps + [(LAST, LAST)]


def first_instructions(addresses, base):
    """address -> how many instructions the machine had executed when it came there first."""
    program = ("BEGIN {%s} /^Trace/ {n++; if ($2 in want && !($2 in seen)) {seen[$2]; print $2, n}}"
               % "".join('want["%016x"];' % a for a in addresses))
    size = os.path.getsize(KERNEL) + (16 << 20)
    rows, _ = bench_profile.trace(KERNEL, bench.build_kbench(bench.at_root("build")),
                                  [(LOAD, size), (base, size)], "cal_loop", program)
    return {int(pc, 16): int(n) for pc, n in rows}


def boot_times():
    """[(step, instructions it took)], in order."""
    _, names = bench_profile.symbols(ELF)
    high = {name: address for address, name in names.items()}
    base = min(names) & ~0xFFFFFF
    places = {title: (high[name], high[name] - base + LOAD)
              for name, title in steps() if name in high}
    seen = first_instructions([a for pair in places.values() for a in pair], base)
    begins = [(title, min(seen[a] for a in pair if a in seen)) for title, pair in places.items()
              if any(a in seen for a in pair)]
    begins.sort(key=lambda step: step[1])
    return [(name, after - begin) for (name, begin), (_, after) in zip(begins, begins[1:])]


def draw_boot():
    times = boot_times()
    whole = sum(count for _, count in times)
    bars, rest = [], 0
    for title, count in times:
        if count >= whole * SHOWN:
            bars.append((title, count))
        else:
            rest += count
    bars.append(("%d short steps" % (len(times) - len(bars)), rest))
    most = max(count for _, count in bars)
    body = ['<text x="190" y="18">reset to process 1: %s instructions</text>' % f"{whole:,}"]
    for row, (title, count) in enumerate(bars):
        y = 30 + 18 * row
        body.append('<text x="182" y="%d" text-anchor="end">%s</text>' % (y + 12, title))
        body.append('<rect x="190" y="%d" width="%.1f" height="13" fill="#3b7a57"/>'
                    % (y, 380 * count / most))
        body.append('<text x="%.1f" y="%d">%s</text>'
                    % (195 + 380 * count / most, y + 12, f"{count:,}"))
    return bench.svg(680, 40 + 18 * len(bars), body)


def constant(path, name):
    with open(bench.at_root(path), encoding="utf-8") as stream:
        value = re.search(r"#define\s+%s\s+(0x\w+|\(.+?\))\s*(?:/\*|$)" % name, stream.read(),
                          re.M).group(1)
    return eval(re.sub(r"UL\b", "", value), {})       # pylint: disable=eval-used


def regions():
    """(address, what), from the top of the address space down; None: nothing."""
    page, vmalloc = "kernel/mm/page.h", "kernel/mm/vmalloc.h"
    return [
        (0xFFFFFFFFFFFFFFFF, None),
        (constant("kernel/arch/arm64/layout.h", "KERNEL_VMA"), "the kernel: text, constants, data (KASLR: 2^18 places)"),
        (constant(page, "VMEMMAP_BASE"), "page descriptors, made when RAM is first used"),
        (constant(vmalloc, "DEVICE_BASE"), "devices"),
        (constant(vmalloc, "VMALLOC_BASE"), "vmalloc and kernel stacks, each above a guard"),
        (constant("kernel/arch/pagetable.h", "LINEAR_BASE"), "all RAM: the linear map"),
        (constant("kernel/vm/space.h", "VM_USER_END"), None),
        (None, "the stack, growing down"),
        (None, "mmap: libraries, vDSO, anonymous memory, downward"),
        (None, "the heap, growing up"),
        (constant("kernel/proc/elf.c", "DYNAMIC_BASE"), "a position-independent program"),
        (0x400000, "a program at fixed addresses"),
        (0, "nothing: a null pointer faults"),
    ]


def draw_memory():
    body = ['<text x="30" y="18">virtual addresses (not to scale)</text>']
    y = 28
    for address, what in regions():
        kernel = address is not None and address >= 1 << 63
        if what is None:
            body.append('<text x="200" y="%d" fill="#777">%s</text>'
                        % (y + 15, "no address: between the halves" if not kernel else ""))
        else:
            body.append('<rect x="190" y="%d" width="400" height="24" fill="%s" stroke="#555"/>'
                        % (y, "#dcebe2" if kernel else "#f3e6d0"))
            body.append('<text x="200" y="%d">%s</text>' % (y + 16, what))
        if address is not None:
            body.append('<text x="182" y="%d" text-anchor="end" font-family="monospace">%016x</text>'
                        % (y + 24, address))
        y += 26
    return bench.svg(610, y + 10, body)


def main():
    for name, picture in (("boot", draw_boot()), ("memory", draw_memory())):
        with open(bench.at_root("docs/%s.svg" % name), "w", encoding="utf-8") as stream:
            stream.write(picture)
        print("wrote docs/%s.svg" % name)


if __name__ == "__main__":
    main()
