#!/usr/bin/python3
"""Makes the kernel's symbol table: `nm -n kernel.elf` on stdin, assembly on stdout.

The table (see kernel/core/panic.c) holds the functions of the high half, as offsets from
_image_start, and their names.
"""
import sys


def main():
    start = None
    functions = []
    for line in sys.stdin:
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == "_image_start":
            start = address
        if kind in "tTwW" and not name.startswith("$") and not name.startswith(".L"):
            functions.append((address, name))
    table = {}
    for address, name in functions:
        if start is not None and address >= start and address not in table:
            table[address] = name
    offsets, names, strings, at = [], [], [], 0
    for address in sorted(table):
        offsets.append(address - start)
        names.append(at)
        strings.append(table[address])
        at += len(table[address]) + 1
    print('    .section .ksyms, "a"')
    print("    .balign 8")
    print(f"    .word {len(offsets)}")
    for values in (offsets, names):
        for i in range(0, len(values), 8):
            print("    .word " + ", ".join(f"0x{value:x}" for value in values[i:i + 8]))
    for name in strings:
        print(f'    .asciz "{name}"')
    print("    .balign 8")


if __name__ == "__main__":
    main()
